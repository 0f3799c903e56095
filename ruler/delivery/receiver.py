"""What a receiver is: it says what to send, never sends.

    def request(config: Config, notification: Notification) -> HttpRequest: ...

    WEBHOOK = Receiver("webhook", Config, request, texts=texts)

Retry, redaction, timeouts and pace are the sender's, for all of them alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from promkit.config import Model
from promkit.fetch import Response
from ruler.delivery.notification import Notification

__all__ = ["HttpRequest", "MailRequest", "Pace", "Receiver", "Request", "Smarthost", "Text", "Verdict"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP exchange. Its address may be a secret: it shows nowhere."""

    method: str
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def destination(self) -> str:
        """What shares a pace: the address without its query."""
        return self.url.partition("?")[0]

    def __repr__(self) -> str:
        return f"HttpRequest({self.method})"


@dataclass(frozen=True, slots=True)
class Smarthost:
    """A mail server and how to greet it."""

    host: str
    port: int
    hello: str = "localhost"
    require_tls: bool = True
    implicit_tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)  # for CRAM-MD5
    identity: str = ""
    tls: Any = None  # the model of tls_config, or None


@dataclass(frozen=True, slots=True)
class MailRequest:
    """One mail to its recipients."""

    smarthost: Smarthost
    sender: str
    recipients: tuple[str, ...]
    mail: EmailMessage

    @property
    def destination(self) -> str:
        """What shares a pace: the mail server."""
        return f"smtp://{self.smarthost.host}:{self.smarthost.port}"

    def __repr__(self) -> str:
        return f"MailRequest({self.destination})"


Request = HttpRequest | MailRequest


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means."""

    accepted: bool
    retry: bool = False
    error: str = ""
    retry_after_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """A token bucket: how many messages at once, and how many a second after that."""

    burst: int = 100
    per_second: float = 50.0


@dataclass(frozen=True, slots=True)
class Text:
    """A templated text of a configuration, so that it can be checked when it is loaded."""

    path: tuple[str | int, ...]
    text: str
    html: bool = False


@dataclass(frozen=True, slots=True)
class Receiver:
    """A kind of receiver. The functions take the kind's own Config."""

    kind: str
    config: type[Model]
    request: Callable[[Any, Notification], Request]
    texts: Callable[[Any], Sequence[Text]]
    # What of alertmanager.yml's global section a config takes where it says nothing itself.
    fill: Callable[[Any, Any], Any] = lambda config, _globals: config
    # One config for each message that has to go out on its own (one an SMS number).
    split: Callable[[Any], Sequence[Any]] = lambda config: (config,)
    verdict: Callable[[Response], Verdict | None] | None = None  # None: the status says it
    pace: Pace = Pace()
