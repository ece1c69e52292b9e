"""HTTP to the engine over its socket, without the docker SDK: what the start and the streams need.

The SDK is right for everything that a person waits for once. It takes 260 ms to import, which would
double the start, and its streams can't be ended from another thread on every transport.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

from tui.backends.deadline import QUESTION_SECONDS, Deadline
from tui.backends.docker import hijack, refusals
from tui.backends.docker.endpoint import Endpoint, unreachable
from tui.backends.docker.hijack import HijackedSocket
from tui.backends.docker.timed import timed_response
from tui.model.errors import EngineLost, EngineNotFound, EnginePermission, EngineTimeout

# Large lists come in blocks of this size.
_BLOCK_BYTES = 1 << 16
# A flood read line by line costs twice the processor time (2.4 s against 1.0 s for a million lines). The
# engine's socket holds some 250 lines, so a longer wait than this would hold the engine up.
_SMALL_BLOCK_BYTES, _GATHER_SECONDS = 8 << 10, 0.0005
_STREAM_ENDED = "its stream ended"


class EngineHttp:
    """Requests to one endpoint. Thread-safe: each request has a connection of its own."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Args: endpoint to talk to; nothing is opened yet."""
        self.endpoint = endpoint
        self.prefix = ""

    def get(self, path: str, seconds: float = QUESTION_SECONDS) -> tuple[bytes, http.client.HTTPMessage]:
        """Body and headers of a successful answer.

        Args:
            path: with the query, without the version prefix.
            seconds: for everything, from connecting to the last byte.

        Raises:
            EngineError: whatever went wrong, by its kind.
        """
        return self._answer("GET", path, None, Deadline(seconds))

    def post(
        self, path: str, body: Any, seconds: float = QUESTION_SECONDS
    ) -> tuple[bytes, http.client.HTTPMessage]:
        """The same for a POST with a body, which is sent as JSON. Raises an EngineError."""
        return self._answer("POST", path, body, Deadline(seconds))

    def delete(self, path: str, seconds: float = QUESTION_SECONDS) -> bytes:
        """The body of the answer to a DELETE. Raises an EngineError."""
        body, _ = self._answer("DELETE", path, None, Deadline(seconds))
        return body

    def put_tar(self, path: str, archive: bytes, seconds: float = QUESTION_SECONDS) -> None:
        """PUT a tar archive. Raises an EngineError."""
        self._answer("PUT", path, archive, Deadline(seconds))

    def get_json(self, path: str, seconds: float = QUESTION_SECONDS) -> Any:
        """The answer as parsed JSON. Raises an EngineError."""
        body, _ = self.get(path, seconds)
        return refusals.parse_json(body)

    def get_json_until(self, path: str, deadline: Deadline) -> Any:
        """The same with a deadline that others share, or that can be called off.

        Raises:
            EngineError: whatever went wrong, by its kind.
            ReclaimError: it was called off; the connection is closed, so that the engine hears of it.
        """
        deadline.check()
        body, _ = self._answer("GET", path, None, deadline)
        return refusals.parse_json(body)

    def head(self, path: str, seconds: float = QUESTION_SECONDS) -> http.client.HTTPMessage:
        """The headers of the answer to a HEAD request. Raises an EngineError."""
        _, headers = self._answer("HEAD", path, None, Deadline(seconds))
        return headers

    def post_blocks(self, path: str, body: Any, deadline: Deadline) -> Generator[bytes, None, None]:
        """POST a body as JSON; the answer in blocks, as they come, each before the deadline.

        Raises:
            EngineTimeout: the deadline passed before the end of the answer.
            EngineError: whatever else went wrong, by its kind.
        """
        return self._blocks("POST", path, body, deadline)

    def get_blocks(self, path: str, deadline: Deadline) -> Generator[bytes, None, None]:
        """The same for a GET. Raises an EngineError."""
        return self._blocks("GET", path, None, deadline)

    def _blocks(self, method: str, path: str, body: Any, deadline: Deadline) -> Generator[bytes, None, None]:
        connection = self._send(method, path, deadline, body)
        connection.response_class = timed_response(deadline)
        try:
            with self._explained(deadline), connection.getresponse() as response:
                if response.status >= 300:
                    raise refusals.from_status(response.status, refusals.message_in(_whole(response)))
                while block := response.read1(_BLOCK_BYTES):
                    yield block
        finally:
            connection.close()

    def open_stream(
        self, path: str, seconds: float = QUESTION_SECONDS, *, chunked: bool = True
    ) -> EngineStream:
        """Send a request whose answer goes on until it is closed; its head is read by the stream.

        Args:
            path: with the query, without the version prefix.
            seconds: for connecting and sending; the stream itself has no deadline.
            chunked: False to be answered in HTTP/1.0, bare bytes up to the end of the connection.
        """
        connection = self._send("GET", path, Deadline(seconds), chunked=chunked)
        assert connection.sock is not None
        connection.sock.settimeout(None)
        return EngineStream(connection, connection.sock, chunked)

    def hijack(self, path: str, body: Any, deadline: Deadline) -> HijackedSocket:
        """POST a body as JSON and take the connection over: from then on it is a stream in two directions.

        Args:
            path: with the query, without the version prefix.
            body: sent as JSON.
            deadline: until the stream is there; it has none itself.

        Raises:
            EngineError: whatever went wrong, by its kind.
        """
        headers = {"Connection": "Upgrade", "Upgrade": "tcp", "Content-Type": "application/json"}
        content = json.dumps(body).encode()
        headers["Content-Length"] = str(len(content))
        stream = self.connect(deadline)
        try:
            with self._explained(deadline):
                response = hijack.ask(stream, "POST", f"{self.prefix}{path}", headers, content, deadline)
                # 200: engines and proxies that know nothing of upgrades
                if response.status not in (101, 200):
                    raise refusals.from_status(response.status, refusals.message_in(_whole(response)))
                hijack.upgraded(stream, response)
        except BaseException:
            stream.close()
            raise
        return stream

    def connect(self, deadline: Deadline) -> HijackedSocket:
        """A connection of one's own, which any thread may close. Raises an EngineError."""
        endpoint, tls = self.endpoint, None
        connection: http.client.HTTPConnection
        with self._explained(deadline), contextlib.ExitStack() as undo:
            if endpoint.socket_path is not None:
                connection = _UnixConnection(endpoint.socket_path, deadline.remaining())
            else:
                address = (endpoint.tcp_host, endpoint.tcp_port)
                connection = http.client.HTTPConnection(*address, timeout=deadline.remaining())
                if endpoint.tls is not None:
                    from tui.backends.docker.tls import TlsLayer

                    tls = TlsLayer(endpoint.tls, endpoint.tcp_host)
            undo.callback(connection.close)
            connection.connect()
            stream = HijackedSocket(connection.sock, tls)
            stream.shake_hands(deadline)
            undo.pop_all()
        return stream

    def _answer(
        self, method: str, path: str, body: Any, deadline: Deadline
    ) -> tuple[bytes, http.client.HTTPMessage]:
        connection = self._send(method, path, deadline, body)
        connection.response_class = timed_response(deadline)
        try:
            # the response is closed, too: one that says it closes took the socket from the connection
            with self._explained(deadline), connection.getresponse() as response:
                content = _whole(response)
        finally:
            connection.close()
        if response.status >= 300:
            raise refusals.from_status(response.status, refusals.message_in(content))
        return content, response.headers

    def _send(
        self, method: str, path: str, deadline: Deadline, body: Any = None, *, chunked: bool = True
    ) -> http.client.HTTPConnection:
        seconds = deadline.seconds
        if deadline.step_seconds is not None:
            # nothing can be called off before there is a connection
            seconds = min(seconds, QUESTION_SECONDS)
        connection = self._connection(seconds)
        if not chunked:
            # what http.client itself looks at; it has no argument for it
            connection._http_vsn, connection._http_vsn_str = 10, "HTTP/1.0"  # type: ignore[attr-defined]
        headers = {"Host": "docker"}
        if body is not None:
            headers["Content-Type"] = f"application/{'x-tar' if isinstance(body, bytes) else 'json'}"
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        try:
            with self._explained(deadline):
                connection.request(method, f"{self.prefix}{path}", content, headers)
        except BaseException:
            connection.close()
            raise
        return connection

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        endpoint = self.endpoint
        if endpoint.socket_path is not None:
            return _UnixConnection(endpoint.socket_path, seconds)
        if endpoint.tls is None:
            return http.client.HTTPConnection(endpoint.tcp_host, endpoint.tcp_port, timeout=seconds)
        from tui.backends.docker import tls

        with self._explained(Deadline(seconds)):
            context = tls.context_of(endpoint.tls)
        return http.client.HTTPSConnection(
            endpoint.tcp_host, endpoint.tcp_port, timeout=seconds, context=context
        )

    @contextlib.contextmanager
    def _explained(self, deadline: Deadline) -> Any:
        """Turn what sockets and HTTP raise into our own errors."""
        try:
            yield
        except TimeoutError as error:
            raise timed_out(self.endpoint, deadline.seconds) from error
        except (ConnectionResetError, BrokenPipeError, http.client.HTTPException) as error:
            raise lost(self.endpoint) from error
        except OSError as error:
            raise _from_os_error(self.endpoint, error) from error


