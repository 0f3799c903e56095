"""The same questions to a server that speaks Prometheus' API: Prometheus, Thanos, Mimir, VictoriaMetrics."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from promkit.errors import LimitError, QueryError, Unavailable
from promkit.labels import Labels
from promkit.query import Client
from ruler.promql.ast import Node
from ruler.promql.budget import Cancel
from ruler.promql.engine import Options
from ruler.promql.parse import parse
from ruler.promql.plan import Shared
from ruler.promql.result import Matrix, RangeVector, Result, Scalar, String, Vector
from ruler.store import ABSENT

__all__ = ["RemoteEngine"]

Answer = Mapping[str, Any]  # JSON


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class RemoteEngine:
    """Evaluates elsewhere. Thread-safe, as its client is; the other side's limits hold besides ours."""

    def __init__(
        self, client: Client, options: Options | None = None, clock: Callable[[], int] = _monotonic_ms
    ) -> None:
        self._client = client
        self._options = options or Options()
        self._clock = clock

    def parse(self, query: str) -> Node:
        """The tree of a query, in the language that the options allow."""
        return parse(query, self._options.features)

    def instant(
        self,
        query: str | Node,
        at_ms: int,
        *,
        lookback_ms: int | None = None,
        deadline_ms: int | None = None,
        cancel: Cancel | None = None,
        shared: Shared | None = None,
    ) -> Result:
        """What a query is worth at one instant.

        QueryError: the server refuses the query. LimitError: the time is over. Unavailable: no answer,
        or cancelled.
        """
        key = (str(query), at_ms, lookback_ms)
        kept = None if shared is None else shared.get(key)
        if isinstance(kept, Result):
            return kept
        parameters = {"query": str(query), "time": _seconds(at_ms)}
        parameters |= self._limits(lookback_ms, deadline_ms, cancel)
        value = _instant_value(self._client.get("/api/v1/query", parameters), at_ms)
        result = Result(value)
        if shared is not None:
            shared.put(key, result, len(value.labels) if isinstance(value, Vector) else 1)
        return result

    def range(
        self,
        query: str | Node,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        *,
        lookback_ms: int | None = None,
        deadline_ms: int | None = None,
        cancel: Cancel | None = None,
        shared: Shared | None = None,
    ) -> Result:
        """What a query is worth at every step from start to end, both included; a Matrix.

        Errors as for `instant`. `shared` is of no use here: no two rules ask for one range.
        """
        del shared
        parameters = {
            "query": str(query),
            "start": _seconds(start_ms),
            "end": _seconds(end_ms),
            "step": _seconds(step_ms),
        }
        parameters |= self._limits(lookback_ms, deadline_ms, cancel)
        data = self._client.get("/api/v1/query_range", parameters)
        return Result(_read(lambda: _matrix(data["result"], start_ms, end_ms, step_ms)))

    def _limits(
        self, lookback_ms: int | None, deadline_ms: int | None, cancel: Cancel | None
    ) -> dict[str, str]:
        if cancel is not None and cancel.is_set():
            raise Unavailable("query was canceled in expression evaluation")
        left = self._options.timeout_ms
        if deadline_ms is not None:
            left = min(left, deadline_ms - self._clock())
        if left <= 0:
            raise LimitError("query timed out in expression evaluation", remedy="ask for less, or later")
        parameters = {"timeout": f"{left}ms"}
        if lookback_ms is not None:
            parameters["lookback_delta"] = f"{lookback_ms}ms"
        return parameters


def _read(read: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `read` gives
    """Read an answer. Unavailable: it is not one of this API's."""
    try:
        return read()
    except (KeyError, TypeError, ValueError, IndexError):
        raise Unavailable("the data source's answer is not one of the Prometheus API") from None


def _instant_value(data: Answer, at_ms: int) -> Vector | Scalar | String | RangeVector:
    value: Vector | Scalar | String | RangeVector = _read(lambda: _value(data, at_ms))
    return value


def _value(data: Answer, at_ms: int) -> Vector | Scalar | String | RangeVector:
    rows = data["result"]
    match data["resultType"]:
        case "vector":
            labels = [_labels(row) for row in rows]
            return Vector(at_ms, labels, np.array([float(row["value"][1]) for row in rows], np.float64))
        case "scalar":
            return Scalar(at_ms, float(rows[1]))
        case "string":
            return String(at_ms, str(rows[1]))
        case "matrix":
            return RangeVector([_labels(row) for row in rows], [_samples(row["values"]) for row in rows])
        case other:
            raise ValueError(other)


def _labels(row: Answer) -> Labels:
    if "histogram" in row or "histograms" in row:
        raise QueryError("the answer holds native histograms, which are not supported yet")
    return Labels(row["metric"])


def _samples(pairs: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    times = np.rint(np.array([pair[0] for pair in pairs], dtype=np.float64) * 1000).astype(np.int64)
    return times, np.array([float(pair[1]) for pair in pairs], dtype=np.float64)


def _matrix(rows: list[Answer], start_ms: int, end_ms: int, step_ms: int) -> Matrix:
    steps = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
    ordered = sorted(((_labels(row), row["values"]) for row in rows), key=lambda item: item[0])
    values = np.full((len(steps), len(ordered)), ABSENT)
    for column, (_, pairs) in enumerate(ordered):
        times, found = _samples(pairs)
        values[(times - start_ms) // step_ms, column] = found
    return Matrix([labels for labels, _ in ordered], steps, values)


def _seconds(time_ms: int) -> str:
    """Milliseconds as seconds, exactly."""
    sign = "-" if time_ms < 0 else ""
    return f"{sign}{abs(time_ms) // 1000}.{abs(time_ms) % 1000:03d}"
