"""Events that are posted to addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from promkit.config import parse
from promkit.errors import ConfigError
from promkit.own import Registry
from promkit.process import SYSTEM_CLOCK, Supervisor
from ruler.config import RulerConfig
from ruler.events import Events, EventType, WebhookConfig, Webhooks
from ruler.events.webhooks import QUEUE_MAX
from tests.builders.delivery import Behaviour, Hook, a_receiving_hook, until

ADDED, RECORDED = EventType.RULE_ADDED, EventType.METRIC_RECORDED


class Told:
    """Webhooks that run, and the log that they hear."""

    def __init__(self, *configs: WebhookConfig) -> None:
        self.events = Events(1)
        self.own = Registry("ruler")
        self.webhooks = Webhooks(self.events, SYSTEM_CLOCK, self.own)
        self.webhooks.apply(configs)
        self.supervisor = Supervisor()

    def tell(self, *names: str, kind: EventType = ADDED) -> None:
        for name in names:
            self.events.publish(kind, {"rule": name}, 1)

    def outcomes(self) -> dict[str, float]:
        (family,) = [f for f in self.own.collect() if f.name == "ruler_event_webhook_events"]
        return {sample.labels["outcome"]: sample.value for sample in family.samples}


@contextmanager
def telling(*configs: WebhookConfig) -> Iterator[Told]:
    told = Told(*configs)
    told.webhooks.start(told.supervisor)
    try:
        yield told
    finally:
        told.supervisor.stop()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with a_receiving_hook() as hook:
        yield hook


def config_of(url: str, **more: Any) -> WebhookConfig:
    return WebhookConfig.model_validate({"url": url, **more})


def rules(hook: Hook) -> list[str]:
    return [body["data"]["rule"] for body in hook.taken()]


def test_each_event_is_posted_in_order_as_the_stream_has_it(hook: Hook) -> None:
    with telling(config_of(hook.url)) as told:
        told.tell(*"abc")
        until(lambda: rules(hook) == ["a", "b", "c"])
        first = hook.got[0]
        assert first.json() == {
            "id": 1001,
            "at": "1970-01-01T00:00:00.001Z",
            "at_ms": 1,
            "type": "rule_added",
            "data": {"rule": "a"},
        }
        assert first.headers["Content-Type"] == "application/json"
        assert first.headers["Idempotency-Key"] == "1001"
        until(lambda: told.outcomes() == {"sent": 3})


def test_one_that_is_not_taken_is_sent_again_before_the_next(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ruler.delivery.outlet.backoff_ms", lambda _tried, _jitter: 1)
    answers = iter([Behaviour(status=503), Behaviour(reset=True), Behaviour(status=429)])
    hook.answers = lambda _path: next(answers, Behaviour())
    with telling(config_of(hook.url)) as told:
        told.tell(*"ab")
        until(lambda: rules(hook)[-1:] == ["b"])
    keys = [got.headers["Idempotency-Key"] for got in hook.got]
    assert keys == ["1001"] * 4 + ["1002"]


def test_one_that_is_refused_holds_up_no_other(hook: Hook) -> None:
    answers = iter([Behaviour(status=400)])
    hook.answers = lambda _path: next(answers, Behaviour())
    with telling(config_of(hook.url)) as told:
        told.tell(*"ab")
        until(lambda: told.outcomes() == {"refused": 1, "sent": 1})
    assert rules(hook) == ["b"]


@pytest.mark.parametrize(
    ("types", "expected"),
    [([], ["x"]), (["metric_recorded"], ["y"]), (["metric_recorded", "rule_added"], ["x", "y"])],
)
def test_metric_recorded_must_be_named(hook: Hook, types: list[str], expected: list[str]) -> None:
    with telling(config_of(hook.url, types=types)) as told:
        told.tell("x")
        told.tell("y", kind=RECORDED)
        until(lambda: rules(hook) == expected)


def test_a_full_queue_forgets_its_oldest_and_counts_it(hook: Hook) -> None:
    told = Told(config_of(hook.url))
    told.tell(*map(str, range(QUEUE_MAX + 2)))
    assert told.outcomes() == {"dropped": 2}
    told.webhooks.start(told.supervisor)
    until(lambda: rules(hook)[:1] == ["2"])
    told.supervisor.stop()


def test_what_waits_goes_to_the_new_address(hook: Hook) -> None:
    told = Told(config_of("http://127.0.0.1:1/", name="audit"))
    told.tell("a")
    told.webhooks.apply([config_of(hook.url, name="audit")])
    told.tell("b")
    told.webhooks.start(told.supervisor)
    until(lambda: rules(hook) == ["a", "b"])
    told.webhooks.apply([])
    told.tell("c")
    told.webhooks.apply([config_of(hook.url, name="other")])
    told.tell("d")
    until(lambda: rules(hook)[-1] == "d")
    told.supervisor.stop()
    assert rules(hook) == ["a", "b", "d"]


def test_the_address_may_stand_in_a_file_and_shows_nowhere(
    hook: Hook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "hook").write_text(f"{hook.url}/s3cret\n")
    written = "events: {webhooks: [{url_file: hook}, {url: 'http://127.0.0.1:1/s3cret'}]}"
    config = parse(written, RulerConfig, "ruler.yml", {}, tmp_path).events
    assert "s3cret" not in repr(config)
    with telling(*config.webhooks) as told:
        told.tell("a")
        until(lambda: rules(hook) == ["a"])
        until(lambda: "webhook does not answer, tried again" in caplog.text)
    assert "s3cret" not in caplog.text


FAULTS = {
    "no address": ("{}", "needs url or url_file"),
    "two addresses": ("{url: 'http://a/', url_file: x}", "needs url or url_file, and not both"),
    "no http": ("{url: 'ftp://a/'}", "must be an http or https URL"),
    "an unknown type": ("{url: 'http://a/', types: [rule_aded]}", "rule_added"),
    "an unknown key": ("{url: 'http://a/', typs: []}", "did you mean 'types'"),
    "a name twice": (
        "{url: 'http://a/', name: x}, {url: 'http://b/', name: x}",
        "two webhooks are called 'x'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_configuration(name: str) -> None:
    text, words = FAULTS[name]
    with pytest.raises(ConfigError) as error:
        parse(f"events: {{webhooks: [{text}]}}", RulerConfig, "ruler.yml", {})
    assert words in str(error.value)
    assert str(error.value).startswith("ruler.yml:1:")
