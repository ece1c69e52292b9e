"""How little the engine is asked: counted by a proxy between the app and the engine."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.engine.app import PATIENCE_SECONDS, Desk, let_pass, running_app
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy

CROWD = 100
WATCHED_SECONDS = 6.0
# Longer than the app waits for a burst of events to end.
CALM_SECONDS = 1.5


@pytest.fixture(scope="module")
def crowd(engine: PrivateEngine) -> list[str]:
    """The ids of a hundred running containers, and nothing else on the engine."""
    engine.recover()
    engine.remove_all()
    return engine.create_many(CROWD, "load")


@pytest.fixture
def front(engine: PrivateEngine, crowd: list[str]) -> Iterator[EngineProxy]:
    """A proxy in front of the crowd."""
    with EngineProxy(engine.socket_path) as made:
        yield made


async def test_a_hundred_idle_containers_cost_two_requests_a_second_at_most(front: EngineProxy) -> None:
    async with running_app(front.host) as desk:
        await desk.wait(lambda: f"{CROWD} running of {CROWD}" in desk.text())
        await settled(desk, front)
        began = time.monotonic()
        await let_pass(WATCHED_SECONDS)
        asked = front.requests(since=began)
        assert len(asked) <= 2 * WATCHED_SECONDS, [request.path for request in asked]
        assert figures_move(desk)


async def test_a_list_of_a_hundred_is_read_once_at_the_start(front: EngineProxy) -> None:
    async with running_app(front.host) as desk:
        await desk.wait(lambda: f"{CROWD} running of {CROWD}" in desk.text())
        await settled(desk, front)
        assert lists(front) == 1


async def test_only_containers_on_screen_are_inspected(front: EngineProxy) -> None:
    async with running_app(front.host, size=(120, 24)) as desk:
        await desk.wait(lambda: f"{CROWD} running of {CROWD}" in desk.text())
        await settled(desk, front)
        inspected = [request.resource for request in front.requests() if request.resource.endswith("/json")]
        inspected.remove("/containers/json")
        assert len(inspected) == len(set(inspected)) == len(desk.pane.table.visible_keys()) < 24


async def test_a_burst_of_renames_costs_two_lists_at_most(
    front: EngineProxy, engine: PrivateEngine, crowd: list[str]
) -> None:
    async with running_app(front.host) as desk:
        await settled(desk, front)
        await burst(engine, [renamed(crowd, number) for number in range(25)])
        await settled(desk, front)
        assert 1 <= lists(front) - 1 <= 2
        assert desk.names() == [f"load-{number:03d}" for number in range(CROWD)]


async def test_a_burst_of_pauses_costs_two_lists_at_most(
    front: EngineProxy, engine: PrivateEngine, crowd: list[str]
) -> None:
    async with running_app(front.host) as desk:
        await settled(desk, front)
        await burst(
            engine, [(f"/containers/{key}/pause", f"/containers/{key}/unpause") for key in crowd[:25]]
        )
        await settled(desk, front)
        assert 1 <= lists(front) - 1 <= 2
        assert f"{CROWD} running of {CROWD}" in desk.text()


async def test_events_without_a_pause_cost_a_list_in_two_seconds_at_most(
    front: EngineProxy, engine: PrivateEngine, crowd: list[str]
) -> None:
    # each takes the engine much less than the app waits for the end of a burst
    many = [renamed(crowd, number % 8) for number in range(8 * 1000)]
    async with running_app(front.host) as desk:
        await settled(desk, front)
        began = time.monotonic()
        await burst(engine, many, until=began + WATCHED_SECONDS)
        took = time.monotonic() - began
        await settled(desk, front)
        # one more behind the last event
        assert 1 <= lists(front) - 1 <= took / 2 + 1
        assert f"{CROWD} running of {CROWD}" in desk.text()


async def test_health_checks_cause_no_list(proxy: EngineProxy, clean_engine: PrivateEngine) -> None:
    checked = ("--health-cmd", "true", "--health-interval", "1s")
    clean_engine.run_container("service", args=("--network", "none", *checked))
    async with running_app(proxy.host) as desk:
        await desk.wait(
            lambda: desk.pane.current is not None and desk.pane.current.container.health == "healthy"
        )
        await settled(desk, proxy)
        proxy.clear()
        began = time.time()
        await let_pass(5.0)
        told = clean_engine.docker(
            "events", "--since", f"{began:.3f}", "--until", f"{time.time():.3f}", "--filter", "type=container"
        )
        assert told.count("exec_start") >= 3, "there was nothing to react to"
        assert lists(proxy) == 0


def renamed(crowd: list[str], number: int) -> tuple[str, str]:
    """What gives one of the crowd another name, and its own again."""
    path = f"/containers/{crowd[number]}/rename?name="
    return f"{path}burst-{number:03d}", f"{path}load-{number:03d}"


async def burst(engine: PrivateEngine, paths: list[tuple[str, str]], until: float = math.inf) -> None:
    """Ask the engine for all this, past the proxy and as fast as it can, while the app goes on."""
    patience = time.monotonic() + PATIENCE_SECONDS

    def upset(pairs: list[tuple[str, str]]) -> None:
        for pair in pairs:
            if time.monotonic() >= until:
                return
            for path in pair:
                status, answer = engine.request("POST", path)
                while status == 500 and "unable to freeze" in str(answer) and time.monotonic() < patience:
                    # runc gives up on a busy machine; nothing has happened then
                    status, answer = engine.request("POST", path)
                assert status == 204, answer

    def all_of_it() -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(upset, [paths[number::8] for number in range(8)]))

    await asyncio.to_thread(all_of_it)


async def settled(desk: Desk, front: EngineProxy) -> None:
    """Wait until only signs of life were asked for since a while."""
    began = time.monotonic()

    def calm() -> bool:
        busy = [request.at for request in front.requests() if not request.resource.endswith("/_ping")]
        return bool(busy) and time.monotonic() - max(began, *busy) >= CALM_SECONDS

    await desk.wait(calm, "nothing but pings")


def lists(front: EngineProxy) -> int:
    """How often the list was asked for."""
    return front.count(lambda request: request.resource == "/containers/json")


def figures_move(desk: Desk) -> bool:
    """Whether memory is known in every line on screen, though nobody asked the engine for it."""
    visible = desk.names()[: len(desk.pane.table.visible_keys())]
    return all("MiB" in desk.row(name) or "KiB" in desk.row(name) for name in visible)
