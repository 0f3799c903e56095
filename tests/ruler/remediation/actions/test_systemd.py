"""systemctl is given one unit, no shell, no question; and the unit's state decides as well as its word.

Its stand-in keeps a unit's state in a file, and every call in another.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Event, Timer

import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from ruler.remediation.action import Outcome
from ruler.remediation.actions.systemd import SYSTEMD
from tests.builders.deeds import back, do, plan

STAND_IN = """#!/bin/sh
echo "$@" >> "$FOLDER/calls"
case "$*" in
*" show "*)
    unit=$(cat "$FOLDER/state")
    printf 'LoadState=%s\\nActiveState=%s\\nSubState=%s\\nResult=%s\\n' $unit ;;
*" start "*|*" restart "*) cat "$FOLDER/next" > "$FOLDER/state" ;;
*" stop "*) echo loaded inactive dead success > "$FOLDER/state" ;;
*" reload "*) echo "Job type reload is not applicable for unit api.service." >&2; exit 1 ;;
*" try-restart "*) echo "$$" > "$FOLDER/pid"; exec sleep 60 ;;
esac
"""
UP, DOWN = "loaded active running success", "loaded inactive dead success"
CRASHED = "loaded failed failed exit-code"

Systemd = Callable[[str, str], Path]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Systemd:
    """A systemctl on the path whose unit is as told now, and after its next start."""

    def prepared(now: str, after_start: str = UP) -> Path:
        program = tmp_path / "systemctl"
        program.write_text(STAND_IN.replace("$FOLDER", str(tmp_path)))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        (tmp_path / "state").write_text(now)
        (tmp_path / "next").write_text(after_start)
        return tmp_path

    return prepared


def test_it_restarts_the_unit_that_the_target_names(systemd: Systemd) -> None:
    folder = systemd(UP, UP)
    parameters = {"service": {"enum": ["api", "worker"], "target": True}}
    planned = plan(SYSTEMD, {"service": "api"}, verb="restart", parameters=parameters)
    assert planned.text == "systemctl restart api"
    assert planned.target == "api"
    result = do(SYSTEMD, planned)
    assert result.ok
    assert result.text == "api is active (running)"
    flags = "--system --no-ask-password --no-pager"
    shown = f"{flags} show --property=LoadState,ActiveState,SubState,Result -- api"
    assert (folder / "calls").read_text().splitlines() == [shown, f"{flags} restart -- api", shown]


def test_a_unit_may_be_made_of_a_parameter_and_belong_to_a_user(systemd: Systemd) -> None:
    systemd(UP, UP)
    parameters = {"n": {"type": "int", "min": 1, "max": 4}}
    planned = plan(
        SYSTEMD, {"n": 3}, verb="start", unit="worker@{n}.service", scope="user", parameters=parameters
    )
    assert planned.text == "systemctl --user start worker@3.service"


ENDS = {
    "starts well": ("start", DOWN, UP, Outcome.DONE, "api is active (running)"),
    "fails right after": ("start", DOWN, CRASHED, Outcome.FAILED, "api is failed (failed), result exit-code"),
    "starts again and again": (
        "restart",
        UP,
        "loaded activating auto-restart exit-code",
        Outcome.FAILED,
        "api is activating (auto-restart)",
    ),
    "is stopped": ("stop", UP, UP, Outcome.DONE, "api is inactive (dead)"),
    "cannot do that": ("reload", UP, UP, Outcome.FAILED, "exit code 1; api is active (running)"),
    "is not there": ("start", "not-found inactive dead success", UP, Outcome.NOT_STARTED, "api is not-found"),
    "is masked": ("start", "masked inactive dead success", UP, Outcome.NOT_STARTED, "api is masked"),
}


@pytest.mark.parametrize("case", ENDS)
def test_it_ends(case: str, systemd: Systemd) -> None:
    verb, now, after, outcome, text = ENDS[case]
    systemd(now, after)
    result = do(SYSTEMD, plan(SYSTEMD, verb=verb, unit="api"))
    assert result.outcome is outcome
    assert text in result.text


BACKS = {
    "started, was down": ("start", DOWN, DOWN),
    "stopped, was up": ("stop", UP, UP),
    "started, was up already": ("start", UP, None),
    "stopped, was down already": ("stop", DOWN, None),
    "restarted": ("restart", UP, None),
}


@pytest.mark.parametrize("case", BACKS)
def test_only_what_it_changed_is_taken_back(case: str, systemd: Systemd) -> None:
    verb, now, after_all = BACKS[case]
    folder = systemd(now, UP)
    planned = plan(SYSTEMD, verb=verb, unit="api")
    taken_back = back(SYSTEMD, planned, do(SYSTEMD, planned))
    assert (taken_back is None) is (after_all is None)
    if after_all is not None:
        assert (folder / "state").read_text().strip() == after_all


def test_cancelled_systemctl_ends(systemd: Systemd) -> None:
    folder = systemd(UP, UP)
    cancel = Event()

    def when_it_runs() -> None:
        if (folder / "pid").exists():
            cancel.set()
        else:
            look()

    def look() -> None:
        timer = Timer(0.05, when_it_runs)
        timer.daemon = True
        timer.start()

    look()
    result = do(SYSTEMD, plan(SYSTEMD, verb="try-restart", unit="api"), cancel=cancel)
    assert result.outcome is Outcome.CANCELLED
    assert result.text == "ended on request; api is active (running)"
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "pid").read_text()), 0)


def test_without_systemd_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = do(SYSTEMD, plan(SYSTEMD, verb="restart", unit="api"))
    assert result.outcome is Outcome.NOT_STARTED
    assert result.text == "cannot run systemctl: No such file or directory"


@pytest.mark.parametrize("verb", ["start", "stop", "restart", "try-restart", "reload", "reload-or-restart"])
def test_the_real_systemctl_knows_the_words(verb: str) -> None:
    """It has no manager to talk to here: what it does not know, it says before it looks for one."""
    systemctl = shutil.which("systemctl")
    if systemctl is None:
        pytest.skip("systemctl is not there: apt-get install systemd")
    words = ["--system", "--no-ask-password", "--no-pager", verb, "--", "lumina-no-such-unit"]
    told = subprocess.run([systemctl, *words], capture_output=True, text=True, check=False, timeout=30)
    listed = subprocess.run([systemctl, "--help"], capture_output=True, text=True, check=True, timeout=30)
    assert "nrecognized option" not in told.stderr
    assert "Unknown command verb" not in told.stderr
    assert f"\n  {verb} UNIT" in listed.stdout


FAULTS = {
    "no unit": ({"verb": "restart"}, "needs `unit`"),
    "an unknown verb": ({"verb": "kill", "unit": "api"}, "verb"),
    "a place that is not declared": ({"verb": "restart", "unit": "{x}"}, "{x} in '{x}' is not declared"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    declared, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        plan(SYSTEMD, **declared)
    assert problem in str(caught.value)


@pytest.mark.parametrize("unit", ["*", "api *", "a/b", "--now", ""])
def test_what_would_be_several_units_or_an_option_is_refused(unit: str) -> None:
    parameters = {"unit": {"enum": [unit], "target": True}}
    with pytest.raises(ConfigError, match="not the name of one unit"):
        plan(SYSTEMD, {"unit": unit}, verb="stop", parameters=parameters)
