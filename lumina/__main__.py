"""The console script: a process' main is called before any command-line framework is imported.

The three processes and `up`, which only watches over them, must stay light (a framework for the command line
costs as much memory as the exporter); everything else goes to `lumina.cli`.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module

__all__ = ["main"]

# Subcommand → the module whose `run(argv)` it is.
_LIGHT = {
    "exporter": "exporter.main",
    "ruler": "ruler.main",
    "analytics": "analytics.main",
    "up": "lumina.up",
    "healthcheck": "lumina.healthcheck",
}

# The base install is the exporter alone; what else a subcommand needs.
_EXTRAS = {"ruler": "ruler", "analytics": "analytics", "up": "all", "demo": "all"}
_OURS = {"promkit", "exporter", "ruler", "analytics", "lumina"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code: 0 fine, 1 faults, 2 usage or configuration."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    name = argv[0] if argv else ""
    if os.getpid() == 1:
        # In a container. The kernel keeps from PID 1 what it has no handler for: until the process has its
        # own, who stops the container would wait, and then kill it.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if name not in _LIGHT:
            from lumina.cli import run  # noqa: PLC0415 - load only what is run

            return run(argv)
        process: Callable[[Sequence[str]], int] = import_module(_LIGHT[name]).run
        return process(argv[1:])
    except BrokenPipeError:
        # Who read our output has gone: that is no fault. What is still buffered goes nowhere, and quietly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(name, "cli")
        if error.name is None or error.name.partition(".")[0] in _OURS:
            raise
        sys.stderr.write(
            f"lumina {name}: the package {error.name!r} is not installed: "
            f"install lumina-monitoring with the extra [{extra}]\n"
        )
        return 2


if __name__ == "__main__":
    sys.exit(main())
