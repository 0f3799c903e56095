"""The file, read here and in another process."""

import os
from pathlib import Path

import pytest

from exporter.collectors.http import Settings as HttpSettings
from exporter.config import sources
from exporter.reader import Reading, read
from promkit.errors import ConfigError, LuminaError
from tests.builders.exporter_files import FULL


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exporter.yml"
    path.write_text(text)
    return path


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    path = write(tmp_path, FULL)
    assert Reading(path, os.environ).result() == read(path, {})


def test_the_environment_reaches_the_other_process(tmp_path: Path) -> None:
    path = write(tmp_path, "collectors: {http: [{name: a, url: '${TARGET}'}]}")
    config = Reading(path, {**os.environ, "TARGET": "http://x/"}).result()
    assert [
        source.settings.url for source in sources(config) if isinstance(source.settings, HttpSettings)
    ] == ["http://x/"]


def test_all_faults_at_once_also_from_the_other_process(tmp_path: Path) -> None:
    path = write(tmp_path, "collectors:\n  cpu: {evry: 1s}\n  disk: {timeout: 5}\n")
    with pytest.raises(ConfigError) as here:
        read(path, {})
    with pytest.raises(ConfigError) as apart:
        Reading(path, os.environ).result()
    assert str(here.value) == str(apart.value)
    assert len(str(here.value).splitlines()) == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        Reading(tmp_path / "none.yml", os.environ).result()


def test_a_reader_that_breaks_is_an_error_of_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(LuminaError, match="could not be read"):
        Reading(tmp_path / "x.yml", os.environ).result()
