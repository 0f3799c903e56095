"""`lumina rules` against a ruler."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lumina.__main__ import main
from tests.builders.ruler import ARuler, a_ruler_in_memory

Capture = pytest.CaptureFixture[str]
RULES = {"rules": [{"id": "busy", "metric": "load", "condition": "gt", "threshold": 4}]}
ADD = ["rules", "add", "--id", "hot", "--metric", "temperature", "--condition", "gt", "--threshold", "30"]


@pytest.fixture
def ruler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path, rules=RULES) as ruler:
        monkeypatch.setenv("LUMINA_URL", ruler.url)
        monkeypatch.setenv("USER", "ann")
        yield ruler


def written(ruler: ARuler, id_: str = "hot") -> object:
    return ruler.get(f"/api/v1/lumina/rules/{id_}").data["written"]


def test_one_is_added_changed_and_removed_by_flags(ruler: ARuler, capsys: Capture) -> None:
    assert main([*ADD, "--duration", "5m", "--channel", "email", "--channel", "sms"]) == 0
    assert capsys.readouterr().err == "added hot, in rules/api.yml\n"
    assert ruler.loop.rule("hot").channels == ("email", "sms")
    assert main(["rules", "edit", "hot", "--threshold", "0", "--by", "ben", "--output", "json"]) == 0
    (changed,) = json.loads(capsys.readouterr().out)
    assert (changed["threshold"], changed["for_ms"]) == (0, 300_000)
    assert (changed["created_by"], changed["changed_by"]) == ("ann", "ben")
    assert main(["rules", "remove", "hot"]) == 0
    assert [rule.id for group in ruler.loop.groups() for rule in group.rules] == ["busy"]


GIVEN = {
    "a rule": {"id": "a", "metric": "x", "condition": "gt", "threshold": 1},
    "a list": [{"id": "a", "metric": "x", "condition": "gt", "threshold": 1}],
    "a file": {"rules": [{"id": "a", "metric": "x", "condition": "gt", "threshold": 1}]},
}


@pytest.mark.parametrize("name", GIVEN)
def test_a_file_may_hold(ruler: ARuler, name: str, tmp_path: Path) -> None:
    path = tmp_path / "given.yml"
    path.write_text(yaml.safe_dump(GIVEN[name]))
    assert main(["rules", "add", str(path)]) == 0
    assert written(ruler, "a") == GIVEN["a rule"]


def test_json_from_standard_input(ruler: ARuler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(GIVEN["a file"])))
    assert main(["rules", "add", "-"]) == 0
    assert written(ruler, "a") == GIVEN["a rule"]


def test_what_an_editor_makes_of_it(ruler: ARuler, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    main(ADD)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/30.0/35/")
    assert main(["rules", "edit", "hot"]) == 0
    assert ruler.get("/api/v1/lumina/rules/hot").data["threshold"] == 35
    monkeypatch.setenv("EDITOR", "true")
    capsys.readouterr()
    assert main(["rules", "edit", "hot"]) == 0
    assert capsys.readouterr().err == "hot is as it was\n"


def test_the_list(ruler: ARuler, capsys: Capture) -> None:
    main(ADD)
    ruler.feed(("temperature", {}, 31))
    ruler.evaluate()
    capsys.readouterr()
    assert main(["rules", "list"]) == 0
    head, busy, hot = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "STATE", "SEVERITY", "EXPRESSION", "FILE", "BY"]
    assert busy.split() == ["busy", "inactive", "medium", "load", ">", "4", "rules.yml:3", "–"]
    assert hot.split() == ["hot", "firing", "medium", "temperature", ">", "30", "rules/api.yml:3", "ann"]
    assert main(["rules", "list", "--state", "firing", "--output", "json"]) == 0
    assert [rule["id"] for rule in json.loads(capsys.readouterr().out)] == ["hot"]


def test_a_long_expression_is_cut_in_the_table_alone(ruler: ARuler, capsys: Capture) -> None:
    metric = " + ".join(["temperature"] * 9)
    main([*ADD, "--metric", metric])
    main(["rules", "list"])
    assert "(temperature + temperature + temperature + temperature + te…" in capsys.readouterr().out
    main(["rules", "list", "--output", "json"])
    assert json.loads(capsys.readouterr().out)[1]["expr"] == f"({metric}) > 30"


def test_a_rule_of_any_file_is_switched(ruler: ARuler, capsys: Capture) -> None:
    assert main(["rules", "disable", "busy", "--for", "2h"]) == 0
    assert not ruler.book.enabled(ruler.loop.rule("busy"))
    assert ruler.book.overrides()["busy"].until_ms == ruler.clock.at_ms + 7_200_000
    assert main(["rules", "enable", "busy"]) == 0
    assert ruler.book.enabled(ruler.loop.rule("busy"))
    assert capsys.readouterr().err == "busy is off\nbusy is on\n"


FAULTS = {
    "nothing given": (["rules", "add"], 2, "name a file, or give a rule by flags"),
    "file and flags": (["rules", "edit", "hot", "x.yml", "--name", "x"], 2, "give a file or flags, not both"),
    "a percentage": (["rules", "edit", "hot", "--metric", "a_ratio"], 2, "threshold: a_ratio is a ratio"),
    "another file's": (["rules", "edit", "busy", "--name", "x"], 1, "rules.yml:3: rule 'busy' belongs to"),
    "another file's, removed": (["rules", "remove", "busy"], 1, "rules.yml:3:3: rule 'busy' belongs to"),
    "an unknown one": (["rules", "disable", "nope"], 1, "no rule has the id 'nope'"),
    "no terminal": (["rules", "edit", "hot"], 2, "there is no terminal to edit on"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_one_line(
    ruler: ARuler, name: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    main(ADD)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    capsys.readouterr()
    argv, code, words = FAULTS[name]
    assert main(argv) == code
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1
