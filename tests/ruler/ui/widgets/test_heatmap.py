"""How often which value, over time."""

import re
from typing import Any

from promkit.labels import Labels
from ruler.ui.widgets.heatmap import heatmap
from tests.builders.widgets import NONE, a_widget, classed, found, parsed

SECONDS = "sum by (le) (rate(x_seconds_bucket[5m]))"


def buckets(**rows: Any) -> Any:
    """Cumulative counts by their upper bounds."""
    return found(
        [(Labels({"le": le.lstrip("b").replace("_", ".")}), row) for le, row in rows.items()], expr=SECONDS
    )


def names(markup: str) -> list[str]:
    """From the bottom up."""
    scale = classed(markup, "scale")[0]
    return [one.text or "" for one in scale.iter("text")]


def cells(markup: str) -> dict[int, int]:
    """How many stretches of each shade."""
    shades = {}
    for one in parsed(markup).iter("path"):
        shade = re.fullmatch(r"q(\d+)", one.get("class") or "")
        if shade:
            shades[int(shade[1])] = (one.get("d") or "").count("M")
    return shades


def test_buckets_are_told_apart_and_stand_in_their_order() -> None:
    one = buckets(b10=[0, 4, 4], b0_5=[0, 4, 0], b1=[0, 4, 1])
    markup = heatmap(a_widget(SECONDS), [one], 200)
    assert names(markup) == ["500 ms", "1 s", "10 s"]
    # 4 up to 0.5 s in the first minute; 1 up to 1 s and 3 up to 10 s in the second.
    assert cells(markup) == {10: 1, 5: 1, 9: 1}


def test_empty_buckets_above_and_below_are_left_out() -> None:
    one = buckets(b1=[0, 0], b2=[3, 3], b3=[3, 3], b4=[5, 5], **{"b+Inf": [5, 5]})
    assert names(heatmap(a_widget(SECONDS), [one], 200)) == ["2 s", "3 s", "4 s"]


def test_what_is_above_the_last_bound_is_called_so() -> None:
    one = buckets(b1=[1, 1], **{"b+Inf": [2, 2]})
    assert names(heatmap(a_widget(SECONDS), [one], 200)) == ["1 s", "above"]


def test_many_buckets_are_merged_with_their_neighbours() -> None:
    one = buckets(**{f"b{n}": [n, n] for n in range(1, 11)})
    assert names(heatmap(a_widget(SECONDS, limit=5), [one], 200)) == ["2 s", "4 s", "6 s", "8 s", "10 s"]


def test_other_series_are_rows_by_their_names_from_the_top() -> None:
    one = found([(Labels({"cpu": "0"}), [1, 1, 1]), (Labels({"cpu": "1"}), [0, 0, NONE])])
    markup = heatmap(a_widget(), [one], 200)
    assert names(markup) == ["1", "0"]
    assert cells(markup) == {10: 1}  # a row of one shade is one shape


def test_nothing_at_all_is_drawn_empty_and_the_label_says_where_most_is() -> None:
    assert cells(heatmap(a_widget(), [found([(Labels({"a": "x"}), [0, 0])])], 200)) == {}
    one = found([(Labels({"a": "x"}), [1, 1]), (Labels({"a": "y"}), [5, 5])])
    assert 'aria-label="Load: 2 rows over time; most in y"' in heatmap(a_widget(), [one], 200)


def test_the_key_says_what_the_darkest_is() -> None:
    one = found([(Labels({"a": "x"}), [1, 42])])
    assert "42" in "".join(classed(heatmap(a_widget(), [one], 200), "key")[0].itertext())
    assert classed(heatmap(a_widget(legend=False), [one], 200), "key") == []
