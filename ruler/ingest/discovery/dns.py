"""Targets behind names: each address that a name has is one, as those of the pods behind a headless Service.

A name that there is not has no targets; while names cannot be looked up, what was found last stays.
"""

import socket
from collections.abc import Callable

from promkit import log
from ruler.ingest.config import DnsDiscovery, Scrape
from ruler.ingest.target import TargetGroup

__all__ = ["DnsTargets", "addresses_of"]

_LOG = log.get(__name__)
_ADDRESSES_MAX = 10_000
_FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}
_NO_SUCH_NAME = {socket.EAI_NONAME, socket.EAI_NODATA}

LookUp = Callable[[str, str], list[str]]  # name, type of record → addresses; OSError: not now


def addresses_of(name: str, kind: str) -> list[str]:
    """Ask the system's resolver, which has a deadline of its own (10 s by default). OSError: no answer."""
    try:
        found = socket.getaddrinfo(name, None, family=_FAMILIES[kind], type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _NO_SUCH_NAME:
            return []
        raise
    return sorted({str(address[0]) for *_, address in found})


class DnsTargets:
    """The names of one job. `refresh` may take long; only one thread calls it."""

    def __init__(self, job: Scrape, look_up: LookUp = addresses_of) -> None:
        self._job = job.job_name
        self._asked = [(entry, name) for entry in job.dns_sd_configs for name in entry.names]
        self._look_up = look_up
        self._due_ms = [0] * len(self._asked)
        self._failing: set[int] = set()
        self._found: list[tuple[str, ...]] = [()] * len(self._asked)

    def refresh(self, now_ms: int) -> bool:
        """Look up what is due, by a clock that never steps; whether anything changed."""
        changed = False
        for place, (entry, name) in enumerate(self._asked):
            if self._due_ms[place] and now_ms < self._due_ms[place]:
                continue
            self._due_ms[place] = now_ms + entry.refresh_interval
            found = self._addresses(place, entry, name)
            changed |= found != self._found[place]
            self._found[place] = found
        return changed

    def groups(self) -> list[TargetGroup]:
        """What was found last."""
        return [
            TargetGroup(f"dns_sd_configs/{name}", found, {"__meta_dns_name": name})
            for (_, name), found in zip(self._asked, self._found, strict=True)
        ]

    def _addresses(self, place: int, entry: DnsDiscovery, name: str) -> tuple[str, ...]:
        try:
            found = self._look_up(name, entry.type)
        except OSError as error:
            if place not in self._failing:
                _LOG.warning("name cannot be looked up", job=self._job, name=name, error=error)
            self._failing.add(place)
            return self._found[place]
        if place in self._failing:
            self._failing.discard(place)
            _LOG.info("name is looked up again", job=self._job, name=name)
        if len(found) > _ADDRESSES_MAX:
            _LOG.warning("a name has too many addresses", job=self._job, name=name, kept=_ADDRESSES_MAX)
        shown = (f"[{address}]" if ":" in address else address for address in found[:_ADDRESSES_MAX])
        return tuple(f"{address}:{entry.port}" for address in shown)
