"""A dashboard as data is the dashboard again."""

import pytest

from promkit.errors import ConfigError
from ruler.dashboards import as_data, as_text, parse_dashboard
from tests.builders.dashboards import WHOLE, a_dashboard

TEXTS = {
    "every key": WHOLE,
    "next to none": as_text(a_dashboard()),
    "a name that is no YAML": as_text(a_dashboard(name="a: b # c\n- {'\"\x00")),
}


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_written_is_read_as_it_was(name: str) -> None:
    found = parse_dashboard(TEXTS[name], "a.yml")
    assert parse_dashboard(as_text(as_data(found)), "a.yml") == found


def test_what_has_its_default_is_left_out() -> None:
    data = as_data(parse_dashboard(as_text(a_dashboard()), "a.yml"))
    position = {"x": 0, "y": 0, "width": 12, "height": 8}
    assert data == {
        "id": "shop",
        "name": "shop",
        "time_range": "1h",
        "refresh": "1m",
        "widgets": [{"type": "line", "title": "Orders", "metric": "orders", "position": position}],
    }


def test_the_header_stands_on_top() -> None:
    assert as_text({"id": "a"}, "# mine\n") == "# mine\nid: a\n"


def test_data_without_an_end_are_refused() -> None:
    data: dict[str, object] = {}
    data["widgets"] = nested = [data]
    for _ in range(5_000):
        nested = [nested]  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="nested too deeply"):
        as_text({"widgets": nested})
