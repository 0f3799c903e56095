"""Interfaces, on recorded readings."""

from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from exporter.collector import Context
from exporter.collectors.network import Network, Settings, counters_of, families
from promkit.errors import Unavailable
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


DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes  packets errs drop fifo frame compressed multicast|bytes  packets errs drop fifo colls carrier
    lo:     1     2    3    4    0     0          0         0      5       6    7    8    0     0       0  0
  eth0: 10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0
"""


def a_host(root: Path, dev: str = DEV) -> Path:
    """A file system of a host, as far as its interfaces go."""
    (root / "proc/1/net").mkdir(parents=True)
    (root / "proc/1/net/dev").write_text(dev)
    for device, speed in {"lo": "", "eth0": "1000\n"}.items():
        link = root / "sys/class/net" / device
        link.mkdir(parents=True)
        (link / "mtu").write_text("1500\n")
        (link / "operstate").write_text("up\n" if speed else "unknown\n")
        (link / "speed").write_text(speed)
    return root


def test_from_a_container_the_host_s_interfaces_are_seen(tmp_path: Path) -> None:
    found = values(Network(Settings(), Context(root=a_host(tmp_path)), "network").collect(0))
    assert {name: value for name, value in found.items() if "eth0" in name} == {
        'system_network_receive_bytes_total{device="eth0"}': 10,
        'system_network_receive_packets_total{device="eth0"}': 20,
        'system_network_receive_errors_total{device="eth0"}': 30,
        'system_network_receive_drops_total{device="eth0"}': 40,
        'system_network_transmit_bytes_total{device="eth0"}': 50,
        'system_network_transmit_packets_total{device="eth0"}': 60,
        'system_network_transmit_errors_total{device="eth0"}': 70,
        'system_network_transmit_drops_total{device="eth0"}': 80,
        'system_network_up{device="eth0"}': 1,
        'system_network_speed_bytes{device="eth0"}': 125_000_000,
        'system_network_mtu_bytes{device="eth0"}': 1_500,
    }
    assert found['system_network_up{device="lo"}'] == 1
    assert 'system_network_speed_bytes{device="lo"}' not in found


def test_an_interface_that_went_is_counted_and_no_more(tmp_path: Path) -> None:
    root = a_host(tmp_path, DEV.replace("eth0", "eth9"))
    found = values(Network(Settings(), Context(root=root), "network").collect(0))
    assert found['system_network_receive_bytes_total{device="eth9"}'] == 10
    assert 'system_network_up{device="eth9"}' not in found


def test_this_host_s_file_is_read_as_psutil_reads_it() -> None:
    ours = counters_of(Path("/proc/self/net/dev").read_text())
    assert set(ours) == set(psutil.net_io_counters(pernic=True))


def test_a_root_without_the_host_s_proc_says_what_to_mount(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read: No such file or directory: mount the host's"):
        Network(Settings(), Context(root=tmp_path), "network").collect(0)
