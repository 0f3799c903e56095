"""Network interfaces of the host, label device.

system_network_receive_bytes_total, _packets_total, _errors_total, _drops_total     counter
system_network_transmit_bytes_total, _packets_total, _errors_total, _drops_total    counter
system_network_up            gauge  1 where the interface is up, 0 where not
system_network_speed_bytes   gauge  bytes a second that the link can carry, absent where unknown
system_network_mtu_bytes     gauge

Fails where /proc is not readable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Protocol

import psutil

from exporter.collector import Context
from exporter.collector import Settings as Common
from exporter.settings import Option, Pattern, compiled
from promkit.errors import Unavailable
from promkit.exposition import Family, counter, gauge

__all__ = ["Network", "Settings", "counters_of", "families"]

# Column of /proc/net/dev → field of psutil's record.
_FIELDS = {
    0: "bytes_recv",
    1: "packets_recv",
    2: "errin",
    3: "dropin",
    8: "bytes_sent",
    9: "packets_sent",
    10: "errout",
    11: "dropout",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """Which interfaces."""

    devices_exclude: Annotated[
        Pattern,
        Option("Interfaces that match are left out; the default leaves out one end of each container."),
    ] = "^(veth|cali|lxc|tap)"


class Interface(Protocol):
    """What is read of psutil's record of an interface."""

    @property
    def isup(self) -> bool: ...
    @property
    def speed(self) -> int: ...  # megabits a second; 0: unknown
    @property
    def mtu(self) -> int: ...


class Network:
    """Keeps nothing."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del name
        self._exclude = compiled(settings.devices_exclude)
        self._root = context.root

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        counters, interfaces = self._read()
        shown = {device: values for device, values in counters.items() if not self._exclude.search(device)}
        return families(shown, interfaces)

    def _read(self) -> tuple[Mapping[str, object], Mapping[str, Interface]]:
        if self._root is None:
            return psutil.net_io_counters(pernic=True, nowrap=False), psutil.net_if_stats()
        # A container sees its own network; that of the host is its first process'.
        path = self._root / "proc" / "1" / "net" / "dev"
        try:
            counters = counters_of(path.read_text(encoding="ascii", errors="replace"))
        except OSError as error:
            raise Unavailable(
                f"the host's interfaces cannot be read: {error.strerror}",
                str(path),
                "mount the host's file system at `root`, with what is mounted in it",
            ) from error
        found = {device: _link(self._root / "sys" / "class" / "net" / device) for device in counters}
        return counters, {device: link for device, link in found.items() if link is not None}


@dataclass(frozen=True, slots=True)
class Link:
    """An interface, as /sys has it."""

    isup: bool
    speed: int  # megabits a second; 0: unknown
    mtu: int


def counters_of(text: str) -> Mapping[str, object]:
    """/proc/net/dev → what is counted of each interface."""
    rows = [line.rpartition(":") for line in text.splitlines() if ":" in line]
    return {
        device.strip(): SimpleNamespace(
            **{_FIELDS[at]: int(word) for at, word in enumerate(numbers.split()) if at in _FIELDS}
        )
        for device, _, numbers in rows
    }


def _link(folder: Path) -> Link | None:
    """None: the interface has gone."""
    try:
        mtu = int((folder / "mtu").read_text(encoding="ascii"))
        # Loopback and tunnels do not say more than that they are there.
        is_up = (folder / "operstate").read_text(encoding="ascii").strip() in {"up", "unknown"}
    except (OSError, ValueError):
        return None
    try:
        speed = max(0, int((folder / "speed").read_text(encoding="ascii")))
    except (OSError, ValueError):  # loopback and many virtual ones have none
        speed = 0
    return Link(is_up, speed, mtu)


# name of the family, help, field of psutil's record
_COUNTERS = (
    ("receive_bytes", "Bytes received since boot.", "bytes_recv"),
    ("receive_packets", "Packets received since boot.", "packets_recv"),
    ("receive_errors", "Errors while receiving since boot.", "errin"),
    ("receive_drops", "Received packets dropped since boot.", "dropin"),
    ("transmit_bytes", "Bytes sent since boot.", "bytes_sent"),
    ("transmit_packets", "Packets sent since boot.", "packets_sent"),
    ("transmit_errors", "Errors while sending since boot.", "errout"),
    ("transmit_drops", "Packets dropped before sending since boot.", "dropout"),
)


def families(counters: Mapping[str, object], interfaces: Mapping[str, Interface]) -> list[Family]:
    """Counters and state by interface → families; an interface may have gone between the two."""
    known = [({"device": device}, interfaces[device]) for device in sorted(counters) if device in interfaces]
    return [
        *(
            counter(
                f"system_network_{name}_total",
                help_text,
                *(({"device": device}, getattr(values, key)) for device, values in sorted(counters.items())),
            )
            for name, help_text, key in _COUNTERS
        ),
        gauge(
            "system_network_up",
            "1 where the interface is up, 0 where not.",
            *((labels, float(interface.isup)) for labels, interface in known),
        ),
        gauge(
            "system_network_speed_bytes",
            "Bytes a second that the link can carry.",
            *((labels, interface.speed * 125_000) for labels, interface in known if interface.speed > 0),
        ),
        gauge(
            "system_network_mtu_bytes",
            "Longest packet that the interface sends.",
            *((labels, interface.mtu) for labels, interface in known),
        ),
    ]
