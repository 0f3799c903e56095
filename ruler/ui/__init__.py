"""How it is shown to people: server-rendered pages under `/`, whole without scripts but for their forms."""

from ruler.ui.chart import Line, Style, line_chart
from ruler.ui.pages import router, static_files
from ruler.ui.panels import HOST, Panel, named, steps_ms

__all__ = ["HOST", "Line", "Panel", "Style", "line_chart", "named", "router", "static_files", "steps_ms"]
