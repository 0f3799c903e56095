"""Scrapes of a target that a test plays: what is stored, and what is told."""

import socket
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from promkit.labels import Labels
from promkit.process import SYSTEM_CLOCK, Supervisor
from ruler.ingest import Scrape, ScrapeGlobal, Scraper, TargetView
from ruler.store import Store, is_stale
from tests.builders.store import a_store, samples, selector
from tests.builders.targets import OPENMETRICS, FakeTarget, a_target


def a_scraper(store: Store, target: FakeTarget, **keys: Any) -> Scraper:
    scraper = Scraper(store, SYSTEM_CLOCK)
    configure(scraper, target.address, **keys)
    return scraper


def configure(scraper: Scraper, *addresses: str, **keys: Any) -> None:
    job = {"job_name": "j", "static_configs": [{"targets": list(addresses)}], **keys}
    scraper.apply(ScrapeGlobal(), [Scrape.model_validate(job)])


def latest(store: Store, metric: str) -> dict[str, float]:
    """The last value of each series of a metric, by its labels but job and instance."""
    found = {}
    for labels, points in samples(store, selector(metric)).items():
        rest = labels.without(("__name__", "job", "instance"))
        found[str(rest)] = points[-1][1]
    return found


def stale_at(store: Store, metric: str) -> list[int]:
    frames = store.select(selector(metric), 0, 10**15)
    return [
        int(frame.times[row, frame.clock[column]])
        for frame in frames
        for row, column in zip(*is_stale(frame.values).nonzero(), strict=True)
    ]


def test_a_scrape_stores_the_page_and_how_it_went() -> None:
    store = a_store()
    with a_target(b'# TYPE x gauge\n# HELP x Help.\nx{a="1"} 5\nx{a="2"} 6\n') as target:
        scraper = a_scraper(store, target)
        scraper.scrape_now(1000)
        target.page = target.page.replace(b"6", b"7")
        scraper.scrape_now(2000)
        labels = {"job": "j", "instance": target.address}
        assert samples(store, selector("x", a="2")) == {
            Labels({"__name__": "x", "a": "2", **labels}): [(1000, 6.0), (2000, 7.0)]
        }
        assert samples(store, selector("up")) == {
            Labels({"__name__": "up", **labels}): [(1000, 1.0), (2000, 1.0)]
        }
        assert latest(store, "scrape_samples_scraped") == {"{}": 2.0}
        assert latest(store, "scrape_series_added") == {"{}": 0.0}
        assert store.metadata()["x"] == ("gauge", "Help.", "")
        (view,) = scraper.targets()
        assert (view.health, view.samples, view.last_scrape_ms, view.url) == (
            "up", 2, 2000, f"http://{target.address}/metrics",
        )  # fmt: skip
        assert target.connections == 1, "the connection is kept"
        scraper.close()


def test_series_that_come_and_go() -> None:
    store = a_store()
    with a_target(b"a 1\nb 1\n") as target:
        scraper = a_scraper(store, target)
        scraper.scrape_now(1000)
        target.page = b"b 2\nc 1\n"
        scraper.scrape_now(2000)
        assert stale_at(store, "a") == [2000]
        assert latest(store, "scrape_series_added") == {"{}": 1.0}
        target.page = b"a 3\nb 3\nc 3\n"
        scraper.scrape_now(3000)
        assert list(samples(store, selector("b")).values()) == [[(1000, 1.0), (2000, 2.0), (3000, 3.0)]]
        assert latest(store, "a") == {"{}": 3.0}
        scraper.close()


def test_a_target_that_fails_and_comes_back() -> None:
    store = a_store()
    with a_target(b"a 1\n") as target:
        scraper = a_scraper(store, target)
        scraper.scrape_now(1000)
        target.status = 500
        scraper.scrape_now(2000)
        scraper.scrape_now(3000)
        assert stale_at(store, "a") == [2000], "said once"
        assert latest(store, "up") == {"{}": 0.0}
        (view,) = scraper.targets()
        assert (view.health, view.error_class) == ("down", "http_status")
        assert view.last_error == "server returned HTTP status 500"
        target.status = 200
        scraper.scrape_now(4000)
        assert latest(store, "a") == {"{}": 1.0}
        assert latest(store, "up") == {"{}": 1.0}
        scraper.close()


def test_a_target_that_is_gone_for_long_and_comes_back() -> None:
    store = a_store()
    with a_target(b"a 1\n") as target:
        scraper = a_scraper(store, target, scrape_interval=10_000)
        scraper.scrape_now(10_000)
        target.status = 503
        for at_ms in range(20_000, 2_000_000, 10_000):
            scraper.scrape_now(at_ms)
        store.maintain(2_000_000)
        assert not samples(store, selector("a"))
        target.status = 200
        scraper.scrape_now(2_000_000)
        assert latest(store, "a") == {"{}": 1.0}
        scraper.close()


