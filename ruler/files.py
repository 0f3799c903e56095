"""Notices that files changed: which there are, how large, how old.

It looks, and does not wait to be told: what a container mounts changes by symbolic link, and network file
systems tell nobody.
"""

import glob
from collections.abc import Iterable
from pathlib import Path

__all__ = ["fingerprint"]

Fingerprint = frozenset[tuple[str, int, int, int]]


def fingerprint(patterns: Iterable[str], base: Path) -> Fingerprint:
    """Path, modification time, size and inode of every file that the patterns match; links are followed."""
    found = set()
    for pattern in patterns:
        for name in glob.glob(str(base / pattern)):  # noqa: PTH207 - patterns may be absolute
            try:
                facts = Path(name).stat()
            except OSError:
                continue  # gone in between
            found.add((name, facts.st_mtime_ns, facts.st_size, facts.st_ino))
    return frozenset(found)
