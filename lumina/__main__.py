"""The console script: a process' main is called before any command-line framework is imported.

The three processes and `up`, which only watches over them, must stay light (a framework for the command line
costs as much memory as the exporter); everything else goes to `lumina.cli`.
"""

import sys
from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 fine, 1 faults, 2 usage or configuration."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    match argv[:1]:
        case ["exporter"]:
            from exporter.main import run  # noqa: PLC0415 - load only what is run
        case ["ruler"]:
            from ruler.main import run  # noqa: PLC0415
        case ["analytics"]:
            from analytics.main import run  # noqa: PLC0415
        case ["up"]:
            from lumina.up import run  # noqa: PLC0415
        case ["healthcheck"]:
            from lumina.healthcheck import run  # noqa: PLC0415
        case _:
            from lumina.cli import run  # noqa: PLC0415

            return run(argv)
    return run(argv[1:])


if __name__ == "__main__":
    sys.exit(main())
