"""Logs that are saved from a real engine hold what its own client prints, or are not there."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.engine import PrivateEngine
from tests.rig.image import find_program
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until
from tui.model.errors import NoSuchContainer, SaveFailed
from tui.monitor.log_saver import LogSaver, SaveProgress, SaveState
from tui.monitor.monitor import Monitor
from tui.monitor.topics import SAVING
from tui.workstation import open_local

PATIENCE_SECONDS = 120.0
LINES = 200_000
MIB = 1 << 20


@pytest.fixture
def monitor(clean_engine: PrivateEngine) -> Iterator[Monitor]:
    made = Monitor(open_local(clean_engine.host, {}))
    yield made
    made.stop()


def run_to_its_end(engine: PrivateEngine, name: str, program: str, *arguments: str) -> str:
    """A container that writes its log and ends; gives back its id."""
    key = engine.run_container(name, ("sh", "-c", program), ("--network", "none", *arguments))
    engine.docker("wait", name, timeout=PATIENCE_SECONDS)
    return key


def printed(engine: PrivateEngine, name: str) -> bytes:
    """What the engine's own client prints, both streams in their order."""
    docker = "/usr/bin/docker" if os.access("/usr/bin/docker", os.X_OK) else find_program("docker")
    assert docker is not None
    done = subprocess.run(
        [docker, "-H", engine.host, "logs", name],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.defpath, "HOME": f"{engine.folder}/home"},
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    return done.stdout


def ended(saver: LogSaver, monitor: Monitor) -> SaveProgress:
    def over() -> SaveProgress | None:
        progress = monitor.store.value(SAVING)
        return progress if progress is not None and progress.is_over else None

    progress = until(over, PATIENCE_SECONDS, lambda: str(monitor.store.value(SAVING)))
    assert not saver.is_running
    return progress


def saved(monitor: Monitor, container_id: str, target: Path) -> SaveProgress:
    assert monitor.saver is not None
    monitor.saver.save(container_id, "box", target, replace=False)
    return ended(monitor.saver, monitor)


def is_same(engine: PrivateEngine, monitor: Monitor, key: str, name: str, target: Path) -> bytes:
    """Save it, compare it with what the client prints, and give it back."""
    progress = saved(monitor, key, target)
    assert (progress.state, progress.error) == (SaveState.DONE, None)
    content = target.read_bytes()
    # no assertion on the bytes themselves: a difference would be written out for minutes
    is_equal = content == printed(engine, name)
    assert is_equal
    assert progress.written_bytes == len(content)
    assert os.listdir(target.parent) == [target.name]
    return content


def test_200_000_lines_of_both_streams_are_what_docker_logs_prints(
    clean_engine: PrivateEngine, monitor: Monitor, tmp_path: Path
) -> None:
    half = LINES // 2
    key = run_to_its_end(clean_engine, "both", f"seq 1 {half} & seq {half + 1} {LINES} >&2; wait")
    content = is_same(clean_engine, monitor, key, "both", tmp_path / "box.log")
    assert sorted(map(int, content.split())) == list(range(1, LINES + 1))


def test_so_is_the_log_of_a_terminal(clean_engine: PrivateEngine, monitor: Monitor, tmp_path: Path) -> None:
    key = run_to_its_end(clean_engine, "terminal", f"seq 1 {LINES}; printf 'no end'", "--tty")
    content = is_same(clean_engine, monitor, key, "terminal", tmp_path / "box.log")
    assert content.startswith(b"1\r\n2\r\n")
    assert content.endswith(b"no end")
    assert content.count(b"\r\n") == LINES


@pytest.mark.parametrize("driver", ["json-file", "local"])
def test_so_are_odd_bytes_long_lines_and_a_last_line_without_end(
    clean_engine: PrivateEngine, monitor: Monitor, tmp_path: Path, driver: str
) -> None:
    program = (
        r"printf '\377\376\000\033[31mred\r50%%\r100%%\n';"
        " head -c 1000000 /dev/zero | tr '\\0' x; echo;"
        r" printf 'oops' >&2; printf '\n\n  end'"
    )
    key = run_to_its_end(clean_engine, "odd", program, "--log-driver", driver)
    content = is_same(clean_engine, monitor, key, "odd", tmp_path / "box.log")
    assert b"x" * 1_000_000 in content
    assert b"oops" in content


