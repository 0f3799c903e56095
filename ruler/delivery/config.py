"""alertmanager.yml, and what ruler.yml says of channels: the models.

What Alertmanager's file may ask that is not done here is refused by name. `setup.py` makes of the models what
the rest of this room works with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, PlainValidator, model_validator
from pydantic_core import PydanticCustomError

from promkit.config import DurationMs, Model, Secret, field, resolve
from promkit.errors import QueryError
from promkit.matcher_text import parse_matchers
from promkit.matchers import Matcher, MatchOp
from ruler.delivery import intervals
from ruler.delivery.http_config import HttpConfig, TlsConfig
from ruler.delivery.receivers import LATER, email, slack, sms, webhook
from ruler.delivery.receivers.common import SecretUrl

__all__ = ["ChannelsConfig", "DeliveryConfig", "Globals", "InhibitConfig", "ReceiverConfig", "RouteConfig"]


def _wrong(text: str) -> PydanticCustomError:
    return PydanticCustomError("unit", "is {text}", {"text": text})


def _positive(duration_ms: int) -> int:
    if duration_ms <= 0:
        raise PydanticCustomError("unit", "must be longer than 0")
    return duration_ms


Interval = Annotated[DurationMs, AfterValidator(_positive)]


def _matchers(value: object) -> tuple[Matcher, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise PydanticCustomError("unit", 'must be a list of matchers, as [severity="high"]')
    try:
        found = [matcher for text in value for matcher in parse_matchers(text)]
    except QueryError as error:
        raise _wrong(str(error)) from None
    return tuple(sorted(found, key=lambda matcher: (matcher.name, matcher.value)))


def _old_matchers(op: MatchOp) -> PlainValidator:
    def read(value: object) -> tuple[Matcher, ...]:
        if not isinstance(value, dict):
            raise PydanticCustomError("unit", "must be a mapping of labels to values")
        try:
            # Group keys show the old form's expressions anchored, as Alertmanager keeps them.
            form = "^(?:{})$" if op is MatchOp.REGEX else "{}"
            return tuple(Matcher(str(name), op, form.format(text)) for name, text in sorted(value.items()))
        except QueryError as error:
            raise _wrong(str(error)) from None

    return PlainValidator(read, json_schema_input_type=dict[str, str])


Matchers = Annotated[tuple[Matcher, ...], PlainValidator(_matchers, json_schema_input_type=list[str])]
Match = Annotated[tuple[Matcher, ...], _old_matchers(MatchOp.EQUAL)]
MatchRe = Annotated[tuple[Matcher, ...], _old_matchers(MatchOp.REGEX)]


class AlertmanagerModel(Model):
    """Keys of alertmanager.yml: `${…}` in them is no variable of ours."""

    env_substitution: ClassVar[bool] = False


_APP_API_LATER = ("slack_app_token", "slack_app_token_file", "slack_app_url")
_RECEIVERS_LATER = (
    "jira_api_url",
    "mattermost_webhook_url",
    "mattermost_webhook_url_file",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "opsgenie_api_url",
    "pagerduty_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_token_file",
    "victorops_api_key",
    "victorops_api_key_file",
    "victorops_api_url",
    "webex_api_url",
    "wechat_api_corp_id",
    "wechat_api_secret",
    "wechat_api_secret_file",
    "wechat_api_url",
)
_GLOBAL_LATER = {
    **dict.fromkeys(_APP_API_LATER, "Slack's app API comes later"),
    **dict.fromkeys(_RECEIVERS_LATER, "its receivers come later"),
}


class Globals(AlertmanagerModel):
    """What receivers take where they say nothing themselves."""

    refused: ClassVar[Mapping[str, str]] = _GLOBAL_LATER

    resolve_timeout: Interval = field(
        300_000, description="When a posted alert without an end counts as over, unless posted again."
    )
    http_config: HttpConfig | None = field(None, description="How requests are made.")
    smtp_smarthost: email.HostPort | None = field(None, description="The mail server, host:port.")
    smtp_from: str | None = field(None, description="From whom mails are.")
    smtp_hello: str | None = field(None, description="How the mail server is greeted.")
    smtp_auth_username: str | None = field(None, description="The mail server's user.")
    smtp_auth_password: Secret | None = field(None, description="The password, for PLAIN and LOGIN.")
    smtp_auth_password_file: Path | None = field(None, description="A file with the password.")
    smtp_auth_secret: Secret | None = field(None, description="The secret, for CRAM-MD5.")
    smtp_auth_secret_file: Path | None = field(None, description="A file with the secret.")
    smtp_auth_identity: str | None = field(None, description="The identity, for PLAIN.")
    smtp_require_tls: bool = field(True, description="Whether STARTTLS must be.")
    smtp_force_implicit_tls: bool | None = field(
        None, description="TLS from the first byte; else on port 465."
    )
    smtp_tls_config: TlsConfig | None = field(None, description="TLS towards the mail server.")
    slack_api_url: SecretUrl | None = field(None, description="Slack's incoming webhook.")
    slack_api_url_file: Path | None = field(None, description="A file with that address.")

    def seen(self, path: Path | None) -> Path | None:
        """Give a path as seen from this file's folder, for a model of another file."""
        return None if path is None else resolve(self, path).absolute()

    def smtp(self) -> dict[str, Any]:
        """Give the mail settings by the names that email_configs have for them."""
        return {
            "smarthost": self.smtp_smarthost,
            "from_": self.smtp_from,
            "hello": self.smtp_hello,
            "auth_username": self.smtp_auth_username,
            "auth_password": self.smtp_auth_password,
            "auth_password_file": self.seen(self.smtp_auth_password_file),
            "auth_secret": self.smtp_auth_secret,
            "auth_secret_file": self.seen(self.smtp_auth_secret_file),
            "auth_identity": self.smtp_auth_identity,
            "require_tls": self.smtp_require_tls,
            "force_implicit_tls": self.smtp_force_implicit_tls,
            "tls_config": self.smtp_tls_config,
        }


