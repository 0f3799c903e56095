"""Messages leave, whatever their receivers do: tried again, refused, paced, never waiting for others."""

import email
import email.policy
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any, Self

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from promkit.matcher_text import parse_matchers
from promkit.process import SYSTEM_CLOCK, Supervisor
from ruler.alerts import Book, PostedAlert, Silence
from ruler.database import Database
from ruler.delivery import Delivery, Setup
from tests.builders.delivery import Behaviour, Hook, House, a_hook, a_setup, until

A, B = {"alertname": "A"}, {"alertname": "B"}


def test_firing_and_resolved(hook: Hook) -> None:
    house = House(a_hook(hook.url))
    house.fire(A, summary="hot")
    house.pass_time(1.2)
    assert hook.told() == [("firing", ["A:firing"])]
    house.resolve(A)
    house.pass_time(10.2)
    assert hook.told()[1:] == [("resolved", ["A:resolved"])]
    assert [r.status for r in house.delivery.notifications()] == ["sent", "sent"]
    assert not house.delivery.groups(house.clock.at_ms)


RETRIED = {
    "429 with seconds": Behaviour(status=429, headers={"Retry-After": "2"}),
    "503 with a date": Behaviour(status=503, headers={"Retry-After": "Sun, 09 Sep 2001 01:46:43 GMT"}),
    "500": Behaviour(status=500),
    "408": Behaviour(status=408),
    "cut off": Behaviour(reset=True, status=599),
}


@pytest.mark.parametrize("behaviour", RETRIED.values(), ids=RETRIED)
def test_tried_again_until_it_is_taken(hook: Hook, behaviour: Behaviour) -> None:
    house = House(a_hook(hook.url, interval="1h"))
    hook.answer(**{name: getattr(behaviour, name) for name in behaviour.__dataclass_fields__})
    house.fire(A)
    house.pass_time(1.5)
    attempts = len(hook.got)
    assert attempts
    if "Retry-After" in behaviour.headers:
        assert attempts == 1
    [record] = house.delivery.notifications()
    assert record.status == "pending"
    assert record.error
    hook.answer(status=200)
    house.pass_time(4)
    assert hook.told() == [("firing", ["A:firing"])]
    assert {got.headers["Idempotency-Key"] for got in hook.got} == {hook.got[0].headers["Idempotency-Key"]}
    assert [r.status for r in house.delivery.notifications()] == ["sent"]


def test_what_came_and_went_is_told_as_firing_and_resolved(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="3s"))
    hook.answer(status=503)
    house.fire(A)
    house.pass_time(2)
    house.resolve(A)
    house.pass_time(10)
    hook.answer(status=200)
    house.pass_time(30)
    assert hook.told() == [("firing", ["A:firing"]), ("resolved", ["A:resolved"])]
    assert hook.taken()[0]["lumina"]["late"] is True
    assert hook.taken()[0]["alerts"][0]["endsAt"].startswith("0001-")


def test_a_refusal_is_a_dead_letter_and_tried_once_a_turn(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="10s"))
    hook.answer(status=400, body=b"no such channel")
    house.fire(A)
    house.pass_time(22)
    assert len(hook.got) == 3
    [letter] = house.delivery.dead_letters()
    assert letter.error == "400 Bad Request: no such channel"
    house.resolve(A)
    hook.answer(status=200)
    house.pass_time(11)
    assert not hook.taken()  # it was never told, so nothing is owed


def test_a_dead_letter_can_be_sent_again(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="1h"))
    hook.answer(status=403)
    house.fire(A)
    house.pass_time(1.5)
    [letter] = house.delivery.dead_letters()
    hook.answer(status=200)
    house.delivery.retry(letter.id, house.clock.at_ms)
    house.pass_time(0.5)
    assert hook.told() == [("firing", ["A:firing"])]
    assert not house.delivery.dead_letters()


