"""What delivery's tests share."""

from collections.abc import Iterator

import pytest

from tests.builders.delivery import Hook, a_receiving_hook


@pytest.fixture
def hook() -> Iterator[Hook]:
    with a_receiving_hook() as receiving:
        yield receiving
