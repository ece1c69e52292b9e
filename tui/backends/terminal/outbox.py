"""What was typed and not yet sent: bounded by who puts it in, sent by a thread of its own."""

from __future__ import annotations

import threading
from collections import deque

#: The keyboard is not read further while so much waits, so that a paste stays with whoever pastes.
MOST_BYTES = 1 << 20


class Outbox:
    """Pieces in their order, from one thread to another."""

    def __init__(self) -> None:
        """Empty."""
        self._pieces: deque[bytes] = deque()
        self._ready = threading.Condition()
        self._waiting_bytes = 0
        self._is_closed = False

    @property
    def is_full(self) -> bool:
        """Whether no more should be put in."""
        return self._waiting_bytes >= MOST_BYTES

    def put(self, data: bytes) -> None:
        """One more piece; b"" says that no more will come."""
        with self._ready:
            self._pieces.append(data)
            self._waiting_bytes += len(data)
            self._ready.notify()

    def take(self) -> bytes | None:
        """The next piece, waited for; None after `close`, whatever is left."""
        with self._ready:
            while not self._pieces and not self._is_closed:
                self._ready.wait()
            return None if self._is_closed else self._pieces.popleft()

    def sent(self, data: bytes) -> bool:
        """A piece does not wait any more; whether there is room again that there was not before."""
        with self._ready:
            was_full = self.is_full
            self._waiting_bytes -= len(data)
            return was_full and not self.is_full

    def close(self) -> None:
        """End every `take`."""
        with self._ready:
            self._is_closed = True
            self._ready.notify_all()
