"""E-mail: text and HTML as multipart/alternative, as Alertmanager sends it.

The Message-ID is made of the idempotency key, so a repeat can be told from a new mail; with `threading` all
mails about a group answer one that never was, so that mail programs show them together.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from promkit.config import Model, Secret, field, reveal
from ruler.delivery.http_config import TlsConfig, tls_of
from ruler.delivery.notification import Notification
from ruler.delivery.receiver import MailRequest, Pace, Receiver, Smarthost, Text
from ruler.delivery.receivers.common import ReceiverModel
from ruler.template import TemplateError

__all__ = ["EMAIL", "Config", "HostPort"]

_IMPLICIT_TLS_PORT = 465
_ADDRESS = re.compile(r"[^\s<>,;\"@]+@[^\s<>,;\"@]+")


def _host_port(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or int(port) > 65_535:
        raise PydanticCustomError(
            "unit", "must be host:port, as smtp.example.org:587, not {text}", {"text": repr(text)}
        )
    return text


HostPort = Annotated[str, AfterValidator(_host_port)]


def _joined(value: object) -> object:
    return ", ".join(value) if isinstance(value, list) and all(isinstance(v, str) for v in value) else value


class Threading(Model):
    """Whether mail programs show the mails about a group together."""

    env_substitution: ClassVar[bool] = False

    enabled: bool = field(False, description="Whether mails refer to one another.")
    thread_by_date: Literal["none", "daily"] = field("daily", description="Whether each day has its own.")


class Config(ReceiverModel):
    """Mail."""

    to: Annotated[str, BeforeValidator(_joined)] = field(min_length=1, description="To whom, or a list.")
    from_: str | None = field(None, alias="from", description="From whom; else global's smtp_from.")
    smarthost: HostPort | None = field(None, description="The mail server; else global's smtp_smarthost.")
    hello: str | None = field(None, description="How we greet it; else global's smtp_hello.")
    auth_username: str | None = field(None, description="The user.")
    auth_password: Secret | None = field(None, description="The password, for PLAIN and LOGIN.")
    auth_password_file: Path | None = field(None, description="A file with the password.")
    auth_secret: Secret | None = field(None, description="The secret, for CRAM-MD5.")
    auth_secret_file: Path | None = field(None, description="A file with the secret.")
    auth_identity: str | None = field(None, description="The identity, for PLAIN.")
    require_tls: bool | None = field(
        None, description="Whether STARTTLS must be; else global's, which is yes."
    )
    force_implicit_tls: bool | None = field(None, description="TLS from the first byte; else on port 465.")
    tls_config: TlsConfig | None = field(None, description="TLS towards the mail server.")
    headers: Mapping[str, str] = field(default_factory=dict, description="Headers; they rule over ours.")
    html: str = field('{{ template "email.default.html" . }}', description="The HTML part.")
    text: str = field("", description="The text part.")
    threading: Threading = field(Threading(), description="Whether mails about a group belong together.")


def request(config: Config, notification: Notification) -> MailRequest:
    sender = notification.address(config.from_ or "")
    to = notification.address(config.to)
    senders, recipients = _addresses(sender), _addresses(to)
    if len(senders) != 1:
        raise TemplateError(f"not one address to send from: {sender!r}")
    if not recipients:
        raise TemplateError(f"no address to send to: {to!r}")
    return MailRequest(
        smarthost=_smarthost(config),
        sender=senders[0],
        recipients=recipients,
        mail=_mail(config, notification, sender, to),
    )


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(address for _, address in getaddresses([text]) if _ADDRESS.fullmatch(address))


def _smarthost(config: Config) -> Smarthost:
    host, _, port = (config.smarthost or "").rpartition(":")
    implicit = config.force_implicit_tls
    return Smarthost(
        host=host.strip("[]"),
        port=int(port),
        hello=config.hello or "localhost",
        require_tls=config.require_tls is not False,
        implicit_tls=int(port) == _IMPLICIT_TLS_PORT if implicit is None else implicit,
        username=config.auth_username or "",
        password=reveal(config, "auth_password") or "",
        secret=reveal(config, "auth_secret") or "",
        identity=config.auth_identity or "",
        tls=tls_of(config.tls_config),
    )


def _mail(config: Config, notification: Notification, sender: str, to: str) -> EmailMessage:
    letter = notification.letter
    headers = {"From": sender, "To": to}
    if letter is None:
        headers["Subject"] = '{{ template "email.default.subject" . }}'
    for name, text in config.headers.items():
        headers[_canonical(name)] = text
    mail = EmailMessage(policy=SMTP.clone(max_line_length=200))
    for name, text in headers.items():
        value = notification.expand(text) if letter is None or name != "Subject" else letter.subject
        mail[name] = _one_line(value)
    if letter is not None and "Subject" not in mail:
        mail["Subject"] = _one_line(letter.subject)
    domain = _domain(sender)
    mail["Message-ID"] = f"<{notification.key}@{domain}>"
    mail["Date"] = format_datetime(datetime.fromtimestamp(notification.now_ms // 1000, UTC))
    if config.threading.enabled and letter is None:
        thread = _thread(config, notification, domain)
        mail["In-Reply-To"] = thread
        mail["References"] = thread
    _fill_in(mail, *_bodies(config, notification))
    return mail


def _one_line(text: str) -> str:
    """Make a header's value: no line may end in it, and nothing hide in it."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _bodies(config: Config, notification: Notification) -> tuple[str, str]:
    letter = notification.letter
    if letter is not None:
        return letter.text, letter.html
    text = notification.expand(config.text) if config.text else ""
    html = notification.expand(config.html, html=True) if config.html else ""
    return text, html


