"""Prints how the Logs pane keeps up, on a private engine: bursts, a log of a million lines, a steady rate.

    python -m tests.bench.logs [--bursts 100000,1000000]

Nothing is asserted: machines differ, and a shared one is slow at times.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from datetime import datetime

from tests.bench.start import Screen, has
from tests.rig.engine import PrivateEngine, why_unavailable

_WORDS = "a line as programs write them, with some words and figures in it:"
_STEADY = (
    f"i=0; while true; do i=$((i+20)); seq -s '\n' $((i-19)) $i | sed 's/^/{_WORDS} /'; usleep 9000; done"
)
_BRISK = _STEADY.replace("i+20", "i+100").replace("i-19", "i-99")
# Each line tells when it was written, in hundredths of a second since the machine started.
_SLOW = "while true; do read up rest </proc/uptime; echo at $up .; usleep 500000; done"
_WRITER = (
    "while [ ! -e /go ]; do usleep 20000; done; "
    "seq 1 {count} | sed 's/^/{words} /'; echo over {count}; exec idle"
)
_UPTIME = re.compile(rb"at (\d+\.\d\d) \.")


def open_log(engine: PrivateEngine) -> Screen:
    """envtui with the log of the only container on the whole screen."""
    screen = Screen(engine.host)
    screen.read_until(has(b"bench-log"))
    screen.press(b"l")
    screen.read_until(has(b"live"))
    screen.watch(1.5)
    return screen


def written_at(engine: PrivateEngine) -> float:
    """When the last line was written, by the engine's stamp."""
    stamp = engine.docker("logs", "--tail", "1", "--timestamps", "bench-log").split()[0]
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", stamp)).timestamp()


def measure_burst(engine: PrivateEngine, count: int) -> str:
    """Time from the last write until its line is on screen, and what it cost."""
    engine.remove_all()
    engine.run_container("bench-log", ["sh", "-c", _WRITER.format(count=count, words=_WORDS)])
    screen = open_log(engine)
    memory, used = screen.resident_megabytes(), screen.cpu_seconds()
    engine.docker("exec", "bench-log", "touch", "/go")
    screen.read_until(has(f"over {count}".encode()), 120.0)
    shown = time.time()
    late = shown - written_at(engine)
    cost = screen.cpu_seconds() - used
    screen.watch(1.0)
    grown = screen.resident_megabytes() - memory
    screen.end()
    return f"last line shown {late * 1000:.0f} ms after it was written, {cost:.1f} CPU s, +{grown:.0f} MB"


def measure_opening(engine: PrivateEngine) -> str:
    """Time from the start of envtui until the last line of the log that the burst left is on screen."""
    last = engine.docker("logs", "--tail", "1", "bench-log").encode().strip()
    times = []
    for _ in range(3):
        screen = Screen(engine.host)
        screen.read_until(lambda _, screen=screen: last in screen.output)  # type: ignore[misc]
        times.append(time.perf_counter() - screen.began)
        screen.end()
    return f"last line shown {statistics.median(times) * 1000:.0f} ms after the program's start"


def measure_rate(engine: PrivateEngine, script: str, seconds: float) -> str:
    """What a steady writer costs, and how soon keys take effect meanwhile."""
    engine.remove_all()
    engine.run_container("bench-log", ["sh", "-c", script])
    screen = open_log(engine)
    memory, used = screen.resident_megabytes(), screen.cpu_seconds()
    begin = len(screen.output)
    began = time.perf_counter()
    screen.watch(seconds)
    lasted = time.perf_counter() - began
    cpu = (screen.cpu_seconds() - used) / lasted * 100
    sent = (len(screen.output) - begin) / lasted
    keys = []
    for _ in range(15):
        screen.press(b"k")
        keys.append(screen.read_until(has(b"lines below"), 5.0))
        screen.press(b"f")
        screen.watch(0.2)
    grown = screen.resident_megabytes() - memory
    screen.end()
    keys.sort()
    return (
        f"{cpu:.0f}% of a core, {sent / 1000:.0f} kB/s to the terminal, +{grown:.0f} MB, "
        f"key median {statistics.median(keys) * 1000:.0f} p95 {keys[int(len(keys) * 0.95)] * 1000:.0f} ms"
    )


def measure_slow(engine: PrivateEngine, seconds: float) -> str:
    """How old lines are when they reach the screen, two of them a second."""
    engine.remove_all()
    engine.run_container("bench-log", ["sh", "-c", _SLOW])
    screen = open_log(engine)
    seen = set(_UPTIME.findall(screen.output))
    ages = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        screen.watch(0.01)
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        fresh = set(_UPTIME.findall(screen.output)) - seen
        ages += [now - float(each) for each in fresh]
        seen |= fresh
    screen.end()
    median = statistics.median(ages)
    return f"{len(ages)} lines, on screen within {max(ages) * 1000:.0f} ms, median {median * 1000:.0f}"


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bursts", default="100000,1000000")
    options = parser.parse_args()
    reason = why_unavailable()
    if reason is not None:
        print(f"nothing measured: {reason}")
        return 0
    with PrivateEngine() as engine:
        engine.build_image()
        for count in map(int, options.bursts.split(",")):
            print(f"burst of {count:,} lines: {measure_burst(engine, count)}", flush=True)
            print(f"opening a log of {count:,} lines: {measure_opening(engine)}", flush=True)
        print(f"2 lines/s: {measure_slow(engine, 10.0)}", flush=True)
        print(f"2,000 lines/s: {measure_rate(engine, _STEADY, 8.0)}", flush=True)
        print(f"10,000 lines/s: {measure_rate(engine, _BRISK, 20.0)}", flush=True)
        print(f"flood: {measure_rate(engine, f'yes {_WORDS!r}', 8.0)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
