"""The templates of a configuration: read and checked when it is loaded, rendered when a message is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.delivery.message import Escalated, Fact, Status
from ruler.template import (
    ALERTMANAGER,
    Instant,
    Items,
    Pairs,
    Span,
    Struct,
    Template,
    TemplateError,
    Templates,
    compile_template,
)

if TYPE_CHECKING:
    from ruler.delivery.notification import Notification

__all__ = ["Texts", "context", "default_templates"]

_DEFAULTS = Path(__file__).parent / "defaults"


def default_templates() -> Templates:
    """Give the templates that the defaults of receivers call."""
    templates = Templates(ALERTMANAGER)
    for path in sorted(_DEFAULTS.glob("*.tmpl")):
        templates = templates.with_file(path.read_text(), path.name)
    return templates


class Texts:
    """Every templated text of a configuration, compiled once."""

    def __init__(self, templates: Templates) -> None:
        self._templates = templates
        self._compiled: dict[tuple[str, bool], Template] = {}

    def check(self, text: str, name: str, *, html: bool = False) -> None:
        """Read a text and go through all its branches with sample alerts.

        ConfigError: what would fail whatever the alerts.
        """
        template = self._template(text, html=html, name=name)
        for sample in _SAMPLES:
            try:
                template.check(sample)
            except TemplateError as error:
                raise ConfigError(f"template: {error.problem}", error.where) from None

    def render(self, text: str, data: Struct, now_ms: int, *, html: bool = False) -> str:
        """Fill a text in.

        TemplateError: it failed.
        """
        bound = {"since": _since(now_ms)}
        try:
            return self._template(text, html=html, name="template").render(data, bound=bound)
        except ConfigError as error:
            raise TemplateError(error.problem, error.where, static=True) from None

    def _template(self, text: str, *, html: bool, name: str) -> Template:
        key = (text, html)
        if key not in self._compiled:
            self._compiled[key] = compile_template(
                text, name, ALERTMANAGER, html=html, definitions=self._templates
            )
        return self._compiled[key]


def _since(now_ms: int) -> Callable[..., object]:
    def since(when: object) -> Span:
        if not isinstance(when, Instant):
            raise TemplateError("since wants a time", static=True)
        return Span((now_ms - when.at_ms) * 1_000_000)

    return since


# What templates see: Alertmanager's template.Data, and one field of ours: the escalation's step, or nil.


def context(notification: "Notification") -> Struct:
    """Make a template's data of a message."""
    return _data(
        receiver=notification.receiver,
        status=notification.status,
        facts=notification.facts,
        group_labels=notification.group_labels,
        common_labels=notification.common_labels,
        common_annotations=notification.common_annotations,
        external_url=notification.external_url,
        reason=notification.reason,
        escalated=notification.escalated,
    )


def _data(
    *,
    receiver: str,
    status: Status,
    facts: tuple[Fact, ...],
    group_labels: Labels,
    common_labels: Mapping[str, str],
    common_annotations: Mapping[str, str],
    external_url: str,
    reason: str,
    escalated: Escalated | None,
) -> Struct:
    alerts = [_alert(fact) for fact in facts]

    def having(wanted: Status) -> Items:
        pairs = zip(facts, alerts, strict=True)
        return Items(alert for fact, alert in pairs if fact.status is wanted)

    return Struct(
        "Data",
        {
            "Receiver": receiver,
            "Status": status.value,
            "Alerts": Items(
                alerts,
                {"Firing": lambda: having(Status.FIRING), "Resolved": lambda: having(Status.RESOLVED)},
            ),
            "NotificationReason": reason,
            "GroupLabels": Pairs(group_labels),
            "CommonLabels": Pairs(common_labels),
            "CommonAnnotations": Pairs(common_annotations),
            "ExternalURL": external_url,
            "Escalation": None if escalated is None else _escalation(escalated),
        },
    )


def _escalation(escalated: Escalated) -> Struct:
    return Struct(
        "Escalation",
        {
            "Level": escalated.level,
            "Levels": escalated.levels,
            "Number": escalated.number,
            "Policy": escalated.policy,
            "Reason": escalated.why,
            "By": escalated.by,
            "Text": escalated.text,
        },
    )


def _alert(fact: Fact) -> Struct:
    return Struct(
        "Alert",
        {
            "Status": fact.status.value,
            "Labels": Pairs(fact.labels),
            "Annotations": Pairs(fact.annotations),
            "StartsAt": Instant(fact.starts_ms),
            "EndsAt": Instant(fact.ends_ms),
            "GeneratorURL": fact.generator_url,
            "Fingerprint": fact.fingerprint,
        },
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    status: Status

    def fact(self) -> Fact:
        ends_ms = None if self.status is Status.FIRING else 1
        return Fact("0" * 16, self.status, Labels({"alertname": "Sample"}), {}, 0, ends_ms)


def _sample(*statuses: Status) -> Struct:
    return _data(
        receiver="sample",
        status=statuses[0],
        facts=tuple(_Sample(status).fact() for status in statuses),
        group_labels=Labels({"alertname": "Sample"}),
        common_labels={"alertname": "Sample"},
        common_annotations={},
        external_url="http://localhost",
        reason="first notification",
        escalated=Escalated(0, level=1, levels=2, policy="on-call"),
    )


_SAMPLES = (_sample(Status.FIRING, Status.RESOLVED), _sample(Status.RESOLVED))
