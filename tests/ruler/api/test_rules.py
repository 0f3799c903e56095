"""Rules that are listed, added, changed, removed and switched over the API."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from promkit.instant import format_instant
from ruler.rules import RuleContext, parse_rules
from tests.builders.ruler import Answer, ARuler, a_ruler_in_memory

PATH = "/api/v1/lumina/rules"
RULES = {
    "rules": [{"id": "busy", "metric": "load", "condition": "gt", "threshold": 4, "severity": "high"}],
    "groups": [{"name": "g", "rules": [{"record": "load:sum", "expr": "sum(load)"}]}],
}
HOT = {"id": "hot", "name": "Hot", "metric": "temperature", "condition": "gt", "threshold": 30}


@pytest.fixture
def ruler(tmp_path: Path) -> Iterator[ARuler]:
    with a_ruler_in_memory(tmp_path, rules=RULES) as ruler:
        ruler.rooms.look_at_rules()
        yield ruler


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rules" / "api.yml"


def add(ruler: ARuler, **changes: Any) -> Answer:
    return ruler.post(f"{PATH}?by=ann", {**HOT, **changes})


def put(ruler: ARuler, id_: str, body: Any, if_match: str = "*") -> Answer:
    return ruler.ask("PUT", f"{PATH}/{id_}?by=ben", json.dumps(body).encode(), If_Match=if_match)


def delete(ruler: ARuler, id_: str, if_match: str = "*") -> Answer:
    return ruler.ask("DELETE", f"{PATH}/{id_}?by=cy", If_Match=if_match)


def told(ruler: ARuler) -> list[tuple[str, str, str]]:
    events = ruler.get("/api/v1/lumina/events", format="json").data["events"]
    return [(event["type"], event["data"]["rule"], event["data"]["by"]) for event in events]


def test_a_rule_is_in_force_when_the_answer_comes(ruler: ARuler, file: Path) -> None:
    answer = add(ruler)
    assert answer.status == 201
    assert answer.headers["location"] == f"{PATH}/hot"
    ruler.feed(("temperature", {"room": "a"}, 31))
    ruler.evaluate()
    assert ruler.alert("Hot").firing
    assert [rule.id for rule in parse_rules(file.read_text(), "api.yml", RuleContext()).rules] == ["hot"]
    assert put(ruler, "hot", {**HOT, "threshold": 40}).status == 200
    ruler.later(30_000)
    ruler.evaluate()
    assert [alert.name for alert in ruler.book.alerts()] == []
    assert delete(ruler, "hot").data == {"id": "hot"}
    assert ruler.get(f"{PATH}/hot").status == 404
    assert told(ruler) == [
        ("rule_added", "hot", "ann"), ("rule_updated", "hot", "ben"), ("rule_removed", "hot", "cy")
    ]  # fmt: skip


def test_alerts_of_a_rule_that_is_removed_end(ruler: ARuler) -> None:
    add(ruler)
    ruler.feed(("temperature", {}, 31))
    ruler.evaluate()
    delete(ruler, "hot")
    (ended,) = ruler.book.resolved(0)
    assert (ended.name, ended.reason) == ("Hot", "rule removed")


def test_what_is_shown_of_a_rule(ruler: ARuler) -> None:
    given = {**HOT, "autoRemediation": {"action": "scale_up", "parameters": {"instances": 1}}}
    ruler.post(f"{PATH}?by=ann", given)
    ruler.later(60_000)
    put(ruler, "hot", {**given, "duration": "5m", "cooldown": "10m", "channels": ["email"]})
    shown = ruler.get(f"{PATH}/hot").data
    expected = {
        "id": "hot", "name": "Hot", "type": "alert", "metric": "temperature", "condition": "gt",
        "threshold": 30, "expr": "temperature > 30", "for_ms": 300_000, "cooldown_ms": 600_000,
        "severity": "medium", "channels": ["email"], "file": "rules/api.yml", "line": 3, "editable": True,
        "auto_remediation": {"action": "scale_up", "parameters": {"instances": 1}},
        "created_by": "ann", "created": iso(ruler, -60_000), "changed_by": "ben", "changed": iso(ruler),
        "enabled": True, "override": None, "state": "inactive", "alerts": [],
        "written": {**given, "duration": "5m", "cooldown": "10m", "channels": ["email"]},
    }  # fmt: skip
    assert {key: shown[key] for key in expected} == expected


def iso(ruler: ARuler, before_ms: int = 0) -> str:
    return format_instant(ruler.clock.at_ms + before_ms)


def test_the_list_has_states_of_all_files(ruler: ARuler) -> None:
    add(ruler)
    ruler.feed(("temperature", {}, 31), ("load", {}, 1))
    ruler.evaluate()
    rows = {row["id"]: row for row in ruler.get(PATH).data}
    assert {id_: (row["state"], row["file"], row["editable"]) for id_, row in rows.items()} == {
        "rules.yml;g;load:sum": ("recording", "rules.yml", False),
        "busy": ("inactive", "rules.yml", False),
        "hot": ("firing", "rules/api.yml", True),
    }
    assert rows["hot"]["alerts"] == [ruler.alert("Hot").fingerprint]
    assert [row["id"] for row in ruler.get(PATH, state="firing").data] == ["hot"]
    assert [row["id"] for row in ruler.get(PATH, severity="high").data] == ["busy"]


def test_a_switch_shows_and_is_told(ruler: ARuler) -> None:
    ruler.post(f"{PATH}/busy/switch", {"enabled": False, "by": "ann", "expires": "1h"})
    shown = ruler.get(f"{PATH}/busy").data
    assert (shown["enabled"], shown["state"], shown["override"]["by"]) == (False, "off", "ann")
    ruler.later(3_600_000)
    ruler.book.expire(ruler.clock.at_ms)
    ruler.rooms.look_at_rules()
    assert told(ruler) == [("rule_disabled", "busy", "ann"), ("rule_enabled", "busy", "")]


def test_changes_do_not_run_past_one_another(ruler: ARuler) -> None:
    add(ruler)
    add(ruler, id="cold")
    etag = ruler.get(f"{PATH}/hot").headers["etag"]
    assert put(ruler, "cold", {**HOT, "id": "cold", "threshold": 2}).status == 200  # another rule's change
    assert put(ruler, "hot", {**HOT, "threshold": 31}, etag).status == 200
    stale = put(ruler, "hot", {**HOT, "threshold": 32}, etag)
    assert (stale.status, stale.json["error"]) == (412, "it has changed since it was read")
    assert delete(ruler, "hot", etag).status == 412
    assert delete(ruler, "hot", ruler.get(f"{PATH}/hot").headers["etag"]).status == 200


def test_many_at_a_time_lose_nothing(ruler: ARuler, file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: add(ruler, id=f"r{number}").status, range(16)))
    assert answers == [201] * 16
    assert len(yaml.safe_load(file.read_text())["rules"]) == 16
    assert len(ruler.get(PATH).data) == 16 + 2


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_a_rule_of_another_file_is_changed_there(ruler: ARuler, method: str, file: Path) -> None:
    body = {**HOT, "id": "busy"}
    answer = {
        "PUT": lambda: put(ruler, "busy", body),
        "DELETE": lambda: delete(ruler, "busy"),
        "POST": lambda: ruler.post(PATH, body),
    }[method]()
    assert answer.status == 409
    assert answer.json["where"].startswith("rules.yml:")
    assert answer.json["remedy"] == "change it there"
    assert not file.exists()


FAULTS: dict[str, tuple[dict[str, Any], str, str | None]] = {
    "an unknown key": ({"treshold": 3}, "treshold", "did you mean 'threshold'?"),
    "a percentage": ({"metric": "cpu_ratio", "threshold": 80}, "threshold", "write 0.8 for 80 %"),
    "no expression": ({"metric": "sum("}, "metric", None),
    "an unknown channel": ({"channels": ["mail"]}, "channels", "known are email, slack, sms, ui"),
    "no id": ({"id": ""}, "id", None),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_rule_is_refused_with_its_key(ruler: ARuler, name: str, file: Path) -> None:
    changes, where, remedy = FAULTS[name]
    answer = add(ruler, **changes)
    assert answer.status == 400
    assert answer.json["where"] == where
    assert answer.json["error"]
    if remedy is not None:
        assert answer.json["remedy"] == remedy
    assert not file.exists()


def test_all_faults_of_a_rule_are_told(ruler: ARuler) -> None:
    answer = add(ruler, threshold="much", duration="long")
    assert [fault["where"] for fault in answer.json["faults"]] == ["threshold", "duration"]


def test_nothing_changes_where_the_configuration_is_broken_elsewhere(
    ruler: ARuler, tmp_path: Path, file: Path
) -> None:
    add(ruler)
    before = file.read_text()
    (tmp_path / "rules.yml").write_text("rules: [{id: x}]")
    answer = put(ruler, "hot", {**HOT, "threshold": 99})
    assert answer.status == 409
    assert "rules.yml:1:9" in answer.json["error"]
    assert answer.json["remedy"] == "mend that first: nothing was changed"
    assert file.read_text() == before
    assert ruler.get(f"{PATH}/hot").data["threshold"] == 30
    assert add(ruler, id="other").status == 409


def test_the_first_rule_leaves_no_file_behind_where_it_cannot_come_into_force(
    ruler: ARuler, tmp_path: Path, file: Path
) -> None:
    (tmp_path / "rules.yml").write_text("rules: [{id: x}]")
    assert add(ruler).status == 409
    assert not file.exists()


def test_a_file_that_was_broken_by_hand_is_not_written_over(ruler: ARuler, file: Path) -> None:
    add(ruler)
    file.write_text("rules: {")
    answer = put(ruler, "hot", HOT)
    assert answer.status == 400
    assert answer.json["where"].startswith("rules/api.yml:")
    assert file.read_text() == "rules: {"
    shown = ruler.get(f"{PATH}/hot").data  # what is in force is still shown
    assert (shown["threshold"], shown["written"]) == (30, None)


def test_a_file_that_rule_files_name_already_is_read_once(tmp_path: Path) -> None:
    config = {"rule_files": [str(tmp_path / "rules" / "*.yml")]}
    with a_ruler_in_memory(tmp_path, config) as ruler:
        assert add(ruler).status == 201
        assert add(ruler, id="cold").status == 201
        assert [(row["id"], row["file"]) for row in ruler.get(PATH).data] == [
            ("hot", "rules/api.yml"),
            ("cold", "rules/api.yml"),
        ]
