"""What every kind of receiver promises."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from promkit.config import Model, parse
from promkit.labels import Labels
from ruler.delivery.config import ChannelsConfig, ReceiverConfig
from ruler.delivery.message import Fact, Status
from ruler.delivery.notification import Letter, Notification
from ruler.delivery.receiver import HttpRequest, MailRequest, Receiver
from ruler.delivery.receivers import LATER, RECEIVERS
from ruler.delivery.texts import Texts, default_templates
from tests.builders.delivery import START_MS

CANARY = "canary-do-not-show"
CONFIGS = {
    "webhook": f"url: 'https://h.example/{CANARY}'",
    "slack": f"{{api_url: 'https://s.example/{CANARY}', channel: '#ops'}}",
    "email": (
        f"{{to: a@example.org, from: r@example.org, smarthost: 'm.example:587', "
        f"auth_username: u, auth_password: {CANARY}}}"
    ),
    "sms": f"{{to: ['+491'], from: '+492', account_sid: AC1, auth_token: {CANARY}}}",
}
TEXTS = Texts(default_templates())


def a_config(kind: Receiver) -> Any:
    return parse(CONFIGS[kind.kind], kind.config, "receiver.yml", {})


def a_notification(*statuses: Status, letter: Letter | None = None, label: str = "x") -> Notification:
    facts = []
    for number, status in enumerate(statuses):
        labels = Labels({"alertname": "A", "n": str(number), "label": label})
        ends_ms = None if status is Status.FIRING else START_MS + 1
        facts.append(
            Fact(labels.fingerprint_hex(), status, labels, {"summary": label}, START_MS, ends_ms, "http://p/")
        )
    return Notification(
        receiver="r",
        integration="x[0]",
        key="key-1",
        external_url="http://ruler.example",
        texts=TEXTS,
        now_ms=START_MS,
        created_ms=START_MS,
        facts=tuple(facts),
        group_key="{}:{}",
        group_labels=Labels({"alertname": "A"}),
        reason="first notification",
        letter=letter,
    )


def said(request: HttpRequest | MailRequest) -> str:
    """Everything that leaves, as text."""
    if isinstance(request, MailRequest):
        bodies = [part.get_content() for part in request.mail.iter_parts()]
        return str(request.mail["Subject"]) + "".join(bodies)
    text = request.body.decode()
    return text if request.headers["Content-Type"] == "application/json" else unquote_plus(text)


ALL = pytest.mark.parametrize("kind", RECEIVERS.values(), ids=RECEIVERS)


@ALL
def test_it_is_documented(kind: Receiver) -> None:
    module = Path(__file__).parents[2] / "ruler" / "delivery" / "receivers" / f"{kind.kind}.py"
    assert module.read_text().startswith('"""')
    for name, info in kind.config.model_fields.items():
        assert info.description, name


@ALL
def test_it_is_a_list_of_receivers_and_a_channel(kind: Receiver) -> None:
    assert f"{kind.kind}_configs" in ReceiverConfig.model_fields
    channel = ChannelsConfig.model_fields[kind.kind].annotation
    assert any(issubclass(one, kind.config) for one in channel.__args__ if issubclass(one, Model))  # type: ignore[union-attr]


@ALL
@pytest.mark.parametrize("statuses", [[Status.FIRING], [Status.RESOLVED], [Status.FIRING, Status.RESOLVED]])
def test_it_says_what_happened(kind: Receiver, statuses: list[Status]) -> None:
    notification = a_notification(*statuses)
    text = said(kind.request(a_config(kind), notification))
    assert "A" in text
    assert (notification.status.value in text) or (notification.status.value.upper() in text)
    assert not notification.failures


@ALL
def test_it_sends_letters(kind: Receiver) -> None:
    letter = Letter("Weekly report", "All is well.", "<p>All is well.</p>")
    text = said(kind.request(a_config(kind), a_notification(letter=letter)))
    assert "Weekly report" in text
    assert "All is well." in text


@ALL
def test_it_never_raises_on_an_empty_message(kind: Receiver) -> None:
    assert said(kind.request(a_config(kind), a_notification()))


@ALL
@pytest.mark.parametrize("label", ["a" * 100_000, '"\\\n\r\t<script>&\u2028\x00', "größe 🚨", "{{ .Nope }}"])
def test_labels_of_any_kind_leave_as_they_are_or_escaped(kind: Receiver, label: str) -> None:
    notification = a_notification(Status.FIRING, label=label)
    request = kind.request(a_config(kind), notification)
    assert not notification.failures
    if isinstance(request, HttpRequest) and request.headers["Content-Type"] == "application/json":
        json.loads(request.body)
    if isinstance(request, MailRequest):
        assert request.mail.as_bytes()
        page = request.mail.get_body(("html",))
        assert page is not None
        assert "<script>" not in page.get_content()


@ALL
def test_a_thousand_alerts_are_bounded(kind: Receiver) -> None:
    request = kind.request(a_config(kind), a_notification(*[Status.FIRING] * 1_000))
    if isinstance(request, HttpRequest):
        assert len(request.body) < 2 << 20


@ALL
def test_secrets_do_not_show(kind: Receiver) -> None:
    config = a_config(kind)
    request = kind.request(config, a_notification(Status.FIRING))
    for shown in (repr(config), str(config), config.model_dump_json(), repr(request), str(request)):
        assert CANARY not in shown


@ALL
def test_every_templated_text_is_checked_when_loaded(kind: Receiver) -> None:
    """A text that is rendered is a text that `texts` names."""
    rendered: list[str] = []

    class Watching(Texts):
        def render(self, text: str, *arguments: Any, **more: Any) -> str:
            rendered.append(text)
            return super().render(text, *arguments, **more)

    notification = a_notification(Status.FIRING)
    object.__setattr__(notification, "texts", Watching(default_templates()))
    config = a_config(kind)
    kind.request(config, notification)
    ours = {'{{ template "email.default.subject" . }}'}  # the default header, which no config writes
    assert set(rendered) <= {text.text for text in kind.texts(config)} | ours


def test_none_is_both_here_and_later() -> None:
    assert not set(RECEIVERS) & set(LATER)
