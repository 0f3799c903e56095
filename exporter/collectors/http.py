"""A probe of a URL: is it there, how fast, for how long is its certificate valid.

Labels component and url (without user, password and query):
app_up                                    gauge    1 where the answer is as expected, 0 where not
app_probe_duration_seconds{phase}         gauge    dns, connect, tls, processing, transfer, of the last probe
app_probe_seconds                         gauge    all phases together
app_probe_status_code                     gauge    0 without an answer
app_probe_body_bytes, app_probe_redirects gauge
app_probe_body_matches                    gauge    1 where the body is as expected; absent where nothing is
app_probe_failures_total{reason}          counter  dns connect tls processing transfer timeout redirect
                                                   protocol status body
app_tls_cert_expiry_timestamp_seconds     gauge    Unix time; absent where it was not verified

A site that is down is a finding, no failure: the collector fails only where a secret or CA file cannot be
read.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from exporter.asking import AS_USUAL, BasicAuth, Contexts, Tls, authorization, check_headers, check_url
from exporter.collector import APP_EVERY_MS, Context
from exporter.collector import Settings as Common
from exporter.settings import ByteSize, DurationMs, Name, Option, Pattern, compiled
from promkit.exposition import Family, counter, gauge
from promkit.log import get
from promkit.secret import Secret

if TYPE_CHECKING:
    from exporter.probe import Answer, Target

__all__ = ["Http", "Settings", "families", "verdict"]

MATCH_BYTES_MAX = 256 * 1024  # as much of the body as patterns are searched in
_CHECKS = ("status", "body")
REASONS = ("dns", "connect", "tls", "processing", "transfer", "timeout", "redirect", "protocol", *_CHECKS)

log = get("exporter.http")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """What makes an answer a good one."""

    status: Annotated[tuple[int, ...], Option("Good statuses (default: 200 to 299).", max_length=100)] = ()
    body: Annotated[Pattern | None, Option("The body must match.")] = None
    body_not: Annotated[Pattern | None, Option("The body must not match.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(Common):
    """One URL."""

    name: Annotated[Name, Option("Name of the source.")]
    url: Annotated[str, Option("What to ask, http or https.", max_length=2_000)]
    component: Annotated[Name | None, Option("Value of the label `component` (default: `name`).")] = None
    method: Annotated[Literal["GET", "HEAD", "POST", "PUT", "OPTIONS"], Option("HTTP method.")] = "GET"
    headers: Annotated[dict[str, str], Option("Headers to send.", max_length=50)] = dataclasses.field(
        default_factory=dict
    )
    body: Annotated[str, Option("Body to send.", max_length=100_000)] = ""
    bearer_token: Annotated[Secret | None, Option("Token for `Authorization: Bearer`.")] = None
    bearer_token_file: Annotated[Path | None, Option("File with the token.")] = None
    basic_auth: Annotated[BasicAuth | None, Option("User and password.")] = None
    expect: Annotated[Expect, Option("What makes an answer a good one.")] = Expect()
    tls: Annotated[Tls, Option("How the server is checked.")] = AS_USUAL
    redirects_max: Annotated[int, Option("Redirects to follow; 0: none is.", ge=0, le=20)] = 5
    body_bytes_max: Annotated[ByteSize, Option("The rest of a body is not read.", ge=0, le=2**26)] = (
        1024 * 1024
    )
    deadline: Annotated[
        DurationMs, Option("The probe itself gives up after this long; less than `timeout`.", ge=1)
    ] = 4500
    every: Annotated[DurationMs, Option("How often the URL is asked.", ge=100)] = APP_EVERY_MS

    @property
    def labels(self) -> Mapping[str, str]:
        return {"component": self.component or self.name, "url": shown_url(self.url)}

    def __post_init__(self) -> None:
        """ValueError: what does not fit."""
        check_url(self.url)
        check_headers(self.headers)


class Http:
    """Keeps how often what failed."""

    def __init__(self, settings: Settings, context: Context, name: str) -> None:
        del context
        # Only here: http.client and ssl cost 8 MiB, which an exporter without probes does not pay.
        from exporter import probe  # noqa: PLC0415

        self._name = name
        self._settings = settings
        self._probe = probe
        self._failures = dict.fromkeys(REASONS, 0)
        self._last = ""
        self._tls = Contexts(settings.tls, probe.tls_context)

    def collect(self, now_ms: int) -> list[Family]:
        del now_ms
        answer = self._probe.probe(self._target())
        reason, why = verdict(answer, self._settings.expect)
        if reason:
            self._failures[reason] += 1
        if bool(why) != bool(self._last):
            tell = log.warning if why else log.info
            tell(
                "probe failing" if why else "probe succeeds again", source=self._name, error=why or self._last
            )
        self._last = why
        return families(self._settings, answer, reason, self._failures)

    def _target(self) -> "Target":
        settings = self._settings
        return self._probe.Target(
            settings.url,
            settings.method,
            {
                **authorization(settings.bearer_token, settings.bearer_token_file, settings.basic_auth),
                **settings.headers,
            },
            settings.body.encode(),
            settings.redirects_max,
            settings.body_bytes_max,
            min(settings.deadline, settings.timeout),
            self._tls,
            settings.tls.server_name,
        )


def verdict(answer: "Answer", expect: Expect) -> tuple[str, str]:
    """Why an answer is not good: a word for the label and a sentence; two empty ones where it is."""
    if answer.failure is not None:
        return answer.failure.reason, str(answer.failure)
    if not (answer.status in expect.status if expect.status else 200 <= answer.status <= 299):
        return "status", f"status {answer.status}"
    if body_matches(answer, expect) is False:
        return "body", "the body is not as expected"
    return "", ""


def body_matches(answer: "Answer", expect: Expect) -> bool | None:
    """Whether the body is as expected; None where nothing is."""
    if expect.body is None and expect.body_not is None:
        return None
    text = answer.body[:MATCH_BYTES_MAX].decode(errors="replace")
    if expect.body is not None and not compiled(expect.body).search(text):
        return False
    return expect.body_not is None or not compiled(expect.body_not).search(text)


def families(settings: Settings, answer: "Answer", reason: str, failures: Mapping[str, int]) -> list[Family]:
    """An answer and what was made of it → families."""
    at = settings.labels
    matches = body_matches(answer, settings.expect) if answer.failure is None else None
    expiry_ms = answer.certificate_expiry_ms
    return [
        gauge("app_up", "1 where the probe's answer was as expected, 0 where not.", (at, float(not reason))),
        gauge(
            "app_probe_duration_seconds",
            "How long each phase of the last probe took, redirects included.",
            *(({**at, "phase": phase}, taken / 1_000) for phase, taken in answer.phases_ms.items()),
        ),
        gauge(
            "app_probe_seconds",
            "How long the last probe took.",
            (at, sum(answer.phases_ms.values()) / 1_000),
        ),
        gauge("app_probe_status_code", "Status of the last answer, 0 without one.", (at, answer.status)),
        gauge("app_probe_body_bytes", "Bytes read of the last answer's body.", (at, len(answer.body))),
        gauge("app_probe_redirects", "Redirects that the last probe followed.", (at, answer.redirects)),
        gauge(
            "app_probe_body_matches",
            "1 where the last answer's body was as expected, 0 where not.",
            *_known(at, matches),
        ),
        counter(
            "app_probe_failures_total",
            "Probes that failed, by the phase or the expectation that did.",
            *(({**at, "reason": reason}, count) for reason, count in failures.items()),
        ),
        gauge(
            "app_tls_cert_expiry_timestamp_seconds",
            "Unix time at which the server's certificate ends.",
            *_known(at, expiry_ms / 1_000 if expiry_ms is not None else None),
        ),
    ]


def shown_url(url: str) -> str:
    """The URL without user, password, query and fragment: those may hold secrets."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path or '/'}"


def _known(at: Mapping[str, str], value: float | None) -> Sequence[tuple[Mapping[str, str], float]]:
    return [] if value is None else [(at, float(value))]
