"""What was measured.

Samples live in three tiers: rings of the latest rows in memory, a log on disk of what is since the last fold,
and compressed chunks. `Store.select` answers with frames, whichever tiers they come from.
"""

from ruler.store.frame import ABSENT, PAD, STALE, Frame, Mask, Times, Values, is_absent, is_stale
from ruler.store.index import Sids
from ruler.store.lane import Lane, Slots
from ruler.store.options import StorageOptions
from ruler.store.store import Rejected, Store, StoreStats

__all__ = [
    "ABSENT",
    "PAD",
    "STALE",
    "Frame",
    "Lane",
    "Mask",
    "Rejected",
    "Sids",
    "Slots",
    "StorageOptions",
    "Store",
    "StoreStats",
    "Times",
    "Values",
    "is_absent",
    "is_stale",
]
