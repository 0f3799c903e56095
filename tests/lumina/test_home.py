"""The home folder: written once, whole, and never overwritten."""

from pathlib import Path

import pytest

from lumina.home import DEFAULT_ADDRESSES, prepare
from promkit.errors import Unavailable

ELSEWHERE = {"exporter": "127.0.0.1:1", "ruler": "127.0.0.1:2", "analytics": "127.0.0.1:3"}


def test_first_start_writes_everything_that_docs_name(tmp_path: Path) -> None:
    written = {str(path.relative_to(tmp_path)) for path in prepare(tmp_path, DEFAULT_ADDRESSES)}
    assert {"ruler.yml", "exporter.yml", "analytics.yml", ".gitignore", "rules/default.yml"} <= written
    assert any(name.startswith("models/") for name in written)
    assert {"data", "secrets", "dashboards"} <= {path.name for path in tmp_path.iterdir()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0


def test_second_start_overwrites_nothing(tmp_path: Path) -> None:
    prepare(tmp_path, DEFAULT_ADDRESSES)
    (tmp_path / "ruler.yml").write_text("mine")
    (tmp_path / "exporter.yml").unlink()
    assert prepare(tmp_path, DEFAULT_ADDRESSES) == [tmp_path / "exporter.yml"]
    assert (tmp_path / "ruler.yml").read_text() == "mine"


def test_files_name_the_addresses_in_force(tmp_path: Path) -> None:
    prepare(tmp_path, ELSEWHERE)
    text = (tmp_path / "ruler.yml").read_text()
    assert all(address in text for address in ELSEWHERE.values())
    assert not any(address in text for address in DEFAULT_ADDRESSES.values())


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable) as fault:
        prepare(tmp_path / "file" / "home", DEFAULT_ADDRESSES)
    assert "--home" in str(fault.value)
