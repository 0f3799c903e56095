"""`lumina analytics`: the process, one cycle for a script, and tools on files. Reads the arguments."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from promkit.log import LEVELS, setup
from promkit.process import SYSTEM_CLOCK, guarded

__all__ = ["run"]

DEFAULT_LISTEN = "127.0.0.1:19092"
_TOOLS = ("detect", "forecast", "trend", "breach", "bench")


def run(argv: Sequence[str]) -> int:
    """Start as the arguments say → exit code: 0, 1 failed, 2 usage or configuration."""
    if argv and argv[0] in _TOOLS:
        from analytics.tools import run as run_tool  # noqa: PLC0415 - the process needs none of it

        return guarded(lambda: run_tool(argv))
    options = _options(argv)
    setup(options.log_level, options.log_format)
    return guarded(lambda: _run(options))


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="lumina analytics",
        description="Forecasts, anomalies, trends and time to breach, from the ruler's history.",
        epilog="example: lumina analytics --config analytics.yml; on files: "
        "lumina analytics detect|forecast|trend|breach|bench --help",
    )
    add = parser.add_argument
    add("command", nargs="?", choices=["run"], help="with --once: one cycle, a summary, exit code 0 or 1")
    add("--once", action="store_true", help="with run: one cycle and no server")
    add("--output", choices=["table", "json"], default="table", help="with run: form of the summary")
    add("--config", type=Path, metavar="FILE", help="analytics.yml (default: what ships)")
    add(
        "--datasource-url",
        metavar="URL",
        help="the ruler or Prometheus, instead of the file's datasource.url",
    )
    add("--data", type=Path, metavar="DIR", default=Path("data/analytics"), help="journal and learned state")
    add(
        "--listen",
        metavar="ADDRESS",
        default=DEFAULT_LISTEN,
        help=f"where to serve (default {DEFAULT_LISTEN})",
    )
    add("--web.config.file", dest="web_config", type=Path, metavar="FILE", help="TLS, users, tokens")
    add("--log.level", dest="log_level", choices=LEVELS, default="info")
    add("--log.format", dest="log_format", choices=["logfmt", "json"], default="logfmt")
    add("--check-config", action="store_true", help="check the files and exit")
    options = parser.parse_args(argv)
    if options.once != (options.command == "run"):
        parser.error("one cycle is `lumina analytics run --once`")
    return options


def _run(options: argparse.Namespace) -> int:
    from analytics.process import Process, check  # noqa: PLC0415 - after usage errors and --help

    if options.check_config:
        return check(options)
    process = Process(options, SYSTEM_CLOCK)
    return process.once() if options.once else process.serve()
