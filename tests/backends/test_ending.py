"""Ending one process and no other: real processes, signals that are ignored, numbers that were given away."""

from __future__ import annotations

import errno
import os
import shutil
import signal as signals
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.resources import files as resources
from pathlib import Path

import pytest

from tests.backends.fake_proc import FakeProc
from tests.making import full_id, make_container
from tests.rig.waiting import until
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu.cgroup_id import ContainerGroup
from tui.backends.gpu.ending import Handle, LocalProcessEnding, PidfdHandle
from tui.backends.gpu.process_files import FOREIGN, HIDDEN, ProcessFiles
from tui.model.containers import ContainerState
from tui.model.errors import ProcessChanged, ProcessPermission, ProcessStays
from tui.model.owners import OUTSIDE, Ending, EndSignal, ProcessIdentity

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}
PATIENCE, MOMENT = 30.0, 0.05
BOX = make_container("box")


def no_handles(pid: int) -> Handle:
    raise OSError(errno.ENOSYS, "Function not implemented")


#: With what the kernel has for it, and as on one that has nothing.
HANDLES: dict[str, Callable[[int], Handle]] = {"pidfd": PidfdHandle, "number": no_handles}


@pytest.fixture
def engine() -> DockerEngine:
    return DockerEngine(find("unix:///nonexistent.sock", {}))


@pytest.fixture(params=HANDLES)
def ending(request: pytest.FixtureRequest, engine: DockerEngine) -> LocalProcessEnding:
    return LocalProcessEnding(engine, open_handle=HANDLES[request.param])


Start = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a Python that does something, says so, and waits."""
    started: list[subprocess.Popen[str]] = []

    def begin(first: str = "") -> subprocess.Popen[str]:
        program = f"import signal, sys\n{first}\nprint('ready', flush=True)\nsys.stdin.read()"
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def identity(pid: int) -> ProcessIdentity:
    files = ProcessFiles()
    return ProcessIdentity(pid, files.stat(pid).start_ticks, files.container(pid)[1])


IGNORE_TERM = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"


def test_term_lets_it_tidy_up(ending: LocalProcessEnding, start: Start) -> None:
    process = start("signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))")
    assert ending.end(identity(process.pid), EndSignal.TERM, PATIENCE) is Ending.ENDED
    assert process.wait() == 7


def test_one_that_ignores_term_stays_until_it_is_killed(ending: LocalProcessEnding, start: Start) -> None:
    process = start(IGNORE_TERM)
    with pytest.raises(ProcessStays) as stays:
        ending.end(identity(process.pid), EndSignal.TERM, MOMENT)
    assert "KILL ends it at once" in stays.value.hint
    assert ending.end(identity(process.pid), EndSignal.KILL, PATIENCE) is Ending.ENDED
    assert process.wait() == -signals.SIGKILL


def test_one_that_has_ended(ending: LocalProcessEnding, start: Start) -> None:
    process = start("")
    known = identity(process.pid)
    process.kill()
    # its parent has not collected it yet, then it has
    until(lambda: ProcessFiles().stat(process.pid).state == "Z")
    assert ending.end(known, EndSignal.TERM, PATIENCE) is Ending.WAS_GONE
    process.wait()
    assert ending.end(known, EndSignal.TERM, PATIENCE) is Ending.WAS_GONE


@pytest.mark.parametrize(
    "changed",
    [{"start_ticks": 1}, {"container_id": full_id("box")}, {"container_id": None}],
    ids=["another start", "another container", "no known container"],
)
def test_whatever_differs_nothing_is_sent(
    ending: LocalProcessEnding, start: Start, changed: dict[str, object]
) -> None:
    process = start("")
    other = replace(identity(process.pid), **changed)  # type: ignore[arg-type]
    with pytest.raises(ProcessChanged) as refused:
        ending.end(other, EndSignal.KILL, PATIENCE)
    assert "Nothing was sent" in refused.value.hint
    assert process.poll() is None


def test_one_that_ends_between_the_look_and_the_signal(engine: DockerEngine, start: Start) -> None:
    """Its number may be another's by then: the signal goes to whom the handle was opened for."""
    meant = start("")

    class Vanishing(ProcessFiles):
        def container(self, pid: int) -> tuple[ContainerGroup, str | None]:
            told = super().container(pid)
            meant.kill()
            meant.wait()
            return told

    ending = LocalProcessEnding(engine, Vanishing())
    assert ending.end(identity(meant.pid), EndSignal.KILL, PATIENCE) is Ending.WAS_GONE


