"""The small types of settings."""

from pathlib import Path

import pytest

from exporter.settings import check_name, check_pattern, revealed
from promkit.errors import Unavailable
from promkit.secret import Secret

NAMES = {"a": True, "shop-1.eu_x": True, "9": True, "": False, "a/b": False, "-a": False, "a" * 64: False}


@pytest.mark.parametrize(("name", "good"), NAMES.items())
def test_names(name: str, *, good: bool) -> None:
    if good:
        assert check_name(name) == name
    else:
        with pytest.raises(ValueError, match="a name is"):
            check_name(name)


@pytest.mark.parametrize("pattern", ["(", "a" * 1_001, "a{99999999999}", "(" * 500])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"regular expression|longer"):
        check_pattern(pattern)


def test_secrets(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(" hunter22\n")
    assert revealed(None, None) is None
    assert revealed(Secret("inline"), None) == "inline"
    assert revealed(None, file) == "hunter22"
    file.write_bytes(b"\xff")
    with pytest.raises(Unavailable, match="not UTF-8"):
        revealed(None, file)
    with pytest.raises(Unavailable, match="cannot read"):
        revealed(None, tmp_path / "none")
