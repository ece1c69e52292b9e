"""The entries of `envtui ssh-config` in use: real ssh, through `envtui ssh-proxy`, to a real `sshd -i`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tui.commands.ssh_config_text import config_text
from tui.model.sessions import SshDoor

PATIENCE_SECONDS = 60.0
SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or SSHD is None or shutil.which("unshare") is None,
    reason="an sshd that lets somebody in needs root",
)
# Started with a folder of its own for the program's unprivileged half, which the machine may not have.
SERVER = "mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec {sshd} -i -e -f {folder}/sshd_config"
PROGRAM = """
import contextlib, socket, subprocess, sys
from dataclasses import replace
import tui.commands.ssh_proxy as module
from tui.cli import entry
from tui.workstation import open_demo

class Stream:
    def __init__(self):
        self.inner, theirs = socket.socketpair()
        self.recv, self.sendall = self.inner.recv, self.inner.sendall
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", {server!r}]
        self.server = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=open({log!r}, "ab"))
        theirs.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.inner.shutdown(socket.SHUT_RDWR)
        self.inner.close()
        self.server.wait(30)

class Doors:
    def connect(self, container_id, user=""):
        assert container_id == "box-id"
        return Stream()

module.open_workstation = lambda *given: replace(open_demo(), doors=Doors())
entry()
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Entries for one container, whose key is pinned."""
    for name in ("id", "host"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)],
            check=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    (tmp_path / "keys").write_text((tmp_path / "id.pub").read_text())
    (tmp_path / "known").write_text(f"envtui-box-id {(tmp_path / 'host.pub').read_text()}")
    (tmp_path / "sshd_config").write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/keys\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
    )
    server = SERVER.format(sshd=SSHD, folder=tmp_path)
    (tmp_path / "proxy.py").write_text(PROGRAM.format(server=server, log=str(tmp_path / "log")))
    door = SshDoor("box", "box-id", "root", "envtui-box-id", str(tmp_path / "id"), str(tmp_path / "known"))
    path = tmp_path / "ssh_config"
    path.write_text(config_text([door], [sys.executable, str(tmp_path / "proxy.py"), "ssh-proxy"]))
    return path


def ssh(config: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["ssh", "-F", str(config), "-o", "BatchMode=yes", *words],
        input=given, capture_output=True, timeout=PATIENCE_SECONDS, check=False,
    )  # fmt: skip


def test_a_command_its_streams_and_its_status(config: Path) -> None:
    given = bytes(range(256)) * 2000
    done = ssh(config, "envtui-box", "cat; echo said >&2; exit 7", given=given)
    log = (config.parent / "log").read_text(errors="replace")
    assert done.returncode == 7, (done.stderr, log)
    assert done.stdout == given and done.stderr == b"said\n"


def test_another_key_of_the_host_is_refused(config: Path) -> None:
    known = config.parent / "known"
    known.write_text(f"envtui-box-id {(config.parent / 'id.pub').read_text()}")
    done = ssh(config, "envtui-box", "true")
    assert done.returncode == 255 and b"Host key verification failed" in done.stderr
