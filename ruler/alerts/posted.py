"""Alerts that come from outside over API v2, with Alertmanager's rules (api/v2, types.Alert.Merge). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from promkit.labels import Labels
from ruler.alerts.alert import Alert, Phase

__all__ = ["RESOLVE_TIMEOUT_MS", "Posted", "PostedAlert", "accepted"]

RESOLVE_TIMEOUT_MS = 300_000
_LABELS_MAX = 256
_TEXT_LENGTH_MAX = 65_536


@dataclass(frozen=True, slots=True)
class PostedAlert:
    """An alert as it was posted: what is None was left out."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    starts_ms: int | None = None
    ends_ms: int | None = None
    generator_url: str = ""

    def fault(self) -> str | None:
        """What is wrong with it, if anything."""
        if not any(self.labels.values()):
            return "an alert needs at least one label"
        if max(len(self.labels), len(self.annotations)) > _LABELS_MAX:
            return f"an alert may have {_LABELS_MAX} labels and as many annotations"
        for name, value in (*self.labels.items(), *self.annotations.items()):
            if not name or "\0" in name:
                return f"not a label name: {name!r}"
            if len(name) + len(value) > _TEXT_LENGTH_MAX:
                return f"the value of {name!r} is longer than {_TEXT_LENGTH_MAX} characters"
        if self.starts_ms is not None and self.ends_ms is not None and self.ends_ms < self.starts_ms:
            return "start time must be before end time"
        return None


@dataclass(frozen=True, slots=True)
class Posted:
    """What is kept of a posted alert. While it fires, `alert.ends_ms` is when it ends unless posted again."""

    alert: Alert
    has_end: bool  # its end was posted, not made of the timeout


def accepted(
    posted: PostedAlert, earlier: Posted | None, severity: str, now_ms: int, resolve_timeout_ms: int
) -> Posted:
    """What holds from now on, given what held so far for the same labels.

    A resolved one that comes out though it was not posted as such was resolved by hand, and stays so.
    """
    ends_ms = now_ms + resolve_timeout_ms if posted.ends_ms is None else posted.ends_ms
    starts_ms = posted.starts_ms
    if starts_ms is None:
        starts_ms = now_ms if posted.ends_ms is None else posted.ends_ms
    alert = Alert(
        labels=Labels(posted.labels),
        annotations=dict(posted.annotations),
        phase=Phase.FIRING if ends_ms > now_ms else Phase.RESOLVED,
        starts_ms=starts_ms,
        updated_ms=now_ms,
        active_ms=starts_ms,
        ends_ms=ends_ms,
        severity=severity,
        generator_url=posted.generator_url,
    )
    new = Posted(alert, posted.ends_ms is not None)
    if earlier is None:
        return new
    return _held(new, earlier, posted) if earlier.alert.phase is Phase.RESOLVED else _merged(new, earlier)


def _merged(new: Posted, earlier: Posted) -> Posted:
    """One incident where the two overlap: the earliest start; an end that was posted rules over a timeout."""
    if not _overlap(new.alert, earlier.alert):
        return new
    starts_ms = min(new.alert.starts_ms, earlier.alert.starts_ms)
    merged = replace(new, alert=replace(new.alert, starts_ms=starts_ms, active_ms=starts_ms))
    if new.alert.phase is Phase.RESOLVED or not earlier.has_end or _end(earlier.alert) <= _end(new.alert):
        return merged
    return Posted(replace(merged.alert, ends_ms=earlier.alert.ends_ms), has_end=True)


def _overlap(new: Alert, earlier: Alert) -> bool:
    """As Alertmanager's provider asks it, open at both sides."""
    starts_ms, ends_ms = earlier.starts_ms, _end(earlier)
    return starts_ms < _end(new) < ends_ms or starts_ms < new.starts_ms < ends_ms


def _end(alert: Alert) -> int:
    return alert.updated_ms if alert.ends_ms is None else alert.ends_ms


def _held(new: Posted, earlier: Posted, posted: PostedAlert) -> Posted:
    """A person resolved it: the same incident, posted again, does not open it."""
    another = posted.starts_ms is not None and posted.starts_ms > earlier.alert.updated_ms
    if another or new.alert.phase is Phase.RESOLVED:
        return new
    return replace(earlier, alert=replace(earlier.alert, ends_ms=new.alert.ends_ms))
