"""Models made of dataclasses, and JSON between processes."""

import json
from pathlib import Path

from exporter.config import Config
from exporter.reader import read
from exporter.schema import model_of, plain, restored
from promkit.config import reference
from tests.builders.exporter_files import FULL


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exporter.yml"
    path.write_text(text)
    return path


def test_plain_and_restored(tmp_path: Path) -> None:
    config = read(write(tmp_path, FULL), {})
    assert restored(Config, json.loads(json.dumps(plain(config)))) == config


def test_every_option_is_described() -> None:
    options = reference(model_of(Config))
    assert len(options) > 50
    assert [option.path for option in options if not option.description] == []
