"""`lumina healthcheck`: ask processes for /-/healthy, as an image's HEALTHCHECK does.

One image holds all three processes, so that it cannot say which port to ask: without --url, whoever listens
on a default port of this host is asked. At least one must be there, and each must be healthy.
"""

import argparse
import http.client
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence

from promkit.hosts import is_loopback

__all__ = ["DEFAULT_HOSTS", "run"]

DEFAULT_HOSTS = ("127.0.0.1:19090", "127.0.0.1:19092", "127.0.0.1:19100")
NOBODY = "nobody listens there"


def run(argv: Sequence[str]) -> int:
    """0: healthy. 1: not, or no answer within the timeout."""
    parser = argparse.ArgumentParser(
        prog="lumina healthcheck",
        description="Ask a process whether it is healthy.",
        epilog=f"example: lumina healthcheck --url http://{DEFAULT_HOSTS[0]}",
    )
    parser.add_argument("--url", help="base URL of the process (default: those on this host's default ports)")
    parser.add_argument("--timeout", type=float, default=3.0, metavar="SECONDS", help="default: %(default)s")
    options = parser.parse_args(argv)
    if options.url is None:
        faults = {f"http://{host}": _fault_at(host, options.timeout) for host in DEFAULT_HOSTS}
        if any(fault != NOBODY for fault in faults.values()):
            faults = {url: fault for url, fault in faults.items() if fault != NOBODY}
    elif urllib.parse.urlsplit(options.url).scheme not in {"http", "https"}:
        parser.error(f"not an http URL: {options.url}")
    else:
        faults = {options.url: _fault(options.url, options.timeout)}
    for url, fault in faults.items():
        if fault is not None:
            sys.stderr.write(f"{url}: {fault}\n")
    return int(any(faults.values()))


def _fault_at(host: str, timeout_s: float) -> str | None:
    """What is wrong with whoever listens there, with TLS or without."""
    plain = _fault(f"http://{host}", timeout_s)
    if plain is None or plain == NOBODY:
        return plain
    return plain if _fault(f"https://{host}", timeout_s) else None


def _fault(url: str, timeout_s: float) -> str | None:
    """What is wrong with the process at this URL; None: it is healthy."""
    try:
        with urllib.request.urlopen(  # noqa: S310 - the scheme was checked
            url.rstrip("/") + "/-/healthy", timeout=timeout_s, context=_context(url)
        ) as answer:
            return None if answer.status == 200 else f"status {answer.status}"
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        return NOBODY if isinstance(reason, ConnectionRefusedError) else str(reason)


def _context(url: str) -> ssl.SSLContext:
    """On this host, a certificate for another name than the address proves as much."""
    context = ssl.create_default_context()
    if is_loopback(urllib.parse.urlsplit(url).hostname or ""):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
