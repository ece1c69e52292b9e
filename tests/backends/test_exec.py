"""Commands in containers: output, exit codes, deadlines and bounds, by an engine that a test speaks for."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import Answer, reply
from tui.backends.docker.exec import CANNOT_RUN, NOT_FOUND, ExecResult, run
from tui.backends.docker.http import EngineHttp
from tui.model.errors import Conflict, EngineLost, EngineRefused, EngineTimeout, NoSuchContainer

CREATED = reply('{"Id": "abc"}', 201)
ENDED = reply('{"Running": false, "ExitCode": 0}')
STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"
SOON_SECONDS = 10.0


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def stream(*frames: bytes) -> Answer:
    """The hijacked connection of a started command: frames up to its end."""
    return lambda connection, _: connection.sendall(STREAM_HEAD + b"".join(frames))


def take_body(connection: socket.socket, request: str) -> None:
    """The rest of a request: who hangs up before it was sent breaks the connection."""
    head, _, begun = request.partition("\r\n\r\n")
    length = next((int(line[15:]) for line in head.split("\r\n") if line.startswith("Content-Length:")), 0)
    missing = length - len(begun)
    while missing > 0:
        missing -= len(connection.recv(missing)) or missing


def engine(start: Answer, inspect: Answer = ENDED, create: Answer = CREATED) -> Answer:
    def answer(connection: socket.socket, request: str) -> None:
        take_body(connection, request)
        target = request.split()[1]
        chosen = (
            create if target.startswith("/containers/") else start if target.endswith("start") else inspect
        )
        chosen(connection, request)

    return answer


@pytest.fixture
def result_of(serve: Serve) -> Callable[..., ExecResult]:
    """Runs a command against an engine that answers so."""

    def ask(start: Answer, inspect: Answer = ENDED, create: Answer = CREATED, **more: object) -> ExecResult:
        _, endpoint = serve(engine(start, inspect, create))
        arguments: dict[str, object] = {"seconds": 10.0, **more}
        return run(EngineHttp(endpoint), "box", ("jupyter", "server"), **arguments)  # type: ignore[arg-type]

    return ask


Run = Callable[..., ExecResult]


class TestOutput:
    def test_both_outputs_and_the_exit_code(self, result_of: Run) -> None:
        frames = (frame(1, b"one\n"), frame(2, b"warning\n"), frame(1, b"two\n"))
        result = result_of(stream(*frames), reply('{"Running": false, "ExitCode": 3}'))
        assert result == ExecResult(b"one\ntwo\n", b"warning\n", 3)

    def test_frames_cut_anywhere(self, result_of: Run) -> None:
        def answer(connection: socket.socket, request: str) -> None:
            for byte in STREAM_HEAD + frame(1, b"cut") + frame(1, b""):
                connection.sendall(bytes((byte,)))

        assert result_of(answer).stdout == b"cut"

    def test_nothing(self, result_of: Run) -> None:
        assert result_of(stream()) == ExecResult(b"", b"", 0)

    def test_no_more_than_wanted(self, result_of: Run, stop: threading.Event) -> None:
        def answer(connection: socket.socket, request: str) -> None:
            connection.sendall(STREAM_HEAD)
            while not stop.is_set():
                connection.sendall(frame(1, b"x" * 1000))

        result = result_of(answer, most_bytes=2500)
        assert result == ExecResult(b"x" * 2500, b"", None)

    def test_an_output_that_breaks_off(self, result_of: Run) -> None:
        with pytest.raises(EngineLost):
            result_of(stream(frame(1, b"whole")[:-1]))

    def test_what_is_asked(self, serve: Serve) -> None:
        asked: list[str] = []

        def start(connection: socket.socket, request: str) -> None:
            asked.append(request)
            stream()(connection, request)

        def create(connection: socket.socket, request: str) -> None:
            asked.append(request)
            CREATED(connection, request)

        server, endpoint = serve(engine(start, create=create))
        run(EngineHttp(endpoint), "a/b", ("ls",), 10.0, user="1000")
        assert [line.split()[:2] for line in server.requests] == [
            ["POST", "/containers/a%2Fb/exec"],
            ["POST", "/exec/abc/start"],
            ["GET", "/exec/abc/json"],
        ]
        assert all("Content-Type: application/json" in head for head in asked)


class TestEnds:
    def test_the_engine_learns_of_the_end_a_moment_later(self, result_of: Run) -> None:
        answers = iter(['{"Running": true, "ExitCode": null}', '{"Running": false, "ExitCode": 7}'])

        def inspect(connection: socket.socket, request: str) -> None:
            reply(next(answers))(connection, request)

        assert result_of(stream(), inspect).exit_code == 7

    def test_one_that_takes_too_long(self, result_of: Run, stop: threading.Event) -> None:
        def start(connection: socket.socket, request: str) -> None:
            connection.sendall(STREAM_HEAD + frame(1, b"begun"))
            stop.wait()

        begin = time.monotonic()
        result = result_of(start, reply('{"Running": true, "ExitCode": null}'), seconds=0.2)
        assert result == ExecResult(b"begun", b"", None)
        assert time.monotonic() - begin < SOON_SECONDS

    def test_a_frozen_engine_is_not_taken_for_a_slow_command(
        self, result_of: Run, stop: threading.Event
    ) -> None:
        def silent(connection: socket.socket, request: str) -> None:
            stop.wait()

        with pytest.raises(EngineTimeout):
            result_of(silent, silent, seconds=0.1)


class TestRefusals:
    @pytest.mark.parametrize(
        ("detail", "code"),
        [
            ('exec: "jupyter": executable file not found in $PATH: unknown', NOT_FOUND),
            ("stat /opt/x/jupyter: no such file or directory: unknown", NOT_FOUND),
            ('exec: "/etc": is a directory: permission denied: unknown', CANNOT_RUN),
        ],
    )
    def test_a_command_that_can_not_be_run_is_an_exit_code(
        self, result_of: Run, detail: str, code: int
    ) -> None:
        message = f"OCI runtime exec failed: exec failed: {detail}"
        result = result_of(reply(json.dumps({"message": message}), 400))
        assert (result.exit_code, result.stderr.decode()) == (code, message)

    def test_no_such_container(self, result_of: Run) -> None:
        with pytest.raises(NoSuchContainer):
            result_of(stream(), create=reply('{"message": "No such container: box"}', 404))

    def test_a_container_that_is_paused(self, result_of: Run) -> None:
        with pytest.raises(Conflict):
            result_of(stream(), create=reply('{"message": "Container box is paused"}', 409))

    def test_any_other(self, result_of: Run) -> None:
        with pytest.raises(EngineRefused, match="reports an error"):
            result_of(reply('{"message": "cgroup trouble"}', 500))