def test_a_dead_letter_whose_alert_is_over_is_followed_by_its_end(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="2s"))
    hook.answer(status=403)
    house.fire(A)
    house.pass_time(1.5)
    house.resolve(A)
    house.pass_time(5)
    assert not house.delivery.groups(house.clock.at_ms)
    [letter] = house.delivery.dead_letters()
    hook.answer(status=200)
    house.delivery.retry(letter.id, house.clock.at_ms)
    house.pass_time(4)
    assert hook.told() == [("firing", ["A:firing"]), ("resolved", ["A:resolved"])]


def test_after_a_day_it_is_given_up(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="48h"))
    hook.answer(status=503, headers={"Retry-After": "3600"})
    house.fire(A)
    house.pass_time(2)
    house.pass_time(25 * 3600, step_ms=600_000)
    [letter] = house.delivery.dead_letters()
    assert letter.attempts > 20
    assert letter.error == "503 Service Unavailable: ok"


def test_cooldown_is_exact_whatever_the_group_does(hook: Hook) -> None:
    """Told again to the moment, in between the group's turns."""
    house = House(a_hook(hook.url, interval="1h"))
    house.fire(A)
    book_alert = house.book.alert

    def with_cooldown(fingerprint: str) -> Any:
        return replace(book_alert(fingerprint), cooldown_ms=7_000)

    setattr(house.book, "alert", with_cooldown)  # noqa: B010 - rules are not what this is about
    house.pass_time(1.2)
    first_ms = house.clock.at_ms
    house.pass_time(6.5)
    assert len(hook.taken()) == 1
    house.pass_time(0.6)
    assert len(hook.taken()) == 2
    assert house.clock.at_ms - first_ms <= 7_200


def test_a_silence_holds_an_owed_end_back_until_it_is_over(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="3s"))
    house.fire(A)
    house.pass_time(1.5)
    now_ms = house.clock.at_ms
    silence = Silence("", parse_matchers("alertname=A"), now_ms, now_ms + 20_000, now_ms, "ann", "c", {})
    house.book.silence(silence, now_ms)
    house.resolve(A)
    house.pass_time(12)
    assert len(hook.taken()) == 1
    house.pass_time(15)
    assert hook.told()[1:] == [("resolved", ["A:resolved"])]


def test_a_receiver_that_hangs_holds_up_nobody(hook: Hook) -> None:
    setup = a_setup(f"""
route: {{receiver: both, group_by: [alertname], group_wait: 10ms, group_interval: 1h}}
receivers:
- name: both
  webhook_configs: [{{url: '{hook.url}/slow'}}, {{url: '{hook.url}/fast'}}]
""")
    hook.answers = lambda path: Behaviour(wait_s=1.5 if path == "/slow" else 0)
    with running(setup) as house:
        for number in range(10):
            house.fire(f"A{number}")
        begin = time.monotonic()
        until(lambda: len([got for got in hook.got if got.path == "/fast"]) == 10)
        assert time.monotonic() - begin < 1.4
        until(lambda: len([got for got in hook.got if got.path == "/slow"]) >= 4)


def test_a_destination_is_paced_after_its_burst(hook: Hook) -> None:
    """Slack takes about one a second: ten at once, then one by one."""
    setup = a_setup(f"""
route: {{receiver: chat, group_by: ['...'], group_wait: 100ms, group_interval: 1h}}
receivers: [{{name: chat, slack_configs: [{{api_url: '{hook.url}', channel: c}}]}}]
""")
    house = House(setup)
    house.fire(*({"alertname": "A", "n": str(number)} for number in range(15)))
    house.pass_time(0.5)
    assert 10 <= len(hook.got) <= 11
    house.pass_time(6)
    assert len(hook.got) == 15
    assert all(record.attempts == 1 for record in house.delivery.notifications())


