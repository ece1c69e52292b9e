"""Logs of a real engine become the lines that were written: by every driver, with a terminal and without."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.rig.engine import PrivateEngine, RigError
from tests.rig.waiting import until
from tui.backends.base import Logs
from tui.model.errors import LogUnreadable
from tui.model.logs import (
    Batch,
    LineAssembler,
    LogRequest,
    RawLine,
    Stream,
    nanoseconds_of,
    split_tag,
    text_of,
    written_time,
)
from tui.workstation import open_local

OUT, ERR = Stream.STDOUT, Stream.STDERR
PART = 16384
NO_NETWORK = ("--network", "none")
PATIENCE_SECONDS = 60.0

# What a terminal changes and what a driver does have nothing to do with each other.
pytestmark = pytest.mark.by_default("streams-json-file", "terminal-local", "terminal-journald")

#: A stream and a line on it.
Line = tuple[Stream, str]


@dataclass(frozen=True)
class Box:
    """An engine on which containers write with one of its log drivers, with a terminal or without."""

    engine: PrivateEngine
    logs: Logs
    driver: str
    has_terminal: bool

    def run(self, name: str, script: str, *args: str) -> str:
        """Start a container with a shell that runs this; gives back its id. Skips where its log can't be."""
        args = (*NO_NETWORK, "--log-driver", self.driver, *(("--tty",) if self.has_terminal else ()), *args)
        try:
            return self.engine.run_container(name, ("sh", "-c", script), args)
        except RigError as error:
            if self.driver == "journald":
                pytest.skip(f"no journald on this machine: {str(error).rpartition('daemon: ')[2]}")
            raise

    def wrote(self, name: str, script: str, *args: str) -> str:
        """The same, and wait until it ended."""
        key = self.run(name, script, *args)
        self.engine.docker("wait", name)
        return key

    def said(self, name: str, out: bytes, err: bytes = b"") -> str:
        """A container that wrote these bytes and ended."""
        folder = self.engine.folder / "tmp" / name
        folder.mkdir(exist_ok=True)
        (folder / "out").write_bytes(out)
        (folder / "err").write_bytes(err)
        return self.wrote(name, "cat /said/out; cat /said/err >&2", "--volume", f"{folder}:/said:ro")

    def stream(self, line: Stream) -> Stream:
        """Where a line is found that was written to this stream."""
        return OUT if self.has_terminal else line

    def text(self, data: bytes) -> str:
        """What a driver keeps of a line's bytes, as text."""
        return data.decode("utf-8", "replace")

    def read(self, key: str, request: LogRequest | None = None) -> list[RawLine]:
        """All lines of a log."""
        assembler, lines = LineAssembler(), Batch()
        for messages in self.logs.open(key, request or LogRequest()).messages():
            _extend(lines, assembler.feed(messages))
        _extend(lines, assembler.end())
        return list(zip(lines.raws, lines.tags, strict=True))


class Follower:
    """Follows a log in a thread of its own, as long as it lasts."""

    def __init__(self, logs: Logs, key: str, request: LogRequest | None = None) -> None:
        self.lines = Batch()
        self.pending: list[RawLine] = []
        self.error: BaseException | None = None
        self._stream = logs.open(key, request or LogRequest(follow=True))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assembler = LineAssembler()
        try:
            for messages in self._stream.messages():
                batch = assembler.feed(messages)
                self.pending = assembler.pending()
                _extend(self.lines, batch)
            _extend(self.lines, assembler.end())
        except BaseException as error:
            self.error = error

    def end(self) -> list[RawLine]:
        """Wait for the log's end; all lines."""
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive()
        assert self.error is None
        return list(zip(self.lines.raws, self.lines.tags, strict=True))


def _extend(lines: Batch, batch: Batch) -> None:
    lines.raws.extend(batch.raws)
    lines.tags.extend(batch.tags)


def shown(lines: list[RawLine]) -> list[Line]:
    return [(split_tag(tag)[0], text_of(raw)) for raw, tag in lines]


def times(lines: list[RawLine]) -> list[int]:
    found = [nanoseconds_of(raw) for raw, _ in lines]
    assert None not in found
    return [at for at in found if at is not None]


@pytest.fixture(scope="module")
def writing_engine(engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """The engine for the whole file: each test names its own containers."""
    engine.recover()
    engine.remove_all()
    yield engine
    engine.remove_all()


@pytest.fixture(params=["json-file", "local", "journald"])
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["streams", "terminal"])
def box(request: pytest.FixtureRequest, writing_engine: PrivateEngine, driver: str) -> Iterator[Box]:
    workstation = open_local(writing_engine.host, {})
    assert workstation.logs is not None
    yield Box(writing_engine, workstation.logs, driver, bool(request.param))
    writing_engine.remove_all()


