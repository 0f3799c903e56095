"""The two ways out, HTTP and SMTP: what to send → what became of it. Errors are told without secrets."""

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from email.policy import SMTP as SMTP_POLICY
from http import HTTPStatus

from promkit.errors import ConfigError, LuminaError
from promkit.fetch import Fetcher, FetchError, Response, Tls
from promkit.hosts import is_loopback
from ruler.delivery.pace import retry_after_ms
from ruler.delivery.receiver import HttpRequest, MailRequest, Smarthost, Verdict

__all__ = ["send_http", "send_mail"]

RETRIED = {408, 425, 429}
MAIL_TIMEOUT_S = 30
_ACCEPTED = Verdict(accepted=True)
_ANSWER_LENGTH_MAX = 200
_SERVER_BUSY, _REFUSED = 400, 500


def send_http(
    client: Fetcher,
    request: HttpRequest,
    now_ms: int,
    verdict: Callable[[Response], Verdict | None] | None,
) -> Verdict:
    """Send a request and judge the answer."""
    try:
        response = client.request(request.method, request.url, headers=request.headers, body=request.body)
    except FetchError as error:
        return Verdict(accepted=False, retry=True, error=f"{error.kind}: {error}")
    except LuminaError as error:
        return Verdict(accepted=False, retry=True, error=str(error))
    if response.is_success:
        return (verdict(response) if verdict else None) or _ACCEPTED
    return Verdict(
        accepted=False,
        retry=response.status in RETRIED or response.status >= _REFUSED,
        error=_answer(response),
        retry_after_ms=retry_after_ms(response.headers.get("Retry-After"), now_ms),
    )


def _answer(response: Response) -> str:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = ""
    said = " ".join(response.text(_ANSWER_LENGTH_MAX).split())
    return f"{response.status} {phrase}".strip() + (f": {said}" if said else "")


def send_mail(request: MailRequest) -> Verdict:  # noqa: PLR0911 - a failure a return
    """Hand a mail over; what the server says at once is the verdict."""
    try:
        with _connected(request.smarthost) as server:
            mail = request.mail.as_bytes(policy=SMTP_POLICY)
            refused = server.sendmail(request.sender, list(request.recipients), mail)
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        return _mail_verdict(min(codes, default=_REFUSED), "every recipient was refused")
    except smtplib.SMTPResponseException as error:
        said = error.smtp_error
        text = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return _mail_verdict(error.smtp_code, text)
    except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
        return Verdict(accepted=False, error=str(error))
    except (OSError, smtplib.SMTPException) as error:
        return Verdict(accepted=False, retry=True, error=f"mail server: {error}")
    except ConfigError as error:
        return Verdict(accepted=False, retry=True, error=str(error))
    if refused:
        return Verdict(accepted=True, error=f"{len(refused)} of {len(request.recipients)} recipients refused")
    return _ACCEPTED


def _mail_verdict(code: int, text: str) -> Verdict:
    retry = _SERVER_BUSY <= code < _REFUSED or code <= 0
    said = " ".join(text.split())[:_ANSWER_LENGTH_MAX]
    return Verdict(accepted=False, retry=retry, error=f"{code} {said}")


@contextlib.contextmanager
def _connected(smarthost: Smarthost):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a generator of SMTP
    context = _tls_context(smarthost.tls)
    server: smtplib.SMTP
    if smarthost.implicit_tls:
        server = smtplib.SMTP_SSL(
            smarthost.host, smarthost.port, smarthost.hello, timeout=MAIL_TIMEOUT_S, context=context
        )
    else:
        server = smtplib.SMTP(smarthost.host, smarthost.port, smarthost.hello, timeout=MAIL_TIMEOUT_S)
    try:
        server.ehlo_or_helo_if_needed()
        encrypted = smarthost.implicit_tls
        if smarthost.require_tls and not encrypted:
            if not server.has_extn("starttls"):
                raise smtplib.SMTPNotSupportedError(
                    "the mail server offers no STARTTLS, and require_tls asks for it"
                )
            server.starttls(context=context)
            server.ehlo()
            encrypted = True
        _log_in(server, smarthost, encrypted=encrypted)
        yield server
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()


def _log_in(server: smtplib.SMTP, smarthost: Smarthost, *, encrypted: bool) -> None:
    if not smarthost.username:
        return
    offered = server.esmtp_features.get("auth", "").upper().split()
    server.user, server.password = smarthost.username, smarthost.password
    if "CRAM-MD5" in offered and smarthost.secret:
        server.password = smarthost.secret
        server.auth("CRAM-MD5", server.auth_cram_md5)
        return
    if not smarthost.password:
        raise smtplib.SMTPNotSupportedError("no password for what the mail server offers")
    if not encrypted and not is_loopback(smarthost.host):
        raise smtplib.SMTPNotSupportedError("a password is not sent without TLS")
    if "PLAIN" in offered:
        text = f"{smarthost.identity}\0{smarthost.username}\0{smarthost.password}"
        server.auth("PLAIN", lambda _challenge=None: text)
    elif "LOGIN" in offered:
        server.auth("LOGIN", server.auth_login)
    else:
        raise smtplib.SMTPNotSupportedError("the mail server offers no way to log in that we know")


def _tls_context(tls: Tls | None) -> ssl.SSLContext:
    tls = tls or Tls()
    try:
        context = ssl.create_default_context(cafile=str(tls.ca_file) if tls.ca_file else None)
        if tls.cert_file is not None:
            context.load_cert_chain(tls.cert_file, tls.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"TLS files cannot be used: {error}") from None
    if tls.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
