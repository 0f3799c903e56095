"""The user's home folder: configuration for git, data and secrets beside it. Nothing is overwritten."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from promkit.errors import Unavailable

__all__ = ["DEFAULT_ADDRESSES", "Addresses", "prepare"]

PROCESSES = ("exporter", "ruler", "analytics")  # each ships its files in its folder `defaults`
GITIGNORE = "# Samples, state and secrets: not for git.\ndata/\nsecrets/\n"

Addresses = Mapping[str, str]  # process → host:port
DEFAULT_ADDRESSES: Addresses = {
    "exporter": "127.0.0.1:19100",
    "ruler": "127.0.0.1:19090",
    "analytics": "127.0.0.1:19092",
}


def prepare(home: Path, addresses: Addresses) -> list[Path]:
    """Make what is missing of a home and give the files that were written.

    The shipped files name the default addresses; where others are in force, theirs are written instead.
    Unavailable: the folder cannot be written.
    """
    written: list[Path] = []
    try:
        for folder in ("rules", "models", "dashboards", "data", "secrets"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        (home / "secrets").chmod(0o700)
        _write(home / ".gitignore", GITIGNORE, written)
        for process in PROCESSES:
            _copy(files(process) / "defaults", home, addresses, written)
    except OSError as error:
        raise Unavailable(
            f"home folder cannot be written: {error.strerror}", str(home), "choose another with --home"
        ) from None
    return written


def _copy(source: Traversable, target: Path, addresses: Addresses, written: list[Path]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for entry in sorted(source.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            if not entry.name.startswith("__"):
                _copy(entry, target / entry.name, addresses, written)
        elif entry.name.endswith(".yml"):
            _write(target / entry.name, _readdressed(entry.read_text("utf-8"), addresses), written)


def _readdressed(text: str, addresses: Addresses) -> str:
    for process, default in DEFAULT_ADDRESSES.items():
        text = text.replace(default, addresses[process])
    return text


def _write(path: Path, text: str, written: list[Path]) -> None:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return
    written.append(path)
