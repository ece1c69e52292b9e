"""Prints what a change of an environment costs beside its manager, on a private engine.

    python -m tests.bench.changes [--rounds 10]

The manager is a stand-in that installs thirteen small packages. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable

from tests.engine.change_box import ChangeBox, create, of
from tests.rig.engine import PrivateEngine, why_unavailable
from tests.rig.waiting import until
from tui.model.changes import ChangeState, ChangeVerb

_PREFIX = "/opt/conda/envs/bench"
_MANAGER = (
    "/opt/conda/bin/conda", "create", "-p", _PREFIX, "-y", "--dry-run", "--json", "rig-meta",
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=10)
    rounds = options.parse_args().rounds
    reason = why_unavailable()
    if reason is not None:
        sys.exit(reason)
    with PrivateEngine() as engine:
        engine.build_image()
        box = ChangeBox(engine)
        _measure(box, rounds)


def _measure(box: ChangeBox, rounds: int) -> None:
    container, slow = box.run("quick"), box.run("slow", step=0.2)
    taken: dict[str, list[float]] = {}

    def timed(what: str, act: Callable[[], object]) -> object:
        begin = time.perf_counter()
        answer = act()
        taken.setdefault(what, []).append((time.perf_counter() - begin) * 1000)
        return answer

    change = create(container, _PREFIX)
    for _ in range(rounds):
        timed(
            "the manager's own dry run, by docker exec", lambda: box.engine.docker("exec", "quick", *_MANAGER)
        )
        timed("plan of a create", lambda: box.changes.plan(container, change, lambda: False))
        job = box.changes.start(container, change)
        timed("a look at a job", lambda job=job: box.changes.news(container, job, 0))  # type: ignore[misc]
        done = box.end(container, job)
        assert done.state is ChangeState.DONE, box.log(container, done)
        remove = of(box.listed(container)[_PREFIX], container, ChangeVerb.REMOVE)
        job = timed("begin a job", lambda remove=remove: box.changes.start(container, remove))  # type: ignore[misc,assignment]
        box.end(container, job)
        for each in box.changes.jobs(container):
            box.changes.put_away(container, each)
        job = box.changes.start(slow, create(slow, _PREFIX))
        until(lambda job=job: "Executing" in box.log(slow, job), message="it is at work")  # type: ignore[misc]
        timed("call a job off in its middle", lambda job=job: box.changes.cancel(slow, job))  # type: ignore[misc]
        box.changes.put_away(slow, job)
    for what, figures in taken.items():
        print(f"{what:45} {min(figures):6.0f} / {statistics.median(figures):6.0f} ms (least / median)")


if __name__ == "__main__":
    main()
