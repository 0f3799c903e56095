"""Options that several subcommands share."""

from pathlib import Path
from typing import Annotated

import typer

from lumina.output import Output
from promkit.errors import NotFound

__all__ = ["AnalyticsUrl", "By", "Home", "OutputOption", "Url", "yaml_files"]

Url = Annotated[
    str | None, typer.Option("--url", help="The ruler's URL (or LUMINA_URL).", show_default=False)
]
AnalyticsUrl = Annotated[
    str | None,
    typer.Option("--analytics-url", help="Analytics' URL (or LUMINA_ANALYTICS_URL).", show_default=False),
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="Form of the answer.")]
By = Annotated[str, typer.Option("--by", envvar="USER", help="Who does it, where nobody is logged in.")]
Home = Annotated[Path, typer.Option("--home", help="The home folder, where no file is named.")]


def yaml_files(given: list[Path] | None, folder: Path) -> list[Path]:
    """Files, and the YAML files of folders; if none, those of `folder`. NotFound: one is not there."""
    found: list[Path] = []
    for path in given or [folder]:
        if not path.exists():
            raise NotFound("no such file or folder", str(path), "name files, or give --home")
        found += sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
    return found
