"""A command's input and output are a socket that SSH can be spoken over."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.exec_box import END_SECONDS, OPEN_SECONDS, ExecBox
from tests.rig.engine import PrivateEngine
from tests.rig.image import find_program
from tests.rig.waiting import until
from tui.backends.deadline import Deadline
from tui.backends.docker.exec_socket import ExecSocket


@pytest.fixture(scope="module")
def shared(engine: PrivateEngine) -> ExecBox:
    """A container that sees this machine's files."""
    engine.recover()
    engine.remove_all()
    made = ExecBox(engine, args=("--volume", "/:/machine:ro", "--tmpfs", "/machine/run"))
    made.says("mkdir", "/machine/run/sshd")
    return made


@pytest.fixture
def box(shared: ExecBox) -> Iterator[ExecBox]:
    """It; afterwards no socket may be left."""
    shared.remember()
    yield shared
    shared.nothing_is_left()


def start(box: ExecBox, *argv: str, user: str = "") -> ExecSocket:
    """A command in it."""
    return ExecSocket.open(box.http, box.id, argv, user, {"WORD": "said"}, Deadline(OPEN_SECONDS))


def whole(socket: ExecSocket) -> bytes:
    """All that it prints."""
    return b"".join(iter(lambda: socket.recv(1000), b""))


def test_bytes_go_in_and_come_out_unchanged(box: ExecBox) -> None:
    socket = start(box, "head", "-c", str(256 << 10))
    content = bytes(range(256)) * (1 << 10)
    sender = threading.Thread(target=lambda: socket.sendall(content))
    sender.start()
    assert whole(socket) == content
    sender.join(END_SECONDS)
    assert socket.exit_code(Deadline(END_SECONDS)) == 0
    socket.close()


def test_no_more_is_received_than_asked_for(box: ExecBox) -> None:
    socket = start(box, "echo", "abcdef")
    assert [socket.recv(2), socket.recv(3)] == [b"ab", b"cde"]
    assert whole(socket) == b"f\n"
    socket.close()


def test_receiving_waits_no_longer_than_told(box: ExecBox) -> None:
    socket = start(box, "sleep", "999")
    socket.settimeout(0.05)
    # what paramiko catches
    with pytest.raises(TimeoutError):
        socket.recv(1)
    socket.close()


def test_closing_ends_receiving_and_forbids_sending(box: ExecBox) -> None:
    socket = start(box, "sleep", "999")
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(socket.recv(1)))
    reader.start()
    socket.close()
    reader.join(END_SECONDS)
    assert found == [b""]
    with pytest.raises(BrokenPipeError):
        socket.send(b"x")


def test_the_last_errors_are_kept_apart(box: ExecBox) -> None:
    script = "for i in $(seq 30); do echo $WORD $i >&2; done; echo out; printf unfinished >&2; exit 255"
    socket = start(box, "sh", "-c", script)
    assert whole(socket) == b"out\n"
    assert socket.errors == (*(f"said {number}" for number in range(12, 31)), "unfinished")
    assert socket.exit_code(Deadline(END_SECONDS)) == 255
    socket.close()


def test_a_server_whose_input_ends_ends(box: ExecBox) -> None:
    socket = start(box, "sh", "-c", "cat; echo gone >/tmp/gone")
    socket.close()
    until(lambda: box.says("cat", "/tmp/gone") == "gone\n", message="the server ends")


class TestSsh:
    @pytest.fixture
    def keys(self, tmp_path: Path) -> Path:
        """Of the server and of the user, and the server's configuration."""
        for name in ("host", "user"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)]
            subprocess.run(command, check=True)
        (tmp_path / "config").write_text(
            f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/user.pub\nStrictModes no\nUsePAM no\n"
            "PermitRootLogin yes\n"
        )
        return tmp_path

    @pytest.mark.skipif(not find_program("sshd"), reason="sshd is not installed")
    def test_paramiko_speaks_to_a_server_that_was_started_for_it(self, box: ExecBox, keys: Path) -> None:
        import paramiko

        sshd = find_program("sshd") or ""
        socket = start(box, "chroot", "/machine", sshd, "-i", "-e", "-f", f"{keys}/config")
        transport = paramiko.Transport(socket)
        try:
            transport.start_client(timeout=END_SECONDS)
            offered = transport.get_remote_server_key().get_base64()
            assert offered == (keys / "host.pub").read_text().split()[1]
            transport.auth_publickey("root", paramiko.Ed25519Key.from_private_key_file(str(keys / "user")))
            channel = transport.open_session(timeout=END_SECONDS)
            channel.settimeout(END_SECONDS)
            channel.exec_command("head -c 3000000 /dev/zero; echo $SSH_CONNECTION >&2; exit 9")
            count = 0
            while block := channel.recv(1 << 16):
                count += len(block)
            assert count == 3000000
            assert channel.recv_exit_status() == 9
        finally:
            transport.close()
        until(lambda: not transport.is_alive(), message="paramiko's thread ends")

    def test_a_server_that_does_not_start_says_why(self, box: ExecBox) -> None:
        import paramiko

        socket = start(box, "sh", "-c", "echo 'no hostkeys available' >&2; exit 1")
        transport = paramiko.Transport(socket)
        with pytest.raises(paramiko.SSHException):
            transport.start_client(timeout=END_SECONDS)
        transport.close()
        until(lambda: not transport.is_alive(), message="paramiko's thread ends")
        assert socket.errors == ("no hostkeys available",)
        assert socket.exit_code(Deadline(END_SECONDS)) == 1
