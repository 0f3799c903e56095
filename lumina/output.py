"""What commands print: a table for people, JSON for programs. Data on stdout, talk on stderr."""

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

__all__ = ["Output", "age", "figure", "print_json", "print_table", "talk"]


class Output(StrEnum):
    """`--output`."""

    TABLE = "table"
    JSON = "json"


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON document
    """Print a JSON document."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
    """Print a table, or where there is no row the sentence `empty`."""
    from rich.console import Console  # noqa: PLC0415 - half of what `lumina --help` would cost
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    found = list(rows)
    if not found:
        talk(empty)
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for row in found:
        table.add_row(*map(Text, row))  # as it is: a range in a query is no markup
    # Not a terminal: never cut, a program or a file reads it.
    width = (
        None if sys.stdout.isatty() else max(len(cell) for row in found for cell in row) * len(columns) + 100
    )
    console = Console(width=width, soft_wrap=True)
    console.print(table)


def talk(line: str) -> None:
    """Say something that is not data."""
    sys.stderr.write(line + "\n")


def figure(value: float | None) -> str:
    """A number for eyes: four significant digits."""
    return "–" if value is None else f"{value:.4g}"


def age(duration_ms: int) -> str:
    """A duration for eyes: its two largest units."""
    seconds = max(0, duration_ms) // 1000
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return "".join(parts[:2])
