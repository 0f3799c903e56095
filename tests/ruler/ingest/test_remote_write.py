"""Remote write: what Prometheus sends, and what nobody should."""

import struct
from contextlib import suppress

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.errors import LimitError
from ruler.ingest import WriteRequestError, receive
from ruler.ingest.remote_write import decode
from tests.builders.store import a_series, a_store, samples, selector


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def time_series(labels: dict[str, str], points: list[tuple[int, float]]) -> bytes:
    body = b"".join(
        message(1, message(1, name.encode()) + message(2, value.encode())) for name, value in labels.items()
    )
    for time, value in points:
        body += message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(time))
    return message(1, body)


def body(*parts: bytes) -> bytes:
    return bytes(cramjam.snappy.compress_raw(b"".join(parts)))


def test_samples_and_metadata_are_stored() -> None:
    store = a_store()
    about = message(3, b"\x08\x02" + message(2, b"x") + message(4, b"Help.") + message(5, b"bytes"))
    count, rejected = receive(
        store,
        body(
            time_series({"__name__": "x", "a": "1"}, [(-5, 1.5), (1000, float("inf"))]),
            time_series({"__name__": "x", "a": "2"}, []),
            about,
        ),
    )
    assert (count, rejected.total) == (2, 0)
    assert samples(store, selector()) == {a_series(a="1"): [(-5, 1.5), (1000, float("inf"))]}
    assert store.metadata() == {"x": ("gauge", "Help.", "bytes")}


def test_what_is_refused_is_counted() -> None:
    store = a_store()
    receive(store, body(time_series({"__name__": "x"}, [(10**9, 1.0)])))
    assert receive(store, body(time_series({"__name__": "x"}, [(1, 1.0), (10**9, 2.0)])))[1].total == 2


BAD = {
    "not snappy": b"\xff\xff\xff",
    "empty": b"",
    "no name": body(time_series({"a": "1"}, [(1, 1.0)])),
    "a label twice": body(message(1, 2 * message(1, message(1, b"__name__") + message(2, b"x")))),
    "cut off": body(message(1, b"\x0a\x7f")),
    "not UTF-8": body(time_series({"__name__": "x"}, []).replace(b"x", b"\xff")),
    "wire type": body(b"\x0f"),
}


@pytest.mark.parametrize("name", BAD)
def test_other_bodies_are_refused(name: str) -> None:
    with pytest.raises(WriteRequestError):
        decode(BAD[name])


def test_a_body_that_claims_to_be_huge_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(LimitError):
        decode(varint(1 << 30) + b"\x00")


@given(st.binary(max_size=100))
def test_any_message_is_read_or_refused(plain: bytes) -> None:
    with suppress(WriteRequestError):
        decode(body(plain))
