"""Functions of label sets: they look at no value."""

from collections.abc import Callable
from functools import cmp_to_key

import numpy as np

from promkit.errors import QueryError
from promkit.labels import METRIC_NAME, Labels
from promkit.matchers import capture_anchored, expand
from ruler.promql.functions.context import Context, relabelled
from ruler.promql.functions.natural import compare
from ruler.promql.index import Index
from ruler.promql.table import Table
from ruler.promql.text import quote
from ruler.store import Mask

__all__ = ["label_join", "label_replace", "sort_by_label", "sort_by_label_desc"]


def label_replace(
    _: Context, table: Table, target: str, replacement: str, source: str, pattern: str
) -> Table:
    """Set `target` to `replacement`, wherever `pattern` matches the whole of `source`."""
    try:
        captures = capture_anchored(pattern)
    except QueryError:
        raise QueryError(f"invalid regular expression in label_replace(): {pattern}") from None
    _require_name(target, "invalid destination label name in label_replace()")

    def changed(labels: Labels) -> Labels | None:
        found = captures(labels[source])
        return None if found is None else labels.merged({target: expand(replacement, found)})

    key = ("label_replace", target, replacement, source, pattern)
    return relabelled(table, table.index.derived(key, lambda: _changed(table.index, changed, target)))


def label_join(_: Context, table: Table, target: str, separator: str, *sources: str) -> Table:
    """Set `target` to the values of `sources` with `separator` between them."""
    for source in sources:
        _require_name(source, "invalid source label name in label_join()")
    _require_name(target, "invalid destination label name in label_join()")

    def changed(labels: Labels) -> Labels:
        return labels.merged({target: separator.join(labels[source] for source in sources)})

    key = ("label_join", target, separator, sources)
    return relabelled(table, table.index.derived(key, lambda: _changed(table.index, changed, target)))


def _changed(index: Index, change: Callable[[Labels], Labels | None], target: str) -> Index:
    new = [change(labels) for labels in index.labels]
    labels = [old if changed is None else changed for old, changed in zip(index.labels, new, strict=True)]
    renamed: Mask | None = index.renamed
    if renamed is not None and target == METRIC_NAME:  # a name that was just given is kept
        renamed = renamed & np.array([changed is None for changed in new], dtype=np.bool_)
    return Index(labels, renamed)


def _require_name(name: str, problem: str) -> None:
    is_text = all(not 0xD800 <= ord(letter) <= 0xDFFF for letter in name)
    if not name or not is_text:
        raise QueryError(f"{problem}: {name if is_text else quote(name)[1:-1]}")


def sort_by_label(context: Context, table: Table, *names: str) -> Table:
    """Order the series by these labels, numbers inside them by their size."""
    return _sorted(context, table, names, 1)


def sort_by_label_desc(context: Context, table: Table, *names: str) -> Table:
    """As sort_by_label, the other way round."""
    return _sorted(context, table, names, -1)


def _sorted(context: Context, table: Table, names: tuple[str, ...], direction: int) -> Table:
    if len(context.steps) > 1:  # a range query's series come in the order of their labels anyhow
        return table

    def order(one: int, other: int) -> int:
        first, second = table.index.labels[one], table.index.labels[other]
        for name in names:
            if first[name] != second[name]:
                return direction * compare(first[name], second[name])
        return direction * (-1 if first < second else 1 if second < first else 0)

    columns = sorted(range(len(table.index)), key=cmp_to_key(order))
    return table.take(np.array(columns, dtype=np.intp))
