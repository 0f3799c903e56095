"""What Prometheus remarks on beside an answer, in its words."""

from ruler.promql.ast import Node
from ruler.promql.lexer import line_and_column
from ruler.promql.text import format_general, quote

__all__ = ["Notes"]

_MONOTONICITY = (
    "input to histogram_quantile needed to be fixed for monotonicity "
    "(see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)
_NOT_A_COUNTER = "metric might not be a counter, name does not end in _total/_sum/_count/_bucket"


class Notes:
    """Warnings and infos, each text once and in the place where it came up last."""

    def __init__(self, query: str = "") -> None:
        self._query = query
        self._warnings: dict[str, str] = {}
        self._infos: dict[str, str] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may make the answer wrong."""
        return tuple(text + place for text, place in self._warnings.items())

    @property
    def infos(self) -> tuple[str, ...]:
        """What is worth knowing."""
        return tuple(text + place for text, place in self._infos.items())

    def merge(self, other: "Notes") -> None:
        """Take over the notes of a part that was evaluated before."""
        self._warnings |= other._warnings  # noqa: SLF001 - its own class
        self._infos |= other._infos  # noqa: SLF001

    def part(self) -> "Notes":
        """Empty notes on the same query."""
        return Notes(self._query)

    def quantile(self, q: float, node: Node) -> None:
        """A quantile outside 0–1."""
        self._warn(f"quantile value should be between 0 and 1, got {format_general(q)}", node)

    def ratio(self, ratio: float, capped: float, node: Node) -> None:
        """A ratio outside -1–1."""
        got = f"got {format_general(ratio)}, capping to {format_general(capped)}"
        self._warn(f"ratio value should be between -1 and 1, {got}", node)

    def bad_bucket(self, metric: str, label: str, node: Node) -> None:
        """A bucket whose bound cannot be read."""
        problem = f'bucket label "le" is missing or has a malformed value of {quote(label)}'
        self._warn(f"{problem} for metric name {quote(metric)}", node)

    def not_a_counter(self, metric: str, node: Node) -> None:
        """The rate of what is not named as a counter."""
        self._info(f"{_NOT_A_COUNTER}: {quote(metric)}", node)

    def monotonicity(self, metric: str, node: Node) -> None:
        """Buckets whose counts fell."""
        self._info(f"{_MONOTONICITY} for metric name {quote(metric)}", node)

    def _warn(self, text: str, node: Node) -> None:
        self._warnings[f"PromQL warning: {text}"] = self._place(node)

    def _info(self, text: str, node: Node) -> None:
        self._infos[f"PromQL info: {text}"] = self._place(node)

    def _place(self, node: Node) -> str:
        line, column = line_and_column(self._query, node.span.start)
        return f" ({line}:{column})"
