"""Dashboard files as they are written, one dashboard a file.

    id: host
    name: Host
    time_range: 1h
    variables: [{name: instance, label: instance, metric: system_cpu_usage_ratio}]
    widgets:
      - type: line
        title: Memory
        metric: system_memory_usage_ratio{instance=~"$instance"}     # or queries: [{expr, legend}, …]
        position: {x: 0, y: 0, width: 12, height: 8}                 # left out: below the others
        config: {unit: ratio, max: 1, rule: high-memory-usage}

Nothing is replaced by the environment in them: dashboards are shown, exported and changed over the API.
"""

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator

from promkit.config import DurationMs, Model, field
from ruler.dashboards.dashboard import COLUMNS, HEIGHT_MAX, ROWS_MAX, Kind

__all__ = [
    "ConfigKeys",
    "DashboardFile",
    "PositionKeys",
    "QueryKeys",
    "ThresholdKeys",
    "VariableKeys",
    "WidgetKeys",
]

WIDGETS_MAX = 60
QUERIES_MAX = 10
VARIABLES_MAX = 8
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
DAY_MS = 86_400_000


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"not an id: {text!r}: use small letters, digits, - and _, at most 63")
    return text


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f"not a name: {text!r}: use letters, digits and _, at most 63")
    return text


Id = Annotated[str, AfterValidator(_id)]
Name = Annotated[str, AfterValidator(_name)]


class QueryKeys(Model):
    """One of several queries of a widget."""

    env_substitution: ClassVar[bool] = False

    expr: str = field(description="PromQL; `$name` stands for a variable, `$__rate_interval` for a window.")
    legend: str = field(
        "", max_length=200, description="What a series is called; `{label}` stands for a label's value."
    )
    unit: str | None = field(
        None, max_length=20, description="Of a table's column, where it is not the table's."
    )


class PositionKeys(Model):
    """Where a widget stands, on 24 columns."""

    env_substitution: ClassVar[bool] = False

    x: int = field(description="Columns from the left.", ge=0, lt=COLUMNS)
    y: int = field(description="Rows from the top.", ge=0, le=ROWS_MAX)
    width: int = field(description="In columns.", ge=1, le=COLUMNS)
    height: int = field(description="In rows.", ge=2, le=HEIGHT_MAX)


class ThresholdKeys(Model):
    """A value from which on something is worth a colour."""

    env_substitution: ClassVar[bool] = False

    above: float | None = field(None, description="Coloured when the value is at or above this.")
    below: float | None = field(None, description="Coloured when the value is at or below this.")
    severity: Literal["critical", "high", "medium", "low", "info"] = field(
        "high", description="Which colour."
    )


class ConfigKeys(Model):
    """How a widget looks; which keys a type has, the page on dashboards says."""

    env_substitution: ClassVar[bool] = False

    unit: str | None = field(
        None,
        max_length=20,
        description="ratio, bytes, bytes/s, seconds, per second, per minute, or a word; else as names tell.",
    )
    decimals: int | None = field(None, description="Digits after the point; else three in all.", ge=0, le=9)
    min: float | None = field(None, description="Where the scale begins.")
    max: float | None = field(None, description="Where the scale ends; a gauge without is a number.")
    thresholds: tuple[ThresholdKeys, ...] = field((), description="What is coloured.", max_length=10)
    rule: str | None = field(None, description="Id of a rule whose threshold is one of this widget's.")
    stacked: bool = field(False, description="Lines upon one another.")
    legend: bool = field(True, description="Whether the series are listed.")
    columns: tuple[str, ...] = field((), description="Labels that are columns, in order.", max_length=20)
    limit: int = field(20, description="So many series at most, the largest first.", ge=1, le=200)


class WidgetKeys(Model):
    """One widget."""

    env_substitution: ClassVar[bool] = False

    type: Kind = field(description="How it is drawn.")
    title: str = field(description="Above it.", min_length=1, max_length=200)
    description: str = field("", description="What it tells.", max_length=2000)
    metric: str | None = field(None, description="A metric or any PromQL: the short form of one query.")
    queries: tuple[QueryKeys, ...] = field(
        (), description="What it shows, where one query is not enough.", max_length=QUERIES_MAX
    )
    position: PositionKeys | None = field(None, description="Where; left out: below the others, two a row.")
    config: ConfigKeys = field(ConfigKeys(), description="How it looks.")


class VariableKeys(Model):
    """A choice above the widgets: the values that a label has."""

    env_substitution: ClassVar[bool] = False

    name: Name = field(description="Queries have it as `$name`, in a matcher with =~ or !~.")
    label: Name = field(description="The label whose values are offered, besides all.")
    metric: str = field("", description="Series whose values are offered; empty: of all series.")
    title: str = field("", description="What people read; the name where it is not given.", max_length=100)


class DashboardFile(Model):
    """One dashboard."""

    env_substitution: ClassVar[bool] = False

    id: Id = field(description="Key of the dashboard: small letters, digits, - and _.")
    name: str = field("", description="For people; the id where it is not given.", max_length=200)
    description: str = field("", description="What it is for.", max_length=2000)
    metrics: tuple[str, ...] = field(
        (), description="Names of what it is about; else those of its queries.", max_length=200
    )
    time_range: DurationMs = field(
        3_600_000, description="How far back it looks, at first.", ge=60_000, le=366 * DAY_MS
    )
    refresh: DurationMs = field(60_000, description="How often it is drawn anew.", ge=5_000, le=DAY_MS)
    created_by: str = field("", description="Who made it; the API fills it in.", max_length=200)
    variables: tuple[VariableKeys, ...] = field(
        (), description="Choices above the widgets.", max_length=VARIABLES_MAX
    )
    widgets: tuple[WidgetKeys, ...] = field(
        description="What is shown, at least one.", max_length=WIDGETS_MAX
    )
