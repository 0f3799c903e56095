"""What is pushed → families. Pure; any bytes give families or an error that says where.

JSON:   {"group": "nightly", "ttl": "1h", "metrics": [
            {"name": "business_compliance_scans_per_minute", "labels": {"type": "automated"}, "value": 12}]}
text:   an exposition page, text 0.0.4 or OpenMetrics
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from exporter.naming import TEXT_LENGTH_MAX, is_label, is_metric
from promkit.duration import parse_duration
from promkit.errors import ConfigError, Where
from promkit.exposition import ExpositionError, Family, counter, gauge, parse

__all__ = ["GROUP_LENGTH_MAX", "Pushed", "checked_group", "from_json", "from_page"]

GROUP_LENGTH_MAX = 200
LABELS_MAX = 30
SAMPLES_MAX = 50_000

_KEYS = {"group": str, "ttl": str, "metrics": list}
_METRIC_KEYS = {
    "name": str,
    "value": (int, float),
    "type": str,
    "help": str,
    "unit": str,
    "labels": dict,
    "tags": dict,
}
_WANTED = {str: "a text", list: "a list", dict: "an object", (int, float): "a number"}


@dataclass(frozen=True, slots=True)
class _Metric:
    """One sample. `tags` is another name for `labels`; `unit`, when given, ends the name."""

    name: str
    value: float
    type: str
    help: str
    unit: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Pushed:
    """What somebody pushed; None: said elsewhere, or not at all."""

    group: str | None
    ttl_ms: int | None
    families: tuple[Family, ...]


def from_json(body: bytes) -> Pushed:
    """Read a JSON push. ConfigError: what is wrong in it, and where."""
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        raise ConfigError(error.msg, Where("push", error.lineno, error.colno)) from None
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise ConfigError("not JSON in UTF-8", Where("push")) from None
    body_keys = _object(found, "body", _KEYS, ("metrics",))
    rows = body_keys["metrics"]
    if len(rows) > SAMPLES_MAX:
        raise ConfigError(f"more than {SAMPLES_MAX} samples", Where("push"))
    metrics = [_metric(row, f"metrics[{number}]") for number, row in enumerate(rows)]
    group, ttl = body_keys.get("group"), body_keys.get("ttl")
    return Pushed(
        None if group is None else checked_group(group),
        None if ttl is None else parse_duration(ttl),
        _checked(_families(metrics)),
    )


def _metric(row: object, place: str) -> _Metric:
    keys = _object(row, place, _METRIC_KEYS, ("name", "value"))
    kind = keys.get("type", "gauge")
    if kind not in {"gauge", "counter"}:
        raise ConfigError(f"{place}.type: must be gauge or counter", Where("push"))
    if "labels" in keys and "tags" in keys:
        raise ConfigError(f"{place}: give labels or tags, not both", Where("push"))
    unit = keys.get("unit", "")
    if unit and not keys["name"].removesuffix("_total").endswith(f"_{unit}"):
        raise ConfigError(f"{place}: a name ends with its unit, as in x_{_shown(unit)[1:-1]}", Where("push"))
    labels = keys.get("labels", keys.get("tags", {}))
    for label, value in labels.items():
        if not isinstance(value, str):
            raise ConfigError(f"{place}.labels.{_shown(label)}: must be a text", Where("push"))
    try:
        number = float(keys["value"])
    except OverflowError:
        raise ConfigError(f"{place}.value: too large", Where("push")) from None
    return _Metric(keys["name"], number, kind, keys.get("help", ""), unit, labels)


def _object(found: object, place: str, keys: Mapping[str, Any], required: Sequence[str]) -> Mapping[str, Any]:
    """An object with these keys, of these types, and no others. ConfigError: it is none."""
    if not isinstance(found, dict):
        raise ConfigError(f"{place}: must be an object", Where("push"))
    for key, value in found.items():
        wanted = keys.get(key)
        if wanted is None:
            raise ConfigError(
                f"{place}: unknown key {_shown(key)}", Where("push"), f"known are {', '.join(keys)}"
            )
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ConfigError(f"{place}.{key}: must be {_WANTED[wanted]}", Where("push"))
    for key in required:
        if key not in found:
            raise ConfigError(f"{place}: {key} is missing", Where("push"))
    return found


def from_page(body: bytes, *, openmetrics: bool) -> Pushed:
    """Read a pushed page. ConfigError: what is wrong in it, with the line."""
    try:
        families = parse(body, openmetrics, "push")
    except ExpositionError as error:
        raise ConfigError(error.problem, error.where, error.remedy) from None
    return Pushed(None, None, _checked(families))


def checked_group(text: str) -> str:
    """A group's name: printable, not too long. ConfigError: it is not."""
    if not 0 < len(text) <= GROUP_LENGTH_MAX or not text.isprintable():
        raise ConfigError(f"a group is 1 to {GROUP_LENGTH_MAX} printable characters", Where("push"))
    return text


def _families(metrics: Sequence[_Metric]) -> Sequence[Family]:
    """One family a name; all of one name must agree on the type."""
    by_name: dict[str, list[_Metric]] = {}
    for metric in metrics:
        by_name.setdefault(metric.name, []).append(metric)
    families = []
    for name, same in by_name.items():
        if len({metric.type for metric in same}) > 1:
            raise ConfigError(f"{name} is pushed with two types", Where("push"))
        build = counter if same[0].type == "counter" else gauge
        help_text = next((metric.help for metric in same if metric.help), "Pushed.")
        family = build(name, help_text, *((metric.labels, metric.value) for metric in same))
        families.append(replace(family, unit=next((metric.unit for metric in same if metric.unit), "")))
    return families


def _checked(families: Sequence[Family]) -> tuple[Family, ...]:
    """The same families. ConfigError: a name, label or sample that would spoil the page or mislead."""
    for family in families:
        if not is_metric(family.name):
            raise ConfigError(f"metric name not allowed: {_shown(family.name)}", Where("push"))
        seen = set()
        for sample in family.samples:
            if not is_metric(sample.name):
                raise ConfigError(f"metric name not allowed: {_shown(sample.name)}", Where("push"))
            if sample.timestamp_ms is not None:
                raise ConfigError(
                    f"{sample.name} has a timestamp: leave it out",
                    Where("push"),
                    "a value counts from when it was pushed until its ttl ends",
                )
            if (sample.name, sample.labels) in seen:
                raise ConfigError(f"given twice: {sample.name}{_shown(str(sample.labels))}", Where("push"))
            seen.add((sample.name, sample.labels))
            _check_labels(sample.name, sample.labels)
    if sum(len(family.samples) for family in families) > SAMPLES_MAX:
        raise ConfigError(f"more than {SAMPLES_MAX} samples", Where("push"))
    return tuple(family for family in families if family.samples)


def _check_labels(name: str, labels: Mapping[str, str]) -> None:
    if len(labels) > LABELS_MAX:
        raise ConfigError(f"{name} has more than {LABELS_MAX} labels", Where("push"))
    for label, value in labels.items():
        if not is_label(label):
            raise ConfigError(f"label name not allowed in {name}: {_shown(label)}", Where("push"))
        if len(value) > TEXT_LENGTH_MAX or not _is_encodable(value):
            raise ConfigError(f"label {label} of {name} is too long or not Unicode", Where("push"))


def _is_encodable(text: str) -> bool:
    """JSON can hold lone surrogates, which no page can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(text: str) -> str:
    return ascii(text[:80])
