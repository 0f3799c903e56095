"""What keeps an alert from being told: inhibition and time intervals here, silences in the book. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from promkit.labels import Labels
from promkit.matchers import Matcher
from ruler.alerts import Alert
from ruler.delivery.intervals import TimeInterval
from ruler.delivery.route import Route

__all__ = ["InhibitRule", "Inhibitor", "Suppression", "muted_by", "muted_wholly"]


@dataclass(frozen=True, slots=True)
class Suppression:
    """By what an alert is kept back; all empty: it is told."""

    silenced_by: tuple[str, ...] = ()  # ids of silences
    inhibited_by: tuple[str, ...] = ()  # fingerprints of alerts
    muted_by: tuple[str, ...] = ()  # names of time intervals

    def __bool__(self) -> bool:
        return bool(self.silenced_by or self.inhibited_by or self.muted_by)

    @property
    def text(self) -> str:
        """Say it; "" where nothing keeps it back."""
        named = {
            "silenced": self.silenced_by,
            "inhibited": self.inhibited_by,
            "muted": self.muted_by,
        }
        return "; ".join(f"{how} by {', '.join(names)}" for how, names in named.items() if names)


@dataclass(frozen=True, slots=True)
class InhibitRule:
    """While a source fires, targets with the same values of the `equal` labels are not told."""

    sources: tuple[Matcher, ...]
    targets: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def is_source(self, labels: Labels) -> bool:
        return all(matcher.matches_labels(labels) for matcher in self.sources)

    def is_target(self, labels: Labels) -> bool:
        return all(matcher.matches_labels(labels) for matcher in self.targets)

    def key(self, labels: Labels) -> tuple[str, ...]:
        return tuple(labels[name] for name in self.equal)


class Inhibitor:
    """The firing sources of each rule, by the values of its `equal` labels."""

    def __init__(self, rules: Sequence[InhibitRule], alerts: Iterable[Alert] = ()) -> None:
        self._rules = [(rule, dict[tuple[str, ...], dict[str, Labels]]()) for rule in rules]
        for alert in alerts:
            self.update(alert)

    def update(self, alert: Alert) -> None:
        """Take in that an alert fires, or no longer does."""
        for rule, sources in self._rules:
            if not rule.is_source(alert.labels):
                continue
            key = rule.key(alert.labels)
            if alert.firing:
                sources.setdefault(key, {})[alert.fingerprint] = alert.labels
            elif key in sources:
                sources[key].pop(alert.fingerprint, None)
                if not sources[key]:
                    del sources[key]

    def inhibited_by(self, labels: Labels) -> tuple[str, ...]:
        """Give the fingerprint of the alert that keeps this one back, if there is one.

        An alert that is source and target of a rule is not kept back by others that are both.
        """
        for rule, sources in self._rules:
            if not rule.is_target(labels):
                continue
            both = rule.is_source(labels)
            # A copy: pages ask while the dispatcher goes on.
            for fingerprint, source in tuple(sources.get(rule.key(labels), {}).items()):
                if not (both and rule.is_target(source)):
                    return (fingerprint,)
        return ()

    def could_inhibit(self, labels: Labels) -> bool:
        """Tell whether any rule has such an alert as its target."""
        return any(rule.is_target(labels) for rule, _ in self._rules)


def muted_by(route: Route, intervals: Mapping[str, Sequence[TimeInterval]], now_ms: int) -> tuple[str, ...]:
    """Name what mutes a route now: mute intervals that hold, or all active ones when none does."""
    muting = tuple(name for name in route.mutes if _holds(intervals[name], now_ms))
    if muting:
        return muting
    if route.actives and not any(_holds(intervals[name], now_ms) for name in route.actives):
        return route.actives
    return ()


def muted_wholly(
    routes: Iterable[Route], intervals: Mapping[str, Sequence[TimeInterval]], now_ms: int
) -> tuple[str, ...]:
    """Name what mutes all of these routes now; () while one of them is open."""
    muting = [muted_by(route, intervals, now_ms) for route in routes]
    return tuple(dict.fromkeys(name for names in muting for name in names)) if all(muting) else ()


def _holds(intervals: Sequence[TimeInterval], now_ms: int) -> bool:
    return any(interval.holds(now_ms) for interval in intervals)
