"""An archive is carried from one answer into another request; a broken one never passes for whole."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backends.serving import Answer, Server, chunked, hold, reply
from tui.backends.docker.carrying import Cancelled, carry
from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineLost, EngineNotFound, EngineRefused, EngineTimeout

END = bytes(1024)
CONTENT = b"x" * 200_000


class Sink:
    """Takes what is put, until its end or the end of the connection."""

    def __init__(self, answer: Answer, stops_after: int | None = None) -> None:
        self.body = b""
        self.is_whole = False
        self.done = threading.Event()
        self._answer = answer
        self._stops_after = stops_after

    def __call__(self, connection: socket.socket, request: str) -> None:
        # what came with the head
        self.body = request.partition("\r\n\r\n")[2].encode()
        while not self.body.endswith(b"0\r\n\r\n"):
            if self._stops_after is not None and len(self.body) > self._stops_after:
                break
            block = connection.recv(1 << 16)
            if not block:
                break
            self.body += block
        else:
            self.is_whole = True
        self.done.set()
        self._answer(connection, request)


def serve(path: Path, get: Answer, put: Answer) -> Server:
    def answer(connection: socket.socket, request: str) -> None:
        (put if request.startswith("PUT") else get)(connection, request)

    return Server.on_socket(path, answer)


def carry_at(
    path: Path,
    is_cancelled: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda _: None,
    patience_seconds: float = 20.0,
) -> None:
    engine = EngineHttp(Endpoint(f"unix://{path}", "default", socket_path=str(path)))
    carry(engine, "/get", "/put", is_cancelled, progress, patience_seconds, break_off_seconds=20.0)


def test_all_of_it_is_carried(tmp_path: Path) -> None:
    sink, counts = Sink(reply()), list[int]()
    with serve(tmp_path / "s", chunked(CONTENT, CONTENT, END), sink) as server:
        carry_at(tmp_path / "s", progress=counts.append)
    assert sink.is_whole and sink.body.count(b"x") == 2 * len(CONTENT)
    assert counts == sorted(counts) and counts[-1] == 2 * len(CONTENT) + len(END)
    assert [each.split()[:2] for each in server.requests] == [["GET", "/get"], ["PUT", "/put"]]


@pytest.mark.parametrize(
    ("get", "error"),
    [
        # the engine ends its answer in good order when it can't go on
        (chunked(CONTENT), EngineRefused),
        (chunked(CONTENT, END[:-1]), EngineRefused),
        (chunked(END[:512]), EngineRefused),
        (chunked(CONTENT, END, ends=False), EngineLost),
        (reply(CONTENT + END, length=len(CONTENT) + len(END) + 1), EngineLost),
    ],
)
def test_a_cut_archive_is_broken_off(tmp_path: Path, get: Answer, error: type[Exception]) -> None:
    sink = Sink(reply("unexpected EOF", 500))
    with serve(tmp_path / "s", get, sink):
        with pytest.raises(error):
            carry_at(tmp_path / "s")
        # the other side was told, and had ended
        assert sink.done.is_set() and not sink.is_whole


def test_what_can_t_be_given_out_is_not_put(tmp_path: Path) -> None:
    sink = Sink(reply())
    with serve(tmp_path / "s", reply('{"message": "no such file"}', 404), sink):
        with pytest.raises(EngineRefused, match="reports an error") as caught:
            carry_at(tmp_path / "s")
        assert caught.value.detail == "no such file" and sink.body == b""


@pytest.mark.parametrize("stops_after", [None, 100_000])
def test_why_it_is_not_taken(tmp_path: Path, stops_after: int | None) -> None:
    sink = Sink(reply('{"message": "no space left on device"}', 500), stops_after)
    with serve(tmp_path / "s", chunked(*[CONTENT] * 40, END), sink), pytest.raises(EngineRefused) as caught:
        carry_at(tmp_path / "s")
    assert caught.value.detail == "no space left on device"


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(EngineNotFound):
        carry_at(tmp_path / "nosuch")


def test_an_engine_that_says_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    with serve(tmp_path / "s", hold(stop), Sink(reply())):
        with pytest.raises(EngineTimeout):
            carry_at(tmp_path / "s", patience_seconds=0.3)
        stop.set()


def test_an_engine_that_takes_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    with serve(tmp_path / "s", chunked(*[CONTENT] * 40, END), hold(stop)):
        with pytest.raises(EngineTimeout):
            carry_at(tmp_path / "s", patience_seconds=0.3)
        stop.set()


@pytest.mark.parametrize("is_silent", [True, False])
def test_a_cancel_breaks_off(tmp_path: Path, is_silent: bool) -> None:
    stop, wanted = threading.Event(), threading.Event()

    def get(connection: socket.socket, request: str) -> None:
        chunked(CONTENT, ends=False)(connection, request)
        wanted.set()
        if is_silent:
            stop.wait()
        while not stop.is_set():
            connection.sendall(b"%x\r\n%b\r\n" % (len(CONTENT), CONTENT))

    sink = Sink(reply("unexpected EOF", 500))
    with serve(tmp_path / "s", get, sink):
        with pytest.raises(Cancelled):
            carry_at(tmp_path / "s", wanted.is_set)
        assert sink.done.is_set() and not sink.is_whole
        stop.set()