class EngineStream:
    """An answer that goes on; read by one thread, closed by any."""

    def __init__(
        self, connection: http.client.HTTPConnection, connected: socket.socket, is_chunked: bool = True
    ) -> None:
        """Args: a connection with the request sent, its socket, and whether HTTP/1.1 was asked for."""
        self._connection = connection
        self._is_chunked = is_chunked
        # kept apart: http.client lets go of it as soon as the answer says "Connection: close"
        self._socket = connected
        self._closed = False
        self._ended = threading.Event()
        #: of the answer, once its head was read
        self.content_type = ""

    @property
    def is_closed(self) -> bool:
        """Whether it was ended from here."""
        return self._closed

    def lines(self) -> Iterator[bytes]:
        """Its lines, as they come.

        Raises:
            EngineLost: the engine ended it.
            EngineRefused: it was answered with an error.
        """
        yield from self._read(lambda response: response.readline())
        if not self._closed:
            raise _closed(_STREAM_ENDED)

    def blocks(self) -> Iterator[bytes]:
        """Its bytes in blocks, as they come, up to its end.

        Raises:
            EngineLost: the engine broke it off.
            EngineRefused: it was answered with an error.
        """
        read_at = 0.0
        for block in self._read(lambda response: response.read1(_BLOCK_BYTES)):
            yield block
            if self._is_chunked:
                # each line comes from http.client's buffer by itself
                continue
            now = time.monotonic()
            if len(block) < _SMALL_BLOCK_BYTES and now - read_at < _GATHER_SECONDS:
                # the engine writes each line by itself: in a flood, let some gather before the next read
                self._ended.wait(_GATHER_SECONDS)
                now = time.monotonic()
            read_at = now

    def _read(self, read: Callable[[http.client.HTTPResponse], bytes]) -> Iterator[bytes]:
        try:
            with self._connection.getresponse() as response:
                if response.status >= 300:
                    raise refusals.from_status(response.status, refusals.message_in(response.read()))
                self.content_type = response.headers.get_content_type()
                while piece := read(response):
                    if self._closed:
                        # what had come before nobody wants any more
                        return
                    yield piece
        except (OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            # a close from outside shows as any of these, depending on where the reader stood
            if not self._closed:
                raise _closed(_STREAM_ENDED) from error

    def close(self) -> None:
        """End it at once, from any thread: a reader in `recv` only hears the shutdown."""
        self._closed = True
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the socket back, by the reader when it is done: its number must not be reused under it."""
        self._connection.close()
        self._socket.close()


def _whole(response: http.client.HTTPResponse) -> bytes:
    body = b"".join(iter(lambda: response.read1(_BLOCK_BYTES), b""))
    if response.length:
        # http.client takes an answer that is too short for the end of it
        raise http.client.IncompleteRead(body, response.length)
    return body


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, seconds: float) -> None:
        super().__init__("docker", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(self._path)
        except BlockingIOError as error:
            # the queue of a frozen engine is full: the kernel says EAGAIN at once instead of waiting
            self.sock.close()
            raise TimeoutError from error


def timed_out(endpoint: Endpoint, seconds: float) -> EngineTimeout:
    """The error for an engine that does not answer."""
    return EngineTimeout(
        "The engine does not answer",
        f"{endpoint.url} took the request and said nothing for {seconds:.0f} s",
        "Wait, or look at the engine: systemctl status docker",
    )


def lost(endpoint: Endpoint) -> EngineLost:
    """The error for a connection that the engine closed."""
    return _closed(f"{endpoint.url} went away in the middle of an answer")


def _closed(detail: str) -> EngineLost:
    hint = "It may be restarting; envtui tries again by itself"
    return EngineLost("The engine closed the connection", detail, hint)


def _from_os_error(endpoint: Endpoint, error: OSError) -> Exception:
    if endpoint.socket_path is None:
        return unreachable(endpoint, error)
    return socket_error(endpoint, error)


def socket_error(endpoint: Endpoint, error: OSError) -> EngineNotFound | EnginePermission:
    """The error for a unix socket that can't be connected to."""
    path = endpoint.socket_path or endpoint.url
    if isinstance(error, PermissionError):
        return EnginePermission(
            f"No permission on {path}",
            "the engine's socket does not let this user in",
            "Join its group (sudo usermod -aG docker $USER, then log in again), or run a rootless engine",
        )
    if isinstance(error, ConnectionRefusedError):
        why = f"nothing listens on {path}: the engine is not running"
    elif isinstance(error, FileNotFoundError):
        why = f"{path} does not exist"
    else:
        why = f"{path}: {error.strerror or error}"
    return EngineNotFound(
        f"No container engine at {endpoint.url} ({endpoint.origin})",
        why,
        "Start it (sudo systemctl start docker), or name another with --host",
    )
