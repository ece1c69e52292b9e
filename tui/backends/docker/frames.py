"""What the engine sends as a log, cut into messages: frames of a container, or bytes of its terminal.

Source: Docker Engine API, "Attach to a container", stream format: a header of eight bytes (stream, three
zeros, length of the payload in 32 bits, big-endian), then the payload.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

from tui.model.errors import EngineLost
from tui.model.logs import LONGEST_LINE_BYTES, TIME_BYTES, Stream

#: A stream (`model.logs.Stream`) and what it holds: one line with its newline, or a part of a long one.
Message = tuple[int, bytes]

_HEADER_BYTES = 8
_read_header = struct.Struct(">II").unpack_from
# The first half of a header. Stream 0 is written on stdout: envtui's own words are nobody else's.
_STDOUT = int(Stream.STDOUT)
_STREAMS = {0: _STDOUT, 1 << 24: _STDOUT, 2 << 24: int(Stream.STDERR), 3 << 24: int(Stream.ENGINE)}
# The engine cuts lines into messages of 16 KiB; a "length" far above that is not one.
_MOST_FRAME_BYTES = LONGEST_LINE_BYTES
# A message of a line that is longer than this has no newline (moby, daemon/logger/copier.go).
_MESSAGE_BYTES = 16 << 10
_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
_TIME_END = b"Z "


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
        # blocks of a frame whose end has not come, their size, and the size that is worth a look
        self._rest: list[bytes] = []
        self._size = 0
        self._wanted = _HEADER_BYTES

    def feed(self, block: bytes) -> list[Message]:
        """The complete frames.

        Raises:
            EngineLost: what came is no frame.
        """
        self._rest.append(block)
        self._size += len(block)
        if self._size < self._wanted:
            return []
        data = b"".join(self._rest)
        size = len(data)
        messages: list[Message] = []
        add, streams, read_header = messages.append, _STREAMS, _read_header
        position, self._wanted = 0, _HEADER_BYTES
        try:
            while size - position >= _HEADER_BYTES:
                head, length = read_header(data, position)
                stream = streams[head]
                end = position + _HEADER_BYTES + length
                if end > size:
                    if length > _MOST_FRAME_BYTES:
                        raise _no_frame()
                    self._wanted = end - position
                    break
                add((stream, data[position + _HEADER_BYTES : end]))
                position = end
        except KeyError:
            raise _no_frame() from None
        self._rest = [data[position:]] if position < size else []
        self._size = size - position
        return messages

    def end(self) -> list[Message]:
        """Nothing is left of a stream that ended well. Raises EngineLost."""
        if self._size:
            raise EngineLost(
                "The log broke off", "the engine ended it in the middle of a line", "Read it again"
            )
        return []


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
                    messages.append((_STDOUT, data[position:longest]))
                    position = longest
                    continue
                elif (later := _later_time(data, position, longest + TIME_BYTES)) > 0:
                    messages.append((_STDOUT, data[position:later]))
                    position = later
                    continue
                elif newline < 0:
                    messages.append((_STDOUT, data[position:]))
                    position = size
                    break
            messages.append((_STDOUT, data[position : newline + 1]))
            position = newline + 1
        self._rest = data[position:]
        if data.count(_TIME_END, 0, position) <= len(messages):
            return messages
        # programs write such times, too, or there are messages without a newline
        return [(stream, part) for stream, message in messages for part in _apart(message)]

    def end(self) -> list[Message]:
        """A last line without its newline."""
        rest, self._rest = self._rest, b""
        return [(_STDOUT, part) for part in _apart(rest)] if rest else []


class ByteSplitter:
    """A terminal's bytes as they come, for whoever wants nothing but them."""

    def feed(self, block: bytes) -> list[Message]:
        """The block."""
        return [(_STDOUT, block)]

    def end(self) -> list[Message]:
        """Nothing is ever held back."""
        return []


def _has_time(data: bytes, position: int) -> bool:
    return _TIME.match(data, position) is not None


def _later_time(data: bytes, position: int, stop: int) -> int:
    """Where in the message at `position` the next one begins; 0 where it does not.

    The last message of a container that ended, or of a long line, may have no newline, so the next one stands
    right behind it, with a time that is not before its own. Times that programs write are from before the
    engine read them.
    """
    if _has_time(data, position):
        at = data[position : position + TIME_BYTES]
        for match in _TIME.finditer(data, position + TIME_BYTES, stop):
            if match[0] >= at:
                return match.start()
    return 0


def _apart(message: bytes) -> Iterator[bytes]:
    """The messages in what ends with a newline."""
    start = 0
    while later := _later_time(message, start, len(message)):
        yield message[start:later]
        start = later
    yield message[start:]


def _no_frame() -> EngineLost:
    return EngineLost(
        "The engine's log can't be read", "what came is not in its stream format", "Is it a Docker engine?"
    )
