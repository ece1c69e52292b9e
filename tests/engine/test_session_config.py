"""`envtui ssh-config` on a real engine: the real ssh, scp and sftp get in with what it prints."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.program import PATIENCE_SECONDS
from tests.engine.session_rig import NAMES, Rooms, furnished
from tests.rig.engine import PrivateEngine
from tui.model.sessions import Route

pytestmark = pytest.mark.skipif(
    any(shutil.which(each) is None for each in ("ssh", "scp", "sftp")), reason="no OpenSSH client"
)
NAME = NAMES[Route.SSHD]
HOST = f"envtui-{NAME}"
MEGABYTE = os.urandom(1 << 20)


@dataclass(frozen=True)
class Client:
    """OpenSSH's programs with the printed file."""

    rooms: Rooms
    path: Path

    def argv(self, program: str, *words: str) -> list[str]:
        return [program, "-F", str(self.path), "-o", "BatchMode=yes", *words]

    def run(self, program: str, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.argv(program, *words), input=given, capture_output=True, timeout=PATIENCE_SECONDS * 2,
            check=False, env=self.env,
        )  # fmt: skip

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "XDG_STATE_HOME": str(self.rooms.state)}


@pytest.fixture(scope="module")
def client(
    engine: PrivateEngine, shell_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Client]:
    """The entry of a container without a port."""
    rooms = furnished(engine, tmp_path_factory.mktemp("state"), [Route.SSHD])
    done = rooms.run("ssh-config", NAME)
    assert (done.returncode, done.stderr) == (0, b"")
    path = tmp_path_factory.mktemp("client") / "ssh_config"
    path.write_bytes(done.stdout)
    yield Client(rooms, path)
    engine.recover()
    engine.remove_all()


@pytest.mark.parametrize("status", [0, 7, 130])
def test_the_status_of_a_command(client: Client, status: int) -> None:
    done = client.run("ssh", HOST, f"echo out; echo err >&2; exit {status}")
    assert (done.returncode, done.stdout, done.stderr) == (status, b"out\n", b"err\n")


def test_a_megabyte_both_ways_by_ssh(client: Client) -> None:
    assert client.run("ssh", HOST, "cat", given=MEGABYTE).stdout == MEGABYTE


def test_a_megabyte_both_ways_by_scp(client: Client, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(MEGABYTE)
    assert client.run("scp", str(tmp_path / "there"), f"{HOST}:/tmp/by-scp").returncode == 0
    assert client.run("scp", f"{HOST}:/tmp/by-scp", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == MEGABYTE


def test_a_megabyte_both_ways_by_sftp(client: Client, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(MEGABYTE)
    orders = f"put {tmp_path}/there /tmp/by-sftp\nget /tmp/by-sftp {tmp_path}/back\n"
    done = client.run("sftp", "-b", "-", HOST, given=orders.encode())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "back").read_bytes() == MEGABYTE


def test_another_host_key_is_refused(client: Client, tmp_path: Path) -> None:
    known = Path(re.search(r'UserKnownHostsFile "?([^"\n]+)', client.path.read_text())[1])  # type: ignore[index]
    words = known.read_text().split("\n")[0].split()
    other = (client.rooms.folder / "id_ed25519.pub").read_text().split()[:2]
    (tmp_path / "known").write_text(" ".join([words[0], *other]) + "\n")
    done = client.run("ssh", "-o", f"UserKnownHostsFile={tmp_path}/known", HOST, "true")
    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_ssh_leaves_nothing(client: Client, number: signal.Signals) -> None:
    argv = client.argv("ssh", "-tt", HOST, "sleep 7005")
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, env=client.env) as process:
        try:
            client.rooms.wait_for(NAME, "sleep 7005")
            process.send_signal(number)
        except BaseException:
            process.kill()
            raise
        process.communicate(timeout=PATIENCE_SECONDS)
    client.rooms.wait_empty(NAME)
