"""The exporter is light because these modules are: what each may load, in a fresh interpreter."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "requests",
    "urllib3",
    "fastapi",
    "starlette",
    "uvicorn",
    "numpy",
    "typer",
    "rich",
    "jinja2",
    "re2",
    "sqlalchemy",
)
STANDARD_LIBRARY = ("labels", "duration", "errors", "exposition", "log", "process", "own")
LOADED = "import json, sys, promkit.{}; print(json.dumps(sorted(sys.modules)))"


def loaded(module: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", LOADED.format(module)], capture_output=True, check=True)
    return {name.partition(".")[0] for name in json.loads(done.stdout)}


@pytest.mark.parametrize("module", STANDARD_LIBRARY)
def test_these_stand_on_the_standard_library(module: str) -> None:
    # .pth files of a virtual environment, or the distribution's own hook, may load something before us.
    before = {"promkit", "__main__", "_virtualenv", "sitecustomize", "apport_python_hook"}
    foreign = loaded(module) - set(sys.stdlib_module_names) - before
    assert not {name for name in foreign if not name.startswith(("__editable__", "_"))}


@pytest.mark.parametrize("module", ["config", "web_config"])
def test_configuration_needs_pydantic_and_yaml_alone(module: str) -> None:
    there = loaded(module)
    assert not there & {*HEAVY, "ssl", "http", "asyncio", "bcrypt"}
    assert {"pydantic", "yaml"} <= there


def test_fetching_needs_no_server() -> None:
    assert not loaded("fetch") & {"fastapi", "starlette", "uvicorn", "numpy", "pydantic"}
