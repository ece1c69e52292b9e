"""Saves a log to a file, on a thread of its own: the whole log appears under its name, or nothing does."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.errors import EngineLost, EnvtuiError, SaveFailed
from tui.model.logs import LogRequest, Stream
from tui.monitor.new_file import FreeBytes, NewFile, free_bytes_in, place_of
from tui.monitor.poller import unexpected
from tui.monitor.topics import SAVING

if TYPE_CHECKING:
    from tui.backends.base import Logs, LogStream
    from tui.monitor.store import Store

# As often as a person can read a figure.
_PROGRESS_SECONDS = 0.2
# Whoever quits does not wait longer; a block takes a slow disk less.
_STOP_SECONDS = 1.0


class SaveState(StrEnum):
    """How far a save is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class SaveProgress:
    """One save on its way.

    Attributes:
        number: counts up from 1.
        title: whose log it is; foreign text.
        path: the file, as it was asked for.
        written_bytes: so far; of the whole file once it is done.
        error: why it failed; None while it did not.
    """

    number: int
    title: str
    path: Path
    written_bytes: int = 0
    state: SaveState = SaveState.RUNNING
    error: EnvtuiError | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.state is not SaveState.RUNNING


@dataclass(slots=True)
class _Save:
    """A save and what ends it from another thread."""

    number: int
    title: str
    target: Path
    replace: bool
    cancelled: threading.Event = field(default_factory=threading.Event)
    stream: LogStream | None = None
    written_bytes: int = 0
    told_at: float = 0.0

    def check(self) -> None:
        """Raise _Cancelled once it was cancelled."""
        if self.cancelled.is_set():
            raise _Cancelled


_Source = Callable[[_Save], AbstractContextManager[Iterable[bytes]]]


class _Cancelled(Exception):
    """Somebody ended the save."""


class LogSaver:
    """Saves one log at a time on the thread `save-log`; how far it is stands in the topic SAVING."""

    def __init__(
        self,
        logs: Logs,
        store: Store,
        free_bytes: FreeBytes = free_bytes_in,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: backend, the store to write to, what a folder has room for, a clock in monotonic seconds."""
        self._logs = logs
        self._store = store
        self._free_bytes = free_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._numbers = 0
        self._save: _Save | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether a log is being saved."""
        with self._lock:
            return self._save is not None

    def save(self, container_id: str, container_name: str, target: Path, replace: bool) -> None:
        """Save the whole log of a container, byte for byte what `docker logs CONTAINER 2>&1` prints.

        Args:
            container_id: whose log.
            container_name: for the topic.
            target: the file; a symbolic link is followed.
            replace: whether a file that is there gives way; otherwise the save fails.

        Raises:
            SaveFailed: a log is being saved already. All else that goes wrong is told in SAVING.
        """
        self._begin(container_name, target, replace, lambda save: self._engine_log(save, container_id))

    def save_lines(self, title: str, lines: Iterable[bytes], target: Path, replace: bool) -> None:
        """Save these lines, each ended by a newline; they are taken from the saver's thread.

        Args:
            title: for the topic.
            lines: with their newlines or without.
            target: the file; a symbolic link is followed.
            replace: whether a file that is there gives way; otherwise the save fails.

        Raises:
            SaveFailed: a log is being saved already. All else that goes wrong is told in SAVING.
        """
        whole = (line if line.endswith(b"\n") else line + b"\n" for line in lines)
        self._begin(title, target, replace, lambda _: contextlib.nullcontext(whole))

    def cancel(self) -> None:
        """End the save that is under way; nothing is left of it. Harmless when there is none."""
        with self._lock:
            save = self._save
            if save is not None:
                save.cancelled.set()
                if save.stream is not None:
                    save.stream.close()

    def stop(self) -> None:
        """The end of the app: cancel, and wait a moment for the unfinished file to go."""
        self.cancel()
        thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)

    def _begin(self, title: str, target: Path, replace: bool, source: _Source) -> None:
        with self._lock:
            if self._save is not None:
                raise SaveFailed(
                    "A log is being saved already", self._save.title, "Wait for it to end, or cancel it"
                )
            self._numbers += 1
            save = self._save = _Save(self._numbers, title, target, replace, told_at=self._clock())
            self._put(save)
            self._thread = threading.Thread(
                target=self._run, args=(save, source), name="save-log", daemon=True
            )
            self._thread.start()

    def _run(self, save: _Save, source: _Source) -> None:
        state, failure = SaveState.FAILED, None
        try:
            self._carry_out(save, source)
            state = SaveState.DONE
        except _Cancelled:
            state = SaveState.CANCELLED
        except EnvtuiError as error:
            # a traceback that is kept in the topic would keep the lines, too
            failure = error.with_traceback(None)
        except Exception as error:
            diagnostics.record_exception("save-log", error)
            failure = unexpected(error)
        if failure is not None and save.cancelled.is_set():
            # closing a stream may look like a loss
            state, failure = SaveState.CANCELLED, None
        with self._lock:
            # whoever hears of the end may save again
            self._save = None
            self._put(save, state, failure)

    def _carry_out(self, save: _Save, source: _Source) -> None:
        place = place_of(save.target, save.replace)
        # the file comes after the stream: an engine may take its time to answer
        with source(save) as pieces, NewFile(place, self._free_bytes) as file:
            for piece in pieces:
                save.check()
                file.write(piece)
                save.written_bytes = file.written_bytes
                if self._clock() - save.told_at >= _PROGRESS_SECONDS:
                    save.told_at = self._clock()
                    self._put(save)
            # a closed stream ends like a log that is over
            save.check()
            file.sync()
            save.check()
            file.publish(save.replace)

    @contextlib.contextmanager
    def _engine_log(self, save: _Save, container_id: str) -> Iterator[Iterable[bytes]]:
        stream = self._logs.open(container_id, LogRequest(timestamps=False))
        with self._lock:
            save.stream = stream
            if save.cancelled.is_set():
                stream.close()
        messages = stream.messages()
        try:
            yield (b"".join(map(_payload, batch)) for batch in messages)
        except EngineLost as error:
            raise SaveFailed(
                "The log could not be saved whole",
                f"{error.title.lower()}: {error.detail}",
                "Nothing was saved; do it again when the engine is back",
            ) from error
        finally:
            stream.close()
            # its socket is given back at the end of the iteration, which is near now
            with contextlib.suppress(EnvtuiError):
                deque(messages, maxlen=0)

    def _put(
        self, save: _Save, state: SaveState = SaveState.RUNNING, error: EnvtuiError | None = None
    ) -> None:
        progress = SaveProgress(save.number, save.title, save.target, save.written_bytes, state, error)
        self._store.put(SAVING, progress)


def _payload(message: tuple[int, bytes]) -> bytes:
    stream, payload = message
    if stream == Stream.ENGINE:
        raise SaveFailed(
            "The engine can't read the whole log",
            payload[:1000].decode("utf-8", "replace").strip(),
            "Nothing was saved; the engine's own log says more: journalctl -u docker",
        )
    return payload
