"""Webhook: Alertmanager's JSON, version 4, and one key of ours beside it.

POST url {version, groupKey, truncatedAlerts, receiver, status, notification_reason, alerts: [{status, labels,
annotations, startsAt, endsAt, generatorURL, fingerprint}], groupLabels, commonLabels, commonAnnotations,
externalURL, lumina: {key, attempt, late, owedSince, escalation: {policy, level, levels, number, reason, by},
alerts: {fingerprint: {severity, value, rule, …}}}}

`lumina` is there for alerts of our own rules, and for late messages and those of an escalation. Any 2xx is a
yes. The header Idempotency-Key (as lumina.key) is the same for repeats of the same message.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from pydantic import model_validator

from promkit.config import DurationMs, field, reveal
from promkit.errors import ConfigError
from ruler.delivery.http_config import HttpConfig
from ruler.delivery.message import Escalated, Fact
from ruler.delivery.notification import Notification, common
from ruler.delivery.receiver import HttpRequest, Receiver, Text
from ruler.delivery.receivers.common import ReceiverModel, SecretUrl

__all__ = ["WEBHOOK", "Config"]

_ZERO_TIME = "0001-01-01T00:00:00Z"
_QUOTED = re.compile(r"[\\.+*?()|\[\]{}^$]")


class Config(ReceiverModel):
    """An HTTP endpoint of one's own."""

    refused: ClassVar[Mapping[str, str]] = {"payload": "payloads of one's own come later"}

    send_resolved: bool = field(True, description="Whether the end of alerts is told too.")
    url: SecretUrl | None = field(None, description="Where messages go; may be a template.")
    url_file: Path | None = field(None, description="A file with that address.")
    max_alerts: int = field(0, ge=0, description="How many alerts a message lists at most; 0: all.")
    timeout: DurationMs = field(0, description="How long an answer may take; 0: 10 s.")
    http_config: HttpConfig | None = field(None, description="How requests are made.")

    @model_validator(mode="after")
    def _has_url(self) -> "Config":
        if self.url is None and self.url_file is None:
            raise ValueError("url or url_file is missing")
        return self


def request(config: Config, notification: Notification) -> HttpRequest:
    url = notification.address(reveal(config, "url") or "").strip()
    if not url.startswith(("http://", "https://")):
        raise ConfigError("the webhook's url is not an http or https address")
    content = letter(notification) if notification.letter is not None else payload(config, notification)
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": notification.key}
    return HttpRequest("POST", url, body, headers)


def payload(config: Config, notification: Notification) -> dict[str, Any]:
    """Make version 4 of the message."""
    facts = notification.facts
    cut = facts[: config.max_alerts] if config.max_alerts else facts
    return {
        "receiver": _QUOTED.sub(r"\\\g<0>", notification.receiver),
        "status": notification.status.value,
        "alerts": [_alert(fact) for fact in cut],
        "notification_reason": notification.reason,
        "groupLabels": dict(notification.group_labels),
        "commonLabels": common(fact.labels for fact in cut),
        "commonAnnotations": common(fact.annotations for fact in cut),
        "externalURL": notification.external_url,
        "version": "4",
        "groupKey": notification.group_key,
        "truncatedAlerts": len(facts) - len(cut),
        **_ours(notification, cut),
    }


def _ours(notification: Notification, facts: tuple[Fact, ...]) -> dict[str, Any]:
    """Tell what Alertmanager has no words for; nothing, where it has words for all."""
    escalated = notification.escalated
    if not notification.late and escalated is None and not any(fact.rule for fact in facts):
        return {}
    step = {} if escalated is None else {"escalation": _escalation(escalated)}
    return {
        "lumina": {
            "key": notification.key,
            "attempt": notification.attempt,
            "late": notification.late,
            "owedSince": rfc3339(notification.created_ms),
            **step,
            "alerts": {fact.fingerprint: _more(fact) for fact in facts},
        }
    }


def _escalation(escalated: Escalated) -> dict[str, Any]:
    return {
        "policy": escalated.policy,
        "level": escalated.level,
        "levels": escalated.levels,
        "number": escalated.number,
        "reason": escalated.why,
        "by": escalated.by,
    }


def letter(notification: Notification) -> dict[str, Any]:
    """Make the message for what is no alert."""
    assert notification.letter is not None, "asked only for letters"  # noqa: S101 - a bug otherwise
    return {
        "receiver": notification.receiver,
        "version": "lumina/1",
        "subject": notification.letter.subject,
        "text": notification.letter.text,
        "html": notification.letter.html,
        "externalURL": notification.external_url,
        "lumina": {"key": notification.key, "attempt": notification.attempt},
    }


def _alert(fact: Fact) -> dict[str, Any]:
    return {
        "status": fact.status.value,
        "labels": dict(fact.labels),
        "annotations": dict(fact.annotations),
        "startsAt": rfc3339(fact.starts_ms),
        "endsAt": _ZERO_TIME if fact.ends_ms is None else rfc3339(fact.ends_ms),
        "generatorURL": fact.generator_url,
        "fingerprint": fact.fingerprint,
    }


def _more(fact: Fact) -> dict[str, Any]:
    more: dict[str, Any] = {"severity": fact.severity, "rule": fact.rule, "reason": fact.reason}
    if fact.value is not None:
        more["value"] = repr(fact.value)
    if fact.no_data:
        more["noData"] = True
    return {key: value for key, value in more.items() if value != ""}


def rfc3339(unix_ms: int) -> str:
    """Write a time as Go's RFC3339Nano: without trailing zeros."""
    seconds, rest = divmod(unix_ms, 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def texts(config: Config) -> list[Text]:
    return [Text(("url",), config.url.reveal())] if config.url is not None else []


WEBHOOK = Receiver("webhook", Config, request, texts)
