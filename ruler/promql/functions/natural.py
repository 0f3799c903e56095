"""The order in which people sort: `cpu2` before `cpu10`."""

import re

__all__ = ["compare"]

_CHUNKS = re.compile(r"[0-9]+|[^0-9]+")


def compare(one: str, other: str) -> int:
    """-1 if `one` comes first, else 1; for texts that differ.

    Chunk by chunk, numbers by their size; where one text is the beginning of the other it comes first
    (github.com/facette/natsort, by which Prometheus sorts).
    """
    ones, others = _CHUNKS.findall(one), _CHUNKS.findall(other)
    for mine, theirs in zip(ones, others, strict=False):
        if mine.isdigit() and theirs.isdigit():
            if int(mine) != int(theirs):
                return -1 if int(mine) < int(theirs) else 1
        elif mine != theirs:
            return -1 if mine < theirs else 1
    return -1 if len(ones) <= len(others) else 1
