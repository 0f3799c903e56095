"""What is wrong now: the alert state machine and the book that owns all alert state."""

from ruler.alerts.alert import Acknowledgement, Alert, Happening, Phase, State, Transition
from ruler.alerts.book import Book
from ruler.alerts.overrides import Override
from ruler.alerts.posted import PostedAlert
from ruler.alerts.series import alert_series
from ruler.alerts.silence import Silence, SilenceState
from ruler.alerts.step import step

__all__ = [
    "Acknowledgement",
    "Alert",
    "Book",
    "Happening",
    "Override",
    "Phase",
    "PostedAlert",
    "Silence",
    "SilenceState",
    "State",
    "Transition",
    "alert_series",
    "step",
]
