"""A private Docker engine for tests: own daemon, containerd and folder; never touches the user's engine."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.parse
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.rig import guard
from tests.rig.image import IDLE, IMAGE, find_program, image_archive
from tests.rig.waiting import NotReached, until

__all__ = ["IDLE", "IMAGE", "PrivateEngine", "RigError", "sweep", "why_unavailable"]

PREFIX = "/tmp/envtui-rig-"
# Short, as a unix socket path may have 108 bytes and containerd appends its own.

_CONTAINERD_CONFIG = """\
version = 2
root = "{folder}/data/containerd"
state = "{folder}/exec/containerd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{folder}/exec/containerd/containerd.sock"
"""
_POOL_THREADS = 8
# More don't help: the engine starts containers no faster than two cores fork shims.

_serial = itertools.count()


class RigError(Exception):
    """The rig could not do what a test asked for; the text holds the engine's own words."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def _docker() -> str | None:
    # The distribution's client suits the distribution's engine; a newer one in PATH may refuse to build.
    return "/usr/bin/docker" if os.access("/usr/bin/docker", os.X_OK) else find_program("docker")


def why_unavailable() -> str | None:
    """Why a private engine can't run on this machine, or None if it can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "a private engine needs Linux and root"
    missing = [name for name in ("dockerd", "containerd", "runc", "busybox") if not find_program(name)]
    if not _docker():
        missing.append("docker")
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: docker.io, busybox-static)"
    busybox = find_program("busybox")
    if busybox and re.search(rb"/ld-(?:linux|musl)", Path(busybox).read_bytes()[:4096]):
        return "busybox is not statically linked (Debian: busybox-static)"
    return None


def sweep() -> list[str]:
    """Tears down the engines of earlier runs whose owner is gone; gives back their folders."""
    return [folder for folder in map(str, Path("/tmp").glob(f"{Path(PREFIX).name}*")) if _sweep_one(folder)]


def _sweep_one(folder: str) -> bool:
    match = re.fullmatch(re.escape(PREFIX) + r"(\d+)-(\d+)-\d+", folder)
    try:
        if match is None or os.lstat(folder).st_uid != os.geteuid():
            return False
    except FileNotFoundError:
        return False
    if guard.start_time(int(match[1])) == int(match[2]):
        return False
    with contextlib.suppress(NotReached):  # its guard may be at it right now
        until(lambda: guard.guard_of(folder) is None, guard.GRACE_SECONDS * 2)
    if os.path.exists(folder):
        guard.tear_down(folder, grace=1.0)
    return True


class PrivateEngine:
    """One dockerd with all that belongs to it below one folder; several may run beside each other.

    A guard process (`guard.py`) is the parent of the engine: it ends the engine and removes the folder when
    this process closes the pipe to it, be it in `stop()` or because it was killed.

    Attributes:
        folder: Holds data root, exec root, socket, pid file and the engine's log (`log`).
        host: What `-H` and DOCKER_HOST take.
        socket_path: The same as a path.
    """

    def __init__(self) -> None:
        owner = os.getpid()
        self.folder = Path(f"{PREFIX}{owner}-{guard.start_time(owner)}-{next(_serial)}")
        self.socket_path = str(self.folder / "docker.sock")
        self.host = f"unix://{self.socket_path}"
        self._guard: subprocess.Popen[str] | None = None
        self._pid: int | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- life

    @property
    def pid(self) -> int:
        """The process id of dockerd."""
        if self._pid is None:
            raise RigError("the engine was not started")
        return self._pid

    def start(self) -> None:
        """Starts the engine (again, after `kill`) and waits until it answers.

        Raises:
            RigError: It can't run here, or ended at once; with the end of its log.
        """
        reason = why_unavailable()
        if reason:
            raise RigError(reason)
        if self._guard is None:
            sweep()
            self._lay_out()
            command = [sys.executable, "-I", "-S", guard.__file__, str(self.folder)]
            self._guard = subprocess.Popen(
                [*command, find_program("dockerd") or "", find_program("containerd") or ""],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._guard.stdin and self._guard.stdout
        self._guard.stdin.write("start\n")
        self._guard.stdin.flush()
        self._pid = int(self._guard.stdout.readline())
        try:
            until(self._answers, 60.0, "the engine answers")
        except (NotReached, RigError) as error:
            text = f"{error}\n{self.log()[-4000:]}"
            self.stop()
            raise RigError(text) from error

    def stop(self) -> None:
        """Ends the engine and all that it started, and removes its folder. Harmless to call twice."""
        if self._guard is None:
            return
        assert self._guard.stdin and self._guard.stdout
        self._guard.stdin.close()
        try:
            self._guard.wait(guard.GRACE_SECONDS * 3)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        self._guard.stdout.close()
        self._guard = self._pid = None
        if self.folder.exists():
            guard.tear_down(str(self.folder), grace=1.0)

    def restart(self) -> None:
        """Ends dockerd the polite way and starts it again; containers end, as they do with a real restart."""
        self.thaw()
        os.kill(self.pid, signal.SIGTERM)
        self._wait_dockerd_gone()
        self.start()

    def kill(self) -> None:
        """Ends dockerd with SIGKILL, as a crash would; containers live on until the next `start`."""
        os.kill(self.pid, signal.SIGKILL)
        self._wait_dockerd_gone()

    def freeze(self) -> None:
        """Stops dockerd (SIGSTOP): connections are accepted by the kernel, and nobody answers."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        # a thread that is busy on another core goes on for a moment, and could answer one more request
        until(lambda: guard.is_stopped(pid), 30.0, "every thread of dockerd stands still")

    def thaw(self) -> None:
        """Lets a frozen dockerd go on."""
        os.kill(self.pid, signal.SIGCONT)

    def recover(self) -> None:
        """Makes sure that the engine answers, whatever a test did to it: thaws it, or starts it again."""
        if guard.start_time(self.pid) is None:
            self.start()
        self.thaw()

    def log(self) -> str:
        """What dockerd and containerd wrote."""
        with contextlib.suppress(OSError):
            return (self.folder / "log").read_text("utf-8", "replace")
        return ""

    def _lay_out(self) -> None:
        self.folder.mkdir(mode=0o711)
        for name in ("home", "tmp", "exec/containerd", "data"):
            (self.folder / name).mkdir(parents=True)
        # Without a file of its own dockerd would read the user's /etc/docker/daemon.json.
        (self.folder / "daemon.json").write_text("{}\n", "utf-8")
        (self.folder / "containerd.toml").write_text(_CONTAINERD_CONFIG.format(folder=self.folder), "utf-8")

    def _answers(self) -> bool:
        if guard.start_time(self.pid) is None:
            raise RigError("dockerd ended")
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/_ping", timeout=5.0)[0] == 200
        return False

    def _wait_dockerd_gone(self) -> None:
        pid = self.pid
        until(lambda: guard.start_time(pid) is None, 60.0, "dockerd is gone")

    # -- the engine's interfaces

    def docker(
        self, *arguments: str, check: bool = True, timeout: float = 60.0, input: str | bytes | None = None
    ) -> str:
        """Runs the docker command line against this engine and gives back its standard output.

        Raises:
            RigError: It failed and `check` is set; with its standard error.
        """
        folder = str(self.folder)
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": f"{folder}/home",
            "DOCKER_CONFIG": f"{folder}/home/.docker",
        }
        done = subprocess.run(
            [_docker() or "docker", "-H", self.host, *arguments],
            input=(input.encode() if isinstance(input, str) else input) if input is not None else b"",
            capture_output=True,
            timeout=timeout,
            env=environment,
            check=False,
        )
        if check and done.returncode:
            raise RigError(f"docker {' '.join(arguments)}: {done.stderr.decode('utf-8', 'replace').strip()}")
        return done.stdout.decode("utf-8", "replace")

    def request(self, method: str, path: str, body: object = None, timeout: float = 60.0) -> tuple[int, Any]:
        """One request to the engine's HTTP interface.

        Args:
            method: GET, POST …
            path: With query and, if wanted, a version.
            body: Bytes are sent as a tar archive, all else as JSON.
            timeout: Seconds for each step.

        Returns:
            Status, and the decoded JSON (text where the answer is none; None where it is empty).
        """
        connection = _UnixConnection(self.socket_path, timeout)
        try:
            if isinstance(body, bytes):
                connection.request(method, path, body, {"Content-Type": "application/x-tar"})
            elif body is not None:
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            else:
                connection.request(method, path)
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        if not raw:
            return answer.status, None
        try:
            return answer.status, json.loads(raw)
        except ValueError:
            return answer.status, raw.decode("utf-8", "replace")

    def _ask(self, method: str, path: str, body: object = None, accept: Iterable[int] = ()) -> Any:
        status, answer = self.request(method, path, body)
        if status >= 300 and status not in accept:
            raise RigError(f"{method} {path}: {status} {answer}")
        return answer

    # -- contents

    def build_image(self, tag: str = IMAGE) -> str:
        """Makes the rig's image from the machine's static busybox unless it is there; gives back the tag.

        It has every applet of busybox, /bin/idle (see IDLE), /tmp and a root user; no default command.
        """
        if self.request("GET", f"/images/{tag}/json")[0] == 200:
            return tag
        name, _, version = tag.partition(":")
        query = urllib.parse.urlencode({"fromSrc": "-", "repo": name, "tag": version or "latest"})
        answer = self._ask("POST", f"/images/create?{query}&changes=ENV+PATH%3D%2Fbin", image_archive())
        if self.request("GET", f"/images/{tag}/json")[0] != 200:
            raise RigError(f"the image was not made: {answer}")
        return tag

    def run_container(
        self,
        name: str,
        command: Sequence[str] = IDLE,
        args: Sequence[str] = ("--network", "none"),
        image: str = IMAGE,
        start: bool = True,
    ) -> str:
        """Makes a container by the command line, and starts it unless told otherwise; gives back its id."""
        verb = ("run", "--detach") if start else ("create",)
        return self.docker(*verb, "--name", name, *args, image, *command).strip()

    def create_many(
        self,
        count: int,
        prefix: str,
        command: Sequence[str] = IDLE,
        start: bool = True,
        extra: Mapping[str, object] | None = None,
    ) -> list[str]:
        """Makes containers PREFIX-000, PREFIX-001 … over the HTTP interface; gives back their ids in order.

        Args:
            count: How many.
            prefix: Of their names.
            command: What each runs.
            start: Whether to start them, too.
            extra: More of the body of `POST /containers/create`, for example {"Labels": {…}}.
        """
        body = {"Image": IMAGE, "Cmd": list(command), "HostConfig": {"NetworkMode": "none"}, **(extra or {})}

        def make(number: int) -> str:
            key = str(self._ask("POST", f"/containers/create?name={prefix}-{number:03d}", body)["Id"])
            if start:
                self._ask("POST", f"/containers/{key}/start")
            return key

        with ThreadPoolExecutor(_POOL_THREADS) as pool:
            return list(pool.map(make, range(count)))

    def remove_all(self) -> None:
        """Removes all containers, whatever their state, and the networks and volumes that tests made."""

        def remove(key: str) -> None:
            self._ask("DELETE", f"/containers/{key}?force=1&v=1", accept=(404, 409))

        def emptied() -> bool:
            keys = [str(item["Id"]) for item in self._ask("GET", "/containers/json?all=1")]
            with ThreadPoolExecutor(_POOL_THREADS) as pool:
                list(pool.map(remove, keys))
            return not keys

        until(emptied, 60.0, "all containers are removed")
        for network in self._ask("GET", "/networks"):
            if network["Name"] not in ("none", "host", "bridge"):
                self._ask("DELETE", f"/networks/{network['Id']}", accept=(404,))
        for volume in self._ask("GET", "/volumes")["Volumes"] or ():
            self._ask("DELETE", f"/volumes/{volume['Name']}?force=1", accept=(404,))
