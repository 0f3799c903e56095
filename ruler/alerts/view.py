"""The alert that the house sees: one for each label set, made of all that say it. Pure.

Rules that raise the same labels, and alerts posted with them, are one alert: firing while any fires.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from urllib.parse import quote_plus

from ruler.alerts.alert import Alert, Happening, Phase
from ruler.rules import Rule

__all__ = ["between", "generator_url", "merged"]

_STANDING = {Phase.INACTIVE: 0, Phase.RESOLVED: 0, Phase.PENDING: 1, Phase.RECOVERING: 2, Phase.FIRING: 3}


def standing(phase: Phase) -> int:
    """How far up a phase is: of several, the highest is shown."""
    return _STANDING[phase]


def between(before: Phase, after: Phase) -> Happening | None:
    """What happened to an alert of several sources, as a whole; None: it stands where it stood.

    Recovering is firing still: only what leaves both behind is resolved.
    """
    was, now = standing(before), standing(after)
    if was == now:
        return None
    if now < standing(Phase.RECOVERING) <= was:
        return Happening.RESOLVED
    match after:
        case Phase.FIRING:
            return Happening.RELAPSED if before is Phase.RECOVERING else Happening.FIRING
        case Phase.RECOVERING:
            return Happening.RECOVERING if before is Phase.FIRING else Happening.FIRING
        case Phase.PENDING:
            return Happening.PENDING
        case Phase.INACTIVE | Phase.RESOLVED:
            return Happening.INACTIVE


def merged(alerts: Sequence[Alert], rank: Callable[[str], int | None]) -> Alert:
    """The alert that stands for all these of one label set.

    It is the one that is furthest, then most severe, then oldest; it asks for the channels of all.
    """
    if len(alerts) == 1:
        return alerts[0]

    def weight(alert: Alert) -> tuple[int, int, int, str]:
        rising = rank(alert.severity)
        return standing(alert.phase), -1 if rising is None else rising, -alert.starts_ms, alert.rule

    first = max(alerts, key=weight)
    return replace(
        first,
        starts_ms=min(one.starts_ms for one in alerts if one.firing == first.firing),
        active_ms=min(one.active_ms for one in alerts),
        channels=_union(one.channels for one in alerts),
        channels_only=all(one.channels_only for one in alerts),
        optional=all(one.optional for one in alerts),
    )


def generator_url(external_url: str, rule: Rule) -> str:
    """Where the rule's expression is drawn, as Prometheus links it."""
    return f"{external_url.rstrip('/')}/graph?g0.expr={quote_plus(rule.expr)}&g0.tab=1"


def _union(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for names in lists for name in names))
