"""Processes in containers of a real engine, and what root and other users of the machine see of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engine import environment_images as images
from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import Tree
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy, Request
from tests.rig.tree_images import import_tree
from tests.rig.waiting import until
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu.ending import LocalProcessEnding
from tui.backends.gpu.ownership import LocalOwnership
from tui.model.containers import Container
from tui.model.owners import ProcessIdentity, ProcessOwner

_ROOT = Path(__file__).parents[2]
_IMAGE = "envtui-owners:1"
ENVS = "/opt/conda/envs"
ALICE, SOMEBODY = 1000, 65534
PATIENCE = 30.0
IGNORES_TERM = "trap '' TERM; read -r _ <>/etc/never"

# Imports everything, becomes another user, and then does what it is told; what it finds out, as JSON.
_AS_SOMEBODY = """
import json, os, sys
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu import ending, inside
from tui.backends.gpu.ownership import LocalOwnership
from tui.backends.gpu.process_files import ProcessFiles
from tui.model.errors import EnvtuiError
from tui.model.owners import EndSignal
from pathlib import Path

told = json.loads(sys.argv[1])
inside.script(), ending._script()
files = ProcessFiles(Path(told["proc"]))
engine = DockerEngine(find(told["host"], {}))
os.setgroups([])
os.setgid(told["uid"])
os.setuid(told["uid"])
containers = DockerContainers(engine).containers()[0]
ownership = LocalOwnership(engine, files)
for _ in range(told["times"]):
    owners = ownership.owners(told["pids"], containers, told["ask_inside"])
fields = ("user", "command", "container_id", "pid_inside", "prefix", "environment")
found = {pid: {each: [getattr(owner, each).value, getattr(owner, each).reason] for each in fields}
         for pid, owner in owners.items()}
ended = {}
for pid, signal in told["end"].items():
    owner = owners[int(pid)]
    known = {each.id: each for each in containers if told["through_engine"]}
    container = known.get(owner.container_id.value)
    try:
        way = ending.LocalProcessEnding(engine, files)
        ended[pid] = way.end(owner.identity, EndSignal(signal), 30.0, container)
    except EnvtuiError as error:
        ended[pid] = f"{type(error).__name__}: {error.one_line()}"
