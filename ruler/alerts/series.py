"""What a rule's alerts look like as series: `ALERTS` and `ALERTS_FOR_STATE`, as Prometheus writes them."""

from collections.abc import Mapping

from promkit.labels import METRIC_NAME, Labels
from ruler.alerts.alert import Phase, State
from ruler.rules import Rule

__all__ = ["alert_series"]

_SHOWN = {Phase.PENDING: "pending", Phase.FIRING: "firing", Phase.RECOVERING: "firing"}


def alert_series(rule: Rule, states: Mapping[Labels, State]) -> tuple[list[Labels], list[float]]:
    """Series and values of one evaluation: for each alert 1, and since when it is breached, in seconds."""
    labels: list[Labels] = []
    values: list[float] = []
    for own, state in states.items():
        shown = _SHOWN.get(state.phase)
        if shown is None or state.active_ms is None:
            continue
        named = {**own, "alertname": rule.name}
        labels.append(Labels({**named, METRIC_NAME: "ALERTS", "alertstate": shown}))
        values.append(1.0)
        labels.append(Labels({**named, METRIC_NAME: "ALERTS_FOR_STATE"}))
        values.append(float(state.active_ms // 1000))
    return labels, values
