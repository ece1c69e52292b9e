"""Measures environments one after the other: after all else, and given up as soon as nobody looks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tui import diagnostics
from tui.model.errors import EnvtuiError

if TYPE_CHECKING:
    from tui.backends.base import Environments
    from tui.model.containers import Container
    from tui.model.environments import Environment, EnvironmentSize

# A walk reads every folder of an environment: not for somebody whose cursor only passes by.
_DWELL_SECONDS = 1.5


class Measured(NamedTuple):
    """What was measured: an environment as it was then."""

    container_id: str
    prefix: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SizeWish:
    """What somebody looks at.

    Attributes:
        container: whose environments they are.
        environments: all of it.
        wanted: those that were not measured yet, in the order in which to do it.
    """

    container: Container
    environments: Sequence[Environment]
    wanted: tuple[Measured, ...]


class SizeWatch:
    """The thread `sizes`, started with the first wish. The newest wish wins."""

    def __init__(
        self,
        backend: Environments,
        began: Callable[[Measured], None],
        ended: Callable[[Measured, EnvironmentSize | None, bool], None],
        dwell_seconds: float = _DWELL_SECONDS,
    ) -> None:
        """Make it.

        Args:
            backend: who measures.
            began: called from the thread with what is measured next.
            ended: and with what came of it: a size, or None; and whether it could be had another time.
            dwell_seconds: a container has to be looked at for so long.
        """
        self._backend = backend
        self._began = began
        self._ended = ended
        self._dwell_seconds = dwell_seconds
        self._changed = threading.Condition()
        self._wish: SizeWish | None = None
        self._stopped = False
        self._thread: threading.Thread | None = None

    def want(self, wish: SizeWish | None) -> None:
        """Measure these; a walk through another one is given up."""
        with self._changed:
            self._wish = wish if wish and wish.wanted else None
            if self._thread is None and self._wish is not None:
                self._thread = threading.Thread(target=self._run, name="sizes", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def stop(self) -> None:
        """End; a walk in progress is given up by itself."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _run(self) -> None:
        dwelt_on = ""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._wish is not None)
                wish = self._wish
                if self._stopped or wish is None:
                    return
                if wish.container.id != dwelt_on:
                    if self._has_moved_on(wish.container.id):
                        continue
                    dwelt_on = wish.container.id
                    # it may have been listed anew in the meantime
                    wish = self._wish or wish
            self._measure(wish, wish.wanted[0])

    def _has_moved_on(self, container_id: str) -> bool:
        """Wait whether somebody keeps looking at a container; called with the lock held."""

        def is_gone() -> bool:
            return self._stopped or self._wish is None or self._wish.container.id != container_id

        return self._changed.wait_for(is_gone, self._dwell_seconds)

    def _measure(self, wish: SizeWish, which: Measured) -> None:
        self._began(which)
        size, was_answered = None, False
        try:
            sizes = self._backend.sizes(
                wish.container, wish.environments, lambda: self._is_unwanted(which), {which.prefix}
            )
            size, was_answered = sizes.get(which.prefix), True
        except EnvtuiError:
            # the listing says what is wrong with the container; it is tried again behind the next one
            pass
        except Exception as error:
            diagnostics.record_exception("sizes", error)
        given_up = size is None and (not was_answered or self._is_unwanted(which))
        # told first: a wish that is made in between must know of it
        self._ended(which, size, given_up)
        self._drop(which)

    def _is_unwanted(self, which: Measured) -> bool:
        with self._changed:
            return self._stopped or self._wish is None or which not in self._wish.wanted

    def _drop(self, which: Measured) -> None:
        """It is done, also where nothing came of it: it must not be tried over and over."""
        with self._changed:
            wish = self._wish
            if wish is not None:
                rest = tuple(each for each in wish.wanted if each != which)
                self._wish = replace(wish, wanted=rest) if rest else None
