"""HTTP to the engine: what it says, and everything that can go wrong on the way."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import chunked, hold, reply, trickle
from tests.rig.waiting import until
from tui.backends.deadline import Deadline, of_step
from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.http import EngineHttp
from tui.backends.docker.refusals import from_status, message_in
from tui.backends.docker.timed import _TimedReader
from tui.model.errors import (
    Conflict,
    EngineError,
    EngineLost,
    EngineNotFound,
    EngineRefused,
    EngineTimeout,
    NoSuchContainer,
)
from tui.model.operations import Operation, Step

SHORT_SECONDS = 0.08
# Far more than the deadline, far less than a trickle that is never ended.
SOON_SECONDS = 10.0


def http_at(path: Path) -> EngineHttp:
    return EngineHttp(Endpoint(f"unix://{path}", "default", socket_path=str(path)))


class TestAnswers:
    def test_body_and_headers(self, serve: Serve) -> None:
        _, endpoint = serve(reply("hello", headers=("Api-Version: 1.47",)))
        body, headers = EngineHttp(endpoint).get("/_ping")
        assert (body, headers["api-version"]) == (b"hello", "1.47")

    def test_the_version_is_put_before_the_path(self, serve: Serve) -> None:
        server, endpoint = serve(reply("{}"))
        http = EngineHttp(endpoint)
        http.prefix = "/v1.47"
        http.get_json("/info?x=1")
        assert server.requests == ["GET /v1.47/info?x=1 HTTP/1.1"]

    def test_chunks_are_put_together(self, serve: Serve) -> None:
        _, endpoint = serve(chunked(b'{"a":', b" 1", b"}"))
        assert EngineHttp(endpoint).get_json("/") == {"a": 1}

    def test_an_answer_without_a_length_ends_with_the_connection(self, serve: Serve) -> None:
        _, endpoint = serve(lambda connection, _: connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n[1]"))
        assert EngineHttp(endpoint).get_json("/") == [1]

    def test_an_answer_that_says_it_closes(self, serve: Serve) -> None:
        _, endpoint = serve(reply("[1]", headers=("Connection: close",)))
        assert EngineHttp(endpoint).get_json("/") == [1]

    def test_a_large_answer(self, serve: Serve) -> None:
        _, endpoint = serve(reply(b"x" * 3_000_000))
        assert EngineHttp(endpoint).get("/")[0] == b"x" * 3_000_000

    def test_what_is_not_json_names_the_suspicion(self, serve: Serve) -> None:
        _, endpoint = serve(reply("<html>"))
        with pytest.raises(EngineLost, match="can't be read") as caught:
            EngineHttp(endpoint).get_json("/")
        assert "not JSON" in caught.value.detail
        assert "another program" in caught.value.hint

    def test_no_descriptor_is_left_open(self, serve: Serve) -> None:
        server, endpoint = serve(reply("[1]"))
        http = EngineHttp(endpoint)
        stream = http.open_stream("/")
        assert len(_open_clients(endpoint)) == 1
        http.get("/")
        server.answer = reply("no", status=500)
        with pytest.raises(EngineRefused):
            http.get("/")
        stream.release()
        assert _open_clients(endpoint) == []


def _open_clients(endpoint: Endpoint) -> list[str]:
    """Sockets of this process that are connected to the endpoint, seen from the client's side."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            duplicate = socket.socket(fileno=os.dup(int(number)))
        except OSError:
            continue
        with duplicate:
            if duplicate.family == socket.AF_UNIX:
                try:
                    if duplicate.getpeername() == endpoint.socket_path:
                        found.append(number)
                except OSError:
                    continue
    return found


