"""What is wrong or doubtful about escalation policies, before anybody has to be woken by one."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from promkit.config import Model, where
from promkit.errors import ConfigError
from ruler.delivery import Setup
from ruler.rules import EscalationConfig, Rule
from ruler.workbench.check import Finding, Severity

__all__ = ["check_policies", "policy_faults"]

Policies = Mapping[str, EscalationConfig]


def policy_faults(policies: Policies, receivers: Collection[str]) -> list[ConfigError]:
    """Steps that name somebody who does not exist: such a configuration is not taken."""
    known = ", ".join(sorted(receivers))
    return [
        ConfigError(
            f"step {number} of escalation {name!r} notifies {receiver!r}, which is no channel or receiver",
            where(step, "notify", place),
            f"known are {known}",
        )
        for name, policy in policies.items()
        for number, step in enumerate(policy.steps, 1)
        for place, receiver in enumerate(step.notify)
        if receiver not in receivers
    ]


def check_policies(policies: Policies, setup: Setup, rules: Sequence[Rule]) -> list[Finding]:
    """Policies and steps that can never tell anybody, in the order of the file."""
    named = {rule.escalation.name for rule in rules if rule.escalation is not None}
    findings = []
    for name, policy in policies.items():
        if name not in named:
            remedy = f"write `escalation: {name}` into a rule"
            findings.append(_doubt(policy, f"escalation {name}: no rule names it: nothing climbs it", remedy))
        findings += [
            _doubt(policy.steps[number - 1], f"step {number} of escalation {name}: {text}", remedy)
            for number, text, remedy in _steps(policy, setup)
        ]
    return sorted(findings, key=lambda one: (one.where.line, one.where.column))


def _steps(policy: EscalationConfig, setup: Setup) -> Iterable[tuple[int, str, str]]:
    for number, step in enumerate(policy.steps, 1):
        reached = [receiver for receiver in step.notify if _reaches(setup, receiver)]
        for receiver in step.notify:
            if receiver not in reached:
                yield number, f"{receiver} reaches nobody", _how(setup, receiver)
        if not reached:
            yield number, "it tells nobody: it can never be reached", "notify somebody who is set up"
        if number > 1 and not step.after:
            yield (
                number,
                "told at the same moment as the step before",
                "make one step of them, or give `after`",
            )


def _reaches(setup: Setup, receiver: str) -> bool:
    ways = setup.integrations.get(receiver, ())
    return any(not way.missing for way in ways)


def _how(setup: Setup, receiver: str) -> str:
    missing = [way.missing for way in setup.integrations.get(receiver, ()) if way.missing]
    return missing[0] if missing else "give the receiver a way, or name another"


def _doubt(at: Model, text: str, remedy: str) -> Finding:
    return Finding(where(at), Severity.WARNING, text, remedy)
