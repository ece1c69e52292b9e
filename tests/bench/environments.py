"""Prints what it costs to list the environments of containers, on a private engine.

    python -m tests.bench.environments [--rounds 20]

Nothing is asserted: machines differ, and a shared one is slow at times.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.engine import environment_images as images
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine, why_unavailable
from tui.backends.conda import probe
from tui.backends.conda.listing import DockerEnvironments
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.parallel import in_parallel

_AT_ONCE, _CONTAINERS = 4, 20


def milliseconds(act: Callable[[], object], rounds: int) -> str:
    """Least and median of some rounds."""
    taken = []
    for _ in range(rounds):
        begin = time.perf_counter()
        act()
        taken.append((time.perf_counter() - begin) * 1000)
    return f"{min(taken):6.0f} / {statistics.median(taken):6.0f} ms"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=20)
    rounds = options.parse_args().rounds
    reason = why_unavailable()
    if reason is not None:
        sys.exit(reason)
    with PrivateEngine() as engine, tempfile.TemporaryDirectory() as folder:
        engine.build_image()
        tree = Path(folder) / "tree"
        tree.mkdir()
        images.make_many(engine, tree, CondaChannel(Path(folder) / "channel"))
        for number in range(_CONTAINERS):
            engine.run_container(f"many-{number}", image=images.MANY)
        docker = DockerEngine(find(engine.host, {}))
        containers = DockerContainers(docker).containers()[0]
        first = containers[0]
        environments = DockerEnvironments(docker)
        empty = (probe.SHELL, "-c", "true")
        print("least / median; 10 environments of 100 to 300 packages in each container")
        print(
            "an empty exec           ",
            milliseconds(lambda: probe.run(docker.http, first.id, empty, 10, 99), rounds),
        )
        print("the first listing       ", milliseconds(lambda: environments.environments(first), 1))
        print("every further one       ", milliseconds(lambda: environments.environments(first), rounds))
        anew = milliseconds(lambda: DockerEnvironments(docker).environments(first), rounds)
        print("with origins asked anew ", anew)
        begin = time.perf_counter()
        in_parallel(environments.environments, containers, _AT_ONCE, "listing")
        print(
            f"{_CONTAINERS} containers, {_AT_ONCE} at once   {(time.perf_counter() - begin) * 1000:6.0f} ms"
        )
        listed = environments.environments(first).environments
        print(
            "packages by name        ",
            milliseconds(lambda: environments.packages(first, listed, names_only=True), 5),
        )
        print("packages of one, in full", milliseconds(lambda: environments.packages(first, listed[:1]), 5))
        print(
            "sizes                   ",
            milliseconds(lambda: environments.sizes(first, listed, lambda: False), 3),
        )


if __name__ == "__main__":
    main()
