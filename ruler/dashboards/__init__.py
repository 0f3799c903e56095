"""What should be looked at: dashboard files, read and checked whole, and those that the API keeps."""

from ruler.dashboards.dashboard import (
    COLUMNS,
    CONFIG_OF,
    HEIGHT_MAX,
    ROWS_MAX,
    Dashboard,
    Kind,
    Look,
    Position,
    Query,
    Threshold,
    Variable,
    Widget,
)
from ruler.dashboards.dashboards import API_FILES, Change, Dashboards, Kept
from ruler.dashboards.load import DashboardSet, load_dashboards, parse_dashboard
from ruler.dashboards.variables import filled
from ruler.dashboards.write import as_data, as_text

__all__ = [
    "API_FILES",
    "COLUMNS",
    "CONFIG_OF",
    "HEIGHT_MAX",
    "ROWS_MAX",
    "Change",
    "Dashboard",
    "DashboardSet",
    "Dashboards",
    "Kept",
    "Kind",
    "Look",
    "Position",
    "Query",
    "Threshold",
    "Variable",
    "Widget",
    "as_data",
    "as_text",
    "filled",
    "load_dashboards",
    "parse_dashboard",
]
