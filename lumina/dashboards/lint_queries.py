"""Rules about queries. A rule that does not fit a metric names it in `EXCEPTIONS`, with the reason."""

import re
from collections.abc import Callable, Iterator, Mapping

from lumina.dashboards.shape import Json
from promkit.errors import QueryError
from promkit.matchers import MatchOp
from ruler.promql import Call, Node, VectorSelector, parse, walk

__all__ = ["EXCEPTIONS", "counter_agg", "parsed", "promql", "rate_interval", "selects", "variable_fault"]

# Metric (or the start of its name, with *) → why its selectors need no job and instance.
EXCEPTIONS: Mapping[str, str] = {
    "ALERTS": "an alert has the labels of what it is about, which need not be one target's",
    "ALERTS_FOR_STATE": "as ALERTS",
    "analytics_models": "about all of analytics, while job and instance are those of the forecast series",
    "analytics_cycle_*": "about all of analytics, as analytics_models",
    "analytics_model_*": "live figures are a model's, of all its series together",
}
_RATES = frozenset({"rate", "irate", "increase"})
# Grafana's variables where a duration must stand; in quotes any of them is just a text.
_RATE_INTERVAL = re.compile(r"\$(?:\{__rate_interval\}|__rate_interval\b)")
_DURATIONS = re.compile(r"\$(?:\{__\w+\}|__\w+)")
# No window that a person would write.
_STAND_IN, _STAND_IN_MS = "83h19m59s", 299_999_000
_LABEL_VALUES = re.compile(r"label_values\(\s*(?:(?P<series>.+?)\s*,\s*)?(?P<label>\w+)\s*\)", re.DOTALL)


def parsed(expr: str) -> Node:
    """The tree of a query, with a window of its own for `$__rate_interval` and its like.

    QueryError: it is no PromQL.
    """
    return parse(_DURATIONS.sub("5m", _RATE_INTERVAL.sub(_STAND_IN, expr)))


def promql(expr: str) -> Iterator[str]:
    """The query parses."""
    try:
        parsed(expr)
    except QueryError as error:
        yield error.problem


def rate_interval(expr: str) -> Iterator[str]:
    """rate, irate and increase look over `$__rate_interval`."""
    for node in _nodes(expr):
        if isinstance(node, Call) and node.function in _RATES:
            window = next((one for one in node.args if isinstance(one, VectorSelector)), None)
            if window is not None and window.range_ms != _STAND_IN_MS:
                yield f"{node.function}() of {window.name} has a window of its own, not [$__rate_interval]"


def selects(label: str) -> Callable[[str], Iterator[str]]:
    """Every selector has `label=~"$label"`."""

    def check(expr: str) -> Iterator[str]:
        for node in _nodes(expr):
            if not isinstance(node, VectorSelector) or _is_exception(node.name):
                continue
            values = {one.value for one in node.matchers if one.name == label and one.op is MatchOp.REGEX}
            if not values & {f"${label}", f"${{{label}}}"}:
                yield f'{node.name or node} has no {label}=~"${label}"'

    return check


def counter_agg(expr: str) -> Iterator[str]:
    """A counter is read as a rate: by itself it tells how long the process has run."""
    found = _nodes(expr)
    inside = {
        one for node in found if isinstance(node, Call) and node.function in _RATES for one in walk(node)
    }
    for node in found:
        if isinstance(node, VectorSelector) and node.name.endswith("_total") and node not in inside:
            yield f"{node.name} is a counter, and not inside rate, irate or increase"


def variable_fault(variable: Json) -> str:
    """What is wrong with the query of a variable; "" where nothing is."""
    query = variable.get("query")
    text = str(query.get("query", "") if isinstance(query, dict) else query or "")
    match = _LABEL_VALUES.fullmatch(text.strip())
    if match is None:
        return f"not label_values(series, label): {text!r}"
    if match["series"]:
        try:
            parsed(match["series"])
        except QueryError as error:
            return error.problem
    return ""


def _is_exception(metric: str) -> bool:
    return any(metric.startswith(name[:-1]) if name.endswith("*") else metric == name for name in EXCEPTIONS)


def _nodes(expr: str) -> list[Node]:
    """All parts of a query; none of one that does not parse, which `promql` says."""
    try:
        return list(walk(parsed(expr)))
    except QueryError:
        return []
