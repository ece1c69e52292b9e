"""Carries an environment's files from one container to another, one at a time, on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.model.errors import ChangeUnderWay, Conflict, EnvtuiError, ReadOnlyRefusal
from tui.monitor.jobs import CommandRecord
from tui.monitor.questions import Asking, Questions

if TYPE_CHECKING:
    from tui.backends.base import PrefixCopies
    from tui.model.containers import Container
    from tui.monitor.exec_gate import ExecGate

# What is half carried has to go; that takes as long as a disk takes to remove it.
_STOP_SECONDS = 5.0


class PrefixCarrier:
    """Owns the thread `carry`. It ends with the app: nothing of what is half carried stays."""

    def __init__(
        self,
        copies: PrefixCopies,
        gate: ExecGate,
        changed: Callable[[str], None],
        record: Callable[[CommandRecord], None],
        read_only: bool = False,
    ) -> None:
        """Make it.

        Args:
            copies: who carries.
            gate: keeps commands from containers that are being paused.
            changed: called with a container's id when its environments may be others.
            record: the command log.
            read_only: nothing is carried.
        """
        self._copies = copies
        self._gate = gate
        self._changed = changed
        self._record = record
        self._read_only = read_only
        self._questions = Questions("carry")
        self._lock = threading.Lock()
        self._asking: Asking | None = None

    @property
    def is_running(self) -> bool:
        """Whether something is on its way."""
        with self._lock:
            return self._asking is not None

    def carry(
        self,
        source: Container,
        prefix: str,
        target: Container,
        progress: Callable[[int], None],
        answered: Callable[[None], None],
        failed: Callable[[EnvtuiError], None],
    ) -> Asking:
        """Begin. The callbacks are called from a thread, the last two not once it is called off.

        Args:
            source: container that it is in.
            prefix: absolute path, the same in both.
            target: a running container.
            progress: gets the bytes that were carried.
            answered: it is there.
            failed: gets why nothing of it is there.
        """
        asking = Asking()

        def question() -> None:
            if self._read_only:
                raise ReadOnlyRefusal("Read-only", "envtui was started with --read-only", "Start it without")
            with self._lock:
                if self._asking is not None:
                    raise ChangeUnderWay("Not begun", "another environment is on its way", "Wait for it")
                self._asking = asking
            at, began = time.time(), time.monotonic()
            outcome, is_bad = "done", False
            try:
                with self._gate.command(target.id):
                    self._carry(source, prefix, target, asking, progress)
            except EnvtuiError as error:
                outcome, is_bad = error.one_line(), True
                raise
            finally:
                with self._lock:
                    self._asking = None
                line = f"carry {prefix} from {source.name} to {target.name}"
                self._record(CommandRecord(at, line, outcome, time.monotonic() - began, is_bad))
                self._changed(target.id)

        self._questions.ask(question, answered, failed, asking)
        return asking

    def _carry(
        self,
        source: Container,
        prefix: str,
        target: Container,
        asking: Asking,
        progress: Callable[[int], None],
    ) -> None:
        def has_to_end() -> bool:
            return asking.is_cancelled or self._gate.is_held(target.id)

        try:
            self._copies.copy_prefix(source, prefix, target, has_to_end, progress)
        except EnvtuiError as error:
            if not asking.is_cancelled and self._gate.is_held(target.id):
                raise Conflict("Not carried", "the container is being paused", status=409) from error
            raise

    def stop(self) -> None:
        """End; waits a moment until what is half carried is gone."""
        self._questions.stop(_STOP_SECONDS)
