"""Signals that end a command which has something to put in order first."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# As shells count what was ended by signal n.
_SIGNAL_BASE = 128


class EndedBySignal(BaseException):
    """Somebody wants the program to end.

    Attributes:
        exit_code: what it then ends with.
    """

    def __init__(self, number: int) -> None:
        """Args: number of the signal."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = _SIGNAL_BASE + number


class EndingSignals:
    """While it is entered, the first signal that would end the program raises EndedBySignal instead.

    Later ones are held off, so that they do not disturb whoever puts things in order. What the caller
    ignores (`nohup`) stays ignored. Outside the main thread, which alone may handle signals, it does nothing.
    """

    def __init__(self) -> None:
        """Nothing is changed yet."""
        self._before: dict[signal.Signals, Any] = {}
        self._is_holding_off = False

    def __enter__(self) -> Self:
        """Take the signals."""
        if threading.current_thread() is threading.main_thread():
            for number in _ENDING:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._end)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give them back."""
        for number, handler in self._before.items():
            # None stands for one that is not Python's, and can't be given back
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def hold_off(self) -> None:
        """From now on things are put in order: no signal disturbs."""
        self._is_holding_off = True

    def _end(self, number: int, frame: FrameType | None) -> None:
        if not self._is_holding_off:
            self._is_holding_off = True
            raise EndedBySignal(number)
