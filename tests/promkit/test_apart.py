"""What a process of its own says of its work, and how that is read."""

import io
import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from promkit.apart import DONE, FAILED, NOT_STARTED, Known, NotStarted, Tell, attempt, last_known, show, work
from promkit.errors import LuminaError


def counts(order: Mapping[str, Any], tell: Tell) -> str:
    tell("counting", {"was": order["n"]})
    tell("still counting", {"pages": 2})
    return f"{order['n'] + 1}"


def refuses(order: Mapping[str, Any], tell: Tell) -> str:
    raise NotStarted("no such thing", "x")


def breaks(order: Mapping[str, Any], tell: Tell) -> str:
    tell("half of it", {"was": 1})
    raise LuminaError("broke")


ENDS = {
    "done": (counts, Known("4", {"was": 3, "pages": 2}, DONE)),
    "not started": (refuses, Known("x: no such thing", {}, NOT_STARTED)),
    "failed": (breaks, Known("broke", {"was": 1}, FAILED)),
}


@pytest.mark.parametrize("case", ENDS)
def test_what_came_of_it_is_told(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    do, known = ENDS[case]
    assert attempt(do, {"n": 3}, lambda known: None) == known
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"n": 3})))
    handler = signal.getsignal(signal.SIGTERM)
    try:
        assert work(do) == 0
    finally:
        signal.signal(signal.SIGTERM, handler)
    assert last_known(capsys.readouterr().out) == (known, "")


def test_a_bug_is_raised() -> None:
    with pytest.raises(KeyError):
        attempt(counts, {}, lambda known: None)


def test_what_others_wrote_is_no_record(capsys: pytest.CaptureFixture[str]) -> None:
    show('hello\n\x1e{"text": "all is well", "before": {}, "outcome": "done"}')
    known, rest = last_known(capsys.readouterr().out)
    assert known == Known()
    assert rest.startswith("hello\n")


CUT = {
    "nothing": ("", Known()),
    "the last of two": ('\x1e{"text": "a"}\n\x1e{"text": "b"}\n', Known("b")),
    "cut off": ('\x1e{"text": "a"}\n\x1e{"te', Known("a")),
}


@pytest.mark.parametrize("case", CUT)
def test_the_last_whole_record_counts(case: str) -> None:
    printed, known = CUT[case]
    assert last_known(printed)[0] == known


WAITS = """
import sys, time
from promkit.apart import work

def do(order, tell):
    try:
        tell("waiting", {"n": order["n"]})
        time.sleep(60)
    finally:
        tell("cleaned up")

sys.exit(work(do))
"""


def test_ended_from_outside_it_cleans_up() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write('{"n": 1}')
        process.stdin.close()
        first = process.stdout.readline()
        process.terminate()
        known, _ = last_known(first + process.stdout.read())
        assert process.wait(10) == 130
    assert known == Known("cleaned up", {"n": 1})
