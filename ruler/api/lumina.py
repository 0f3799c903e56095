"""Our own API, /api/v1/lumina/: what people do to alerts, what was sent and done, reports."""

from fastapi import APIRouter
from pydantic import Field

from promkit.config import Model
from promkit.errors import ConfigError
from promkit.matchers import Matcher, MatchOp
from ruler.alerts import Alert, Silence, Transition
from ruler.api.bodies import Json, Operator, Span, named
from ruler.api.context import NowMs, TheRuler
from ruler.api.figures import RANGES_MS, health_figures, report_figures
from ruler.api.wire import iso, success

__all__ = ["alert_json", "router"]

router = APIRouter(prefix="/api/v1/lumina", tags=["Lumina"])

NOTIFICATIONS_MAX = 200  # with one alert


class Acknowledgement(Model):
    """Somebody takes an alert on."""

    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")
    comment: str = Field("", max_length=2000, description="a note for the timeline")
    expires: Span | None = Field(None, description="the alert speaks up again after this long")


class Resolution(Model):
    """Somebody closes an alert."""

    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")


class Climb(Model):
    """Somebody calls for the next of an alert's escalation."""

    level: int | None = Field(None, description="which level, from 1; else the next")
    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")


class Quiet(Model):
    """Nobody is told of one alert for a while."""

    duration: Span = Field(description="for how long", gt=0)
    by: str = Field("", max_length=200, description="who; the login's name wins where there is one")
    comment: str = Field("", max_length=2000, description="why")


class Message(Model):
    """A message of a person's or a program's own, through the outbox."""

    receiver: str = Field(description="a receiver's or channel's name")
    subject: str = Field(max_length=500)
    text: str = Field(max_length=200_000)
    html: str = Field("", max_length=500_000)


@router.get("/alerts")
def alerts(ruler: TheRuler, now_ms: NowMs, hours: float = 0, severity: str = "") -> Json:
    """Active alerts, or with `hours` those that resolved within so long; by severity if asked."""
    since_ms = now_ms - round(hours * 3_600_000)
    found = ruler.book.resolved(since_ms) if hours > 0 else ruler.book.alerts()
    if severity:
        found = [alert for alert in found if ruler.settings.severities.level(alert.severity) == severity]
    return success([alert_json(alert) for alert in found])


@router.get("/alerts/{fingerprint}")
def alert(fingerprint: str, ruler: TheRuler, now_ms: NowMs) -> Json:
    """One alert, with its timeline, its escalation and what was sent of it. 404: unknown."""
    found = ruler.book.alert(fingerprint)
    climb = ruler.delivery.escalation(found, now_ms)
    steps = [transition_json(step) for step in ruler.book.timeline(fingerprint)]
    records = ruler.delivery.notifications(limit=NOTIFICATIONS_MAX, fingerprint=fingerprint)
    sent = [record.json() for record in records]
    return success({**alert_json(found), "escalation": climb, "timeline": steps, "notifications": sent})


@router.get("/alerts/{fingerprint}/explain")
def explain(fingerprint: str, ruler: TheRuler, now_ms: NowMs) -> Json:
    """What was or will be sent, to whom, when and why, or why not. 404: unknown."""
    return success(ruler.delivery.explain(fingerprint, now_ms))


@router.post("/alerts/{fingerprint}/acknowledge")
def acknowledge(
    fingerprint: str, body: Acknowledgement, ruler: TheRuler, now_ms: NowMs, who: Operator
) -> Json:
    """Stop escalation and repeats of a firing alert. 404: unknown. 409: not firing."""
    until_ms = None if body.expires is None else now_ms + body.expires
    by = named(who, body.by)
    return success(alert_json(ruler.book.acknowledge(fingerprint, by, body.comment, now_ms, until_ms)))


