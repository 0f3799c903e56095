"""Label sets: sorted, hashable, never with an empty value (as in Prometheus, that is the same as absence)."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping

__all__ = ["EMPTY", "METRIC_NAME", "Labels"]

METRIC_NAME = "__name__"
_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_64_BITS = (1 << 64) - 1


class Labels(Mapping[str, str]):
    """An immutable label set, sorted by name.

    A mapping, but asking for a name that is not there gives "" as PromQL does; `in` tells the two apart.
    """

    __slots__ = ("_fingerprint", "_hash", "_pairs")

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        self._pairs: dict[str, str] = dict(sorted(item for item in items if item[1] != ""))
        self._hash: int | None = None
        self._fingerprint: int | None = None

    @classmethod
    def of_sorted(cls, pairs: dict[str, str]) -> "Labels":
        """Take over `pairs` as it is: sorted by name, no empty value, never touched again."""
        labels = cls.__new__(cls)
        labels._pairs = pairs  # noqa: SLF001 - its own class
        labels._hash = None  # noqa: SLF001
        labels._fingerprint = None  # noqa: SLF001
        return labels

    def __getitem__(self, name: str) -> str:
        """Give "" for a label that is not there."""
        return self._pairs.get(name, "")

    def __contains__(self, name: object) -> bool:
        return name in self._pairs

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> ItemsView[str, str]:
        """Pairs of name and value, sorted by name."""
        return self._pairs.items()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._pairs == other._pairs
        return NotImplemented

    def __lt__(self, other: "Labels") -> bool:
        """Order as Prometheus' labels.Compare does: name, value, name, value, …, then the shorter first."""
        return tuple(self._pairs.items()) < tuple(other._pairs.items())

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._pairs.items()))
        return self._hash

    @property
    def metric(self) -> str:
        """The metric's name, or ""."""
        return self._pairs.get(METRIC_NAME, "")

    def without(self, names: Iterable[str]) -> "Labels":
        """All labels but these."""
        left_out = names if isinstance(names, (set, frozenset, tuple)) else set(names)
        return Labels.of_sorted({k: v for k, v in self._pairs.items() if k not in left_out})

    def without_metric(self) -> "Labels":
        """All labels but the metric's name."""
        return self.without((METRIC_NAME,)) if METRIC_NAME in self._pairs else self

    def only(self, names: Iterable[str]) -> "Labels":
        """These labels alone."""
        kept = names if isinstance(names, (set, frozenset, tuple)) else set(names)
        return Labels.of_sorted({k: v for k, v in self._pairs.items() if k in kept})

    def merged(self, more: Mapping[str, str]) -> "Labels":
        """These labels with `more` over them; an empty value removes one."""
        return Labels({**self._pairs, **more})

    def fingerprint(self) -> int:
        """Prometheus' own: 64-bit FNV-1a over `name 0xff value 0xff`, sorted by name."""
        if self._fingerprint is None:  # 10 µs for an alert's labels, and asked for again and again
            value = _FNV_OFFSET
            for name, text in self._pairs.items():
                for byte in b"%s\xff%s\xff" % (name.encode(), text.encode()):
                    value = ((value ^ byte) * _FNV_PRIME) & _64_BITS
            self._fingerprint = value
        return self._fingerprint

    def fingerprint_hex(self) -> str:
        """The fingerprint as 16 hex digits, as API v2 has it."""
        return f"{self.fingerprint():016x}"

    def __str__(self) -> str:
        """`name{label="value"}`, as Prometheus prints a series."""
        inner = ", ".join(f'{k}="{escape(v)}"' for k, v in self._pairs.items() if k != METRIC_NAME)
        return f"{self.metric}{{{inner}}}" if inner or not self.metric else self.metric

    def __repr__(self) -> str:
        return f"Labels({self})"


def escape(value: str) -> str:
    r"""Escape a label value for the text format: backslash, quote and line feed."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


EMPTY = Labels()
