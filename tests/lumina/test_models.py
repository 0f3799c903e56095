"""`lumina models` against analytics, and on files."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics.config import load_config, models_of
from analytics.service import Service
from analytics.spec import load_models
from lumina.__main__ import main
from promkit.web import Access
from tests.builders.analytics import FakeApi, Site, serving
from tests.builders.made_history import DAY, NOW_MS, STEP_MS, a_host, times_until

QUEUE = "id: queue\ntype: time_series\ntarget: queue_depth\n"
WRITTEN = {
    "id": "CPU Usage",
    "name": "CPU",
    "type": "time_series",
    "targetMetric": "system.cpu.usage",
    "features": ["system.memory.used", "app.response_time"],
    "accuracy": 0.87,
    "trainedAt": "2024-01-01T00:00:00Z",
    "modelData": {"weights": [1, 2]},
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    times = times_until(NOW_MS + STEP_MS, 3 * DAY)
    api = FakeApi(times, a_host(times))
    config = load_config(None, {})
    service = Service(api, config, models_of(config, {}), None)
    service.cycle(NOW_MS)
    with serving(service, api, config, tmp_path / "data", Access("127.0.0.1")) as site:
        monkeypatch.setenv("LUMINA_ANALYTICS_URL", site.url)
        yield site
    service.journal.close()


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    path = tmp_path / "queue.yml"
    path.write_text(QUEUE)
    return path


def test_the_list_and_one_model(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["ID", "TYPE", "STATE", "ACCURACY", "PASSED", "TRAINED"]
    assert len(rows) == 5
    cpu = next(row for row in rows if "cpu-usage-predictor" in row)
    assert "ready" in cpu
    assert "% (backtest)" in cpu
    assert "1 of 1" in cpu
    assert main(["models", "show", "response-time-predictor"]) == 0
    shown = capsys.readouterr().out
    assert "feature   business_api_calls_per_minute (1 series)" in shown
    assert "learned   level, and what one standard deviation of a feature adds" in shown
    assert main(["models", "show", "cpu-usage-predictor", "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["model_data"]["series"] == 1


def test_one_is_added_changed_and_removed(
    site: Site, queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "add", str(queue)]) == 0
    assert site.get("/api/v1/models/queue")["target"] == "queue_depth"
    queue.write_text(QUEUE.replace("queue_depth", "queue_age_seconds"))
    assert main(["models", "edit", "queue", str(queue)]) == 0
    assert site.get("/api/v1/models/queue")["target"] == "queue_age_seconds"
    assert main(["models", "remove", "queue"]) == 0
    assert capsys.readouterr().err == "added queue\nchanged queue\nremoved queue\n"
    assert main(["models", "remove", "anomaly-detector"]) == 1
    assert "is in a file of yours" in capsys.readouterr().err


def test_a_file_that_is_wrong_is_told_before_anybody_is_asked(
    queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    queue.write_text(QUEUE.replace("queue_depth", "rate(queue_depth"))
    assert main(["models", "add", str(queue), "--analytics-url", "http://127.0.0.1:9"]) == 2
    assert f"{queue}:3:1: target: 'rate(queue_depth'" in capsys.readouterr().err


def test_training_says_how_good_it_is(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.runs = lambda: site.service.cycle(NOW_MS + STEP_MS)
    assert main(["models", "train", "cpu-usage-predictor"]) == 0
    assert "cpu-usage-predictor: ready, accuracy " in capsys.readouterr().err
    assert site.get("/api/v1/models/cpu-usage-predictor")["trained_ms"] == NOW_MS + STEP_MS
    assert main(["models", "train", "nobody"]) == 1
    assert "no model 'nobody'" in capsys.readouterr().err


def test_files_are_checked_with_place(
    tmp_path: Path, queue: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "check", str(queue)]) == 0
    assert capsys.readouterr() == ("", "1 files: 0 faults\n")
    (tmp_path / "again.yml").write_text(QUEUE)
    assert main(["models", "check", str(tmp_path)]) == 1
    assert "model 'queue' is also in" in capsys.readouterr().out
    (tmp_path / "again.yml").write_text("id: b\ntype: guess\ntarget: sum(\n")
    queue.write_text(QUEUE + "features: [up, 'sum(']\nhorizn: 3h\n")
    assert main(["models", "check", str(tmp_path), "--output", "json"]) == 1
    faults = json.loads(capsys.readouterr().out)
    assert [fault["where"].rpartition("/")[2] for fault in faults] == ["again.yml:2:7", "queue.yml:5:1"]
    assert "did you mean 'horizon'" in faults[1]["remedy"]


def test_the_shipped_models_have_no_fault(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "check", "analytics/defaults/models"]) == 0
    assert capsys.readouterr().err == "5 files: 0 faults\n"


def test_the_specifications_spelling_becomes_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "models.json"
    watch = {"id": "watch", "type": "anomaly_detection", "target": "system.*", "features": ["app.error_rate"]}
    source.write_text(json.dumps([WRITTEN, watch]))
    assert main(["models", "import", str(source), "--home", str(tmp_path)]) == 0
    written, said = capsys.readouterr()
    folder = tmp_path / "models"
    assert written.split() == [str(folder / "cpu-usage.yml"), str(folder / "watch.yml")]
    assert "cpu-usage: system.cpu.usage → system_cpu_usage_ratio" in said
    assert "left out, for it is measured here: accuracy, trained_at, model_data" in said
    cpu, found = load_models(sorted(folder.glob("*.yml")), {})
    assert (cpu.id, cpu.title, cpu.target) == ("cpu-usage", "CPU", "system_cpu_usage_ratio")
    assert cpu.features == ("system_memory_used_bytes", "app_response_time_seconds")
    assert found.target.startswith('{__name__=~"system_.+"')
    assert main(["models", "check", str(folder)]) == 0
    assert main(["models", "import", str(source), "--home", str(tmp_path)]) == 1
    assert "there are such files already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", ":1:2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (json.dumps([WRITTEN | {"targetMetric": "system.cpu.usge"}]), "did you mean 'system.cpu.usage'?"),
        (json.dumps(WRITTEN | {"color": "red"}), "unknown key 'color'"),
        (json.dumps({"models": []}), "models"),
        (json.dumps([WRITTEN, WRITTEN]), "two models are called 'cpu-usage'"),
        (json.dumps({"id": "x", "type": "time_series"}), "one of target and targetMetric is needed"),
        (json.dumps(WRITTEN | {"id": "§"}), "no id"),
    ],
)
def test_what_is_wrong_with_an_import(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "models.json"
    source.write_text(text)
    assert main(["models", "import", str(source), "--home", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert str(source) in err
    assert said in err
    assert "Traceback" not in err
    assert not (tmp_path / "models").exists()
