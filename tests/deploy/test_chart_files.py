"""What the chart's processes read is taken by them, and what is copied is still the same."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.config import load_config, models_of
from exporter.config import Config as ExporterConfig
from exporter.schema import model_of
from promkit.config import load
from promkit.web_config import WebConfig, host_allowed
from ruler.config import RulerConfig
from ruler.dashboards import parse_dashboard
from ruler.rules import RuleContext, load_files
from tests.builders.chart import VALUES, of_kind, pod_specs, render, written
from tests.builders.prose import ROOT
from tools.deploy_files import COMMAND, stale, wanted

pytestmark = pytest.mark.service


def test_what_is_copied_is_as_its_original() -> None:
    for path, text in wanted().items():
        there = path.read_text(encoding="utf-8") if path.exists() else ""
        assert there == text, f"{path.relative_to(ROOT)} is out of date: {COMMAND}"
    assert stale() == [], COMMAND


def prefix(values: str) -> str:
    return "monitoring" if values == "full" else "r-lumina"


@pytest.mark.parametrize("values", VALUES)
def test_each_process_takes_its_files(values: str, tmp_path: Path) -> None:
    manifests = render(values)
    maps = of_kind(manifests, "ConfigMap")
    for name in maps:
        folder = tmp_path / name
        folder.mkdir()
        written(folder, manifests, name)
    at = prefix(values)
    ruler = load(tmp_path / f"{at}-ruler" / "ruler.yml", RulerConfig, {})
    assert ruler.rule_files == ("/etc/lumina/rules/*.yml",)
    rules = load_files(["*.yml"], tmp_path / f"{at}-rules", RuleContext(any_name=True)).rules
    shipped = load_files(["rules/*.yml"], ROOT / "ruler" / "defaults", RuleContext(any_name=True)).rules
    assert len(rules) == {"minimal": 0, "full": len(shipped) + 1}.get(values, len(shipped))
    for path in (tmp_path / f"{at}-pages").iterdir():
        parse_dashboard(path.read_text(encoding="utf-8"), path.name)
    if values == "minimal":
        return
    load(tmp_path / f"{at}-exporter" / "exporter.yml", model_of(ExporterConfig), {})
    path = tmp_path / f"{at}-analytics" / "analytics.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("/etc/lumina/models", str(tmp_path / f"{at}-models")), encoding="utf-8")
    models = models_of(load_config(None, {}), {})
    assert len(models_of(load_config(path, {}), {})) == len(models) + (values == "full")


@pytest.mark.parametrize("values", VALUES)
def test_what_is_scraped_is_a_service_that_knows_its_name(values: str) -> None:
    manifests = render(values)
    services = of_kind(manifests, "Service")
    config = yaml.safe_load(of_kind(manifests, "ConfigMap")[f"{prefix(values)}-ruler"]["data"]["ruler.yml"])
    jobs: dict[str, Any] = {job["job_name"]: job for job in config["scrape_configs"]}
    for name in {"ruler", "exporter", "analytics"} & set(jobs):
        service = services[f"{prefix(values)}-{name}"]
        (port,) = [port["port"] for port in service["spec"]["ports"]]
        if name == "exporter":
            (entry,) = jobs[name]["dns_sd_configs"]
            assert (entry["names"], entry["port"]) == ([service["metadata"]["name"]], port)
            assert service["spec"]["clusterIP"] == "None", "the name has every node's address"
        else:
            assert jobs[name]["static_configs"] == [{"targets": [f"{service['metadata']['name']}:{port}"]}]
    assert set(jobs) == ({"ruler", "node"} if values == "minimal" else {"ruler", "exporter", "analytics"})


@pytest.mark.parametrize("values", [name for name in VALUES if name != "prometheus"])
def test_the_processes_know_the_names_they_are_asked_by(values: str, tmp_path: Path) -> None:
    (secret,) = of_kind(render(values), "Secret").values()
    (tmp_path / "web.yml").write_text(secret["stringData"]["web.yml"], encoding="utf-8")
    config = load(tmp_path / "web.yml", WebConfig, {})
    assert config.anonymous == "viewer"
    assert config.tokens[0].role == "operator"
    for process in ("exporter", "ruler", "analytics"):
        for host in (f"{prefix(values)}-{process}:1", f"{prefix(values)}-{process}.watch.svc"):
            assert host_allowed(host, "0.0.0.0", config.hosts), host
    assert not host_allowed("evil.example.org", "0.0.0.0", config.hosts)
    assert ("monitoring.example.org" in config.hosts) is (values == "full")


@pytest.mark.parametrize("values", VALUES)
def test_every_file_that_an_argument_names_is_mounted(values: str) -> None:
    for name, pod in pod_specs(render(values)):
        for container in pod["containers"]:
            mounts = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
            for word in container["args"]:
                flag, _, path = word.partition("=")
                if path.startswith("/"):
                    folder = path if flag == "--data" else path.rpartition("/")[0]
                    assert folder in mounts, f"{name}: {word}"


def test_every_dashboard_of_grafana_is_there_for_its_sidecar() -> None:
    found = [
        config
        for config in of_kind(render("full"), "ConfigMap").values()
        if config["metadata"]["labels"].get("grafana_dashboard") == "1"
    ]
    originals = {path.name for path in (ROOT / "grafana" / "dashboards").glob("*.json")}
    assert {key for config in found for key in config["data"]} == originals
    assert all(config["metadata"]["annotations"] == {"grafana_folder": "Lumina"} for config in found)
    assert not any("dashboard" in name for name in of_kind(render("minimal"), "ConfigMap"))
