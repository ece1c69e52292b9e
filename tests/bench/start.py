"""Prints envtui's own figures on a private engine: start, keys, events, idle cost, quitting.

    python -m tests.bench.start [--counts 1,20,100,200] [--rounds 5]

Nothing is asserted: machines differ, and a shared one is slow at times.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.rig.engine import PrivateEngine, why_unavailable

COLUMNS, ROWS = 160, 48
CURSOR = re.compile(rb"> ")


class Screen:
    """envtui in a pty whose output is stamped, never parsed: the emulation would cost more than the app."""

    def __init__(self, host: str, surroundings: Mapping[str, str] | None = None) -> None:
        """Start it. Args: its engine; variables beside this program's own."""
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        environment.update(surroundings or {}, TERM="xterm-256color", COLORTERM="truecolor")
        self.began = time.perf_counter()
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, "-m", "tui", "--host", host], environment)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, size)
        self.output = b""

    def read_until(self, done: Callable[[bytes], bool], limit: float = 20.0) -> float:
        """Seconds from the call until what was written since then is as wanted."""
        start, begin = time.perf_counter(), len(self.output)
        while not done(self.output[begin:]):
            left = limit - (time.perf_counter() - start)
            if left <= 0:
                return float("nan")
            if select.select([self.descriptor], [], [], left)[0]:
                try:
                    self.output += os.read(self.descriptor, 1 << 16)
                except OSError:
                    break
        return time.perf_counter() - start

    def watch(self, seconds: float) -> int:
        """Bytes written in so many seconds."""
        begin = len(self.output)
        self.read_until(lambda _: False, seconds)
        return len(self.output) - begin

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_megabytes(self) -> float:
        """Memory in use."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else float("nan")

    def press(self, keys: bytes) -> None:
        """Send keys."""
        os.write(self.descriptor, keys)

    def end(self) -> None:
        """End it if it still runs."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.descriptor)


def has(text: bytes) -> Callable[[bytes], bool]:
    """A test whether `text` was written."""
    return lambda written: text in written


def milliseconds(values: Sequence[float]) -> str:
    """Median and largest."""
    return f"{statistics.median(values) * 1000:.0f} (worst {max(values) * 1000:.0f})"


def measure_keys(screen: Screen, count: int = 40) -> str:
    """Median and p95 from a key to the cursor in its new row, in milliseconds."""
    keys = []
    for number in range(count):
        screen.press(b"j" if number % 20 < 10 else b"k")
        keys.append(screen.read_until(lambda written: bool(CURSOR.search(written)), 2.0))
        screen.watch(0.05)
    keys.sort()
    p95 = keys[int(len(keys) * 0.95)] * 1000 if keys else float("nan")
    median = statistics.median(keys) * 1000 if keys else float("nan")
    return f"key median {median:.1f} p95 {p95:.1f} ms"


def measure_start(host: str, rounds: int) -> str:
    """First paint, first container, quitting."""
    paints, names, quits = [], [], []
    for _ in range(rounds):
        screen = Screen(host)
        screen.read_until(has(b"Containers"))
        paints.append(time.perf_counter() - screen.began)
        screen.read_until(lambda _, screen=screen: b"bench-000" in screen.output)  # type: ignore[misc]
        names.append(time.perf_counter() - screen.began)
        screen.watch(0.5)
        screen.press(b"q")
        start = time.perf_counter()
        screen.read_until(has(b"\x1b[?1049l"))
        os.waitpid(screen.pid, 0)
        screen.pid = 0
        quits.append(time.perf_counter() - start)
        screen.end()
    shown = (milliseconds(paints), milliseconds(names), milliseconds(quits))
    return "first paint {} ms, container visible {} ms, quit {} ms".format(*shown)


def measure_live(engine: PrivateEngine, victim: str, has_rows: bool) -> str:
    """Keys, events, idle cost."""
    screen = Screen(engine.host)
    screen.read_until(has(b"bench-000"))
    screen.watch(3.0)
    # one row alone has no second one to go to
    keys = measure_keys(screen, 40 if has_rows else 0)
    starts, stops = [], []
    for _ in range(3):
        engine.request("POST", f"/containers/{victim}/kill")
        stops.append(screen.read_until(has(b"exited 137")))
        screen.watch(1.0)
        engine.request("POST", f"/containers/{victim}/start")
        starts.append(screen.read_until(has(b"running")))
        screen.watch(1.0)
    # rows that came into view get their figures first
    screen.watch(5.0)
    used = screen.cpu_seconds()
    written = screen.watch(10.0)
    idle = (screen.cpu_seconds() - used) * 10
    memory = screen.resident_megabytes()
    screen.end()
    return (
        f"{keys}, "
        f"start shown {milliseconds(starts)} ms after the engine's answer, stop {milliseconds(stops)} ms, "
        f"idle {idle:.1f}% of a core and {written / 10:.0f} B/s, {memory:.0f} MB"
    )


def main() -> int:
    """Measure with each number of containers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counts", default="1,20,100")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    reason = why_unavailable()
    if reason is not None:
        print(f"nothing measured: {reason}")
        return 0
    with PrivateEngine() as engine:
        engine.build_image()
        for count in map(int, options.counts.split(",")):
            engine.remove_all()
            ids = engine.create_many(count, "bench")
            print(f"{count:4} containers: {measure_start(engine.host, options.rounds)}", flush=True)
            print(f"     {measure_live(engine, ids[0], count > 1)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
