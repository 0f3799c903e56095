"""Targets behind names: look-ups that change, fail and come back."""

import socket
import time
from typing import Any

import pytest

from promkit.config import parse
from promkit.errors import LuminaError
from promkit.process import SYSTEM_CLOCK, Supervisor
from ruler.ingest import Scraper
from ruler.ingest.config import Scrape, ScrapeGlobal
from ruler.ingest.discovery import DnsTargets
from ruler.ingest.discovery.dns import addresses_of
from tests.builders.store import a_store


def a_job(**more: Any) -> Scrape:
    entry = {"names": ["exporter.test"], "type": "A", "port": 19100, **more}
    return Scrape.model_validate({"job_name": "exporter", "dns_sd_configs": [entry]})


class Names:
    """A resolver that says what it is told."""

    def __init__(self, *addresses: str) -> None:
        self.answer: list[str] | OSError = list(addresses)
        self.asked = 0

    def __call__(self, name: str, kind: str) -> list[str]:
        self.asked += 1
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer


def addresses(targets: DnsTargets) -> list[str]:
    return [address for group in targets.groups() for address in group.addresses]


def test_each_address_is_a_target_under_its_name() -> None:
    targets = DnsTargets(a_job(), Names("10.0.0.1", "fd00::1"))
    assert targets.refresh(0)
    (group,) = targets.groups()
    assert group.addresses == ("10.0.0.1:19100", "[fd00::1]:19100")
    assert group.labels == {"__meta_dns_name": "exporter.test"}


def test_names_are_looked_up_when_they_are_due() -> None:
    names = Names("10.0.0.1")
    targets = DnsTargets(a_job(refresh_interval="30s"), names)
    assert targets.refresh(1_000)
    names.answer = ["10.0.0.2"]
    assert not targets.refresh(30_999)
    assert targets.refresh(31_000)
    assert names.asked == 2
    assert addresses(targets) == ["10.0.0.2:19100"]


def test_what_was_found_stays_while_there_is_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    names = Names("10.0.0.1")
    targets = DnsTargets(a_job(), names)
    targets.refresh(1)
    names.answer = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert not targets.refresh(40_000)
    assert not targets.refresh(80_000)
    assert addresses(targets) == ["10.0.0.1:19100"]
    names.answer = []  # no such name any more
    assert targets.refresh(120_000)
    assert addresses(targets) == []
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]  # once each


def test_this_host_s_resolver() -> None:
    assert addresses_of("localhost", "A") == ["127.0.0.1"]
    assert addresses_of("127.0.0.9", "A") == ["127.0.0.9"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("names: [a], port: 1", "asks for SRV records: only type A or AAAA is looked up"),
        ("names: [a], type: A", "needs a port"),
        ("names: [], type: A, port: 1", "at least 1"),
    ],
)
def test_what_is_not_looked_up_is_refused(text: str, said: str) -> None:
    with pytest.raises(LuminaError, match=said):
        parse(f"job_name: x\ndns_sd_configs: [{{{text}}}]\n", Scrape, "ruler.yml", {})


def test_the_scraper_follows_names_and_keeps_them_over_a_reload() -> None:
    scraper = Scraper(a_store(), SYSTEM_CLOCK)
    job = a_job(names=["localhost"], port=9)
    supervisor = Supervisor()
    scraper.apply(ScrapeGlobal(), [job])
    scraper.start(supervisor)
    deadline = time.monotonic() + 10
    while not scraper.targets():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    scraper.apply(ScrapeGlobal(), [job])
    assert [view.labels["instance"] for view in scraper.targets()] == ["127.0.0.1:9"]
    assert supervisor.stop()
