"""Slack, by an incoming webhook: one message with one attachment, as Alertmanager sends it.

Slack answers 200 with `ok`; its newer addresses answer 200 with {"ok": false, "error": …} too, so the body is
read. About one message a second is taken for a channel.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from promkit.config import DurationMs, Model, field, reveal
from promkit.fetch import Response
from ruler.delivery.http_config import HttpConfig
from ruler.delivery.notification import Notification
from ruler.delivery.receiver import HttpRequest, Pace, Receiver, Text, Verdict
from ruler.delivery.receivers.common import ReceiverModel, SecretUrl, shortened

__all__ = ["SLACK", "Config"]

TITLE_LENGTH_MAX = 1024
_LATER = dict.fromkeys(
    ("app_token", "app_token_file", "app_url", "update_message"),
    "Slack's app API comes later; use api_url, an incoming webhook",
)
_RETRIED = {"rate_limited", "ratelimited", "internal_error", "fatal_error", "service_unavailable"}


class Part(Model):
    """A part of an attachment: its texts are templates."""

    env_substitution: ClassVar[bool] = False


class Field(Part):
    """A pair in a table."""

    title: str = field(min_length=1, description="What stands above.")
    value: str = field(min_length=1, description="What stands below.")
    short: bool | None = field(None, description="Whether it fits beside another; else as short_fields.")


class Confirm(Part):
    """A question before a button acts."""

    text: str = field(min_length=1, description="The question.")
    title: str = field("", description="Its title.")
    ok_text: str = field("", description="The label for yes.")
    dismiss_text: str = field("", description="The label for no.")


class Action(Part):
    """A button."""

    type: str = field(min_length=1, description="Mostly `button`.")
    text: str = field(min_length=1, description="Its label.")
    url: str = field("", description="Where it leads.")
    style: str = field("", description="default, primary or danger.")
    name: str = field("", description="Its name, for apps.")
    value: str = field("", description="Its value, for apps.")
    confirm: Confirm | None = field(None, description="A question before it acts.")

    @model_validator(mode="after")
    def _acts(self) -> "Action":
        if not self.url and not self.name:
            raise ValueError("name or url is missing")
        return self


class Config(ReceiverModel):
    """A Slack channel."""

    refused: ClassVar[Mapping[str, str]] = _LATER

    api_url: SecretUrl | None = field(None, description="The incoming webhook's address.")
    api_url_file: Path | None = field(None, description="A file with that address.")
    channel: str = field("", description="The channel or user.")
    username: str = field('{{ template "slack.default.username" . }}', description="The sender's name.")
    color: str = field(
        '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}', description="The colour of the bar."
    )
    title: str = field('{{ template "slack.default.title" . }}', description="The title.")
    title_link: str = field('{{ template "slack.default.titlelink" . }}', description="Where it leads.")
    pretext: str = field('{{ template "slack.default.pretext" . }}', description="Text above the attachment.")
    text: str = field('{{ template "slack.default.text" . }}', description="The text.")
    fields: tuple[Field, ...] = field((), description="Pairs below the text.")
    short_fields: bool = field(False, description="Whether pairs stand side by side.")
    footer: str = field('{{ template "slack.default.footer" . }}', description="The last line.")
    fallback: str = field('{{ template "slack.default.fallback" . }}', description="The text for notices.")
    callback_id: str = field('{{ template "slack.default.callbackid" . }}', description="An id, for apps.")
    icon_emoji: str = field('{{ template "slack.default.iconemoji" . }}', description="The sender's icon.")
    icon_url: str = field('{{ template "slack.default.iconurl" . }}', description="The sender's picture.")
    image_url: str = field("", description="A picture.")
    thumb_url: str = field("", description="A small picture.")
    link_names: bool = field(False, description="Whether @names and #channels become links.")
    mrkdwn_in: tuple[Literal["fallback", "pretext", "text", "title", "fields", "footer"], ...] = field(
        ("fallback", "pretext", "text"), description="Which texts have Slack's mark-up."
    )
    actions: tuple[Action, ...] = field((), description="Buttons.")
    timeout: DurationMs = field(0, description="How long an answer may take; 0: 10 s.")
    http_config: HttpConfig | None = field(None, description="How requests are made.")


def request(config: Config, notification: Notification) -> HttpRequest:
    url = (reveal(config, "api_url") or "").strip()
    content = {
        "channel": notification.address(config.channel),
        "username": notification.expand(config.username),
        "icon_emoji": notification.expand(config.icon_emoji),
        "icon_url": notification.expand(config.icon_url),
        "link_names": config.link_names,
    }
    message: dict[str, Any] = {key: value for key, value in content.items() if value}
    if notification.letter is not None:
        text = notification.letter.text or notification.letter.subject
        message["text"] = f"*{notification.letter.subject}*\n{text}"
    else:
        message["attachments"] = [attachment(config, notification)]
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    return HttpRequest("POST", url, body, {"Content-Type": "application/json"})


def attachment(config: Config, notification: Notification) -> dict[str, Any]:
    """Make the attachment; what is empty is left out, but for what Slack wants to see."""
    expand = notification.expand
    optional = {
        "title": shortened(expand(config.title), TITLE_LENGTH_MAX),
        "title_link": expand(config.title_link),
        "pretext": expand(config.pretext),
        "fields": [
            {
                "title": expand(one.title),
                "value": expand(one.value),
                "short": config.short_fields if one.short is None else one.short,
            }
            for one in config.fields
        ],
        "actions": [_button(one, notification) for one in config.actions],
        "image_url": expand(config.image_url),
        "thumb_url": expand(config.thumb_url),
        "color": expand(config.color),
        "mrkdwn_in": list(config.mrkdwn_in),
    }
    wanted = {
        "text": expand(config.text),
        "fallback": expand(config.fallback),
        "callback_id": expand(config.callback_id),
        "footer": expand(config.footer),
    }
    return {**wanted, **{key: value for key, value in optional.items() if value}}


def _button(action: Action, notification: Notification) -> dict[str, Any]:
    expand = notification.expand
    texts = {name: expand(text) for name, text in _own(action).items()}
    button: dict[str, Any] = {name: text for name, text in texts.items() if text}
    if action.confirm is not None:
        confirm = {name: expand(text) for name, text in _own(action.confirm).items()}
        button["confirm"] = {name: text for name, text in confirm.items() if text}
    return button


def _own(part: Part) -> dict[str, str]:
    """Give the texts of a part by name."""
    return {name: text for name in type(part).model_fields if isinstance(text := getattr(part, name), str)}


def texts(config: Config) -> list[Text]:
    plain = {name: text for name, text in _texts_of(config).items() if "{{" in text}
    found = [Text((name,), text) for name, text in plain.items()]
    parts: Mapping[str, tuple[Part, ...]] = {"fields": config.fields, "actions": config.actions}
    for name, members in parts.items():
        for index, part in enumerate(members):
            found.extend(Text((name, index, key), text) for key, text in _own(part).items())
    return found


def _texts_of(config: Config) -> dict[str, str]:
    return {name: text for name in Config.model_fields if isinstance(text := getattr(config, name), str)}


def fill(config: Config, globals_: Any) -> Config:  # noqa: ANN401 - Globals, which knows this room
    if config.api_url is not None or config.api_url_file is not None:
        return config
    if globals_.slack_api_url is None and globals_.slack_api_url_file is None:
        raise ValueError("api_url is missing, and global has no slack_api_url")
    return config.model_copy(
        update={"api_url": globals_.slack_api_url, "api_url_file": globals_.seen(globals_.slack_api_url_file)}
    )


def verdict(response: Response) -> Verdict | None:
    """Read `ok: false` under a 200; None: the status says it."""
    try:
        answer = json.loads(response.body)
    except ValueError:
        return None
    if not isinstance(answer, dict) or answer.get("ok") is not False:
        return None
    error = str(answer.get("error", "unknown"))[:200]
    return Verdict(accepted=False, retry=error in _RETRIED, error=f"Slack: {error}")


SLACK = Receiver("slack", Config, request, texts, fill=fill, verdict=verdict, pace=Pace(10, 1.0))