def test_slack_says_no_under_200(hook: Hook) -> None:
    setup = a_setup(f"""
route: {{receiver: chat, group_wait: 1s}}
receivers: [{{name: chat, slack_configs: [{{api_url: '{hook.url}', channel: c}}]}}]
""")
    house = House(setup)
    hook.answer(body=b'{"ok": false, "error": "channel_not_found"}')
    house.fire(A)
    house.pass_time(1.5)
    [letter] = house.delivery.dead_letters()
    assert letter.error == "Slack: channel_not_found"


def test_what_is_not_set_up_is_recorded_and_left_alone() -> None:
    setup = a_setup("route: {receiver: nobody, group_wait: 1s}\nreceivers: [{name: nobody}]")
    house = House(setup)
    house.fire(A)
    house.pass_time(0.1)
    alert = replace(house.book.alerts()[0], channels=("email",))
    setattr(house.book, "alert", lambda _fingerprint: alert)  # noqa: B010 - rules are not what this is about
    house.delivery._dispatcher._take([alert], house.clock.at_ms)
    house.pass_time(20)
    [record] = house.delivery.notifications()
    assert (record.channel, record.status) == ("email", "failed")
    assert record.error == "email is not set up: add channels.email to ruler.yml"
    assert not house.delivery.dead_letters()
    email_view = next(view for view in house.delivery.receivers() if view.name == "email")
    assert not email_view.set_up


def test_a_template_that_fails_is_sent_plain_and_said(hook: Hook) -> None:
    setup = a_setup(f"""
route: {{receiver: chat, group_wait: 1s}}
receivers:
- name: chat
  slack_configs:
  - {{api_url: '{hook.url}', channel: c, text: '{{{{ (index .Alerts.Resolved 0).Labels.x }}}}'}}
""")
    house = House(setup)
    house.fire(A)
    house.pass_time(1.5)
    [body] = hook.taken()
    text = body["attachments"][0]["text"]
    assert text.startswith("(template failed: index out of range: 0) [FIRING] A")
    [record] = house.delivery.notifications()
    assert record.status == "sent"
    assert "index out of range" in record.error
    failed = [f for f in house.delivery.families() if f.name == "ruler_notification_templates_failed"]
    assert failed[0].samples[0].value == 1


def test_a_letter_goes_to_every_way_of_a_receiver(hook: Hook) -> None:
    house = House(a_hook(hook.url))
    house.delivery.send_message("hook", "Report", "All is well.", "", house.clock.at_ms)
    house.pass_time(0.3)
    [body] = hook.taken()
    assert (body["subject"], body["text"], body["version"]) == ("Report", "All is well.", "lumina/1")


def test_a_reload_takes_a_receiver_away_and_its_debts_are_dropped(hook: Hook) -> None:
    house = House(a_hook(hook.url, interval="3s"))
    house.fire(A)
    house.pass_time(1.5)
    other = a_setup("route: {receiver: nobody}\nreceivers: [{name: nobody}]")
    house.delivery.reload(other, house.clock.at_ms)
    house.resolve(A)
    house.pass_time(8)
    assert len(hook.taken()) == 1
    assert not house.delivery.groups(house.clock.at_ms)


# Mail


class Box:
    """What a mail server of ours was given."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.answers: list[str] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 taken"
        if answer.startswith("250"):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.mails.append((envelope.rcpt_tos, mail))
        return answer


@pytest.fixture
def box() -> Iterator[tuple[Box, int]]:
    handler = Box()
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=_free_port(),
        auth_require_tls=False,
        authenticator=lambda _s, _c, _e, _m, data: AuthResult(
            success=(data.login, data.password) == (b"me", b"pass"), handled=False
        ),
    )
    controller.start()
    try:
        yield handler, controller.port
    finally:
        controller.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def a_mailbox(port: int, more: str = "") -> Setup:
    return a_setup(f"""
global: {{smtp_smarthost: '127.0.0.1:{port}', smtp_from: 'Ruler <r@example.org>', smtp_require_tls: false}}
route: {{receiver: mail, group_wait: 1s, group_interval: 5s}}
receivers:
- name: mail
  email_configs:
  - {{to: 'a@example.org, B <b@example.org>', send_resolved: true, threading: {{enabled: true}}{more}}}
