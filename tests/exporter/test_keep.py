"""Files that outlive a restart."""

from pathlib import Path

import pytest

from exporter.keep import keep, kept
from promkit.errors import Unavailable


def test_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.json"
    assert kept(path) is None
    keep(path, {"a": 1})
    keep(path, {"a": 2})
    assert kept(path) == {"a": 2}
    assert [one.name for one in path.parent.iterdir()] == ["state.json"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot write"):
        keep(tmp_path / "file" / "state.json", {})
