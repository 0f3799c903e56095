"""The order in which Alertmanager lists alerts and groups. Sort keys."""

from functools import cmp_to_key
from typing import Protocol

from promkit.labels import Labels

__all__ = ["by_alert", "by_labels"]


class _Labelled(Protocol):
    @property
    def labels(self) -> Labels: ...


def _compare_labels(a: Labels, b: Labels) -> int:
    """The set with fewer labels, then name by name: what lacks it, then the smaller value."""
    if len(a) != len(b):
        return len(a) - len(b)
    for name in sorted({*a, *b}):
        if (one := a[name]) != (other := b[name]):
            return -1 if one < other else 1
    return 0


def _compare_alerts(a: _Labelled, b: _Labelled) -> int:
    """By job, by instance (those without come last), then by labels."""
    for name in ("job", "instance"):
        one, other = a.labels[name], b.labels[name]
        if one != other:
            first = bool(one) if not (one and other) else one < other
            return -1 if first else 1
    return _compare_labels(a.labels, b.labels)


by_labels = cmp_to_key(_compare_labels)
by_alert = cmp_to_key(_compare_alerts)
