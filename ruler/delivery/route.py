"""Which receivers hear of an alert, and in which group. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from promkit.labels import Labels
from promkit.matcher_text import format_matchers, go_quote
from promkit.matchers import Matcher
from ruler.alerts import Alert
from ruler.delivery.dispatch import DEFAULT_TIMING, ESCALATION_KEY, Timing

__all__ = ["CHANNEL_KEY", "Place", "Route", "Router", "group_key", "labels_text"]

CHANNEL_KEY = "{}/channel"  # the route key of what a rule names in `channels`
# Each escalated alert is a group of its own, told at once; the interval is for what a receiver refused.
_ESCALATION_TIMING = Timing(wait_ms=0, interval_ms=60_000)


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree, with what it inherits filled in."""

    key: str  # the matchers from the root down: `{}/{team="db"}`
    receiver: str
    timing: Timing = DEFAULT_TIMING
    group_by: tuple[str, ...] = ()
    group_by_all: bool = False
    matchers: tuple[Matcher, ...] = ()
    goes_on: bool = False  # YAML's continue
    mutes: tuple[str, ...] = ()  # names of time intervals
    actives: tuple[str, ...] = ()
    routes: tuple["Route", ...] = ()

    def matches(self, labels: Labels) -> bool:
        return all(matcher.matches_labels(labels) for matcher in self.matchers)

    def match(self, labels: Labels) -> list["Route"]:
        """Find the deepest nodes that take the label set; this one where no child does. [] if it does not."""
        if not self.matches(labels):
            return []
        found: list[Route] = []
        for route in self.routes:
            matched = route.match(labels)
            found.extend(matched)
            if matched and not route.goes_on:
                break
        return found or [self]

    def group_labels(self, labels: Labels) -> Labels:
        """Give the labels that tell this alert's group from others of the route."""
        return labels if self.group_by_all else labels.only(self.group_by)

    def walk(self) -> Iterator["Route"]:
        """Give this node and all below it."""
        yield self
        for route in self.routes:
            yield from route.walk()


def child_key(parent: str, matchers: Sequence[Matcher]) -> str:
    """Append to a route's key as Alertmanager does; the root's is `{}`."""
    return f"{parent}/{format_matchers(matchers)}" if parent else format_matchers(matchers)


def group_key(route: Route, labels: Labels) -> str:
    """Name a group as webhooks and dedup keys have it: `{}/{team="db"}:{alertname="X"}`."""
    return f"{route.key}:{labels_text(labels)}"


def labels_text(labels: Labels) -> str:
    """Write group labels as Prometheus' model does: `{alertname="X", zone="a"}`."""
    return "{" + ", ".join(f"{name}={go_quote(value)}" for name, value in labels.items()) + "}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alert belongs: a group of a route."""

    route: Route
    labels: Labels
    key: str

    @property
    def id(self) -> tuple[str, str]:
        """The group's identity."""
        return (self.route.receiver, self.key)


class Router:
    """The tree, and beside it the channels that rules name and the receivers that escalations do."""

    def __init__(self, root: Route, channels: Mapping[str, Route]) -> None:
        self.root = root
        self._channels = channels  # name → the route of its own that the channel is told by
        self._escalations = {
            name: Route(ESCALATION_KEY, name, _ESCALATION_TIMING, group_by_all=True) for name in channels
        }
        own = (*channels.values(), *self._escalations.values())
        self._by_id = {(route.receiver, route.key): route for route in (*root.walk(), *own)}

    def places(self, alert: Alert, escalated: Iterable[str] = ()) -> list[Place]:
        """Say which groups an alert belongs to; a receiver that routing reaches is told once.

        `escalated`: the receivers that its escalation has asked for.
        """
        routes = [] if alert.channels_only else self.root.match(alert.labels)
        reached = {route.receiver for route in routes}
        for name in alert.channels:
            if name in self._channels and name not in reached:
                reached.add(name)
                routes.append(self._channels[name])
        routes.extend(self._escalations[name] for name in escalated if name in self._escalations)
        places: dict[tuple[str, str], Place] = {}
        for route in routes:
            labels = route.group_labels(alert.labels)
            place = Place(route, labels, group_key(route, labels))
            places.setdefault(place.id, place)
        return list(places.values())

    def route(self, receiver: str, key: str) -> Route | None:
        """Find a route again by its receiver and key; None: it is gone since."""
        return self._by_id.get((receiver, key))
