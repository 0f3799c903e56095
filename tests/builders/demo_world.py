"""The demo with all that dashboards can show: history, forecasts of an hour ago, an alert that is told and
remedied, a certificate; and a real Prometheus beside it that scrapes the same targets.

What was before is made history of a host `web1`, in both stores; what analytics said of it an hour ago comes
from analytics' own code, run at that instant over the ruler's API. All else is measured while it runs.
"""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml

from analytics.config import load_config, models_of
from analytics.service import Service
from lumina.demo.stage import Stage
from promkit.fetch import Fetcher
from promkit.labels import METRIC_NAME, Labels
from promkit.query import Client
from tests.builders.e2e import LUMINA, call, until
from tests.builders.made_history import DAY, STEP_MS, a_host, times_until
from tests.builders.processes import free_port, running
from tests.builders.samples import Series, openmetrics
from tests.peers import peer

__all__ = ["World", "a_world"]

HOUR_MS = 3_600_000
DAYS = 5
RULES: Sequence[Mapping[str, Any]] = (
    # Always firing, so that there is something to see whenever one looks.
    {"id": "always", "name": "Always", "metric": "up", "condition": "ge", "threshold": 0, "severity": "info"},
    # The made disk fills up: from a half to seven tenths.
    {
        "id": "disk-full",
        "name": "Disk full",
        "metric": "system_disk_usage_ratio",
        "condition": "gt",
        "threshold": 0.72,
        "severity": "medium",
    },
)


@dataclass(frozen=True, slots=True)
class World:
    """Where to ask: the ruler and the Prometheus beside it, by name."""

    urls: Mapping[str, str]


@contextmanager
def a_world(folder: Path, now_ms: int) -> Iterator[World]:
    """Run it until the block ends; inside, the shop is broken and its remedy is on the way."""
    for name in ("prometheus", "promtool"):
        peer(name)  # before anything is started in vain
    with Stage(lambda _line: None) as stage, _secured(folder) as site:
        ruler = stage.urls["ruler"]
        _amend(stage.home, site)
        history = _history(now_ms)
        _import(history, folder / "history.om", ruler)
        forecasts = _forecasts(ruler, now_ms - HOUR_MS)
        _import(forecasts, folder / "forecasts.om", ruler)
        recent = {labels: points[-14:] for labels, points in history.items()}
        with _prometheus(folder, stage.home, {**recent, **forecasts}) as prometheus:
            _begin_anew(stage)
            stage.break_shop()
            yield World({"ruler": ruler, "prometheus": prometheus})


def _begin_anew(stage: Stage) -> None:
    """Let analytics read all history: it asked before the past was there, and would ask for news alone."""
    data = stage.home / "data" / "analytics"
    own = next(one for one in psutil.Process().children() if str(data) in one.cmdline())
    own.kill()
    own.wait(10)
    shutil.rmtree(data)

    def answers() -> bool:
        stage.tend()
        try:
            return call("GET", f"{stage.urls['analytics']}/-/ready")[0] == 200
        except OSError:
            return False

    until(answers, within_s=60)


@contextmanager
def _secured(folder: Path) -> Iterator[str]:
    """An exporter behind TLS that probes itself → host:port."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "10"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", "req", *kind, *name, *files], check=True, capture_output=True)
    plain, secure = free_port(), free_port()
    tls = {"tls_server_config": {"cert_file": str(certificate), "key_file": str(key)}}
    (folder / "web.yml").write_text(yaml.safe_dump(tls))
    probe = {
        "name": "site",
        "url": f"https://localhost:{secure}/-/healthy",
        "tls": {"ca_file": str(certificate)},
        "every": "2s",
    }
    off = dict.fromkeys(("cpu", "memory", "disk", "network", "host", "process", "push"), False)
    (folder / "site.yml").write_text(yaml.safe_dump({"collectors": off}))
    (folder / "probe.yml").write_text(yaml.safe_dump({"collectors": {**off, "http": [probe]}}))
    serve = [*LUMINA, "exporter", "--config", folder / "site.yml", "--web.config.file", folder / "web.yml"]
    ask = [*LUMINA, "exporter", "--config", folder / "probe.yml", "--listen", f"127.0.0.1:{plain}"]
    with (
        running([*serve, "--listen", f"127.0.0.1:{secure}"]),
        running(ask, f"http://127.0.0.1:{plain}/-/healthy"),
    ):
        yield f"127.0.0.1:{plain}"


def _amend(home: Path, site: str) -> None:
    """Rules and a target more; the ruler sees to it itself that they count."""
    (home / "rules" / "more.yml").write_text(yaml.safe_dump({"rules": list(RULES)}))
    config = yaml.safe_load((home / "ruler.yml").read_text())
    config["scrape_configs"].append({"job_name": "site", "static_configs": [{"targets": [site]}]})
    (home / "ruler.yml").write_text(yaml.safe_dump(config, sort_keys=False))


def _history(now_ms: int) -> Series:
    """Days of a host and its application, up to now."""
    times = times_until(now_ms, DAYS * DAY)
    return {
        labels: list(zip(times.tolist(), values.tolist(), strict=True))
        for labels, values in a_host(times).items()
    }


def _forecasts(ruler: str, at_ms: int) -> Series:
    """What analytics would have had on its page from `at_ms` on, looked at each minute for ten."""
    config = load_config(None, {})
    client = Client(ruler, Fetcher(timeout_ms=30_000, body_bytes_max=64 << 20))
    service = Service(client, config, models_of(config, {}), None)
    try:
        start_ms = at_ms // STEP_MS * STEP_MS
        assert service.cycle(start_ms) is not None
        found: Series = {}
        for family in service.families("analytics"):
            for sample in family.samples:
                if sample.name == "analytics_prediction":
                    labels = Labels({**sample.labels, METRIC_NAME: sample.name})
                    found[labels] = [(start_ms + minute * 60_000, sample.value) for minute in range(15)]
    finally:
        service.journal.close()
    assert found
    return found


def _import(series: Series, file: Path, ruler: str) -> None:
    file.write_text(openmetrics(series))
    argv = [*LUMINA, "history", "import", str(file), "--url", ruler]
    subprocess.run(argv, check=True, capture_output=True, timeout=60)


@contextmanager
def _prometheus(folder: Path, home: Path, series: Series) -> Iterator[str]:
    """Prometheus over the same targets and rules, with the same past."""
    data, config, rules = folder / "tsdb", folder / "prometheus.yml", folder / "exported.yml"
    page = folder / "past.om"
    page.write_text(openmetrics(series))
    fill = [str(peer("promtool")), "tsdb", "create-blocks-from", "openmetrics", str(page), str(data)]
    subprocess.run(fill, check=True, capture_output=True, timeout=60)
    files = sorted(str(path) for path in (home / "rules").glob("*.yml"))
    export = subprocess.run([*LUMINA, "rules", "export", *files], check=True, capture_output=True, timeout=60)
    rules.write_bytes(export.stdout)
    ours = yaml.safe_load((home / "ruler.yml").read_text())
    config.write_text(
        yaml.safe_dump(
            {
                "global": ours["global"],
                "scrape_configs": ours["scrape_configs"],
                "rule_files": [str(rules)],
            }
        )
    )
    port = free_port()
    argv = [
        peer("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(argv, f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"
