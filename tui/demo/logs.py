"""The logs of the make-believe containers, behind the protocol of real ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from tui.demo.life import DemoContainer
from tui.demo.log_pages import DELAY_NS, Line, LogText, Script
from tui.demo.log_scripts import SCRIPTS
from tui.demo.runs import Run, nanoseconds
from tui.demo.world import DemoWorld, Life
from tui.model.errors import EngineLost, LogUnreadable
from tui.model.logs import LogRequest

#: A stream (`model.logs.Stream`) and one line.
Message = tuple[int, bytes]

# So many lines are handed over at once at least, if there are as many: a page may hold two.
_BATCH_LINES = 500
# A flood is looked at so often: what is written in between is one batch.
_SHORTEST_WAIT_SECONDS = 0.02


class DemoLogs:
    """The logs of a DemoWorld."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def open(self, container_id: str, request: LogRequest) -> DemoLogStream:
        """Ask for a log.

        Raises:
            NoSuchContainer: there is none.
            LogUnreadable: its log driver keeps nothing.
            EngineError: what the world's faults say.
        """
        self._world.faults.pass_question()
        container = self._world.find(container_id)
        if container.blueprint.log_driver == "none":
            raise LogUnreadable(
                "This container's log can't be read",
                "configured logging driver does not support reading",
                "Its log driver keeps nothing here: look where it sends the log, "
                "or use json-file, local or journald",
                501,
            )
        return DemoLogStream(self._world, container, request)


class DemoLogStream:
    """A log as it was when it was opened, and as it goes on. One thread reads, any closes."""

    def __init__(self, world: DemoWorld, container: DemoContainer, request: LogRequest) -> None:
        """Args: as it was asked for; the world says when to look again."""
        self._world = world
        self._container = container
        self._request = request
        self._opened = world.life(container)
        self._changed = threading.Condition()
        self._changes = 0
        self._closed = False
        self._is_lost = False
        world.watch(self)

    def messages(self) -> Iterator[Sequence[Message]]:
        """Lines in batches; ends with the log, or after `close`.

        Raises:
            EngineLost: the engine went away.
        """
        try:
            for lines in self._lines():
                if not self._may_go_on():
                    return
                yield _timed(lines) if self._request.timestamps else _bare(lines)
            self._may_go_on()
        finally:
            self._world.unwatch(self)

    def close(self) -> None:
        """End it at once, from any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._world.unwatch(self)

    def look_again(self) -> None:
        """Wake the reader: time has passed, or something happened."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def break_off(self) -> None:
        """End it as an engine that goes away does."""
        with self._changed:
            self._is_lost = True
            self._changed.notify_all()

    def _lines(self) -> Iterator[list[Line]]:
        request, life = self._request, self._opened
        now_ns = nanoseconds(life.now)
        text = self._text(life.runs, now_ns)
        from_ns, until_ns = request.since_ns or 0, request.until_ns
        if request.tail is not None:
            from_ns = max(from_ns, text.start_of_tail(request.tail))
        yield from _batches(text.pages(from_ns, now_ns if until_ns is None else until_ns))
        if request.follow and life.has_processes:
            yield from self._new_lines(life, from_ns)

    def _new_lines(self, life: Life, from_ns: int) -> Iterator[list[Line]]:
        """What the run writes from now on, until it is over."""
        run_number, until_ns = life.runs[-1].number, self._request.until_ns
        while True:
            # what had come out so far was handed over
            from_ns = max(from_ns, nanoseconds(life.now) - DELAY_NS + 1)
            with self._changed:
                changes = self._changes
            life = self._world.life(self._container)
            runs = tuple(run for run in life.runs if run.number <= run_number)
            if not runs:
                return
            now_ns = nanoseconds(life.now)
            text = self._text(runs, now_ns)
            to_ns = now_ns if until_ns is None else min(now_ns, until_ns)
            yield from _batches(text.pages(from_ns, to_ns))
            if runs[-1].ended_ns is not None or (until_ns is not None and now_ns - DELAY_NS >= until_ns):
                return
            next_ns = text.next_line_ns(max(from_ns - 1, now_ns - DELAY_NS))
            if until_ns is not None:
                next_ns = until_ns if next_ns is None else min(next_ns, until_ns)
            if not self._wait_for_news(changes, life, next_ns):
                return

    def _text(self, runs: tuple[Run, ...], now_ns: int) -> LogText:
        container = self._container
        return LogText(
            SCRIPTS.get(container.blueprint.name, Script()),
            int.from_bytes(container.phases[:8]),
            runs,
            now_ns,
        )

    def _wait_for_news(self, changes: int, life: Life, next_ns: int | None) -> bool:
        """Wait until there is something to look at; False when nobody wants it any more."""
        dues = [] if life.due_at is None else [life.due_at]
        if next_ns is not None:
            dues.append((next_ns + DELAY_NS) / 1e9)
        wait: float | None = None
        if dues and self._world.clock.runs_by_itself:
            wait = max(_SHORTEST_WAIT_SECONDS, min(dues) - self._world.clock.now())
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_lost or self._changes != changes, wait)
        return self._may_go_on()

    def _may_go_on(self) -> bool:
        """Wait while the engine is frozen; False when it was closed. Raises EngineLost."""
        faults = self._world.faults
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_lost or not faults.frozen_engine)
            if self._closed:
                return False
            if self._is_lost:
                raise EngineLost(
                    "The engine closed the connection",
                    "its stream ended",
                    "It may be restarting; envtui tries again by itself",
                )
        return True


def _batches(pages: Iterator[list[Line]]) -> Iterator[list[Line]]:
    gathered: list[Line] = []
    for page in pages:
        gathered += page
        if len(gathered) >= _BATCH_LINES:
            yield gathered
            gathered = []
    if gathered:
        yield gathered


def _timed(lines: list[Line]) -> list[Message]:
    """With the times in front that the engine writes."""
    messages = []
    second, written = -1, b""
    for at, stream, text in lines:
        whole, rest = divmod(at, 10**9)
        if whole != second:
            second, written = whole, datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()
        messages.append((stream, b"%b.%09dZ %b" % (written, rest, text)))
    return messages


def _bare(lines: list[Line]) -> list[Message]:
    return [(stream, text) for _, stream, text in lines]
