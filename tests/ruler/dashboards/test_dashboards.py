"""Dashboards in force: made, changed, looked at, and known again after a restart."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from promkit.errors import ConfigError, Conflict, NotFound, Outdated, Unavailable
from ruler.dashboards import Change, Dashboards, DashboardSet, load_dashboards, parse_dashboard
from ruler.database import Database
from tests.builders.dashboards import a_dashboard, a_widget

FILE = parse_dashboard("id: mine\nwidgets: [{type: line, title: T, metric: x}]", "dashboards/mine.yml")
MINUTE = 60_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path}/state.db")
    yield database
    database.close()


@pytest.fixture
def room(tmp_path: Path, database: Database) -> Dashboards:
    room = Dashboards(database, tmp_path)
    room.adopt(DashboardSet((FILE,)), 1_000)
    return room


def fine(_text: str) -> None:
    """Whatever was read, it is what was meant."""


def written(folder: Path) -> DashboardSet:
    return load_dashboards([], folder, optional=["dashboards/api/*.yml"])


def test_one_is_made_changed_and_removed_in_a_file_of_its_own(room: Dashboards, tmp_path: Path) -> None:
    kept = room.create(a_dashboard(), "ann", 2_000)
    path = tmp_path / "dashboards" / "api" / "shop.yml"
    assert path.read_text().startswith("# Written by the API")
    assert (kept.editable, kept.facts.created_by, kept.facts.created_ms) == (True, "ann", 2_000)
    assert written(tmp_path).dashboards == (kept.dashboard,)
    changed = room.update("shop", {"widgets": [a_widget(title="Sales")]}, "ben", 3_000, fine)
    assert changed.dashboard.widgets[0].title == "Sales"
    assert changed.dashboard.created_by == "ann"
    assert (changed.facts.created_by, changed.facts.updated_by, changed.facts.updated_ms) == (
        "ann",
        "ben",
        3_000,
    )
    assert written(tmp_path).dashboards == (changed.dashboard,)
    room.delete("shop", "ann", 4_000, fine)
    assert not path.exists()
    assert [one.dashboard.id for one in room.all()] == ["mine"]


def test_every_change_is_told_with_who_and_when(room: Dashboards) -> None:
    told: list[Change] = []
    room.listen(told.append)
    room.create(a_dashboard(name="Shop"), "ann", 2_000)
    room.update("shop", a_dashboard(name="The shop"), "ben", 3_000, fine)
    room.adopt(DashboardSet((FILE, room.get("shop").dashboard)), 3_500)
    room.delete("shop", "ann", 4_000, fine)
    room.adopt(DashboardSet(), 5_000)
    assert told == [
        Change("created", "shop", "Shop", "ann", 2_000),
        Change("updated", "shop", "The shop", "ben", 3_000),
        Change("deleted", "shop", "The shop", "ann", 4_000),
        Change("deleted", "mine", "mine", "", 5_000),
    ]


def test_after_a_restart_only_what_changed_meanwhile_is_told(
    database: Database, room: Dashboards, tmp_path: Path
) -> None:
    room.viewed("mine", 1_500)
    room.create(a_dashboard(), "ann", 2_000)
    (tmp_path / "dashboards" / "api" / "shop.yml").unlink()
    later, told = Dashboards(database, tmp_path), list[Change]()
    later.listen(told.append)
    other = parse_dashboard("id: mine\nwidgets: [{type: bar, title: T, metric: x}]", "dashboards/mine.yml")
    later.adopt(DashboardSet((other,)), 9_000)
    assert [(one.deed, one.id) for one in told] == [("updated", "mine"), ("deleted", "shop")]
    facts = later.get("mine").facts
    assert (facts.created_ms, facts.updated_ms, facts.viewed_ms) == (1_000, 9_000, 1_500)


def test_one_that_was_made_while_files_were_read_stays(room: Dashboards) -> None:
    before = DashboardSet((FILE,))  # as it was read
    room.create(a_dashboard(), "ann", 2_000)
    room.adopt(before, 3_000)
    assert [one.dashboard.id for one in room.all()] == ["mine", "shop"]
    room.delete("shop", "ann", 4_000, fine)
    assert [one.dashboard.id for one in room.all()] == ["mine"]
    room.create(a_dashboard("other"), "ann", 5_000)
    taken = parse_dashboard("id: other\nwidgets: [{type: bar, title: T, metric: x}]", "other.yml")
    with pytest.raises(ConfigError, match=r"api/other.yml:2:1: .* is taken already at other.yml:1:1"):
        room.adopt(DashboardSet((FILE, taken)), 6_000)
    assert len(room.all()) == 2


def test_a_look_is_remembered_once_a_minute(database: Database, room: Dashboards, tmp_path: Path) -> None:
    assert room.get("mine").facts.viewed_ms is None
    for at_ms in (2_000, 2_000 + MINUTE - 1, 2_000 + MINUTE):
        room.viewed("mine", at_ms)
    assert room.get("mine").facts.viewed_ms == 2_000 + MINUTE
    later = Dashboards(database, tmp_path)
    later.adopt(DashboardSet((FILE,)), 500_000)
    assert later.get("mine").facts.viewed_ms == 2_000 + MINUTE


def test_dashboards_of_people_s_files_are_changed_there(room: Dashboards) -> None:
    with pytest.raises(Conflict, match=r"mine.yml:1:1: dashboard 'mine' belongs to a file of its own"):
        room.update("mine", a_dashboard("mine"), "ann", 2_000, fine)
    with pytest.raises(Conflict, match=r"dashboards/mine.yml:1:1"):
        room.delete("mine", "ann", 2_000, fine)
    with pytest.raises(Conflict, match=r"dashboards/mine.yml:1:1: there is a dashboard 'mine' already"):
        room.create(a_dashboard("mine"), "ann", 2_000)


def test_what_is_refused_changes_nothing(room: Dashboards, tmp_path: Path) -> None:
    def stale(_text: str) -> None:
        raise Outdated("it has changed")

    kept = room.create(a_dashboard(), "ann", 2_000)
    path = tmp_path / "dashboards" / "api" / "shop.yml"
    before = path.read_text()
    with pytest.raises(ConfigError, match=r"dashboards/api/shop.yml:3:1: unknown key 'widgetz'"):
        room.update("shop", {"widgetz": []}, "ann", 3_000, fine)
    with pytest.raises(ConfigError, match="the id is 'shop', and cannot become 'other'"):
        room.update("shop", a_dashboard("other"), "ann", 3_000, fine)
    with pytest.raises(Outdated):
        room.update("shop", a_dashboard(), "ann", 3_000, stale)
    with pytest.raises(Outdated):
        room.delete("shop", "ann", 3_000, stale)
    assert (room.get("shop"), path.read_text()) == (kept, before)
    with pytest.raises(NotFound, match="no dashboard has the id 'nope'"):
        room.update("nope", a_dashboard("nope"), "ann", 3_000, fine)


@pytest.mark.parametrize("id_", ["../up", "a/b", "", None, 7, ".hidden", "A"])
def test_an_id_is_no_path(room: Dashboards, tmp_path: Path, id_: object) -> None:
    with pytest.raises(ConfigError):
        room.create({**a_dashboard(), "id": id_}, "ann", 2_000)
    assert not (tmp_path / "dashboards").exists()


def test_a_file_that_cannot_be_written_leaves_no_trace(room: Dashboards, tmp_path: Path) -> None:
    (tmp_path / "dashboards").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        room.create(a_dashboard(), "ann", 2_000)
    assert [one.dashboard.id for one in room.all()] == ["mine"]
    (tmp_path / "dashboards").unlink()
    assert room.create(a_dashboard(), "ann", 3_000).facts.created_ms == 3_000


def test_without_a_file_of_configuration_there_is_nowhere_to_keep_one(database: Database) -> None:
    with pytest.raises(Conflict, match="start the ruler with --config"):
        Dashboards(database, None).create(a_dashboard(), "ann", 2_000)
