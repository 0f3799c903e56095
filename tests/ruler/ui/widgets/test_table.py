"""Values now as a table."""

from dataclasses import replace

from promkit.labels import Labels
from ruler.dashboards import Query, Threshold
from ruler.ui.widgets.table import table
from tests.builders.widgets import a_widget, found, parsed

UP = found([(Labels({"job": "a"}), [1]), (Labels({"job": "b"}), [0])], legend="up")
TOOK = found([(Labels({"job": "b"}), [0.25])], legend="took", unit="seconds")
WIDGET = replace(a_widget(), queries=(UP.query, TOOK.query))


def rows(markup: str) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in parsed(markup).iter("tr")]


def test_a_row_a_label_set_and_a_column_a_query() -> None:
    assert rows(table(WIDGET, [UP, TOOK], 0)) == [
        ["job", "up", "took"],
        ["a", "1", "–"],
        ["b", "0", "250 ms"],
    ]


def test_columns_are_those_that_tell_apart_or_those_that_are_asked_for() -> None:
    disks = found([(Labels({"job": "a", "mount": name}), [1]) for name in ("/", "/var")])
    assert rows(table(a_widget(), [disks], 0))[0] == ["mount", "value"]
    assert rows(table(a_widget(columns=("job", "mount")), [disks], 0))[1] == ["a", "/", "1"]
    assert rows(table(a_widget(), [found([(Labels({"job": "a"}), [1])])], 0)) == [
        ["job", "value"],
        ["a", "1"],
    ]


def test_a_cell_says_which_threshold_it_meets() -> None:
    widget = replace(WIDGET, look=replace(WIDGET.look, thresholds=(Threshold(0, "critical", falling=True),)))
    assert rows(table(widget, [UP], 0))[2] == ["b", "0 critical"]


def test_the_largest_come_first_and_the_rest_is_counted() -> None:
    many = found([(Labels({"n": str(n)}), [n]) for n in range(5)])
    markup = table(replace(a_widget(limit=2), queries=(Query("x"),)), [many], 0)
    assert [row[0] for row in rows(markup)] == ["n", "4", "3"]
    assert "the 2 largest of 5" in markup
