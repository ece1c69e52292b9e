"""What a session's main thread has to hear of, as bytes on one descriptor: signals and other threads."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Any

#: What ends a session from outside, as it ends ssh.
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)

_THREAD = 0
# no signal has this number


class Attention:
    """Takes over some signals, and gives them back as they were.

    The interpreter writes the number of each signal into its wake-up descriptor; an event loop that owns it
    does not run meanwhile, and its descriptor is soon full (a dragged window border is enough), which the
    interpreter reports on the terminal. So it is taken over too: one signal is heard by one side only.
    Outside the main thread no signals can be had: then only other threads are heard.

    Attributes:
        descriptor: readable when there is something to `take`.
        ended_by: the first of the signals that end a session; None while none came.
    """

    def __init__(self, others: Iterable[signal.Signals] = ()) -> None:
        """Args: signals to hear of besides those that end a session. One that is ignored stays so."""
        self.ended_by: signal.Signals | None = None
        self._lock = threading.Lock()
        self._handlers: dict[signal.Signals, Any] = {}
        self._foreign = bytearray()
        self._is_closed = False
        self.descriptor, self._write = os.pipe()
        os.set_blocking(self.descriptor, False)
        os.set_blocking(self._write, False)
        self._has_signals = threading.current_thread() is threading.main_thread()
        if self._has_signals:
            self._wake_up = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
            for number in (*ENDING, *others):
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._handlers[number] = signal.signal(number, _heard)

    def call(self) -> None:
        """Have the main thread look; from any thread."""
        with self._lock:
            if not self._is_closed:
                self._put(_THREAD)

    def take(self) -> set[int]:
        """Numbers of the signals that came since the last time."""
        numbers: set[int] = set()
        try:
            while data := os.read(self.descriptor, 4096):
                numbers.update(data)
        except BlockingIOError:
            # that was all
            numbers.discard(_THREAD)
        for number in ENDING:
            if number in numbers and number in self._handlers:
                self.ended_by = self.ended_by or number
        self._foreign += bytes(numbers - self._handlers.keys())
        return numbers

    def close(self) -> None:
        """Give the signals back; one that ended the session is sent again, to whoever handled it before.

        Not where that would end the process on the spot (nobody handled it): the far side is still to be
        hung up then. `ended_by` tells the caller what to end with.
        """
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        if self._has_signals:
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(self._wake_up, warn_on_full_buffer=False)
            # also what came while the handlers were given back
            self.take()
            self._pass_on()
        os.close(self.descriptor)
        os.close(self._write)
        handler = self._handlers.get(self.ended_by) if self.ended_by else None
        if self.ended_by and callable(handler) and handler is not signal.default_int_handler:
            os.kill(os.getpid(), self.ended_by)

    def _put(self, number: int) -> None:
        try:
            os.write(self._write, bytes([number]))
        except BlockingIOError:
            # it is full, so the main thread will look anyway
            return

    def _pass_on(self) -> None:
        """Signals that were not for us, to whoever listens to them."""
        if self._foreign and self._wake_up >= 0:
            try:
                os.write(self._wake_up, bytes(self._foreign))
            except OSError:
                # an event loop that is closed, or has plenty to do
                return


def stop_job() -> None:
    """Stop this program as ctrl+z does where nobody handles it; returns when it is continued.

    The whole job is stopped, so that its shell sees it, whatever program started this one.
    """
    handler = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    try:
        os.kill(0, signal.SIGTSTP)
    finally:
        if handler is not None:
            signal.signal(signal.SIGTSTP, handler)


def _heard(_number: int, _frame: FrameType | None) -> None:
    """The number is in the pipe already."""
