"""What a Grafana dashboard must have to be of use to others. Pure.

The rules of Grafana's dashboard-linter for Prometheus, by their names, and the structure that provisioning
needs.

    for finding in lint(document):
        finding.rule, finding.panel, finding.problem

A rule that does not fit a metric names it in `EXCEPTIONS`, with the reason.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from lumina.dashboards import lint_queries as queries
from lumina.dashboards.shape import Json, obj, objs, panels_of, place_of, text
from lumina.dashboards.units import is_grafana_unit
from ruler.dashboards import COLUMNS, Position

__all__ = ["RULES", "Finding", "Rule", "lint"]

DATASOURCE_NAMES = ("datasource", "prometheus_datasource")
# Types whose numbers need a unit, and all that need a title and a description.
_NUMBERS = frozenset({"stat", "gauge", "bargauge", "table", "timeseries"})
_TITLED = _NUMBERS | {"heatmap"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and in which panel; "" where it is the dashboard's own."""

    rule: str
    panel: str
    problem: str

    def __str__(self) -> str:
        place = f"panel {self.panel!r}: " if self.panel else ""
        return f"{place}{self.problem} ({self.rule})"


Found = Iterator[tuple[str, str]]  # panel, problem


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it asks, and what it finds wrong."""

    name: str
    asks: str
    check: Callable[[Json], Found]


def lint(document: Json) -> list[Finding]:
    """All that the rules find."""
    return [Finding(rule.name, panel, problem) for rule in RULES for panel, problem in rule.check(document)]


def _variables(document: Json) -> list[Json]:
    return objs(obj(document.get("templating")).get("list"))


def _datasource_variable(document: Json) -> Found:
    found = [one for one in _variables(document) if one.get("type") == "datasource"]
    if not found:
        yield "", "no variable chooses the data source"
    for one in found:
        if one.get("name") not in DATASOURCE_NAMES:
            yield "", f"the data source's variable is called {one.get('name')!r}, not 'datasource'"
        if one.get("label") != "Data source":
            yield "", f"the data source's variable is labelled {one.get('label')!r}, not 'Data source'"


def _label_variable(name: str) -> Callable[[Json], Found]:
    def check(document: Json) -> Found:
        one = next((one for one in _variables(document) if one.get("name") == name), None)
        if one is None:
            yield "", f"no variable {name!r}"
            return
        if one.get("type") != "query":
            yield "", f"the variable {name!r} is a {one.get('type')}, not a query"
        if not _is_variable(one.get("datasource")):
            yield "", f"the variable {name!r} asks a data source of its own, not ${{datasource}}"
        if one.get("label") != name.capitalize():
            yield "", f"the variable {name!r} is labelled {one.get('label')!r}, not {name.capitalize()!r}"
        if not one.get("multi"):
            yield "", f"of the variable {name!r} only one value can be chosen"
        if one.get("allValue") != ".+":
            yield "", f"all of {name!r} is {one.get('allValue')!r}, not '.+'"

    return check


def _reloads(document: Json) -> Found:
    for one in _variables(document):
        if one.get("type") == "query" and one.get("refresh") != 2:
            yield "", f"the variable {one.get('name')!r} is not asked again when the time range changes"


def _label_promql(document: Json) -> Found:
    for one in _variables(document):
        if one.get("type") == "query" and (problem := queries.variable_fault(one)):
            yield "", f"the variable {one.get('name')!r}: {problem}"


def _is_variable(datasource: object) -> bool:
    names = {
        f"{open_}{name}{close}" for name in DATASOURCE_NAMES for open_, close in (("${", "}"), ("$", ""))
    }
    return isinstance(datasource, dict) and datasource.get("uid") in names


def _panel_datasource(document: Json) -> Found:
    for panel in panels_of(document):
        asked = [panel.get("datasource"), *(one.get("datasource") for one in objs(panel.get("targets")))]
        if not all(_is_variable(one) for one in asked):
            yield _title(panel), "asks a data source of its own, not ${datasource}"


def _title(panel: Json) -> str:
    return str(panel.get("title") or f"number {panel.get('id')}")


def _title_description(document: Json) -> Found:
    for panel in panels_of(document):
        if text(panel.get("type")) in _TITLED:
            for key in ("title", "description"):
                if not panel.get(key):
                    yield _title(panel), f"has no {key}"


def _units(document: Json) -> Found:
    for panel in panels_of(document):
        config = obj(panel.get("fieldConfig"))
        defaults = obj(config.get("defaults"))
        if text(panel.get("type")) not in _NUMBERS or defaults.get("mappings"):
            continue
        named = [
            prop.get("value")
            for override in objs(config.get("overrides"))
            for prop in objs(override.get("properties"))
            if prop.get("id") == "unit"
        ]
        for unit in (defaults.get("unit"), *named):
            if not unit:
                yield _title(panel), "has no unit"
            elif not is_grafana_unit(str(unit)):
                yield _title(panel), f"has the unit {unit!r}, which Grafana does not know"


def _no_targets(document: Json) -> Found:
    for panel in panels_of(document):
        if text(panel.get("type")) in _TITLED and not panel.get("targets"):
            yield _title(panel), "has no query"


def _per_query(look: Callable[[str], Iterable[str]]) -> Callable[[Json], Found]:
    """A rule about each query by itself."""

    def check(document: Json) -> Found:
        for panel in panels_of(document):
            for target in objs(panel.get("targets")):
                for problem in look(text(target.get("expr"))):
                    yield _title(panel), f"query {target.get('refId', '?')}: {problem}"

    return check


def _uneditable(document: Json) -> Found:
    if document.get("editable") is not False:
        yield "", "may be edited in Grafana, where the next build writes over it"


def _identity(document: Json) -> Found:
    if not document.get("uid"):
        yield "", "has no uid: each import would make another dashboard"
    if document.get("id") is not None:
        yield "", f"has the id {document['id']}, which is another dashboard's elsewhere"
    if not isinstance(document.get("schemaVersion"), int):
        yield "", "has no schemaVersion: Grafana would convert it from its oldest form"
    if "__inputs" in document:
        yield "", "has __inputs, which only the import by hand fills in"


def _unique(document: Json) -> Found:
    seen: set[str] = set()
    for panel in panels_of(document):
        number = str(panel.get("id"))
        if number in seen or panel.get("id") is None:
            yield _title(panel), f"its id {number} is another panel's, or none"
        seen.add(number)
        refs = [str(target.get("refId", "")) for target in objs(panel.get("targets"))]
        if len(set(refs)) < len(refs) or "" in refs:
            yield _title(panel), "two queries have one refId, or one has none"


def _grid(document: Json) -> Found:
    taken: list[tuple[Position, str]] = []
    for panel in objs(document.get("panels")):
        place = place_of(panel)
        if place is None:
            yield _title(panel), "has no place on the grid"
            continue
        if place.x + place.width > COLUMNS:
            yield _title(panel), f"ends at column {place.x + place.width} of {COLUMNS}"
        upon = next((title for other, title in taken if place.overlaps(other)), None)
        if upon is not None:
            yield _title(panel), f"lies upon {upon!r}"
        taken.append((place, _title(panel)))


RULES: Sequence[Rule] = (
    Rule("template-datasource", "a variable chooses the data source", _datasource_variable),
    Rule("template-job", "a variable `job`", _label_variable("job")),
    Rule("template-instance", "a variable `instance`", _label_variable("instance")),
    Rule("template-on-time-change-reload", "variables follow the time range", _reloads),
    Rule("template-label-promql", "variables ask valid PromQL", _label_promql),
    Rule("panel-datasource", "panels ask the data source that is chosen", _panel_datasource),
    Rule("panel-title-description", "panels have a title and a description", _title_description),
    Rule("panel-units", "panels have a unit that Grafana knows", _units),
    Rule("panel-no-targets", "panels have a query", _no_targets),
    Rule("target-promql", "queries are valid PromQL", _per_query(queries.promql)),
    Rule("target-rate-interval", "rates use $__rate_interval", _per_query(queries.rate_interval)),
    Rule("target-job", 'every selector has job=~"$job"', _per_query(queries.selects("job"))),
    Rule(
        "target-instance", 'every selector has instance=~"$instance"', _per_query(queries.selects("instance"))
    ),
    Rule("target-counter-agg", "counters are only read as rates", _per_query(queries.counter_agg)),
    Rule("uneditable", "the dashboard is not edited in Grafana", _uneditable),
    Rule("identity", "uid, schemaVersion, no id, no __inputs", _identity),
    Rule("unique", "ids of panels and refIds are unique", _unique),
    Rule("grid", "panels stand within 24 columns, none upon another", _grid),
)
