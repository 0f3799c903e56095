"""Random well-typed PromQL over the series of `tests.builders.samples`."""

from dataclasses import dataclass
from random import Random

AGGREGATORS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
ELEMENTWISE = ("abs", "ceil", "floor", "exp", "sqrt", "ln", "log2", "log10", "sgn", "round", "deg", "rad")
TRIGONOMETRIC = (
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
)
OF_RANGE = (
    *("rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets"),
    *("avg_over_time", "min_over_time", "max_over_time", "sum_over_time", "count_over_time"),
    *("stddev_over_time", "stdvar_over_time", "last_over_time", "present_over_time"),
    *("mad_over_time", "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_last_over_time"),
)
OF_DATE = ("minute", "hour", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")
SELECTORS = (
    "requests_total",
    'requests_total{job="api"}',
    'requests_total{instance=~"[ab]"}',
    'requests_total{code!="500"}',
    "temperature",
    'temperature{room=~"k.*|hall"}',
    "odd",
    'odd{kind!~"inf|nan"}',
    "latency_seconds_bucket",
    'latency_seconds_bucket{job="api"}',
    "latency_seconds_count",
    '{__name__=~"requests_total|temperature"}',
    "up",
    "nothing",
)
LABELS = ("job", "instance", "code", "room", "kind", "le")
NUMBERS = ("0", "1", "2", "0.5", "-1", "10", "1e3", "Inf", "NaN", "3")
BOUNDS = ("0.3", "1", "+Inf")
DURATIONS = ("15s", "30s", "1m", "2m", "5m", "7m30s")
ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")


@dataclass
class Expressions:
    """A seeded source of expressions, no deeper than `depth`."""

    random: Random
    depth: int = 3

    def vector(self, depth: int | None = None) -> str:
        left = self.depth if depth is None else depth
        if left <= 0:
            return self.selector()
        kinds = (
            *(self.aggregate, self.aggregate, self.elementwise, self.of_range, self.of_range, self.of_range),
            *(self.with_scalar, self.with_vector, self.with_vector, self.set_operation, self.choice),
            *(self.special, self.selector, self.negated, self.dated),
        )
        return self.random.choice(kinds)(left - 1)

    def pick(self, items: tuple[str, ...]) -> str:
        return self.random.choice(items)

    def selector(self, depth: int = 0) -> str:
        return self.pick(SELECTORS) + self.shift()

    def shift(self) -> str:
        roll = self.random.random()
        if roll < 0.1:
            return f" offset {self.pick(('1m', '-1m', '90s'))}"
        if roll < 0.15:
            return f" @ {self.pick(('1700000600', 'start()', 'end()', '1700000310.5'))}"
        return ""

    def range(self, depth: int) -> str:
        if depth > 0 and self.random.random() < 0.3:
            inner = self.vector(depth - 1)
            step = self.pick(("15s", "30s", "1m", ""))
            return f"({inner})[{self.pick(DURATIONS[2:])}:{step}]{self.shift()}"
        return f"{self.pick(SELECTORS)}[{self.pick(DURATIONS)}]{self.shift()}"

    def scalar(self, depth: int) -> str:
        roll = self.random.random()
        if depth > 0 and roll < 0.15:
            return f"scalar({self.vector(depth - 1)})"
        if roll < 0.25:
            return self.pick(("time()", "pi()", "(time() % 60)"))
        if depth > 0 and roll < 0.3:
            return f"({self.scalar(depth - 1)} {self.pick(ARITHMETIC)} {self.scalar(depth - 1)})"
        return self.pick(NUMBERS)

    def labels(self) -> str:
        count = self.random.randrange(0, 4)
        return "(" + ", ".join(self.random.sample(LABELS, count)) + ")"

    def grouping(self) -> str:
        return self.pick(("", " by ", " without "))

    def aggregate(self, depth: int) -> str:
        grouping = self.grouping()
        clause = grouping + self.labels() if grouping else ""
        return f"{self.pick(AGGREGATORS)}{clause} ({self.vector(depth)})"

    def choice(self, depth: int) -> str:
        grouping = self.grouping()
        clause = grouping + self.labels() if grouping else ""
        op = self.pick(("topk", "bottomk", "quantile", "count_values", "limit_ratio"))
        if op == "count_values":
            # Plain values: as a label, the last digit of a sine counts.
            return f'count_values{clause} ("value", {self.selector()})'
        if op in {"quantile", "limit_ratio"}:
            parameter = self.pick(("0.5", "0.9", "0", "1", "1.5", "-0.3", "0.25"))
            return f"{op}{clause} ({parameter}, {self.vector(depth)})"
        # Of equal values the first is kept, and only a selector's series come in an order to rely on.
        return f"{op}{clause} ({self.pick(('1', '2', '3', '5', '0'))}, {self.selector()})"

    def elementwise(self, depth: int) -> str:
        return f"{self.pick(ELEMENTWISE + TRIGONOMETRIC)}({self.vector(depth)})"

    def dated(self, depth: int) -> str:
        return f"{self.pick(OF_DATE)}({self.vector(depth) if self.random.random() < 0.8 else ''})"

    def of_range(self, depth: int) -> str:
        return f"{self.pick(OF_RANGE)}({self.range(depth)})"

    def special(self, depth: int) -> str:
        inner = self.vector(depth)
        bounded = self.range(depth)
        return self.pick((
            f"clamp({inner}, {self.pick(NUMBERS)}, {self.pick(NUMBERS)})",
            f"clamp_min({inner}, {self.scalar(depth)})",
            f"clamp_max({inner}, {self.scalar(depth)})",
            f"round({inner}, {self.pick(('0.1', '5', '0.25'))})",
            f"timestamp({inner})",
            f"absent({inner})",
            f"absent_over_time({bounded})",
            f"vector({self.scalar(depth)})",
            f"histogram_quantile({self.pick(('0.5', '0.9', '0.99', '-1', '2'))}, {self.buckets()})",
            f"histogram_fraction({self.pick(('0', '0.05', '-Inf'))}, {self.pick(BOUNDS)}, {self.buckets()})",
            f"quantile_over_time({self.pick(('0.5', '0.9', '0', '1', '2'))}, {bounded})",
            f"predict_linear({bounded}, {self.pick(('60', '3600'))})",
            f"double_exponential_smoothing({bounded}, 0.5, 0.3)",
            f'label_replace({inner}, "{self.pick(LABELS)}", "$1-x", "job", "(.*)")',
            f'label_join({inner}, "joined", "-", "job", "instance")',
            f"sort_desc({inner})",
            f"info({inner})",
            f'info({inner}, {{version=~".+"}})',
        ))  # fmt: skip

    def buckets(self) -> str:
        return self.pick((
            "latency_seconds_bucket",
            "rate(latency_seconds_bucket[2m])",
            "sum by (le) (rate(latency_seconds_bucket[5m]))",
            "sum by (job, le) (latency_seconds_bucket)",
            'latency_seconds_bucket{le!="+Inf"}',
            "temperature",
        ))  # fmt: skip

    def negated(self, depth: int) -> str:
        return f"-({self.vector(depth)})"

    def operator(self) -> str:
        if self.random.random() < 0.5:
            return self.pick(ARITHMETIC)
        return self.pick(COMPARISONS) + self.pick(("", " bool"))

    def with_scalar(self, depth: int) -> str:
        vector, scalar = f"({self.vector(depth)})", self.scalar(depth)
        left, right = self.random.sample((vector, scalar), 2)
        return f"{left} {self.operator()} {right}"

    def with_vector(self, depth: int) -> str:
        roll = self.random.random()
        matching = f"{self.pick(('on', 'ignoring'))} {self.labels()}" if roll < 0.6 else ""
        if matching and roll < 0.3:
            matching += f" {self.pick(('group_left', 'group_right'))} ()"
        inner = self.vector(depth)
        other = inner if self.random.random() < 0.3 else self.vector(depth)
        return f"({inner}) {self.operator()} {matching} ({other})"

    def set_operation(self, depth: int) -> str:
        matching = f"{self.pick(('on', 'ignoring'))} {self.labels()}" if self.random.random() < 0.5 else ""
        op = self.pick(("and", "or", "unless"))
        return f"({self.vector(depth)}) {op} {matching} ({self.vector(depth)})"