def test_a_malformed_page_fails_as_a_whole_with_its_line() -> None:
    store = a_store()
    with a_target(b"a 1\nb oops\n") as target:
        scraper = a_scraper(store, target)
        scraper.scrape_now(1000)
        (view,) = scraper.targets()
        assert view.error_class == "malformed"
        assert view.last_error.startswith("page:2:3: ")
        assert not samples(store, selector("a"))
        assert latest(store, "up") == {"{}": 0.0}
        scraper.close()


def test_targets_that_leave_end_and_those_that_stay_go_on() -> None:
    store = a_store()
    with a_target(b"a 1\n") as target, a_target(b"b 1\n") as other:
        scraper = Scraper(store, SYSTEM_CLOCK)
        configure(scraper, target.address, other.address)
        scraper.scrape_now(1000)
        configure(scraper, other.address, honor_labels=True)
        assert len(stale_at(store, "a")) == 1
        assert stale_at(store, "b") == []
        scraper.scrape_now(2000)
        assert list(samples(store, selector("b")).values()) == [[(1000, 1.0), (2000, 1.0)]]
        assert other.connections == 2
        scraper.close()


LABELS: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "labels of the target win": ({}, 'x{job="p",a="1"}', {"job": "j", "exported_job": "p", "a": "1"}),
    "labels of the page win": ({"honor_labels": True}, 'x{job="p"}', {"job": "p"}),
    "both taken": ({}, 'x{job="p",exported_job="q"}', {"exported_exported_job": "p", "exported_job": "q"}),
    "relabelled": (
        {"metric_relabel_configs": [{"regex": "a", "action": "labeldrop"}]}, 'x{a="1",b="2"}', {"b": "2"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_labels(name: str) -> None:
    keys, line, expected = LABELS[name]
    store = a_store()
    with a_target(f"{line} 1\n".encode()) as target:
        scraper = a_scraper(store, target, **keys)
        scraper.scrape_now(1000)
        (labels,) = samples(store, selector("x"))
        assert {key: labels[key] for key in expected} == expected
        assert "a" not in labels or name == "labels of the target win"
        scraper.close()


LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "samples": ({"sample_limit": 1}, "limit"),
    "labels": ({"label_limit": 2}, "limit"),
    "a label's name": ({"label_name_length_limit": 5}, "limit"),
    "a label's value": ({"label_value_length_limit": 3}, "limit"),
    "the body": ({"body_size_limit": 10}, "too_large"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_limits_fail_the_scrape(name: str) -> None:
    keys, kind = LIMITS[name]
    store = a_store()
    with a_target(b'x{label="value"} 1\ny 1\n') as target:
        scraper = a_scraper(store, target, **keys)
        scraper.scrape_now(1000)
        (view,) = scraper.targets()
        assert (view.health, view.error_class) == ("down", kind)
        assert latest(store, "up") == {"{}": 0.0}
        scraper.close()


def test_dropped_samples_are_counted_but_not_stored() -> None:
    store = a_store()
    steps = [{"source_labels": ["__name__"], "regex": "b", "action": "drop"}]
    with a_target(b"a 1\nb 1\na 2\n") as target:
        scraper = a_scraper(store, target, metric_relabel_configs=steps, sample_limit=1)
        for at_ms in (1000, 2000):
            scraper.scrape_now(at_ms)
        assert latest(store, "a") == {"{}": 1.0}, "of two samples of a series the first counts"
        assert latest(store, "b") == {}
        assert latest(store, "scrape_samples_scraped") == {"{}": 3.0}
        assert latest(store, "scrape_samples_post_metric_relabeling") == {"{}": 2.0}
        scraper.close()


@pytest.mark.parametrize("honored", [True, False])
def test_times_of_the_page(honored: bool) -> None:  # noqa: FBT001 - pytest calls it
    store = a_store()
    with a_target(b"x 1 500\ny 2\n") as target:
        scraper = a_scraper(store, target, honor_timestamps=honored)
        scraper.scrape_now(1000)
        target.page = b"x 2 700\ny 3\n"
        scraper.scrape_now(2000)
        expected = [(500, 1.0), (700, 2.0)] if honored else [(1000, 1.0), (2000, 2.0)]
        assert list(samples(store, selector("x")).values()) == [expected]
        assert list(samples(store, selector("y")).values()) == [[(1000, 2.0), (2000, 3.0)]]
        scraper.close()


ANSWERS: dict[str, dict[str, Any]] = {
    "chunked": {"chunked": True},
    "gzip": {"headers": {"Content-Encoding": "gzip"}},
    "OpenMetrics": {"content_type": OPENMETRICS, "page": b"x 1\n# EOF\n"},
}


@pytest.mark.parametrize("name", ANSWERS)
def test_forms_of_the_answer(name: str) -> None:
    store = a_store()
    with a_target(**{"page": b"x 1\n", **ANSWERS[name]}) as target:
        scraper = a_scraper(store, target)
        for at_ms in (1000, 2000):
            scraper.scrape_now(at_ms)
        assert list(samples(store, selector("x")).values()) == [[(1000, 1.0), (2000, 1.0)]]
        scraper.close()


def test_a_page_that_does_not_say_its_format() -> None:
    store = a_store()
    with a_target(b"x 1\n", content_type="") as target:
        scraper = a_scraper(store, target)
        scraper.scrape_now(1000)
        assert "fallback_scrape_protocol" in scraper.targets()[0].last_error
        configure(scraper, target.address, fallback_scrape_protocol="PrometheusText0.0.4")
        scraper.scrape_now(2000)
        assert scraper.targets()[0].health == "up"
        scraper.close()


def test_proof_and_parameters_go_with_the_request(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n")
    store = a_store()
    with a_target(b"x 1\n") as target:
        scraper = a_scraper(
            store, target, authorization={"credentials_file": str(secret)},
            params={"module": ["a b"], "x": ["1", "2"]}, metrics_path="/probe",
        )  # fmt: skip
        scraper.scrape_now(1000)
        request = target.requests[0]
        assert request["Authorization"] == "Bearer s3cret"
        assert request["path"] == "/probe?module=a+b&x=1&x=2"
        assert request["Accept-Encoding"] == "gzip"
        assert request["X-Prometheus-Scrape-Timeout-Seconds"] == "10"
        secret.write_text("another")
        scraper.scrape_now(2000)
        assert target.requests[1]["Authorization"] == "Bearer another"
        scraper.close()


def test_a_redirection_is_followed_without_the_proof() -> None:
    store = a_store()
    with a_target(b"x 1\n") as end, a_target(status=302) as target:
        target.headers = {"Location": f"http://{end.address}/elsewhere"}
        scraper = a_scraper(store, target, basic_auth={"username": "u", "password": "p"})
        scraper.scrape_now(1000)
        assert latest(store, "x") == {"{}": 1.0}
        assert "Authorization" in target.requests[0]
        assert "Authorization" not in end.requests[0]
        configure(scraper, target.address, follow_redirects=False)
        scraper.scrape_now(2000)
        assert scraper.targets()[0].error_class == "http_status"
        scraper.close()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    store = a_store()
    scraper = Scraper(store, SYSTEM_CLOCK)
    configure(scraper, f"127.0.0.1:{port}")
    scraper.scrape_now(1000)
    assert scraper.targets()[0].error_class == "refused"
    assert latest(store, "up") == {"{}": 0.0}


def test_a_target_that_never_answers() -> None:
    store = a_store()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        scraper = Scraper(store, SYSTEM_CLOCK)
        configure(scraper, f"127.0.0.1:{deaf.getsockname()[1]}", scrape_timeout=100)
        scraper.scrape_now(1000)
        assert scraper.targets()[0].error_class == "timeout"
        scraper.close()


def test_targets_of_files_are_followed(tmp_path: Path) -> None:
    store = a_store()
    listed = tmp_path / "targets.yml"
    with a_target(b"x 1\n") as target:
        listed.write_text(f"- targets: ['{target.address}']\n  labels: {{zone: a}}\n")
        scraper = Scraper(store, SYSTEM_CLOCK)
        configure(scraper, static_configs=[], file_sd_configs=[{"files": [str(tmp_path / "*.yml")]}])
        scraper.scrape_now(1000)
        assert latest(store, "x") == {'{zone="a"}': 1.0}
        listed.write_text("- targets: [")
        assert len(scraper.targets()) == 1
        scraper.close()


def test_it_runs_by_itself_with_a_target_that_hangs() -> None:
    store = a_store()
    seen: list[TargetView] = []
    with a_target(b"x 1\n") as target, socket.create_server(("127.0.0.1", 0)) as deaf:
        scraper = Scraper(store, SYSTEM_CLOCK, seen.append)
        hanging = f"127.0.0.1:{deaf.getsockname()[1]}"
        configure(scraper, target.address, hanging, scrape_interval=200, scrape_timeout=200)
        supervisor = Supervisor()
        scraper.start(supervisor)
        deadline = time.monotonic() + 10
        while sum(view.labels["instance"] == target.address for view in seen) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert supervisor.stop()
    (times,) = (
        [at_ms for at_ms, _ in points]
        for labels, points in samples(store, selector("up")).items()
        if labels["instance"] == target.address
    )
    assert all(later > earlier for earlier, later in pairwise(times))
    assert {view.job for view in seen} == {"j"}


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    with a_target(b"a 1\nb 1\n") as target:
        for start in (0, 5):
            store = a_store(tmp_path, start * 1000)
            scraper = a_scraper(store, target)
            for tick in range(start, start + 5):
                scraper.scrape_now(tick * 1000 + 1)
            assert stale_at(store, "a") == []
            frames = store.select(selector("a"), 0, 10_000)
            assert [len(frame.times) for frame in frames] == [start + 5]
            scraper.close()
            store.close()
