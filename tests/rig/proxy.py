"""A proxy in front of an engine's socket: counts what is asked, rewrites answers, and fails on request."""

from __future__ import annotations

import contextlib
import json
import re
import select
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.rig.wire import BLOCK, Gone, Head, Wire

_STREAM = re.compile(
    r"/(events|containers/[^/]+/(logs|attach|attach/ws|export|archive|stats)|exec/[^/]+/start|build|session|grpc"
    r"|images/(create|load|get|.+/(push|get)))(\?|$)"
)
# Answers that are passed on piece by piece; all other JSON is complete and may be rewritten as a whole.

_LOOK_MILLISECONDS = 20
# How often a held request looks whether it may go on.

Rewrite = Callable[[str, str, bytes], bytes]
RewriteEvent = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came by: when (`time.monotonic()`), method, and path as sent, with query."""

    at: float
    method: str
    path: str

    @property
    def resource(self) -> str:
        """The path without version and query: /containers/json."""
        return _unversioned(self.path).partition("?")[0]


class EngineProxy:
    """Listens on a unix socket of its own and passes on to the engine; one thread a connection.

    Attributes:
        socket_path: Where to connect; `host` is the same for `-H` and DOCKER_HOST.
        rewrite: Called with method, path and body of each complete JSON answer; gives back the body to send.
        rewrite_event: Called with each line of `/events`; gives back the line to send, None to drop it.
        before: Called with method and path (without version) of each request, before it goes on.
        refuse: If set, the status that every request gets, with `refuse_message`.
        hang: While set, requests are accepted and held; they go on when it is cleared.
        cut_requests: While set, a connection is closed as soon as a request came in.
        delay_seconds: How long each request is held before it goes on.
        faults_match: A regular expression; the four above apply only to requests where it is found in
            "METHOD /path?query" (without version).
    """

    def __init__(self, upstream_socket: str) -> None:
        self.upstream_socket = upstream_socket
        self.rewrite: Rewrite | None = None
        self.rewrite_event: RewriteEvent | None = None
        self.before: Callable[[str, str], None] | None = None
        self.refuse: int | None = None
        self.refuse_message = "refused by the test"
        self.hang = False
        self.cut_requests = False
        self.delay_seconds = 0.0
        self.faults_match = ""
        self._overrides: list[tuple[re.Pattern[str], re.Pattern[str], int, bytes]] = []
        self._requests: list[Request] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sockets: set[socket.socket] = set()
        self._threads: set[threading.Thread] = set()
        self._folder = tempfile.mkdtemp(prefix="envtui-proxy-", dir="/tmp")
        self.socket_path = f"{self._folder}/docker.sock"
        self.host = f"unix://{self.socket_path}"
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.socket_path)
        self._listener.listen(128)
        self._acceptor = threading.Thread(target=self._accept, name="engine proxy", daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- what tests ask and set

    def requests(self, since: float = 0.0) -> list[Request]:
        """The requests so far, in order of arrival, from a time of `time.monotonic()` on."""
        with self._lock:
            return [request for request in self._requests if request.at >= since]

    def count(self, predicate: Callable[[Request], bool] = lambda _: True) -> int:
        """How many requests so far satisfy the predicate."""
        return sum(map(predicate, self.requests()))

    def clear(self) -> None:
        """Forgets the requests so far."""
        with self._lock:
            self._requests.clear()

    @property
    def connections(self) -> int:
        """How many clients are connected now."""
        with self._lock:
            return len(self._threads)

    def override(self, method: str, path: str, status: int, body: object) -> None:
        """Answers matching requests itself; the latest override wins.

        Args:
            method: A regular expression for the whole method.
            path: A regular expression, searched for in the path with query and without version.
            status: Of the answer.
            body: Bytes are sent as they are, all else as JSON.
        """
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._overrides.insert(0, (re.compile(method), re.compile(path), status, raw))

    def clear_overrides(self) -> None:
        """Asks the engine again about everything."""
        self._overrides.clear()

    def cut(self) -> None:
        """Cuts all connections that are open now; new ones are accepted."""
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends all connections and threads and removes the socket. Harmless to call twice."""
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(10)
        self._listener.close()
        self.cut()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(10)
        shutil.rmtree(self._folder, ignore_errors=True)

    # -- one connection

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(
                target=self._serve, args=(client,), name="engine proxy client", daemon=True
            )
            with self._lock:
                self._threads.add(thread)
                self._sockets.add(client)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        engine = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with self._lock:
            self._sockets.add(engine)
        try:
            from_client, from_engine = Wire(client), Wire(engine)
            while not self._closing.is_set():
                self._exchange(from_client, from_engine)
        except (Gone, OSError, ValueError):
            pass  # the connection ends with either side; a test sees that at its own end
        finally:
            with self._lock:
                self._sockets -= {client, engine}
                self._threads.discard(threading.current_thread())
            client.close()
            engine.close()

    def _exchange(self, client: Wire, engine: Wire) -> None:
        head = client.head()
        method, path, _ = head.start.split(" ", 2)
        with self._lock:
            self._requests.append(Request(time.monotonic(), method, path))
        raw_body, _ = client.body(head)
        if self.before is not None:
            self.before(method, _unversioned(path))
        own = self._own_answer(method, _unversioned(path), client.socket)
        if own is not None:
            status, content = own
            answer = Head(f"HTTP/1.1 {status} Rig", [("Content-Type", "application/json")])
            client.socket.sendall(answer.encode(len(content)) + (content if method != "HEAD" else b""))
            return
        if engine.other is None:
            engine.socket.connect(self.upstream_socket)
            client.other, engine.other = engine.socket, client.socket
        engine.socket.sendall(head.encode() + raw_body)
        answer = engine.head()
        while answer.start.split(" ")[1] == "100":
            client.socket.sendall(answer.encode())
            answer = engine.head()
        self._relay(method, path, answer, client, engine)

    def _own_answer(self, method: str, path: str, client: socket.socket) -> tuple[int, bytes] | None:
        """What the proxy answers itself, after the faults that are switched on; None to ask the engine."""
        if re.search(self.faults_match, f"{method} {path}"):
            start = time.monotonic()
            poll = select.poll()
            poll.register(client, select.POLLRDHUP)
            while self.hang or time.monotonic() < start + self.delay_seconds:
                if self._closing.is_set() or poll.poll(_LOOK_MILLISECONDS):
                    raise Gone
            if self.cut_requests:
                raise Gone
            if self.refuse is not None:
                return self.refuse, json.dumps({"message": self.refuse_message}).encode()
        for method_pattern, path_pattern, status, content in tuple(self._overrides):
            if method_pattern.fullmatch(method) and path_pattern.search(path):
                return status, content
        return None

    def _relay(self, method: str, path: str, answer: Head, client: Wire, engine: Wire) -> None:
        status = int(answer.start.split(" ")[1])
        out = client.socket
        if status == 101:
            out.sendall(answer.encode())
            self._pipe(client, engine)
        elif method == "HEAD" or status in (204, 304):
            out.sendall(answer.encode())
        elif not answer.chunked and not answer.get("content-length"):
            out.sendall(answer.encode())
            self._pipe(client, engine)
        elif answer.chunked and _is_stream(path):
            out.sendall(answer.encode())
            self._stream(_unversioned(path).startswith("/events"), out, engine)
        else:
            raw, content = engine.body(answer)
            if self.rewrite is not None and answer.get("content-type").startswith("application/json"):
                content = self.rewrite(method, path, content)
                out.sendall(answer.encode(len(content)) + content)
            else:
                out.sendall(answer.encode() + raw)

    def _stream(self, events: bool, out: socket.socket, engine: Wire) -> None:
        rest = b""
        while True:
            raw, data = engine.chunk()
            if events and self.rewrite_event is not None and data:
                *lines, rest = (rest + data).split(b"\n")
                kept = [new for new in map(self.rewrite_event, lines) if new is not None]
                data = b"".join(line + b"\n" for line in kept)
                if data:
                    out.sendall(b"%x\r\n%s\r\n" % (len(data), data))
                continue
            out.sendall(raw)
            if not data:
                return

    def _pipe(self, client: Wire, engine: Wire) -> None:
        """Both directions raw until both have ended; an end on one side is passed on as such."""
        upward = threading.Thread(
            target=_pump, args=(client, engine.socket), name="engine proxy pipe", daemon=True
        )
        upward.start()
        _pump(engine, client.socket)
        upward.join()
        raise Gone


def _pump(source: Wire, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        data = source.buffer
        while True:
            if data:
                sink.sendall(data)
            data = source.socket.recv(BLOCK)
            if not data:
                break
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _unversioned(path: str) -> str:
    return re.sub(r"^/v\d[\d.]*(?=/)", "", path)


def _is_stream(path: str) -> bool:
    bare = _unversioned(path)
    if re.search(r"/stats\?", bare) and re.search(
        r"[?&](stream=(0|false)|one-shot=(1|true))\b", bare, re.IGNORECASE
    ):
        return False
    return _STREAM.match(bare) is not None
