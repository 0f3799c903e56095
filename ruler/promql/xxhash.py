"""XXH64 with seed 0, by which limit_ratio chooses series (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)."""

__all__ = ["xxhash64"]

_MASK = (1 << 64) - 1
_PRIMES = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)


def _rotated(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (64 - bits))) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotated((lane + word * _PRIMES[1]) & _MASK, 31) * _PRIMES[0] & _MASK


def xxhash64(data: bytes) -> int:
    """The hash of `data`, 64 bits."""
    first, second, _, fourth, fifth = _PRIMES
    at = 0
    if len(data) >= 32:
        lanes = [(first + second) & _MASK, second, 0, -first & _MASK]
        while at + 32 <= len(data):
            for i in range(4):
                lanes[i] = _round(lanes[i], int.from_bytes(data[at + 8 * i : at + 8 * i + 8], "little"))
            at += 32
        value = sum(_rotated(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18), strict=True)) & _MASK
        for lane in lanes:
            value = ((value ^ _round(0, lane)) * first + fourth) & _MASK
    else:
        value = fifth
    return _avalanche(_tail((value + len(data)) & _MASK, data, at))


def _tail(value: int, data: bytes, at: int) -> int:
    first, second, third, fourth, fifth = _PRIMES
    while at + 8 <= len(data):
        word = int.from_bytes(data[at : at + 8], "little")
        value = (_rotated(value ^ _round(0, word), 27) * first + fourth) & _MASK
        at += 8
    if at + 4 <= len(data):
        word = int.from_bytes(data[at : at + 4], "little")
        value = (_rotated(value ^ (word * first & _MASK), 23) * second + third) & _MASK
        at += 4
    for byte in data[at:]:
        value = _rotated(value ^ (byte * fifth & _MASK), 11) * first & _MASK
    return value


def _avalanche(value: int) -> int:
    value = (value ^ (value >> 33)) * _PRIMES[1] & _MASK
    value = (value ^ (value >> 29)) * _PRIMES[2] & _MASK
    return value ^ (value >> 32)
