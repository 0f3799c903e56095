"""`lumina silences` against a ruler in memory."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lumina.__main__ import main
from promkit.process import SYSTEM_CLOCK
from tests.builders.ruler import ARuler, a_ruler_in_memory

Said = Callable[..., tuple[int, str, str]]
RULES = {"groups": [{"name": "g", "rules": [{"alert": "Down", "expr": "up == 0"}]}]}


@pytest.fixture
def ruler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path, rules=RULES) as ruler:
        ruler.clock.at_ms = SYSTEM_CLOCK.now_ms()
        ruler.feed(("up", {"job": "web"}, 0), ("up", {"job": "db"}, 0))
        ruler.evaluate()
        monkeypatch.setenv("LUMINA_URL", ruler.url)
        monkeypatch.setenv("USER", "ann")
        yield ruler


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*words: str) -> tuple[int, str, str]:
        code = main(["silences", *words])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def suppressed(ruler: ARuler) -> set[str]:
    now_ms = ruler.clock.at_ms
    return {alert.labels["job"] for alert in ruler.book.alerts() if ruler.delivery.suppression(alert, now_ms)}


def test_a_silence_by_matchers_lives_and_ends(ruler: ARuler, said: Said) -> None:
    code, _, err = said("add", "alertname=Down", "job=~w.*", "--for", "2h", "--why", "deploy")
    assert (code, err.startswith("silenced for 2h: ")) == (0, True)
    ruler.later(60_000)
    assert suppressed(ruler) == {"web"}
    _, out, _ = said("list")
    assert 'alertname="Down" job=~"w.*"' in out
    assert "deploy" in out
    assert "ann" in out
    assert "in 1h59m" in out
    [silence] = ruler.book.silences(ruler.clock.at_ms)
    _, out, _ = said("show", silence.id[:6])
    assert f"keeps back  Down {ruler_fingerprint(ruler, 'web')}" in out
    assert said("expire", silence.id[:6])[0] == 0
    assert suppressed(ruler) == set()
    assert said("list")[1] == ""
    _, out, _ = said("list", "--expired", "--output", "json")
    assert [one["status"]["state"] for one in json.loads(out)] == ["expired"]
    code, _, err = said("expire", silence.id)
    assert code == 1
    assert "is over already" in err


def ruler_fingerprint(ruler: ARuler, job: str) -> str:
    return next(alert.fingerprint for alert in ruler.book.alerts() if alert.labels["job"] == job)


def test_one_alert_is_silenced_by_its_id(ruler: ARuler, said: Said) -> None:
    id_ = ruler_fingerprint(ruler, "db")
    code, out, _ = said("add", "--alert", id_[:8], "--why", "known", "--output", "json")
    assert code == 0
    assert json.loads(out)["id"] == ruler.book.silences(ruler.clock.at_ms)[0].id
    ruler.later(1_000)
    assert suppressed(ruler) == {"db"}


WRONG = {
    "no reason": (["add", "job=web"], "say why"),
    "nothing to silence": (["add", "--why", "x"], "give matchers, or --alert"),
    "both": (["add", "job=web", "--alert", "Down", "--why", "x"], "give matchers, or --alert"),
    "no time": (["add", "job=web", "--why", "x", "--for", "0s"], "above 0"),
    "no matcher": (["add", "job", "--why", "x"], "job"),
    "a wrong pattern": (["add", "job=~(", "--why", "x"], "("),
    "what fits everything": (["add", "job=~.*", "--why", "x"], "matcher"),
    "several alerts of that name": (["add", "--alert", "Down", "--why", "x"], "stands for 2 alerts"),
    "no such silence": (["expire", "zzz"], "no silence 'zzz'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_in_a_line(ruler: ARuler, said: Said, name: str) -> None:
    words, problem = WRONG[name]
    code, out, err = said(*words)
    assert code in {1, 2}
    assert out == ""
    assert problem in err
    assert len(err.splitlines()) == 1
    assert ruler.book.silences(ruler.clock.at_ms) == []
