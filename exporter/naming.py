"""What metrics and labels may be called, whoever gives them. Pure."""

import re

__all__ = ["TEXT_LENGTH_MAX", "check_labels", "check_metric", "is_label", "is_metric"]

TEXT_LENGTH_MAX = 1_000

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
# What the exporter says of itself, and what Prometheus says of a scrape: nobody else may.
_RESERVED = re.compile(r"(exporter|process|python|scrape)_.*|up|ALERTS(_FOR_STATE)?")


def is_metric(name: str) -> bool:
    """Whether a source of the user's may give a metric of this name."""
    return bool(_METRIC.fullmatch(name)) and not _RESERVED.fullmatch(name) and len(name) <= TEXT_LENGTH_MAX


def is_label(name: str) -> bool:
    """Whether a label may be called so."""
    return bool(_LABEL.fullmatch(name)) and len(name) <= TEXT_LENGTH_MAX


def check_metric(name: str) -> None:
    """ValueError: no metric may be called so."""
    if not is_metric(name):
        raise ValueError(f"metric name not allowed: {name[:80]!a}")


def check_labels(names: object) -> None:
    """ValueError: no label may be called like one of these."""
    for name in names if isinstance(names, (tuple, dict)) else ():
        if not is_label(name):
            raise ValueError(f"label name not allowed: {name[:80]!a}")
