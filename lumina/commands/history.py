"""`lumina history`: bring samples of elsewhere into a store."""

import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from lumina.client import Client, ruler_url
from lumina.commands.options import OutputOption, Url
from lumina.output import Output, print_json, talk
from promkit.errors import ConfigError, NotFound, Unavailable

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="Bring samples of elsewhere into a store.",
    epilog="example: lumina history import backup.om",
    rich_markup_mode=None,
)
PIECE_BYTES = 8 << 20  # of a file, for a running ruler: under its limit for bodies
LINE_BYTES_MAX = 1 << 20

Totals = dict[str, Any]


@app.callback()
def root() -> None:
    pass


@app.command("import", epilog="example: lumina history import --data monitoring/data backup.om")
def import_(
    file: Annotated[Path, typer.Argument(help="OpenMetrics text with timestamps; - for standard input.")],
    data: Annotated[Path | None, typer.Option(help="A data folder that no ruler is using.")] = None,
    url: Url = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Take in OpenMetrics text: into a folder with --data, else into a running ruler.

    It ends at the first line that is wrong; what stands before it is stored, and may be imported again.
    """
    if data is not None and url is not None:
        raise ConfigError("--data and --url exclude each other")
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as lines:
            source = "<stdin>" if str(file) == "-" else str(file)
            done = _into_ruler(lines, source, url) if data is None else _into_folder(lines, source, data)
    except FileNotFoundError:
        raise NotFound("no such file", str(file)) from None
    except OSError as error:
        raise Unavailable(f"cannot be read: {error.strerror}", str(file)) from None
    if output is Output.JSON:
        print_json(done)
        return
    rejected = f"; {done['rejected']} rejected: another value at their instant" if done["rejected"] else ""
    talk(f"imported {done['samples']} samples{rejected}")


def _into_folder(lines: BinaryIO, source: str, data: Path) -> Totals:
    from ruler.ingest import import_openmetrics  # noqa: PLC0415 - the ruler's rooms are heavy
    from ruler.store import StorageOptions, Store  # noqa: PLC0415

    now_ms = time.time_ns() // 1_000_000
    # How long samples are kept is for the ruler to say, when it next runs on the folder.
    with closing(Store.open(data, StorageOptions(retention_ms=0, size_bytes_max=0), now_ms)) as store:
        done = import_openmetrics(store, lines, source=source, now_ms=now_ms)
    return _totals(done.samples, done.rejected, done.first_ms, done.last_ms)


def _into_ruler(lines: BinaryIO, source: str, url: str | None) -> Totals:
    client = Client(ruler_url(url))
    total = _totals(0, 0, None, None)
    for first_line, piece in _pieces(lines, source):
        done = client.send("/api/v1/lumina/history", piece, source=source, first_line=first_line)
        spans = [(one["first_ms"], one["last_ms"]) for one in (total, done) if one["first_ms"] is not None]
        total = _totals(
            total["samples"] + done["samples"],
            total["rejected"] + done["rejected"],
            min((first for first, _ in spans), default=None),
            max((last for _, last in spans), default=None),
        )
    return total


def _pieces(lines: BinaryIO, source: str) -> Iterator[tuple[int, bytes]]:
    """Whole lines, with the number of the first. ConfigError: a line without an end."""
    number = first = 1
    piece: list[bytes] = []
    size = 0
    for line in iter(lambda: lines.readline(LINE_BYTES_MAX), b""):
        if len(line) == LINE_BYTES_MAX:
            raise ConfigError("a line of more than 1 MiB", f"{source}:{number}")
        if size + len(line) > PIECE_BYTES:
            yield first, b"".join(piece)
            piece, size, first = [], 0, number
        piece.append(line)
        size += len(line)
        number += 1
    if piece:
        yield first, b"".join(piece)


def _totals(samples: int, rejected: int, first_ms: int | None, last_ms: int | None) -> Totals:
    return {"samples": samples, "rejected": rejected, "first_ms": first_ms, "last_ms": last_ms}
