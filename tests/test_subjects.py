"""`make test-SUBJECT` runs what it says: every subject has its target, every place its tests."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.prose import ROOT
from tests.subjects import SUBJECTS, subjects_of

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
PLACES = sorted({place for places in SUBJECTS.values() for place in places})


def test_every_subject_can_be_asked_for() -> None:
    asked = re.search(r"^SUBJECTS := (.*)$", MAKEFILE, re.MULTILINE)
    assert asked is not None
    subjects = {word.replace("-", "_") for word in asked[1].split()}
    assert subjects | {"accuracy"} == set(SUBJECTS), "accuracy is validate-analytics'"


@pytest.mark.parametrize("place", PLACES)
def test_a_place_has_tests(place: str) -> None:
    path, _, test = place.partition("::")
    files = [ROOT / path] if path.endswith(".py") else sorted((ROOT / path).rglob("test_*.py"))
    assert files
    assert all(file.is_file() for file in files)
    assert not test or any(f"def {test}" in file.read_text(encoding="utf-8") for file in files)


CASES = {
    "a file": ("tests/analytics/test_trend.py::test_direction[up]", ["trends"]),
    "a folder": ("tests/ruler/ingest/test_relabel.py::test_actions", ["monitoring"]),
    "several": ("tests/e2e/test_demo.py::test_the_loop_closes_on_real_parts", ["remediation", "channels"]),
    "a neighbour that begins alike": ("tests/ruler/rules_of_others/test_x.py::test_y", []),
    "none": ("tests/test_house.py::test_files_are_small", []),
}


@pytest.mark.parametrize(("test", "subjects"), CASES.values(), ids=CASES)
def test_subjects(test: str, subjects: list[str]) -> None:
    assert list(subjects_of(test)) == subjects


@pytest.mark.parametrize("kind", ["rules", "escalation", "dashboards"])
def test_what_can_be_validated_is_valid(kind: str) -> None:
    # As a workflow asks; the environment is the one that runs this.
    words = [f"BIN={Path(sys.executable).parent}", "RUNTIME=", "DEVELOPMENT="]
    done = subprocess.run(
        ["make", "-s", f"validate-{kind}", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^[1-9]\d* (rules|escalations|dashboards) ?.*: ", done.stderr, re.MULTILINE), (
        "none seen"
    )
