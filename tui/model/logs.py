"""Log lines: what they are, how they are kept, and how they are put together from what an engine sends.

A line is kept as the bytes that came, with its time in front, and only made text when somebody looks: a
flood of 100 000 lines a second leaves no time for more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from tui.model.escapes import without_sequences

#: More of one line is counted and not kept; the engine still has it.
LONGEST_LINE_BYTES = 8 << 20

#: `2006-01-02T15:04:05.000000000Z ` in front of each message (moby, RFC3339NanoFixed, UTC).
TIME_BYTES = 31
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ")
_NO_TIME = b"0001-01-01T00:00:00.000000000Z "
# Parts of a line are as long as the buffer of who reads it: 16 KiB in Docker (moby, daemon/logger/copier.go),
# 8 KiB in Podman (conmon), at times less one. Docker's have the time of the first, but with journald. What
# has no newline and is none of these was the last of a container, or of a line that Docker 20.10's driver
# `local` cut: it leaves the newline out.
_PART_BYTES = frozenset({16 << 10, 8 << 10, (8 << 10) - 1})
_LEAST_PART_BYTES = 4 << 10
# Origins of a merged log are counted in the bits above the stream.
_STREAM_BITS = 2


class Stream(IntEnum):
    """Where a line came from."""

    #: envtui's own words between the lines: a restart, a loss
    NOTE = 0
    STDOUT = 1
    STDERR = 2
    #: the engine's own words in the stream, where it can't go on
    ENGINE = 3


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line as it is looked at.

    Attributes:
        number: counts up; stays with the line.
        at: when it was written, in seconds since the epoch; None where it is not known.
        text: as it came, sequences and all; of a progress bar, what stands at the end.
        origin: index of its container among those of a merged log.
        is_complete: its end has come.
        cut_bytes: of the text at its end, left out because more was not asked for.
    """

    number: int
    at: float | None
    stream: Stream
    text: str
    origin: int = 0
    is_complete: bool = True
    cut_bytes: int = 0


#: A line as it is kept: its time and text with the newline, and a tag (stream and origin).
RawLine = tuple[bytes, int]


def tag_of(stream: Stream, origin: int = 0) -> int:
    """Stream and origin in one number."""
    return stream | origin << _STREAM_BITS


def split_tag(tag: int) -> tuple[Stream, int]:
    """Stream and origin again."""
    return Stream(tag & (1 << _STREAM_BITS) - 1), tag >> _STREAM_BITS


def bytes_of(raw: bytes) -> bytes:
    """The text of a kept line: what a progress bar shows in the end, without the line's end."""
    text = raw[TIME_BYTES:].rstrip(b"\r\n")
    return text[text.rindex(b"\r") + 1 :] if b"\r" in text else text


def text_of(raw: bytes) -> str:
    """The same as text, invalid bytes replaced."""
    return bytes_of(raw).decode("utf-8", "replace")


def plain_text(raw: bytes) -> str:
    """The text of a kept line as it is searched and copied: printable, without sequences."""
    return without_sequences(text_of(raw))


def time_of(raw: bytes) -> float | None:
    """When a kept line was written, in seconds since the epoch."""
    nanoseconds = nanoseconds_of(raw)
    return None if nanoseconds is None else nanoseconds / 1e9


def nanoseconds_of(raw: bytes) -> int | None:
    """When a kept line was written, in nanoseconds since the epoch, exactly as the engine wrote it."""
    if raw.startswith(_NO_TIME):
        return None
    try:
        moment = datetime.fromisoformat(raw[:19].decode("ascii")).replace(tzinfo=UTC)
        return round(moment.timestamp()) * 10**9 + int(raw[20:29])
    except ValueError:
        return None


def written_time(at: float | None) -> bytes:
    """The time in front of a line that is not the engine's, sortable among its own."""
    if at is None:
        return _NO_TIME
    whole, rest = divmod(round(at * 1e9), 10**9)
    return _written(datetime.fromtimestamp(whole, UTC), b"%09d" % rest)


