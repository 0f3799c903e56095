"""A value now, as an arc or a number."""

import pytest

from promkit.labels import Labels
from ruler.dashboards import Threshold
from ruler.ui.widgets.gauge import gauges
from tests.builders.widgets import NONE, a_widget, classed, found, said

ONE = found([(Labels({}), [0.5])])


def test_a_scale_with_an_end_is_an_arc_and_one_without_a_number() -> None:
    assert classed(gauges(a_widget(max=1), [ONE], 0), "arc")
    assert classed(gauges(a_widget("x_ratio"), [found([(Labels({}), [0.5])], expr="x_ratio")], 0), "arc")
    markup = gauges(a_widget(), [ONE], 0)
    assert (classed(markup, "arc"), said(markup)) == ([], "0.5")


ENDS = {
    "the beginning": (0, None),
    "the middle": (5, "100.0 26.0"),
    "the end": (10, "178.0 104.0"),
    "below": (-3, None),
    "beyond": (99, "178.0 104.0"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_arc_reaches_as_far_as_the_value(name: str) -> None:
    value, end = ENDS[name]
    markup = gauges(a_widget(max=10), [found([(Labels({}), [value])])], 0)
    paths = [one.get("d") or "" for one in classed(markup, "value") if one.tag == "path"]
    assert [path.rsplit(" ", 2)[-2:] for path in paths] == ([] if end is None else [end.split()])


def test_thresholds_are_a_ring_and_colour_the_value() -> None:
    steps = [Threshold(4, "medium"), Threshold(8, "critical"), Threshold(1, "low", falling=True)]
    markup = gauges(a_widget(max=10, thresholds=steps), [found([(Labels({}), [9])])], 0)
    assert [one.get("class") for one in classed(markup, "ring")] == [
        "ring low",
        "ring medium",
        "ring critical",
    ]
    assert "9 of 10 critical" in said(markup)
    calm = gauges(a_widget(max=10, thresholds=steps), [found([(Labels({}), [3])])], 0)
    assert len(classed(calm, "ok")) == 1


def test_several_are_named_and_none_is_nothing() -> None:
    several = found([(Labels({"n": "a"}), [1]), (Labels({"n": "b"}), [2]), (Labels({"n": "c"}), [NONE])])
    assert [one.text for one in classed(gauges(a_widget(), [several], 0), "name")] == ["a", "b"]
    assert gauges(a_widget(), [found([(Labels({}), [NONE])])], 0) == ""
