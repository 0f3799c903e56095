"""docs/reference is what the code says."""

import pytest

from tests.builders.up import Up
from tools.reference import COMMAND, FOLDER, pages_of, write

pytestmark = pytest.mark.e2e


def test_the_reference_is_what_the_code_says(up: Up) -> None:
    for path, text in write(pages_of(up.urls)).items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date: {COMMAND}"


def test_nothing_else_is_there(up: Up) -> None:
    assert set(FOLDER.glob("*.md")) == set(write(pages_of(up.urls)))


def test_everything_is_explained(up: Up) -> None:
    for path, text in write(pages_of(up.urls)).items():
        for line in text.splitlines():
            assert not line.endswith("|  |"), f"{path.name} explains nothing of {line}"
