"""A plan is executed in a process of its own, and whatever becomes of that process is a result."""

from pathlib import Path
from threading import Event

import pytest

from ruler.remediation import apart
from ruler.remediation.action import Outcome, Plan, Result

HEAD = "import sys, time\nfrom promkit.apart import show, work\n\ndef do(order, tell):\n"
TAIL = "\nsys.exit(work(do))\n"


@pytest.fixture
def deed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the deed of the kind `made` stands."""
    monkeypatch.setattr(apart, "_DEEDS", tmp_path)
    return tmp_path / "made.py"


def execute(deed: Path, code: str, timeout_ms: int = 30_000) -> Result:
    deed.write_text(HEAD + "".join(f"    {line}\n" for line in code.splitlines()) + TAIL)
    plan = Plan("remedy", "made", "", "do it", timeout_ms, {"n": 3})
    return apart.execute(plan, timeout_ms, Event())


def test_it_is_done_and_says_what_it_found(deed: Path) -> None:
    result = execute(deed, "tell('x', {'was': order['n']})\nshow('a line')\nreturn 'all of it'")
    assert (result.outcome, result.text, result.output) == (Outcome.DONE, "all of it", "a line")
    assert result.before == {"was": 3}


def test_at_its_deadline_what_was_known_stays_known(deed: Path) -> None:
    result = execute(deed, "tell('half', {'was': 3})\ntime.sleep(60)", timeout_ms=3_000)
    assert (result.outcome, result.text) == (Outcome.TIMEOUT, "ended after 3s: half")
    assert result.before == {"was": 3}


ENDS = {
    "a bug": ("return order['no']", "it ended without an answer: exit code 1", "KeyError: 'no'"),
    "killed": ("import os\nos.kill(os.getpid(), 9)", "it ended without an answer: ended by signal 9", ""),
    "gone without a word": ("sys.exit(0)", "it ended without an answer: exit code 0", ""),
}


@pytest.mark.parametrize("case", ENDS)
def test_what_should_never_happen_is_a_failure(case: str, deed: Path) -> None:
    code, text, output = ENDS[case]
    result = execute(deed, code)
    assert (result.outcome, result.text) == (Outcome.FAILED, text)
    assert output in result.output


def test_no_file_beside_it_is_taken_for_a_library(deed: Path) -> None:
    (deed.parent / "docker.py").write_text("raise SystemExit('the wrong one')")
    result = execute(deed, "import docker\nreturn docker.__file__")
    assert result.ok
    assert str(deed.parent) not in result.text