def test_lines_of_both_streams_come_in_the_order_in_which_they_were_written(box: Box) -> None:
    # apart, because the engine reads the two streams on their own
    script = "for i in 0 1 2 3 4 5 6 7 8 9; do echo out $i; usleep 30000; echo err $i >&2; usleep 30000; done"
    key = box.wrote("turns", script)
    lines = box.read(key)
    expected = [line for i in range(10) for line in ((OUT, f"out {i}"), (box.stream(ERR), f"err {i}"))]
    assert shown(lines) == expected
    assert times(lines) == sorted(times(lines))
    assert box.read(key, LogRequest(follow=True)) == lines


def test_lines_of_all_sorts(box: Box) -> None:
    data = [
        b"",
        b"plain",
        b"",
        "数据 Übung λ ж ☃".encode(),
        b"\x1b[31mred\x1b[0m\tend",
        b" 10%\r 50%\r100%",
        b"a\x00b\x07",
        b"2026-05-31T08:00:00.000000000Z as if it were a time",
        b"time=2026-05-31T08:00:00.000000000Z level=info",
        b"last",
    ]
    key = box.said("sorts", b"\n".join(data) + b"\n")
    expected = [box.text(line).split("\r")[-1] for line in data]
    assert [text for _, text in shown(box.read(key))] == expected


def test_bytes_that_are_no_text_are_replaced(box: Box) -> None:
    key = box.said("bytes", b"a\xff\xfe\x80b\nc\xe4\n")
    assert [text for _, text in shown(box.read(key))] == ["a���b", "c�"]


def test_a_character_that_is_written_in_two_halves_is_whole(box: Box) -> None:
    key = box.wrote("halves", r"printf 'snow\342\230'; usleep 50000; printf '\203man\n'; echo next")
    assert [text for _, text in shown(box.read(key))] == ["snow☃man", "next"]


