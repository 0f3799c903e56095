"""How a widget looks, in Grafana's words: unit, thresholds, colours, legend."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from lumina.dashboards.shape import Json
from lumina.dashboards.units import to_grafana
from ruler.dashboards import Threshold, Widget
from ruler.promql import unit_of
from ruler.rules import Comparison, Rule, Severities

__all__ = [
    "BAND",
    "COLOURS",
    "Json",
    "legend_of",
    "line_steps",
    "overrides",
    "plain",
    "steps",
    "thresholds_of",
    "unit_of_widget",
]

# Grafana's colour of each severity, the worst first.
COLOURS: Mapping[str, str] = {
    "critical": "red",
    "high": "orange",
    "medium": "yellow",
    "low": "blue",
    "info": "purple",
}
GOOD = "green"
PLAIN = "text"  # black on white, white on black: neither good nor bad
BAND = ("lower", "upper")  # legends of the two ends of what is filled between
# A legend that is one label alone, and what its values look like: HTTP status by class, severities.
_BY_LABEL: Mapping[str, Mapping[str, str]] = {
    "{code}": {"/^2/": "green", "/^3/": "yellow", "/^4/": "blue", "/^5/": "red"},
    "{severity}": {f"/^{name}$/": colour for name, colour in COLOURS.items()},
}
_LABEL = re.compile(r"\{(\w+)\}")
_WINDOW = re.compile(r"\[\$__\w+\]")
_RISING = frozenset({Comparison.GT, Comparison.GE})
_FALLING = frozenset({Comparison.LT, Comparison.LE})


def unit_of_widget(widget: Widget) -> str:
    """Grafana's unit of a widget: the one that is written, else the one that its queries tell."""
    if widget.look.unit is not None:
        return to_grafana(widget.look.unit)
    told = {unit_of(_WINDOW.sub("[5m]", query.expr)) for query in widget.queries}
    return to_grafana(told.pop() if len(told) == 1 else "")


def thresholds_of(widget: Widget, rules: Mapping[str, Rule]) -> list[Threshold]:
    """What is written, and the threshold of the rule that is named, where there is such a rule."""
    found = list(widget.look.thresholds)
    rule = rules.get(widget.look.rule or "")
    condition = rule.condition if rule is not None else None
    if rule is not None and condition is not None and condition.comparison in _RISING | _FALLING:
        severity = Severities().level(rule.severity) or "high"
        found.append(Threshold(condition.threshold, severity, condition.comparison in _FALLING))
    return found


def plain(value: float) -> float:
    """A number as people write it: 1, not 1.0."""
    return int(value) if value.is_integer() else value


def steps(thresholds: Sequence[Threshold]) -> list[Json]:
    """Grafana's steps: a colour from each value on; the worst of the thresholds that are met there."""
    if not thresholds:
        return [{"color": PLAIN, "value": None}]
    bounds = sorted({one.value for one in thresholds})
    found: list[Json] = [{"color": _colour(thresholds, -math.inf), "value": None}]
    for low, high in zip(bounds, [*bounds[1:], math.inf], strict=True):
        # Within the step, for a falling threshold is met at its value and no longer above.
        inside = low + 1 if high == math.inf else (low + high) / 2
        found.append({"color": _colour(thresholds, inside), "value": plain(low)})
    return found


def line_steps(thresholds: Sequence[Threshold]) -> list[Json]:
    """Steps for lines drawn at the thresholds: there a step's colour is its line's, whichever side is bad."""
    worst: dict[float, Threshold] = {}
    for one in sorted(thresholds, key=lambda one: list(COLOURS).index(one.severity)):
        worst.setdefault(one.value, one)
    lines = [{"color": COLOURS[worst[value].severity], "value": plain(value)} for value in sorted(worst)]
    return [{"color": "transparent", "value": None}, *lines]


def _colour(thresholds: Iterable[Threshold], value: float) -> str:
    met = {one.severity for one in thresholds if one.met_by(value)}
    return next((colour for severity, colour in COLOURS.items() if severity in met), GOOD)


def legend_of(legend: str) -> str:
    """A legend in Grafana's spelling; without one Grafana writes the labels that differ."""
    return _LABEL.sub(r"{{\1}}", legend) if legend else "__auto"


def overrides(widget: Widget) -> list[Json]:
    """Colours that labels ask for, and the band between `lower` and `upper`."""
    found = [
        _override({"id": "byRegexp", "options": pattern}, color={"mode": "fixed", "fixedColor": colour})
        for query in widget.queries
        for pattern, colour in _BY_LABEL.get(query.legend, {}).items()
    ]
    lower, upper = BAND
    if {lower, upper} <= {query.legend for query in widget.queries}:
        edge: Json = {
            "custom.lineWidth": 0,
            "custom.hideFrom": {"legend": True, "tooltip": False, "viz": False},
            "color": {"mode": "fixed", "fixedColor": "blue"},
        }
        band: Json = {**edge, "custom.fillBelowTo": lower, "custom.fillOpacity": 20}
        found.append(_override({"id": "byName", "options": lower}, **edge, **{"custom.fillOpacity": 0}))
        found.append(_override({"id": "byName", "options": upper}, **band))
    return found


def _override(matcher: Json, **properties: object) -> Json:
    return {
        "matcher": matcher,
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }
