"""The workflow runs what is there: its steps in order, by the Makefile's own targets, on paths that exist."""

import re
from typing import Any

import pytest
import yaml

from tests.builders.prose import ROOT

WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/performance-monitoring.yml").read_text(encoding="utf-8"))
JOBS = {
    name: [(step["name"], step["run"]) for step in job["steps"] if "run" in step]
    for name, job in WORKFLOW["jobs"].items()
}
STEPS = [step for steps in JOBS.values() for step in steps]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
# Targets, those made of a list of words, and the files that variables name.
TARGETS = {
    *re.findall(r"^([a-z./-]+):", MAKEFILE, re.MULTILINE),
    *re.findall(r"^[A-Z]+ := (\S+)$", MAKEFILE, re.MULTILINE),
    *(
        f"{prefix}-{word}"
        for variable, prefix in re.findall(r"^\$\((\w+):%=(\w+)-%\):", MAKEFILE, re.MULTILINE)
        for word in re.findall(rf"^{variable} := (.*)$", MAKEFILE, re.MULTILINE)[0].split()
    ),
}


def test_the_workflow_has_the_steps_that_were_asked() -> None:
    on: Any = WORKFLOW[True]  # `on` is a truth value in YAML 1.1
    assert {"push", "pull_request"} <= set(on)
    words = ("install", "monitoring", "alert", "prediction", "anomal", "monitoring run")
    names = " | ".join(name.lower() for name, _ in JOBS["monitoring"])
    places = [names.find(word) for word in words]
    assert -1 not in places
    assert places == sorted(places), "in this order"
    assert JOBS["monitoring"][-1][1].startswith("make monitor")


@pytest.mark.parametrize(("name", "command"), STEPS, ids=[name for name, _ in STEPS])
def test_a_step_runs_what_there_is(name: str, command: str) -> None:
    for target in re.findall(r"\bmake ((?:[a-z./-]+(?: |$))+)", command):
        assert set(target.split()) <= TARGETS, name
    for path in re.findall(r"\btests/[\w/.]+", command):
        is_there = (ROOT / path).is_file() or any((ROOT / path).rglob("test_*.py"))
        assert is_there, f"{name}: no tests in {path}"
