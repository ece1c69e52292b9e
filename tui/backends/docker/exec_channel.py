"""A shell or command in a container through the engine, as a channel: `docker exec` without the program."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from tui.backends.deadline import PING_SECONDS, Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.frames import FrameSplitter
from tui.backends.docker.hijack import HijackedSocket
from tui.backends.docker.http import EngineHttp
from tui.backends.docker.pulse import EVERY_SECONDS, GRACE_SECONDS, Pulse
from tui.model.errors import EngineError, EngineRefused
from tui.model.logs import Stream
from tui.model.sessions import ChannelOutcome, Terminal

# The engine's own, Ctrl-P Ctrl-Q, would hold every Ctrl-P of a shell back until the next key, as the first of
# these is held back. It can't do without any; none is typed less than Ctrl-^, and nobody types all four.
_DETACH_KEYS = "ctrl-^,ctrl-],ctrl-^,ctrl-]"
# From this API on (docs.docker.com, API history) a terminal begins with its size.
_CONSOLE_SIZE_API = (1, 42)
# The engine refuses a size until the process runs: 0.05 s, then twice as long each time, 6 s in all.
_RESIZE_TRIES, _RESIZE_AGAIN_SECONDS = 7, 0.05
_STILL_RUNS = "the engine ended the stream of what still runs"
# The engine learns of the end of a command a moment after its output ended.
_LOOK_AGAIN_SECONDS = 0.02


class ExecChannel:
    """The two directions of a command that the engine runs; a `ShellChannel`."""

    def __init__(
        self,
        engine_http: EngineHttp,
        exec_path: str,
        stream: HijackedSocket,
        has_terminal: bool,
        pulse_seconds: tuple[float, float] = (EVERY_SECONDS, GRACE_SECONDS),
    ) -> None:
        """Args: the engine's; path of the exec there; its stream; how often to look, and how long to wait."""
        self._http = engine_http
        self._exec_path = exec_path
        self._stream = stream
        self._splitter = None if has_terminal else FrameSplitter()
        self._ready: deque[tuple[Stream, bytes]] = deque()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._lost = ""
        self._is_closed = False
        self._has_ended = False
        self._wanted_size: tuple[int, int] | None = None
        self._is_resizing = False
        self._pulse = Pulse(engine_http, self._lose, *pulse_seconds)

    @classmethod
    def open(
        cls,
        engine_http: EngineHttp,
        container_id: str,
        argv: Sequence[str],
        terminal: Terminal | None,
        user: str,
        environment: Mapping[str, str],
        working_directory: str,
        deadline: Deadline,
        pulse_seconds: tuple[float, float] = (EVERY_SECONDS, GRACE_SECONDS),
    ) -> ExecChannel:
        """Start a command in a running container.

        Args:
            engine_http: the engine's.
            container_id: full id.
            argv: program, looked for on the container's own PATH, and arguments; no shell reads them.
            terminal: that it is shown in; None for none, then both outputs come apart.
            user: name or number in the container, "" for the container's own.
            environment: added to the container's.
            working_directory: "" for the container's own.
            deadline: until it has been started.
            pulse_seconds: how often the engine is asked for a sign of life, and how long it may take.

        Raises:
            NoSuchContainer: there is none.
            Conflict: it does not run, or is paused.
            EngineRefused: the command can't be started, where the engine says so at once.
            EngineError: the engine can't be asked.
        """
        more = _told(engine_http, terminal, environment, working_directory)
        exec_path, stream = commands.attach(engine_http, container_id, argv, deadline, user, more)
        channel = cls(engine_http, exec_path, stream, terminal is not None, pulse_seconds)
        if terminal is not None:
            channel.resize(terminal.columns, terminal.rows)
        return channel

    def read(self) -> tuple[Stream, bytes] | None:
        """What it prints next; blocks; None at its end, after `close`, and when the way to it is lost."""
        while not self._ready:
            if self._over.is_set():
                return None
            try:
                block = self._stream.recv()
                self._take(block)
            except EngineError as error:
                self._lose(error.detail or error.title)
                return None
            if not block:
                self._finish()
        return self._ready.popleft() if not self._is_closed else None

    def send(self, data: bytes) -> None:
        """Send all of it; blocks while the command takes nothing, until `close`. Raises an EngineError."""
        self._stream.send_all(data)

    def send_end(self) -> None:
        """No more will be sent. Raises an EngineError.

        A terminal's input has no end: the engine would take it for the end of the whole session (20.10).
        """
        if self._splitter is not None:
            self._stream.end_input()

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """The terminal has another size, told by a thread of its own; the engine takes no pixels."""
        with self._lock:
            self._wanted_size = (rows, columns)
            if self._is_resizing or self._over.is_set():
                return
            self._is_resizing = True
        threading.Thread(target=self._tell_sizes, name="exec resize", daemon=True).start()

    def outcome(self, seconds: float) -> ChannelOutcome:
        """How it ended, once `read` gave None; waits no longer than this for the engine to tell."""
        if self._lost:
            return ChannelOutcome(lost=self._lost)
        if not self._has_ended:
            return ChannelOutcome()
        deadline, pause, has_told = Deadline(seconds), threading.Event(), False
        while True:
            try:
                told = self._http.get_json(f"{self._exec_path}/json", deadline.remaining()) or {}
            except EngineRefused as error:
                return ChannelOutcome(lost=f"the engine knows no more of it: {error.detail}")
            except EngineError as error:
                if has_told and deadline.passed:
                    # the last question had no time left for its answer
                    return ChannelOutcome(lost=_STILL_RUNS)
                return ChannelOutcome(lost=error.detail or error.title)
            has_told = True
            if not told.get("Running"):
                code = told.get("ExitCode")
                return ChannelOutcome(code if isinstance(code, int) else None)
            if deadline.passed:
                return ChannelOutcome(lost=_STILL_RUNS)
            pause.wait(_LOOK_AGAIN_SECONDS)

    def close(self) -> None:
        """Give it up, from any thread, without waiting. What runs goes on: the engine does not end it."""
        with self._lock:
            self._is_closed = True
        self._stop()

    @property
    def round_trip_seconds(self) -> float | None:
        """Of the engine's last sign of life; None before the first."""
        return self._pulse.round_trip_seconds

    @property
    def silent_seconds(self) -> float:
        """Since when a sign of life is waited for; 0.0 where none is."""
        return self._pulse.silent_seconds

    def _take(self, block: bytes) -> None:
        if self._splitter is None:
            if block:
                self._ready.append((Stream.STDOUT, block))
            return
        for stream, payload in self._splitter.feed(block) if block else self._splitter.end():
            if payload:
                # what the engine itself has to say of a command goes where errors go
                self._ready.append((Stream.STDOUT if stream == Stream.STDOUT else Stream.STDERR, payload))

    def _finish(self) -> None:
        """The stream is at its end, by whichever side."""
        with self._lock:
            self._has_ended = not self._is_closed and not self._lost
        self._stop()

    def _lose(self, words: str) -> None:
        with self._lock:
            if not self._is_closed and not self._has_ended and not self._lost:
                self._lost = words
        self._stop()

    def _stop(self) -> None:
        self._over.set()
        self._pulse.close()
        self._stream.close()

    def _tell_sizes(self) -> None:
        """Tell the latest size until there is no newer one."""
        while True:
            with self._lock:
                size, self._wanted_size = self._wanted_size, None
                if size is None or self._over.is_set():
                    self._is_resizing = False
                    return
            self._tell(*size)

    def _tell(self, rows: int, columns: int) -> None:
        for attempt in range(_RESIZE_TRIES):
            try:
                path = f"{self._exec_path}/resize?h={rows}&w={columns}"
                self._http.post(path, None, PING_SECONDS)
            except EngineError:
                if self._over.wait(_RESIZE_AGAIN_SECONDS * 2**attempt) or self._wanted_size is not None:
                    return
            else:
                return


def _told(
    engine_http: EngineHttp, terminal: Terminal | None, environment: Mapping[str, str], working_directory: str
) -> dict[str, Any]:
    """What the request for a command holds beyond program and user."""
    variables = dict(environment)
    told: dict[str, Any] = {"DetachKeys": _DETACH_KEYS}
    if terminal is not None:
        variables.setdefault("TERM", terminal.name)
        told["Tty"] = True
        if _api_version(engine_http.prefix) >= _CONSOLE_SIZE_API:
            told["ConsoleSize"] = [terminal.rows, terminal.columns]
    if variables:
        told["Env"] = [f"{name}={value}" for name, value in variables.items()]
    if working_directory:
        told["WorkingDir"] = working_directory
    return told


def _api_version(prefix: str) -> tuple[int, ...]:
    """Of "/v1.47"; nothing where none was negotiated."""
    return tuple(int(part) for part in prefix.removeprefix("/v").split(".") if part.isdigit())
