"""Names and addresses that callers use for us. Standard library only, for the exporter too."""

import ipaddress
from collections.abc import Collection

__all__ = ["host_allowed", "host_name", "is_loopback"]


def is_loopback(host: str) -> bool:
    """Tell whether who listens on `host` is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def host_name(header: str) -> str:
    """Give the name or address in a Host header or origin's authority: without port and brackets."""
    name, bracket, _ = header.removeprefix("[").partition("]")
    return (name if bracket else header.partition(":")[0]).lower().rstrip(".")


def host_allowed(host_header: str | None, listen_host: str, allowed: Collection[str]) -> bool:
    """Tell whether a Host header names us: a name that an attacker's DNS bound to us does not.

    Addresses do, for nobody can bind those. On loopback, names but `localhost` must be in `allowed`; beyond
    it any name does until `allowed` lists some.
    """
    name = host_name(host_header or "")
    if not name:
        return False
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        if name in {known.lower() for known in allowed}:
            return True
        return name == "localhost" or (not is_loopback(listen_host) and not allowed)
    return True