def test_only_one_of_many_threads_is_not_its_end(ending: LocalProcessEnding, start: Start) -> None:
    """Its memory is free when all of it has ended."""
    process = start(
        "import threading\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    assert ending.end(identity(process.pid), EndSignal.TERM, PATIENCE) is Ending.ENDED
    assert process.wait() == 3


class Refused:
    """A process of somebody else."""

    def send(self, number: signals.Signals) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def wait(self, seconds: float) -> bool:
        raise AssertionError("nothing was sent")

    def close(self) -> None:
        pass


class TestRefused:
    @pytest.fixture
    def proc(self, tmp_path: Path) -> FakeProc:
        proc = FakeProc(tmp_path)
        proc.add(7, cgroup=f"0::/docker/{BOX.id}", numbers=(7, 12))
        return proc

    @pytest.fixture
    def refused(self, proc: FakeProc, engine: DockerEngine) -> LocalProcessEnding:
        return LocalProcessEnding(engine, proc.files(), lambda _: Refused())

    def test_without_a_container_its_user_is_to_be_asked(self, refused: LocalProcessEnding) -> None:
        with pytest.raises(ProcessPermission) as error:
            refused.end(ProcessIdentity(7, 1000, BOX.id), EndSignal.TERM, PATIENCE)
        assert "another user's process" in error.value.detail
        assert "start envtui as root" in error.value.hint

    def test_another_container_is_not_asked(self, refused: LocalProcessEnding) -> None:
        with pytest.raises(ProcessPermission):
            refused.end(ProcessIdentity(7, 1000, BOX.id), EndSignal.TERM, PATIENCE, make_container("other"))

    @pytest.mark.parametrize("state", [each for each in ContainerState if each is not ContainerState.RUNNING])
    def test_one_that_does_not_run_is_not_asked(
        self, refused: LocalProcessEnding, state: ContainerState
    ) -> None:
        with pytest.raises(ProcessPermission) as error:
            refused.end(
                ProcessIdentity(7, 1000, BOX.id), EndSignal.TERM, PATIENCE, make_container("box", state)
            )
        assert f"its container box is {state}" in error.value.detail

    def test_a_hidden_one(self, proc: FakeProc, refused: LocalProcessEnding) -> None:
        proc.end(7)
        proc.hidden.add(7)
        with pytest.raises(ProcessPermission) as error:
            refused.end(ProcessIdentity(7, 1000, BOX.id), EndSignal.TERM, PATIENCE, BOX)
        assert error.value.detail == HIDDEN

    def test_numbers_of_the_host_mean_nothing_in_a_container(
        self, proc: FakeProc, engine: DockerEngine
    ) -> None:
        proc.namespaces(pid="pid:[4026532888]")
        ending = LocalProcessEnding(engine, proc.files(), lambda _: Refused())
        with pytest.raises(ProcessPermission) as error:
            ending.end(ProcessIdentity(7, 1000, OUTSIDE), EndSignal.TERM, PATIENCE)
        assert error.value.detail == FOREIGN


@pytest.mark.parametrize("shell", SHELLS)
class TestScript:
    """What a container's shell runs where the kernel refuses us."""

    def run(self, shell: str, *arguments: str) -> int:
        if shutil.which(SHELLS[shell][0]) is None:
            pytest.skip(f"no {shell} here")
        script = (resources("tui.backends.gpu") / "kill.sh").read_text("utf-8")
        return subprocess.run([*SHELLS[shell], "-c", script, "kill", *arguments], check=False).returncode

    def test_sends_to_the_one_that_is_meant(self, shell: str, start: Start) -> None:
        process = start("import ctypes; ctypes.CDLL(None).prctl(15, b'a) R 1 (*', 0, 0, 0)")
        ticks, line = str(identity(process.pid).start_ticks), f"NSpid:\t{process.pid}"
        assert self.run(shell, "TERM", ticks, "NSpid:\t999999999", line) == 0
        assert process.wait() == -signals.SIGTERM

    def test_sends_to_no_other(self, shell: str, start: Start) -> None:
        process = start("")
        ticks = str(identity(process.pid).start_ticks)
        assert self.run(shell, "KILL", "1", f"NSpid:\t{process.pid}") == 4
        assert self.run(shell, "KILL", ticks, f"NSpid:\t{process.pid}\t1") == 4
        assert self.run(shell, "KILL", ticks, "NSpid:\t999999999") == 4
        assert process.poll() is None

    def test_says_when_it_may_not(self, shell: str, start: Start) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can become another")
        process = start("")
        ticks, line = str(identity(process.pid).start_ticks), f"NSpid:\t{process.pid}"
        script = (resources("tui.backends.gpu") / "kill.sh").read_text("utf-8")
        done = subprocess.run(
            [*SHELLS[shell], "-c", script, "kill", "KILL", ticks, line],
            user=65534, group=65534, extra_groups=(), capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, process.poll()) == (3, None)
        assert b"ermitted" in done.stderr
