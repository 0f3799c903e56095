"""How the widgets of a dashboard are drawn: a type a file, each of them in the list."""

from ruler.ui.widgets.drawing import Drawing, Shown, shown
from ruler.ui.widgets.found import Asker

__all__ = ["Asker", "Drawing", "Shown", "shown"]
