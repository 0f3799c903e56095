"""What should be looked at: dashboard files, read and checked whole."""

from ruler.dashboards.dashboard import (
    COLUMNS,
    CONFIG_OF,
    Dashboard,
    Kind,
    Look,
    Position,
    Query,
    Threshold,
    Variable,
    Widget,
)
from ruler.dashboards.load import DashboardSet, load_dashboards, parse_dashboard
from ruler.dashboards.variables import filled

__all__ = [
    "COLUMNS",
    "CONFIG_OF",
    "Dashboard",
    "DashboardSet",
    "Kind",
    "Look",
    "Position",
    "Query",
    "Threshold",
    "Variable",
    "Widget",
    "filled",
    "load_dashboards",
    "parse_dashboard",
]
