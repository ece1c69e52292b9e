"""Answers that are called off while they are waited for, over every kind of connection."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import Answer, Server, chunked, hold, reply, trickle
from tests.backends.test_engine import write_certificate
from tests.rig.waiting import until
from tui.backends.deadline import CancellableDeadline
from tui.backends.docker.changes import changes_until
from tui.backends.docker.endpoint import Endpoint, TlsFiles
from tui.backends.docker.http import EngineHttp
from tui.backends.docker.in_parallel import ask_each
from tui.model.errors import EngineLost, EngineRefused, EngineTimeout, ReclaimError

# Longer than any test waits: what ends earlier was called off.
LONG_SECONDS = 600.0
Start = Callable[[Answer], tuple[Server, Endpoint]]


@pytest.fixture(params=["unix", "tcp", "tls"])
def start(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Iterator[Start]:
    """Starts a server; gives it and its endpoint."""
    with contextlib.ExitStack() as servers:

        def begin(answer: Answer) -> tuple[Server, Endpoint]:
            if request.param == "unix":
                return serve(answer)
            listener: socket.socket = socket.create_server(("127.0.0.1", 0))
            port: int = listener.getsockname()[1]
            tls = None
            if request.param == "tls":
                write_certificate(tmp_path)
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
                listener = context.wrap_socket(listener, server_side=True)
                tls = TlsFiles(str(tmp_path / "ca.pem"))
            server = servers.enter_context(Server(listener, answer))
            url = f"tcp://127.0.0.1:{port}"
            return server, Endpoint(url, "--host", tcp_host="127.0.0.1", tcp_port=port, tls=tls)

        yield begin


class Call(threading.Thread):
    """A question in a thread of its own."""

    def __init__(self, endpoint: Endpoint) -> None:
        super().__init__(daemon=True)
        self.cancelled = threading.Event()
        self.came: Any = None
        self._http = EngineHttp(endpoint)
        self.start()

    def run(self) -> None:
        try:
            deadline = CancellableDeadline(LONG_SECONDS, self.cancelled.is_set)
            self.came = self._http.get_json_until("/system/df", deadline)
        except Exception as error:
            self.came = error

    def ended(self) -> Any:
        """What came of it."""
        self.join(60)
        assert not self.is_alive()
        return self.came


class TestCalledOff:
    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n[1,"])
    def test_in_silence(self, start: Start, stop: threading.Event, sent: bytes) -> None:
        hung_up = threading.Event()

        def answer(connection: socket.socket, request: str) -> None:
            connection.sendall(sent)
            with contextlib.suppress(OSError):
                connection.recv(1)
            hung_up.set()

        server, endpoint = start(answer)
        call = Call(endpoint)
        until(lambda: server.requests, 30, "it was asked")
        call.cancelled.set()
        assert isinstance(call.ended(), ReclaimError)
        # the engine hears of it, and stops to count
        assert hung_up.wait(30)

    def test_in_a_trickle(self, start: Start, stop: threading.Event) -> None:
        server, endpoint = start(trickle(b"HTTP/1.1 200 OK\r\n\r\n", b" ", stop))
        call = Call(endpoint)
        until(lambda: server.requests, 30, "it was asked")
        call.cancelled.set()
        assert isinstance(call.ended(), ReclaimError)

    def test_before_it_began(self, start: Start) -> None:
        server, endpoint = start(reply("{}"))
        with pytest.raises(ReclaimError):
            EngineHttp(endpoint).get_json_until("/x", CancellableDeadline(LONG_SECONDS, lambda: True))
        assert server.requests == []

    def test_the_deadline_passes_all_the_same(self, start: Start, stop: threading.Event) -> None:
        _, endpoint = start(hold(stop))
        with pytest.raises(EngineTimeout):
            EngineHttp(endpoint).get_json_until("/x", CancellableDeadline(0.25, lambda: False))

    @pytest.mark.parametrize("is_chunked", [False, True])
    def test_large_answers_come_whole(self, start: Start, is_chunked: bool) -> None:
        large = b'{"a": "' + b"x" * 3_000_000 + b'"}'
        blocks = [large[at : at + 70_001] for at in range(0, len(large), 70_001)]
        _, endpoint = start(chunked(*blocks) if is_chunked else reply(large))
        assert len(Call(endpoint).ended()["a"]) == 3_000_000

    def test_changes_of_a_container(self, start: Start, stop: threading.Event) -> None:
        head = b'HTTP/1.1 200 OK\r\n\r\n[{"Path":"/a","Kind":1},{"Path":"/b","Kind":1},{"Path":"/c'
        _, endpoint = start(trickle(head, b"c", stop))
        cancelled = threading.Event()
        told = changes_until(EngineHttp(endpoint), "c", CancellableDeadline(LONG_SECONDS, cancelled.is_set))
        assert next(told).path == "/a"
        cancelled.set()
        with pytest.raises(ReclaimError):
            list(told)


class TestManyQuestions:
    def test_one_that_is_refused_is_left_out(self) -> None:
        def ask(key: int, deadline: CancellableDeadline) -> int:
            if key == 3:
                raise EngineRefused("No", "it is gone", "", 404)
            return key * 2

        assert ask_each(ask, range(6), lambda: False) == {0: 0, 1: 2, 2: 4, 4: 8, 5: 10}

    def test_a_lost_engine_calls_the_others_off(self) -> None:
        asked: list[int] = []
        called_off = threading.Event()

        def ask(key: int, deadline: CancellableDeadline) -> int:
            asked.append(key)
            if key == 1:
                raise EngineLost("Lost", "it went away", "")
            with pytest.raises(ReclaimError):
                until(lambda: deadline.check(), 30, "called off")
            called_off.set()
            raise ReclaimError("Called off", "", "")

        with pytest.raises(EngineLost):
            ask_each(ask, range(100), lambda: False)
        assert called_off.is_set() and len(asked) <= 8

    def test_called_off(self) -> None:
        with pytest.raises(ReclaimError):
            ask_each(lambda key, deadline: key, range(100), lambda: True)
