"""What a dashboard is, as pages and the compiler to Grafana use it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from promkit.errors import Where

__all__ = [
    "COLUMNS",
    "CONFIG_OF",
    "HEIGHT_MAX",
    "ROWS_MAX",
    "Dashboard",
    "Kind",
    "Look",
    "Position",
    "Query",
    "Threshold",
    "Variable",
    "Widget",
]

COLUMNS = 24  # of the grid, as Grafana's
ROWS_MAX = 400
HEIGHT_MAX = 60


class Kind(StrEnum):
    """The five types of widget (S16)."""

    LINE = "line"
    BAR = "bar"
    GAUGE = "gauge"
    TABLE = "table"
    HEATMAP = "heatmap"


_VALUES = frozenset({"unit", "decimals", "thresholds", "rule"})
# Which keys of `config` a type has: each does something there.
CONFIG_OF: Mapping[Kind, frozenset[str]] = {
    Kind.LINE: _VALUES | {"min", "max", "stacked", "legend", "limit"},
    Kind.BAR: _VALUES | {"min", "max", "limit"},
    Kind.GAUGE: _VALUES | {"min", "max", "limit"},
    Kind.TABLE: _VALUES | {"columns", "limit"},
    Kind.HEATMAP: frozenset({"unit", "decimals", "limit", "legend"}),
}


@dataclass(frozen=True, slots=True)
class Position:
    """A rectangle on the grid."""

    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: "Position") -> bool:
        """Whether two rectangles have a cell in common."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL with variables, and what its series are called."""

    expr: str
    legend: str = ""
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value from which on, upwards or downwards, something is worth a colour."""

    value: float
    severity: str
    falling: bool = False

    def met_by(self, value: float) -> bool:
        """Whether a value is there or beyond."""
        return value <= self.value if self.falling else value >= self.value


@dataclass(frozen=True, slots=True)
class Look:
    """`config`: how a widget looks. What a type has no use for keeps its default."""

    unit: str | None = None  # None: what the names in the queries tell
    decimals: int | None = None
    min: float | None = None
    max: float | None = None
    thresholds: Sequence[Threshold] = ()
    rule: str | None = None  # a rule's id: its threshold is one of these, as long as the rule is there
    stacked: bool = False
    legend: bool = True
    columns: Sequence[str] = ()
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget, placed."""

    kind: Kind
    title: str
    queries: Sequence[Query]
    position: Position
    description: str = ""
    look: Look = Look()


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice: `$name` in queries, any value of `label` among the series of `metric`."""

    name: str
    label: str
    metric: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard."""

    id: str
    name: str
    widgets: Sequence[Widget]
    description: str = ""
    metrics: Sequence[str] = ()  # names that it is about
    derived: bool = False  # they were read off the queries
    time_range_ms: int = 3_600_000
    refresh_ms: int = 60_000
    created_by: str = ""
    variables: Sequence[Variable] = ()
    where: Where = field(default=Where("dashboard"), compare=False)
    text: str = field(default="", compare=False, repr=False)  # its file, as it is written
