"""A server in a thread that answers each request as a test says, on a unix socket or on any other."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path

#: Gets the connection and the request's head; the connection is closed when it returns.
Answer = Callable[[socket.socket, str], None]


class Server:
    """Accepts connections until it is closed; each is answered in a thread of its own."""

    def __init__(self, listener: socket.socket, answer: Answer) -> None:
        """Args: listener that is bound and listens; what to do with each request."""
        self.requests: list[str] = []
        self.failures: list[Exception] = []
        self.answer = answer
        self._listener = listener
        self._connections: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @classmethod
    def on_socket(cls, path: Path, answer: Answer) -> Server:
        """One on a unix socket."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        return cls(listener, answer)

    def close(self) -> None:
        """Stop to listen and hang up."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                # a failed TLS handshake; or the end
                self.failures.append(error)
                if self._listener.fileno() < 0 or not isinstance(error, ConnectionError | ssl.SSLError):
                    return
                continue
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                block = connection.recv(4096)
                if not block:
                    return
                head += block
            self.requests.append(head.decode().partition("\r\n")[0])
            self.answer(connection, head.decode())


def reply(
    body: bytes | str = b"", status: int = 200, headers: tuple[str, ...] = (), *, length: int | None = None
) -> Answer:
    """Answers every request with this; `length` is claimed instead of the body's own."""
    content = body.encode() if isinstance(body, str) else body
    claimed = len(content) if length is None else length
    head = "\r\n".join((f"HTTP/1.1 {status} Whatever", f"Content-Length: {claimed}", *headers, "", ""))

    def answer(connection: socket.socket, request: str) -> None:
        connection.sendall(head.encode() + content)

    return answer


def chunked(*chunks: bytes, ends: bool = True) -> Answer:
    """Answers in chunks, and leaves the last one of them out where `ends` is false."""

    def answer(connection: socket.socket, request: str) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in chunks:
            connection.sendall(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if ends:
            connection.sendall(b"0\r\n\r\n")

    return answer


def trickle(head: bytes, drop: bytes, stop: threading.Event) -> Answer:
    """Answers with `head` at once, then with a drop every few milliseconds until told to stop."""

    def answer(connection: socket.socket, request: str) -> None:
        connection.sendall(head)
        while not stop.wait(0.01):
            connection.sendall(drop)

    return answer


def hold(stop: threading.Event) -> Answer:
    """Takes the request and says nothing until told to stop."""

    def answer(connection: socket.socket, request: str) -> None:
        stop.wait()

    return answer
