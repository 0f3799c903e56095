"""What is wrong now: the alert state machine and the book that owns all alert state."""

from ruler.alerts.alert import Acknowledgement, Alert, Happening, Phase, State, Transition

__all__ = ["Acknowledgement", "Alert", "Happening", "Phase", "State", "Transition"]
