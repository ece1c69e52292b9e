"""A log over HTTP: what is asked, what kind of stream comes, how it ends and how it is ended."""

from __future__ import annotations

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import Answer, Server
from tests.rig.waiting import until
from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.frames import Message
from tui.backends.docker.logs import DockerLogs
from tui.model.errors import EngineError, EngineLost, EngineRefused, LogUnreadable, NoSuchContainer
from tui.model.logs import LineAssembler, LogRequest, Stream, text_of

AT = b"2026-07-01T10:00:00.123456789Z "
OUT, ERR = int(Stream.STDOUT), int(Stream.STDERR)
FRAMES = "application/vnd.docker.multiplexed-stream"
RAW = "application/vnd.docker.raw-stream"
FOLLOWED = LogRequest(follow=True)
SOON_SECONDS = 10.0


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


LINES = [(OUT, AT + b"out\n"), (ERR, AT + b"err\n")]
LOG = b"".join(frame(*message) for message in LINES)


def _json(body: str, status: int = 200, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body.encode())}\r\n{extra}\r\n"
    return head.encode() + body.encode()


@dataclass
class Engine:
    """A scripted engine: answers pings and inspects by itself, and logs as the test says."""

    content_type: str | None = FRAMES
    body: bytes = LOG
    has_terminal: bool = False
    #: refuses the log with a status and a message
    refusal: tuple[int, str] | None = None
    #: leaves the end of a chunked answer out
    breaks_off: bool = False
    #: called when the log was begun; the connection is closed when it returns
    then: Callable[[socket.socket], None] = lambda connection: None
    logs: list[str] = field(default_factory=list)
    inspected: int = 0

    def answer(self, connection: socket.socket, head: str) -> None:
        target = head.split(" ")[1]
        if target == "/_ping":
            connection.sendall(_json("OK", extra="Api-Version: 1.47\r\nServer: Docker/27.0 (linux)\r\n"))
        elif target.endswith("/json"):
            self.inspected += 1
            connection.sendall(_json(f'{{"Config": {{"Tty": {str(self.has_terminal).lower()}}}}}'))
        else:
            self.logs.append(head)
            self._answer_log(connection, is_old=head.partition("\r\n")[0].endswith("HTTP/1.0"))

    def _answer_log(self, connection: socket.socket, is_old: bool) -> None:
        if self.refusal is not None:
            status, message = self.refusal
            connection.sendall(_json(f'{{"message": "{message}"}}', status))
            return
        kind = f"Content-Type: {self.content_type}\r\n" if self.content_type else ""
        if is_old:
            connection.sendall(f"HTTP/1.0 200 OK\r\n{kind}\r\n".encode() + self.body)
            self.then(connection)
            return
        connection.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{kind}\r\n".encode())
        if self.body:
            connection.sendall(f"{len(self.body):x}\r\n".encode() + self.body + b"\r\n")
        self.then(connection)
        if not self.breaks_off:
            connection.sendall(b"0\r\n\r\n")


#: Serves a scripted engine, and gives its logs.
LogsOf = Callable[[Engine], DockerLogs]


@pytest.fixture
def logs_of(serve: Serve) -> LogsOf:
    def start(engine: Engine) -> DockerLogs:
        answer: Answer = engine.answer
        started: tuple[Server, Endpoint] = serve(answer)
        return DockerLogs(DockerEngine(started[1]))

    return start


def read(logs: DockerLogs, request: LogRequest = FOLLOWED) -> list[Message]:
    """A log to its end."""
    return [message for batch in logs.open("box", request).messages() for message in batch]


class Reader:
    """Reads a log in a thread of its own."""

    def __init__(self, batches: Iterator[Sequence[Message]]) -> None:
        self.messages: list[Message] = []
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._read, args=(batches,), daemon=True)
        self.thread.start()

    def _read(self, batches: Iterator[Sequence[Message]]) -> None:
        try:
            for batch in batches:
                self.messages += batch
        except BaseException as error:
            self.error = error

    def ends_quietly(self) -> bool:
        self.thread.join(SOON_SECONDS)
        return not self.thread.is_alive() and self.error is None


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


both = pytest.mark.parametrize("follow", [True, False], ids=["followed", "to its end"])


