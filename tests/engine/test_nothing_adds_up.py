"""Engines that come and go leave no thread and no open file behind; quitting waits for none of them."""

from __future__ import annotations

import gc
import os
import re
import threading
from collections import Counter

import pytest

from tests.engine.app import Desk, running_app
from tests.engine.program import on_terminal
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until_async
from tui.model.errors import EnvtuiError
from tui.monitor.topics import CONTAINERS

TIMES = 10
# Threads of apps that other tests closed may end while one of these runs.
earlier_threads: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _only_what_this_test_leaves() -> None:
    # files that earlier tests left to the collector would be missing later
    gc.collect()
    earlier_threads.clear()
    earlier_threads.update(each for each in threading.enumerate() if each.name != "MainThread")


async def test_ten_lost_engines_leave_no_thread_and_no_file(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    async with running_app(proxy.host) as desk:
        await desk.sees("training", "● running")
        await desk.wait(lambda: "pids 1" in desk.text(), "figures and details are read")
        await lose_and_find(desk, clean_engine, proxy)
        before = await calm_inventory(desk)
        for _ in range(TIMES):
            await lose_and_find(desk, clean_engine, proxy)
        await desk.wait(lambda: has_gathered_nothing(before), f"{before} again")


async def test_a_real_restart_leaves_no_thread_and_no_file(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training", args=("--network", "none", "--restart", "always"))
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        await desk.wait(lambda: "pids 1" in desk.text(), "figures and details are read")
        before = await calm_inventory(desk)
        losses: list[EnvtuiError] = []
        desk.monitor.store.listen(
            CONTAINERS, lambda seen: losses.append(seen.error) if seen.error is not None else None
        )
        for _ in range(2):
            losses.clear()
            # it is over before anything else is looked at
            clean_engine.restart()
            await desk.wait(lambda: losses, "the loss is noticed")
            await desk.wait(lambda: not has_error(desk), "it is back")
        await desk.sees("training", "● running")
        await desk.wait(lambda: has_gathered_nothing(before), f"{before} again")


async def test_a_frozen_engine_does_not_gather_threads(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        await desk.wait(lambda: "pids 1" in desk.text(), "figures and details are read")
        before = await calm_inventory(desk)
        clean_engine.freeze()
        await desk.wait(lambda: has_error(desk), "the silence is noticed")
        for _ in range(20):
            # each is a question that hangs; beyond a few they are refused
            await desk.press("i")
            await desk.wait(lambda: not desk.is_on_top)
            await desk.press("escape")
            await desk.wait(lambda: desk.is_on_top)
        assert inventory()[0]["question"] <= 8
        clean_engine.thaw()
        await desk.wait(lambda: not has_error(desk), "it is back")
        await desk.wait(lambda: has_gathered_nothing(before), f"{before} again")


async def test_the_app_leaves_no_thread_and_no_file_when_it_ends(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")

    async def open_and_close() -> None:
        async with running_app(clean_engine.host) as desk:
            await desk.sees("training", "● running")
            await desk.wait(lambda: "pids 1" in desk.text(), "figures and details are read")

    others = inventory()[0]
    await open_and_close()
    await until_async(lambda: inventory()[0] == others, message="its threads end")
    before = inventory()
    await open_and_close()
    await until_async(lambda: has_gathered_nothing(before), message=lambda: f"{before} again: {inventory()}")


def test_quitting_does_not_wait_for_a_frozen_engine(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    with on_terminal("--host", clean_engine.host) as terminal:
        terminal.wait_for("● running +training")
        clean_engine.freeze()
        terminal.wait_for("The engine does not answer")
        terminal.press("i")
        terminal.wait_for("Inspect training")
        terminal.press("ctrl+c")
        assert terminal.wait_exit(timeout=3.0) == 0


# -- what the tests do and ask


async def lose_and_find(desk: Desk, engine: PrivateEngine, proxy: EngineProxy) -> None:
    """Cut every connection, refuse new ones until that is noticed, and wait until all is well again."""
    proxy.cut_requests = True
    proxy.cut()
    await desk.wait(lambda: has_error(desk), "the loss is noticed")
    proxy.cut_requests = False
    await desk.wait(lambda: not has_error(desk), "it is back")


def has_error(desk: Desk) -> bool:
    """Whether the list can't be read at present."""
    snapshot = desk.monitor.store.get(CONTAINERS)
    return snapshot is not None and snapshot.error is not None


def inventory() -> tuple[Counter[str], int]:
    """Threads by name, those of the rig apart, and the number of open files."""
    alive = (thread for thread in threading.enumerate() if thread not in earlier_threads)
    names = (re.sub(r"[-_]\d+$", "", thread.name) for thread in alive)
    threads = Counter(name for name in names if not name.startswith("engine proxy"))
    return threads, len(os.listdir("/proc/self/fd"))


def has_gathered_nothing(before: tuple[Counter[str], int]) -> bool:
    """Whether the threads are those of before, and the files no more."""
    threads, files = inventory()
    return threads == before[0] and files <= before[1]


async def calm_inventory(desk: Desk) -> tuple[Counter[str], int]:
    """The inventory in a moment without a question under way."""
    lasting = ("events", "details")

    def calm() -> tuple[Counter[str], int] | None:
        threads, files = inventory()
        passing = [name for name in threads if name.startswith(("question", "stats"))]
        is_following = "● live" in desk.text()
        if passing or not is_following or any(threads[name] != 1 for name in lasting):
            return None
        return threads, files

    first = await desk.wait(calm, "a calm moment")
    # a question opens and closes a file: the fewest of some looks is what stays
    looks = [first[1]]

    def looked() -> bool:
        looks.append(inventory()[1])
        return len(looks) > 30

    await desk.wait(looked)
    return first[0], min(looks)
