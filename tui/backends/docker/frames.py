"""What the engine sends as a log, cut into messages: frames of a container, or bytes of its terminal.

Source: Docker Engine API, "Attach to a container", stream format: a header of eight bytes (stream, three
zeros, length of the payload in 32 bits, big-endian), then the payload.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tui.model.errors import EngineLost
from tui.model.logs import TIME_BYTES, Stream

#: A stream (`model.logs.Stream`) and what it holds: one line with its newline, or a part of a long one.
Message = tuple[int, bytes]

_HEADER_BYTES = 8
# The engine cuts lines into messages of 16 KiB; a "length" far above that is not one.
_MOST_FRAME_BYTES = 64 << 20
# A message of a line that is longer than this has no newline (moby, daemon/logger/copier.go).
_MESSAGE_BYTES = 16 << 10
_NEWLINE = 10


class Splitter(Protocol):
    """Cuts blocks, however they come, into messages."""

    def feed(self, block: bytes) -> Sequence[Message]:
        """The messages that are complete now."""

    def end(self) -> Sequence[Message]:
        """The stream is over; what is left. Raises EngineLost where it broke off in a message."""


class FrameSplitter:
    """Messages of a container without a terminal: stdout and stderr apart."""

    def __init__(self) -> None:
        """At the beginning of a stream."""
        self._rest = b""
        self._wanted = 0

    def feed(self, block: bytes) -> list[Message]:
        """The complete frames.

        Raises:
            EngineLost: what came is no frame.
        """
        data = self._rest + block
        size = len(data)
        if size < self._wanted:
            self._rest = data
            return []
        messages: list[Message] = []
        add = messages.append
        position = 0
        while size - position >= _HEADER_BYTES:
            length = int.from_bytes(data[position + 4 : position + 8], "big")
            end = position + _HEADER_BYTES + length
            if end > size:
                break
            add((data[position], data[position + 8 : end]))
            position = end
        self._rest = data[position:]
        self._wanted = self._size_of_next()
        if messages and max(messages)[0] > Stream.ENGINE:
            raise _no_frame()
        return messages

    def end(self) -> list[Message]:
        """Nothing is left of a stream that ended well. Raises EngineLost."""
        if self._rest:
            raise EngineLost(
                "The log broke off", "the engine ended it in the middle of a line", "Read it again"
            )
        return []

    def _size_of_next(self) -> int:
        """Bytes that the next frame needs, so that a long one is not looked at with each block."""
        rest = self._rest
        if len(rest) < _HEADER_BYTES:
            return _HEADER_BYTES
        length = int.from_bytes(rest[4:8], "big")
        if rest[0] > Stream.ENGINE or rest[1:4] != b"\0\0\0" or length > _MOST_FRAME_BYTES:
            raise _no_frame()
        return _HEADER_BYTES + length


class TimedByteSplitter:
    """Messages of a container with a terminal, found by the times in front of them; all is stdout."""

    def __init__(self) -> None:
        """At the beginning of a stream."""
        self._rest = b""

    def feed(self, block: bytes) -> list[Message]:
        """The complete messages: up to a newline, or as long as the engine makes them."""
        data = self._rest + block
        messages: list[Message] = []
        position, size = 0, len(data)
        while position < size:
            newline = data.find(b"\n", position)
            longest = position + TIME_BYTES + _MESSAGE_BYTES
            if newline < 0 or newline >= longest:
                # the line is cut where the next message's time stands, and nowhere else
                if size < longest + TIME_BYTES:
                    if newline < 0:
                        break
                elif _has_time(data, position) and _has_time(data, longest):
                    messages.append((Stream.STDOUT, data[position:longest]))
                    position = longest
                    continue
                elif newline < 0:
                    messages.append((Stream.STDOUT, data[position:]))
                    position = size
                    break
            messages.append((Stream.STDOUT, data[position : newline + 1]))
            position = newline + 1
        self._rest = data[position:]
        return messages

    def end(self) -> list[Message]:
        """A last line without its newline."""
        rest, self._rest = self._rest, b""
        return [(Stream.STDOUT, rest)] if rest else []


class ByteSplitter:
    """A terminal's bytes as they come, for whoever wants nothing but them."""

    def feed(self, block: bytes) -> list[Message]:
        """The block."""
        return [(Stream.STDOUT, block)]

    def end(self) -> list[Message]:
        """Nothing is ever held back."""
        return []


def _has_time(data: bytes, position: int) -> bool:
    return data[position + 10 : position + 11] == b"T" and data[position + 29 : position + 31] == b"Z "


def _no_frame() -> EngineLost:
    return EngineLost(
        "The engine's log can't be read", "what came is not in its stream format", "Is it a Docker engine?"
    )
