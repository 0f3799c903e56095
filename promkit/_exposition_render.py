"""Families → page."""

import re
from collections.abc import Iterable
from functools import lru_cache

from promkit._families import Exemplar, Family, MetricType, Sample, format_number
from promkit.labels import Labels, escape

__all__ = ["render"]

_PLAIN_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# The text format knows fewer types: what it lacks is shown as the nearest one it has.
_TEXT_TYPES = {
    MetricType.UNTYPED: "untyped",
    MetricType.INFO: "gauge",
    MetricType.STATESET: "gauge",
    MetricType.GAUGEHISTOGRAM: "histogram",
}
# Samples that the text format has no place for inside their family: they become gauges of their own.
_GAUGE_SUFFIXES = ("_created", "_gsum", "_gcount")


def render(families: Iterable[Family], openmetrics: bool = False) -> bytes:  # noqa: FBT001, FBT002 - the format
    """Write a page in OpenMetrics 1.0, or in the text format 0.0.4 (which has no exemplars and no units)."""
    parts: list[str] = []
    if openmetrics:
        for family in families:
            _openmetrics(family, parts)
        parts.append("# EOF\n")
    else:
        for family in families:
            _text(family, parts)
    return "".join(parts).encode()


def _openmetrics(family: Family, parts: list[str]) -> None:
    name = _metric_name(family.name)
    kind = family.type
    if kind is MetricType.COUNTER and not all(
        sample.name.endswith(("_total", "_created")) for sample in family.samples
    ):
        kind = MetricType.UNTYPED  # a counter without _total, as old text pages have it, is none here
    parts.append(f"# TYPE {name} {kind.value}\n")
    if family.unit and family.name.endswith(f"_{family.unit}"):
        parts.append(f"# UNIT {name} {family.unit}\n")
    if family.help:
        parts.append(f"# HELP {name} {escape(family.help)}\n")
    for sample in family.samples:
        line = f"{_series(sample)} {format_number(sample.value)}"
        if sample.timestamp_ms is not None:
            line += f" {format_number(sample.timestamp_ms / 1000)}"
        if sample.exemplar is not None:
            line += _exemplar(sample.exemplar)
        parts.append(f"{line}\n")


def _exemplar(exemplar: Exemplar) -> str:
    text = f" # {{{_pairs(exemplar.labels)}}} {format_number(exemplar.value)}"
    if exemplar.timestamp_ms is not None:
        text += f" {format_number(exemplar.timestamp_ms / 1000)}"
    return text


def _text(family: Family, parts: list[str]) -> None:
    apart: dict[str, list[Sample]] = {}
    if family.type not in {MetricType.GAUGE, MetricType.UNTYPED}:
        for sample in family.samples:
            if sample.name.endswith(_GAUGE_SUFFIXES):
                apart.setdefault(sample.name, []).append(sample)
    name = _text_name(family)
    _text_head(name, _TEXT_TYPES.get(family.type, family.type.value), family.help, parts)
    parts.extend(_text_line(sample) for sample in family.samples if sample.name not in apart)
    for gauge_name, samples in apart.items():
        _text_head(gauge_name, "gauge", family.help, parts)
        parts.extend(_text_line(sample) for sample in samples)


def _text_name(family: Family) -> str:
    """Give the name of the TYPE line: with the suffix, where OpenMetrics leaves it out."""
    if family.type is MetricType.COUNTER:
        suffix = "_total"
    elif family.type is MetricType.INFO:
        suffix = "_info"
    else:
        return family.name
    if any(sample.name == family.name for sample in family.samples):
        return family.name
    return family.name + suffix


def _text_head(name: str, kind: str, help_text: str, parts: list[str]) -> None:
    name = _metric_name(name)
    if help_text:
        escaped = help_text.replace("\\", "\\\\").replace("\n", "\\n")
        parts.append(f"# HELP {name} {escaped}\n")
    parts.append(f"# TYPE {name} {kind}\n")


def _text_line(sample: Sample) -> str:
    if sample.timestamp_ms is None:
        return f"{_series(sample)} {format_number(sample.value)}\n"
    return f"{_series(sample)} {format_number(sample.value)} {sample.timestamp_ms}\n"


def _series(sample: Sample) -> str:
    name = sample.name
    if not sample.labels:
        return name if _is_plain_metric(name) else f"{{{_quoted(name)}}}"
    if _is_plain_metric(name):
        return f"{name}{{{_pairs(sample.labels)}}}"
    return f"{{{_quoted(name)},{_pairs(sample.labels)}}}"


def _pairs(labels: Labels) -> str:
    """Write `a="b",c="d"`; escaping is only gone into where the whole text shows a need for it."""
    text = ",".join([f'{_label_name(name)}="{value}"' for name, value in labels.items()])
    if "\\" in text or "\n" in text or text.count('"') != 2 * len(labels):
        return ",".join([f'{_label_name(name)}="{escape(value)}"' for name, value in labels.items()])
    return text


@lru_cache(maxsize=4096)
def _is_plain_metric(name: str) -> bool:
    return _PLAIN_METRIC.fullmatch(name) is not None


def _metric_name(name: str) -> str:
    return name if _is_plain_metric(name) else _quoted(name)


@lru_cache(maxsize=4096)
def _label_name(name: str) -> str:
    return name if _PLAIN_LABEL.fullmatch(name) else _quoted(name)


def _quoted(name: str) -> str:
    return f'"{escape(name)}"'
