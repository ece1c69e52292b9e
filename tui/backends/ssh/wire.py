"""The data types of RFC 4251, section 5, as far as keys, signatures and the agent need them."""

from __future__ import annotations

_LENGTH_BYTES = 4


class WireError(ValueError):
    """The bytes end in the middle of a value."""


def string(value: bytes) -> bytes:
    """A value with its length in front."""
    return len(value).to_bytes(_LENGTH_BYTES, "big") + value


def strings(data: bytes, count: int) -> tuple[bytes, ...]:
    """The first values that follow each other. Raises a WireError."""
    return split(data, count)[0]


def split(data: bytes, count: int) -> tuple[tuple[bytes, ...], bytes]:
    """The first values that follow each other, and what comes after them. Raises a WireError."""
    values, place = [], 0
    for _ in range(count):
        begin = place + _LENGTH_BYTES
        place = begin + int.from_bytes(data[begin - _LENGTH_BYTES : begin], "big")
        if begin > len(data) or place > len(data):
            raise WireError
        values.append(data[begin:place])
    return tuple(values), data[place:]
