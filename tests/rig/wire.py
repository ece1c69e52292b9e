"""HTTP/1.1 as it is on the wire: heads, bodies and chunks from a socket, without losing how they came."""

from __future__ import annotations

import select
import socket
from dataclasses import dataclass

BLOCK = 1 << 16


class Gone(Exception):
    """One of the two sides ended the connection."""


@dataclass(frozen=True, slots=True)
class Head:
    """The start line and the headers of a request or an answer."""

    start: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        """A header by its name in lower case; empty if it is not there."""
        return next((value for key, value in self.headers if key.lower() == name), "")

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "chunked" in self.get("transfer-encoding").lower()

    def encode(self, content_length: int | None = None) -> bytes:
        """The bytes to send, with the length of another body if one is given."""
        headers = self.headers
        if content_length is not None:
            headers = [
                pair for pair in headers if pair[0].lower() not in ("content-length", "transfer-encoding")
            ]
            headers = [*headers, ("Content-Length", str(content_length))]
        lines = [self.start, *(f"{key}: {value}" for key, value in headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")


class Wire:
    """Buffered reading from one side that notices when the other side hangs up meanwhile.

    Every method raises `Gone` when either side ends before it has what it wants.

    Attributes:
        buffer: What came and nobody took.
        other: The other side, once it is connected.
    """

    def __init__(self, source: socket.socket) -> None:
        self.socket, self.buffer = source, b""
        self.other: socket.socket | None = None

    def fill(self) -> None:
        """Waits for more bytes."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        if self.other is not None:
            poll.register(self.other, select.POLLRDHUP)
        ready = {handle for handle, _ in poll.poll()}
        if self.socket.fileno() not in ready:
            raise Gone
        data = self.socket.recv(BLOCK)
        if not data:
            raise Gone
        self.buffer += data

    def take(self, count: int) -> bytes:
        """So many bytes."""
        while len(self.buffer) < count:
            self.fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def until(self, mark: bytes) -> bytes:
        """All up to the mark and the mark."""
        while mark not in self.buffer:
            self.fill()
        return self.take(self.buffer.index(mark) + len(mark))

    def head(self) -> Head:
        """The next head with its empty line."""
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        pairs = (line.partition(":") for line in lines[1:])
        return Head(lines[0], [(key, value.strip()) for key, _, value in pairs])

    def chunk(self) -> tuple[bytes, bytes]:
        """The next chunk as it came and its content, which is empty for the last one (with its trailers)."""
        raw = self.until(b"\r\n")
        size = int(raw.split(b";")[0], 16)
        if size:
            raw += self.take(size + 2)
            return raw, raw[-size - 2 : -2]
        line = b""
        while line != b"\r\n":
            line = self.until(b"\r\n")
            raw += line
        return raw, b""

    def body(self, head: Head) -> tuple[bytes, bytes]:
        """A whole body as it came, and its content."""
        if not head.chunked:
            raw = self.take(int(head.get("content-length") or 0))
            return raw, raw
        wire, content = b"", b""
        while True:
            raw, data = self.chunk()
            wire, content = wire + raw, content + data
            if not data:
                return wire, content
