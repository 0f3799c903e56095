"""What If-Match lets pass."""

import pytest

from promkit.errors import Outdated
from ruler.api.etag import check_match, etag_of

NOW, BEFORE = etag_of("now"), etag_of("before")
PASS = {"none given": None, "any": "*", "the same": NOW, "one of several": f"{BEFORE}, {NOW}"}
STALE = {"another": BEFORE, "unquoted": NOW.strip('"'), "weak": f"W/{NOW}", "empty": ""}


@pytest.mark.parametrize("name", PASS)
def test_what_was_read_last_passes(name: str) -> None:
    check_match(PASS[name], NOW)


@pytest.mark.parametrize("name", STALE)
def test_what_was_read_before_does_not(name: str) -> None:
    with pytest.raises(Outdated, match="read it again"):
        check_match(STALE[name], NOW)


def test_an_etag_is_quoted_and_of_the_text_alone() -> None:
    assert NOW == etag_of("now") != BEFORE
    assert NOW.startswith('"')
    assert NOW.endswith('"')
