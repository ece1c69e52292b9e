"""The containers of a host for a command that goes on for long: an engine that hangs does not hold it up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tui.model.errors import EnvtuiError

if TYPE_CHECKING:
    from tui.model.containers import Container

# Whoever watches sees a container's new name, or an engine that came back, after this long.
_LIST_AGAIN_SECONDS = 5.0
# An engine that takes its time is asked less often.
_PAUSE_PER_DURATION = 4.0
# An idle engine takes milliseconds; what is known serves until a loaded one has answered.
_PATIENCE_SECONDS = 0.5


class _Question:
    """One call on a thread of its own, which never keeps the program from ending."""

    def __init__(self, ask: Callable[[], tuple[Sequence[Container], float]]) -> None:
        """Ask. The call must have a deadline."""
        self._ask = ask
        self._answer: Sequence[Container] | Exception = ()
        self._began = time.monotonic()
        self.took_seconds = 0.0
        self._thread = threading.Thread(target=self._run, name="list-containers", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer, _ = self._ask()
        except Exception as error:
            # handed to the caller, who knows what it means
            self._answer = error
        self.took_seconds = time.monotonic() - self._began

    def is_answered(self, patience_seconds: float | None) -> bool:
        """Wait for at most so long, None for as long as it takes."""
        self._thread.join(patience_seconds)
        return not self._thread.is_alive()

    def answer(self) -> Sequence[Container]:
        """Once it is there. Raises what the call raised."""
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


class ContainerList:
    """Containers as they were listed last. Not thread-safe.

    Attributes:
        containers: none before the first list, and where it failed.
        error: why it failed; None where it did not.
    """

    def __init__(self, ask: Callable[[], tuple[Sequence[Container], float]]) -> None:
        """Args: lists them, within a deadline."""
        self.containers: Sequence[Container] = ()
        self.error: EnvtuiError | None = None
        self._ask = ask
        self._question: _Question | None = None
        self._next_at = 0.0

    def is_renewed(self, is_wanted: bool, is_patient: bool) -> bool:
        """List them again where it is time to; whether there is a new list, or failure.

        Args:
            is_wanted: it is time now, whenever the last time was.
            is_patient: wait for as long as it takes; else the new list may come with a later call.
        """
        if self._question is None:
            if not is_wanted and time.monotonic() < self._next_at:
                return False
            self._question = _Question(self._ask)
        question = self._question
        if not question.is_answered(None if is_patient else _PATIENCE_SECONDS):
            return False
        self._question = None
        pause = max(_LIST_AGAIN_SECONDS, _PAUSE_PER_DURATION * question.took_seconds)
        self._next_at = time.monotonic() + pause
        try:
            self.containers, self.error = question.answer(), None
        except EnvtuiError as error:
            self.containers, self.error = (), error
        return True
