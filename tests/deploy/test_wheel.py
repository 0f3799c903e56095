"""The wheel that the image and users install: all files of the packages are in it, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import lumina
from tests.builders.prose import ROOT

PACKAGES = ("promkit", "exporter", "ruler", "analytics", "lumina")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = f"import hatchling.build as build; build.build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=ROOT, check=True, capture_output=True, timeout=60)
    (made,) = folder.glob("*.whl")
    return made


def test_every_file_of_the_packages_is_in_it(wheel: Path) -> None:
    ours = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    kinds = {".yml", ".html", ".css", ".js", ".svg", ".tmpl"}
    assert kinds <= {Path(name).suffix for name in ours}, "rules, models, templates, static files"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == ours


def test_it_says_what_it_is(wheel: Path) -> None:
    assert wheel.name == f"lumina_monitoring-{lumina.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name.partition(".dist-info/")[2] for name in archive.namelist()} - {""}
        (entry,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "lumina = lumina.__main__:main" in archive.read(entry).decode()
    assert {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"} <= names
