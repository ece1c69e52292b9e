"""A connection that is taken over is a stream in two directions, on each kind of connection."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import Answer, Server, hold, reply
from tests.backends.test_engine import write_certificate
from tui.backends.deadline import Deadline
from tui.backends.docker.endpoint import Endpoint, TlsFiles
from tui.backends.docker.hijack import HijackedSocket
from tui.backends.docker.http import EngineHttp
from tui.model.errors import (
    Conflict,
    EngineError,
    EngineLost,
    EngineNotFound,
    EngineRefused,
    EngineTimeout,
    EngineUnreachable,
    NoSuchContainer,
)

#: Starts a server with this answer; gives its endpoint.
Start = Callable[[Answer], Endpoint]

SECONDS = 30.0
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
OLD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"


def take_over(endpoint: Endpoint) -> HijackedSocket:
    return EngineHttp(endpoint).hijack("/exec/1/start", {"Tty": True}, Deadline(SECONDS))


def whole(stream: HijackedSocket) -> bytes:
    return b"".join(iter(lambda: stream.recv(seconds=SECONDS), b""))


def echo(connection: socket.socket, _: str) -> None:
    """Gives back what comes, up to its end, and says that it ended."""
    connection.sendall(UPGRADED + b"hello ")
    while block := connection.recv(1 << 16):
        connection.sendall(block)
    connection.sendall(b" end")


def swallow(connection: socket.socket, _: str) -> None:
    """Says a lot while it takes a lot, then what it took."""
    connection.sendall(UPGRADED)
    found = hashlib.sha256()
    while block := connection.recv(1 << 16):
        found.update(block)
        connection.sendall(bytes(len(block)))
    connection.sendall(found.digest())


class TestTheAnswer:
    @pytest.mark.parametrize("head", [UPGRADED, OLD, b"HTTP/1.1 100 Continue\r\n\r\n" + UPGRADED])
    def test_what_comes_with_the_head_is_not_lost(self, serve: Serve, head: bytes) -> None:
        _, endpoint = serve(lambda connection, _: connection.sendall(head + b"first\r\n\r\nsecond"))
        stream = take_over(endpoint)
        assert whole(stream) == b"first\r\n\r\nsecond"
        stream.close()

    def test_an_upgrade_is_asked_for(self, serve: Serve) -> None:
        heads: list[str] = []

        def answer(connection: socket.socket, head: str) -> None:
            heads.append(head)
            connection.sendall(UPGRADED)

        _, endpoint = serve(answer)
        take_over(endpoint).close()
        lines = heads[0].split("\r\n")
        assert lines[0] == "POST /exec/1/start HTTP/1.1"
        assert {"Connection: Upgrade", "Upgrade: tcp", "Content-Type: application/json"} <= set(lines)

    @pytest.mark.parametrize(
        ("status", "kind"), [(404, NoSuchContainer), (409, Conflict), (500, EngineRefused)]
    )
    def test_a_refusal_is_told(self, serve: Serve, status: int, kind: type[EngineError]) -> None:
        _, endpoint = serve(reply('{"message": "No such container: it"}', status))
        with pytest.raises(kind) as caught:
            take_over(endpoint)
        assert caught.value.detail == "No such container: it"

    def test_silence_has_an_end(self, serve: Serve, stop: threading.Event) -> None:
        _, endpoint = serve(hold(stop))
        with pytest.raises(EngineTimeout):
            EngineHttp(endpoint).hijack("/exec/1/start", {}, Deadline(0.1))

    def test_nobody_there(self, socket_path: Path) -> None:
        with pytest.raises(EngineNotFound):
            take_over(Endpoint(f"unix://{socket_path}", "--host", socket_path=str(socket_path)))

    def test_a_connection_that_ends_before_the_answer(self, serve: Serve) -> None:
        _, endpoint = serve(lambda connection, _: None)
        with pytest.raises(EngineLost):
            take_over(endpoint)


class TestTheStream:
    @pytest.fixture(params=["unix", "tcp", "tls"])
    def kind(self, request: pytest.FixtureRequest) -> str:
        """Of connection."""
        return str(request.param)

    @pytest.fixture
    def start(self, kind: str, serve: Serve, tmp_path: Path) -> Iterator[Start]:
        """Starts a server; gives the endpoint."""
        with contextlib.ExitStack() as servers:

            def start(answer: Answer) -> Endpoint:
                if kind == "unix":
                    return serve(answer)[1]
                listener: socket.socket = socket.create_server(("127.0.0.1", 0))
                port: int = listener.getsockname()[1]
                tls = None
                if kind == "tls":
                    write_certificate(tmp_path)
                    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
                    listener = context.wrap_socket(listener, server_side=True)
                    tls = TlsFiles(str(tmp_path / "ca.pem"))
                servers.enter_context(Server(listener, answer))
                url = f"tcp://127.0.0.1:{port}"
                return Endpoint(url, "--host", tcp_host="127.0.0.1", tcp_port=port, tls=tls)

            yield start

    def test_the_end_of_input_is_told_and_the_rest_still_comes(self, start: Start) -> None:
        stream = take_over(start(echo))
        stream.send_all(b"one")
        stream.end_input()
        stream.end_input()
        assert whole(stream) == b"hello one end"
        stream.close()

    def test_both_directions_flow_at_once(self, start: Start) -> None:
        stream = take_over(start(swallow))
        content = bytes(range(256)) * (80 << 10)

        def send() -> None:
            stream.send_all(content)
            stream.end_input()

        sender = threading.Thread(target=send)
        sender.start()
        found = whole(stream)
        sender.join(SECONDS)
        assert len(found) == len(content) + 32
        assert found[-32:] == hashlib.sha256(content).digest()
        stream.close()

    def test_waiting_has_an_end_where_it_was_given_one(self, start: Start, stop: threading.Event) -> None:
        def answer(connection: socket.socket, _: str) -> None:
            connection.sendall(UPGRADED)
            stop.wait()

        stream = take_over(start(answer))
        with pytest.raises(TimeoutError):
            stream.recv(seconds=0.05)
        stream.close()

    def test_closing_ends_who_reads_and_who_sends(self, start: Start, stop: threading.Event) -> None:
        def answer(connection: socket.socket, _: str) -> None:
            connection.sendall(UPGRADED)
            stop.wait()

        stream = take_over(start(answer))
        ends: list[object] = []

        def send() -> None:
            try:
                stream.send_all(bytes(64 << 20))
            except EngineLost as error:
                ends.append(error)

        threads = [threading.Thread(target=lambda: ends.append(stream.recv())), threading.Thread(target=send)]
        for thread in threads:
            thread.start()
        threads[1].join(0.1)
        assert not ends
        stream.close()
        stream.close()
        for thread in threads:
            thread.join(SECONDS)
        assert len(ends) == 2
        assert b"" in ends
        assert stream.is_closed
        assert stream.recv() == b""
        with pytest.raises(EngineLost):
            stream.end_input()


def test_a_certificate_of_nobody_is_refused(tmp_path: Path) -> None:
    write_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    listener = socket.create_server(("127.0.0.1", 0))
    port: int = listener.getsockname()[1]
    with Server(context.wrap_socket(listener, server_side=True), echo):
        endpoint = Endpoint(
            f"tcp://127.0.0.1:{port}", "--host", tcp_host="127.0.0.1", tcp_port=port, tls=TlsFiles()
        )
        with pytest.raises(EngineUnreachable) as caught:
            take_over(endpoint)
    assert "certificate" in caught.value.detail.lower()