class RouteConfig(AlertmanagerModel):
    """A node of the routing tree; what is left out is the parent's."""

    receiver: str | None = field(None, description="Who is told.")
    group_by: tuple[str, ...] | None = field(None, description="Labels that make a group; '...': all labels.")
    continue_: bool = field(False, alias="continue", description="Whether later siblings are tried too.")
    matchers: Matchers = field((), description="All must match.")
    match: Match = field((), description="The old form: labels and their values.")
    match_re: MatchRe = field((), description="The old form: labels and regular expressions.")
    group_wait: DurationMs | None = field(
        None, description="How long a new group waits for more alerts (30s)."
    )
    group_interval: Interval | None = field(None, description="How often a group's changes are told (5m).")
    repeat_interval: Interval | None = field(None, description="When what still fires is told again (4h).")
    mute_time_intervals: tuple[str, ...] = field((), description="Times at which nothing is told.")
    active_time_intervals: tuple[str, ...] = field((), description="The only times at which something is.")
    routes: tuple["RouteConfig", ...] = field((), description="Children, tried in order.")

    @model_validator(mode="after")
    def _groups(self) -> "RouteConfig":
        labels = self.group_by or ()
        if "..." in labels and len(labels) > 1:
            raise ValueError("group_by has '...' (all labels) and others: keep one or the others")
        if len(set(labels)) < len(labels):
            raise ValueError("group_by has a label twice")
        if "" in labels:
            raise ValueError("group_by has an empty label")
        return self

    def all_matchers(self) -> tuple[Matcher, ...]:
        """Give the matchers of all three forms, in Alertmanager's order."""
        found = (*self.match, *self.match_re, *self.matchers)
        order = list(MatchOp)
        return tuple(sorted(found, key=lambda m: (m.name, m.value, order.index(m.op))))


class ReceiverConfig(AlertmanagerModel):
    """A name, and the ways in which it is reached."""

    refused: ClassVar[Mapping[str, str]] = {
        f"{kind}_configs": f"{kind} receivers come later" for kind in LATER
    }

    name: str = field(min_length=1, description="The name that routes give.")
    labels: Mapping[str, str] = field(default_factory=dict, description="Labels of the receiver itself.")
    email_configs: tuple[email.Config, ...] = field((), description="Mail.")
    slack_configs: tuple[slack.Config, ...] = field((), description="Slack.")
    sms_configs: tuple[sms.Config, ...] = field((), description="Text messages (ours).")
    webhook_configs: tuple[webhook.Config, ...] = field((), description="HTTP endpoints.")


class InhibitConfig(AlertmanagerModel):
    """While a source fires, targets with equal labels are not told."""

    name: str = field("", description="A name, for people.")
    source_matchers: Matchers = field((), description="What keeps others back.")
    source_match: Match = field((), description="The old form.")
    source_match_re: MatchRe = field((), description="The old form, regular expressions.")
    target_matchers: Matchers = field((), description="What is kept back.")
    target_match: Match = field((), description="The old form.")
    target_match_re: MatchRe = field((), description="The old form, regular expressions.")
    equal: tuple[str, ...] = field((), description="Labels in which both must agree.")