@router.post("/alerts/{fingerprint}/unacknowledge")
def unacknowledge(fingerprint: str, body: Resolution, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Take an acknowledgement back. 404: unknown. 409: not acknowledged."""
    return success(alert_json(ruler.book.unacknowledge(fingerprint, named(who, body.by), now_ms)))


@router.post("/alerts/{fingerprint}/resolve")
def resolve(fingerprint: str, body: Resolution, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Close an alert; it fires again only after its condition was false once. 404: unknown. 409: ended."""
    return success(alert_json(ruler.book.resolve(fingerprint, named(who, body.by), now_ms)))


@router.post("/alerts/{fingerprint}/escalate")
def escalate(fingerprint: str, body: Climb, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Climb to the next escalation level, or to `level`. 404: unknown. 409: not firing, no policy, top."""
    return success(alert_json(ruler.delivery.escalate(fingerprint, body.level, named(who, body.by), now_ms)))


@router.post("/alerts/{fingerprint}/silence")
def silence_alert(fingerprint: str, body: Quiet, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Silence exactly this alert: a silence that names each of its labels. 404: unknown."""
    found = ruler.book.alert(fingerprint)
    silence = Silence(
        id="",
        matchers=tuple(Matcher(name, MatchOp.EQUAL, value) for name, value in found.labels.items()),
        starts_ms=now_ms,
        ends_ms=now_ms + body.duration,
        updated_ms=now_ms,
        by=named(who, body.by),
        comment=body.comment,
    )
    return success({"id": ruler.book.silence(silence, now_ms)})


@router.get("/timeline")
def timeline(ruler: TheRuler, after: int = 0, limit: int = 1000) -> Json:
    """What happened to all alerts, in order, after a sequence number."""
    found = ruler.book.transitions(after, min(max(limit, 1), 10_000))
    return success([transition_json(step) for step in found])


@router.get("/notifications")
def notifications(ruler: TheRuler, limit: int = 200, fingerprint: str = "") -> Json:
    """Records of what was sent: channel, time, sent, failed or pending, error; the latest first."""
    found = ruler.delivery.notifications(limit=min(max(limit, 1), 10_000), fingerprint=fingerprint)
    return success([record.json() for record in found])


@router.get("/dead-letters")
def dead_letters(ruler: TheRuler) -> Json:
    """Messages that were given up, with the reason."""
    return success([letter.json() for letter in ruler.delivery.dead_letters()])


@router.post("/dead-letters/{identifier}/retry")
def retry(identifier: int, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Send a dead letter again. 404: no such letter."""
    ruler.delivery.retry(identifier, now_ms)
    return success({"id": identifier, "by": who.name})


@router.post("/messages")
def message(body: Message, ruler: TheRuler, now_ms: NowMs, who: Operator) -> Json:
    """Put a message into the outbox. 404: no such receiver."""
    del who
    return success(
        {"id": ruler.delivery.send_message(body.receiver, body.subject, body.text, body.html, now_ms)}
    )


@router.get("/health")
def health(ruler: TheRuler, now_ms: NowMs) -> Json:
    """S18: critical when a critical alert is active, warning when any is, else healthy; with counts."""
    return success(health_figures(ruler, now_ms))


@router.get("/report")
def report(ruler: TheRuler, now_ms: NowMs, range: str = "1h") -> Json:  # noqa: A002 - the API's name
    """S17: count, min, max, avg, p95, p99 and latest of each metric over 1h, 24h, 7d or 30d, and alerts."""
    if range not in RANGES_MS:
        raise ConfigError(f"no such range: {range!r}", remedy=f"one of {', '.join(RANGES_MS)}")
    return success(report_figures(ruler, RANGES_MS[range], now_ms))


@router.get("/setup")
def setup(ruler: TheRuler) -> Json:
    """Channels and actions that rules name and nobody has set up, with the file and key that does."""
    return success(
        [{"name": u.name, "kind": u.kind, "file": u.file, "key": u.key} for u in ruler.settings.unset]
    )


def alert_json(alert: Alert) -> Json:
    """An alert as S11 has it: id, rule, severity, message, times, status, by whom, level."""
    ack = alert.acknowledged
    status = "resolved" if alert.ends_ms is not None and not alert.firing else "active"
    return {
        "id": alert.fingerprint,
        "rule": alert.rule,
        "name": alert.name,
        "severity": alert.severity,
        "message": alert.annotations.get("description") or alert.annotations.get("summary", ""),
        "labels": dict(alert.labels.items()),
        "annotations": dict(alert.annotations),
        "value": alert.value,
        "phase": alert.phase.value,
        "status": "acknowledged" if ack is not None and status == "active" else status,
        "triggered": iso(alert.starts_ms),
        "resolved": None if alert.firing or alert.ends_ms is None else iso(alert.ends_ms),
        "acknowledged": None if ack is None else iso(ack.at_ms),
        "acknowledged_by": None if ack is None else ack.by,
        "acknowledgement_comment": None if ack is None else ack.comment,
        "escalation_level": alert.escalation_level,
        "reason": alert.reason,
        "no_data": alert.no_data,
    }


def transition_json(step: Transition) -> Json:
    """A row of the timeline."""
    return {
        "seq": step.seq,
        "at": iso(step.at_ms),
        "at_ms": step.at_ms,
        "happening": step.happening.value,
        "id": step.alert.fingerprint,
        "name": step.alert.name,
        "rule": step.alert.rule,
        "value": step.alert.value,
        "detail": dict(step.detail),
    }
