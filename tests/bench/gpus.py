"""Prints what reading and showing GPUs costs, beside nvitop's screen on the same make-believe driver.

    python -m tests.bench.gpus [--seconds 20] [--gpus 8] [--processes 50] [--level 550] [--delay 5]

All run at once, each as a program of its own that reads once a second: our reader alone, the whole of envtui
with its GPUs pane in front (on an engine that is absent), nvitop. Then keys are pressed in envtui, without
and with a delay of so many milliseconds in each call of the driver. Nothing is asserted: machines differ, and
a shared one is slow at times.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.bench.start import Screen, has, measure_keys
from tests.rig.nvml_double import Double, why_unavailable
from tests.rig.nvml_scenario import GIB, ProcessLine, Scenario, full_gpu
from tests.rig.terminal import TerminalSession

_ROOT = Path(__file__).parents[2]
# Both have imported all, and have read all that is read only once.
_WARM_UP_SECONDS = 5.0
# Nothing listens there: what is measured is about GPUs.
_ABSENT_ENGINE = "unix:///nonexistent/envtui.sock"
_KEYS = 100
_OURS = """
import threading
from tui.backends.gpu.nvml import NvmlGpus

gpus, pause = NvmlGpus(), threading.Event()
while True:
    gpus.report()
    pause.wait(1)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a program took in some seconds."""

    cpu_seconds: float
    calls: int


class Watched:
    """A program that reads the double, and its own log of calls."""

    def __init__(self, name: str, pid: int, calls: Path) -> None:
        """Args: a running one."""
        self.name, self._pid, self._calls = name, pid, calls
        self._cpu, self._lines = 0.0, 0

    def begin(self) -> None:
        """Count from here."""
        self._cpu, self._lines = self._cpu_seconds(), self._count()

    def cost(self) -> Cost:
        """Since then."""
        return Cost(self._cpu_seconds() - self._cpu, self._count() - self._lines)

    def _cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _count(self) -> int:
        return self._calls.read_bytes().count(b"\n") if self._calls.exists() else 0


@contextlib.contextmanager
def machine(folder: Path, gpus: int, processes: int, level: int) -> Iterator[Double]:
    """A driver with so many GPUs, and real processes on them."""
    sleepers = [subprocess.Popen(["sleep", "3600"]) for _ in range(processes)]
    scenario = Scenario({number: full_gpu(number) for number in range(gpus)})
    for place, sleeper in enumerate(sleepers):
        line = ProcessLine(sleeper.pid, GIB // 4, "C", sm=place % 90 + 1, keep=False)
        scenario.gpus[place % gpus].processes.append(line)
    try:
        yield Double(folder, scenario, level)
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def surroundings(double: Double, calls: Path) -> dict[str, str]:
    """Of a program that reads the double and logs its calls to a file of its own."""
    return {**double.environment(), "ENVTUI_NVML_CALLS": str(calls), "PYTHONPATH": str(_ROOT)}


@contextlib.contextmanager
def our_reader(double: Double, calls: Path) -> Iterator[Watched]:
    """A program that does nothing but read."""
    environment: Mapping[str, str] = {**os.environ, **surroundings(double, calls)}
    with subprocess.Popen([sys.executable, "-c", _OURS], env=environment) as process:
        yield Watched("our reader", process.pid, calls)
        process.terminate()


@contextlib.contextmanager
def nvitop(double: Double, calls: Path) -> Iterator[Watched]:
    """nvitop's screen in a terminal of its own."""
    argv = [sys.executable, "-m", "nvitop", "-m", "full", "--interval", "1"]
    environment = {**surroundings(double, calls), "TERM": "xterm-256color"}
    with TerminalSession(argv, 160, 100, environment) as terminal:
        yield Watched("nvitop's screen", terminal.pid, calls)


@contextlib.contextmanager
def envtui(double: Double, calls: Path) -> Iterator[Watched]:
    """The whole of envtui, with the GPUs pane in front."""
    argv = [sys.executable, "-m", "tui", "--host", _ABSENT_ENGINE]
    with TerminalSession(argv, 160, 100, surroundings(double, calls)) as terminal:
        terminal.wait_for("GPUs")
        terminal.press("3")
        terminal.wait_for(r"GPU 0 +\d+%")
        yield Watched("envtui's screen", terminal.pid, calls)


@contextlib.contextmanager
def moving(double: Double) -> Iterator[None]:
    """Figures that are others each second, as those of GPUs at work: whoever shows them has to draw them."""
    over = threading.Event()

    def move() -> None:
        turn = 0
        while not over.wait(1.0):
            turn += 1
            for number, lines in double.scenario.gpus.items():
                wave = (turn * 7 + number * 13) % 40
                lines.values |= {
                    "utilization": 50 + wave,
                    "utilization.memory": 30 + wave,
                    "temperature": 50 + wave // 2,
                    "power": 200_000 + wave * 1000,
                    "memory.used": (20 + number) * GIB + wave * GIB // 64,
                }
                lines.processes = [replace(each, sm=(turn * 5 + each.pid) % 90) for each in lines.processes]
            double.write()

    mover = threading.Thread(target=move)
    mover.start()
    try:
        yield
    finally:
        over.set()
        mover.join()


def compare(double: Double, folder: Path, seconds: float) -> Iterator[str]:
    """One line for each program."""
    with moving(double), contextlib.ExitStack() as stack:
        every = [
            stack.enter_context(program(double, folder / f"calls-{number}"))
            for number, program in enumerate((our_reader, envtui, nvitop))
        ]
        pause = threading.Event()
        pause.wait(_WARM_UP_SECONDS)
        for each in every:
            each.begin()
        pause.wait(seconds)
        for each in every:
            cost = each.cost()
            share, calls = cost.cpu_seconds / seconds * 100, cost.calls / seconds
            yield (
                f"{each.name:16} {cost.cpu_seconds:6.2f} s of processor in {seconds:g} s "
                f"({share:5.2f} %), {calls:7.1f} calls of NVML a second"
            )


def keys(double: Double, folder: Path, delay: int) -> str:
    """How long a key takes to its effect on the screen while every call takes `delay` milliseconds more."""
    double.scenario.rules["delay.*"] = delay
    double.write()
    screen = Screen(_ABSENT_ENGINE, surroundings(double, folder / f"calls-{delay}ms"))
    try:
        screen.read_until(has(b"GPUs"))
        screen.press(b"3")
        screen.read_until(has(b"GPU 0"))
        # its first report takes long, as each call does
        screen.watch(_WARM_UP_SECONDS)
        with moving(double):
            return f"{measure_keys(screen, _KEYS)} with {delay} ms more in each call of NVML"
    finally:
        screen.end()
        del double.scenario.rules["delay.*"]
        double.write()


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--processes", type=int, default=50)
    parser.add_argument("--level", type=int, default=550)
    parser.add_argument("--delay", type=int, default=5)
    options = parser.parse_args()
    reason = why_unavailable()
    if reason is not None:
        print(f"nothing measured: {reason}")
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "double").mkdir()
        with machine(folder / "double", options.gpus, options.processes, options.level) as double:
            print(f"{options.gpus} GPUs, {options.processes} processes, driver level {options.level}")
            for line in compare(double, folder, options.seconds):
                print(line, flush=True)
            for delay in (0, options.delay):
                print(keys(double, folder, delay), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
