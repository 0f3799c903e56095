"""Files: what is made of which; and those with which Grafana finds them."""

import re
from pathlib import Path

import pytest
import yaml

from lumina.dashboards import build, read_document, read_sources
from promkit.errors import ConfigError, NotFound, Unavailable
from tests.builders.grafana import LINK
from tests.builders.prose import ROOT

PROVISIONING = ROOT / "grafana" / "provisioning"
DEFAULTS = ROOT / "ruler" / "defaults"


def test_yaml_is_compiled_and_json_taken_as_it_is(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs.json"
    theirs.write_text('{"title": "Theirs"}')
    yaml_file = DEFAULTS / "dashboards" / "host.yml"
    ours, other = read_sources([yaml_file, theirs], [DEFAULTS / "rules"], LINK)
    assert (ours.id, ours.document["uid"]) == ("host", "lumina-host")
    assert (other.id, other.document) == ("theirs", {"title": "Theirs"})
    assert other.where == str(theirs)


def test_a_folder_means_its_yaml(tmp_path: Path) -> None:
    (tmp_path / "left.json").write_text("{")
    (tmp_path / "one.yml").write_text("id: one\nwidgets: [{type: line, title: x, metric: up}]\n")
    assert [source.id for source in read_sources([tmp_path], [], LINK)] == ["one"]
    with pytest.raises(NotFound):
        read_sources([tmp_path / "gone"], [], LINK)


def test_what_others_put_there_is_theirs(tmp_path: Path) -> None:
    (tmp_path / "theirs.json").write_text('{"uid": "theirs"}')
    (tmp_path / "old.json").write_text('{"uid": "lumina-old"}')
    assert [(one.id, one.state) for one in build([], tmp_path, check=True)] == [("old", "left over")]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sources = read_sources([DEFAULTS / "dashboards" / "host.yml"], [], LINK)
    with pytest.raises(Unavailable, match="cannot be written"):
        build(sources, tmp_path / "file" / "folder", check=False)


@pytest.mark.parametrize("text", ["{", "[]", "1", "[" * 100_000])
def test_what_is_no_object(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not"):
        read_document(path)


def test_data_sources_are_the_ruler_and_prometheus() -> None:
    file = yaml.safe_load((PROVISIONING / "datasources" / "lumina.yml").read_text(encoding="utf-8"))
    found = {one["uid"]: one for one in file["datasources"]}
    assert [one["type"] for one in found.values()] == ["prometheus", "alertmanager", "prometheus"]
    assert found["lumina"]["isDefault"] is True
    assert found["lumina"]["jsonData"]["alertmanagerUid"] in found
    assert {one["url"] for one in found.values()} == {"${LUMINA_URL}", "${PROMETHEUS_URL}"}


def test_their_addresses_are_those_that_the_documents_and_compose_give() -> None:
    text = (PROVISIONING / "datasources" / "lumina.yml").read_text(encoding="utf-8")
    names = set(re.findall(r"\$\{(\w+)\}", text))
    page = (ROOT / "docs" / "prometheus.md").read_text(encoding="utf-8")
    compose = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text(encoding="utf-8"))
    assert names == {"LUMINA_URL", "PROMETHEUS_URL"}
    assert all(f"-e {name}=" in page for name in names)
    assert names <= set(compose["services"]["grafana"]["environment"])


def test_the_provider_looks_where_the_dashboards_are_mounted() -> None:
    file = yaml.safe_load((PROVISIONING / "dashboards" / "lumina.yml").read_text(encoding="utf-8"))
    path = file["providers"][0]["options"]["path"]
    page = (ROOT / "docs" / "prometheus.md").read_text(encoding="utf-8")
    compose = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text(encoding="utf-8"))
    assert f"grafana/dashboards:{path}:ro" in page
    assert any(f"grafana/dashboards:{path}:ro" in one for one in compose["services"]["grafana"]["volumes"])
    assert file["providers"][0]["allowUiUpdates"] is False
