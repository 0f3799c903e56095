"""A client of the Prometheus HTTP API v1, whoever serves it; answers are matrices.

client = Client("http://127.0.0.1:19090", Fetcher(timeout_ms=30_000, body_bytes_max=256 << 20))
matrix = client.query_range("rate(app_requests_total[5m])", start_ms, end_ms, 60_000)
matrix.values                       # [series, time], NaN where a series has no sample
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from promkit.errors import QueryError, Unavailable
from promkit.fetch import Fetcher, FetchError, Response
from promkit.labels import Labels

__all__ = ["Client", "Matrix"]

# A GET with a longer query may be refused on its way; POST is not, but cannot be cached or linked.
_GET_LENGTH_MAX = 2_000
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series at common times. A row a series, as analytics has it."""

    labels: Sequence[Labels]  # [S], sorted
    times: NDArray[np.int64]  # [T], milliseconds
    values: NDArray[np.float64]  # [S, T], NaN: no sample


class Client:
    """Asks one server. Thread-safe, as its fetcher is."""

    def __init__(self, url: str, fetcher: Fetcher) -> None:
        self._url = url.rstrip("/")
        self._fetcher = fetcher

    def query(self, expr: str, at_ms: int) -> list[tuple[Labels, float]]:
        """Evaluate at an instant; a scalar is a series without labels.

        QueryError: the server refuses the expression. Unavailable: it does not answer.
        """
        data = self.get("/api/v1/query", {"query": expr, "time": _seconds(at_ms)})
        try:
            match data["resultType"]:
                case "vector":
                    return [(Labels(row["metric"]), float(row["value"][1])) for row in data["result"]]
                case "scalar":
                    return [(Labels(), float(data["result"][1]))]
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._strange() from None
        raise QueryError(f"a {data['resultType']} is no instant vector", remedy="query_range takes ranges")

    def query_range(self, expr: str, start_ms: int, end_ms: int, step_ms: int) -> Matrix:
        """Evaluate at start, start + step, … up to end.

        QueryError, Unavailable: as for `query`.
        """
        parameters = {
            "query": expr,
            "start": _seconds(start_ms),
            "end": _seconds(end_ms),
            "step": _seconds(step_ms),
        }
        data = self.get("/api/v1/query_range", parameters)
        times = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)  # [T]
        try:
            rows = sorted(((Labels(row["metric"]), row["values"]) for row in data["result"]), key=_labels)
            values = np.full((len(rows), len(times)), np.nan)  # [S, T]
            for row, (_, samples) in zip(values, rows, strict=True):
                _fill(row, samples, start_ms, step_ms)
        except (KeyError, TypeError, ValueError, IndexError):
            raise self._strange() from None
        return Matrix([labels for labels, _ in rows], times, values)

    def rules(self) -> list[dict[str, Any]]:
        """Give the rule groups, as /api/v1/rules has them."""
        data = self.get("/api/v1/rules", {})
        groups = data.get("groups") if isinstance(data, dict) else None
        if not isinstance(groups, list):
            raise self._strange()
        return groups

    def get(self, path: str, parameters: Mapping[str, str | Sequence[str]]) -> Any:  # noqa: ANN401 - a JSON document
        """Ask a path → `data` of the answer.

        QueryError: refused (400, 422), with the server's message. Unavailable: no answer, or another status.
        """
        query = urlencode(parameters, doseq=True)
        if len(query) <= _GET_LENGTH_MAX:
            response = self._fetcher.request("GET", f"{self._url}{path}?{query}")
        else:
            response = self._fetcher.request("POST", f"{self._url}{path}", headers=_FORM, body=query.encode())
        try:
            answer = json.loads(response.body)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and answer.get("status") == "success" and "data" in answer:
            return answer["data"]
        raise self._refused(response, answer)

    def _refused(self, response: Response, answer: object) -> QueryError | Unavailable:
        message = answer.get("error") if isinstance(answer, dict) else None
        if response.status in {400, 422} and isinstance(message, str):
            return QueryError(message)
        if response.is_success:
            return self._strange()
        said = f": {message}" if isinstance(message, str) else ""
        return Unavailable(f"status {response.status}{said}", self._shown())

    def _strange(self) -> FetchError:
        return FetchError("protocol", "this is not an answer of the Prometheus API", self._url)

    def _shown(self) -> str:
        return str(self._strange().where)


def _fill(row: NDArray[np.float64], samples: Sequence[Any], start_ms: int, step_ms: int) -> None:
    """Put [[seconds, text], …] into a row of the matrix, by their times."""
    if not samples:
        return
    seconds = np.array([sample[0] for sample in samples], dtype=np.float64)
    texts = [sample[1] for sample in samples]
    index = np.rint((seconds * 1000 - start_ms) / step_ms).astype(np.intp)
    if index.min() < 0 or index.max() >= len(row):
        raise ValueError("a time that was not asked for")
    row[index] = np.array(
        [float(text) for text in texts]
    )  # float() reads NaN and +Inf as Prometheus writes them


def _labels(row: tuple[Labels, Any]) -> Labels:
    return row[0]


def _seconds(time_ms: int) -> str:
    """Write milliseconds exactly: a float would round what a text need not."""
    whole, part = divmod(time_ms, 1000)
    if whole < 0 and part:
        whole, part = whole + 1, 1000 - part
        return f"-{abs(whole)}.{part:03d}"
    return f"{whole}.{part:03d}" if part else str(whole)
