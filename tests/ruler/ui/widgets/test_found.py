"""What queries gave, and how it is spoken of."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from promkit.labels import Labels
from ruler.dashboards import Threshold
from ruler.ui.widgets.found import series_of, unit_and_write, worst
from tests.builders.widgets import NONE, a_widget, found

NAMES: dict[str, tuple[list[Mapping[str, str]], str, list[str]]] = {
    "by the legend": ([{"mount": "/", "job": "a"}], "disk {mount}", ["disk /"]),
    "by what tells them apart": ([{"job": "a", "cpu": "0"}, {"job": "a", "cpu": "1"}], "", ["0", "1"]),
    "by all that does": ([{"a": "1", "b": "2"}, {"a": "2", "b": "1"}], "", ["1 2", "2 1"]),
    "by the metric, if there is one": ([{"__name__": "load", "job": "a"}], "", ["load"]),
    "else by the query": ([{}], "", ["load"]),
    "one that lacks what the others have": ([{"__name__": "load"}, {"a": "1"}], "", ["load", "1"]),
}


@pytest.mark.parametrize("name", NAMES)
def test_series_have_names(name: str) -> None:
    labels, legend, expected = NAMES[name]
    one = found([(Labels(each), [1.0]) for each in labels], legend=legend)
    assert [series.name for series in series_of(a_widget(), [one])[0]] == expected


def test_of_several_queries_each_says_its_metric() -> None:
    both = [found([(Labels({"__name__": name, "job": "a"}), [1.0])]) for name in ("x", "y")]
    assert [series.name for series in series_of(a_widget(), both)[0]] == ["x", "y"]


def test_the_largest_are_kept_in_their_order() -> None:
    one = found([(Labels({"n": str(n)}), [NONE if n == 3 else n]) for n in range(6)])
    series, total = series_of(a_widget(limit=2), [one])
    assert ([each.name for each in series], total) == (["4", "5"], 6)
    assert np.isnan(series_of(a_widget(), [one])[0][3].latest)


UNITS: dict[str, tuple[str, dict[str, Any], str]] = {
    "by the name": ("system_disk_usage_ratio", {}, "50 %"),
    "as the widget says": ("x", {"unit": "bytes", "decimals": 1}, "0.5 B"),
    "a rate of bytes": ("rate(x_bytes_total[$__rate_interval])", {}, "0.5 B/s"),
    "none": ("x", {}, "0.5"),
}


@pytest.mark.parametrize("name", UNITS)
def test_values_have_a_unit(name: str) -> None:
    expr, look, text = UNITS[name]
    widget = a_widget(expr, **look)
    assert unit_and_write(widget)[1](0.5) == text


def test_the_gravest_of_the_thresholds_that_are_met_counts() -> None:
    steps = [Threshold(2, "critical"), Threshold(1, "medium"), Threshold(0, "low", falling=True)]
    assert [worst(value, steps) for value in (-1, 0.5, 1, 2, 3)] == [
        "low",
        "",
        "medium",
        "critical",
        "critical",
    ]
