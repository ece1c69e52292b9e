"""Our program on a host whose driver names processes of a test's choice, run as root and as others."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from tests.engine.owned_processes import PATIENCE, SOMEBODY, Host, exe_of
from tests.engine.program import ENVTUI, PATIENCE_SECONDS
from tests.rig.another_user import as_user
from tests.rig.nvml_double import Double
from tests.rig.nvml_scenario import GIB, ProcessLine, Scenario, full_gpu
from tests.rig.waiting import until

# Whoever is in it may talk to the engine, as in the group `docker`; no machine has a group of this number.
ENGINE_GROUP = 47110
ROOT: tuple[str, ...] = ()
MEMBER, STRANGER = as_user(SOMEBODY, [ENGINE_GROUP]), as_user(SOMEBODY)

SLEEP = "bin/sleep"


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
    """Our program that watches, and what it told.

    Attributes:
        reports: all so far.
    """

    def __init__(self, machine: Machine, who: Sequence[str]) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            machine.argv(who, "--json", "--watch"),
            env={**os.environ, **machine.environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        self.reports: list[dict[str, Any]] = []
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
            self.reports.append(json.loads(line))

    def of(self, pid: int) -> dict[str, Any] | None:
        """What was told last of a process on the first GPU."""
        return by_pid(self.reports[-1]).get(pid) if self.reports else None

    def until_told(self, pid: int, container: str | None, environment: str | None = None) -> dict[str, Any]:
        """Wait until a process on the first GPU is told to be there; None for what is not known."""

        def found() -> dict[str, Any] | None:
            told = self.of(pid)
            is_there = told is not None and (told["container"], told["environment"]) == (
                container,
                environment,
            )
            return told if is_there else None

        return until(found, PATIENCE, lambda: f"{pid} in {container}: {self.reports[-1:]}")


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