def _fill_in(mail: EmailMessage, text: str, html: str) -> None:
    mail.make_alternative()
    for content, subtype in ((text, "plain"), (html, "html")):
        if content or (subtype == "plain" and not html):
            part = EmailMessage(policy=mail.policy)
            part.set_content(content, subtype=subtype, cte="quoted-printable")
            del part["MIME-Version"]
            mail.attach(part)
    mail["MIME-Version"] = "1.0"


def _canonical(name: str) -> str:
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def _domain(sender: str) -> str:
    try:
        return Address(addr_spec=_addresses(sender)[0]).domain or "localhost"
    except (IndexError, ValueError, HeaderParseError):
        return "localhost"


def _thread(config: Config, notification: Notification, domain: str) -> str:
    day = ""
    if config.threading.thread_by_date == "daily":
        day = f"{datetime.fromtimestamp(notification.now_ms // 1000, UTC):%Y-%m-%d}"
    about = f"{notification.receiver}\0{notification.group_key}\0{day}"
    return f"<alert-{hashlib.sha256(about.encode()).hexdigest()}@{domain}>"


def texts(config: Config) -> list[Text]:
    found = [
        Text(("to",), config.to),
        Text(("from",), config.from_ or ""),
        Text(("html",), config.html, html=True),
        Text(("text",), config.text),
    ]
    return found + [Text(("headers", name), text) for name, text in config.headers.items()]


def fill(config: Config, globals_: Any) -> Config:  # noqa: ANN401 - Globals, which knows this room
    """Take from global what the config leaves open."""
    taken = {
        name: value
        for name, value in globals_.smtp().items()
        if getattr(config, name) is None and value is not None
    }
    for name in ("auth_password", "auth_secret"):
        if getattr(config, name) is not None or getattr(config, f"{name}_file") is not None:
            taken.pop(name, None)
            taken.pop(f"{name}_file", None)
    config = config.model_copy(update=taken)
    if config.smarthost is None:
        raise ValueError("smarthost is missing, and global has no smtp_smarthost")
    if config.from_ is None:
        raise ValueError("from is missing, and global has no smtp_from")
    names = [_canonical(name) for name in config.headers]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise ValueError(f"header {twice} is given twice")
    return config


EMAIL = Receiver("email", Config, request, texts, fill=fill, pace=Pace(20, 5.0))
