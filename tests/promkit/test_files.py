"""Files that are written whole."""

from pathlib import Path

import pytest

from promkit.errors import Unavailable
from promkit.files import remove, write_whole


def test_a_text_takes_the_place_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.yml"
    write_whole(path, "one\n")
    write_whole(path, "zwölf\n")
    assert path.read_text("utf-8") == "zwölf\n"
    assert [one.name for one in path.parent.iterdir()] == ["a.yml"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_file_keeps_who_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("")
    path.chmod(0o600)
    write_whole(path, "x")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yml").mkdir()
    with pytest.raises(Unavailable, match=r"a.yml: cannot be written: Is a directory"):
        write_whole(tmp_path / "a.yml", "x")
    assert [one.name for one in tmp_path.iterdir()] == ["a.yml"]
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        write_whole(tmp_path / "file" / "a.yml", "x")


def test_a_file_is_removed_or_was_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("")
    remove(tmp_path / "a.yml")
    remove(tmp_path / "a.yml")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "b").mkdir()
    with pytest.raises(Unavailable, match="cannot be removed"):
        remove(tmp_path / "b")
