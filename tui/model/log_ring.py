"""The log window: a ring of lines, bounded in lines and bytes, that knows what left it.

It is written by the thread that reads the log and looked at by the screen, so it has a lock of its own;
nothing else of the model can change.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from itertools import islice
from threading import Lock

from tui.model.logs import TIME_BYTES, Batch, LogLine, RawLine, bytes_of, split_tag, text_of, time_of

#: The window's bounds: a night of training at a line a second, and what a laptop can spare.
WINDOW_LINES, WINDOW_BYTES = 100_000, 64 << 20


class LogRing:
    """Lines with numbers that stay; the oldest leave when there are too many. Thread-safe.

    Numbers count up from 0 for the first line that came; lines fetched from before it have negative ones.
    """

    def __init__(self, most_lines: int = WINDOW_LINES, most_bytes: int = WINDOW_BYTES) -> None:
        """Args: bounds in lines and in bytes of their text and time."""
        self._most_lines = most_lines
        self._most_bytes = most_bytes
        # room for lines that were fetched from before the first, given back by `release_older`
        self._extra_lines = 0
        self._lock = Lock()
        self._raws: deque[bytes] = deque()
        self._tags: deque[int] = deque()
        self._bytes = 0
        self._first = 0
        self._lowest = 0
        self._pending: tuple[RawLine, ...] = ()

    # -- looked at

    @property
    def first(self) -> int:
        """Number of the oldest line."""
        return self._first

    @property
    def end(self) -> int:
        """One more than the number of the newest complete line."""
        with self._lock:
            return self._first + len(self._raws)

    @property
    def count(self) -> int:
        """Complete lines."""
        return len(self._raws)

    def span(self) -> tuple[int, int, int]:
        """First, end, and the end with the lines that are not complete yet; of one moment."""
        with self._lock:
            end = self._first + len(self._raws)
            return self._first, end, end + len(self._pending)

    @property
    def left_lines(self) -> int:
        """Lines that were here and left."""
        with self._lock:
            return self._first - self._lowest

    @property
    def size_bytes(self) -> int:
        """Bytes of the kept lines."""
        with self._lock:
            return self._bytes

    def line(self, number: int, most_bytes: int | None = None) -> LogLine | None:
        """One line, also one that is not complete yet; None for one that is not here.

        Args:
            number: of the line.
            most_bytes: more of its text is left out, because a terminal shows a part only.
        """
        with self._lock:
            index = number - self._first
            count = len(self._raws)
            if index < 0 or index >= count + len(self._pending):
                return None
            is_complete = index < count
            raw, tag = (self._raws[index], self._tags[index]) if is_complete else self._pending[index - count]
        stream, origin = split_tag(tag)
        text = bytes_of(raw)
        cut = text[:most_bytes]
        return LogLine(
            number,
            time_of(raw),
            stream,
            cut.decode("utf-8", "replace"),
            origin,
            is_complete,
            len(text) - len(cut),
        )

    def raws(self, start: int, stop: int) -> tuple[int, list[bytes]]:
        """Of the complete lines `start` to `stop` those that are here, and the number of their first."""
        with self._lock:
            low = max(start, self._first)
            return low, list(islice(self._raws, low - self._first, max(low, stop) - self._first))

    def raw_lines(self, start: int, stop: int) -> list[RawLine]:
        """The same with their tags."""
        with self._lock:
            low = max(0, start - self._first)
            high = max(low, stop - self._first)
            return list(zip(islice(self._raws, low, high), islice(self._tags, low, high), strict=True))

    # -- written

    def append(self, batch: Batch, pending: Sequence[RawLine] = ()) -> None:
        """Add lines at the end; the oldest leave when it is full. `pending` are those not complete yet."""
        with self._lock:
            self._raws.extend(batch.raws)
            self._tags.extend(batch.tags)
            self._bytes += sum(map(len, batch.raws))
            self._pending = tuple(pending)
            self._shrink()

    def prepend(self, lines: Sequence[RawLine]) -> int:
        """Add lines from before the first, as many of the last ones as the bounds let in; returns how many.

        They are held beyond the bound in lines, once again as many at most, until `release_older`.
        """
        with self._lock:
            added = 0
            for raw, tag in reversed(lines):
                if self._bytes + len(raw) > self._most_bytes or len(self._raws) >= 2 * self._most_lines:
                    break
                self._raws.appendleft(raw)
                self._tags.appendleft(tag)
                self._bytes += len(raw)
                added += 1
            self._first -= added
            self._lowest = min(self._lowest, self._first)
            self._extra_lines = max(self._extra_lines, len(self._raws) - self._most_lines)
            return added

    def release_older(self) -> None:
        """Nobody looks at the lines beyond the bound any more."""
        with self._lock:
            self._extra_lines = 0
            self._shrink()

    def clear(self) -> None:
        """Forget everything; numbers begin anew."""
        with self._lock:
            self._raws.clear()
            self._tags.clear()
            self._pending = ()
            self._bytes = self._first = self._lowest = self._extra_lines = 0

    def _shrink(self) -> None:
        excess = len(self._raws) - self._most_lines - self._extra_lines
        raws, tags = self._raws, self._tags
        # the newest line stays, however long
        while raws and (excess > 0 or (self._bytes > self._most_bytes and len(raws) > 1)):
            self._bytes -= len(raws.popleft())
            tags.popleft()
            self._first += 1
            excess -= 1


Key = tuple[int, bytes, str]


def key_of(line: RawLine) -> Key:
    """What a line is recognised by when it comes again: stream, time and text."""
    raw, tag = line
    return tag, raw[:TIME_BYTES], text_of(raw)


def without_known(lines: Sequence[RawLine], known: Sequence[RawLine]) -> list[RawLine]:
    """Those of `lines` that are not among `known`; each known line takes one equal line away."""
    counts = Counter(map(key_of, known))
    fresh: list[RawLine] = []
    for line in lines:
        key = key_of(line)
        if counts[key] > 0:
            counts[key] -= 1
        else:
            fresh.append(line)
    return fresh
