"""Fetches lines from before the window of a log: blocking reads, for a thread that may wait."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tui.model.log_ring import WINDOW_LINES, LogRing, without_known
from tui.model.logs import Batch, LineAssembler, LogRequest, RawLine, nanoseconds_of

if TYPE_CHECKING:
    from tui.backends.base import Logs

# Lines of the window that what was fetched may overlap with: those of one moment.
_OVERLAP_LINES = 1000


def fetch_older(logs: Logs, container_id: str, ring: LogRing, received_messages: int, lines: int) -> int:
    """Bring some lines from before the window's first into it; gives back how many, 0 at the log's beginning.

    The engine counts `tail` from the end of the log before it looks at `until`, so everything that came
    since has to be counted in. Raises an EngineError.
    """
    first_ns = _first_ns(ring)
    if first_ns is None:
        return 0
    # numbers count from the first that came: what left makes the first larger, what was fetched smaller
    since_first = max(0, received_messages - ring.first)
    request = LogRequest(tail=since_first + lines, until_ns=first_ns)
    return ring.prepend(_read(logs, container_id, ring, request, lines))


def fetch_since(logs: Logs, container_id: str, ring: LogRing, since_ns: int) -> int:
    """Bring the lines from a moment up to the window's first into it. Raises an EngineError."""
    first_ns = _first_ns(ring)
    if first_ns is None or first_ns <= since_ns:
        return 0
    request = LogRequest(since_ns=since_ns, until_ns=first_ns)
    return ring.prepend(_read(logs, container_id, ring, request, WINDOW_LINES))


def _first_ns(ring: LogRing) -> int | None:
    first = ring.raw_lines(ring.first, ring.first + 1)
    return nanoseconds_of(first[0][0]) if first else None


def _read(logs: Logs, container_id: str, ring: LogRing, request: LogRequest, most: int) -> list[RawLine]:
    assembler = LineAssembler()
    newest: deque[RawLine] = deque(maxlen=most + _OVERLAP_LINES)
    for messages in logs.open(container_id, request).messages():
        newest.extend(_pairs(assembler.feed(messages)))
    newest.extend(_pairs(assembler.end()))
    known = ring.raw_lines(ring.first, ring.first + _OVERLAP_LINES)
    return without_known(list(newest), known)[-most:]


def _pairs(batch: Batch) -> list[RawLine]:
    return list(zip(batch.raws, batch.tags, strict=True))
