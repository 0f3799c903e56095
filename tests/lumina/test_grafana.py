"""`lumina dashboards build`, `lint`, `import` and `push`, as people and scripts meet them."""

import json
from pathlib import Path
from typing import Any

import pytest

from lumina.__main__ import main
from lumina.home import DEFAULT_ADDRESSES, prepare
from tests.builders.grafana import SHIPPED
from tests.builders.grafana_server import a_grafana

CapSys = pytest.CaptureFixture[str]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with all that is shipped, in the present folder."""
    monkeypatch.chdir(tmp_path)
    prepare(Path("monitoring"), DEFAULT_ADDRESSES)
    return Path("monitoring")


def dashboards(*words: object) -> int:
    return main(["dashboards", *map(str, words)])


def states(capsys: CapSys) -> dict[str, str]:
    return {row["id"]: row["state"] for row in json.loads(capsys.readouterr().out)}


def test_build_writes_what_check_then_finds(home: Path, capsys: CapSys) -> None:
    assert dashboards("build", "--check", "-o", "json") == 1
    assert states(capsys) == dict.fromkeys(SHIPPED, "missing")
    assert dashboards("build", "-o", "json") == 0
    assert states(capsys) == dict.fromkeys(SHIPPED, "written")
    assert dashboards("build", "--check", "-o", "json") == 0
    assert states(capsys) == dict.fromkeys(SHIPPED, "unchanged")
    made = Path("grafana/dashboards/host.json")
    made.write_text(made.read_text().replace("CPU", "Processors"))
    (home / "dashboards" / "alerts.yml").unlink()
    assert dashboards("build", "--check", "-o", "json") == 1
    found = states(capsys)
    assert (found["host"], found["alerts"], found["business"]) == ("differs", "left over", "unchanged")


def test_build_names_each_file(home: Path, capsys: CapSys) -> None:
    assert home.exists()
    assert (
        dashboards("build", home / "dashboards" / "host.yml", "--out", "made", "--link", "https://l.example")
        == 0
    )
    assert "made/host.json" in capsys.readouterr().out
    made = json.loads(Path("made/host.json").read_text())
    assert [one["query"] for one in made["templating"]["list"] if one["name"] == "lumina"] == [
        "https://l.example"
    ]


def test_thresholds_are_those_of_the_homes_rules(home: Path, capsys: CapSys) -> None:
    rules = home / "rules" / "default.yml"
    rules.write_text(rules.read_text().replace("threshold: 0.8\n", "threshold: 0.7\n"))
    assert dashboards("build", "--out", "made") == 0
    assert '"value": 0.7' in Path("made/host.json").read_text()
    capsys.readouterr()


def test_lint_says_file_and_line(home: Path, capsys: CapSys) -> None:
    assert dashboards("lint") == 0
    path = home / "dashboards" / "host.yml"
    path.write_text(path.read_text().replace('system_cpus{job=~"$job",instance', "system_cpus{instance", 1))
    assert dashboards("lint") == 1
    out, err = capsys.readouterr()
    assert out.startswith("monitoring/dashboards/host.yml:4:")
    assert "panel 'Load by processor': query A: system_cpus has no job" in out
    assert "1 findings" in err
    assert dashboards("lint", "-o", "json") == 1
    assert json.loads(capsys.readouterr().out)[0]["rule"] == "target-job"


def test_lint_reads_grafanas_json(home: Path, capsys: CapSys) -> None:
    Path("theirs.json").write_text('{"title": "Theirs", "panels": []}')
    assert dashboards("lint", "theirs.json", "--home", home) == 1
    assert "theirs.json: no variable chooses the data source (template-datasource)" in capsys.readouterr().out


def a_file() -> Path:
    widget = {"type": "line", "title": "CPU", "metric": "system.cpu.usage"}
    path = Path("theirs.json")
    path.write_text(json.dumps({"id": "theirs", "name": "Theirs", "widgets": [widget]}))
    return path


def test_import_prints_yaml_and_says_what_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert dashboards("import", a_file()) == 0
    out, err = capsys.readouterr()
    assert "metric: system_cpu_usage_ratio" in out
    assert "system.cpu.usage is read as system_cpu_usage_ratio" in err


def test_import_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys) -> None:
    monkeypatch.chdir(tmp_path)
    assert dashboards("import", a_file(), "--out", "dashboards") == 0
    assert "written: dashboards/theirs.yml" in capsys.readouterr().err
    assert dashboards("import", a_file(), "--out", "dashboards") == 1
    assert capsys.readouterr().err.startswith("dashboards/theirs.yml: there is such a file already")


FAULTY: dict[str, tuple[list[Any], int, str]] = {
    "no folder": (["build"], 1, "monitoring/dashboards: no such file or folder"),
    "no rules": (["build", "--rules", "gone", "empty"], 1, "gone: no such file or folder"),
    "no JSON": (["import", "bad.json"], 2, "bad.json: not JSON"),
    "no object": (["lint", "list.json"], 2, "list.json: not a JSON object"),
    "no file": (["import", "gone.json"], 2, "gone.json: No such file or directory"),
    "no YAML of ours": (["lint", "bad.yml"], 2, "bad.yml:1:1: unknown key 'nme'"),
    "no URL": (["push", "--grafana", "grafana", "empty"], 2, "not an http URL"),
    "no token": (
        ["push", "--grafana", "http://g", "--token-file", "gone", "empty"],
        2,
        "gone: token cannot be read",
    ),
}


@pytest.mark.parametrize(("words", "code", "said"), FAULTY.values(), ids=FAULTY)
def test_faults_are_one_line(
    words: list[Any], code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: CapSys
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text("{")
    Path("list.json").write_text("[]")
    Path("empty").mkdir()
    Path("bad.yml").write_text("nme: x\nid: x\nwidgets: [{type: line, title: x, metric: up}]\n")
    assert dashboards(*words) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_push_sends_each_dashboard(home: Path, capsys: CapSys) -> None:
    Path("token").write_text("canary\n")
    with a_grafana() as fake:
        words = ["push", "--grafana", fake.url, "--token-file", "token", "--folder", "ops", "--overwrite"]
        assert dashboards(*words, "--home", home, "--link", "https://lumina.example") == 0
    assert {body["dashboard"]["uid"] for _, _, body in fake.asked} == {f"lumina-{name}" for name in SHIPPED}
    assert {body["folderUid"] for _, _, body in fake.asked} == {"ops"}
    assert all("https://lumina.example" in json.dumps(body) for _, _, body in fake.asked)
    out, err = capsys.readouterr()
    assert f"{fake.url}/d/lumina-test/test" in out
    assert "canary" not in out + err


def test_push_ends_at_a_refusal(home: Path, capsys: CapSys) -> None:
    with a_grafana(412, {"message": "A dashboard with the same uid already exists"}) as fake:
        assert dashboards("push", "--grafana", fake.url, "--home", home) == 1
    assert len(fake.asked) == 1
    assert "give --overwrite to replace it" in capsys.readouterr().err
