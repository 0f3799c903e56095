"""Series over time."""

from promkit.labels import Labels
from ruler.dashboards import Threshold
from ruler.ui.widgets.line import lines
from tests.builders.widgets import a_widget, classed, found, said

TWO = found([(Labels({"job": "a"}), [1, 2, 3]), (Labels({"job": "b"}), [3, 2, 1])])


def test_each_series_is_a_line_with_its_name_and_value_now() -> None:
    markup = lines(a_widget(), [TWO], 200)
    assert len(classed(markup, "line")) == 2
    assert said(markup).endswith("a 3b 1")


def test_a_lone_line_is_filled_and_a_stack_is() -> None:
    assert len(classed(lines(a_widget(), [found([(Labels({}), [1, 2])])], 200), "area")) == 1
    assert classed(lines(a_widget(), [TWO], 200), "area") == []
    assert len(classed(lines(a_widget(stacked=True), [TWO], 200), "area")) == 2


def test_thresholds_are_named_by_their_severity() -> None:
    markup = lines(a_widget(thresholds=[Threshold(2.5, "high")]), [TWO], 200)
    assert len(classed(markup, "threshold")) == 1
    assert said(markup).endswith("high 2.5")


def test_what_the_legend_leaves_goes_to_the_lines() -> None:
    with_legend, without = (
        int(classed(lines(a_widget(legend=legend), [TWO], 200), "plot")[0].get("height") or 0)
        for legend in (True, False)
    )
    assert 60 <= with_legend < without == 200


def test_what_is_left_out_is_said() -> None:
    assert "the 1 largest of 2" in said(lines(a_widget(limit=1), [TWO], 200))
