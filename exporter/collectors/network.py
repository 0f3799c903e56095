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
from typing import Annotated, Protocol

import psutil

from exporter.collector import Context
from exporter.collector import Settings as Common
from exporter.settings import Option, Pattern, compiled
from promkit.exposition import Family, counter, gauge

__all__ = ["Network", "Settings", "families"]


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
        del context, name
        self._exclude = compiled(settings.devices_exclude)

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        counters = psutil.net_io_counters(pernic=True, nowrap=False)
        shown = {device: values for device, values in counters.items() if not self._exclude.search(device)}
        return families(shown, psutil.net_if_stats())


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