class TestNobodyThere:
    def test_no_socket(self, socket_path: Path) -> None:
        with pytest.raises(EngineNotFound) as caught:
            http_at(socket_path).get("/_ping")
        assert caught.value.detail == f"{socket_path} does not exist"
        assert f"unix://{socket_path} (default)" in caught.value.title
        assert "--host" in caught.value.hint

    def test_a_socket_on_which_nobody_listens(self, socket_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(socket_path))
        with pytest.raises(EngineNotFound, match="No container engine") as caught:
            http_at(socket_path).get("/_ping")
        assert "nothing listens" in caught.value.detail

    def test_a_file_that_is_no_socket(self, tmp_path: Path) -> None:
        plain = tmp_path / "file"
        plain.write_text("")
        with pytest.raises(EngineNotFound) as caught:
            http_at(plain).get("/_ping")
        assert str(plain) in caught.value.detail

    def test_a_path_that_is_too_long(self, tmp_path: Path) -> None:
        with pytest.raises(EngineNotFound) as caught:
            http_at(tmp_path / ("x" * 120)).get("/_ping")
        assert "too long" in caught.value.detail

    def test_no_permission_on_the_socket(self, serve: Serve) -> None:
        _, endpoint = serve(reply())
        assert endpoint.socket_path is not None
        os.chmod(endpoint.socket_path, 0)
        program = (
            "import os, sys\n"
            "from tui.backends.docker.endpoint import Endpoint\n"
            "from tui.backends.docker.http import EngineHttp\n"
            "from tui.backends.docker.timed import _TimedReader\n"
            "from tui.model.errors import EnginePermission\n"
            "path = sys.argv[1]\n"
            "if os.getuid() == 0:\n"
            "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
            "try:\n"
            "    EngineHttp(Endpoint('unix://' + path, 'default', socket_path=path)).get('/_ping')\n"
            "except EnginePermission as error:\n"
            "    print(error.one_line())\n"
        )
        line = subprocess.run(
            [sys.executable, "-c", program, endpoint.socket_path], capture_output=True, text=True, check=True
        ).stdout
        assert line.startswith(f"No permission on {endpoint.socket_path}: ")
        assert "usermod -aG docker" in line

    def test_a_tcp_port_on_which_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        endpoint = Endpoint(f"tcp://127.0.0.1:{port}", "DOCKER_HOST", tcp_host="127.0.0.1", tcp_port=port)
        with pytest.raises(EngineError, match=r"Cannot reach .* \(DOCKER_HOST\)") as caught:
            EngineHttp(endpoint).get("/_ping")
        assert "refused" in caught.value.detail


