"""Dashboards of a running ruler: files that change, faults that change nothing, a restart, roles."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.builders.dashboards import a_dashboard, a_widget
from tests.builders.e2e import Ruler, a_ruler, ask, call, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PATH = "/api/v1/lumina/dashboards"
FAULTY = "id: shop\nwidgets:\n  - {type: line, title: Orders, metrik: orders}\n"


@pytest.fixture
def ruler(tmp_path: Path) -> Ruler:
    ruler = a_ruler(tmp_path)
    ruler.write({"dashboard_files": ["dashboards/*.yml"]})
    (tmp_path / "dashboards").mkdir()
    write(ruler, a_dashboard(name="Before"))
    return ruler


def write(ruler: Ruler, dashboard: dict[str, Any] | str) -> None:
    text = dashboard if isinstance(dashboard, str) else yaml.safe_dump(dashboard)
    (ruler.folder / "dashboards" / "shop.yml").write_text(text)


def names(ruler: Ruler) -> dict[str, str]:
    return {one["id"]: one["name"] for one in ask(ruler.url + PATH)}


def told(ruler: Ruler) -> list[tuple[str, str]]:
    kinds = "dashboard_created,dashboard_updated,dashboard_deleted"
    events = ask(f"{ruler.url}/api/v1/lumina/events", types=kinds, format="json")["events"]
    return [(one["type"], one["data"]["dashboard"]) for one in events]


def test_files_are_taken_up_as_they_change_and_a_faulty_one_changes_nothing(ruler: Ruler) -> None:
    with ruler.start() as process:
        assert names(ruler) == {"shop": "Before"}
        write(ruler, FAULTY)
        fault = "dashboards/shop.yml:3:33: unknown key 'metrik'"
        until(lambda: fault in process.log.read_text())
        assert names(ruler) == {"shop": "Before"}
        write(ruler, a_dashboard(name="After", widgets=[a_widget(type="bar")]))
        until(lambda: names(ruler) == {"shop": "After"})
        assert told(ruler)[-1] == ("dashboard_updated", "shop")
        (ruler.folder / "dashboards" / "shop.yml").unlink()
        until(lambda: names(ruler) == {})
        assert told(ruler)[-1] == ("dashboard_deleted", "shop")
        assert "Traceback" not in process.log.read_text()


def test_who_made_one_and_who_looked_outlives_a_restart(ruler: Ruler) -> None:
    with ruler.start():
        assert call("POST", f"{ruler.url}{PATH}?by=ann", a_dashboard("mine"))[0] == 201
        before = ask(f"{ruler.url}{PATH}/mine")
        write(ruler, FAULTY)
        assert call("PUT", f"{ruler.url}{PATH}/mine", a_dashboard("mine", name="Mine"))[0] == 200
    write(ruler, a_dashboard(name="Changed meanwhile"))
    with ruler.start():
        assert names(ruler) == {"mine": "Mine", "shop": "Changed meanwhile"}
        after = next(one for one in ask(ruler.url + PATH) if one["id"] == "mine")
        assert (after["created_by"], after["created"]) == ("ann", before["created"])
        assert after["last_viewed"] == before["last_viewed"]
        assert told(ruler) == [("dashboard_updated", "shop")]


def test_a_ruler_does_not_start_on_a_faulty_one(ruler: Ruler) -> None:
    write(ruler, FAULTY)
    fault = r"dashboards/shop.yml:3:33: unknown key 'metrik'"
    with pytest.raises(pytest.fail.Exception, match=fault), ruler.start():
        pass


WEB = {
    "anonymous": "viewer",
    "tokens": [{"name": "ann", "role": "operator", "token": "operators-own-token-0123456789"}],
}


def test_to_look_is_for_all_who_may_read_and_to_change_for_operators(ruler: Ruler) -> None:
    path = ruler.folder / "web.yml"
    path.write_text(yaml.safe_dump(WEB))

    def post(headers: dict[str, str]) -> tuple[int, str]:
        body = json.dumps(a_dashboard("mine")).encode()
        headers = {"Content-Type": "application/json", **headers}
        try:
            with urllib.request.urlopen(urllib.request.Request(ruler.url + PATH, body, headers)) as answer:
                return answer.status, json.load(answer)["data"]["created_by"]
        except urllib.error.HTTPError as error:
            with error:
                return error.code, ""

    with ruler.start("--web.config.file", str(path)):
        assert names(ruler) == {"shop": "Before"}
        assert post({})[0] in {401, 403}
        assert post({"Authorization": "Bearer operators-own-token-0123456789"}) == (201, "ann")
