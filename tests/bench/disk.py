"""Prints what it costs to read the disk, on a private engine beside `docker system df -v`.

    python -m tests.bench.disk [--images 60] [--containers 60] [--volumes 40] [--records 100] [--rounds 5]

Nothing is asserted: machines differ, and a shared one is slow at times.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.rig.disk_world import DiskWorld
from tests.rig.engine import PrivateEngine, why_unavailable
from tui.model.disk import ENGINE_PARTS, DiskFacts, DiskPart
from tui.model.disk_items import DiskKind
from tui.model.reclaim import Protection, PruneRequest, disk_items, prune_plan, totals
from tui.monitor.disk_reading import read_facts
from tui.workstation import Workstation, open_local

# One for each layer; an image has at most 127.
_RECORDS_AT_ONCE = 50
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--images", type=int, default=60)
    options.add_argument("--containers", type=int, default=60)
    options.add_argument("--volumes", type=int, default=40)
    options.add_argument("--records", type=int, default=100)
    options.add_argument("--rounds", type=int, default=5)
    wanted = options.parse_args()
    reason = why_unavailable()
    if reason is not None:
        sys.exit(reason)
    with PrivateEngine() as engine:
        engine.build_image()
        world = DiskWorld(engine)
        _fill(world, wanted)
        _measure(engine, world, wanted.rounds)


def _fill(world: DiskWorld, wanted: argparse.Namespace) -> None:
    begin = time.perf_counter()
    world.image("base:0", 1 << 20)
    for number in range(1, wanted.images):
        world.image(f"made:{number}", 4096, base="base:0")
    for number in range(wanted.volumes):
        world.volume(f"volume-{number}", 4096)
    half = wanted.containers // 2
    world.engine.create_many(half, "up")
    # stopped ones, each with a file in its layer
    command = ("/bin/sh", "-c", "echo made >/tmp/made")
    for key in world.engine.create_many(wanted.containers - half, "ended", command):
        world.engine.docker("wait", key)
    for number in range(wanted.records // _RECORDS_AT_ONCE):
        world.image(f"kit:{number}", *[4096] * _RECORDS_AT_ONCE, kit=True)
    there = ", ".join(f"{kind} {len(each)}" for kind, each in world.ids().items())
    print(f"{there} (made in {time.perf_counter() - begin:.0f} s)")


def _measure(engine: PrivateEngine, world: DiskWorld, rounds: int) -> None:
    host = open_local(engine.host, {})
    containers = host.containers.containers()[0]
    print("median wall time; CPU: of this process / of the engine")

    def read(*parts: DiskPart) -> DiskFacts:
        # no command in a container: what managers answer there is another figure
        return read_facts(host, containers, parts, lambda: False, ask_inside=False)

    facts = read(*ENGINE_PARTS)
    for part in ENGINE_PARTS:
        _print(part.value, engine, rounds, lambda part=part: read(part))  # type: ignore[misc]
    # some requests for each stopped container: once is enough
    _print("layers of stopped containers", engine, 1, lambda: read(DiskPart.LAYERS))
    _print("all that the engine tells", engine, rounds, lambda: read(*ENGINE_PARTS))
    _print("docker system df -v", engine, rounds, lambda: engine.docker("system", "df", "-v"))
    facts = read(*ENGINE_PARTS, DiskPart.LAYERS)
    _print("disk_items", engine, rounds, lambda: disk_items(facts, containers, Protection()))
    items = disk_items(facts, containers, Protection())
    _print("totals", engine, rounds, lambda: totals(items, facts))
    request = PruneRequest(frozenset(DiskKind), all_images=True)
    _print("prune_plan", engine, rounds, lambda: prune_plan(items, request, facts, time.time()))
    print(f"{len(items)} items")
    _measure_program(engine, host)


def _measure_program(engine: PrivateEngine, host: Workstation) -> None:
    """The command as a shell starts it, containers looked into and all."""
    import subprocess

    command = [sys.executable, "-m", "tui", "disk", "--json", "--host", host.name]

    def run() -> None:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    _print("envtui disk --json, in all", engine, 1, run)


def _print(words: str, engine: PrivateEngine, rounds: int, act: Callable[[], object]) -> None:
    taken, own, its = [], time.process_time(), _cpu_seconds(engine.pid)
    for _ in range(rounds):
        begin = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begin) * 1000)
    own, its = time.process_time() - own, _cpu_seconds(engine.pid) - its
    print(
        f"{words:<30}{statistics.median(taken):9.1f} ms"
        f"{own / rounds * 1000:9.1f} / {its / rounds * 1000:.0f} ms"
    )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
