"""Logs through the Engine API, over a connection of their own each, ended at once from any thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.frames import ByteSplitter, FrameSplitter, Message, Splitter, TimedByteSplitter
from tui.backends.docker.http import EngineStream
from tui.model.errors import EngineRefused, LogUnreadable
from tui.model.logs import LogRequest

# The engine says so from API 1.42 on; before, only an inspect tells.
_FRAMES = "application/vnd.docker.multiplexed-stream"
_BYTES = "application/vnd.docker.raw-stream"


class DockerLogs:
    """The logs of one engine's containers."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine

    def open(self, container_id: str, request: LogRequest) -> DockerLogStream:
        """Ask for a log; what the engine answers is raised by the stream. Raises an EngineError."""
        self._engine.api_version()
        path = f"/containers/{quote(container_id, safe='')}"
        # A stream that is followed ends by being closed, so HTTP/1.0 does, which sends no chunk around each
        # line (a fifth of the time); one with an end must show that it came to it.
        stream = self._engine.http.open_stream(f"{path}/logs?{_query(request)}", chunked=not request.follow)
        return DockerLogStream(
            stream, request.timestamps, lambda: bool(_config(self._engine, path).get("Tty"))
        )


class DockerLogStream:
    """A log as it comes. One thread reads, any closes."""

    def __init__(self, stream: EngineStream, is_timed: bool, ask_tty: Any) -> None:
        """Args: the opened answer; whether lines have times; asks the engine whether there is a terminal."""
        self._stream = stream
        self._is_timed = is_timed
        self._ask_tty = ask_tty

    def messages(self) -> Iterator[Sequence[Message]]:
        """Messages in batches, as they come; ends where the log ends, or after `close`.

        Raises:
            LogUnreadable: the container's log driver keeps nothing that could be read.
            NoSuchContainer: there is none.
            EngineLost: the engine broke it off.
        """
        splitter: Splitter | None = None
        try:
            for block in self._stream.blocks():
                if splitter is None:
                    splitter = self._splitter()
                messages = splitter.feed(block)
                if messages:
                    yield messages
            last = splitter.end() if splitter is not None and not self._stream.is_closed else ()
            if last:
                yield last
        except EngineRefused as error:
            raise _explained(error) from error
        finally:
            self._stream.release()

    def close(self) -> None:
        """End it at once, from any thread."""
        self._stream.close()

    def _splitter(self) -> Splitter:
        kind = self._stream.content_type
        has_terminal = kind == _BYTES if kind in (_BYTES, _FRAMES) else self._ask_tty()
        if not has_terminal:
            return FrameSplitter()
        return TimedByteSplitter() if self._is_timed else ByteSplitter()


def _config(engine: DockerEngine, path: str) -> dict[str, Any]:
    return dict(engine.http.get_json(f"{path}/json").get("Config") or {})


def _query(request: LogRequest) -> str:
    query = {"stdout": "1", "stderr": "1"}
    if request.follow:
        query["follow"] = "1"
    if request.timestamps:
        query["timestamps"] = "1"
    if request.tail is not None:
        query["tail"] = str(request.tail)
    if request.since_ns is not None:
        query["since"] = _engine_time(request.since_ns)
    if request.until_ns is not None:
        query["until"] = _engine_time(request.until_ns)
    return urlencode(query)


def _engine_time(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


def _explained(error: EngineRefused) -> EngineRefused:
    if "does not support reading" in error.detail or error.status == 501:
        return LogUnreadable(
            "This container's log can't be read",
            error.detail,
            "Its log driver keeps nothing here: look where it sends the log, "
            "or use json-file, local or journald",
            error.status,
        )
    return error
