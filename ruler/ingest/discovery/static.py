"""Targets that the configuration names."""

from collections.abc import Sequence

from ruler.ingest.config import Scrape
from ruler.ingest.target import TargetGroup

__all__ = ["static_groups"]


def static_groups(job: Scrape) -> Sequence[TargetGroup]:
    """One group for each entry of `static_configs`."""
    return [
        TargetGroup(f"static_configs/{place}", entry.targets, entry.labels)
        for place, entry in enumerate(job.static_configs)
    ]
