"""One running `lumina up` for all pages: a worker's first test of them starts it."""

from collections.abc import Iterator

import pytest

from tests.builders.up import Up, an_up


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with an_up(tmp_path_factory.mktemp("docs") / "monitoring") as running:
        yield running
