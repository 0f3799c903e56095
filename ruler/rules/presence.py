"""Which alerts still have data, which have recovered, and whose target fails: matches of label sets. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from promkit.labels import METRIC_NAME, Labels
from ruler.rules.rule import Rule

__all__ = ["failing", "named", "present", "recovered"]

ALERT_NAME = "alertname"
_TARGET = ("job", "instance")


def named(rule: Rule, source: Labels, rendered: Mapping[str, str]) -> Labels:
    """The alert's labels of a series: its own but the metric's name, the rule's over them, `alertname`."""
    labels = {**source, **rule.labels, **rendered, ALERT_NAME: rule.name}
    labels.pop(METRIC_NAME, None)
    return Labels(labels)


def present(rule: Rule, sources: Iterable[Labels], alerts: Iterable[Labels]) -> frozenset[Labels]:
    """The alerts whose series is among the sources.

    Labels that the rule sets are left out of the comparison: they may hang on the value.
    """
    own = _own(rule)
    keys = {source.without(own) for source in sources}
    return frozenset(alert for alert in alerts if alert.without(own) in keys)


def recovered(rule: Rule, back: Iterable[Labels], alerts: Iterable[Labels]) -> frozenset[Labels]:
    """The alerts that have all labels of one of the recovered series, the rule's own left out.

    So an expression without some of the labels, or without any, recovers all alerts that it covers.
    """
    own = _own(rule)
    by_names: dict[tuple[str, ...], set[Labels]] = {}
    for labels in back:
        key = labels.without(own)
        by_names.setdefault(tuple(key), set()).add(key)
    return frozenset(
        alert for alert in alerts if any(alert.only(names) in keys for names, keys in by_names.items())
    )


def failing(up: Sequence[tuple[Labels, float]], missing: Collection[Labels]) -> frozenset[Labels]:
    """The alerts one of whose targets fails: a target with the same `job` and `instance`, as far as they say.

    A target that is no longer there at all does not fail: its alert is gone with it (DESIGN 5.4).
    """
    down = [labels for labels, value in up if value == 0]
    exact = {(labels["job"], labels["instance"]) for labels in down}
    found = set()
    for alert in missing:
        said = [name for name in _TARGET if name in alert]
        if len(said) == len(_TARGET):
            fails = (alert["job"], alert["instance"]) in exact
        else:
            fails = any(all(target[name] == alert[name] for name in said) for target in down)
        if fails:
            found.add(alert)
    return frozenset(found)


def _own(rule: Rule) -> tuple[str, ...]:
    return (METRIC_NAME, ALERT_NAME, *rule.labels)
