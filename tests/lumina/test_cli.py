"""The command line as people and scripts meet it: help, exit codes, streams, and how fast it starts."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

import pytest

from lumina.__main__ import main

COMMANDS = [
    "up",
    "demo",
    "exporter",
    "ruler",
    "analytics",
    "healthcheck",
    "query",
    "report",
    "health",
    "alerts",
    "alerts list",
    "alerts ack",
    "alerts resolve",
    "alerts escalate",
    "alerts explain",
    "dashboards",
    "dashboards list",
    "dashboards show",
    "dashboards add",
    "dashboards edit",
    "dashboards remove",
    "dashboards build",
    "dashboards import",
    "dashboards lint",
    "dashboards push",
    "escalations",
    "escalations check",
    "escalations list",
    "escalations simulate",
    "history",
    "history import",
    "models",
    "models list",
    "models show",
    "models add",
    "models edit",
    "models remove",
    "models train",
    "models check",
    "models import",
    "remediations",
    "remediations list",
    "remediations show",
    "remediations plan",
    "remediations approve",
    "remediations refuse",
    "remediations cancel",
    "remediations audit",
    "remediations breakers",
    "remediations reset",
    "rules",
    "rules check",
    "rules export",
    "silences",
    "silences add",
    "silences list",
    "silences show",
    "silences expire",
]
NOBODY = "http://127.0.0.1:9"


def lumina(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lumina", *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_says_what_it_does_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main([*command.split(), "--help"])
    except SystemExit as end:  # argparse, in the processes
        code = end.code if isinstance(end.code, int) else 1
    out, err = capsys.readouterr()
    assert code == 0
    assert err == ""
    assert f"example: lumina {command.split(maxsplit=1)[0]}" in out.lower()
    assert len(out.splitlines()) > 5


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {command} " in out for command in COMMANDS if " " not in command)


def imported(argv: Sequence[str]) -> set[str]:
    """The top-level modules that a run of these arguments loads."""
    code = (
        "import sys\nfrom lumina.__main__ import main\n"
        f"try:\n    main({list(argv)!r})\nexcept SystemExit:\n    pass\n"
        "sys.stderr.write(' '.join({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stderr.splitlines()[-1].split())


HEAVY = {"numpy", "scipy", "fastapi", "starlette", "requests", "urllib3", "rich", "sqlalchemy", "pydantic"}


@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["alerts", "--help"], ["rules", "--help"]])
def test_help_and_version_load_nothing_heavy(argv: list[str]) -> None:
    loaded = imported(argv) & HEAVY
    assert loaded <= ({"pydantic"} if len(argv) > 1 else set())  # typer's own wish, for any subcommand


@pytest.mark.parametrize("name", ["up", "healthcheck", "exporter"])
def test_what_must_stay_light_loads_no_framework(name: str) -> None:
    assert imported([name, "--help"]) & (HEAVY - {"pydantic"} | {"typer", "click"}) == set()


def test_version_has_python_and_platform(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("lumina ")
    assert "(Python 3." in out
    assert "Linux" in out


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["frobnicate"], 2, "No such command 'frobnicate'"),
        (["alerts", "frobnicate"], 2, "No such command"),
        (["query"], 2, "Missing argument 'expr'"),
        (["query", "up", "--output", "xml"], 2, "'xml' is not one of 'table', 'json'"),
        (["report", "--range", "2h"], 2, "'2h' is not one of"),
        (["query", "up", "--url", "localhost:19090"], 2, "not an http URL: 'localhost:19090'"),
        (["query", "up", "--range", "5", "--url", NOBODY], 2, "'5'"),
        (["alerts", "ack", "X", "--for", "2 hours", "--url", NOBODY], 2, "2 hours"),
        (["query", "up", "--url", NOBODY], 1, f"{NOBODY}: connection refused: start one with `lumina up`"),
        (["alerts", "list", "--url", NOBODY], 1, f"{NOBODY}: connection refused"),
        (["alerts", "resolve", "X", "--url", NOBODY], 1, f"{NOBODY}: connection refused"),
        (["rules", "check", "nowhere.yml"], 1, "nowhere.yml: no such file or folder"),
        (["models", "check", "nowhere.yml"], 1, "nowhere.yml: no such file or folder"),
        (["models", "list", "--analytics-url", NOBODY], 1, f"{NOBODY}: connection refused"),
        (["models", "import", "nowhere.json"], 2, "nowhere.json: No such file"),
        (["history", "import", "nowhere.om"], 1, "nowhere.om: no such file"),
        (
            ["history", "import", "x", "--data", "d", "--url", NOBODY],
            2,
            "--data and --url exclude each other",
        ),
        (["healthcheck", "--url", NOBODY], 1, NOBODY),
        (["up", "--ruler", "nonsense"], 2, "not an address: 'nonsense'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_faults_are_talk_on_stderr_with_an_exit_code(
    argv: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err


def test_health_and_report_without_processes_are_data_that_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    nobody = ["--url", NOBODY, "--analytics-url", NOBODY]
    assert main(["health", "--output", "json", *nobody]) == 1
    figures = json.loads(capsys.readouterr().out)
    assert {part["error"].partition(" ")[0] for part in figures.values()} == {f"{NOBODY}:"}
    assert main(["report", *nobody]) == 1
    assert capsys.readouterr().out.count("did not answer") == 2


def test_a_pipe_that_is_closed_early_is_no_traceback() -> None:
    command = f"{sys.executable} -m lumina --help | true; {sys.executable} -m lumina ruler --help | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_written_for_each_shell(shell: str) -> None:
    assert "_LUMINA_COMPLETE" in lumina(_LUMINA_COMPLETE=f"source_{shell}").stdout


def test_completion_completes() -> None:
    done = lumina(_LUMINA_COMPLETE="complete_bash", COMP_WORDS="lumina alerts re", COMP_CWORD="2")
    assert done.stdout.split() == ["resolve"]
