"""Free ports, for servers that cannot choose one themselves."""

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """A loopback port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
