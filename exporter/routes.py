"""Request → answer: all paths. Knows nothing of sockets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from exporter.http1 import Answer, BadRequest, Head, Request, error_answer
from exporter.intake import Intake
from exporter.landing import CSP, landing
from exporter.page import Page
from promkit.errors import ConfigError, Conflict, Forbidden, LimitError, LuminaError, NotFound, Unavailable
from promkit.exposition import CONTENT_TYPE_OPENMETRICS, CONTENT_TYPE_TEXT, negotiate

__all__ = ["PATHS", "Site", "accepts_gzip"]

PATHS: Mapping[str, Sequence[str]] = {
    "/": ("GET", "HEAD"),
    "/metrics": ("GET", "HEAD"),
    "/push": ("POST", "PUT", "DELETE"),
    "/-/healthy": ("GET", "HEAD"),
    "/-/ready": ("GET", "HEAD"),
}
_STATUSES: Sequence[tuple[type[LuminaError], int]] = (
    (ConfigError, 400),
    (LimitError, 413),
    (NotFound, 404),
    (Conflict, 409),
    (Forbidden, 403),
    (Unavailable, 503),
)


@dataclass(frozen=True, slots=True)
class Site:
    """All paths. Frozen: a reload builds another one."""

    page: Page
    intake: Intake
    metrics_path: str
    now_ms: Callable[[], int]

    def answer(self, request: Request, *, trusted: bool) -> Answer:
        """`trusted`: the caller may see what errors say. Never raises for what a caller got wrong."""
        head = request.head
        path = "/metrics" if head.path == self.metrics_path else head.path
        methods = PATHS.get(path)
        if methods is None:
            return error_answer(404, f"no such page: {head.path[:200]!a}")
        if head.method not in methods:
            return error_answer(405, f"{path} takes {', '.join(methods)}", {"Allow": ", ".join(methods)})
        try:
            return self._answer(path, request, trusted=trusted)
        except BadRequest as error:
            return error_answer(error.status, str(error))
        except LuminaError as error:
            status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
            return error_answer(status, str(error))

    def _answer(self, path: str, request: Request, *, trusted: bool) -> Answer:
        match path:
            case "/metrics":
                return self._metrics(request.head)
            case "/push":
                return self.intake.answer(request, self.now_ms())
            case "/-/healthy":
                return Answer(200, b"healthy\n")
            case "/-/ready":
                return self._ready()
            case _:
                body = landing(self.page.reports(), self.now_ms(), with_errors=trusted)
                headers = {
                    "Content-Security-Policy": CSP,
                    "Referrer-Policy": "no-referrer",
                    "Cache-Control": "no-store",
                }
                return Answer(200, body, "text/html; charset=utf-8", headers)

    def _ready(self) -> Answer:
        untried = self.page.untried()
        if untried:
            raise Unavailable(f"not read yet: {', '.join(untried)}")
        return Answer(200, b"ready\n")

    def _metrics(self, head: Head) -> Answer:
        openmetrics = negotiate(head.headers.get("accept"))
        headers = {"Vary": "Accept, Accept-Encoding"}
        kind = CONTENT_TYPE_OPENMETRICS if openmetrics else CONTENT_TYPE_TEXT
        wanted, unwanted = _selection(head, self.page)
        if wanted is not None or unwanted:
            return Answer(200, self.page.selected(wanted, unwanted, openmetrics=openmetrics), kind, headers)
        rendered = self.page.rendered(openmetrics=openmetrics)
        if accepts_gzip(head.headers.get("accept-encoding", "")):
            return Answer(200, rendered.gzip, kind, headers | {"Content-Encoding": "gzip"})
        return Answer(200, rendered.plain, kind, headers)


def _selection(head: Head, page: Page) -> tuple[set[str] | None, set[str]]:
    """What collect[] and exclude[] name. ConfigError: both are given, or one names what is not there."""
    wanted, unwanted = head.values("collect[]"), head.values("exclude[]")
    if wanted and unwanted:
        raise ConfigError("give collect[] or exclude[], not both")
    if not wanted and not unwanted:
        return None, set()
    known = page.names()
    unknown = [name for name in (*wanted, *unwanted) if name not in known]
    if unknown:
        remedy = f"known are {', '.join(sorted(known))}"
        raise ConfigError(f"unknown collector: {unknown[0][:100]!a}", remedy=remedy)
    return set(wanted) if wanted else None, set(unwanted)


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header takes gzip."""
    for choice in header.lower().split(","):
        coding, _, parameters = choice.partition(";")
        if coding.strip() in {"gzip", "*"}:
            return parameters.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
