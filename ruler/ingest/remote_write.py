"""Prometheus' remote write 1.0: snappy, in it the protobuf message WriteRequest.

    WriteRequest  1: TimeSeries …   3: MetricMetadata …
    TimeSeries    1: Label …   2: Sample …   (exemplars and native histograms are passed over)
    Label         1: name   2: value
    Sample        1: value, double   2: timestamp, int64 milliseconds
    Metadata      1: type, enum   2: metric   4: help   5: unit

The message is small and never changes, so it is read here, without a compiler of schemas. Sizes are checked
before anything is allocated.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cramjam
import numpy as np

from promkit.errors import LimitError, LuminaError
from promkit.labels import METRIC_NAME, Labels
from ruler.store import Rejected, Slots, Store, Times, Values

__all__ = ["WriteRequest", "WriteRequestError", "decode", "receive"]

_BODY_BYTES_MAX = 32 << 20
_PLAIN_BYTES_MAX = 128 << 20
_LABELS_MAX = 512
_TYPES = ("unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")
_64_BITS = 1 << 64


class WriteRequestError(LuminaError):
    """The body is no write request."""


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """A decoded request; sample n belongs to `series[which[n]]`."""

    series: list[Labels]
    which: Slots  # [N]
    times: Times  # [N]
    values: Values  # [N]
    metadata: dict[str, tuple[str, str, str]]


def receive(store: Store, body: bytes) -> tuple[int, Rejected]:
    """Store a request's samples → how many there were, and those refused, which must not be sent again.

    LimitError: the body is too large. WriteRequestError: it is none.
    """
    request = decode(body)
    store.describe(request.metadata)
    refused = store.append_samples(request.series, request.which, request.times, request.values)
    return len(request.values), refused


def decode(body: bytes) -> WriteRequest:
    """Read a body. LimitError, WriteRequestError."""
    message = memoryview(_decompressed(body))
    series: list[Labels] = []
    which: list[int] = []
    times: list[int] = []
    values: list[float] = []
    metadata: dict[str, tuple[str, str, str]] = {}
    try:
        for field, content in _fields(message):
            if field == 1:
                labels, found = _time_series(_submessage(content))
                series.append(labels)
                which += [len(series) - 1] * len(found)
                times += [time for time, _ in found]
                values += [value for _, value in found]
            elif field == 3:
                metric, texts = _metadata(_submessage(content))
                metadata[metric] = texts
        return WriteRequest(
            series,
            np.array(which, np.intp),
            np.array(times, np.int64),
            np.array(values, np.float64),
            metadata,
        )
    except (IndexError, ValueError, OverflowError, struct.error) as error:
        raise WriteRequestError(f"not a write request: {error}") from None


def _decompressed(body: bytes) -> bytes:
    if len(body) > _BODY_BYTES_MAX:
        raise LimitError(f"larger than {_BODY_BYTES_MAX} bytes")
    try:
        size, _ = _varint(memoryview(body), 0)  # snappy begins with the plain length
        if size > _PLAIN_BYTES_MAX:
            raise LimitError(f"larger than {_PLAIN_BYTES_MAX} bytes when decompressed")
        return bytes(cramjam.snappy.decompress_raw(body))
    except (IndexError, ValueError, cramjam.DecompressionError) as error:
        raise WriteRequestError(f"not snappy: {error}") from None


def _time_series(message: memoryview) -> tuple[Labels, list[tuple[int, float]]]:
    pairs: dict[str, str] = {}
    samples: list[tuple[int, float]] = []
    for field, content in _fields(message):
        if field == 1:
            texts = {number: text for number, text in _fields(_submessage(content)) if number in {1, 2}}
            name, value = _text(texts.get(1, b"")), _text(texts.get(2, b""))
            if name in pairs or len(pairs) >= _LABELS_MAX or not name:
                raise ValueError("labels are empty, repeated or too many")
            pairs[name] = value
        elif field == 2:
            samples.append(_sample(_submessage(content)))
    if not pairs.get(METRIC_NAME):
        raise ValueError("a series without a metric name")
    return Labels(pairs), samples


def _sample(message: memoryview) -> tuple[int, float]:
    value, time = 0.0, 0
    for field, content in _fields(message):
        if field == 1 and isinstance(content, memoryview):
            value = _DOUBLE.unpack(content)[0]
        elif field == 2 and isinstance(content, int):
            time = content - _64_BITS if content >= _64_BITS >> 1 else content
    return time, value


def _metadata(message: memoryview) -> tuple[str, tuple[str, str, str]]:
    found = dict(_fields(message))
    kind = found.get(1, 0)
    name = _TYPES[kind] if isinstance(kind, int) and kind < len(_TYPES) else _TYPES[0]
    return _text(found.get(2, b"")), (name, _text(found.get(4, b"")), _text(found.get(5, b"")))


def _submessage(content: "int | bytes | memoryview") -> memoryview:
    if isinstance(content, memoryview):
        return content
    raise ValueError("a field of another type")


def _text(content: "int | bytes | memoryview") -> str:
    return str(content, "utf-8") if not isinstance(content, int) else ""


def _fields(message: memoryview) -> "Iterator[tuple[int, int | memoryview]]":
    """Field numbers and contents: an integer for varints, else the bytes."""
    position, end = 0, len(message)
    while position < end:
        tag, position = _varint(message, position)
        wire = tag & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield tag >> 3, value
            continue
        if wire == _BYTES:
            size, position = _varint(message, position)
        elif wire in {_FIXED64, _FIXED32}:
            size = 8 if wire == _FIXED64 else 4
        else:
            raise ValueError("an unknown wire type")
        if position + size > end:
            raise ValueError("cut off")
        yield tag >> 3, message[position : position + size]
        position += size


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (_64_BITS - 1), position
        shift += 7
        if shift > 63:
            raise ValueError("a number too long")
