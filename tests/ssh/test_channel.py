"""What goes through a channel of a real OpenSSH server: outputs, input, sizes, ends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.sshd import Sshd
from tests.rig.waiting import until
from tests.ssh.asking import Somebody
from tests.ssh.test_connection import host_of
from tui.backends.ssh.channel import SshChannel
from tui.backends.ssh.connection import Connection
from tui.model.errors import SessionError
from tui.model.logs import Stream
from tui.model.sessions import Terminal


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with Sshd(tmp_path_factory.mktemp("sshd")) as server:
        opened = Connection.open(host_of(server), Somebody())
        yield opened
        opened.close()


def read_all(channel: SshChannel) -> dict[Stream, bytes]:
    found = {Stream.STDOUT: bytearray(), Stream.STDERR: bytearray()}
    while (block := channel.read()) is not None:
        found[block[0]] += block[1]
    return {stream: bytes(data) for stream, data in found.items()}


@pytest.mark.parametrize("status", [0, 7, 130])
def test_exit_status(connection: Connection, status: int) -> None:
    channel = connection.channel(f"exit {status}", None, 10)
    assert read_all(channel)[Stream.STDOUT] == b""
    outcome = channel.outcome(10)
    assert (outcome.status, outcome.signal, outcome.lost) == (status, "", "")


def test_the_signal_that_ended_it(connection: Connection) -> None:
    channel = connection.channel("exec sh -c 'kill -KILL $$'", None, 10)
    read_all(channel)
    assert channel.outcome(10).signal == "KILL"


def test_outputs_come_apart(connection: Connection) -> None:
    channel = connection.channel("echo out; echo err >&2; echo out again", None, 10)
    assert read_all(channel) == {Stream.STDOUT: b"out\nout again\n", Stream.STDERR: b"err\n"}


def test_much_on_one_output_alone_does_not_block(connection: Connection) -> None:
    channel = connection.channel("head -c 5000000 /dev/zero >&2; echo done", None, 10)
    found = read_all(channel)
    assert len(found[Stream.STDERR]) == 5_000_000 and found[Stream.STDOUT] == b"done\n"


def test_five_megabytes_arrive_intact(connection: Connection) -> None:
    data = bytes(range(256)) * 20_000
    channel = connection.channel("sha256sum", None, 10)
    channel.send(data)
    channel.send_end()
    assert read_all(channel)[Stream.STDOUT].split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_a_hundred_megabytes_come_intact(connection: Connection) -> None:
    channel = connection.channel("head -c 104857600 /dev/zero | tr '\\0' 'x'", None, 10)
    count, digest = 0, hashlib.sha256()
    while (block := channel.read()) is not None:
        count += len(block[1])
        digest.update(block[1])
    assert count == 104_857_600
    expected = hashlib.sha256()
    for _ in range(100):
        expected.update(b"x" * (1 << 20))
    assert digest.digest() == expected.digest()


def test_who_takes_nothing_blocks_the_sender_and_closing_frees_it(connection: Connection) -> None:
    channel = connection.channel("exec sleep 1000", None, 10)
    ended = threading.Event()

    def send() -> None:
        with pytest.raises(SessionError):
            channel.send(b"x" * (64 << 20))
        ended.set()

    thread = threading.Thread(target=send)
    thread.start()
    until(lambda: channel._channel.out_window_size == 0)
    assert not ended.is_set()
    channel.close()
    assert ended.wait(20)
    thread.join()


def test_the_terminal_has_its_size_and_settings(connection: Connection) -> None:
    # IUTF8 on (42), ECHO off (53), then the end: RFC 4254, section 8
    modes = bytes([42, 0, 0, 0, 1, 53, 0, 0, 0, 0, 0])
    channel = connection.channel("stty -a; echo $TERM", Terminal("vt220", 91, 33, modes=modes), 10)
    text = read_all(channel)[Stream.STDOUT].decode()
    assert "rows 33; columns 91" in text and " iutf8" in text and " -echo " in text and "vt220" in text


def test_another_size_reaches_the_program(connection: Connection, tmp_path: Path) -> None:
    script = f"trap 'stty size > {tmp_path}/size; exit 3' WINCH; echo up; while :; do sleep 0.05; done"
    channel = connection.channel(f'exec sh -c "{script}"', Terminal("xterm", 80, 24), 10)
    block = channel.read()
    assert block is not None and b"up" in block[1]
    channel.resize(120, 40)
    read_all(channel)
    assert (tmp_path / "size").read_text().split() == ["40", "120"]
    assert channel.outcome(10).status == 3


def test_a_terminal_that_is_closed_hangs_up_what_runs_in_it(connection: Connection, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    channel = connection.channel(f"echo $$ > {pid_file}; exec sleep 1000", Terminal(), 10)
    until(lambda: pid_file.exists() and pid_file.read_text().strip())
    pid = pid_file.read_text().strip()
    channel.close()
    until(lambda: not Path(f"/proc/{pid}").exists())
