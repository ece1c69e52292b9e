"""Processes in containers of a real engine, by their numbers on the host: whose they are, and ending them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.engine import environment_images as images
from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import Tree, make_channel
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy, Request
from tests.rig.tree_images import import_tree
from tests.rig.waiting import until
from tui.backends.conda.listing import DockerEnvironments
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu.ending import LocalProcessEnding
from tui.backends.gpu.ownership import LocalOwnership
from tui.backends.gpu.process_files import ENDED
from tui.model.containers import Container
from tui.model.errors import ProcessChanged, ProcessStays
from tui.model.owners import Ending, EndSignal, ProcessIdentity, ProcessOwner, environment_of
from tui.model.reading import Reading

ROOT = Path(__file__).parents[2]
IMAGE = "envtui-owners:1"
ENVS = "/opt/conda/envs"
ALICE, SOMEBODY = 1000, 65534
PATIENCE = 30.0
IGNORES_TERM = "trap '' TERM; read -r _ <>/etc/never"

# Imports everything, becomes another user, and then does what it is told; what it finds out, as JSON.
AS_SOMEBODY = """
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


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> CondaChannel:
    return make_channel(tmp_path_factory.mktemp("channel"))


def make_image(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """An installation with two environments, and a program in each that waits."""
    tree = Tree(folder, channel)
    tree.conda("/opt/conda", ["python", "conda"])
    for name in ("vision", "new\nline"):
        tree.conda(f"{ENVS}/{name}", ["python", "numpy"])
    for prefix in ("/opt/conda", f"{ENVS}/vision", f"{ENVS}/new\nline"):
        tree.copy(images.find_busybox(), f"{prefix}/bin/sleep")
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\n")
    return import_tree(engine, tree, IMAGE, ("ENV CONDA_DIR=/opt/conda",))


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

    def __init__(self, engine: PrivateEngine, proxy: EngineProxy) -> None:
        self.rig = engine
        self.proxy = proxy
        self.engine = DockerEngine(find(proxy.host, {}))
        self.ownership = LocalOwnership(self.engine)
        self.ending = LocalProcessEnding(self.engine)

    def run(self, name: str, *args: str, image: str = IMAGE, command: Sequence[str] = ("idle",)) -> str:
        """A container; its id."""
        return self.rig.run_container(name, command, ("--network", "none", *args), image)

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
            [*before, sys.executable, "-c", AS_SOMEBODY, json.dumps(told)],
            cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
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


@pytest.fixture
def host(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    if clean_engine.request("GET", f"/images/{IMAGE}/json")[0] != 200:
        make_image(clean_engine, tmp_path_factory.mktemp("tree"), channel)
    with EngineProxy(clean_engine.socket_path) as proxy:
        folder = os.path.dirname(proxy.socket_path)
        # whoever may write to a socket may talk to its engine
        os.chmod(folder, 0o711)
        os.chmod(proxy.socket_path, 0o666)
        yield Host(clean_engine, proxy)


def test_root_sees_container_environment_and_user_without_asking_anybody(host: Host) -> None:
    training, serving = host.run("training"), host.run("serving", "--user", str(ALICE))
    (vision,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    (strange,) = host.start("training", f"{ENVS}/new\nline/bin/sleep", "7002")
    (base,) = host.start("serving", "/opt/conda/bin/sleep", "7003")
    (busybox,) = host.start("serving", "/bin/busybox", "sleep", "7004")
    before = time.time()

    found = host.owners(vision, strange, base, busybox, os.getpid())

    def links(pid: int) -> tuple[str | None, str | None, str | None, str | None]:
        owner = found[pid]
        return owner.container_id.value, owner.user.value, owner.prefix.value, owner.environment.value

    alice = host.ownership._users[ALICE]
    assert links(vision) == (training, "root", f"{ENVS}/vision", "vision")
    assert links(strange) == (training, "root", f"{ENVS}/new\nline", "new\nline")
    assert links(base) == (serving, alice, "/opt/conda", "")
    assert links(busybox) == (serving, alice, "", "")
    assert found[os.getpid()].is_outside
    assert found[vision].command == Reading(f"{ENVS}/vision/bin/sleep 7001")
    assert before - 120 < (found[vision].started_at.value or 0) < before + 2
    assert host.commands_run() == []
    listing = DockerEnvironments(host.engine).environments(host.container("serving"))
    in_use = environment_of(found[base], listing)
    assert in_use is not None and (in_use.name, in_use.pids) == ("base", (found[base].pid_inside.value,))


def test_another_user_sees_the_same_by_one_command_in_each_container(host: Host) -> None:
    training, serving = host.run("training"), host.run("serving", "--user", str(ALICE))
    many = host.start("training", f"{ENVS}/vision/bin/sleep", "7001", count=12)
    (strange,) = host.start("training", f"{ENVS}/new\nline/bin/sleep", "7002")
    (base,) = host.start("serving", "/opt/conda/bin/sleep", "7003")
    (active,) = host.start(
        "serving", "/bin/busybox", "sleep", "7004",
        options=("--env", f"CONDA_PREFIX={ENVS}/vision", "--env", "CONDA_DEFAULT_ENV=vision"),
    )  # fmt: skip
    pids = (*many, strange, base, active)
    as_root = host.owners(*pids)

    told = host.as_somebody(*pids, times=3)

    for pid in pids:
        for name in ("user", "command", "container_id", "pid_inside", "prefix", "environment"):
            assert told.value(pid, name) == getattr(as_root[pid], name).value, (pid, name, told.found[pid])
    assert {told.value(each, "prefix") for each in many} == {f"{ENVS}/vision"}
    assert told.value(active, "environment") == "vision"
    assert host.commands_run() == sorted([training, serving])


def test_in_read_only_mode_nothing_is_run_anywhere(host: Host) -> None:
    key = host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001", options=("--user", "1000"))
    (other,) = host.start("training", "/bin/busybox", "sleep", "7002")
    told = host.as_somebody(pid, other, ask_inside=False)
    assert (told.value(pid, "container_id"), told.value(other, "container_id")) == (key, key)
    # the path that it was called by tells the one; of the other nothing is known
    assert told.value(pid, "prefix") == f"{ENVS}/vision"
    assert "read-only" in told.reason(other)
    assert host.commands_run() == []


def test_its_own_processes_a_user_may_look_at(host: Host) -> None:
    host.run("serving", "--user", f"{SOMEBODY}:{SOMEBODY}")
    (pid,) = host.start("serving", f"{ENVS}/vision/bin/sleep", "7001")
    assert host.as_somebody(pid).value(pid, "environment") == "vision"
    assert host.commands_run() == []


def test_a_group_of_another_name_needs_a_command_too(host: Host) -> None:
    key = host.run("serving", "--user", f"{SOMEBODY}:4711")
    (pid,) = host.start("serving", "/opt/conda/bin/sleep", "7001")
    (active,) = host.start(
        "serving", "/bin/busybox", "sleep", "7002", options=("--env", f"CONDA_PREFIX={ENVS}/vision")
    )
    told = host.as_somebody(pid, active)
    assert (told.value(pid, "prefix"), told.value(active, "prefix")) == ("/opt/conda", f"{ENVS}/vision")
    assert host.commands_run() == [key]


@pytest.mark.skipif(not images.has_python(), reason="no Debian Python 3.11 here to be packed")
def test_a_real_venv_whose_python_is_the_systems(
    host: Host, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if host.rig.request("GET", f"/images/{images.PYTHON}/json")[0] != 200:
        images.make_python(host.rig, tmp_path_factory.mktemp("tree"), channel)
    host.run("box", image=images.PYTHON)
    host.rig.docker("exec", "box", "python3", "-m", "venv", "--without-pip", "/work/.venv")
    script = ("-c", "import time; time.sleep(7001)")
    host.rig.docker("exec", "--detach", "box", "/work/.venv/bin/python", *script)
    host.rig.docker("exec", "--detach", "--workdir", "/work", "box", ".venv/bin/python", *script)
    host.rig.docker("exec", "--detach", "box", "/usr/bin/python3", *script)

    def pythons() -> list[int]:
        found = host.processes("box", "7001")
        return [each for each in found if exe_of(each) == "/usr/bin/python3.11"]

    until(lambda: len(pythons()) == 3, PATIENCE, "all run")
    pids = pythons()

    as_root = host.owners(*pids)
    told = host.as_somebody(*pids)

    expected = {
        pid: "/usr" if (owner.command.value or "").startswith("/usr") else "/work/.venv"
        for pid, owner in as_root.items()
    }
    assert sorted(expected.values()) == ["/usr", "/work/.venv", "/work/.venv"]
    assert {pid: owner.prefix.value for pid, owner in as_root.items()} == expected
    assert {pid: told.value(pid, "prefix") for pid in pids} == expected


def test_a_container_without_a_shell_or_that_is_paused_tells_nothing(
    host: Host, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if host.rig.request("GET", f"/images/{images.SHELLLESS}/json")[0] != 200:
        images.make_shellless(host.rig, tmp_path_factory.mktemp("tree"), channel)
    shellless = host.run("shellless", image=images.SHELLLESS, command=("/sleep", "7001"))
    host.run("paused")
    (silent,) = host.processes("shellless", "7001")
    (frozen,) = host.start("paused", "/bin/busybox", "sleep", "7002")
    host.rig.docker("pause", "paused")
    try:
        told = host.as_somebody(silent, frozen)
    finally:
        host.rig.docker("unpause", "paused")
    assert "no shell" in told.reason(silent)
    assert "paused" in told.reason(frozen)
    assert host.commands_run() == [shellless]


def test_a_process_in_a_numbering_of_its_own_inside_its_container(host: Host) -> None:
    host.run("training", "--cap-add", "SYS_ADMIN")
    script = f"unshare -p -f {ENVS}/vision/bin/sleep 7001"
    host.rig.docker("exec", "--detach", "training", "sh", "-c", script)

    def sleeping() -> list[int]:
        found = host.processes("training", "7001")
        return [each for each in found if exe_of(each) == f"{ENVS}/vision/bin/sleep"]

    (pid,) = until(sleeping, PATIENCE)
    assert host.owner(pid).pid_inside == Reading(1)
    told = host.as_somebody(pid)
    assert (told.value(pid, "environment"), told.value(pid, "pid_inside")) == ("vision", 1)


def test_a_container_that_counts_as_the_host_does(host: Host) -> None:
    host.run("training", "--pid", "host")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    told = host.as_somebody(pid)
    assert (told.value(pid, "environment"), told.value(pid, "pid_inside")) == ("vision", pid)


def test_a_host_that_hides_processes_says_so(host: Host, tmp_path: Path) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    tmp_path.chmod(0o755)
    mount = 'mount -t proc -o hidepid=2 proc "$0" && exec "$@"'
    told = host.as_somebody(
        pid, proc=str(tmp_path), before=("unshare", "-m", "sh", "-c", mount, str(tmp_path))
    )
    assert "hidepid" in told.reason(pid, "command")


def test_one_that_was_killed_is_told_as_gone(host: Host) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    assert host.owner(pid).environment == Reading("vision")
    os.kill(pid, 9)
    until(lambda: is_gone(pid), PATIENCE)
    until(lambda: host.owner(pid).user == Reading(None, ENDED), 2.0)


def test_a_number_that_is_another_process_by_now(host: Host) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    before = host.owner(pid)
    os.kill(pid, 9)
    until(lambda: not Path(f"/proc/{pid}").exists(), PATIENCE)
    with reborn(pid):
        after = host.owner(pid)
        assert (before.environment, after.is_outside) == (Reading("vision"), True)
        assert (after.command, after.prefix) == (Reading("sleep 7009"), Reading(""))
        assert before.identity is not None
        with pytest.raises(ProcessChanged):
            host.ending.end(before.identity, EndSignal.KILL, PATIENCE, host.container("training"))
        assert not is_gone(pid)


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


class TestEnding:
    def test_term_and_kill(self, host: Host) -> None:
        host.run("training")
        (polite,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
        deaf = host.start_deaf("training")
        found = {pid: host.identity(pid) for pid in (polite, deaf)}
        assert host.ending.end(found[polite], EndSignal.TERM, PATIENCE) is Ending.ENDED
        with pytest.raises(ProcessStays):
            host.ending.end(found[deaf], EndSignal.TERM, 0.2)
        assert host.ending.end(found[deaf], EndSignal.KILL, PATIENCE) is Ending.ENDED
        assert is_gone(polite) and is_gone(deaf)
        assert host.ending.end(found[polite], EndSignal.TERM, PATIENCE) is Ending.WAS_GONE
        assert host.commands_run() == []

    def test_nothing_is_sent_to_one_that_is_not_what_it_was(self, host: Host) -> None:
        host.run("training")
        (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
        known = host.identity(pid)
        for other in (
            ProcessIdentity(pid, known.start_ticks + 1, known.container_id),
            ProcessIdentity(pid, known.start_ticks, "0" * 64),
            ProcessIdentity(pid, known.start_ticks, ""),
        ):
            with pytest.raises(ProcessChanged):
                host.ending.end(other, EndSignal.KILL, PATIENCE, host.container("training"))
        assert not is_gone(pid)

    def test_another_user_ends_it_through_the_engine(self, host: Host) -> None:
        key = host.run("training")
        (polite,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
        deaf = host.start_deaf("training")
        (alices,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7003", options=("--user", "1000"))
        (bystander,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7004")
        pids = (polite, deaf, alices)
        told = host.as_somebody(*pids, ask_inside=False, end={polite: "TERM", deaf: "KILL", alices: "TERM"})
        assert told.ended == dict.fromkeys(pids, "ended")
        assert all(map(is_gone, pids)) and not is_gone(bystander)
        assert host.commands_run() == [key] * 3

    def test_the_first_process_of_a_container_is_ended_by_the_engine_itself(self, host: Host) -> None:
        host.run("training", command=("sh", "-c", IGNORES_TERM))
        (pid,) = host.processes("training", "trap")
        told = host.as_somebody(pid, ask_inside=False, end={pid: "KILL"})
        assert told.ended == {pid: "ended"}
        assert host.commands_run() == []
        assert host.container("training").exit_code == 137

    def test_without_the_engine_another_user_is_told_whom_to_ask(self, host: Host) -> None:
        host.run("training")
        (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
        told = host.as_somebody(pid, end={pid: "KILL"}, through_engine=False)
        assert told.ended[pid].startswith(f"ProcessPermission: No permission to end process {pid}")
        assert "start envtui as root" in told.ended[pid]
        assert not is_gone(pid)

    def test_a_container_without_a_shell_can_not_help(
        self, host: Host, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        if host.rig.request("GET", f"/images/{images.SHELLLESS}/json")[0] != 200:
            images.make_shellless(host.rig, tmp_path_factory.mktemp("tree"), channel)
        host.run("shellless", image=images.SHELLLESS, command=("/sleep", "7001"))
        (pid,) = host.start("shellless", "/sleep", "7002")
        told = host.as_somebody(pid, ask_inside=False, end={pid: "KILL"})
        assert "no shell to end it from" in told.ended[pid]
        assert not is_gone(pid)