def _ranges(read: Any) -> PlainValidator:  # noqa: ANN401 - one of the readers in intervals
    def all_of(value: object) -> tuple[intervals.Range, ...]:
        if not isinstance(value, list):
            raise PydanticCustomError("unit", "must be a list")
        try:
            return tuple(read(item) for item in value)
        except ValueError as error:
            raise _wrong(str(error)) from None

    return PlainValidator(all_of, json_schema_input_type=list[str])


def _time_of_day(value: object) -> int:
    try:
        return intervals.time_of_day(value)
    except ValueError as error:
        raise _wrong(str(error)) from None


def _location(value: object) -> Any:  # noqa: ANN401 - a tzinfo
    try:
        return intervals.location(str(value))
    except ValueError as error:
        raise _wrong(str(error)) from None


TimeOfDay = Annotated[int, PlainValidator(_time_of_day, json_schema_input_type=str)]
Ranges = tuple[intervals.Range, ...]


class TimesConfig(AlertmanagerModel):
    """A time of day, from start_time up to end_time."""

    start_time: TimeOfDay = field(description="Its begin, as 09:00.")
    end_time: TimeOfDay = field(description="Its end, as 17:30 or 24:00.")

    @model_validator(mode="after")
    def _forward(self) -> "TimesConfig":
        if self.start_time >= self.end_time:
            raise ValueError("start_time must be before end_time")
        return self


class SpanConfig(AlertmanagerModel):
    """What is given must all hold."""

    times: tuple[TimesConfig, ...] = field((), description="Times of day.")
    weekdays: Annotated[Ranges, _ranges(intervals.weekdays)] = field((), description="As monday:friday.")
    days_of_month: Annotated[Ranges, _ranges(intervals.days)] = field((), description="As 1:5 or -3:-1.")
    months: Annotated[Ranges, _ranges(intervals.months)] = field((), description="As january:march or 1:3.")
    years: Annotated[Ranges, _ranges(intervals.years)] = field((), description="As 2026:2030.")
    location: Annotated[Any, PlainValidator(_location, json_schema_input_type=str)] = field(
        intervals.UTC, description="The time zone, as Europe/Berlin; UTC if left out."
    )

    def interval(self) -> intervals.TimeInterval:
        """Give the interval itself."""
        times = tuple(intervals.Range(one.start_time, one.end_time - 1) for one in self.times)
        return intervals.TimeInterval(
            times, self.weekdays, self.days_of_month, self.months, self.years, self.location
        )


class TimeIntervalConfig(AlertmanagerModel):
    """Named times: one of its spans must hold."""

    name: str = field(min_length=1, description="The name that routes give.")
    time_intervals: tuple[SpanConfig, ...] = field((), description="Spans of time.")


class DeliveryConfig(AlertmanagerModel):
    """alertmanager.yml."""

    refused: ClassVar[Mapping[str, str]] = {
        "tracing": "traces are not written",
        "event_recorder": "events are served under /api/v1/lumina/events instead",
    }

    global_: Globals = field(Globals(), alias="global", description="Defaults of receivers.")
    route: RouteConfig = field(description="The routing tree.")
    receivers: tuple[ReceiverConfig, ...] = field((), description="Who can be told.")
    inhibit_rules: tuple[InhibitConfig, ...] = field((), description="What keeps what back.")
    time_intervals: tuple[TimeIntervalConfig, ...] = field((), description="Named times.")
    mute_time_intervals: tuple[TimeIntervalConfig, ...] = field((), description="The old name of that.")
    templates: tuple[str, ...] = field((), description="Files with templates, by pattern.")


# Channels: a receiver by its short name. What is told there is what a rule's author expects.


class EmailChannel(email.Config):
    """Mail."""

    send_resolved: bool = field(True, description="Whether the end of alerts is told too.")
    text: str = field('{{ template "lumina.text" . }}', description="The text part.")
    threading: email.Threading = field(
        email.Threading(enabled=True), description="Whether mails about a group belong together."
    )


class SlackChannel(slack.Config):
    """Slack."""

    send_resolved: bool = field(True, description="Whether the end of alerts is told too.")
    text: str = field('{{ template "lumina.text" . }}', description="The text.")


class SmsChannel(sms.Config):
    """Text messages."""

    send_resolved: bool = field(True, description="Whether the end of alerts is told too.")


class WebhookChannel(webhook.Config):
    """An HTTP endpoint."""


class ChannelsConfig(Model):
    """`channels` of ruler.yml: each has the keys of the *_config of its kind."""

    email: EmailChannel | None = field(None, description="Mail.")
    slack: SlackChannel | None = field(None, description="Slack.")
    sms: SmsChannel | None = field(None, description="Text messages, by Twilio.")
    webhook: WebhookChannel | None = field(None, description="An HTTP endpoint.")
