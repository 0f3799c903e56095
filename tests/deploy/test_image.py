"""The Dockerfile: what is asked of an image that others run. `make soak` builds and runs it."""

import re
import subprocess
import sys
from pathlib import Path

import lumina
from tests.builders.prose import ROOT

TEXT = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
# Instructions of all stages, continued lines joined.
INSTRUCTIONS = [
    tuple(line.split(None, 1))
    for line in re.sub(r"\\\n\s*", "", TEXT).splitlines()
    if line.strip() and not line.startswith("#")
]
LAST_STAGE = INSTRUCTIONS[max(at for at, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]


def told(word: str) -> list[str]:
    return [rest for found, rest in LAST_STAGE if found == word]


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, ROOT / "deploy" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_it_runs_as_nobody_in_particular_and_keeps_its_data_in_one_volume() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", told("USER")[-1])
    assert told("VOLUME") == ['["/data"]']
    assert told("WORKDIR") == ["/data"]


def test_it_needs_no_shell_to_run() -> None:
    assert told("ENTRYPOINT") == ['["lumina"]']
    assert told("CMD")[0].startswith("[")
    assert told("HEALTHCHECK")[0].endswith('CMD ["lumina", "healthcheck"]')


def test_its_base_is_pinned() -> None:
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", TEXT, re.MULTILINE)
    assert re.fullmatch(r"3\.\d+-slim-[a-z]+", base)
    assert {rest.split()[0] for word, rest in INSTRUCTIONS if word == "FROM"} == {"python:${PYTHON}"}
    assert f'image.base.name="docker.io/library/python:{base}"' in TEXT


def test_its_labels_say_what_it_is() -> None:
    labels = set(re.findall(r"org\.opencontainers\.image\.([\w.]+)=", told("LABEL")[0]))
    wanted = {"title", "description", "licenses", "source", "documentation", "version", "revision"}
    assert wanted <= labels
    assert f"VERSION={lumina.__version__}" in told("ARG")


def test_dependencies_are_the_locked_ones_and_what_builds_them_leaves_again() -> None:
    assert "--require-hashes --only-binary :all: -r requirements.lock" in TEXT
    (removed,) = re.findall(r"uninstall --yes\s+([^&\n]*)", re.sub(r"\\\n\s*", "", TEXT))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    for name in removed.split():
        assert re.search(rf"^{name}==", lock, re.MULTILINE), f"{name} is not locked"
    assert {"hatchling", "editables"} <= set(removed.split())


def test_what_is_copied_is_there_and_gets_past_the_ignore_file() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    sources = {
        source.removeprefix("./")
        for word, rest in INSTRUCTIONS
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert "*" in lines
    assert sources == allowed
    assert all((ROOT / source).exists() for source in sources)
