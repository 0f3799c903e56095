"""The functions of Prometheus' templates, and the rendering of a rule's annotations and labels.

Of those that depend on the rendering, `query` gets an evaluator from whoever renders; the rest is made here.
"""

import ipaddress
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_plus, urlsplit

from promkit.duration import parse_duration
from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.template.alertmanager import TEXT_FUNCTIONS
from ruler.template.clock import Instant, Span
from ruler.template.functions import BUILT_IN, Function, FunctionSet
from ruler.template.humanize import (
    humanize,
    humanize_1024,
    humanize_percentage,
    humanize_timestamp,
    to_float,
)
from ruler.template.template import Template, compile_template
from ruler.template.values import NOTHING, Pairs, Struct, TemplateError, Value, type_name

__all__ = ["PROMETHEUS", "Query", "alert_data", "check_alert_text", "compile_alert_text", "render_alert_text"]

Query = Callable[[str], Sequence[tuple[Labels, float]]]


def _samples(name: str, value: Value) -> list[Struct]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, Struct) for item in value):
        raise TemplateError(f"{name} wants what query gives, got {type_name(value)}", static=True)
    return list(value)


def _sample(name: str, value: Value) -> Struct:
    if not isinstance(value, Struct) or value.name != "sample":
        raise TemplateError(f"{name} wants a sample, got {type_name(value)}", static=True)
    return value


def _first(vector: Value) -> Struct:
    samples = _samples("first", vector)
    if not samples:
        raise TemplateError("first() called on vector with no elements")
    return samples[0]


def _label(name: str, sample: Value) -> Value:
    labels = _sample("label", sample).fields["Labels"]
    return labels.get(name, "") if isinstance(labels, Pairs) else NOTHING


def _sort_by_label(name: str, vector: Value) -> list[Struct]:
    return sorted(_samples("sortByLabel", vector), key=lambda sample: str(_label(name, sample)))


def _link(expression: str, tab: int) -> str:
    return f"/graph?g0.expr={quote_plus(expression)}&g0.tab={tab}"


def _strip_port(address: str) -> str:
    host, colon, port = address.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")) or not port.isdigit():
        return address
    return host.strip("[]")


def _strip_domain(address: str) -> str:
    host = _strip_port(address)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.split(".", 1)[0] + address[len(host) :]
    return address


def _parse_duration(text: str) -> float:
    try:
        return parse_duration(text) / 1000
    except ConfigError as error:
        raise TemplateError(error.problem) from None


def _to_time(value: Value) -> Value:
    return Instant(round(to_float(value) * 1000))


PROMETHEUS = FunctionSet(
    {
        **BUILT_IN,
        **TEXT_FUNCTIONS,
        "query": Function(None, "s"),
        "now": Function(None, ""),
        "externalURL": Function(None, ""),
        "pathPrefix": Function(None, ""),
        "first": Function(_first, "a"),
        "label": Function(_label, "sa"),
        "value": Function(lambda sample: _sample("value", sample).fields["Value"], "a"),
        "strvalue": Function(lambda sample: _label("__value__", sample), "a"),
        "sortByLabel": Function(_sort_by_label, "sa"),
        "args": Function(lambda *values: {f"arg{i}": value for i, value in enumerate(values)}, "a*"),
        "graphLink": Function(lambda expression: _link(expression, 0), "s"),
        "tableLink": Function(lambda expression: _link(expression, 1), "s"),
        "stripPort": Function(_strip_port, "s"),
        "stripDomain": Function(_strip_domain, "s"),
        "humanize": Function(humanize, "a"),
        "humanize1024": Function(humanize_1024, "a"),
        "humanizePercentage": Function(humanize_percentage, "a"),
        "humanizeTimestamp": Function(humanize_timestamp, "a"),
        "toTime": Function(_to_time, "a"),
        "toDuration": Function(lambda value: Span(round(to_float(value) * 1e9)), "a"),
        "parseDuration": Function(_parse_duration, "s"),
        "urlQueryEscape": Function(quote_plus, "s"),
    },
    frozenset({"labels", "externalLabels", "externalURL", "value"}),
)


def alert_data(
    labels: Mapping[str, str], value: float, external_labels: Mapping[str, str], external_url: str
) -> Struct:
    """Make what an annotation sees: `$labels`, `$value`, `$externalLabels`, `$externalURL`."""
    return Struct(
        "AlertTemplateData",
        {
            "Labels": Pairs(labels),
            "ExternalLabels": Pairs(external_labels),
            "ExternalURL": external_url,
            "Value": value,
        },
    )


def compile_alert_text(text: str, name: str) -> Template:
    """Read an annotation or label of a rule; what cannot work, whatever the data, is refused.

    ConfigError: what is wrong, with line and column in `text`.
    """
    template = compile_template(text, name, PROMETHEUS)
    check_alert_text(template)
    return template


def check_alert_text(template: Template) -> None:
    """Go through all branches.

    ConfigError: an unknown field, a wrong type.
    """
    try:
        template.check(alert_data({}, 0.0, {}, ""))
    except TemplateError as error:
        raise ConfigError(f"template: {error.problem}", error.where) from None


def render_alert_text(template: Template, data: Struct, now_ms: int, query: Query) -> str:
    """Fill an annotation or label in.

    TemplateError: it failed.
    """
    external_url = str(data.fields["ExternalURL"])

    def samples(expression: str) -> list[Struct]:
        return [
            Struct("sample", {"Labels": Pairs(labels), "Value": value}) for labels, value in query(expression)
        ]

    bound: dict[str, Callable[..., Value]] = {
        "query": samples,
        "now": lambda: now_ms / 1000,
        "externalURL": lambda: external_url,
        "pathPrefix": lambda: urlsplit(external_url).path.rstrip("/"),
    }
    return template.render(data, bound=bound)