class TestSlowAnswers:
    def get(self, endpoint: Endpoint) -> EngineTimeout:
        began = time.monotonic()
        with pytest.raises(EngineTimeout) as caught:
            EngineHttp(endpoint).get("/info", SHORT_SECONDS)
        assert time.monotonic() - began < SOON_SECONDS
        return caught.value

    def test_silence(self, serve: Serve, stop: threading.Event) -> None:
        _, endpoint = serve(hold(stop))
        assert endpoint.url in self.get(endpoint).detail

    @pytest.mark.parametrize(
        ("head", "drop"),
        [
            (b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
            (b"HTTP/1.1 500 Error\r\nContent-Length: 100000\r\n\r\n", b"x"),
        ],
        ids=["head", "body", "chunks", "chunk-size", "error"],
    )
    def test_a_trickle_does_not_move_the_deadline(
        self, serve: Serve, stop: threading.Event, head: bytes, drop: bytes
    ) -> None:
        _, endpoint = serve(trickle(head, drop, stop))
        self.get(endpoint)

    def test_what_came_in_time_is_not_read_after_it(self) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs, ours.makefile("rb", buffering=0) as raw:
            theirs.sendall(b"x")
            with pytest.raises(TimeoutError):
                _TimedReader(raw, ours, Deadline(0.0)).read(1)

    def test_a_closing_answer_that_is_given_up_leaves_no_descriptor(
        self, serve: Serve, stop: threading.Event
    ) -> None:
        _, endpoint = serve(trickle(b"HTTP/1.0 200 OK\r\n\r\n", b"x", stop))
        self.get(endpoint)
        assert _open_clients(endpoint) == []

    def test_a_frozen_engine_whose_queue_is_full(self, socket_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as frozen:
            frozen.bind(str(socket_path))
            frozen.listen(0)
            waiting = []
            for _ in range(3):
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect_ex(str(socket_path))
            try:
                self.get(Endpoint(f"unix://{socket_path}", "default", socket_path=str(socket_path)))
            finally:
                for each in waiting:
                    each.close()


class TestBrokenAnswers:
    @pytest.mark.parametrize(
        "sent",
        [
            b"",
            b"garbage\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n[1]",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n[1]\r\n",
        ],
        ids=["nothing", "garbage", "too-short", "half-a-chunk", "no-last-chunk", "bad-chunk"],
    )
    def test_closed_in_the_middle(self, serve: Serve, sent: bytes) -> None:
        _, endpoint = serve(lambda connection, _: connection.sendall(sent))
        with pytest.raises(EngineLost, match="closed the connection") as caught:
            EngineHttp(endpoint).get_json("/info")
        assert endpoint.url in caught.value.detail

    def test_closed_in_the_middle_of_the_head(self, serve: Serve) -> None:
        _, endpoint = serve(lambda connection, _: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le"))
        with pytest.raises(EngineLost):
            EngineHttp(endpoint).get_json("/info")


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "body", "kind", "detail"),
        [
            (404, '{"message":"No such container: x"}', NoSuchContainer, "No such container: x"),
            (404, '{"message":"page not found"}', EngineRefused, "page not found"),
            (409, '{"message":"is paused"}', Conflict, "is paused"),
            (500, '{"message":"disk full\\n"}', EngineRefused, "disk full"),
            (503, "Service Unavailable", EngineRefused, "Service Unavailable"),
            (502, "", EngineRefused, "HTTP status 502"),
            (400, '["list"]', EngineRefused, '["list"]'),
        ],
    )
    def test_the_engines_sentence_is_told(
        self, serve: Serve, status: int, body: str, kind: type[EngineRefused], detail: str
    ) -> None:
        _, endpoint = serve(reply(body, status))
        with pytest.raises(EngineRefused) as caught:
            EngineHttp(endpoint).get("/x")
        assert (type(caught.value), caught.value.status, caught.value.detail) == (kind, status, detail)

    def test_a_proxys_page_is_cut(self) -> None:
        assert len(message_in(b"<p>" * 100_000)) == 2000

    def test_a_message_in_no_encoding(self) -> None:
        assert message_in(b"\xff\xfe!") == "��!"

    def test_every_refusal_says_what_to_do(self) -> None:
        assert all(from_status(status, "container").hint for status in (400, 404, 409, 500))


class TestStreams:
    def test_lines_as_they_come(self, serve: Serve, stop: threading.Event) -> None:
        def answer(connection: socket.socket, _: str) -> None:
            chunked(b"one\ntw", b"o\n", ends=False)(connection, _)
            stop.wait()

        _, endpoint = serve(answer)
        stream = EngineHttp(endpoint).open_stream("/events")
        lines = stream.lines()
        assert [next(lines), next(lines)] == [b"one\n", b"two\n"]
        stream.close()
        assert list(lines) == []
        stream.release()

    def test_close_wakes_a_reader_that_waits_for_the_head(self, serve: Serve, stop: threading.Event) -> None:
        server, endpoint = serve(hold(stop))
        stream = EngineHttp(endpoint).open_stream("/events")
        got: list[list[bytes]] = []
        reader = threading.Thread(target=lambda: got.append(list(stream.lines())))
        reader.start()
        until(lambda: server.requests)
        stream.close()
        reader.join(SOON_SECONDS)
        assert got == [[]]
        stream.release()

    @pytest.mark.parametrize("ends", [True, False])
    def test_the_engine_ends_it(self, serve: Serve, ends: bool) -> None:
        _, endpoint = serve(chunked(b"one\n", ends=ends))
        stream = EngineHttp(endpoint).open_stream("/events")
        lines = stream.lines()
        assert next(lines) == b"one\n"
        with pytest.raises(EngineLost):
            next(lines)
        stream.release()

    def test_one_that_broke_leaves_no_descriptor(self, serve: Serve) -> None:
        _, endpoint = serve(lambda connection, _: connection.sendall(b"HTTP/1.0 200 OK\r\n\r\none\n"))
        stream = EngineHttp(endpoint).open_stream("/events")
        with pytest.raises(EngineLost):
            list(stream.lines())
        stream.release()
        assert _open_clients(endpoint) == []

    def test_a_refused_one_tells_why(self, serve: Serve) -> None:
        _, endpoint = serve(reply('{"message":"bad filter"}', 400))
        stream = EngineHttp(endpoint).open_stream("/events")
        with pytest.raises(EngineRefused) as caught:
            next(stream.lines())
        assert caught.value.detail == "bad filter"
        stream.release()


class TestDeadlines:
    def test_what_is_left_is_never_nothing(self) -> None:
        over = Deadline(0.0)
        assert over.passed
        assert over.remaining() > 0

    def test_a_new_one_has_not_passed(self) -> None:
        assert not Deadline(1000.0).passed
        assert 999 < Deadline(1000.0).remaining() <= 1000

    def test_stopping_gets_what_the_container_gets_on_top(self) -> None:
        seconds = {each: of_step(Step(each, "id", "box")) for each in Operation}
        assert seconds[Operation.STOP] == seconds[Operation.RESTART] == seconds[Operation.START] + 10
        assert seconds[Operation.REMOVE] > seconds[Operation.STOP]
