"""A delivery whose one rule escalates: receivers are paths of one hook, time is turned by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ruler.alerts import Alert, Happening, Transition
from ruler.rules import Escalation, EscalationStep, Rule
from tests.builders.delivery import Hook, House, a_setup
from tests.builders.rules import a_rule, alert_labels, an_evaluation

SECOND = 1_000
TEXT = """
route: {receiver: ROUTE, group_wait: 100ms, group_interval: 1s}
receivers:
- {name: nobody}
- {name: ann, webhook_configs: [{url: 'URL/ann'}]}
- {name: bob, webhook_configs: [{url: 'URL/bob'}]}
- {name: eve, webhook_configs: [{url: 'URL/eve'}]}
"""


def a_step(after_s: float, *notify: str, repeat: int = 1) -> EscalationStep:
    return EscalationStep(round(after_s * SECOND), notify, repeat)


def a_policy(*steps: EscalationStep, until: str = "ack") -> Escalation:
    return Escalation("on-call", until, steps)


ANN_THEN_BOB = a_policy(a_step(0, "ann"), a_step(10, "bob", repeat=2))


def an_escalation_house(
    hook: Hook, policy: Escalation | None, *, route: str = "nobody", more: str = "", **rule: Any
) -> "EscalationHouse":
    setup = a_setup(TEXT.replace("ROUTE", route).replace("URL", hook.url) + more)
    return EscalationHouse(setup, hook=hook, rule=a_rule(escalation=policy, **rule))


@dataclass
class EscalationHouse(House):
    """A rule that fires or not, and what receivers were told of it."""

    hook: Hook = field(kw_only=True)
    rule: Rule = field(kw_only=True)

    def open(self) -> None:
        super().open()
        self.adopt()

    def adopt(self, **changes: Any) -> None:
        """Have the rule in force, changed."""
        self.rule = replace(self.rule, **changes)
        self.book.adopt([self.rule], self.clock.at_ms)
        self.delivery.expect([self.rule.id])
        self.delivery.settled([self.rule.id])

    @property
    def fingerprint(self) -> str:
        return alert_labels(self.rule).fingerprint_hex()

    @property
    def alert(self) -> Alert:
        return self.book.alert(self.fingerprint)

    def evaluate(self, *, breached: bool = True) -> None:
        labels = [alert_labels(self.rule)]
        now_ms = self.clock.at_ms
        self.book.advance(
            an_evaluation(self.rule, now_ms, labels if breached else [], present=labels), now_ms
        )

    def say(self, happening: Happening, **detail: str) -> None:
        """Write a row of remediation's."""
        self.book.record([Transition(self.clock.at_ms, happening, self.alert, detail)])

    def told(self) -> list[tuple[str, str, str]]:
        """Who was told, at which level (and time), in order: `("bob", "2/1", "firing")`."""
        found = []
        for got in self.hook.got:
            if 200 <= got.status < 300:
                body = got.json()
                step = body.get("lumina", {}).get("escalation")
                level = "" if step is None else f"{step['level']}/{step['number']}"
                found.append((got.path.lstrip("/"), level, body["status"]))
        return found

    def steps(self) -> Sequence[str]:
        """The timeline's escalations: level and whom."""
        rows = self.book.timeline(self.fingerprint)
        return [
            f"{row.detail['level']} {row.detail.get('to', '')}".strip()
            for row in rows
            if row.happening is Happening.ESCALATED
        ]
