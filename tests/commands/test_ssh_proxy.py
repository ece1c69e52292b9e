"""`envtui ssh-proxy`: both directions byte for byte, and it ends when either side does."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rig.waiting import until
from tui.cli import main
from tui.model.containers import Container
from tui.model.errors import EngineLost, NoRoute
from tui.model.sessions import SshDoor
from tui.workstation import open_demo

PATIENCE_SECONDS = 30.0
ALL_BYTES = bytes(range(256)) * 1000
Run = Callable[..., tuple[int, bytes, bytes]]


class Socket:
    """A socket whose `close` ends who waits for it, as that of a door does."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner = inner
        self.breaks_off = False

    def recv(self, most_bytes: int, /) -> bytes:
        data = self.inner.recv(most_bytes)
        if not data and self.breaks_off:
            raise EngineLost("The connection broke off", "its stream ended")
        return data

    def sendall(self, data: bytes, /) -> None:
        self.inner.sendall(data)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.inner.shutdown(socket.SHUT_RDWR)
        self.inner.close()


class OneDoor:
    """A far side that sends back what it gets, and leaves at a full stop."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        ours, self.theirs = socket.socketpair()
        self.stream = Socket(ours)
        self.has_ended = threading.Event()

    def doors(self, containers: Sequence[Container], questions: object) -> Sequence[SshDoor]:
        return ()

    def connect(self, container_id: str, user: str = "") -> Socket:
        if container_id == "nosshd":
            raise NoRoute("No way in over SSH", "there is no sshd in it")
        self.asked.append((container_id, user))
        threading.Thread(target=self._echo, daemon=True).start()
        return self.stream

    def _echo(self) -> None:
        with self.theirs:
            while (data := self.theirs.recv(1 << 16)) and data != b".":
                self.theirs.sendall(data)
        self.has_ended.set()


@pytest.fixture
def keys() -> Iterator[int]:
    """Where to write what comes from standard input, which is a pipe."""
    kept, (reading, writing) = os.dup(0), os.pipe()
    os.dup2(reading, 0)
    os.close(reading)
    yield writing
    os.dup2(kept, 0)
    os.close(kept)
    with contextlib.suppress(OSError):
        os.close(writing)


@pytest.fixture
def door() -> Iterator[OneDoor]:
    door = OneDoor()
    yield door
    door.stream.close()
    door.theirs.close()


@pytest.fixture
def run(
    door: OneDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Run:
    def run(*arguments: str) -> tuple[int, bytes, bytes]:
        station = replace(open_demo(), doors=door)
        monkeypatch.setattr("tui.commands.ssh_proxy.open_workstation", lambda *given: station)
        code = main([*arguments], {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
        assert "ssh-proxy-input" not in {each.name for each in threading.enumerate()}
        said = capfdbinary.readouterr()
        return code, said.out, said.err

    return run


def test_every_byte_goes_both_ways(run: Run, door: OneDoor, keys: int) -> None:
    read = threading.Event()

    def type_all() -> None:
        rest = ALL_BYTES
        while rest:
            rest = rest[os.write(keys, rest[:4000]) :]
        # what was sent back first is there before it ends
        assert read.wait(PATIENCE_SECONDS)
        os.write(keys, b".")

    counted = 0
    receive = door.stream.recv

    def counting(most_bytes: int, /) -> bytes:
        nonlocal counted
        data = receive(most_bytes)
        counted += len(data)
        if counted == len(ALL_BYTES):
            read.set()
        return data

    door.stream.recv = counting  # type: ignore[method-assign]
    typing = threading.Thread(target=type_all)
    typing.start()
    assert run("ssh-proxy", "abc", "--user", "ana") == (0, ALL_BYTES, b"")
    typing.join(PATIENCE_SECONDS)
    assert door.asked == [("abc", "ana")] and door.has_ended.wait(PATIENCE_SECONDS)


def test_it_ends_with_its_input(run: Run, door: OneDoor, keys: int) -> None:
    os.close(keys)
    assert run("ssh-proxy", "abc") == (0, b"", b"")
    assert door.has_ended.wait(PATIENCE_SECONDS)


def test_it_ends_with_the_far_side_though_its_input_goes_on(run: Run, keys: int) -> None:
    os.write(keys, b".")
    assert run("ssh-proxy", "abc") == (0, b"", b"")


def test_the_signal_with_which_ssh_ends_it_hangs_up(run: Run, door: OneDoor, keys: int) -> None:
    def end() -> None:
        until(lambda: any(each.name == "ssh-proxy-input" for each in threading.enumerate()))
        os.kill(os.getpid(), signal.SIGHUP)

    ending = threading.Thread(target=end)
    ending.start()
    assert run("ssh-proxy", "abc")[0] == 128 + signal.SIGHUP
    ending.join(PATIENCE_SECONDS)
    assert door.has_ended.wait(PATIENCE_SECONDS)


def test_a_far_side_that_breaks_off_is_told(run: Run, door: OneDoor, keys: int) -> None:
    door.stream.breaks_off = True
    os.write(keys, b".")
    code, out, err = run("ssh-proxy", "abc")
    assert (code, out, err) == (1, b"", b"envtui: The connection broke off: its stream ended\n")


@pytest.mark.parametrize("arguments", [("ssh-proxy", "nosshd"), ("--read-only", "ssh-proxy", "abc")])
def test_what_does_not_begin_is_one_line(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out, err.count(b"\n")) == (1, b"", 1)
