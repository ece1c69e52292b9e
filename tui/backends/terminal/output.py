"""A descriptor that is written to by several threads, and never waited for longer than somebody wants."""

from __future__ import annotations

import contextlib
import os
import select
import stat
import threading
import time
from collections.abc import Callable, Iterator

# A pipe that takes anything takes so much (PIPE_BUF): needed only where it could not be opened anew.
_PIECE_BYTES = 4096
_MOST_BYTES = 1 << 16
_CLOSE_SECONDS = 1.0


class OutputGone(Exception):
    """Nobody takes what is written any more."""


class Output:
    """Writes to a descriptor of somebody else without changing anything about it.

    A terminal or pipe is opened once more: then it can be written to without waiting. O_NONBLOCK on the
    descriptor itself would be seen by every program that shares it, also after this one's end.
    """

    def __init__(self, descriptor: int, on_written: Callable[[bytes], None] | None = None) -> None:
        """Args: what to write to; who is told what was written. Raises OSError: it is closed."""
        self._on_written = on_written
        self._lock = threading.RLock()
        self._is_closed = False
        self._is_stopped = False
        self._descriptor, self._is_own = _opened_anew(descriptor)
        self._stop_read, self._stop_write = os.pipe()

    @property
    def is_stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._is_stopped

    def write(self, data: bytes) -> None:
        """Write all of it, however long that takes; returns in the middle after `stop`.

        Raises:
            OutputGone: nobody is there.
        """
        self._write(data, None)

    def write_within(self, data: bytes, seconds: float) -> bool:
        """Write as much as is taken in this time, also after `stop`; whether it was all.

        Raises:
            OutputGone: nobody is there.
        """
        return self._write(data, time.monotonic() + seconds)

    def stop(self) -> None:
        """End every `write`, now and from now on."""
        self._is_stopped = True
        os.write(self._stop_write, b"x")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else writes meanwhile."""
        with self._lock:
            yield

    def close(self) -> None:
        """Let go of it, once. What is written later is dropped."""
        # where even the kernel's own waiting could not be avoided, a number in use is not given away
        if self._lock.acquire(timeout=_CLOSE_SECONDS):
            self._is_closed = True
            self._lock.release()
            for descriptor in (self._descriptor, self._stop_read, self._stop_write):
                os.close(descriptor)

    def _write(self, data: bytes, deadline: float | None) -> bool:
        rest = memoryview(data)
        while rest and (deadline is not None or not self._is_stopped):
            # the lock is never held while the far end is waited for
            if not self._lock.acquire(
                timeout=-1 if deadline is None else max(0.0, deadline - time.monotonic())
            ):
                return False
            try:
                if self._is_closed:
                    return False
                written = self._write_some(rest)
            finally:
                self._lock.release()
            rest = rest[written:]
            if not written and not self._wait(deadline):
                break
        return not rest

    def _write_some(self, rest: memoryview) -> int:
        if not self._is_own and not _is_ready(self._descriptor):
            return 0
        piece = rest[: _MOST_BYTES if self._is_own else _PIECE_BYTES]
        try:
            written = os.write(self._descriptor, piece)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise OutputGone(error.strerror or str(error)) from error
        if self._on_written:
            self._on_written(bytes(piece[:written]))
        return written

    def _wait(self, deadline: float | None) -> bool:
        """Wait until something is taken; False after the deadline, or `stop` where there is none."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        if deadline is None:
            poll.register(self._stop_read, select.POLLIN)
            poll.poll()
            return not self._is_stopped
        remaining = deadline - time.monotonic()
        return remaining > 0 and bool(poll.poll(remaining * 1000))


def _opened_anew(descriptor: int) -> tuple[int, bool]:
    """A descriptor of our own for it, and whether it can be written to without ever waiting."""
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        # opened anew it would begin at its start; and it is never waited for
        return os.dup(descriptor), True
    if stat.S_ISFIFO(kind) or stat.S_ISCHR(kind):
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        with contextlib.suppress(OSError):
            return os.open(f"/proc/self/fd/{descriptor}", flags), True
    return os.dup(descriptor), False


def _is_ready(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))
