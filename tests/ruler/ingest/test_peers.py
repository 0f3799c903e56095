"""The same pages, scraped by Prometheus and by us: the same series with the same values."""

import json
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from promkit.labels import Labels
from promkit.process import SYSTEM_CLOCK
from ruler.ingest import Scrape, ScrapeGlobal, Scraper
from ruler.store import is_absent
from tests.builders.processes import free_port, running
from tests.builders.store import a_store
from tests.builders.targets import OPENMETRICS, TEXT, a_target
from tests.peers import peer

pytestmark = pytest.mark.service

TEXT_PAGE = rb"""# HELP h A histogram.
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="2.50"} 2
h_bucket{le="1e6"} 2
h_bucket{le="+Inf"} 3
h_sum 4.5
h_count 3
# TYPE s summary
s{quantile="0"} NaN
s{quantile="0.5"} 1
s_sum 2
s_count 2
# a comment
no_type{job="exported",instance="i",empty="",le="1"} -1.5e-3
spaces  {  a = "b" , }   7
escapes{a="q\"b\\n\n"} +Inf
{"utf8.name", "label.x"="v"} 9
twice 1
twice 2
"""
OPENMETRICS_PAGE = b"""# TYPE c counter
# UNIT c_seconds seconds
c_total{a="1"} 5 # {trace_id="x"} 0.5 1700000000
c_created{a="1"} 1700000000
# TYPE g gauge
g 3
# EOF
"""


def prometheus_series(url: str, job: str) -> dict[Labels, float]:
    """The values it stored, of the first instant at which the target was up."""
    query = urllib.parse.urlencode({"query": f'{{job="{job}"}} or {{exported_job!=""}}'})
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/api/v1/query?{query}") as answer:
            result = json.load(answer)["data"]["result"]
        found = {Labels(one["metric"]): float(one["value"][1]) for one in result}
        if any(labels.metric == "up" and value == 1 for labels, value in found.items()):
            return found
        time.sleep(0.05)
    pytest.fail("Prometheus did not scrape")


def our_series(address: str, job: dict[str, Any]) -> dict[Labels, float]:
    store = a_store()
    scraper = Scraper(store, SYSTEM_CLOCK)
    targets = {"static_configs": [{"targets": [address]}]}
    scraper.apply(ScrapeGlobal(), [Scrape.model_validate({**job, **targets})])
    scraper.scrape_now(1000)
    scraper.scrape_now(2000)
    assert [view.last_error for view in scraper.targets()] == [""]
    found = {}
    for frame in store.select([], 0, 10_000):
        for column, labels in enumerate(frame.labels):
            if not is_absent(frame.values[-1:, column])[0]:
                found[labels] = float(frame.values[-1, column])
    scraper.close()
    return found


def both(tmp_path: Path, address: str) -> tuple[dict[Labels, float], dict[Labels, float]]:
    job: dict[str, Any] = {"job_name": "j"}
    port = free_port()
    targets = {"static_configs": [{"targets": [address]}], "scrape_interval": "1s", "scrape_timeout": "1s"}
    config = tmp_path / "prometheus.yml"
    config.write_text(json.dumps({"scrape_configs": [{**job, **targets}]}))
    argv = [
        peer("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]  # fmt: skip
    with running(argv, f"http://127.0.0.1:{port}/-/ready"):
        theirs = prometheus_series(f"http://127.0.0.1:{port}", "j")
    return our_series(address, job), theirs


def comparable(series: dict[Labels, float]) -> dict[str, str]:
    """Without what depends on when it was scraped."""
    varying = ("scrape_duration_seconds", "scrape_series_added")
    return {str(labels): repr(value) for labels, value in series.items() if labels.metric not in varying}


@pytest.mark.parametrize(("page", "kind"), [(TEXT_PAGE, TEXT), (OPENMETRICS_PAGE, OPENMETRICS)])
def test_a_page_gives_the_series_that_prometheus_makes_of_it(tmp_path: Path, page: bytes, kind: str) -> None:
    with a_target(page, content_type=kind) as target:
        ours, theirs = both(tmp_path, target.address)
    assert comparable(ours) == comparable(theirs)


def test_node_exporter_gives_the_same_series(tmp_path: Path) -> None:
    port = free_port()
    collectors = [f"--collector.{name}" for name in ("cpu", "meminfo", "filesystem", "uname", "stat")]
    argv = [
        peer("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{port}",
        "--collector.disable-defaults", *collectors,
    ]  # fmt: skip
    with running(argv, f"http://127.0.0.1:{port}/metrics"):
        ours, theirs = both(tmp_path, f"127.0.0.1:{port}")
    assert len(ours) > 100
    assert ours.keys() == theirs.keys()
