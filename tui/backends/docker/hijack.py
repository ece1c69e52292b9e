"""A connection to the engine as a raw stream of bytes in two directions, each with a thread of its own."""

from __future__ import annotations

import contextlib
import http.client
import io
import select
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

from tui.backends.deadline import Deadline
from tui.model.errors import EngineLost

if TYPE_CHECKING:
    from tui.backends.docker.tls import TlsLayer

#: Read and written at a time.
BLOCK_BYTES = 64 << 10
# What one record of TLS holds at most (RFC 8446, section 5.1).
_RECORD_BYTES = 16 << 10


class HijackedSocket:
    """The bytes of an upgraded connection; read by one thread, written by others, closed by any."""

    def __init__(self, connected: socket.socket, tls: TlsLayer | None = None) -> None:
        """Args: a connected socket, owned from now on, and the TLS that is to be spoken over it."""
        connected.setblocking(False)
        self._socket = connected
        self._tls = tls
        self._ahead = b""
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._users = 0
        self._is_closed = False
        self._input_ended = False

    @property
    def is_closed(self) -> bool:
        """Whether it was closed from here."""
        return self._is_closed

    def shake_hands(self, deadline: Deadline) -> None:
        """Begin TLS where it is spoken. Raises OSError, and TimeoutError after the deadline."""
        if self._tls is None:
            return
        with self._held():
            while True:
                out, is_done = self._tls.shake_hands()
                self._send_raw(memoryview(out), deadline)
                if is_done:
                    return
                block = self._recv_raw(BLOCK_BYTES, deadline)
                self._tls.feed(block)

    def recv(self, most_bytes: int = BLOCK_BYTES, seconds: float | None = None) -> bytes:
        """What comes next; b"" at the end of the stream and after `close`.

        Args:
            most_bytes: of them.
            seconds: to wait for the first; None for as long as it takes.

        Raises:
            TimeoutError: nothing came in so many seconds.
            EngineLost: the connection broke.
        """
        if self._ahead:
            taken, self._ahead = self._ahead[:most_bytes], self._ahead[most_bytes:]
            return taken
        deadline = None if seconds is None else Deadline(seconds)
        try:
            with self._held():
                return self._recv_plain(most_bytes, deadline)
        except TimeoutError as error:
            # the kernel's own, after retransmissions without an answer, has a number
            if error.errno is None:
                raise
            raise _broken(error) from error
        except OSError as error:
            if self._is_closed:
                return b""
            raise _broken(error) from error

    def send_all(self, data: bytes) -> None:
        """Send all of it; blocks while the other side takes nothing, until `close`.

        Raises:
            EngineLost: the connection broke, or was closed.
        """
        with self._sent():
            if self._tls is None:
                self._send_raw(memoryview(data), None)
                return
            for start in range(0, len(data), _RECORD_BYTES):
                out = self._tls.encrypt(data[start : start + _RECORD_BYTES])
                self._send_raw(memoryview(out), None)

    def end_input(self) -> None:
        """No more will be sent; what comes can still be read.

        A unix or TCP socket is shut down in this direction. TLS has no such thing on the socket: its own
        "close notify" says it, which Go's TLS takes as the end of what it reads and nothing else.

        Raises:
            EngineLost: the connection broke, or was closed.
        """
        with self._sent():
            if self._input_ended:
                return
            self._input_ended = True
            if self._tls is None:
                self._socket.shutdown(socket.SHUT_WR)
            else:
                self._send_raw(memoryview(self._tls.end()), None)

    def close(self) -> None:
        """End it at once, from any thread: whoever waits in `recv` or `send_all` goes on. Harmless twice."""
        with self._lock:
            self._is_closed = True
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._close_unused()

    def _close_unused(self) -> None:
        # its number must not be given to another file while a thread waits at it
        if self._is_closed and not self._users:
            self._socket.close()

    def _give_back(self, data: bytes) -> None:
        self._ahead = data + self._ahead

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        with self._lock:
            if self._is_closed:
                raise ConnectionAbortedError("closed")
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                self._close_unused()

    @contextlib.contextmanager
    def _sent(self) -> Iterator[None]:
        try:
            with self._sending, self._held():
                yield
        except OSError as error:
            raise _broken(error) from error

    def _recv_plain(self, most_bytes: int, deadline: Deadline | None) -> bytes:
        if self._tls is None:
            return self._recv_raw(most_bytes, deadline)
        while (plain := self._tls.decrypt(most_bytes)) is None:
            self._tls.feed(self._recv_raw(BLOCK_BYTES, deadline))
        return plain

    def _recv_raw(self, most_bytes: int, deadline: Deadline | None) -> bytes:
        while True:
            try:
                return self._socket.recv(most_bytes)
            except BlockingIOError:
                self._wait(select.POLLIN, deadline)

    def _send_raw(self, data: memoryview, deadline: Deadline | None) -> None:
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                self._wait(select.POLLOUT, deadline)

    def _wait(self, event: int, deadline: Deadline | None) -> None:
        """Until the socket is ready, or was shut down. Raises TimeoutError after the deadline."""
        poll = select.poll()
        poll.register(self._socket, event)
        if not poll.poll(None if deadline is None else deadline.remaining() * 1000):
            raise TimeoutError


def ask(
    stream: HijackedSocket,
    method: str,
    path: str,
    headers: Mapping[str, str],
    content: bytes,
    deadline: Deadline,
) -> http.client.HTTPResponse:
    """Send one request over a fresh connection; the answer with its head read.

    Raises:
        OSError, http.client.HTTPException: as http.client does; TimeoutError after the deadline.
        EngineError: the connection broke.
    """
    stream.send_all(head_of(method, path, headers) + content)
    return answer(stream, method, deadline)


def head_of(method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: docker", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def answer(stream: HijackedSocket, method: str, deadline: Deadline) -> http.client.HTTPResponse:
    """The answer to a request that was sent, with its head read; each byte of it before the deadline.

    Raises as `ask` does.
    """
    response = http.client.HTTPResponse(cast("socket.socket", _Face(stream, deadline)), method=method)
    response.begin()
    return response


def upgraded(stream: HijackedSocket, response: http.client.HTTPResponse) -> None:
    """Turn a connection into a stream: what was read behind the head of the answer is what comes first."""
    reader = response.fp
    cast(_Reader, reader.raw).is_over = True
    stream._give_back(reader.peek())


class _Face:
    """A stream as http.client wants to see it."""

    def __init__(self, stream: HijackedSocket, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Reader(self._stream, self._deadline))


class _Reader(io.RawIOBase):
    """Reads a stream until a deadline, or until told that the rest is not its own."""

    def __init__(self, stream: HijackedSocket, deadline: Deadline) -> None:
        super().__init__()
        self._stream, self._deadline = stream, deadline
        self.is_over = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.is_over:
            return 0
        if self._deadline.passed:
            raise TimeoutError
        block = self._stream.recv(len(buffer), self._deadline.remaining())
        buffer[: len(block)] = block
        return len(block)


def _broken(error: OSError) -> EngineLost:
    return EngineLost(
        "The engine closed the connection",
        f"its stream broke: {error.strerror or error}",
        "It may be restarting; try again",
    )
