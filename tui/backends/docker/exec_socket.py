"""Input and output of a command in a container as the socket that paramiko speaks SSH over."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Mapping, Sequence

from tui.backends.deadline import Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.frames import FrameSplitter
from tui.backends.docker.hijack import HijackedSocket
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineError
from tui.model.logs import Stream

# What a server says when it does not start stands on its last lines; a longer line is cut.
_MOST_ERROR_LINES, _MOST_LINE_BYTES = 20, 1000


class ExecSocket:
    """What paramiko's Transport asks of a socket, and no more.

    It has no `fileno`: what can be read there is not what the command printed, as the engine puts frames
    around it. One thread reads; others may send and close.
    """

    def __init__(self, engine_http: EngineHttp, exec_path: str, stream: HijackedSocket) -> None:
        """Args: the engine's; path of the exec there; its stream, in frames."""
        self._http = engine_http
        self._exec_path = exec_path
        self._stream = stream
        self._splitter = FrameSplitter()
        self._output = bytearray()
        self._timeout_seconds: float | None = None
        self._error_lines: deque[bytes] = deque(maxlen=_MOST_ERROR_LINES)
        self._error_rest = b""
        self._has_ended = False
        # paramiko looks at this attribute of sockets
        self._closed = False

    @classmethod
    def open(
        cls,
        engine_http: EngineHttp,
        container_id: str,
        argv: Sequence[str],
        user: str,
        environment: Mapping[str, str],
        deadline: Deadline,
    ) -> ExecSocket:
        """Start a command in a running container, without a terminal.

        Args and errors as for `ExecChannel.open`.
        """
        more = {"Env": [f"{name}={value}" for name, value in environment.items()]} if environment else {}
        exec_path, stream = commands.attach(engine_http, container_id, argv, deadline, user, more)
        return cls(engine_http, exec_path, stream)

    @property
    def errors(self) -> tuple[str, ...]:
        """The last lines on its standard error, as far as they came in between what was received."""
        lines = [*self._error_lines, self._error_rest][-_MOST_ERROR_LINES:]
        return tuple(line.decode("utf-8", "replace").rstrip() for line in lines if line.strip())

    def exit_code(self, deadline: Deadline) -> int | None:
        """How it ended, where the engine knows by the deadline. Raises an EngineError."""
        return commands.exit_code(self._http, self._exec_path, deadline, True)

    def settimeout(self, seconds: float | None) -> None:
        """How long `recv` waits."""
        self._timeout_seconds = seconds

    def gettimeout(self) -> float | None:
        """How long `recv` waits."""
        return self._timeout_seconds

    def recv(self, most_bytes: int) -> bytes:
        """What it printed on its standard output; b"" at the end and after `close`.

        Raises:
            TimeoutError: nothing came in time; the same as socket.timeout.
            ConnectionResetError: the way to it broke.
        """
        # several frames of errors don't make a wait without an end longer than what it is allowed
        deadline = None if self._timeout_seconds is None else Deadline(self._timeout_seconds)
        while not self._output:
            if self._has_ended or self._closed:
                return b""
            try:
                block = self._stream.recv(seconds=None if deadline is None else deadline.remaining())
                self._take(block)
            except EngineError as error:
                # paramiko reads number and words of whatever a socket raises
                raise ConnectionResetError(errno.ECONNRESET, error.detail) from error
            self._has_ended = not block
        taken = bytes(self._output[:most_bytes])
        del self._output[:most_bytes]
        return taken

    def send(self, data: bytes) -> int:
        """Send all of it; blocks until `close`, whatever the time-out is: paramiko would only try again.

        Raises:
            BrokenPipeError: the way to it broke, or was closed.
        """
        try:
            self._stream.send_all(bytes(data))
        except EngineError as error:
            raise BrokenPipeError(errno.EPIPE, error.detail) from error
        return len(data)

    def sendall(self, data: bytes) -> None:
        """The same."""
        self.send(data)

    def close(self) -> None:
        """Give it up, from any thread: the command's input ends, which ends a server. Harmless twice."""
        self._closed = True
        self._stream.close()

    def _take(self, block: bytes) -> None:
        for stream, payload in self._splitter.feed(block) if block else self._splitter.end():
            if stream == Stream.STDOUT:
                self._output += payload
            else:
                *lines, rest = (self._error_rest + payload).split(b"\n")
                self._error_lines.extend(line[:_MOST_LINE_BYTES] for line in lines)
                self._error_rest = rest[:_MOST_LINE_BYTES]
