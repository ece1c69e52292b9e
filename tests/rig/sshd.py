"""Throw-away OpenSSH servers on loopback: all in one folder, nothing touches ~/.ssh or /etc/ssh."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tests.rig import guard
from tests.rig.waiting import until

SSHD = (
    shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or "/usr/sbin/sshd"
)
_SFTP = "/usr/lib/openssh/sftp-server"


def why_no_sshd() -> str | None:
    """Why none can be started here, None where it can."""
    missing = [each for each in (SSHD, "ssh-keygen", "ssh") if shutil.which(each) is None]
    return f"{', '.join(missing)} is not installed" if missing else None


def free_port() -> int:
    """A port that nobody has, a moment ago."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def keygen(path: Path, kind: str = "ed25519", passphrase: str = "", comment: str = "rig") -> Path:
    """A key pair in place of whatever is there; gives back the path of its private half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for each in (path, Path(f"{path}.pub")):
        each.unlink(missing_ok=True)
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", comment, "-f", str(path)]
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    return path


class Sshd:
    """One server; `extra` are lines of sshd_config that win over ours. As root it lets every account in."""

    def __init__(
        self,
        root: Path,
        *,
        port: int | None = None,
        extra: Sequence[str] = (),
        host_kinds: Sequence[str] = ("ed25519",),
        name: str = "sshd",
    ) -> None:
        self.dir = root / name
        self.dir.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.extra = list(extra)
        self.user = getpass.getuser()
        self.host_kinds = tuple(host_kinds)
        self.log = self.dir / "log"
        self.proc: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.new_host_keys()
        self.client_key = keygen(self.dir / "id_ed25519")
        self.authorize(self.client_key)

    # -- keys

    def new_host_keys(self) -> None:
        """Other host keys, from the next start on."""
        for kind in self.host_kinds:
            keygen(self.dir / f"host_{kind}", kind, comment="host")

    def host_pub(self, kind: str | None = None) -> str:
        """The public half of a host key, as its file has it."""
        return (self.dir / f"host_{kind or self.host_kinds[0]}.pub").read_text().strip()

    def authorize(self, *keys: Path, options: str = "") -> None:
        """Let exactly these keys in."""
        before = f"{options} " if options else ""
        lines = [before + Path(f"{key}.pub").read_text().strip() for key in keys]
        (self.dir / "authorized_keys").write_text("\n".join(lines) + "\n")

    def known_hosts(self, *, hashed: bool = False, alias: str | None = None, port: int | None = None) -> Path:
        """A known_hosts file that knows this server."""
        path = self.dir / "known_hosts"
        name = alias or f"[127.0.0.1]:{port or self.port}"
        keys = (" ".join(self.host_pub(kind).split()[:2]) for kind in self.host_kinds)
        path.write_text("".join(f"{name} {key}\n" for key in keys))
        if hashed:
            subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, capture_output=True)
        return path

    # -- life

    def config(self) -> str:
        """Its sshd_config; sshd takes the first value of each keyword."""
        lines = [
            *self.extra,
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            "PidFile none",
            "UsePAM no",
            "StrictModes no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PrintMotd no",
            "LogLevel VERBOSE",
            "PermitRootLogin prohibit-password",
            f"AuthorizedKeysFile {self.dir}/authorized_keys",
            f"Subsystem sftp {_SFTP}",
            "AcceptEnv LANG LC_* COLORTERM",
            *(f"HostKey {self.dir}/host_{kind}" for kind in self.host_kinds),
        ]
        return "\n".join(lines) + "\n"

    def start(self) -> Sshd:
        """Start it and wait until it greets."""
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        path = self.dir / "sshd_config"
        path.write_text(self.config())
        self._log = self.log.open("ab")
        self.proc = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        until(self._greets, 20, lambda: f"sshd greets: {self.log.read_text()[-2000:]}")
        return self

    def _greets(self) -> bool:
        assert self.proc is not None
        if self.proc.poll() is not None:
            raise RuntimeError(f"sshd: {self.log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as sock:
            return sock.recv(4) == b"SSH-"
        return False

    def processes(self) -> list[int]:
        """All its processes, the server first; those of a connection call setsid: no group holds them."""
        assert self.proc is not None
        waiting, found = [self.proc.pid], []
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    waiting += [int(each) for each in path.read_text().split()]
        return found

    def _signal(self, pids: Sequence[int], number: signal.Signals) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def freeze(self) -> None:
        """Let it hang: connections stay, nothing is answered."""
        pids = self.processes()
        self._signal(pids, signal.SIGSTOP)
        until(lambda: all(map(guard.is_stopped, pids)), 30.0, "sshd stands still")

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(self.processes(), signal.SIGCONT)

    def drop_connections(self) -> None:
        """Kill what serves its connections."""
        self._signal(self.processes()[1:], signal.SIGKILL)

    def stop(self) -> None:
        """End it and its connections."""
        if self.proc is not None and self.proc.poll() is None:
            self.thaw()
            others = self.processes()[1:]
            self.proc.terminate()
            self.proc.wait(10)
            self._signal(others, signal.SIGTERM)
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Sshd:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