@pytest.mark.by_default(
    *(f"streams-json-file-{size}" for size in (PART - 1, PART + 1, 2 * PART)),
    *(f"terminal-local-{size}" for size in (PART, 40_000)),
    f"terminal-journald-{PART + 1}",
)
@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 40_000])
def test_a_line_that_the_engine_cuts_is_one_line(box: Box, size: int) -> None:
    # the terminal adds a carriage return, which is no part of the line
    data = (b"0123456789" * (size // 10 + 1))[:size]
    key = box.said(f"long-{size}", b"before\n" + data + b"\nafter\n")
    lines = box.read(key)
    assert [text for _, text in shown(lines)] == ["before", data.decode(), "after"]
    assert box.read(key, LogRequest(follow=True)) == lines


def test_a_character_where_the_engine_cuts_a_line(box: Box) -> None:
    if box.driver == "json-file":
        pytest.skip("json-file itself replaces both halves")
    text = "x" * (PART - 1) + "☃" + "y" * 100
    key = box.said("cut", text.encode() + b"\n")
    assert shown(box.read(key)) == [(OUT, text)]


def test_a_long_progress_bar_is_one_line(box: Box) -> None:
    bar = b"".join(b"\r%5d/10000 |%s|" % (step, b"#" * (step // 500)) for step in range(10_001))
    key = box.said("bar", b"before\n" + bar + b"\nafter\n")
    lines = box.read(key)
    assert [text for _, text in shown(lines)] == ["before", f"10000/10000 |{'#' * 20}|", "after"]
    assert len(lines[1][0]) < 2 * PART


def test_a_long_line_is_seen_before_it_ends(box: Box) -> None:
    folder = box.engine.folder / "tmp" / f"slow-{box.driver}-{box.has_terminal}"
    folder.mkdir()
    os.mkfifo(folder / "gate")
    key = box.run(
        "slow",
        f"echo first; head -c {2 * PART + 100} /dev/zero | tr '\\0' x; read _ </gate/gate; echo end",
        "--volume",
        f"{folder}:/gate",
    )
    follower = Follower(box.logs, key)
    # where there is a terminal, nothing tells a part from a whole before the next begins
    seen = PART if box.has_terminal else 2 * PART
    until(
        lambda: [text_of(raw) for raw, _ in follower.pending] == ["x" * seen],
        PATIENCE_SECONDS,
        lambda: f"{[len(raw) for raw, _ in follower.pending]} {follower.error}",
    )
    (folder / "gate").write_text("go\n")
    box.engine.docker("wait", "slow")
    assert [text for _, text in shown(follower.end())] == ["first", "x" * (2 * PART + 100) + "end"]


def test_the_last_of_a_container_without_a_newline_does_not_take_in_the_next(box: Box) -> None:
    key = box.wrote("again", "echo begin; printf 'no newline'")
    box.engine.docker("start", "again")
    box.engine.docker("wait", "again")
    assert [text for _, text in shown(box.read(key))] == ["begin", "no newline"] * 2


def test_moments_are_included_to_the_nanosecond(box: Box) -> None:
    key = box.wrote("moments", "for i in 0 1 2 3 4 5 6 7 8 9; do echo $i; usleep 2000; done")
    lines = box.read(key)
    at = times(lines)
    assert len(at) == 10
    assert box.read(key, LogRequest(since_ns=at[3])) == lines[3:]
    assert box.read(key, LogRequest(since_ns=at[3] + 1)) == lines[4:]
    assert box.read(key, LogRequest(until_ns=at[6])) == lines[:7]
    assert box.read(key, LogRequest(until_ns=at[6] - 1)) == lines[:6]
    assert box.read(key, LogRequest(since_ns=at[3], until_ns=at[6])) == lines[3:7]
    assert box.read(key, LogRequest(since_ns=at[5], until_ns=at[5])) == lines[5:6]
    assert box.read(key, LogRequest(since_ns=at[-1] + 1)) == []
    assert box.read(key, LogRequest(follow=True, since_ns=at[7])) == lines[7:]


def test_a_flood_is_all_there_in_order_and_none_twice(box: Box) -> None:
    if box.driver == "journald":
        pytest.skip("journald drops what comes faster than it takes")
    count = 300_000
    key = box.run("flood", f"seq 0 {count - 1}")
    follower = Follower(box.logs, key)
    box.engine.docker("wait", "flood", timeout=200.0)
    assert [int(text) for _, text in shown(follower.end())] == list(range(count))


def test_a_log_that_is_kept_nowhere_says_so(writing_engine: PrivateEngine) -> None:
    logs = open_local(writing_engine.host, {}).logs
    assert logs is not None
    key = writing_engine.run_container("nowhere", ("echo", "lost"), (*NO_NETWORK, "--log-driver", "none"))
    for follow in (False, True):
        with pytest.raises(LogUnreadable) as caught:
            list(logs.open(key, LogRequest(follow=follow)).messages())
        assert "does not support reading" in caught.value.detail


# -- rotation


class Recorder:
    """Passes everything between clients and an engine on, and keeps what the engine answered."""

    def __init__(self, engine: PrivateEngine, name: str) -> None:
        self.path = str(engine.folder / f"{name}.sock")
        #: by connection
        self.answers: list[bytearray] = []
        self._engine_path = engine.socket_path
        self._sockets: list[socket.socket] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        os.unlink(self.path)

    @property
    def log(self) -> bytes:
        """The body of the answer that is a log: the only one that is no JSON and has no length."""
        (found,) = (
            body
            for head, _, body in (bytes(answer).partition(b"\r\n\r\n") for answer in self.answers)
            if b"content-length" not in head.lower() and b"json" not in head
        )
        return found

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(self._engine_path)
                self._sockets += [client, upstream]
                self.answers.append(bytearray())
                for source, sink, kept in ((client, upstream, None), (upstream, client, self.answers[-1])):
                    threading.Thread(target=_pass_on, args=(source, sink, kept), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(1 << 16):
            if kept is not None:
                kept += block
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)


def _frames(data: bytes) -> Iterator[bytes]:
    """Payloads of an engine's frames, read the slow and simple way."""
    while data:
        size = 8 + int.from_bytes(data[4:8], "big")
        yield data[8:size]
        data = data[size:]


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_through_rotations_every_line_comes_as_often_as_the_engine_sends_it(box: Box) -> None:
    # Docker 20.10 sends some lines twice while it rotates, and leaves some out: that is not ours to add to
    options = ("--log-opt", "max-size=100k", "--log-opt", "max-file=3")
    key = box.run("turning", "until [ -e /tmp/go ]; do usleep 10000; done; seq 10000 29999", *options)
    with Recorder(box.engine, "recorder") as recorder:
        logs = open_local(f"unix://{recorder.path}", {}).logs
        assert logs is not None
        follower = Follower(logs, key)
        # the container may be gone before the exec is
        box.engine.docker("exec", "turning", "touch", "/tmp/go", check=False)
        lines = follower.end()
        sent = recorder.log
    messages = sent.splitlines(keepends=True) if box.has_terminal else list(_frames(sent))
    # when it can't go on, the engine says so in the log, without a time
    assert [raw for raw, _ in lines] == [
        message if message.startswith(b"20") else written_time(None) + message for message in messages
    ]
    assert lines
    # what is left is a window that moved, as there are rotations
    assert 0 < len(box.read(key)) < 20_000


def test_the_rotated_files_are_read_as_one_log(box: Box) -> None:
    if box.driver == "journald":
        pytest.skip("journald rotates by itself")
    key = box.wrote("rotated", "seq 10000 29999", "--log-opt", "max-size=200k", "--log-opt", "max-file=3")
    numbers = [int(text) for _, text in shown(box.read(key))]
    assert numbers == list(range(numbers[0], 30_000))
    assert 0 < len(numbers) <= 20_000
