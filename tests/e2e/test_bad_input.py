"""What bad input gets: one clear line, the old state in force, nothing lost, never a traceback."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from lumina.__main__ import main
from tests.builders.e2e import LUMINA, Ruler, a_ruler, ask, call, until
from tests.builders.pages import serving
from tests.builders.processes import Process, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

RULE = "{{id: a, name: A, metric: {metric}, condition: gt, threshold: {threshold}, severity: low{more}}}"
SHORT = "rules:\n  - " + RULE


def short(metric: str = "app_error_ratio", threshold: str = "0.05", more: str = "") -> str:
    return SHORT.format(metric=metric, threshold=threshold, more=more)


# name → process, files, what it says: start and end of the line
REFUSED: Mapping[str, tuple[str, Mapping[str, str], str, str]] = {
    "ruler.yml, broken YAML": (
        "ruler",
        {"ruler.yml": "global:\n  scrape_interval: [5s\nrule_files: {\n"},
        "ruler.yml:3:11: not YAML: ",
        "needs quotes",
    ),
    "ruler.yml, unknown key": (
        "ruler",
        {"ruler.yml": "global:\n  scrape_intervall: 5s\n"},
        "ruler.yml:2:3: unknown key 'scrape_intervall' in global: ",
        "did you mean 'scrape_interval'?",
    ),
    "ruler.yml, a duration without its unit": (
        "ruler",
        {"ruler.yml": "global:\n  scrape_interval: 5\n"},
        "ruler.yml:2:20: 'scrape_interval' needs a unit: ",
        "write 5s or 5m, not 5",
    ),
    "ruler.yml, what Prometheus does and we do not": (
        "ruler",
        {"ruler.yml": "remote_write: [{url: 'http://127.0.0.1:9/'}]\n"},
        "ruler.yml:1:1: ",
        "not supported",
    ),
    "rules, broken YAML": (
        "ruler",
        {"ruler.yml": "rule_files: [r.yml]\n", "r.yml": "rules: [{id: a\n"},
        "r.yml:2:1: not YAML: ",
        "needs quotes",
    ),
    "rules, unknown key": (
        "ruler",
        {"ruler.yml": "rule_files: [r.yml]\n", "r.yml": short(more=", treshold: 1")},
        "r.yml:2:94: unknown key 'treshold' ",
        "did you mean 'threshold'?",
    ),
    "rules, a duration without its unit": (
        "ruler",
        {"ruler.yml": "rule_files: [r.yml]\n", "r.yml": short(more=", duration: 5")},
        "r.yml:2:104: 'duration' needs a unit: write ",
        "5s or 5m, not 5",
    ),
    "rules, percent for a ratio": (
        "ruler",
        {"ruler.yml": "rule_files: [r.yml]\n", "r.yml": short(threshold="80")},
        "r.yml:2:62: app_error_ratio is a ratio from 0 to 1: ",
        "write 0.8 for 80 %",
    ),
    "rules, unknown channel": (
        "ruler",
        {"ruler.yml": "rule_files: [r.yml]\n", "r.yml": short(more=", channels: [emial]")},
        "r.yml:2:94: unknown channel 'emial': ",
        "email, slack, sms, ui",
    ),
    "rules, unknown action": (
        "ruler",
        {
            "ruler.yml": "rule_files: [r.yml]\n",
            "r.yml": short(more=", auto_remediation: {action: restart_servce, parameters: {}}"),
        },
        "r.yml:2:113: unknown action 'restart_servce': ",
        "did you mean 'restart_service'?",
    ),
    "rules, broken expression": (
        "ruler",
        {
            "ruler.yml": "rule_files: [r.yml]\n",
            "r.yml": "groups: [{name: g, rules: [{alert: A, expr: 'sum(rate(up[5m])'}]}]\n",
        },
        "r.yml:1:",
        "",
    ),
    "exporter.yml, broken YAML": (
        "exporter",
        {"exporter.yml": "collectors: {cpu: {every: 10s}\n"},
        "exporter.yml:2:1: not YAML: ",
        "needs quotes",
    ),
    "exporter.yml, unknown key": (
        "exporter",
        {"exporter.yml": "collecters: {}\n"},
        "exporter.yml:1:1: unknown key 'collecters': ",
        "did you mean 'collectors'?",
    ),
    "exporter.yml, a duration without its unit": (
        "exporter",
        {"exporter.yml": "collectors:\n  cpu: {every: 10}\n"},
        "exporter.yml:2:16: 'every' needs a unit: ",
        "write 10s or 10m, not 10",
    ),
    "analytics.yml, broken YAML": (
        "analytics",
        {"analytics.yml": "datasource: {url: [\n"},
        "analytics.yml:2:1: not YAML: ",
        "",
    ),
    "analytics.yml, unknown key": (
        "analytics",
        {"analytics.yml": "datasource:\n  ulr: http://127.0.0.1:9/\n"},
        "analytics.yml:2:3: unknown key 'ulr' in datasource: ",
        "did you mean 'url'?",
    ),
    "analytics.yml, a duration without its unit": (
        "analytics",
        {"analytics.yml": "interval: 5\n"},
        "analytics.yml:1:11: 'interval' needs a unit: ",
        "write 5s or 5m, not 5",
    ),
}


@pytest.mark.parametrize(("process", "files", "start", "end"), REFUSED.values(), ids=list(REFUSED))
def test_a_fault_in_a_file_is_one_line_with_its_place_and_remedy(
    process: str,
    files: Mapping[str, str],
    start: str,
    end: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in files.items():
        Path(name).write_text(text)
    code = main([process, "--config", f"{process}.yml", "--check-config"])
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.startswith(start), err
    assert err.endswith(end + "\n"), err


@pytest.mark.parametrize("process", ["exporter", "ruler", "analytics"])
def test_a_config_that_is_not_there_is_said(process: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([process, "--config", "nowhere/none.yml", "--check-config"]) == 2
    assert capsys.readouterr().err == "nowhere/none.yml: No such file or directory\n"


def test_all_faults_of_a_file_are_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("ruler.yml").write_text("global: {scrape_interval: 5}\nstorrage: {}\nseverities: {page: urgent}\n")
    assert main(["ruler", "--config", "ruler.yml", "--check-config"]) == 2
    places = [line.split(": ")[0] for line in capsys.readouterr().err.splitlines()]
    assert places == ["ruler.yml:1:27", "ruler.yml:2:1", "ruler.yml:3:20"]


CONFIG = {
    "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
    "rule_files": ["rules/*.yml"],
}
RULES = {"groups": [{"name": "g", "rules": [{"alert": "Always", "expr": "vector(1)"}]}]}
BROKEN_PAGE = 'good_metric 1\nanother{quote="open} 2\n'


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ruler, Process]]:
    """A ruler that scrapes a target that is not there and one that speaks nonsense."""
    ruler = a_ruler(tmp_path_factory.mktemp("living"))
    with serving(BROKEN_PAGE) as page:
        jobs = [
            {"job_name": "gone", "static_configs": [{"targets": [f"127.0.0.1:{free_port()}"]}]},
            {"job_name": "garbled", "static_configs": [{"targets": [f"127.0.0.1:{page.port}"]}]},
        ]
        ruler.write({**CONFIG, "scrape_configs": jobs}, RULES)
        with ruler.start() as process:
            until(lambda: ruler.alerts("Always"))
            yield ruler, process
            assert "Traceback" not in process.log.read_text()


def metric(ruler: Ruler, name: str) -> str:
    page = call("GET", f"{ruler.url}/metrics")[1]
    return next(str(line.split()[1]) for line in page.splitlines() if line.startswith(f"{name} "))


def rules_in_force(ruler: Ruler) -> list[str]:
    groups = ask(f"{ruler.url}/api/v1/rules")["groups"]
    return [rule["name"] for group in groups for rule in group["rules"]]


def target(ruler: Ruler, job: str) -> Any:
    found = ask(f"{ruler.url}/api/v1/targets")["activeTargets"]
    seen = (one for one in found if one["labels"]["job"] == job and one["health"] != "unknown")
    return next(seen, None)


def test_a_target_that_cannot_be_reached_is_down_with_the_reason_said_once(
    living: tuple[Ruler, Process],
) -> None:
    ruler, process = living
    assert "refused" in until(lambda: target(ruler, "gone"))["lastError"]
    until(lambda: ask(f"{ruler.url}/api/v1/query", query="count_over_time(up{job='gone'}[1m]) > 2")["result"])
    lines = [line for line in process.log.read_text().splitlines() if "job=gone" in line]
    assert len(lines) == 1, lines
    assert "level=warning" in lines[0]


def test_a_page_that_cannot_be_read_is_refused_with_the_number_of_its_line(
    living: tuple[Ruler, Process],
) -> None:
    ruler, process = living
    said = until(lambda: target(ruler, "garbled"))["lastError"]
    assert "line 2" in said or ":2:" in said, said
    assert ask(f"{ruler.url}/api/v1/query", query="up{job='garbled'}")["result"][0]["value"][1] == "0"
    assert ask(f"{ruler.url}/api/v1/query", query="good_metric")["result"] == []
    lines = [line for line in process.log.read_text().splitlines() if "job=garbled" in line]
    assert len(lines) == 1, lines


BAD_FILES = {
    "broken YAML": ("rules/all.yml", "groups: [{name: g\n", "rules/all.yml:2:1: not YAML"),
    "unknown key": ("rules/all.yml", "groups: []\nruels: []\n", "rules/all.yml:2:1: unknown key 'ruels'"),
    "unknown channel": ("rules/all.yml", short(more=", channels: [pager]"), "unknown channel 'pager'"),
    "ruler.yml": ("ruler.yml", "global: {scrape_interval: 1}\n", "ruler.yml:1:27: 'scrape_interval' needs a"),
}


@pytest.mark.parametrize(("name", "text", "said"), BAD_FILES.values(), ids=list(BAD_FILES))
def test_a_reload_of_a_bad_file_is_refused_and_the_rules_stay(
    name: str, text: str, said: str, living: tuple[Ruler, Process]
) -> None:
    ruler, process = living
    path = ruler.folder / name
    good = path.read_text()
    before = process.log.read_text().count(said)
    path.write_text(text)
    try:
        status, answer = call("POST", f"{ruler.url}/-/reload")
        assert status == 400
        whole = ": ".join(answer[part] for part in ("where", "error", "remedy") if part in answer)
        assert said in whole
        # Whoever only watches the log hears of it, too: once, however often the watch looks.
        until(lambda: process.log.read_text().count(said) > before)
        assert rules_in_force(ruler) == ["Always"]
        assert metric(ruler, "ruler_config_last_reload_successful") == "0"
        assert ruler.alerts("Always")[0]["phase"] == "firing"
    finally:
        path.write_text(good)
    until(lambda: metric(ruler, "ruler_config_last_reload_successful") == "1")
    assert process.log.read_text().count(said) == before + 1
    assert ruler.happenings("Always").count("firing") == 1


def test_a_signal_to_reload_a_bad_file_is_answered_in_the_log(living: tuple[Ruler, Process]) -> None:
    ruler, process = living
    path = ruler.folder / "rules" / "all.yml"
    good, said = path.read_text(), "did you mean 'expr'?"
    path.write_text("groups: [{name: g, rules: [{alert: B, exprr: up}]}]\n")
    try:
        process.popen.send_signal(signal.SIGHUP)
        until(lambda: said in process.log.read_text())
        assert rules_in_force(ruler) == ["Always"]
        assert metric(ruler, "ruler_config_last_reload_successful") == "0"
    finally:
        path.write_text(good)
    until(lambda: metric(ruler, "ruler_config_last_reload_successful") == "1")


def run(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LUMINA, *map(str, words)], capture_output=True, text=True, timeout=60, check=False, cwd=cwd
    )


def test_a_second_ruler_on_a_data_folder_is_refused_with_the_holders_pid(
    living: tuple[Ruler, Process],
) -> None:
    ruler, process = living
    done = run("ruler", "--data", ruler.folder / "data", "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert str(process.pid) in done.stderr


@pytest.mark.parametrize("process", ["exporter", "ruler", "analytics", "up"])
def test_a_port_that_is_taken_is_said_with_the_flag_that_takes_another(
    process: str, living: tuple[Ruler, Process], tmp_path: Path
) -> None:
    address = f"127.0.0.1:{living[0].port}"
    flags = {
        "exporter": ("--listen", address),
        "up": ("--ruler", address, "--exporter", "127.0.0.1:0", "--analytics", "127.0.0.1:0"),
    }
    words = flags.get(process, ("--data", tmp_path / "data", "--listen", address))
    done = run(process, *words, cwd=tmp_path)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if "level=info" not in line]
    assert len(lines) == 1, done.stderr
    assert address in lines[0]
    assert "already in use" in lines[0]
    assert ("--ruler" if process == "up" else "--listen") in lines[0]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 2 MiB of room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "lumina-test", folder], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs the right to mount a small file system: run the tests as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


FULL = "disk is full"


def fill(folder: Path) -> Path:
    """Take all room there is; remove the file to give it back."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"0" * 4096)
    return filler


