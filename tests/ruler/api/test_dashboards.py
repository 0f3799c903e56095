"""Dashboards over the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders.dashboards import a_dashboard, a_widget
from tests.builders.ruler import Answer, ARuler, a_ruler_in_memory

PATH = "/api/v1/lumina/dashboards"
MINE = "id: mine\nname: Mine\nwidgets: [{type: line, title: T, metric: 'rate(x_total[5m])'}]\n"


@pytest.fixture
def ruler(tmp_path: Path) -> Iterator[ARuler]:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "mine.yml").write_text(MINE)
    with a_ruler_in_memory(tmp_path, {"dashboard_files": ["dashboards/*.yml"]}) as ruler:
        yield ruler


def put(ruler: ARuler, id_: str, body: Any, **headers: str) -> Answer:
    return ruler.ask("PUT", f"{PATH}/{id_}", json.dumps(body).encode(), **headers)


def test_the_list_says_who_made_them_and_where_they_are_kept(ruler: ARuler) -> None:
    assert ruler.post(f"{PATH}?by=ann", a_dashboard(name="Shop")).status == 201
    mine, shop = ruler.get(PATH).data
    assert mine == {
        "id": "mine",
        "name": "Mine",
        "description": "",
        "metrics": ["x_total"],
        "time_range": "1h",
        "refresh": "1m",
        "widgets": 1,
        "created_by": "",
        "created": "2001-09-09T01:46:40.000Z",
        "updated_by": "",
        "updated": "2001-09-09T01:46:40.000Z",
        "last_viewed": None,
        "file": "dashboards/mine.yml",
        "editable": False,
    }
    assert (shop["created_by"], shop["file"], shop["editable"]) == ("ann", "dashboards/api/shop.yml", True)


def test_reading_one_is_a_view(ruler: ARuler) -> None:
    ruler.later(1_000)
    one = ruler.get(f"{PATH}/mine").data
    assert one["widgets"][0]["metric"] == "rate(x_total[5m])"
    assert one["last_viewed"] == "2001-09-09T01:46:41.000Z"


def test_what_is_read_can_be_changed_and_given_back(ruler: ARuler) -> None:
    ruler.post(PATH, a_dashboard(created_by="ann"))
    read = ruler.get(f"{PATH}/shop")
    assert put(ruler, "shop", read.data).data == {**read.data, "updated_by": "anonymous"}
    read = ruler.get(f"{PATH}/shop")
    changed = {**read.data, "widgets": [a_widget(metric="sales")], "refresh": "30s"}
    answer = put(ruler, "shop", changed, If_Match=read.headers["etag"])
    assert (answer.data["metrics"], answer.data["refresh"], answer.data["created_by"]) == (
        ["sales"],
        "30s",
        "ann",
    )
    assert answer.headers["etag"] == ruler.get(f"{PATH}/shop").headers["etag"] != read.headers["etag"]


def test_changes_do_not_run_over_one_another(ruler: ARuler) -> None:
    stale = ruler.post(PATH, a_dashboard()).headers["etag"]
    assert put(ruler, "shop", a_dashboard(name="by ben"), If_Match=stale).status == 200
    answer = put(ruler, "shop", a_dashboard(name="by ann"), If_Match=stale)
    assert (answer.status, answer.json["error"]) == (412, "it has changed since it was read")
    assert ruler.ask("DELETE", f"{PATH}/shop", If_Match=stale).status == 412
    assert ruler.get(f"{PATH}/shop").data["name"] == "by ben"
    assert ruler.ask("DELETE", f"{PATH}/shop").data == {"id": "shop"}
    assert ruler.get(f"{PATH}/shop").status == 404


def test_the_spelling_of_javascript_is_taken(ruler: ARuler) -> None:
    answer = ruler.post(PATH, a_dashboard(timeRange="24h", createdBy="ann"))
    assert (answer.status, answer.json["data"]["time_range"], answer.json["data"]["created_by"]) == (
        201,
        "1d",
        "ann",
    )


REFUSED: dict[str, tuple[str, str, Any, int, str]] = {
    "a faulty one": ("POST", "", a_dashboard(widgets=[a_widget(metric="sum(")]), 400, "metric: parse error"),
    "an unknown key": ("POST", "", a_dashboard(naem="x"), 400, "unknown key 'naem'"),
    "no object": ("POST", "", [], 400, "body"),
    "half a character": ("POST", "", a_dashboard(name="\ud800"), 400, "not YAML"),
    "a taken id": ("POST", "", a_dashboard("mine"), 409, "there is a dashboard 'mine' already"),
    "another file's, changed": ("PUT", "/mine", a_dashboard("mine"), 409, "belongs to a file of its own"),
    "another file's, removed": ("DELETE", "/mine", None, 409, "belongs to a file of its own"),
    "an unknown one, changed": ("PUT", "/nope", a_dashboard("nope"), 404, "no dashboard has the id 'nope'"),
    "an unknown one, removed": ("DELETE", "/nope", None, 404, "no dashboard has the id 'nope'"),
    "an unknown one, read": ("GET", "/nope", None, 404, "no dashboard has the id 'nope'"),
    "a novel for a name": ("POST", f"?by={'n' * 300}", a_dashboard(), 400, "a name of more than 200 letters"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(ruler: ARuler, name: str) -> None:
    method, path, body, status, problem = REFUSED[name]
    data = None if body is None else json.dumps(body).encode()
    answer = ruler.ask(method, PATH + path, data)
    assert answer.status == status, answer.text
    assert problem in answer.json["error"]
    assert [one["id"] for one in ruler.get(PATH).data] == ["mine"]


def test_a_fault_names_its_line_as_in_the_file(ruler: ARuler) -> None:
    answer = ruler.post(PATH, a_dashboard(widgets=[a_widget(config={"max": "high"})]))
    assert answer.json["where"] == "dashboards/api/shop.yml:8:10"


def happened(ruler: ARuler) -> list[Any]:
    """Events of dashboards, oldest first."""
    kinds = "dashboard_created,dashboard_updated,dashboard_deleted,dashboards_updated"
    events = ruler.get("/api/v1/lumina/events", types=kinds, format="json").data["events"]
    return [(one["type"], one["data"]) for one in events]


def test_every_change_is_an_event(ruler: ARuler) -> None:
    before = len(happened(ruler))
    ruler.post(f"{PATH}?by=ann", a_dashboard(name="Shop"))
    put(ruler, "shop?by=ben", a_dashboard(name="Shops"))
    ruler.ask("DELETE", f"{PATH}/shop?by=ann")
    assert happened(ruler)[before:] == [
        ("dashboard_created", {"dashboard": "shop", "name": "Shop", "by": "ann"}),
        ("dashboard_updated", {"dashboard": "shop", "name": "Shops", "by": "ben"}),
        ("dashboard_deleted", {"dashboard": "shop", "name": "Shops", "by": "ann"}),
    ]


def test_once_a_minute_it_is_told_that_there_are_new_values(ruler: ARuler) -> None:
    def told() -> int:
        ruler.rooms.look_at_dashboards()
        return happened(ruler).count(("dashboards_updated", {"dashboards": 1}))

    assert [told(), told()] == [1, 1]
    ruler.later(59_999)
    assert told() == 1
    ruler.later(1)
    assert told() == 2


def test_health_counts_them(ruler: ARuler) -> None:
    ruler.post(PATH, a_dashboard())
    assert ruler.get("/api/v1/lumina/health").data["dashboards"] == 2
