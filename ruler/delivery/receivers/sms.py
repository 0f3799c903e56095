"""SMS, by Twilio's API: one request a number.

POST {api_url}/2010-04-01/Accounts/{account_sid}/Messages.json, a form of To, From or MessagingServiceSid, and
Body; basic auth by account and token. 201 is a yes. Twilio refuses texts of more than 1,600 signs.
"""

import base64
from pathlib import Path
from urllib.parse import quote, urlencode

from pydantic import model_validator

from promkit.config import DurationMs, Secret, field, reveal
from ruler.delivery.http_config import HttpConfig, HttpUrl
from ruler.delivery.notification import Notification
from ruler.delivery.receiver import HttpRequest, Pace, Receiver, Text
from ruler.delivery.receivers.common import ReceiverModel, shortened

__all__ = ["SMS", "Config"]

TEXT_LENGTH_MAX = 1600


class Config(ReceiverModel):
    """Text messages."""

    to: tuple[str, ...] = field(min_length=1, description="Numbers, as +4912345.")
    from_: str = field("", alias="from", description="The sender's number.")
    messaging_service_sid: str = field("", description="A messaging service, instead of `from`.")
    account_sid: str = field(min_length=1, description="The account.")
    auth_token: Secret | None = field(None, description="The account's token.")
    auth_token_file: Path | None = field(None, description="A file with the account's token.")
    text: str = field('{{ template "lumina.sms" . }}', description="The text.")
    api_url: HttpUrl = field("https://api.twilio.com", description="Where the API is.")
    timeout: DurationMs = field(0, description="How long an answer may take; 0: 10 s.")
    http_config: HttpConfig | None = field(None, description="How requests are made.")

    @model_validator(mode="after")
    def _whole(self) -> "Config":
        if bool(self.from_) == bool(self.messaging_service_sid):
            raise ValueError("give from or messaging_service_sid, one of them")
        if self.auth_token is None and self.auth_token_file is None:
            raise ValueError("auth_token or auth_token_file is missing")
        return self


def request(config: Config, notification: Notification) -> HttpRequest:
    form = {"To": config.to[0]}
    form.update(
        {"From": config.from_} if config.from_ else {"MessagingServiceSid": config.messaging_service_sid}
    )
    letter = notification.letter
    text = notification.expand(config.text) if letter is None else f"{letter.subject}: {letter.text}"
    form["Body"] = shortened(" ".join(text.split()), TEXT_LENGTH_MAX)
    account = quote(config.account_sid, safe="")
    token = reveal(config, "auth_token") or ""
    credentials = base64.b64encode(f"{config.account_sid}:{token}".encode()).decode()
    return HttpRequest(
        "POST",
        f"{config.api_url.rstrip('/')}/2010-04-01/Accounts/{account}/Messages.json",
        urlencode(form).encode(),
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"Basic {credentials}",
            "I-Twilio-Idempotency-Token": notification.key,
        },
    )


def split(config: Config) -> list[Config]:
    """Give each number a message of its own, so that one that fails is not told twice to the others."""
    return [config.model_copy(update={"to": (number,)}) for number in config.to]


def texts(config: Config) -> list[Text]:
    return [Text(("text",), config.text)]


SMS = Receiver("sms", Config, request, texts, split=split, pace=Pace(5, 1.0))