class TestQuestions:
    def query(self, logs_of: LogsOf, request: LogRequest) -> dict[str, str]:
        engine = Engine()
        read(logs_of(engine), request)
        return dict(parse_qsl(urlsplit(engine.logs[0].split(" ")[1]).query, keep_blank_values=True))

    def test_one_that_is_followed_is_asked_for_without_chunks(self, logs_of: LogsOf) -> None:
        engine = Engine()
        read(logs_of(engine), LogRequest(follow=True, tail=0))
        assert engine.logs[0].partition("\r\n")[0] == (
            "GET /v1.47/containers/box/logs?stdout=1&stderr=1&follow=1&timestamps=1&tail=0 HTTP/1.0"
        )

    def test_one_with_an_end_must_show_that_it_came_to_it(self, logs_of: LogsOf) -> None:
        engine = Engine()
        read(logs_of(engine), LogRequest())
        assert engine.logs[0].partition("\r\n")[0] == (
            "GET /v1.47/containers/box/logs?stdout=1&stderr=1&timestamps=1 HTTP/1.1"
        )

    def test_moments_are_exact_to_the_nanosecond(self, logs_of: LogsOf) -> None:
        query = self.query(logs_of, LogRequest(since_ns=1_782_900_000_000_000_001, until_ns=5_999_999_999))
        assert (query["since"], query["until"]) == ("1782900000.000000001", "5.999999999")

    def test_without_times(self, logs_of: LogsOf) -> None:
        assert "timestamps" not in self.query(logs_of, LogRequest(timestamps=False))

    def test_a_name_is_no_path(self, logs_of: LogsOf) -> None:
        engine = Engine()
        list(logs_of(engine).open("../../x?y", FOLLOWED).messages())
        assert engine.logs[0].startswith("GET /v1.47/containers/..%2F..%2Fx%3Fy/logs?")


class TestKinds:
    @both
    def test_frames(self, logs_of: LogsOf, follow: bool) -> None:
        engine = Engine(has_terminal=True)
        assert read(logs_of(engine), LogRequest(follow=follow)) == LINES
        assert engine.inspected == 0

    @both
    def test_a_terminal(self, logs_of: LogsOf, follow: bool) -> None:
        engine = Engine(RAW, AT + b"one\r\n" + AT + b"two")
        assert read(logs_of(engine), LogRequest(follow=follow)) == [
            (OUT, AT + b"one\r\n"),
            (OUT, AT + b"two"),
        ]
        assert engine.inspected == 0

    def test_parameters_of_the_kind_do_not_matter(self, logs_of: LogsOf) -> None:
        engine = Engine(f"{FRAMES.upper()}; charset=utf-8")
        assert read(logs_of(engine)) == LINES
        assert engine.inspected == 0

    @both
    @pytest.mark.parametrize("kind", [None, "text/plain; charset=utf-8", "application/octet-stream"])
    def test_an_engine_that_does_not_say_it_is_asked(
        self, logs_of: LogsOf, kind: str | None, follow: bool
    ) -> None:
        engine = Engine(kind)
        assert read(logs_of(engine), LogRequest(follow=follow)) == LINES
        assert engine.inspected == 1

    def test_and_says_that_there_is_a_terminal(self, logs_of: LogsOf) -> None:
        engine = Engine(None, AT + b"one\r\n", has_terminal=True)
        assert read(logs_of(engine)) == [(OUT, AT + b"one\r\n")]
        assert engine.inspected == 1

    def test_a_terminals_bytes_without_times_are_left_as_they_come(self, logs_of: LogsOf) -> None:
        engine = Engine(RAW, b"one\r\ntw")
        assert read(logs_of(engine), LogRequest(timestamps=False)) == [(OUT, b"one\r\ntw")]

    @both
    def test_an_empty_log(self, logs_of: LogsOf, follow: bool) -> None:
        engine = Engine(None, b"")
        assert read(logs_of(engine), LogRequest(follow=follow)) == []
        assert engine.inspected == 0


