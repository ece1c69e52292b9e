"""Blocking questions, each on a daemon thread of its own, only so many at once; some can be called off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from tui import diagnostics
from tui.model.errors import EnvtuiError
from tui.monitor.poller import unexpected

R = TypeVar("R")

#: One question a key press; beyond this many that hang, new ones are refused with the reason.
AT_ONCE = 8


class Asking:
    """A question on its way, which can be called off."""

    def __init__(self) -> None:
        """Nobody has called it off."""
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Nobody wants the answer any more: nobody is told one."""
        self._cancelled.set()

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants the answer."""
        return self._cancelled.is_set()


class Questions:
    """Owns the threads of one kind of question."""

    def __init__(self, name: str) -> None:
        """Args: name of the threads."""
        self._name = name
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._asked: dict[threading.Thread, Asking] = {}

    def ask(
        self,
        question: Callable[[], R],
        answered: Callable[[R], None],
        failed: Callable[[EnvtuiError], None],
        asking: Asking | None = None,
    ) -> None:
        """Run a blocking question; one of the callbacks is called from its thread, unless it is called off.

        Args:
            question: blocks.
            answered: gets the answer.
            failed: gets why there is none; called at once where too many wait.
            asking: what calls it off.
        """
        if not self._room.acquire(blocking=False):
            failed(
                EnvtuiError("Too many questions", "the engine has not answered the last ones", "Wait for it")
            )
            return

        def run() -> None:
            failure: EnvtuiError | None = None
            try:
                answer = question()
            except EnvtuiError as error:
                failure = error
            except Exception as error:
                diagnostics.record_exception(self._name, error)
                failure = unexpected(error)
            finally:
                self._room.release()
                with self._lock:
                    self._asked.pop(threading.current_thread(), None)
            if asking is not None and asking.is_cancelled:
                return
            if failure is not None:
                failed(failure)
            else:
                answered(answer)

        thread = threading.Thread(target=run, name=self._name, daemon=True)
        if asking is not None:
            with self._lock:
                self._asked[thread] = asking
        thread.start()

    def stop(self, seconds: float) -> None:
        """Call off what can be called off, and wait no longer than this for its end."""
        with self._lock:
            asked = dict(self._asked)
        for asking in asked.values():
            asking.cancel()
        deadline = time.monotonic() + seconds
        for thread in asked:
            thread.join(max(0.0, deadline - time.monotonic()))