print(json.dumps({"uid": os.getuid(), "found": found, "ended": ended}))
"""


def _make_image(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """An installation with two environments, and a program in each that waits."""
    tree = Tree(folder, channel)
    tree.conda("/opt/conda", ["python", "conda"])
    for name in ("vision", "new\nline"):
        tree.conda(f"{ENVS}/{name}", ["python", "numpy"])
    for prefix in ("/opt/conda", f"{ENVS}/vision", f"{ENVS}/new\nline"):
        tree.copy(images.find_busybox(), f"{prefix}/bin/sleep")
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n")
    return import_tree(engine, tree, _IMAGE, ("ENV CONDA_DIR=/opt/conda",))


@dataclass(frozen=True, slots=True)
class Told:
    """What another user found out: fields of owners as (value, reason), and how ending went."""

    found: Mapping[int, Mapping[str, tuple[Any, str]]]
    ended: Mapping[int, str]

    def value(self, pid: int, name: str) -> Any:
        return self.found[pid][name][0]

    def reason(self, pid: int, name: str = "prefix") -> str:
        return self.found[pid][name][1]


class Host:
    """Containers with processes, and what root and others see of them."""

    def __init__(
        self, engine: PrivateEngine, channel: CondaChannel, folder: Path, proxy: EngineProxy
    ) -> None:
        self.rig = engine
        self._channel, self._folder = channel, folder
        self.proxy = proxy
        self.engine = DockerEngine(find(proxy.host, {}))
        self.ownership = LocalOwnership(self.engine)
        self.ending = LocalProcessEnding(self.engine)

    def run(self, name: str, *args: str, image: str = _IMAGE, command: Sequence[str] = ("idle",)) -> str:
        """A container; its id."""
        return self.rig.run_container(name, command, ("--network", "none", *args), image)

    def run_shellless(self, name: str) -> str:
        """A container without a shell, whose first process sleeps for 7001 seconds; its id."""
        if self.rig.request("GET", f"/images/{images.SHELLLESS}/json")[0] != 200:
            images.make_shellless(self.rig, self._folder / "shellless", self._channel)
        return self.run(name, image=images.SHELLLESS, command=("/sleep", "7001"))

    def run_conda(self, name: str) -> str:
        """A container with environments of hostile names; its id."""
        if self.rig.request("GET", f"/images/{images.CONDA}/json")[0] != 200:
            images.make_conda(self.rig, self._folder / "conda", self._channel)
        return self.run(name, image=images.CONDA)

    def run_python(self, name: str) -> str:
        """A container with this machine's Python; its id."""
        if self.rig.request("GET", f"/images/{images.PYTHON}/json")[0] != 200:
            images.make_python(self.rig, self._folder / "python", self._channel)
        return self.run(name, image=images.PYTHON)

    def containers(self) -> Sequence[Container]:
        return DockerContainers(self.engine).containers()[0]

    def container(self, name: str) -> Container:
        return next(each for each in self.containers() if each.name == name)

    def processes(self, name: str, pattern: str) -> list[int]:
        """Numbers on the host of a container's processes, as the engine's own ps tells them."""
        rows = self.rig.request("GET", f"/containers/{name}/top?ps_args=-eo+pid,args")[1]["Processes"]
        return [int(row[0]) for row in rows if re.search(pattern, " ".join(row[1:]))]

    def start(self, name: str, *command: str, options: Sequence[str] = (), count: int = 1) -> list[int]:
        """More processes in a container; their numbers on the host, once each is its own program."""
        pattern = re.escape(command[-1])
        before = set(self.processes(name, pattern))
        for _ in range(count):
            self.rig.docker("exec", "--detach", *options, name, *command)

        def started() -> list[int]:
            new = set(self.processes(name, pattern)) - before
            ours = [pid for pid in new if exe_of(pid).endswith(command[0].rpartition("/")[2])]
            return sorted(ours) if len(ours) == count else []

        return until(started, PATIENCE, f"{command} runs in {name}")

    def start_deaf(self, name: str) -> int:
        """A process that ignores TERM."""
        (pid,) = self.start(name, "/bin/busybox", "sh", "-c", IGNORES_TERM)
        until(lambda: ignores_term(pid), PATIENCE)
        return pid

    def owners(self, *pids: int) -> Mapping[int, ProcessOwner]:
        return self.ownership.owners(pids, self.containers())

    def owner(self, pid: int) -> ProcessOwner:
        return self.owners(pid)[pid]

    def identity(self, pid: int) -> ProcessIdentity:
        identity = self.owner(pid).identity
        assert identity is not None
        return identity

    def as_somebody(
        self,
        *pids: int,
        times: int = 1,
        ask_inside: bool = True,
        end: Mapping[int, str] = {},
        through_engine: bool = True,
        uid: int = SOMEBODY,
        proc: str = "/proc",
        before: Sequence[str] = (),
    ) -> Told:
        """The same as another user who may use the engine's socket."""
        told = {
            "host": self.proxy.host, "pids": pids, "times": times, "ask_inside": ask_inside, "uid": uid,
            "end": end, "through_engine": through_engine, "proc": proc,
        }  # fmt: skip
        done = subprocess.run(
            [*before, sys.executable, "-c", _AS_SOMEBODY, json.dumps(told)],
            cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert answer["uid"] == uid
        return Told(
            {int(pid): each for pid, each in answer["found"].items()},
            {int(pid): each for pid, each in answer["ended"].items()},
        )

    def commands_run(self) -> list[str]:
        """Ids of the containers in which a command was run, once for each."""

        def is_command(request: Request) -> bool:
            return (
                request.method == "POST"
                and re.fullmatch("/containers/[^/]+/exec", request.resource) is not None
            )

        return sorted(each.resource.split("/")[2] for each in self.proxy.requests() if is_command(each))


def exe_of(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/exe")
    except OSError:
        return ""


def ignores_term(pid: int) -> bool:
    found = re.search(r"^SigIgn:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


@contextmanager
def reborn(pid: int) -> Iterator[None]:
    """A process of this machine that has a number of our choice."""

    def attempt() -> subprocess.Popen[bytes] | None:
        # others may get it before us
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        process = subprocess.Popen(["sleep", "7009"])
        if process.pid == pid:
            return process
        process.kill()
        process.wait()
        return None

    process = until(attempt, PATIENCE, "the number is given again")
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextmanager
def open_host(engine: PrivateEngine, channel: CondaChannel, folder: Path) -> Iterator[Host]:
    """A host of an engine that every user may talk to.

    Args:
        engine: without containers.
        channel: of the environments' packages.
        folder: an empty one.
    """
    if engine.request("GET", f"/images/{_IMAGE}/json")[0] != 200:
        _make_image(engine, folder, channel)
    with EngineProxy(engine.socket_path) as proxy:
        os.chmod(os.path.dirname(proxy.socket_path), 0o711)
        # whoever may write to a socket may talk to its engine
        os.chmod(proxy.socket_path, 0o666)
        yield Host(engine, channel, folder, proxy)
