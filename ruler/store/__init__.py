"""What was measured: rings of rows in memory, a log, and compressed chunks on disk."""

from ruler.store.frame import ABSENT, PAD, STALE, Frame, Mask, Times, Values, is_absent, is_stale

__all__ = ["ABSENT", "PAD", "STALE", "Frame", "Mask", "Times", "Values", "is_absent", "is_stale"]
