"""`envtui gpus` on a real engine: whose real processes are, told to root and to another user."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pytest

from tests.engine import environment_images as images
from tests.engine.hostile import FORBIDDEN, TEXTS, assert_nothing_interpreted, rename_all
from tests.engine.owned_processes import ALICE, ENVS, PATIENCE, SOMEBODY, Host, exe_of, open_host
from tests.engine.program import ENVTUI, PATIENCE_SECONDS
from tests.rig.another_user import as_user
from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import make_channel
from tests.rig.engine import PrivateEngine
from tests.rig.nvml_double import Double, why_unavailable
from tests.rig.nvml_scenario import GIB, ProcessLine, Scenario, full_gpu, uuid_of
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.backends.gpu.ownership import user_name
from tui.backends.gpu.process_files import ENDED
from tui.commands.gpu_holders import IN_NONE, OUTSIDE_ANY

# Whoever is in it may talk to the engine, as in the group `docker`; no machine has a group of this number.
ENGINE_GROUP = 47110
ROOT: tuple[str, ...] = ()
MEMBER, STRANGER = as_user(SOMEBODY, [ENGINE_GROUP]), as_user(SOMEBODY)
EVERYBODY = pytest.mark.parametrize("who", [ROOT, MEMBER], ids=["root", "another user"])
VISION = f"{ENVS}/vision"
STRANGE = f"{ENVS}/new\nline"
SLEEP = "bin/sleep"
#: Figures of a GPU by the scenario's names.
FIGURES = {
    "utilization_percent": "utilization",
    "memory_total_bytes": "memory.total",
    "memory_used_bytes": "memory.used",
    "memory_reserved_bytes": "memory.reserved",
    "temperature_celsius": "temperature",
    "fan_percent": "fan",
    "sm_clock_mhz": "clock.sm",
}


class Machine:
    """A host whose driver names processes of a test's choice, and our program on it."""

    def __init__(self, host: Host, folder: Path) -> None:
        """Args: with an engine for ENGINE_GROUP; a folder that everybody may use."""
        self.host = host
        self._home = folder / "home"
        for each in (self._home, folder / "driver"):
            each.mkdir()
            each.chmod(0o777)
        self.double = Double(folder / "driver", Scenario({0: full_gpu(0), 1: full_gpu(1)}))

    def put(self, *lines: ProcessLine, gpu: int = 0) -> None:
        """These are on a GPU from now on, and no others."""
        self.double.scenario.gpus[gpu].processes = list(lines)
        self.double.write()

    def put_alive(self, *pids: int) -> None:
        """The same for processes that the driver forgets when they end."""
        self.put(*(ProcessLine(pid, GIB, sm=10, keep=False) for pid in pids))

    def environment(self) -> dict[str, str]:
        return {**self.double.environment(), "HOME": str(self._home)}

    def argv(self, who: Sequence[str], *arguments: str) -> list[str]:
        return [*who, *ENVTUI, "--host", self.host.proxy.host, "gpus", *arguments]

    def run(self, who: Sequence[str], *arguments: str) -> bytes:
        """What it prints; it must end well and say nothing else."""
        done = subprocess.run(
            self.argv(who, *arguments),
            env={**os.environ, **self.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE_SECONDS * 2,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    def told(self, who: Sequence[str], *arguments: str) -> dict[str, Any]:
        """The object that it prints."""
        found: dict[str, Any] = json.loads(self.run(who, "--json", *arguments))
        check_unknown(found)
        return found

    def processes(self, who: Sequence[str], *arguments: str) -> dict[int, dict[str, Any]]:
        """What it tells of each process on the first GPU."""
        return by_pid(self.told(who, *arguments))


class Watch:
    """Our program that watches, and what it told last."""

    def __init__(self, machine: Machine, who: Sequence[str]) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            machine.argv(who, "--json", "--watch"),
            env={**os.environ, **machine.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.last: dict[str, Any] = {"gpus": []}
        self._reader = threading.Thread(target=self._read, name="watch", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # the launcher becomes the program, so that it is this process whoever runs it
        self._process.terminate()
        self._process.wait()
        self._reader.join(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.last = json.loads(line)

    def of(self, pid: int) -> dict[str, Any] | None:
        """What was told last of a process on the first GPU."""
        return by_pid(self.last).get(pid) if self.last["gpus"] else None

    def until_in(self, container: str | None, pid: int) -> dict[str, Any]:
        """Wait until it tells that a process is in a container, None for one that tells why not."""

        def found() -> dict[str, Any] | None:
            told = self.of(pid)
            return told if told is not None and told["container"] == container else None

        return until(found, PATIENCE, lambda: f"{pid} in {container}: {self.last}")


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> CondaChannel:
    return make_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def machine(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(reason)
    with (
        open_host(clean_engine, channel, tmp_path_factory.mktemp("trees")) as host,
        tempfile.TemporaryDirectory(prefix="envtui-gpus-", dir="/tmp") as folder,
    ):
        os.chown(host.proxy.socket_path, 0, ENGINE_GROUP)
        os.chmod(host.proxy.socket_path, 0o660)
        os.chmod(folder, 0o755)
        yield Machine(host, Path(folder))


def by_pid(told: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    return {each["pid"]: each for each in told["gpus"][0]["processes"]}


def check_unknown(told: Any, is_top: bool = True) -> None:
    """In each object exactly what is null has a reason; at the top, `reason` is one itself."""
    if isinstance(told, list):
        for each in told:
            check_unknown(each, False)
    elif isinstance(told, dict):
        nulls = {key for key, value in told.items() if value is None} - ({"reason"} if is_top else set())
        assert set(told["unknown"]) == nulls, told
        assert all(told["unknown"].values()), told
        for key, value in told.items():
            if key != "unknown":
                check_unknown(value, False)


def links(process: Mapping[str, Any]) -> tuple[str | None, ...]:
    names = ("container", "container_id", "environment", "prefix", "user")
    return tuple(process[name] for name in names)


@contextlib.contextmanager
def outside(seconds: str, uid: int = 0) -> Iterator[int]:
    """A process of this machine in no container."""
    with subprocess.Popen(["sleep", seconds], user=uid, group=uid, extra_groups=[]) as process:
        try:
            yield process.pid
        finally:
            process.kill()


@EVERYBODY
def test_every_process_is_told_with_its_container_environment_and_user(
    machine: Machine, who: Sequence[str]
) -> None:
    host = machine.host
    began = time.time()
    training, serving = host.run("training"), host.run("serving", "--user", str(ALICE))
    activated = ("--env", f"CONDA_PREFIX={VISION}", "--env", "CONDA_DEFAULT_ENV=vision")
    (vision,) = host.start("training", f"{VISION}/{SLEEP}", "7001")
    (strange,) = host.start("training", f"{STRANGE}/{SLEEP}", "7002")
    (active,) = host.start("training", "/bin/busybox", "sleep", "7003", options=activated)
    (alices,) = host.start("training", f"{VISION}/{SLEEP}", "7004", options=("--user", str(ALICE)))
    (base,) = host.start("serving", f"/opt/conda/{SLEEP}", "7005")
    (plain,) = host.start("serving", "/bin/busybox", "sleep", "7006")
    alice = user_name(ALICE) or str(ALICE)
    nobody = user_name(SOMEBODY) or str(SOMEBODY)
    with outside("7007") as roots, outside("7008", SOMEBODY) as nobodys:
        pids = (vision, strange, active, alices, base, plain, roots, nobodys)
        lines = [
            ProcessLine(pid, place * GIB, "C", sm=place, keep=False) for place, pid in enumerate(pids, 1)
        ]
        machine.put(*lines)
        machine.put(ProcessLine(vision, None, "CG", sm=77, keep=False), gpu=1)

        told = machine.told(who)

    found = by_pid(told)
    assert {pid: links(each) for pid, each in found.items()} == {
        vision: ("training", training, "vision", VISION, "root"),
        strange: ("training", training, "new\nline", STRANGE, "root"),
        active: ("training", training, "vision", VISION, "root"),
        alices: ("training", training, "vision", VISION, alice),
        base: ("serving", serving, "base", "/opt/conda", alice),
        plain: ("serving", serving, None, None, alice),
        roots: (None, None, None, None, "root"),
        nobodys: (None, None, None, None, nobody),
    }
    assert found[plain]["unknown"] == {"environment": IN_NONE, "prefix": IN_NONE}
    for pid in (roots, nobodys):
        assert [found[pid]["unknown"][name] for name in ("container", "container_id")] == [OUTSIDE_ANY] * 2
    assert found[nobodys]["unknown"]["prefix"] == IN_NONE
    assert found[roots]["unknown"]["prefix"] == (
        IN_NONE if who == ROOT else "another user's process: only root may look"
    )
    assert found[vision]["command"] == f"{VISION}/{SLEEP} 7001"
    for each in found.values():
        assert began - 2 < datetime.fromisoformat(each["started_at"]).timestamp() < time.time() + 2
    for line in lines:
        process = found[line.pid]
        told_of_it = (process["memory_bytes"], process["sm_percent"], process["type"])
        assert told_of_it == (line.memory_bytes, line.sm, "compute")
    (again,) = told["gpus"][1]["processes"]
    assert (links(again), again["sm_percent"], again["type"]) == (links(found[vision]), 77, "both")
    assert set(again["unknown"]) == {"memory_bytes"}


@EVERYBODY
def test_figures_are_the_drivers(machine: Machine, who: Sequence[str]) -> None:
    told = machine.told(who)
    assert (told["driver_version"], told["cuda_version"]) == ("550.54.15", "12.4")
    assert [each["uuid"] for each in told["gpus"]] == [uuid_of(0), uuid_of(1)]
    for number, gpu in enumerate(told["gpus"]):
        values = machine.double.scenario.gpus[number].values
        assert {name: gpu[name] for name in FIGURES} == {name: values[key] for name, key in FIGURES.items()}
        assert (gpu["index"], gpu["name"]) == (number, values["name"])
        assert (gpu["power_watts"], gpu["power_limit_watts"]) == (250.5, 400.0)
        assert (gpu["throttle_reasons"], gpu["processes"], gpu["unknown"]) == (["power limit"], [], {})


def test_one_who_may_not_use_the_engine_is_told_so_with_each_process(machine: Machine) -> None:
    key = machine.host.run("training")
    (pid,) = machine.host.start("training", f"{VISION}/{SLEEP}", "7001")
    with outside("7002") as other:
        machine.put_alive(pid, other)
        found = machine.processes(STRANGER)
    # the kernel tells it of the id, and not of the name
    assert (found[pid]["container"], found[pid]["container_id"], found[pid]["user"]) == (None, key, "root")
    assert "No permission" in found[pid]["unknown"]["container"]
    assert found[other]["unknown"]["container"] == OUTSIDE_ANY


@EVERYBODY
def test_one_that_is_killed_is_gone_from_what_is_watched(machine: Machine, who: Sequence[str]) -> None:
    machine.host.run("training")
    stays, goes = machine.host.start("training", f"{VISION}/{SLEEP}", "7001", count=2)
    machine.put_alive(stays, goes)
    with Watch(machine, who) as watch:
        assert watch.until_in("training", goes)["environment"] == "vision"
        os.kill(goes, 9)
        until(lambda: watch.of(goes) is None, 2.0, "it is gone")
        assert watch.until_in("training", stays)["environment"] == "vision"


@EVERYBODY
def test_a_number_that_the_driver_keeps_is_nobodys_and_then_whose_it_is(
    machine: Machine, who: Sequence[str]
) -> None:
    host = machine.host
    host.run("training")
    serving = host.run("serving", "--user", str(ALICE))
    (pid,) = host.start("training", f"{VISION}/{SLEEP}", "7001")
    forker = Forker(host, "serving")
    machine.put(ProcessLine(pid, GIB, sm=10, keep=True))
    with Watch(machine, who) as watch:
        assert watch.until_in("training", pid)["environment"] == "vision"

        os.kill(pid, 9)
        until(lambda: not Path(f"/proc/{pid}").exists(), PATIENCE)
        gone = watch.until_in(None, pid)
        assert links(gone) == (None,) * 5
        assert (gone["memory_bytes"], gone["unknown"]["container"]) == (GIB, ENDED)
        assert by_pid(machine.told(who))[pid]["unknown"] == gone["unknown"]

        forker.fork_as(pid)
        expected = ("serving", serving, "base", "/opt/conda", user_name(ALICE) or str(ALICE))
        reborn = watch.until_in("serving", pid)
        assert (links(reborn), reborn["command"]) == (expected, f"/opt/conda/{SLEEP} 7009")
        assert links(by_pid(machine.told(who))[pid]) == expected


class Forker:
    """A process in a container that starts others there, with numbers of our choice on the host."""

    def __init__(self, host: Host, name: str) -> None:
        """Start it; it listens to a fifo, as a `docker exec` would take numbers itself."""
        script = f"mkfifo /tmp/go; while read -r _ </tmp/go; do /opt/conda/{SLEEP} 7009 & done"
        (self._pid,) = host.start(name, "/bin/busybox", "sh", "-c", script)
        self._fifo = Path(f"/proc/{self._pid}/root/tmp/go")
        until(self._fifo.exists, PATIENCE)

    def fork_as(self, pid: int) -> None:
        """Let it start one of this number."""

        def attempt() -> bool:
            # others may get it before us, and then give it back
            if not Path(f"/proc/{pid}").exists():
                with self._fifo.open("w") as fifo:
                    Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
                    fifo.write("\n")
            return exe_of(pid) == f"/opt/conda/{SLEEP}"

        until(attempt, PATIENCE, "the number is given again")


def test_read_only_runs_nothing_in_containers(machine: Machine) -> None:
    host = machine.host
    training, silent = host.run("training"), host.run_shellless("silent")
    (vision,) = host.start("training", f"{VISION}/{SLEEP}", "7001")
    (active,) = host.start(
        "training", "/bin/busybox", "sleep", "7002", options=("--env", f"CONDA_PREFIX={VISION}")
    )
    (shellless,) = host.processes("silent", "7001")
    machine.put_alive(vision, active, shellless)
    whole = ("training", training, "vision", VISION, "root")

    as_root = machine.processes(ROOT, "--read-only")
    as_member = machine.processes(MEMBER, "--read-only")

    assert [links(as_root[pid]) for pid in (vision, active)] == [whole, whole]
    assert links(as_root[shellless]) == ("silent", silent, None, None, "root")
    assert as_root[shellless]["unknown"]["prefix"] == IN_NONE
    # the path that one was called by tells its environment to everybody
    assert links(as_member[vision]) == whole
    assert links(as_member[active]) == ("training", training, None, None, "root")
    for pid in (active, shellless):
        assert "read-only" in as_member[pid]["unknown"]["prefix"]
    assert {each.method for each in host.proxy.requests()} <= {"GET", "HEAD"}


def test_without_read_only_another_user_needs_commands_in_containers(machine: Machine) -> None:
    host = machine.host
    host.run("training"), host.run_shellless("silent")
    (active,) = host.start(
        "training", "/bin/busybox", "sleep", "7002", options=("--env", f"CONDA_PREFIX={VISION}")
    )
    (shellless,) = host.processes("silent", "7001")
    machine.put_alive(active, shellless)
    found = machine.processes(MEMBER)
    assert found[active]["environment"] == "vision"
    assert "no shell" in found[shellless]["unknown"]["prefix"]
    assert host.proxy.count(lambda request: request.method == "POST")


HOSTILE = "".join(
    TEXTS[each] for each in ("title", "clipboard", "clear", "c1", "newlines", "direction", "markup")
)


@EVERYBODY
def test_hostile_text_is_whole_in_json_and_harmless_on_a_terminal(
    machine: Machine, who: Sequence[str]
) -> None:
    host = machine.host
    host.run_conda("h-title")
    # a name that no engine allows
    host.proxy.rewrite = rename_all
    name = f"h-{TEXTS['title']}"
    pids = {}
    for place, environment in enumerate(images.HOSTILE_NAMES):
        variables = ("--env", f"CONDA_PREFIX={ENVS}/{environment}")
        script = ("/bin/busybox", "sh", "-c", "read -r _ <>/etc/never", HOSTILE, f"{7001 + place}")
        (pids[environment],) = host.start("h-title", *script, options=variables)
    machine.put_alive(*pids.values())
    machine.double.scenario.gpus[0].values["name"] = TEXTS["title"]
    machine.double.write()

    printed = machine.run(who, "--json")
    assert printed.isascii() and b"\x1b" not in printed
    told = json.loads(printed)
    assert told["gpus"][0]["name"] == TEXTS["title"]
    for environment, pid in pids.items():
        process = by_pid(told)[pid]
        assert (process["container"], process["environment"]) == (name, environment)
        assert process["prefix"] == f"{ENVS}/{environment}"
        assert process["command"].endswith(f"<>/etc/never {HOSTILE} {7001 + list(pids).index(environment)}")

    table = machine.run(who)
    assert [each for each in FORBIDDEN if each in table] == [] and b"\x1b" not in table
    text = table.decode()
    assert "[bold]markup" in text and "␛[31mred" in text and "new␊line" in text
    assert text.count("7001") == 1 and len([line for line in text.split("\n") if "etc/never" in line]) == len(
        pids
    )

    with TerminalSession(machine.argv(who, "--watch"), 200, 50, machine.environment()) as terminal:
        terminal.wait_for("␛\\[31mred")
        terminal.wait_for("\\[bold\\]markup")
        assert_nothing_interpreted(terminal)
