"""From what is written to a dashboard as it is drawn, with every fault on the way."""

from collections.abc import Iterable, Mapping, Sequence

from promkit.config import where
from promkit.errors import ConfigError, QueryError, Where
from promkit.matchers import MatchOp
from ruler.dashboards.dashboard import (
    COLUMNS,
    CONFIG_OF,
    Dashboard,
    Kind,
    Look,
    Position,
    Query,
    Threshold,
    Variable,
    Widget,
)
from ruler.dashboards.schema import (
    ConfigKeys,
    DashboardFile,
    PositionKeys,
    QueryKeys,
    ThresholdKeys,
    VariableKeys,
    WidgetKeys,
)
from ruler.dashboards.variables import filled, names_in
from ruler.promql import Node, VectorSelector, parse, selectors, value_type
from ruler.rules import inside

__all__ = ["Builder"]

EXPR_LETTERS_MAX = 65_536
HEIGHT, WIDTH = 8, 12  # of a widget that says no place


class Builder:
    """Builds the dashboard of one file. Where `faults` gathers anything, what is built is of no use."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._metrics: dict[str, None] = {}
        self._variables: Mapping[str, str] = {}
        self.faults: list[ConfigError] = []

    def dashboard(self, file: DashboardFile) -> Dashboard:
        """The whole."""
        variables = tuple(self._variable(one) for one in file.variables)
        self._unlike(
            [
                (one.name, where(written, "name"))
                for one, written in zip(variables, file.variables, strict=True)
            ]
        )
        self._variables = {one.name: "" for one in variables}
        if not file.widgets:
            self._fault("a dashboard needs a widget", where(file, "widgets"))
        places = self._places(file.widgets)
        widgets = tuple(
            self._widget(written, place) for written, place in zip(file.widgets, places, strict=True)
        )
        return Dashboard(
            id=file.id,
            name=file.name or file.id,
            description=file.description,
            metrics=file.metrics or tuple(self._metrics),
            derived=not file.metrics,
            time_range_ms=file.time_range,
            refresh_ms=file.refresh,
            created_by=file.created_by,
            variables=variables,
            widgets=widgets,
            where=where(file, "id"),
            text=self._text,
        )

    def _fault(self, problem: str, at: Where, remedy: str | None = None) -> None:
        self.faults.append(ConfigError(problem, at, remedy))

    def _unlike(self, names: Iterable[tuple[str, Where]]) -> None:
        first: dict[str, Where] = {}
        for name, at in names:
            if first.setdefault(name, at) != at:
                self._fault(f"two variables are called {name!r}", at)

    def _variable(self, written: VariableKeys) -> Variable:
        if written.metric:
            node = self._parsed(written, "metric", written.metric, written.metric)
            if node is not None and not isinstance(node, VectorSelector):
                self._fault("metric: not a series selector", where(written, "metric"))
        return Variable(written.name, written.label, written.metric, written.title or written.name)

    def _widget(self, written: WidgetKeys, place: Position) -> Widget:
        if (written.metric is None) == (not written.queries):
            problem = "give 'metric' or 'queries', not both" if written.queries else "nothing to show"
            remedy = None if written.queries else "give 'metric', or 'queries'"
            self._fault(f"{problem} in {written.title!r}", where(written), remedy)
        if written.metric is not None:
            self._check(written, "metric", written.metric)
            queries: tuple[Query, ...] = (Query(written.metric),)
        else:
            queries = tuple(self._query(one, written.type) for one in written.queries)
        return Widget(
            kind=written.type,
            title=written.title,
            description=written.description,
            queries=queries,
            position=place,
            look=self._look(written.config, written.type),
        )

    def _query(self, written: QueryKeys, kind: Kind) -> Query:
        self._check(written, "expr", written.expr)
        if written.unit is not None and kind is not Kind.TABLE:
            self._fault(
                "a unit of its own has a query only in a table", where(written, "unit"), "use config.unit"
            )
        return Query(written.expr, written.legend, written.unit)

    def _look(self, written: ConfigKeys, kind: Kind) -> Look:
        for key in written.model_fields_set:
            if key not in CONFIG_OF[kind]:
                known = ", ".join(sorted(CONFIG_OF[kind]))
                self._fault(
                    f"{key!r} means nothing to a {kind.value}", where(written, key), f"it has {known}"
                )
        if written.min is not None and written.max is not None and written.min >= written.max:
            self._fault("'max' must be above 'min'", where(written, "max"))
        return Look(
            unit=written.unit,
            decimals=written.decimals,
            min=written.min,
            max=written.max,
            thresholds=tuple(self._threshold(one) for one in written.thresholds),
            rule=written.rule,
            stacked=written.stacked,
            legend=written.legend,
            columns=written.columns,
            limit=written.limit,
        )

    def _threshold(self, written: ThresholdKeys) -> Threshold:
        if (written.above is None) == (written.below is None):
            self._fault("a threshold has one of 'above' and 'below'", where(written))
        falling = written.above is None
        value = written.below if falling else written.above
        return Threshold(value or 0.0, written.severity, falling)

    def _check(self, written: WidgetKeys | QueryKeys, key: str, text: str) -> None:
        """A query that is none, or whose variables are not where they can be."""
        asked = filled(text, dict.fromkeys(self._variables, ""), 0)
        node = self._parsed(written, key, text, asked)
        if node is None:
            return
        at = where(written, key)
        if value_type(node) not in {"vector", "scalar"}:
            self._fault(f"{key}: gives a {value_type(node)}, where series are needed", at)
        self._metrics.update(dict.fromkeys(one.name for one in selectors(node) if one.name))
        self._check_variables(text, key, at)

    def _check_variables(self, text: str, key: str, at: Where) -> None:
        try:
            raw = parse(filled(text, {}, 0))  # variables as they stand, as texts of their matchers
        except QueryError as error:
            self._fault(f"{key}: {error.problem}", at, error.remedy)
            return
        inner = [name for one in selectors(raw) for m in one.matchers for name in names_in(m.value)]
        for name in dict.fromkeys(inner):
            if name not in self._variables:
                known = ", ".join(sorted(self._variables)) or "none: add it to variables"
                self._fault(f"{key}: unknown variable '${name}'", at, f"known are {known}")
        written = [name for name in names_in(text) if name in self._variables]
        if len(written) != sum(name in self._variables for name in inner) or (written and "`" in text):
            self._fault(f"{key}: a variable stands in quotes, as the value of a matcher", at)
        for one in selectors(raw):
            for matcher in one.matchers:
                if names_in(matcher.value) and matcher.op not in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
                    remedy = f'write {matcher.name}=~"{matcher.value}"'
                    self._fault(f"{key}: all values are no value: a variable is a pattern", at, remedy)

    def _parsed(
        self, written: WidgetKeys | QueryKeys | VariableKeys, key: str, text: str, asked: str
    ) -> Node | None:
        at = where(written, key)
        if len(text) > EXPR_LETTERS_MAX:
            self._fault(f"{key}: longer than {EXPR_LETTERS_MAX} characters", at)
            return None
        try:
            return parse(asked)
        except QueryError as error:
            if error.position is not None and asked == text:
                at = inside(self._text, at, text, error.position)
            self._fault(f"{key}: {error.problem}", at, error.remedy)
            return None

    def _places(self, widgets: Sequence[WidgetKeys]) -> list[Position]:
        """Where each widget stands; those that do not say stand below the others, two a row."""
        taken: list[tuple[Position, PositionKeys, str]] = []
        for written in widgets:
            if written.position is not None:
                self._check_place(written.position, written.title, taken)
        below = max((place.y + place.height for place, _, _ in taken), default=0)
        places, x = [], 0
        for written in widgets:
            if written.position is not None:
                places.append(_position(written.position))
                continue
            places.append(Position(x, below, WIDTH, HEIGHT))
            below, x = (below, WIDTH) if x == 0 else (below + HEIGHT, 0)
        return places

    def _check_place(
        self, written: PositionKeys, title: str, taken: list[tuple[Position, PositionKeys, str]]
    ) -> None:
        place = _position(written)
        if place.x + place.width > COLUMNS:
            problem = f"{title!r} ends at column {place.x + place.width}: there are {COLUMNS}"
            self._fault(problem, where(written))
        for other, _, name in taken:
            if place.overlaps(other):
                self._fault(f"{title!r} lies upon {name!r}", where(written), "move or narrow one")
                break
        taken.append((place, written, title))


def _position(written: PositionKeys) -> Position:
    return Position(written.x, written.y, written.width, written.height)
