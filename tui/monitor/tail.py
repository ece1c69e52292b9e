"""Follows one container's log on a thread of its own, through its restarts and the engine's."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tui import diagnostics
from tui.model.errors import EnvtuiError, LogUnreadable, NoSuchContainer
from tui.model.log_ring import Key, key_of
from tui.model.logs import Batch, LineAssembler, LogRequest, RawLine, nanoseconds_of, note
from tui.monitor.poller import unexpected

if TYPE_CHECKING:
    from tui.backends.base import Logs, LogStream

#: A log is opened with so many of its last lines: some screens full, read in 10 ms from a log of a million.
OPENING_LINES = 2000
# What is read again after a loss is told from what is new by these last lines, and begins this long before
# the last of them: the engine writes lines of stdout and stderr slightly out of order.
_RECENT_LINES = 5000
_OVERLAP_NS = 2 * 10**9
_FIRST_RETRY_SECONDS, _LONGEST_RETRY_SECONDS = 0.1, 5.0
# A stream that delivers nothing for so long has nothing more to deliver.
_REST_SECONDS = 0.25
# A stream that holds for so long is a stream, and the next loss is the first again.
_STEADY_SECONDS = 2.0


class TailState(StrEnum):
    """How the stream is."""

    OPENING = "opening"
    LIVE = "live"
    #: the container does not run, all that it wrote is here
    ENDED = "ended"
    #: the engine can't be read from now, it is asked again
    LOST = "lost"
    #: the container was removed
    GONE = "gone"
    #: its log can't be read, now or ever
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class TailStatus:
    """How the stream is, and why."""

    state: TailState
    error: EnvtuiError | None = None


class Sink(Protocol):
    """Where lines go."""

    def append(self, batch: Batch, pending: Sequence[RawLine] = ()) -> None:
        """More complete lines, and those whose end has not come."""


class Tail:
    """One container's log into a sink, until it is stopped. Nothing is shown twice, nothing is left out."""

    def __init__(
        self,
        logs: Logs,
        container_id: str,
        sink: Sink,
        news: Callable[[], None],
        *,
        origin: int = 0,
        opening_lines: int = OPENING_LINES,
        before: Iterable[Tail] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        """Describe it.

        Args:
            logs: where from.
            container_id: which one.
            sink: where to; written by the tail's thread alone.
            news: called from the thread after each change.
            origin: goes into the tags of its lines.
            opening_lines: with how many of the last lines it begins.
            before: tails whose streams must be closed before this one opens its own.
            now: seconds since the epoch.
        """
        self.container_id = container_id
        #: messages that came, for whoever wants those before them
        self.received_messages = 0
        #: monotonic seconds of the newest
        self.received_at = 0.0
        #: since when messages have been coming one after the other
        self.reading_since = 0.0
        self._logs = logs
        self._sink = sink
        self._news = news
        self._origin = origin
        self._opening_lines = opening_lines
        self._before = tuple(before)
        self._now = now
        self._status = TailStatus(TailState.OPENING)
        self._recent = _Recent()
        self._condition = threading.Condition()
        self._stream: LogStream | None = None
        self._stopped = False
        # what the list says of the container: None before it said anything
        self._is_alive: bool | None = None
        self._is_listed = True
        # monotonic seconds of the last loss, and of the last word of an engine that answers
        self._lost_at = self._told_at = 0.0
        self._run_key: Hashable = None
        self._opened_for: Hashable = None
        self._thread = threading.Thread(target=self._run, name=f"log-{container_id[:12]}", daemon=True)

    @property
    def status(self) -> TailStatus:
        """How the stream is now."""
        return self._status

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End at once; the thread is gone soon after."""
        with self._condition:
            self._stopped = True
            stream = self._stream
            self._condition.notify_all()
        if stream is not None:
            stream.close()

    def join(self, seconds: float) -> None:
        """Wait until its stream is closed."""
        self._thread.join(seconds)

    def container_is(self, is_listed: bool, is_alive: bool, run_key: Hashable = None) -> None:
        """What the list of containers says; from any thread. `run_key` differs from run to run."""
        with self._condition:
            self._is_listed, self._is_alive, self._run_key = is_listed, is_alive, run_key
            self._told_at = time.monotonic()
            is_open = self._stream is not None
            self._condition.notify_all()
        if is_open and is_listed and self._status.state is TailState.LOST:
            # a container that says nothing: only the list shows that its engine is back
            self._set(TailStatus(TailState.LIVE))

    # -- the thread

    def _run(self) -> None:
        for tail in self._before:
            # a stream that hangs in an engine that does not answer must not hold this one up for ever
            tail.join(1.0)
        self._before = ()
        try:
            self._follow()
        except Exception as error:
            diagnostics.record_exception("log", error)
            self._set(TailStatus(TailState.UNREADABLE, unexpected(error)))

    def _follow(self) -> None:
        pause = _FIRST_RETRY_SECONDS
        while not self._stopped:
            began = time.monotonic()
            failure: EnvtuiError | None = None
            try:
                self._read_stream()
            except (LogUnreadable, NoSuchContainer) as error:
                self._end(error)
                return
            except EnvtuiError as error:
                failure = error
            if time.monotonic() - began >= _STEADY_SECONDS:
                pause = _FIRST_RETRY_SECONDS
            if not self._stopped and not self._wait(failure, pause):
                self._end(None)
                return
            pause = min(2 * pause, _LONGEST_RETRY_SECONDS)

    def _end(self, error: EnvtuiError | None) -> None:
        """Nothing more will come."""
        if isinstance(error, LogUnreadable):
            self._set(TailStatus(TailState.UNREADABLE, error))
        elif not self._stopped:
            if self._recent:
                self._put_note("the container was removed")
            self._set(TailStatus(TailState.GONE, error))

    def _wait(self, failure: EnvtuiError | None, pause: float) -> bool:
        """Wait until it is worth to open the log again; False when that will never be.

        While the list says that the container runs, the end of the stream may be older news or newer: it is
        opened again after a pause. Where it does not run, its next start is waited for.
        """
        state = TailState.LOST if failure is not None else TailState.ENDED
        if failure is not None:
            self._lost_at = time.monotonic()
        self._set(TailStatus(state, failure))
        with self._condition:
            self._condition.wait_for(lambda: self._stopped or not self._is_listed, pause)
            if failure is None:
                self._condition.wait_for(
                    lambda: (
                        self._stopped
                        or not self._is_listed
                        or self._is_alive is not False
                        # it may have run and ended between two looks
                        or self._run_key != self._opened_for
                    )
                )
            return self._stopped or self._is_listed or failure is not None

    def _read_stream(self) -> None:
        overlap = self._recent.overlap()
        request = LogRequest(follow=True, tail=self._opening_lines)
        if overlap is not None:
            request = LogRequest(follow=True, since_ns=overlap.since_ns)
        was_lost = self._status.state is TailState.LOST
        with self._condition:
            self._opened_for = self._run_key
        stream = self._logs.open(self.container_id, request)
        with self._condition:
            self._stream = stream
            is_stopped, is_answering = self._stopped, self._told_at > self._lost_at
        if is_stopped:
            stream.close()
        elif not was_lost or is_answering:
            # an engine says nothing until there is a line
            self._set(TailStatus(TailState.LIVE))
        assembler = LineAssembler(self._origin)
        is_again = overlap is not None
        try:
            for messages in stream.messages():
                batch = assembler.feed(messages)
                pending = assembler.pending()
                if overlap is not None:
                    batch, pending = overlap.fresh(batch, pending)
                if is_again and (batch.raws or pending):
                    self._put_note("the engine was away" if was_lost else "the container started again")
                    is_again = False
                self._take(batch, pending, len(messages))
        finally:
            with self._condition:
                self._stream = None
            rest = assembler.end()
            if overlap is not None:
                rest, _ = overlap.fresh(rest, [])
            self._take(rest, [], 0)

    def _take(self, batch: Batch, pending: Sequence[RawLine], messages: int) -> None:
        if self._stopped:
            # somebody else's lines are shown by now
            return
        self._recent.add(batch)
        self._sink.append(batch, pending)
        self.received_messages += messages
        if messages:
            now = time.monotonic()
            if now - self.received_at > _REST_SECONDS:
                self.reading_since = now
            self.received_at = now
            if self._status.state is not TailState.LIVE:
                self._status = TailStatus(TailState.LIVE)
        self._news()

    def _put_note(self, text: str) -> None:
        batch = Batch()
        batch.add(note(f"── {text} ──", self._now(), self._origin))
        self._sink.append(batch)

    def _set(self, status: TailStatus) -> None:
        if not self._stopped:
            self._status = status
            self._news()


class _Overlap:
    """Tells what is new in a log that is read again from a moment that was read before."""

    def __init__(self, since_ns: int, newest_ns: int, known: Counter[Key]) -> None:
        self.since_ns = since_ns
        self._newest_ns = newest_ns
        self._known = known

    def fresh(self, batch: Batch, pending: list[RawLine]) -> tuple[Batch, list[RawLine]]:
        """Of these lines the ones that are not known."""
        known = self._known
        if not known:
            return batch, pending
        kept = Batch()
        for line in zip(batch.raws, batch.tags, strict=True):
            key = key_of(line)
            if known.get(key, 0):
                known[key] -= 1
            else:
                kept.add(line)
        if batch.raws and (nanoseconds_of(batch.raws[-1]) or 0) > self._newest_ns + _OVERLAP_NS:
            known.clear()
        return kept, [line for line in pending if not known.get(key_of(line), 0)]


class _Recent:
    """The last lines that came, a little more than `_RECENT_LINES` of them."""

    def __init__(self) -> None:
        self._batches: deque[Batch] = deque()
        self._count = 0
        self._is_cut = False

    def __bool__(self) -> bool:
        return bool(self._count)

    def add(self, batch: Batch) -> None:
        """More lines; the oldest batches are given up."""
        if not batch.raws:
            return
        self._batches.append(batch)
        self._count += len(batch)
        while self._count - len(self._batches[0]) >= _RECENT_LINES:
            self._count -= len(self._batches.popleft())
            self._is_cut = True

    def overlap(self) -> _Overlap | None:
        """From when to read again, and what is known from then on; None where nothing came yet."""
        lines = [line for batch in self._batches for line in zip(batch.raws, batch.tags, strict=True)]
        timed = [(at, line) for line in lines if (at := nanoseconds_of(line[0])) is not None]
        if not timed:
            return None
        newest = max(at for at, _ in timed)
        since = newest - _OVERLAP_NS
        if self._is_cut:
            # of the first moment there may have been lines that were given up
            since = max(since, timed[0][0] + 1)
        return _Overlap(since, newest, Counter(key_of(line) for at, line in timed if at >= since))
