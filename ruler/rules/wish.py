"""What a rule wishes to have done, `auto_remediation`, held to what the operator declared."""

from collections.abc import Mapping

from promkit.config import Model, where
from promkit.errors import ConfigError
from ruler.rules.faults import Faults
from ruler.rules.rule import Limits, Mode, OnFailure, Parameter, Remedy, Verify
from ruler.rules.schema import RemedyConfig

__all__ = ["remedy_of"]


def remedy_of(written: RemedyConfig, faults: Faults) -> Remedy:
    """The wish as the engine uses it; what is wrong with it goes to `faults`."""
    when, limits, verify, failed = written.when, written.limits, written.verify, written.on_failure
    _action(written, "action", written.action, written.parameters, faults)
    if failed.then is not None:
        _action(failed, "then", failed.then, failed.parameters, faults)
    elif failed.parameters:
        faults.add("parameters without an action: add 'then'", where(failed, "parameters"))
    if when.only_if is not None:
        faults.expression(when, "only_if", when.only_if)
    if verify.expr is not None:
        faults.expression(verify, "expr", verify.expr)
    if verify.for_ > verify.within:
        faults.add("'for' is longer than 'within': it could never be verified", where(verify, "for"))
    return Remedy(
        action=written.action,
        parameters=dict(written.parameters),
        after_ms=when.after,
        mode=Mode(when.mode),
        only_if=when.only_if,
        limits=Limits(limits.runs, limits.per, limits.cooldown, limits.concurrent, limits.targets),
        verify=Verify(verify.expr, verify.within, verify.for_),
        on_failure=OnFailure(failed.then, dict(failed.parameters), failed.escalate),
    )


def _action(
    written: Model, key: str, action: str, parameters: Mapping[str, Parameter], faults: Faults
) -> None:
    try:
        faults.context.check_action(action, parameters)
    except ConfigError as error:
        faults.add(error.problem, where(written, key), error.remedy)