def note(text: str, at: float | None, origin: int = 0) -> RawLine:
    """A line of envtui's own."""
    return written_time(at) + text.encode("utf-8", "replace") + b"\n", tag_of(Stream.NOTE, origin)


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which part of a container's log is asked for.

    Attributes:
        follow: go on with what is written from now on.
        tail: only the last so many messages; None for all. The engine counts them from the end of the log,
            before it looks at `until_ns`.
        since_ns, until_ns: from and up to this moment, both included, in nanoseconds since the epoch.
        timestamps: with each line's time in front, as everything that is to be assembled must have it.
    """

    follow: bool = False
    tail: int | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    timestamps: bool = True


@dataclass(slots=True)
class Batch:
    """Lines on their way: as they are kept, and their tags. Two lists, because a tuple a line costs more."""

    raws: list[bytes] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)

    def add(self, line: RawLine) -> None:
        """One more line."""
        self.raws.append(line[0])
        self.tags.append(line[1])

    def __len__(self) -> int:
        return len(self.raws)


class LineAssembler:
    """Makes lines of messages, each with its time in front. How messages cut a line makes no difference."""

    def __init__(self, origin: int = 0) -> None:
        """Args: origin for the tags of its lines."""
        self._tags = [tag_of(stream, origin) for stream in Stream]
        self._pending = [_Pending() for _ in Stream]
        #: how many it was fed
        self.messages = 0

    def feed(self, messages: Iterable[tuple[int, bytes]]) -> Batch:
        """Take messages as (stream, payload); gives back the lines that are complete now."""
        batch = Batch()
        add_raw, add_tag = batch.raws.append, batch.tags.append
        tags, pending = self._tags, self._pending
        count = 0
        for stream, payload in messages:
            count += 1
            # nearly all messages are one whole line with its time; everything else takes the long way
            if (
                payload[29:31] == b"Z "
                and not pending[stream].data
                and payload.find(b"\n") == len(payload) - 1
            ):
                add_raw(payload)
                add_tag(tags[stream])
            else:
                self._feed_slowly(stream, payload, batch)
        self.messages += count
        return batch

    def pending(self) -> list[RawLine]:
        """Lines whose end has not come, as far as they are known."""
        pairs = zip(self._pending, self._tags, strict=True)
        return [(bytes(pending.data), tag) for pending, tag in pairs if pending.data]

    def end(self) -> Batch:
        """The stream is over: what was pending is all that there will be of these lines."""
        batch = Batch()
        for pending, tag in zip(self._pending, self._tags, strict=True):
            if pending.data:
                batch.add((pending.take(), tag))
        return batch

    def _feed_slowly(self, stream: int, payload: bytes, batch: Batch) -> None:
        pending, tag = self._pending[stream], self._tags[stream]
        at, text = _split_time(payload)
        if pending.data and pending.is_over(at):
            batch.add((pending.take(), tag))
        # a message holds one line; an engine that sends several at once gave them one time
        for piece in text.split(b"\n")[:-1]:
            pending.add(at, piece)
            batch.add((pending.take(b"\n"), tag))
        rest = text[text.rfind(b"\n") + 1 :]
        # nothing at all is the end of a line that filled its parts
        if rest or pending.data:
            pending.add(at, rest)


class _Pending:
    """A line whose end has not come: its time and what of it there is."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._dropped_bytes = 0
        self._last_bytes = 0
        self._has_returned = False

    def is_over(self, at: bytes) -> bool:
        """Whether a message of this time is another line: what goes on was cut where a buffer was full."""
        if self._last_bytes < _LEAST_PART_BYTES:
            return True
        return self._last_bytes not in _PART_BYTES and at != _NO_TIME and not self.data.startswith(at)

    def add(self, at: bytes, piece: bytes) -> None:
        """More of the line; its time is that of the first piece."""
        if not self.data:
            self.data += at
        self._last_bytes = len(piece)
        text = piece.rstrip(b"\r")
        start = text.rfind(b"\r") + 1
        if text and (start or self._has_returned):
            # written over what stood there
            del self.data[TIME_BYTES:]
            self._dropped_bytes = 0
        if piece:
            self._has_returned = len(text) < len(piece)
        room = LONGEST_LINE_BYTES - len(self.data)
        self.data += text[start : start + room]
        self._dropped_bytes += max(0, len(text) - start - room)

    def take(self, end: bytes = b"") -> bytes:
        """The line, which is over, with its end."""
        if self._dropped_bytes:
            self.data += (
                f" … {self._dropped_bytes:,} more bytes of this line are not kept: save the log".encode()
            )
        line = b"".join((self.data, end))
        self.data.clear()
        self._dropped_bytes = 0
        self._has_returned = False
        return line


def _split_time(payload: bytes) -> tuple[bytes, bytes]:
    """The time in front of a message, in its fixed form, and the rest."""
    if payload[29:31] == b"Z ":
        return payload[:TIME_BYTES], payload[TIME_BYTES:]
    match = _TIME.match(payload)
    if match is None:
        return _NO_TIME, payload
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat((whole + zone.replace(b"Z", b"+00:00")).decode("ascii"))
        at = _written(moment.astimezone(UTC), (fraction or b"").ljust(9, b"0"))
    except (ValueError, OverflowError):
        return _NO_TIME, payload
    return at, payload[match.end() :]


def _written(moment: datetime, nanoseconds: bytes) -> bytes:
    # not strftime, which writes the year 1 without zeros
    return moment.replace(tzinfo=None).isoformat(timespec="seconds").encode() + b"." + nanoseconds + b"Z "