def test_a_running_container_is_saved_up_to_now(
    clean_engine: PrivateEngine, monitor: Monitor, tmp_path: Path
) -> None:
    key = clean_engine.run_container("running", ("sh", "-c", "seq 1 5; exec idle"))
    until(lambda: printed(clean_engine, "running").endswith(b"5\n"))
    assert is_same(clean_engine, monitor, key, "running", tmp_path / "box.log") == b"1\n2\n3\n4\n5\n"


def test_a_container_that_went_is_said_and_leaves_no_file(
    clean_engine: PrivateEngine, monitor: Monitor, tmp_path: Path
) -> None:
    progress = saved(monitor, "f" * 64, tmp_path / "box.log")
    assert progress.state is SaveState.FAILED
    assert isinstance(progress.error, NoSuchContainer)
    assert os.listdir(tmp_path) == []


class Held:
    """A saver through a proxy that a test holds in the middle of a log, at the second look at the room."""

    def __init__(self, proxy: EngineProxy, folder: Path) -> None:
        self.folder = folder
        self.target = folder / "box.log"
        self.monitor = Monitor(open_local(proxy.host, {}))
        self.in_the_middle = threading.Event()
        self.go_on = threading.Event()
        self._looks = 0
        assert self.monitor.workstation.logs is not None
        self.saver = LogSaver(self.monitor.workstation.logs, self.monitor.store, self._look)

    def _look(self, _: Path) -> int:
        self._looks += 1
        if self._looks == 2:
            self.in_the_middle.set()
            self.go_on.wait()
        return 1 << 40

    def begin(self, key: str) -> None:
        self.saver.save(key, "box", self.target, replace=False)
        assert self.in_the_middle.wait(PATIENCE_SECONDS)
        (part,) = os.listdir(self.folder)
        assert part.endswith(".part")

    def ended(self) -> SaveProgress:
        self.go_on.set()
        return ended(self.saver, self.monitor)


@pytest.fixture
def held(proxy: EngineProxy, tmp_path: Path) -> Iterator[Held]:
    made = Held(proxy, tmp_path)
    yield made
    made.go_on.set()
    made.saver.stop()


@pytest.fixture
def long_log(clean_engine: PrivateEngine) -> str:
    """The id of a container with 40 MiB of log, more than any buffer on the way holds."""
    line = "x" * 8000
    return run_to_its_end(clean_engine, "long", f"yes {line} | head -c {40 * MIB}")


@pytest.mark.parametrize("terminal", [False, True])
def test_an_engine_that_goes_away_in_the_middle_is_a_failure_and_leaves_no_file(
    clean_engine: PrivateEngine, proxy: EngineProxy, held: Held, terminal: bool
) -> None:
    options = ("--tty",) if terminal else ()
    program = f"yes {'x' * 8000} | head -c {40 * MIB}"
    held.begin(run_to_its_end(clean_engine, "long", program, *options))
    proxy.cut_requests = True
    proxy.cut()
    progress = held.ended()
    assert progress.state is SaveState.FAILED
    assert isinstance(progress.error, SaveFailed)
    assert progress.error.title == "The log could not be saved whole"
    assert 0 < progress.written_bytes < 40 * MIB
    assert os.listdir(held.folder) == []


def test_so_is_one_that_crashes(clean_engine: PrivateEngine, held: Held, long_log: str) -> None:
    held.begin(long_log)
    clean_engine.kill()
    progress = held.ended()
    assert progress.state is SaveState.FAILED
    assert os.listdir(held.folder) == []


def test_a_cancel_in_the_middle_leaves_no_file(held: Held, long_log: str) -> None:
    held.begin(long_log)
    held.saver.cancel()
    progress = held.ended()
    assert (progress.state, progress.error) == (SaveState.CANCELLED, None)
    assert os.listdir(held.folder) == []


def test_and_what_is_held_and_goes_on_is_whole(
    clean_engine: PrivateEngine, held: Held, long_log: str
) -> None:
    held.begin(long_log)
    assert held.ended().state is SaveState.DONE
    is_equal = held.target.read_bytes() == printed(clean_engine, "long")
    assert is_equal
    assert os.listdir(held.folder) == ["box.log"]