class TestEnds:
    @both
    def test_in_the_middle_of_a_frame(self, logs_of: LogsOf, follow: bool) -> None:
        logs = logs_of(Engine(body=LOG[:-2]))
        got: list[Message] = []
        with pytest.raises(EngineLost, match="broke off"):
            for batch in logs.open("box", LogRequest(follow=follow)).messages():
                got += batch
        assert got == LINES[:1]

    def test_before_the_last_chunk(self, logs_of: LogsOf) -> None:
        logs = logs_of(Engine(breaks_off=True))
        got: list[Message] = []
        with pytest.raises(EngineLost, match="closed the connection"):
            for batch in logs.open("box", LogRequest()).messages():
                got += batch
        assert got == LINES

    @both
    def test_by_a_reset(self, follow: bool) -> None:
        seen = threading.Event()

        def reset(connection: socket.socket) -> None:
            seen.wait(SOON_SECONDS)
            # a close sends a reset now
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        endpoint = Endpoint(f"tcp://127.0.0.1:{port}", "--host", tcp_host="127.0.0.1", tcp_port=port)
        with Server(listener, Engine(then=reset).answer):
            stream = DockerLogs(DockerEngine(endpoint)).open("box", LogRequest(follow=follow))
            batches = stream.messages()
            assert list(next(batches)) == LINES
            seen.set()
            with pytest.raises(EngineLost):
                list(batches)

    def test_garbage(self, logs_of: LogsOf) -> None:
        with pytest.raises(EngineLost, match="can't be read"):
            read(logs_of(Engine(body=b"<html>a proxy's page</html>")))

    def test_no_descriptor_is_left_open(self, logs_of: LogsOf) -> None:
        engine = Engine()
        logs = logs_of(engine)
        read(logs)
        before = _descriptors()
        read(logs)
        read(logs, LogRequest())
        engine.breaks_off = True
        with pytest.raises(EngineLost):
            read(logs, LogRequest())
        engine.refusal = (500, "broken")
        with pytest.raises(EngineRefused):
            read(logs)
        # the server closes its ends in its own threads
        until(lambda: _descriptors() <= before, SOON_SECONDS)


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "message", "kind"),
        [
            (404, "No such container: box", NoSuchContainer),
            (501, "configured logging driver does not support reading", LogUnreadable),
            (500, "configured logging driver does not support reading", LogUnreadable),
            (501, "not implemented", LogUnreadable),
            (500, "disk full", EngineRefused),
            (409, "is being removed", EngineRefused),
        ],
    )
    @both
    def test_the_engines_sentence_is_told(
        self, logs_of: LogsOf, status: int, message: str, kind: type[EngineRefused], follow: bool
    ) -> None:
        logs = logs_of(Engine(refusal=(status, message)))
        with pytest.raises(kind) as caught:
            read(logs, LogRequest(follow=follow))
        assert (caught.value.detail, caught.value.status) == (message, status)
        assert caught.value.hint
        assert isinstance(caught.value, LogUnreadable) == (kind is LogUnreadable)

    def test_a_container_that_goes_while_it_is_asked_for_its_terminal(self, logs_of: LogsOf) -> None:
        class Going(Engine):
            def answer(self, connection: socket.socket, head: str) -> None:
                if head.split(" ")[1].endswith("/json"):
                    connection.sendall(_json('{"message": "No such container: box"}', 404))
                else:
                    super().answer(connection, head)

        with pytest.raises(NoSuchContainer):
            read(logs_of(Going(None)))

    def test_nobody_there(self, serve: Serve) -> None:
        server, endpoint = serve(Engine().answer)
        server.close()
        with pytest.raises(EngineError):
            DockerLogs(DockerEngine(endpoint)).open("box", FOLLOWED)


