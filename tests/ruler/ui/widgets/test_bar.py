"""Values now, a bar each."""

import math

import pytest

from promkit.labels import Labels
from ruler.dashboards import Threshold
from ruler.ui.widgets.bar import bars
from tests.builders.widgets import NONE, a_widget, classed, found, said

EXPR = "system_disk_usage_ratio"
DISKS = [(Labels({"mount": name}), [value]) for name, value in (("/", 0.2), ("/var", 0.9), ("/old", NONE))]


def widths(markup: str) -> list[float]:
    return [float(one.get("width") or 0) for one in classed(markup, "value")]


def test_the_largest_comes_first_and_what_has_no_value_does_not() -> None:
    markup = bars(a_widget(EXPR), [found(DISKS, expr=EXPR)], 0)
    assert said(markup) == "/var90 %/20 %"
    assert widths(markup) == [90, 20]


def test_a_threshold_is_a_mark_and_colours_who_meets_it() -> None:
    widget = a_widget(EXPR, thresholds=[Threshold(0.8, "high")])
    markup = bars(widget, [found(DISKS, expr=EXPR)], 0)
    assert len(classed(markup, "mark")) == 2
    assert [one.get("class") for one in classed(markup, "bar")] == ["bar high", "bar "]
    assert "90 % high" in said(markup)


@pytest.mark.parametrize(("values", "expected"), [([4, 2], [100, 50]), ([1, -1], [50, 50]), ([0, 0], [0, 0])])
def test_without_an_end_the_scale_holds_all(values: list[float], expected: list[float]) -> None:
    series = [(Labels({"n": str(n)}), [value]) for n, value in enumerate(values)]
    assert widths(bars(a_widget(), [found(series)], 0)) == expected


def test_values_beyond_the_scale_are_at_its_end() -> None:
    series = [(Labels({"n": str(n)}), [value]) for n, value in enumerate((50, -5, math.inf))]
    assert widths(bars(a_widget(min=0, max=10), [found(series)], 0)) == [100, 100, 0]


def test_no_value_is_nothing_and_markup_from_outside_is_text() -> None:
    assert bars(a_widget(), [found([(Labels({}), [NONE])])], 0) == ""
    markup = bars(
        a_widget(title='"><b>'), [found([(Labels({"a": "<i>"}), [1]), (Labels({"a": "b"}), [1])])], 0
    )
    assert "<i>" in said(markup)
