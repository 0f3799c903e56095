"""Groups of processes: recorded, and this one."""

import os
from pathlib import Path

import psutil
import pytest

from exporter.collector import Context
from exporter.collectors.process import Group, Instance, Process, Settings, Totals, families, heap
from tests.builders.sources import values


def an_instance(pid: int = 1, cpu_seconds: float = 10.0, started_seconds: float = 5.0) -> Instance:
    return Instance(pid, started_seconds, cpu_seconds, 100, 2, 7)


TOTALS: dict[str, tuple[list[list[Instance]], list[float | None], float]] = {
    "what was used before we looked does not count": ([[an_instance()]], [None], 0.0),
    "what is used since does": ([[an_instance()], [an_instance(cpu_seconds=12)]], [None, 2.0], 2.0),
    "a new process counts from its start": (
        [[an_instance()], [an_instance(), an_instance(2, 3.0)]],
        [None, 3.0],
        3.0,
    ),
    "a process that ends takes nothing away": (
        [[an_instance()], [an_instance(cpu_seconds=11)], []],
        [None, 1.0, 0],
        1.0,
    ),
    "the same number, another process": (
        [[an_instance()], [an_instance(cpu_seconds=1.0, started_seconds=50.0)]],
        [None, 1.0],
        1.0,
    ),
    "one that comes after an empty look": ([[], [an_instance(cpu_seconds=1.0)]], [None, 1.0], 1.0),
}


@pytest.mark.parametrize(("looks", "used", "total"), TOTALS.values(), ids=TOTALS)
def test_totals(looks: list[list[Instance]], used: list[float | None], total: float) -> None:
    totals = Totals()
    assert [totals.update(look) for look in looks] == used
    assert totals.seconds == total


def test_families() -> None:
    group = Group(name="api", names=("gunicorn",), component="shop")
    totals = Totals()
    totals.update([an_instance()])
    found = values(families([(group, [an_instance(cpu_seconds=15)], totals)], 10_000, 2, 1_000))
    assert found == {
        'system_process_instances{process="api"}': 1,
        'system_process_cpu_seconds_total{process="api"}': 5,
        'system_process_cpu_usage_ratio{process="api"}': 0.25,
        'system_process_resident_memory_bytes{process="api"}': 100,
        'system_process_memory_usage_ratio{process="api"}': 0.1,
        'system_process_threads{process="api"}': 2,
        'system_process_open_fds{process="api"}': 7,
        'system_process_oldest_start_time_seconds{process="api"}': 5,
        'app_cpu_usage_ratio{component="shop"}': 0.25,
        'app_memory_usage_ratio{component="shop"}': 0.1,
    }


def test_an_empty_group_is_only_counted() -> None:
    group = Group(name="api", names=("gunicorn",), component="shop")
    assert values(families([(group, [], Totals())], 10_000, 2, 1_000)) == {
        'system_process_instances{process="api"}': 0
    }


def test_this_process_is_found_by_each_way(tmp_path: Path) -> None:
    pidfile = tmp_path / "pid"
    pidfile.write_text(f"{os.getpid()}\n")
    own = psutil.Process()
    ways = {
        "pidfile": Group(name="g", pidfile=pidfile),
        "name": Group(name="g", names=(own.name(),)),
        "cmdline": Group(name="g", cmdline="pytest|execnet|python"),
        "nothing there": Group(name="g", pidfile=tmp_path / "none"),
    }
    found = {}
    for way, group in ways.items():
        collector = Process(Settings(groups=(group,)), Context(), "process")
        found[way] = values(collector.collect(0))['system_process_instances{process="g"}']
    assert found["pidfile"] == 1
    assert found["name"] >= 1
    assert found["cmdline"] >= 1
    assert found["nothing there"] == 0


@pytest.mark.parametrize("text", ["", "x", "-5", "99999999999999999999"])
def test_a_pidfile_of_nonsense_is_no_process(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    collector = Process(Settings(groups=(Group(name="g", pidfile=tmp_path / "pid"),)), Context(), "process")
    assert values(collector.collect(0))['system_process_instances{process="g"}'] == 0


def test_heap() -> None:
    status = "Name:\tx\nVmData:\t  400 kB\nRssAnon:\t 100 kB\nRssFile:\t 20 kB\nRssShmem:\t 3 kB\n"
    assert values(heap(status)) == {
        "process_heap_used_bytes": 102_400,
        "process_heap_total_bytes": 409_600,
        "process_heap_external_bytes": 23_552,
    }
    assert heap("") == []


def test_from_a_container_the_host_s_processes_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", psutil.PROCFS_PATH)
    (tmp_path / "proc").symlink_to("/proc")
    group = Group(name="g", names=(psutil.Process().name(),))
    collector = Process(Settings(groups=(group,)), Context(root=tmp_path), "process")
    assert f"{tmp_path}/proc" == psutil.PROCFS_PATH
    assert values(collector.collect(0))['system_process_instances{process="g"}'] >= 1
