"""Interfaces, on recorded readings."""

from dataclasses import dataclass

from exporter.collectors.network import families
from tests.builders.sources import values


@dataclass
class Counters:
    bytes_recv: int = 1
    packets_recv: int = 2
    errin: int = 3
    dropin: int = 4
    bytes_sent: int = 5
    packets_sent: int = 6
    errout: int = 7
    dropout: int = 8


@dataclass
class Interface:
    isup: bool = True
    speed: int = 1_000
    mtu: int = 1_500


def test_families() -> None:
    found = values(families({"eth0": Counters()}, {"eth0": Interface()}))
    assert found == {
        'system_network_receive_bytes_total{device="eth0"}': 1,
        'system_network_receive_packets_total{device="eth0"}': 2,
        'system_network_receive_errors_total{device="eth0"}': 3,
        'system_network_receive_drops_total{device="eth0"}': 4,
        'system_network_transmit_bytes_total{device="eth0"}': 5,
        'system_network_transmit_packets_total{device="eth0"}': 6,
        'system_network_transmit_errors_total{device="eth0"}': 7,
        'system_network_transmit_drops_total{device="eth0"}': 8,
        'system_network_up{device="eth0"}': 1,
        'system_network_speed_bytes{device="eth0"}': 125_000_000,
        'system_network_mtu_bytes{device="eth0"}': 1_500,
    }


def test_unknown_speed_and_an_interface_that_went() -> None:
    found = values(families({"lo": Counters(), "gone": Counters()}, {"lo": Interface(speed=0)}))
    assert 'system_network_up{device="lo"}' in found
    assert not any("speed" in name for name in found)
    assert 'system_network_up{device="gone"}' not in found
