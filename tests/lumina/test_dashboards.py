"""`lumina dashboards` against a ruler."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lumina.__main__ import main
from tests.builders.dashboards import WHOLE
from tests.builders.ruler import ARuler, a_ruler_in_memory

SHOP = """# Ours.
id: shop
name: Shop
widgets:
  - {type: line, title: Orders, metric: orders}
"""


@pytest.fixture
def ruler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ARuler]:
    (tmp_path / "dashboards").mkdir()
    (tmp_path / "dashboards" / "host.yml").write_text(WHOLE)
    with a_ruler_in_memory(tmp_path, {"dashboard_files": ["dashboards/*.yml"]}) as ruler:
        monkeypatch.setenv("LUMINA_URL", ruler.url)
        monkeypatch.setenv("USER", "ann")
        yield ruler


@pytest.fixture
def shop(tmp_path: Path) -> str:
    path = tmp_path / "shop.yml"
    path.write_text(SHOP)
    return str(path)


def test_one_is_added_shown_changed_and_removed(
    ruler: ARuler, shop: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboards", "add", shop]) == 0
    assert capsys.readouterr().err == f"added shop: {ruler.url}/dashboards/shop\n"
    assert main(["dashboards", "show", "shop"]) == 0
    shown = capsys.readouterr().out
    assert yaml.safe_load(shown)["widgets"][0]["title"] == "Orders"
    Path(shop).write_text(SHOP.replace("Orders", "Sales"))
    assert main(["dashboards", "edit", "shop", shop, "--by", "ben", "--output", "json"]) == 0
    changed = json.loads(capsys.readouterr().out)
    assert changed["widgets"][0]["title"] == "Sales"
    assert (changed["created_by"], changed["updated_by"]) == ("ann", "ben")
    assert main(["dashboards", "remove", "shop"]) == 0
    assert [one.dashboard.id for one in ruler.dashboards.all()] == ["host"]


def test_the_list(ruler: ARuler, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "list"]) == 0
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "NAME", "WIDGETS", "BY", "CHANGED", "VIEWED", "FILE"]
    assert row.split()[:4] == ["host", "Host", "5", "ann"]
    assert row.split()[-2:] == ["never", "dashboards/host.yml"]
    assert main(["dashboards", "list", "--output", "json"]) == 0
    assert [one["id"] for one in json.loads(capsys.readouterr().out)] == ["host"]


def test_a_text_may_come_from_elsewhere(
    ruler: ARuler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(yaml.safe_load(SHOP))))
    assert main(["dashboards", "add", "-"]) == 0
    assert ruler.dashboards.get("shop").facts.created_by == "ann"


def test_what_an_editor_makes_of_it_is_put_in_its_place(
    ruler: ARuler, shop: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["dashboards", "add", shop])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/Orders/Sales/")
    assert main(["dashboards", "edit", "shop"]) == 0
    assert ruler.dashboards.get("shop").dashboard.widgets[0].title == "Sales"
    capsys.readouterr()
    for editor, code, said in (
        ("true", 0, "shop is as it was"),
        ("false", 2, "false ended with exit code 1: nothing was changed"),
        ("/nowhere/editor", 2, "/nowhere/editor: No such file or directory: set EDITOR"),
    ):
        monkeypatch.setenv("EDITOR", editor)
        assert main(["dashboards", "edit", "shop"]) == code
        assert said in capsys.readouterr().err


FAULTS = {
    "another file's": (["edit", "host", "SHOP"], SHOP.replace("shop", "host"), 1, "file of its own"),
    "another file's, removed": (["remove", "host"], SHOP, 1, "dashboards/host.yml:1:1: dashboard 'host'"),
    "an unknown one": (["show", "nope"], SHOP, 1, "no dashboard has the id 'nope'"),
    "a fault at its line": (["add", "SHOP"], SHOP.replace("metric", "metrik"), 2, "shop.yml:5:33: unknown"),
    "no such file": (["add", "none.yml"], SHOP, 2, "none.yml: No such file or directory"),
    "no terminal": (["edit", "host"], SHOP, 2, "there is no terminal to edit on: name a file"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_a_line(
    ruler: ARuler, shop: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words, text, code, said = FAULTS[name]
    Path(shop).write_text(text)
    assert main(["dashboards", *(shop if word == "SHOP" else word for word in words)]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
