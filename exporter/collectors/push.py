"""What others push: `POST /push`, JSON or an exposition page, any metric but the exporter's own.

A push replaces its group whole, at once, and is dropped when its time to live is over. Groups outlive a
restart where there is a data folder.

exporter_push_groups                              gauge
exporter_push_last_timestamp_seconds{group}       gauge    Unix time of the group's last push
exporter_push_expired_total                       counter  groups whose time ran out

Fails where the groups cannot be kept in the data folder.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from exporter.collector import BUSINESS_EVERY_MS, Context
from exporter.collector import Settings as Common
from exporter.keep import keep, kept
from exporter.pushed import from_page
from exporter.settings import ByteSize, DurationMs, Option
from promkit.errors import Conflict, LimitError, LuminaError
from promkit.exposition import Family, MetricType, counter, gauge, render
from promkit.labels import Labels
from promkit.log import get

__all__ = ["Push", "Settings"]

log = get("exporter.push")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """How much, and for how long."""

    ttl: Annotated[DurationMs, Option("Time to live of a push that names none.", ge=1)] = 300_000
    ttl_max: Annotated[DurationMs, Option("The longest time to live that a push may name.", ge=1)] = (
        7 * 86400000
    )
    groups_max: Annotated[int, Option("Groups at one time.", ge=1, unit="groups")] = 1_000
    body_bytes_max: Annotated[ByteSize, Option("The largest push.", ge=1, le=2**28)] = 4 * 1024 * 1024
    every: Annotated[DurationMs, Option("How often groups are looked over and kept.", ge=100)] = (
        BUSINESS_EVERY_MS
    )


@dataclass(frozen=True, slots=True)
class Group:
    """What was pushed together."""

    families: Sequence[Family]
    pushed_ms: int
    expires_ms: int


class Push:
    """Owns the groups: pushes come in from the server, `collect` gives what is alive."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del name
        self.settings = settings
        self._path = context.data / "push.json" if context.data is not None else None
        self._lock = threading.Lock()
        self._expired = 0
        self._changed = False
        self._groups: dict[str, Group] = self._restore()

    def accept(self, name: str, families: Sequence[Family], ttl_ms: int | None, now_ms: int) -> None:
        """Replace a group. LimitError: too many, too long. Conflict: another group has such a series."""
        ttl_ms = self.settings.ttl if ttl_ms is None else ttl_ms
        if not 0 < ttl_ms <= self.settings.ttl_max:
            raise LimitError(f"a ttl is more than 0 and at most {self.settings.ttl_max // 1_000} s", "push")
        with self._lock:
            self._expire(now_ms)
            if name not in self._groups and len(self._groups) >= self.settings.groups_max:
                raise LimitError(f"there are {self.settings.groups_max} groups already", "push")
            others = {other: group for other, group in self._groups.items() if other != name}
            _check_against(others, families)
            self._groups[name] = Group(families, now_ms, now_ms + ttl_ms)
            self._changed = True

    def inherit(self, before: "Push") -> None:
        """Go on with the groups of a collector that a reload replaces."""
        with before._lock, self._lock:  # noqa: SLF001 - its own class
            self._groups = dict(before._groups)  # noqa: SLF001
            self._expired = before._expired  # noqa: SLF001
            self._changed = True

    def remove(self, name: str) -> bool:
        """Drop a group; whether it was there."""
        with self._lock:
            self._changed = True
            return self._groups.pop(name, None) is not None

    def collect(self, now_ms: int) -> list[Family]:
        with self._lock:
            self._expire(now_ms)
            groups = dict(self._groups)
            changed, self._changed = self._changed, False
        if changed:
            self._save(groups)
        return [family for group in groups.values() for family in group.families] + self._own(groups)

    def _own(self, groups: Mapping[str, Group]) -> list[Family]:
        return [
            gauge("exporter_push_groups", "Groups that were pushed and are alive.", ({}, len(groups))),
            gauge(
                "exporter_push_last_timestamp_seconds",
                "Unix time of the group's last push.",
                *(({"group": name}, group.pushed_ms / 1_000) for name, group in sorted(groups.items())),
            ),
            counter("exporter_push_expired_total", "Groups whose time to live ran out.", ({}, self._expired)),
        ]

    def _expire(self, now_ms: int) -> None:
        for name in [name for name, group in self._groups.items() if group.expires_ms <= now_ms]:
            del self._groups[name]
            self._expired += 1
            self._changed = True

    def _restore(self) -> dict[str, Group]:
        """What an earlier process kept; what cannot be read is told and left out."""
        if self._path is None:
            return {}
        try:
            groups = kept(self._path) or {}
            return {
                str(name): Group(
                    from_page(group["page"].encode(), openmetrics=True).families,
                    int(group["pushed_ms"]),
                    int(group["expires_ms"]),
                )
                for name, group in groups.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, LuminaError) as error:
            log.warning("kept pushes not readable, begun anew", file=self._path, error=error)
            return {}

    def _save(self, groups: Mapping[str, Group]) -> None:
        if self._path is None:
            return
        state = {
            name: {
                "pushed_ms": group.pushed_ms,
                "expires_ms": group.expires_ms,
                "page": render(group.families, openmetrics=True).decode(),
            }
            for name, group in groups.items()
        }
        keep(self._path, state)


def _check_against(others: Mapping[str, Group], families: Sequence[Family]) -> None:
    """Conflict: another group has one of the series, or one of the names with another type."""
    types: dict[str, tuple[str, MetricType]] = {}
    series: dict[tuple[str, Labels], str] = {}
    names = {family.name for family in families}
    for other, group in others.items():
        for family in group.families:
            if family.name in names:
                types[family.name] = (other, family.type)
                series |= {(sample.name, sample.labels): other for sample in family.samples}
    for family in families:
        other, kind = types.get(family.name, ("", family.type))
        if kind is not family.type:
            raise Conflict(f"{family.name} is a {kind.value} in group {other!a}", "push")
        for sample in family.samples:
            if (sample.name, sample.labels) in series:
                where = series[sample.name, sample.labels]
                raise Conflict(f"{sample.name} with these labels is in group {where!a}", "push")
