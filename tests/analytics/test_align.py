import numpy as np

from analytics.align import align, rows_of, take, union
from analytics.history import Table
from promkit.labels import Labels
from tests.builders.made_history import a_series, times_until

TIMES = times_until(steps=3)
WEB1, WEB2 = a_series("cpu"), a_series("cpu", instance="web2")


def a_table(**rows: list[float]) -> Table:
    labels = [a_series(name.partition("__")[0], instance=name.partition("__")[2]) for name in rows]
    return Table(labels, TIMES, np.array(list(rows.values())))


def test_one_feature_serves_all_targets() -> None:
    found = align(a_table(calls__any=[1, 2, 3]), [WEB1, WEB2])
    assert found.tolist() == [[1, 2, 3], [1, 2, 3]]


def test_features_go_to_targets_of_equal_labels() -> None:
    feature = a_table(memory__web2=[2, 2, 2], memory__web1=[1, 1, 1])
    assert align(feature, [WEB1, WEB2]).tolist() == [[1, 1, 1], [2, 2, 2]]


def test_several_that_agree_are_averaged_and_missing_ones_left_out() -> None:
    labels = [a_series("disk", mount="/"), a_series("disk", mount="/home")]
    feature = Table(labels, TIMES, np.array([[1, 1, np.nan], [3, np.nan, np.nan]]))
    found = align(feature, [WEB1])
    assert found[0, :2].tolist() == [2, 1]
    assert np.isnan(found[0, 2])


def test_where_none_agrees_all_count() -> None:
    feature = a_table(memory__db1=[2, 2, 2], memory__db2=[4, 4, 4])
    assert align(feature, [WEB1]).tolist() == [[3, 3, 3]]


def test_rows_that_are_gone_are_missing() -> None:
    table = a_table(cpu__web1=[1, 2, 3])
    rows = rows_of(table, [WEB2, WEB1])
    assert rows.tolist() == [-1, 0]
    found = take(table.values, rows)
    assert np.isnan(found[0]).all()
    assert found[1].tolist() == [1, 2, 3]
    assert take(np.zeros((0, 3)), np.array([-1])).shape == (1, 3)


def test_union_has_each_series_once() -> None:
    both = union([a_table(cpu__web1=[1, 1, 1]), a_table(cpu__web1=[1, 1, 1], cpu__web2=[2, 2, 2])])
    assert both.labels == [WEB1, WEB2]
    assert both.values.tolist() == [[1, 1, 1], [2, 2, 2]]
    assert isinstance(both.labels[0], Labels)
