"""What comes in at /push: read, checked against what others measure, handed to the push collector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from exporter.collector import SUBJECTS, Claim
from exporter.collectors.push import Push
from exporter.declared import Declaration, foreign_labels, full_name, objection
from exporter.http1 import Answer, Head, Request, error_answer, inflated
from exporter.pushed import Pushed, checked_group, from_json, from_page
from promkit.duration import parse_duration
from promkit.errors import ConfigError, Conflict, LimitError, NotFound, Where
from promkit.exposition import Family

__all__ = ["Intake"]

T = TypeVar("T")

DEFAULT_GROUP = "default"
_REMEDY = "send application/json, text/plain or application/openmetrics-text"


@dataclass(frozen=True, slots=True)
class Intake:
    """The door for pushes; built anew with each configuration."""

    push: Push | None
    owners: Mapping[Claim, str]
    arrived: Callable[[], None]
    """Called after each change, so that the page shows it at once."""
    declarations: Mapping[str, Declaration] = field(default_factory=dict)

    def answer(self, request: Request, now_ms: int) -> Answer:
        """Replace a group (POST, PUT) or drop it (DELETE).

        NotFound: pushes are off. ConfigError, Conflict, LimitError: what is wrong with this one.
        """
        if self.push is None:
            raise NotFound("pushes are off", remedy="add `push: {}` under `collectors`")
        head = request.head
        if head.method == "DELETE":
            group = _given(head, "group", "lumina-group") or DEFAULT_GROUP
            found = self.push.remove(checked_group(group))
            self.arrived()
            if not found:
                raise NotFound(f"no such group: {group!a}")
            return Answer(204, b"")
        kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in {"application/json", "text/plain", "application/openmetrics-text"}:
            return error_answer(415, f"Content-Type {kind or 'missing'!a}: {_REMEDY}")
        pushed = _read(kind, self._body(request, self.push.settings.body_bytes_max))
        self._check_owners(pushed.families)
        self._check_declared(pushed.families)
        group = _one("group", _given(head, "group", "lumina-group"), pushed.group) or DEFAULT_GROUP
        ttl = _given(head, "ttl", "lumina-ttl")
        ttl_ms = _one("ttl", parse_duration(ttl) if ttl is not None else None, pushed.ttl_ms)
        self.push.accept(checked_group(group), pushed.families, ttl_ms, now_ms)
        self.arrived()
        return Answer(202, b'{"status":"accepted"}\n', "application/json")

    @staticmethod
    def _body(request: Request, bytes_max: int) -> bytes:
        encoding = request.head.headers.get("content-encoding", "identity").strip().lower()
        if encoding == "gzip":
            return inflated(request.body, bytes_max)
        if encoding != "identity":
            raise ConfigError(f"Content-Encoding {encoding!a} is not known", remedy="send gzip or nothing")
        if len(request.body) > bytes_max:
            raise LimitError(f"the body is larger than {bytes_max} bytes")
        return request.body

    def _check_owners(self, families: tuple[Family, ...]) -> None:
        for family in families:
            subject = SUBJECTS.get(family.name)
            if subject is None:
                continue
            for sample in family.samples:
                claim = Claim(subject, sample.labels["component"])
                owner = self.owners.get(claim, "push")
                if owner != "push":
                    problem = f"{family.name} of component {claim.component!a} comes from {owner}"
                    raise Conflict(problem, "push", "a component has one source: see `components`")

    def _check_declared(self, families: tuple[Family, ...]) -> None:
        """Who pushes can be told at once what would be left out."""
        for family in families:
            name = full_name(family)
            declaration = self.declarations.get(name)
            if declaration is None:
                continue
            refused = objection(declaration, "push", family)
            if refused is not None:
                raise Conflict(refused[1], "push", "see `business`")
            for sample in family.samples:
                for label in sorted(foreign_labels(declaration, sample)):
                    remedy = f"declared are {', '.join(declaration.labels) or 'none'}"
                    raise ConfigError(f"{name} has no label {label!a}", Where("push"), remedy)


def _read(kind: str, body: bytes) -> Pushed:
    if kind == "application/json":
        return from_json(body)
    return from_page(body, openmetrics=kind != "text/plain")


def _given(head: Head, parameter: str, header: str) -> str | None:
    """What the URL says, else what the header says."""
    values = head.values(parameter)
    if len(values) > 1:
        raise ConfigError(f"{parameter} is given twice", "push")
    return values[0] if values else head.headers.get(header)


def _one(name: str, outside: T | None, inside: T | None) -> T | None:
    """What the request says, outside its body or in it; both may say the same."""
    if outside is not None and inside is not None and outside != inside:
        raise ConfigError(f"the request and its body name different values for {name}", "push")
    return inside if outside is None else outside
