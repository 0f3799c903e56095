"""Beside the real Prometheus and node_exporter: each part can be replaced by, or put beside, its peer."""

from pathlib import Path

import pytest
import yaml

from tests.builders.e2e import LUMINA, a_ruler, ask, call, catching, until
from tests.builders.processes import free_port, running
from tests.peers import peer

pytestmark = [pytest.mark.e2e, pytest.mark.service, pytest.mark.timeout(180)]

NODE_RULES = {
    "groups": [
        {
            "name": "node",
            "interval": "1s",
            "rules": [
                {
                    "record": "instance:node_cpus:count",
                    "expr": 'count by (instance) (node_cpu_seconds_total{mode="idle"})',
                },
                {
                    "alert": "NodeFilesystemPresent",
                    "expr": "sum by (instance) (node_memory_MemTotal_bytes) > 0",
                    "for": "2s",
                    "labels": {"severity": "warning"},
                    "annotations": {
                        "summary": "{{ $labels.instance }} has {{ $value | humanize1024 }}B",
                        "description": '{{ with query "instance:node_cpus:count" }}'
                        "{{ . | first | value }} CPUs{{ end }}",
                    },
                },
            ],
        }
    ]
}


def test_prometheus_scrapes_our_exporter(tmp_path: Path) -> None:
    exporter, prometheus = free_port(), free_port()
    (tmp_path / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"scrape_interval": "1s"},
                "scrape_configs": [
                    {"job_name": "lumina", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}
                ],
            }
        )
    )
    url = f"http://127.0.0.1:{prometheus}"
    serve = [*LUMINA, "exporter", "--listen", f"127.0.0.1:{exporter}"]
    scrape = [
        peer("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address=127.0.0.1:{prometheus}",
    ]
    with running(serve, f"http://127.0.0.1:{exporter}/-/ready"), running(scrape, f"{url}/-/ready"):
        assert until(lambda: ask(f"{url}/api/v1/query", query="system_cpu_usage_ratio")["result"])
        targets = ask(f"{url}/api/v1/targets")["activeTargets"]
        assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]


def test_our_ruler_scrapes_node_exporter_and_loads_a_file_written_for_prometheus(tmp_path: Path) -> None:
    node, ruler = free_port(), a_ruler(tmp_path)
    with catching() as catcher:
        ruler.write(
            {
                "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
                "scrape_configs": [
                    {"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{node}"]}]}
                ],
                "rule_files": ["rules/*.yml"],
                "delivery": {
                    "route": {"receiver": "hook", "group_wait": "1s"},
                    "receivers": [{"name": "hook", "webhook_configs": [{"url": catcher.url}]}],
                },
            },
            NODE_RULES,
        )
        serve = [peer("prometheus-node-exporter"), f"--web.listen-address=127.0.0.1:{node}"]
        with running(serve, f"http://127.0.0.1:{node}/metrics"), ruler.start():
            until(lambda: catcher.told("NodeFilesystemPresent", "firing"))
            recorded = ask(f"{ruler.url}/api/v1/query", query="instance:node_cpus:count")["result"]
            cpus = int(recorded[0]["value"][1])
            assert cpus >= 1
            annotations = catcher.bodies[0]["alerts"][0]["annotations"]
            assert annotations["description"] == f"{cpus} CPUs"
            assert annotations["summary"].endswith("iB")
            firing = ask(f"{ruler.url}/api/v1/query", query='ALERTS{alertstate="firing"}')["result"]
            assert [series["metric"]["alertname"] for series in firing] == ["NodeFilesystemPresent"]


def test_prometheus_sends_our_ruler_its_alerts(tmp_path: Path) -> None:
    prometheus, ruler = free_port(), a_ruler(tmp_path)
    rule = {"alert": "FromPrometheus", "expr": "vector(1) > 0", "labels": {"severity": "critical"}}
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}))
    (tmp_path / "prometheus.yml").write_text(
        yaml.safe_dump(
            {
                "global": {"evaluation_interval": "1s"},
                "rule_files": ["rules.yml"],
                "alerting": {
                    "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{ruler.port}"]}]}]
                },
            }
        )
    )
    send = [
        peer("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/tsdb",
        f"--web.listen-address=127.0.0.1:{prometheus}",
        "--rules.alert.resend-delay=1s",  # it looks for Alertmanagers only after the first sending
    ]
    with catching() as catcher:
        ruler.write(
            {
                "delivery": {
                    "route": {"receiver": "hook", "group_wait": "1s"},
                    "receivers": [{"name": "hook", "webhook_configs": [{"url": catcher.url}]}],
                }
            }
        )
        with ruler.start(), running(send, f"http://127.0.0.1:{prometheus}/-/ready"):
            until(lambda: catcher.told("FromPrometheus", "firing"))
            _, alerts = call("GET", f"{ruler.url}/api/v2/alerts")
            assert [alert["labels"]["alertname"] for alert in alerts] == ["FromPrometheus"]
            assert alerts[0]["generatorURL"].startswith("http")