class TestClosing:
    @both
    def test_ends_a_reader_that_waits_for_more(
        self, logs_of: LogsOf, stop: threading.Event, follow: bool
    ) -> None:
        stream = logs_of(Engine(then=lambda _: _wait(stop))).open("box", LogRequest(follow=follow))
        reader = Reader(stream.messages())
        until(lambda: len(reader.messages) == 2)
        stream.close()
        assert reader.ends_quietly()
        assert reader.messages == LINES

    def test_ends_a_reader_that_waits_for_the_head(self, logs_of: LogsOf, stop: threading.Event) -> None:
        class Silent(Engine):
            def _answer_log(self, connection: socket.socket, is_old: bool) -> None:
                stop.wait()

        engine = Silent()
        stream = logs_of(engine).open("box", FOLLOWED)
        reader = Reader(stream.messages())
        until(lambda: engine.logs)
        stream.close()
        assert reader.ends_quietly()
        assert reader.messages == []

    def test_in_the_middle_of_a_frame_nothing_is_said(self, logs_of: LogsOf, stop: threading.Event) -> None:
        engine = Engine(body=LOG + frame(OUT, AT + b"half\n")[:20], then=lambda _: _wait(stop))
        stream = logs_of(engine).open("box", FOLLOWED)
        reader = Reader(stream.messages())
        until(lambda: len(reader.messages) == 2)
        stream.close()
        assert reader.ends_quietly()
        assert reader.messages == LINES

    def test_ends_a_flood(self, logs_of: LogsOf) -> None:
        def flood(connection: socket.socket) -> None:
            while True:
                connection.sendall(LOG * 100)

        stream = logs_of(Engine(then=flood)).open("box", FOLLOWED)
        reader = Reader(stream.messages())
        until(lambda: len(reader.messages) > 2000)
        stream.close()
        assert reader.ends_quietly()

    def test_before_it_is_read(self, logs_of: LogsOf) -> None:
        stream = logs_of(Engine()).open("box", FOLLOWED)
        stream.close()
        assert list(stream.messages()) == []

    def test_again_and_behind_the_end(self, logs_of: LogsOf) -> None:
        stream = logs_of(Engine()).open("box", FOLLOWED)
        assert [message for batch in stream.messages() for message in batch] == LINES
        stream.close()
        stream.close()

    def test_a_reader_that_gives_up_leaves_no_descriptor(
        self, logs_of: LogsOf, stop: threading.Event
    ) -> None:
        logs = logs_of(Engine(then=lambda _: _wait(stop)))
        read_some = logs.open("box", FOLLOWED).messages()
        next(read_some)
        descriptors = _descriptors()
        read_some.close()  # type: ignore[attr-defined]
        assert _descriptors() < descriptors


class TestGathering:
    def test_a_line_comes_though_nothing_follows_it(self, logs_of: LogsOf, stop: threading.Event) -> None:
        class Slow(Engine):
            """Sends one line whenever the one before was seen."""

            seen = threading.Semaphore(0)

            def _answer_log(self, connection: socket.socket, is_old: bool) -> None:
                connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {FRAMES}\r\n\r\n".encode())
                for number in range(200):
                    connection.sendall(frame(OUT, AT + b"line %d\n" % number))
                    self.seen.acquire()
                stop.wait()

        engine = Slow()
        stream = logs_of(engine).open("box", FOLLOWED)
        batches = stream.messages()
        for number in range(200):
            assert list(next(batches)) == [(OUT, AT + b"line %d\n" % number)]
            engine.seen.release()
        stream.close()
        assert list(batches) == []

    def test_close_ends_it_while_it_gathers(self, logs_of: LogsOf, stop: threading.Event) -> None:
        def drip(connection: socket.socket) -> None:
            while not stop.is_set():
                connection.sendall(frame(OUT, AT + b"x\n"))

        stream = logs_of(Engine(then=drip)).open("box", FOLLOWED)
        reader = Reader(stream.messages())
        until(lambda: len(reader.messages) > 1000)
        stream.close()
        assert reader.ends_quietly()

    @both
    def test_frames_in_drops_are_whole(self, logs_of: LogsOf, follow: bool) -> None:
        class Drops(Engine):
            def _answer_log(self, connection: socket.socket, is_old: bool) -> None:
                kind = f"Content-Type: {FRAMES}\r\n"
                if is_old:
                    connection.sendall(f"HTTP/1.0 200 OK\r\n{kind}\r\n".encode())
                    for at in range(len(self.body)):
                        connection.sendall(self.body[at : at + 1])
                    return
                connection.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n{kind}\r\n".encode())
                for at in range(len(self.body)):
                    connection.sendall(b"1\r\n" + self.body[at : at + 1] + b"\r\n")
                connection.sendall(b"0\r\n\r\n")

        long = [(OUT, AT + "☃".encode() * 700 + b"\n"), *LINES]
        body = b"".join(frame(*message) for message in long)
        assert read(logs_of(Drops(body=body)), LogRequest(follow=follow)) == long

    def test_a_flood_is_all_there(self, logs_of: LogsOf) -> None:
        count = 50_000
        body = b"".join(frame(OUT, AT + b"%d\n" % number) for number in range(count))
        assembler = LineAssembler()
        stream = logs_of(Engine(body=body)).open("box", FOLLOWED)
        numbers = [
            int(text_of(raw)) for messages in stream.messages() for raw in assembler.feed(messages).raws
        ]
        assert numbers == list(range(count))
        assert assembler.messages == count


def _wait(stop: threading.Event) -> None:
    stop.wait()
