"""The command line of `lumina ruler`; flags are Prometheus' where it has one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from promkit.duration import parse_duration
from promkit.errors import ConfigError
from promkit.log import LEVELS
from ruler.promql import Options

__all__ = ["FEATURES", "parse_options", "promql_options", "retention_ms"]

DEFAULT_LISTEN = "127.0.0.1:19090"
FEATURES = {
    "promql-experimental-functions": "experimental_functions",
    "promql-duration-expr": "duration_expr",
    "promql-delayed-name-removal": "delayed_name_removal",
}


def parse_options(argv: Sequence[str]) -> argparse.Namespace:
    """The options, or an exit with a usage message."""
    parser = argparse.ArgumentParser(
        prog="lumina ruler",
        description="Scrape, store, evaluate rules, alert, notify, remedy.",
        epilog="example: lumina ruler --config ruler.yml --data data",
    )
    add = parser.add_argument
    add("--config", type=Path, metavar="FILE", help="ruler.yml or prometheus.yml")
    add(
        "--data",
        type=Path,
        metavar="DIR",
        default=Path("data"),
        help="samples and state (default: %(default)s)",
    )
    add("--listen", metavar="ADDRESS", default=DEFAULT_LISTEN, help="where to serve (%(default)s)")
    add("--alertmanager-config", type=Path, metavar="FILE", help="alertmanager.yml: deliver as it says")
    add("--web.config.file", dest="web_config", type=Path, metavar="FILE", help="TLS, users, tokens")
    add("--web.external-url", dest="external_url", metavar="URL", help="the address that links lead to")
    add(
        "--web.enable-remote-write-receiver",
        dest="remote_write",
        action="store_true",
        help="take samples at /api/v1/write",
    )
    add(
        "--enable-feature",
        dest="features",
        action="append",
        default=[],
        metavar="NAME[,NAME]",
        help=f"any of {', '.join(FEATURES)}",
    )
    add("--retention", metavar="DURATION", help="how long samples are kept, or off; over ruler.yml's word")
    add("--insecure", action="store_true", help="beyond loopback, too, let everybody do everything")
    add("--log.level", dest="log_level", choices=LEVELS, default="info")
    add("--log.format", dest="log_format", choices=["logfmt", "json"], default="logfmt")
    add("--check-config", action="store_true", help="check configuration and rules, and exit")
    options = parser.parse_args(argv)
    options.features = [name for one in options.features for name in one.split(",") if name]
    for name in options.features:
        if name not in FEATURES:
            parser.error(f"--enable-feature: unknown {name!r}; there are {', '.join(FEATURES)}")
    return options


def promql_options(features: Sequence[str]) -> Options:
    """What the engine allows with these features."""
    return Options(**{FEATURES[name]: True for name in features})


def retention_ms(text: str) -> int:
    """Milliseconds of `--retention`; off is 0, for ever. ConfigError: not a duration."""
    if text == "off":
        return 0
    try:
        return parse_duration(text)
    except ConfigError as error:
        raise ConfigError(error.problem, "--retention", error.remedy) from None
