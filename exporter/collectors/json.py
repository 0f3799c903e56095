"""What a JSON endpoint answers: any value in it → gauges, counters and resource pools of your names.

Any metric that a query names; an array gives a series an item, null and what is not there none.
resource_pool_in_use{pool,type}, _size, _utilization_ratio   gauge  for `pools`

Values and labels are found by JMESPath. true is 1, false 0, a text is read as a number. Redirects are not
followed: what logs in here is not told elsewhere.
Fails where there is no answer, a status other than 2xx, a body too large or no JSON, where a value is no
number, or two items are one series.
"""

import dataclasses
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from exporter.asking import AS_USUAL, BasicAuth, Contexts, Tls, authorization, check_headers, check_url
from exporter.collector import BUSINESS_EVERY_MS, Context
from exporter.collector import Settings as Common
from exporter.naming import check_labels
from exporter.rows import LABELS_MAX, Made, Row, families, label_text
from exporter.settings import ByteSize, DurationMs, Name, Option, revealed
from promkit.errors import Unavailable
from promkit.exposition import Family
from promkit.secret import Secret

if TYPE_CHECKING:
    from exporter.jmes import Path as JmesPath
    from exporter.probe import Answer

__all__ = ["Json", "Query", "Settings", "document_of", "rows_of"]

QUERIES_MAX = 100
PATH_LENGTH_MAX = 2_000
HEADERS_MAX = 50
DEADLINE_SHARE = 0.9  # of the timeout, so that it is the request that gives up


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Made):
    """What is made of a part of the answer."""

    rows: Annotated[
        str,
        Option(
            "JMESPath of the rows: each item of an array is one; anything else is one row.",
            max_length=PATH_LENGTH_MAX,
        ),
    ] = "@"
    labels: Annotated[
        dict[str, str],
        Option(
            "Label → JMESPath seen from the row, as `name` or `join('-', [zone, name])`.",
            max_length=LABELS_MAX,
        ),
    ] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        from exporter import jmes  # noqa: PLC0415 - where something is configured, and not before

        check_labels(self.labels)
        self.check(self.labels)
        for path in (self.rows, *self.labels.values(), *self.wanted()):
            jmes.check(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """One endpoint."""

    name: Annotated[Name, Option("Name of the source.")]
    url: Annotated[str, Option("What to ask, http or https.", max_length=2_000)]
    queries: Annotated[tuple[Query, ...], Option("What is made of the answer.", max_length=QUERIES_MAX)]
    method: Annotated[Literal["GET", "POST"], Option("HTTP method.")] = "GET"
    body: Annotated[str, Option("Body to send; `Content-Type` is a header.", max_length=100_000)] = ""
    headers: Annotated[
        dict[str, Secret], Option("Headers to send; none is shown.", max_length=HEADERS_MAX)
    ] = dataclasses.field(default_factory=dict)
    header_files: Annotated[
        dict[str, Path], Option("Header → file with its value, as an API key.", max_length=HEADERS_MAX)
    ] = dataclasses.field(default_factory=dict)
    bearer_token: Annotated[Secret | None, Option("Token for `Authorization: Bearer`.")] = None
    bearer_token_file: Annotated[Path | None, Option("File with the token.")] = None
    basic_auth: Annotated[BasicAuth | None, Option("User and password.")] = None
    tls: Annotated[Tls, Option("How the server is checked.")] = AS_USUAL
    body_bytes_max: Annotated[ByteSize, Option("A larger answer is refused.", ge=1, le=2**28)] = (
        4 * 1024 * 1024
    )
    labels: Annotated[
        dict[str, str], Option("Labels of all its metrics, as the site's name.", max_length=LABELS_MAX)
    ] = dataclasses.field(default_factory=dict)
    every: Annotated[DurationMs, Option("How often the URL is asked.", ge=100)] = BUSINESS_EVERY_MS
    timeout: Annotated[DurationMs, Option("After this long a run counts as failed.")] = 10_000

    def gives(self) -> Iterable[tuple[str, Collection[str]]]:
        for query in self.queries:
            yield from query.gives((*self.labels, *query.labels))

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        check_url(self.url)
        check_headers({name: value.reveal() for name, value in self.headers.items()})
        check_headers(dict.fromkeys(self.header_files, ""))
        check_labels(self.labels)
        if not self.queries:
            raise ValueError("needs `queries`")


class Json:
    """Keeps its paths compiled and what servers are checked with."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del context
        # Only here: an exporter without such a source pays neither for http.client nor for JMESPath.
        from exporter import jmes, probe  # noqa: PLC0415

        self._name = name
        self._settings = settings
        self._probe = probe
        self._tls = Contexts(settings.tls, probe.tls_context)
        self._paths = {
            path: jmes.Path(path)
            for query in settings.queries
            for path in (query.rows, *query.labels.values(), *query.wanted())
        }

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        settings = self._settings
        document = document_of(self._probe.probe(self._target()), settings.body_bytes_max)
        answers = [
            (query, rows_of(query, document, self._paths, settings.series_max + 1))
            for query in settings.queries
        ]
        return families(self._name, settings.labels, answers)

    def _target(self) -> Any:  # noqa: ANN401 - probe's Target, which is loaded when needed
        settings = self._settings
        given = {name: value.reveal() for name, value in settings.headers.items()}
        given |= {name: revealed(None, file) or "" for name, file in settings.header_files.items()}
        login = authorization(settings.bearer_token, settings.bearer_token_file, settings.basic_auth)
        return self._probe.Target(
            settings.url,
            settings.method,
            {"Accept": "application/json", **login, **given},
            settings.body.encode(),
            redirects_max=0,
            body_bytes_max=settings.body_bytes_max,
            timeout_ms=int(settings.timeout * DEADLINE_SHARE),
            tls=self._tls,
            server_name=settings.tls.server_name,
        )


def document_of(answer: "Answer", bytes_max: int) -> object:
    """The answer as data. Unavailable: there is none, or it is none."""
    if answer.failure is not None:
        raise Unavailable(str(answer.failure))
    if not 200 <= answer.status <= 299:
        raise Unavailable(f"status {answer.status}")
    if answer.truncated:
        raise Unavailable(f"the answer is larger than {bytes_max} bytes", remedy="see `body_bytes_max`")
    try:
        document: object = json.loads(answer.body)
    except json.JSONDecodeError as error:
        raise Unavailable(f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except (ValueError, RecursionError):  # not UTF-8; a number of thousands of digits; too deep
        raise Unavailable("not JSON that can be read") from None
    return document


def rows_of(query: Query, document: object, paths: "Mapping[str, JmesPath]", rows_max: int) -> Sequence[Row]:
    """The rows of a document with what stands at each path. Unavailable: a path that does not fit it."""
    found = paths[query.rows].search(document)
    items = found if isinstance(found, list) else [] if found is None else [found]
    values = set(query.wanted())
    return [
        Row(
            {label: label_text(paths[path].search(item), label) for label, path in query.labels.items()},
            {path: paths[path].search(item) for path in values},
        )
        for item in items[:rows_max]
    ]
