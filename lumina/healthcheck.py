"""`lumina healthcheck`: ask a process for /-/healthy, as an image's HEALTHCHECK does."""

import argparse
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

__all__ = ["run"]

URL = "http://127.0.0.1:19090"


def run(argv: Sequence[str]) -> int:
    """0: healthy. 1: not, or no answer within the timeout."""
    parser = argparse.ArgumentParser(
        prog="lumina healthcheck",
        description="Ask a process whether it is healthy.",
        epilog=f"example: lumina healthcheck --url {URL}",
    )
    parser.add_argument("--url", default=URL, help="base URL of the process (default: %(default)s)")
    parser.add_argument("--timeout", type=float, default=3.0, metavar="SECONDS", help="default: %(default)s")
    options = parser.parse_args(argv)
    if urllib.parse.urlsplit(options.url).scheme not in {"http", "https"}:
        parser.error(f"not an http URL: {options.url}")
    url = options.url.rstrip("/") + "/-/healthy"
    try:
        with urllib.request.urlopen(url, timeout=options.timeout) as answer:  # noqa: S310 - checked above
            return 0 if answer.status == 200 else 1
    except (OSError, urllib.error.HTTPError) as error:
        sys.stderr.write(f"{url}: {getattr(error, 'reason', error)}\n")
        return 1
