"""Containers with accounts and sshd, seen as the app sees them, and entered with the real ssh."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.rig.engine import PrivateEngine
from tests.rig.image import find_program
from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.shells import authorized_keys
from tui.backends.shells.accounts import Account, find_account
from tui.backends.shells.consents import host_key_alias, write_known_hosts
from tui.backends.shells.container_sshd import ContainerSshd, find_sshd
from tui.backends.shells.own_key import OwnKey, own_key
from tui.model.containers import Container

SECONDS = 60.0


class Inside:
    """One container."""

    def __init__(self, engine: PrivateEngine, container_id: str, folder: Path) -> None:
        """Args: engine, full id, and a folder for keys."""
        self.engine, self.id, self.folder = engine, container_id, folder
        self._docker = DockerEngine(find(engine.host, {}))
        self.http = self._docker.http
        self.key: OwnKey = own_key(folder / "ssh")

    @property
    def files(self) -> ContainerFiles:
        return ContainerFiles(self.http, self.id, Deadline(SECONDS))

    def container(self) -> Container:
        listed, *_ = DockerContainers(self._docker).containers()
        return next(each for each in listed if each.id == self.id)

    def account(self, user: str = "dev") -> Account:
        found = find_account(self.files.read("/etc/passwd") or b"", user)
        assert found is not None
        return found

    def sshd(self, user: str = "dev", engine_host: str = "127.0.0.1") -> ContainerSshd:
        return find_sshd(
            self.http, self.id, self.container(), self.account(user), engine_host, Deadline(SECONDS)
        )

    def mounts(self) -> tuple[str, ...]:
        return authorized_keys.mount_paths(self.http.get_json(f"/containers/{self.id}/json"))

    def put_key(self, user: str = "dev", path: str = "") -> None:
        account = self.account(user)
        place = path or f"{account.home}/.ssh/authorized_keys"
        line = self.key.public_line
        authorized_keys.put_key(self.http, self.id, self.mounts(), account, place, line, Deadline(SECONDS))

    def has_key(self, path: str = "/home/dev/.ssh/authorized_keys") -> bool:
        return authorized_keys.has_key(self.http, self.id, path, self.key.public_line, Deadline(SECONDS))

    def remove_key(self, path: str = "/home/dev/.ssh/authorized_keys") -> None:
        authorized_keys.remove_key(self.http, self.id, path, self.key.public_line, Deadline(SECONDS))

    def run(self, *words: str, text: str | None = None) -> str:
        """As root, by the engine's own client."""
        return self.engine.docker("exec", "--interactive", "--user", "0", self.id, *words, input=text)

    def ssh(self, options: Sequence[str], user: str, command: str) -> subprocess.CompletedProcess[str]:
        """The real ssh, with envtui's key and the container's host keys alone."""
        known = write_known_hosts(self.folder / "ssh", self.id, self.sshd(user).host_keys)
        program = [find_program("ssh") or "ssh", "-F", "none", "-T", "-i", str(self.key.path)]
        settings = (
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=/dev/null",
            f"UserKnownHostsFile={known}",
            f"HostKeyAlias={host_key_alias(self.id)}",
        )
        words = [word for setting in settings for word in ("-o", setting)]
        return subprocess.run(
            [*program, *words, *options, f"{user}@127.0.0.1", command],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def through_sshd(self) -> list[str]:
        """Options of ssh: the engine's client starts an sshd for this one connection."""
        client = "/usr/bin/docker" if Path("/usr/bin/docker").exists() else find_program("docker")
        command = f"{client} -H {self.engine.host} exec -i --user 0 {self.id} /usr/sbin/sshd -i"
        return ["-o", f"ProxyCommand={command}"]
