"""Options that several subcommands share."""

from pathlib import Path
from typing import Annotated

import typer

from lumina.output import Output

__all__ = ["AnalyticsUrl", "By", "Home", "OutputOption", "Url"]

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
