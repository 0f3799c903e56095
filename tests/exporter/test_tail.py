"""Rotation, as logrotate does it: nothing lost, nothing twice."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.tail import CHUNK_BYTES, LINE_BYTES_MAX, QUIET_READS, Position, Tail
from promkit.errors import Unavailable

MANY = 1 << 30


def write(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(lines) + end)


def read(tail: Tail) -> list[str]:
    return [line.decode() for line in tail.read(MANY)]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "access.log"
    path.touch()
    return path


def test_begins_at_the_end(log: Path) -> None:
    write(log, "old")
    tail = Tail(log)
    assert read(tail) == []
    write(log, "new")
    assert read(tail) == ["new"]


def test_begins_at_the_start_when_told(log: Path) -> None:
    write(log, "old")
    assert read(Tail(log, from_start=True)) == ["old"]


def test_begins_with_a_whole_line(log: Path) -> None:
    write(log, "old", "half", end="")
    tail = Tail(log)
    assert read(tail) == []
    write(log, " and half")
    assert read(tail) == ["half and half"]


def test_waits_for_the_rest_of_a_line(log: Path) -> None:
    tail = Tail(log)
    read(tail)
    write(log, "a", "b", end="")
    assert read(tail) == ["a"]
    write(log, "c")
    assert read(tail) == ["bc"]


def test_rename(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "1")
    assert read(tail) == ["1"]
    write(log, "2")
    log.rename(log.with_name("access.log.1"))
    log.touch()
    assert read(tail) == ["2"]
    # The server goes on in the old file until it is told to reopen.
    write(log.with_name("access.log.1"), "3")
    write(log, "4")
    assert read(tail) == ["3", "4"]


def test_rename_before_there_is_a_new_file(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "1")
    assert read(tail) == ["1"]
    log.rename(log.with_name("access.log.1"))
    write(log.with_name("access.log.1"), "2")
    assert read(tail) == ["2"]
    write(log, "3")
    assert read(tail) == ["3"]


def test_an_old_file_is_let_go_with_its_last_half_line(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "1", "2", end="")
    assert read(tail) == ["1"]
    log.rename(log.with_name("access.log.1"))
    write(log, "3")
    seen = [line for _ in range(QUIET_READS + 1) for line in read(tail)]
    assert sorted(seen) == ["2", "3"]
    assert len(tail.positions) == 1


def test_copytruncate(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "1")
    assert read(tail) == ["1"]
    write(log, "2")  # in the copy, and nowhere else
    shutil.copy(log, log.with_name("access.log.1"))
    os.truncate(log, 0)
    write(log, "3")
    assert read(tail) == ["2", "3"]


def test_copytruncate_and_grown_past_the_old_length(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "1")
    assert read(tail) == ["1"]
    shutil.copy(log, log.with_name("access.log.1"))
    os.truncate(log, 0)
    write(log, "other", "lines", "and more")
    assert read(tail) == ["other", "lines", "and more"]


def test_truncated_without_a_copy(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "1", "2")
    read(tail)
    os.truncate(log, 0)
    write(log, "3")
    assert read(tail) == ["3"]


def test_goes_on_where_an_earlier_process_stopped(log: Path) -> None:
    write(log, "1")
    first = Tail(log, from_start=True)
    read(first)
    positions = first.positions
    first.close()
    write(log, "2")
    assert read(Tail(log, positions)) == ["2"]


def test_rotated_while_nobody_looked(log: Path) -> None:
    write(log, "1")
    first = Tail(log, from_start=True)
    read(first)
    write(log, "2")
    log.rename(log.with_name("access.log.1"))
    write(log, "3")
    second = Tail(log, first.positions)
    assert read(second) == ["2", "3"]
    assert not second.lost


def test_rotated_away_while_nobody_looked(log: Path) -> None:
    write(log, "1")
    first = Tail(log, from_start=True)
    read(first)
    log.unlink()
    write(log, "2")
    second = Tail(log, first.positions)
    assert read(second) == ["2"]
    assert second.lost


def test_a_position_of_another_file_is_not_believed(log: Path) -> None:
    write(log, "1234567890", "x")
    tail = Tail(log, [Position(5, b"zzzzz")])
    assert read(tail) == ["1234567890", "x"]


def test_lines_past_all_bounds_are_left_out_and_counted(log: Path) -> None:
    tail = Tail(log, from_start=True)
    write(log, "a", "x" * (LINE_BYTES_MAX + 1), "b", "y" * (2 * CHUNK_BYTES), "c")
    assert read(tail) == ["a", "b", "c"]
    assert tail.oversized == 2


def test_a_burst_is_taken_in_pieces(log: Path) -> None:
    tail = Tail(log, from_start=True)
    lines = [f"{number:>100}" for number in range(10_000)]
    write(log, *lines)
    first = [line.decode() for line in tail.read(CHUNK_BYTES)]
    assert 0 < len(first) < len(lines)
    assert tail.behind_bytes > 0
    assert first + read(tail) == lines


NOT_FILES: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("make", NOT_FILES.values(), ids=NOT_FILES)
def test_what_is_no_file_is_said(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "log")
    with pytest.raises(Unavailable, match="log"):
        read(Tail(tmp_path / "log"))


def test_comes_back_when_the_file_does(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "log", from_start=True)
    with pytest.raises(Unavailable):
        read(tail)
    write(tmp_path / "log", "1")
    assert read(tail) == ["1"]


STEPS = st.lists(st.sampled_from(["write", "read", "rename", "copytruncate", "restart"]), max_size=25)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_nothing_is_lost_and_nothing_is_read_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str]
) -> None:
    """Any order of writes, both kinds of rotation and restarts, with a read between two rotations."""
    log = tmp_path_factory.mktemp("log") / "access.log"
    log.touch()
    tail = Tail(log, from_start=True)
    seen = read(tail)
    written: list[str] = []
    rotations = 0
    for step in [*steps, "read"]:
        match step:
            case "write":
                written.append(f"line {len(written)}")
                write(log, written[-1])
            case "read":
                seen += read(tail)
            case "restart":
                positions = tail.positions
                tail.close()
                tail = Tail(log, positions)
            case "rename":
                seen += read(tail)
                rotations += 1
                log.rename(log.with_name(f"access.log.{rotations}"))
                log.touch()
            case "copytruncate":
                seen += read(tail)
                rotations += 1
                shutil.copy(log, log.with_name(f"access.log.{rotations}"))
                os.truncate(log, 0)
    assert seen == written
