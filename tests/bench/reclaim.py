"""Prints what it costs to judge a large disk: 500 images, 200 containers, 2,000 build records.

    python -m tests.bench.reclaim [--rounds 5]

No engine is asked. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

from tui.model.containers import Container, ContainerState
from tui.model.disk import BuildRecord, DiskFacts, DiskImage, ImageLayer
from tui.model.reclaim import Protection, disk_items, plan_of, totals


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    rounds = options.parse_args().rounds
    facts, containers = _facts(), _containers()
    protection = Protection(names=("*-prod",), owner="me")
    items = disk_items(facts, containers, protection)
    keys = [each.key for each in items]
    works: dict[str, Callable[[], object]] = {
        "items": lambda: disk_items(facts, containers, protection),
        "totals": lambda: totals(items, facts),
        "plan of everything": lambda: plan_of(items, keys, facts),
    }
    for what, work in works.items():
        taken = []
        for _ in range(rounds):
            begin = time.perf_counter()
            work()
            taken.append((time.perf_counter() - begin) * 1000)
        print(f"{what}: {statistics.median(taken):.0f} ms, at most {max(taken):.0f} ms")


def _facts() -> DiskFacts:
    images = tuple(
        DiskImage(
            f"sha256:{number}",
            tags=(f"image{number}:1",) if number % 3 else (),
            size_bytes=10_000,
            layers=tuple(ImageLayer(f"base{number % 10}.{at}", 1000 + at) for at in range(6))
            + tuple(ImageLayer(f"{number}.{at}", 5000 + number * 7 + at) for at in range(6)),
            used_by=(_id(number % 200),) if number % 5 == 0 else (),
            is_built=True,
        )
        for number in range(500)
    )
    records = tuple(
        BuildRecord(
            str(number),
            parents=(str(number - 1),) if number % 20 else (),
            size_bytes=5000 + number // 4 * 7 + number % 4,
            is_shared=number % 3 == 0,
        )
        for number in range(2000)
    )
    return DiskFacts(images=images, build_cache=records)


def _containers() -> tuple[Container, ...]:
    states = (ContainerState.RUNNING, ContainerState.EXITED)
    return tuple(
        Container(_id(number), f"box{number}", "image:1", "sha256:x", states[number % 2])
        for number in range(200)
    )


def _id(number: int) -> str:
    return f"{number:064x}"


if __name__ == "__main__":
    main()