def waiting(text: str) -> bool:
    """Whether samples wait for room on the disk; where a few bytes were left, none ever had to."""
    return text.count("log cannot be written") > text.count("log is written again")


def test_a_full_disk_is_said_once_and_monitoring_goes_on(small_disk: Path, tmp_path: Path) -> None:
    ruler = Ruler(tmp_path, free_port())
    (tmp_path / "data").symlink_to(small_disk)
    with serving("shop_value 1\n") as page:
        job = {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{page.port}"]}]}
        ruler.write({**CONFIG, "scrape_configs": [job]}, RULES)
        with ruler.start() as process:
            until(lambda: ruler.alerts("Always"))
            until(lambda: ask(f"{ruler.url}/api/v1/query", query="shop_value == 1")["result"])
            filler = fill(small_disk)
            page.text = "shop_value 2\n"
            until(lambda: ask(f"{ruler.url}/api/v1/query", query="shop_value == 2")["result"], within_s=20)
            until(lambda: FULL in process.log.read_text())
            status, answer = call(
                "POST",
                f"{ruler.url}/api/v2/alerts",
                [{"labels": {"alertname": f"Posted{n}"}} for n in range(200)],
            )
            # What cannot be stored is not accepted: who posts keeps it and tries again.
            assert (status >= 500) or len(ask(f"{ruler.url}/api/v1/lumina/alerts")) > 200, answer
            assert rules_in_force(ruler) == ["Always"]
            filler.unlink()
            page.text = "shop_value 3\n"
            until(lambda: ask(f"{ruler.url}/api/v1/query", query="shop_value == 3")["result"])
            # The scrapes of the full disk waited in memory; once they are written a kill takes none of them.
            until(lambda: not waiting(process.log.read_text()))
            assert call("POST", f"{ruler.url}/api/v2/alerts", [{"labels": {"alertname": "After"}}])[0] == 200
            text = process.log.read_text()
            assert "Traceback" not in text
            assert 1 <= text.count(FULL) <= 4, text
            process.kill()
        with ruler.start():
            assert ruler.alerts("After")
            result = ask(f"{ruler.url}/api/v1/query", query="shop_value[5m]")["result"]
            assert {value for series in result for _, value in series["values"]} >= {"1", "2"}
