"""An inbox that stands in for mail, Slack, SMS and webhooks: real SMTP and HTTP servers that keep what came.

POST /slack     as Slack's incoming webhook       POST /2010-04-01/Accounts/…/Messages.json   as Twilio
POST /webhook   as anybody's                      GET /   a page        GET /messages.json    the same as data
"""

import html
import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default as email_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from string import Template
from typing import Any
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller

from lumina.demo.ports import free_port

__all__ = ["Inbox", "Received"]

KEPT = 500
_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<title>Inbox of the demo</title>
<style>
:root { color-scheme: light dark }
body { font: 15px system-ui; margin: 2rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .4rem .8rem; border-bottom: 1px solid #8886 }
pre { white-space: pre-wrap; margin: 0; max-width: 60ch }
</style>
</head>
<body>
<main>
<h1>Inbox of the demo</h1>
<p>$count messages, the latest first.</p>
<table>
<thead><tr><th>Time</th><th>Channel</th><th>To</th><th>Subject</th><th>Text</th></tr></thead>
<tbody>$rows</tbody>
</table>
</main>
</body>
</html>
""")
BODY_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came."""

    at: float  # Unix seconds
    channel: str  # email | slack | sms | webhook
    to: str
    subject: str
    text: str


class Inbox:
    """Both servers and what they took in."""

    def __init__(self) -> None:
        self.messages: deque[Received] = deque(maxlen=KEPT)
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.http_port: int = self._http.server_address[1]
        self.smtp_port = free_port()  # the controller cannot choose one itself
        self._smtp = Controller(_Mail(self), hostname="127.0.0.1", port=self.smtp_port)

    def start(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._http.serve_forever, name="inbox", daemon=True).start()
        self._smtp.start()

    def stop(self) -> None:
        """End both servers."""
        self._smtp.stop()
        self._http.shutdown()
        self._http.server_close()

    def take(self, channel: str, to: str, subject: str, text: str) -> None:
        """Keep one message."""
        self.messages.append(Received(time.time(), channel, to, subject, text))


class _Mail:
    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: ANN401, N802 - aiosmtpd's
        message = message_from_bytes(envelope.content, policy=email_policy)
        body = message.get_body(("plain", "html"))
        text = body.get_content() if body is not None else ""
        self._inbox.take("email", ", ".join(envelope.rcpt_tos), str(message["Subject"]), text)
        return "250 OK"


def _handler(inbox: Inbox) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.path == "/messages.json":
                rows = [
                    {"at": m.at, "channel": m.channel, "to": m.to, "subject": m.subject, "text": m.text}
                    for m in list(inbox.messages)
                ]
                self._answer(200, "application/json", json.dumps(rows))
            elif self.path == "/":
                self._answer(200, "text/html; charset=utf-8", _page(list(inbox.messages)))
            else:
                self._answer(404, "text/plain", "there is / and /messages.json")

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > BODY_MAX:
                self.close_connection = True
                self._answer(413, "text/plain", "too large")
                return
            body = self.rfile.read(length).decode("utf-8", "replace")
            self._answer(*_take(inbox, self.path, body))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            pass

        def _answer(self, status: int, content_type: str, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def _take(inbox: Inbox, path: str, body: str) -> tuple[int, str, str]:
    """Keep what was posted, and answer as the service would."""
    if path.startswith("/2010-04-01/Accounts/"):
        form = {name: values[0] for name, values in parse_qs(body).items()}
        inbox.take("sms", form.get("To", ""), "", form.get("Body", ""))
        return (
            201,
            "application/json",
            json.dumps({"sid": f"SM{len(inbox.messages):032d}", "status": "queued"}),
        )
    try:
        document = json.loads(body)
    except ValueError:
        return 400, "text/plain", "invalid_payload"
    if not isinstance(document, dict):
        return 400, "text/plain", "invalid_payload"
    if path == "/slack":
        inbox.take("slack", str(document.get("channel", "")), *_slack(document))
        return 200, "text/plain", "ok"
    if path == "/webhook":
        names = ", ".join(sorted({alert["labels"].get("alertname", "") for alert in document["alerts"]}))
        inbox.take("webhook", str(document.get("receiver")), f"[{document['status']}] {names}", body)
        return 200, "application/json", "{}"
    return 404, "text/plain", "no such address"


def _slack(document: Mapping[str, Any]) -> tuple[str, str]:
    attachments = document.get("attachments") or [{}]
    first = attachments[0]
    return str(first.get("title") or document.get("text", "")), str(first.get("text", ""))


def _page(messages: list[Received]) -> str:
    rows = "".join(
        f"<tr><td>{time.strftime('%H:%M:%S', time.localtime(m.at))}</td><td>{html.escape(m.channel)}</td>"
        f"<td>{html.escape(m.to)}</td><td>{html.escape(m.subject)}</td>"
        f"<td><pre>{html.escape(m.text[:2000])}</pre></td></tr>"
        for m in reversed(messages)
    )
    return _PAGE.substitute(count=len(messages), rows=rows)
