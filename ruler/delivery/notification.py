"""What a receiver renders: one message, with all that templates and payloads may ask of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from promkit.labels import EMPTY, Labels
from ruler.delivery.message import Escalated, Fact, Status
from ruler.delivery.texts import Texts, context
from ruler.template import TemplateError

__all__ = ["Letter", "Notification"]


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that is no alert: a report, a test."""

    subject: str
    text: str
    html: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    """One message to one target."""

    receiver: str
    integration: str
    key: str  # idempotency key: the same as long as the content is
    external_url: str
    texts: Texts
    now_ms: int
    created_ms: int
    facts: tuple[Fact, ...] = ()
    group_key: str = ""
    group_labels: Labels = EMPTY
    reason: str = ""
    late: bool = False
    attempt: int = 1
    letter: Letter | None = None
    failures: list[str] = field(default_factory=list)  # templates that failed, as they were rendered

    @property
    def status(self) -> Status:
        """Firing while any of its alerts is."""
        firing = any(fact.status is Status.FIRING for fact in self.facts)
        return Status.FIRING if firing else Status.RESOLVED

    @property
    def escalated(self) -> Escalated | None:
        """The step of an escalation that this message is."""
        return next((fact.escalated for fact in self.facts if fact.escalated is not None), None)

    @property
    def common_labels(self) -> Labels:
        """The labels that all its alerts share."""
        return Labels(common(fact.labels for fact in self.facts))

    @property
    def common_annotations(self) -> dict[str, str]:
        """The annotations that all its alerts share."""
        return common(fact.annotations for fact in self.facts)

    def expand(self, text: str, *, html: bool = False) -> str:
        """Render a templated text. One that fails gives a plain text that says so, and is counted."""
        try:
            return self.address(text, html=html)
        except TemplateError as error:
            self.failures.append(str(error))
            return f"(template failed: {error.problem}) {self.plain()}"

    def address(self, text: str, *, html: bool = False) -> str:
        """Render a text that nothing else can stand for: an address, a channel.

        TemplateError: it failed.
        """
        if "{{" not in text:
            return text
        return self.texts.render(text, context(self), self.now_ms, html=html)

    def plain(self) -> str:
        """Say it without any template."""
        if self.letter is not None:
            return self.letter.text or self.letter.subject
        named = [f"{fact.labels['alertname']} {fact.labels}" for fact in self.facts[:_PLAIN_ALERTS_MAX]]
        more = len(self.facts) - len(named)
        escalated = f" ({self.escalated.text})" if self.escalated is not None else ""
        said = "; ".join(named) + (f"; and {more} more" if more else "")
        return f"[{self.status.value.upper()}] {said}{escalated}"


_PLAIN_ALERTS_MAX = 10


def common(maps: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Keep the pairs that all the maps have."""
    shared: dict[str, str] | None = None
    for each in maps:
        if shared is None:
            shared = dict(each.items())
        else:
            shared = {k: v for k, v in shared.items() if k in each and each[k] == v}
        if not shared:
            return {}
    return shared or {}
