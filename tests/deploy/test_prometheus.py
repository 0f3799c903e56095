"""The sample of prometheus.yml in the real Prometheus: it scrapes ours, its alert arrives at the ruler."""

import subprocess
from pathlib import Path

import pytest

from tests.builders.e2e import LUMINA, a_ruler, ask, catching, until
from tests.builders.processes import free_port, running
from tests.builders.prose import ROOT
from tests.peers import peer

pytestmark = [pytest.mark.e2e, pytest.mark.service, pytest.mark.timeout(180)]

FOLDER = ROOT / "deploy" / "prometheus"


def test_promtool_has_nothing_to_say() -> None:
    done = subprocess.run(
        [peer("promtool"), "check", "config", "--lint=all", "--lint-fatal", FOLDER / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_scrapes_ours_and_its_alert_arrives(tmp_path: Path) -> None:
    ruler, exporter, prometheus = a_ruler(tmp_path), free_port(), free_port()
    hurry = {
        "127.0.0.1:19100": f"127.0.0.1:{exporter}",
        "127.0.0.1:19090": f"127.0.0.1:{ruler.port}",
        "127.0.0.1:19092": f"127.0.0.1:{free_port()}",  # nobody: that is what is alerted on
        "15s": "1s",
        "for: 1m": "for: 1s",
    }
    (tmp_path / "rules").mkdir()
    for name in ("prometheus.yml", "rules/targets.yml"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        for slow, quick in hurry.items():
            text = text.replace(slow, quick)
        (tmp_path / name).write_text(text, encoding="utf-8")
    url = f"http://127.0.0.1:{prometheus}"
    argv = [
        peer("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address=127.0.0.1:{prometheus}",
        "--rules.alert.resend-delay=1s",  # it looks for Alertmanagers only after the first sending
    ]
    serve = [*LUMINA, "exporter", "--listen", f"127.0.0.1:{exporter}"]
    with catching() as catcher:
        ruler.write(
            {
                "rule_files": [],
                "delivery": {
                    "route": {"receiver": "hook", "group_wait": "1s"},
                    "receivers": [{"name": "hook", "webhook_configs": [{"url": catcher.url}]}],
                },
            }
        )
        with (
            ruler.start(),
            running(serve, f"http://127.0.0.1:{exporter}/-/ready"),
            running(argv, f"{url}/-/ready"),
        ):
            until(lambda: ask(f"{url}/api/v1/query", query='up{job="exporter"} == 1')["result"])
            until(lambda: ask(f"{url}/api/v1/query", query='up{job="ruler"} == 1')["result"])
            until(lambda: catcher.told("TargetDown", "firing"))
            (alert,) = [one for body in catcher.bodies for one in body["alerts"]][:1]
            assert alert["labels"]["job"] == "analytics"
