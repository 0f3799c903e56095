"""Rows of an answer → families, for what asks a database or a JSON endpoint. Pure.

row      kind=fast  waiting=3  busy=2                    as it was answered
metric   name: business_queue_depth, value: waiting      what the configuration makes of it
sample   business_queue_depth{kind="fast"} 3             labels: the source's, the row's, the metric's own
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from exporter.collector import SUBJECTS
from exporter.naming import TEXT_LENGTH_MAX, check_labels, check_metric
from exporter.settings import Name, Option
from promkit.errors import Unavailable
from promkit.exposition import Family, counter, gauge
from promkit.labels import Labels

__all__ = ["LABELS_MAX", "METRICS_MAX", "Made", "Metric", "Pool", "Row", "families", "label_text", "number"]

METRICS_MAX = 100
LABELS_MAX = 30
_TRUTHS = {"true": 1.0, "false": 0.0}

Pair = tuple[Labels, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A gauge, or a counter where the name ends in `_total`."""

    name: Annotated[str, Option("Its name; one that ends in `_total` is a counter, any other a gauge.")]
    value: Annotated[
        str, Option("Where its value stands: a column of the query, or JMESPath seen from the row.")
    ]
    help: Annotated[str, Option("What it is, in a sentence.", max_length=TEXT_LENGTH_MAX)] = ""
    labels: Annotated[dict[str, str], Option("Labels of it alone.", max_length=LABELS_MAX)] = (
        dataclasses.field(default_factory=dict)
    )

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        check_metric(self.name)
        check_labels(self.labels)
        if self.name.removesuffix("_total") in SUBJECTS:
            raise ValueError(f"{self.name} comes from a component's one source: see `components`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A resource pool: resource_pool_in_use, _size and _utilization_ratio."""

    in_use: Annotated[str, Option("Where the number in use stands: a column, or JMESPath.")]
    size: Annotated[str | float, Option("Where the size stands: a column, or JMESPath; or a number.")]
    pool: Annotated[
        Name | None, Option("Value of the label `pool`, unless `labels` of the query has it.")
    ] = None
    type: Annotated[
        Name | None,
        Option("Value of the label `type`, as connections or workers, unless `labels` of the query has it."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is made of each row of an answer."""

    metrics: Annotated[tuple[Metric, ...], Option("Metrics of a row.", max_length=METRICS_MAX)] = ()
    pools: Annotated[tuple[Pool, ...], Option("Resource pools of a row.", max_length=METRICS_MAX)] = ()

    def wanted(self) -> Iterable[str]:
        """Every place of a row that holds a value."""
        for metric in self.metrics:
            yield metric.value
        for pool in self.pools:
            yield pool.in_use
            if isinstance(pool.size, str):
                yield pool.size

    def gives(self, labels: Iterable[str]) -> Iterable[tuple[str, Collection[str]]]:
        """Its metrics with their labels, where rows and source have these."""
        for metric in self.metrics:
            yield metric.name, {*labels, *metric.labels}

    def check(self, labels: Iterable[str]) -> None:
        """ValueError: what does not fit, where rows have these labels."""
        if not self.metrics and not self.pools:
            raise ValueError("needs `metrics` or `pools`")
        for pool in self.pools:
            for label, value in (("pool", pool.pool), ("type", pool.type)):
                if (value is None) == (label not in labels):
                    raise ValueError(f"a pool needs `{label}`, of its own or in `labels`, and not both")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was answered: its labels, and what stands at the places that `Made.wanted` names."""

    labels: Mapping[str, str]
    values: Mapping[str, object]


def families(
    source: str, labels: Mapping[str, str], answers: Sequence[tuple[Made, Sequence[Row]]]
) -> list[Family]:
    """All answers of a source → families, each name once. Unavailable: a value or series that is none."""
    pairs: dict[str, list[Pair]] = {}
    helps: dict[str, str] = {}
    for made, rows in answers:
        for metric in made.metrics:
            name = metric.name
            if metric.help or name not in helps:
                helps[name] = metric.help or f"As {source} gave it."
            kept = pairs.setdefault(name, [])
            for row in rows:
                value = number(row.values[metric.value], metric.value)
                if value is not None:
                    kept.append((Labels({**labels, **row.labels, **metric.labels}), value))
        for name, pair in _uses(labels, made.pools, rows):
            pairs.setdefault(name, []).append(pair)
    helps |= _POOL_HELPS
    return [
        (counter if name.endswith("_total") else gauge)(name, helps[name], *_once(name, kept))
        for name, kept in pairs.items()
    ]


_POOL_HELPS = {
    "resource_pool_in_use": "How much of the pool is in use.",
    "resource_pool_size": "How much the pool has.",
}


def _uses(
    labels: Mapping[str, str], pools: Sequence[Pool], rows: Sequence[Row]
) -> Iterable[tuple[str, Pair]]:
    """Use and size of each pool; what the page makes of the two is their ratio."""
    for pool in pools:
        own = {name: value for name, value in (("pool", pool.pool), ("type", pool.type)) if value is not None}
        for row in rows:
            at = Labels({**labels, **row.labels, **own})
            in_use = number(row.values[pool.in_use], pool.in_use)
            size = pool.size if isinstance(pool.size, float) else number(row.values[pool.size], pool.size)
            if in_use is not None and size is not None:
                yield "resource_pool_in_use", (at, in_use)
                yield "resource_pool_size", (at, size)


def _once(name: str, pairs: Sequence[Pair]) -> Sequence[Pair]:
    """The same pairs. Unavailable: a series stands there twice."""
    seen: set[Labels] = set()
    for labels, _ in pairs:
        if labels in seen:
            raise Unavailable(
                f"two rows give {name}{labels or ''}", remedy="add what tells them apart to `labels`"
            )
        seen.add(labels)
    return pairs


def number(value: object, place: str = "it") -> float | None:
    """A value as a float; None: there is none. Unavailable: it is no number, and cannot be read as one.

    true is 1, false 0; a text is read; an instant becomes Unix seconds, a span seconds.
    """
    match value:
        case None:
            return None
        case bool() | int() | float() | Decimal():
            return _float(value, place)
        case str():
            text = value.strip()
            return _TRUTHS[text.lower()] if text.lower() in _TRUTHS else _float(text, place)
        case datetime() if value.tzinfo is not None:
            return value.timestamp()
        case timedelta():
            return value.total_seconds()
        case _:
            remedy = "give it a time zone" if isinstance(value, (date, datetime)) else None
            raise Unavailable(f"{place!a} is {type(value).__name__}, no number", remedy=remedy)


def _float(value: str | float | Decimal, place: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Unavailable(f"{place!a} is too large for a number") from None
    except ValueError:
        raise Unavailable(f"{place!a} is {str(value)[:40]!a}, no number") from None


def label_text(value: object, label: str) -> str:
    """A value as a label's; "": the label is absent. Unavailable: too long for one, or of many parts."""
    match value:
        case None:
            text = ""
        case bool():
            text = str(value).lower()
        case list() | dict():
            raise Unavailable(f"label {label} is {type(value).__name__}, no text")
        case _:
            text = str(value)
    if len(text) > TEXT_LENGTH_MAX:
        raise Unavailable(f"label {label} is longer than {TEXT_LENGTH_MAX} characters")
    return text.encode(errors="replace").decode()  # JSON can hold lone surrogates, which no page can
