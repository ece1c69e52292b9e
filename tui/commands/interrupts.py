"""Signals that end a program, counted instead: for a wait that somebody may want to cut short in steps."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Generic, Self, TypeVar

_COUNTED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# As shells count what was ended by signal n.
_SIGNAL_BASE = 128
# A signal wakes a wait by itself; this is for where it came just before the wait began.
_LOOK_SECONDS = 0.2

T = TypeVar("T")


class Interrupts:
    """While it is entered, a signal that would end the program is only counted.

    What the caller ignores (`nohup`) stays ignored. Outside the main thread, which alone may handle signals,
    nothing is counted.

    Attributes:
        count: how many came.
        last: the number of the last one, 0 for none.
    """

    def __init__(self) -> None:
        """Nothing has come yet."""
        self.count = 0
        self.last = 0
        self._came = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in _COUNTED:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._count)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._before.clear()

    @property
    def exit_code(self) -> int:
        """What the program ends with because of the last one."""
        return _SIGNAL_BASE + (self.last or signal.SIGINT)

    @property
    def wants_end(self) -> bool:
        """Somebody wants the program to end at once: the terminal is gone, or it is being terminated."""
        return self.last in (signal.SIGTERM, signal.SIGHUP)

    def wait(self, seconds: float) -> bool:
        """Wait for the next one; whether it came."""
        came = self._came.wait(seconds)
        self._came.clear()
        return came

    def _count(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.last = number
        self._came.set()


class Background(Generic[T]):
    """A call in a thread of its own, so that signals can be answered while it takes its time."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        """Begins it. Args: name of the thread."""
        self._call = call
        self._done = threading.Event()
        self._value: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def wait(self, seconds: float = _LOOK_SECONDS) -> bool:
        """Wait for its end; whether it has come."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """What the call gave back, or what it raised; only after its end."""
        if self._error is not None:
            raise self._error
        return self._value[0]

    def _run(self) -> None:
        try:
            self._value.append(self._call())
        except BaseException as error:
            self._error = error
        self._done.set()