""")


def test_mail(box: tuple[Box, int]) -> None:
    handler, port = box
    house = House(a_mailbox(port, ", text: '{{ .Status }} – ü'"))
    house.fire({"alertname": "A", "instance": "<i1>"}, summary="hot & high")
    house.pass_time(1.2)
    house.resolve({"alertname": "A", "instance": "<i1>"})
    house.pass_time(5.2)
    [(recipients, firing), (_, resolved)] = handler.mails
    assert recipients == ["a@example.org", "b@example.org"]
    assert (firing["Subject"], firing["From"]) == (
        "[FIRING:1]  (A <i1>)".replace("  ", " "),
        "Ruler <r@example.org>",
    )
    assert firing["References"] == resolved["References"]
    assert firing["Message-ID"] != resolved["Message-ID"]
    text, html = firing.get_body(("plain",)), firing.get_body(("html",))
    assert text is not None
    assert text.get_content().strip() == "firing – ü"
    assert html is not None
    page = html.get_content()
    assert "hot &amp; high" in page
    assert "&lt;i1&gt;" in page
    assert "<i1>" not in page


def test_mail_with_a_login(box: tuple[Box, int]) -> None:
    handler, port = box
    house = House(a_mailbox(port, ", auth_username: me, auth_password: pass"))
    house.fire(A)
    house.pass_time(1.2)
    assert len(handler.mails) == 1


MAIL_ANSWERS = {
    "busy": (["451 later"], "sent", 1),
    "refused": (["550 no such user"], "failed", 0),
}


@pytest.mark.parametrize(("answers", "status", "mails"), MAIL_ANSWERS.values(), ids=MAIL_ANSWERS)
def test_mail_that_is_not_taken(box: tuple[Box, int], answers: list[str], status: str, mails: int) -> None:
    handler, port = box
    handler.answers = list(answers)
    house = House(a_mailbox(port))
    house.fire(A)
    house.pass_time(4)
    assert len(handler.mails) == mails
    assert house.delivery.notifications()[-1].status == status


def test_a_wrong_login_is_a_dead_letter_without_the_password(box: tuple[Box, int]) -> None:
    _, port = box
    house = House(a_mailbox(port, ", auth_username: me, auth_password: wrong-secret"))
    house.fire(A)
    house.pass_time(1.2)
    [letter] = house.delivery.dead_letters()
    assert letter.error.startswith("535")
    assert "wrong-secret" not in letter.error


def test_no_starttls_where_it_is_asked_for(box: tuple[Box, int]) -> None:
    _, port = box
    house = House(a_mailbox(port, ", require_tls: true"))
    house.fire(A)
    house.pass_time(1.2)
    [letter] = house.delivery.dead_letters()
    assert "STARTTLS" in letter.error


# With threads, as it runs.


class Running:
    """A delivery with its own threads and the true clock."""

    def __init__(self, setup: Setup) -> None:
        self.database = Database.open("sqlite://")
        self.book = Book(self.database)
        self.delivery = Delivery(setup, self.book, self.database, SYSTEM_CLOCK, external_url="http://r")
        self.book.listen(self.delivery.hear)
        self.supervisor = Supervisor()
        self.delivery.start(self.supervisor)

    def fire(self, name: str) -> None:
        self.book.post([PostedAlert({"alertname": name})], SYSTEM_CLOCK.now_ms())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.supervisor.stop()
        self.database.close()


def running(setup: Setup) -> Running:
    return Running(setup)


def test_with_threads_of_its_own(hook: Hook) -> None:
    with running(a_hook(hook.url, wait="50ms", interval="300ms")) as house:
        house.fire("A")
        until(lambda: hook.told() == [("firing", ["A:firing"])])
        house.fire("B")
        until(lambda: len(hook.told()) == 2)
