"""What goes wrong with the engine is said in plain words with what to do, and ends by itself."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.app import Desk, let_pass, running_app
from tests.rig import guard
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until

# How soon the screen is right again once the cause is gone.
RECOVERY_SECONDS = 5.0
# How soon an engine that does not answer is called so.
NOTICE_SECONDS = 8.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder whose name is short enough for a socket's path."""
    made = Path(tempfile.mkdtemp(prefix="envtui-test-", dir="/tmp"))
    yield made
    shutil.rmtree(made)


async def test_an_absent_engine_is_named_with_what_to_do(folder: Path) -> None:
    async with running_app(f"unix://{folder}/docker.sock") as desk:
        await desk.wait(lambda: "No container engine at" in desk.text(), "it is said")
        assert f"{folder}/docker.sock does not exist" in desk.text()
        assert "sudo systemctl start docker" in desk.text()
        assert "--host" in desk.text()


async def test_an_engine_that_starts_later_appears(clean_engine: PrivateEngine, folder: Path) -> None:
    clean_engine.run_container("training")
    async with running_app(f"unix://{folder}/docker.sock") as desk:
        await desk.wait(lambda: "No container engine at" in desk.text(), "it is said")
        (folder / "docker.sock").symlink_to(clean_engine.socket_path)
        await desk.sees("training", "● running", seconds=RECOVERY_SECONDS)
        assert "No container engine" not in desk.text()


async def test_an_engine_that_stops_is_said_above_the_old_rows(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        end(clean_engine)
        await is_stale(desk, "No container engine at", "sudo systemctl start docker")
        assert desk.shows("training")
        clean_engine.start()
        await desk.sees("training", "○ exited", seconds=RECOVERY_SECONDS)
        await is_fresh(desk)


async def test_an_engine_that_crashes_and_comes_back_recovers(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.sees("training", "● running")
        clean_engine.kill()
        await is_stale(desk, "nothing listens on", "sudo systemctl start docker")
        clean_engine.start()
        await is_fresh(desk)
        clean_engine.run_container("newcomer")
        await desk.sees("newcomer", "● running", seconds=RECOVERY_SECONDS)


async def test_what_was_removed_while_the_engine_was_away_goes(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(3, "job", start=False)
    with EngineProxy(clean_engine.socket_path) as proxy:
        async with running_app(proxy.host) as desk:
            await desk.sees("job-002")
            proxy.cut_requests = True
            proxy.cut()
            await is_stale(desk, "The engine closed the connection", "tries again by itself")
            clean_engine.docker("rm", "job-001")
            proxy.cut_requests = False
            await desk.wait(lambda: desk.names() == ["job-000", "job-002"], "it goes", RECOVERY_SECONDS)
            await is_fresh(desk)


# -- a frozen engine


async def test_a_frozen_engine_is_said_keys_answer_and_it_recovers(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(3, "job")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("job-000")
        frozen_at = time.monotonic()
        clean_engine.freeze()
        await is_stale(desk, "The engine does not answer", "systemctl status docker", seconds=NOTICE_SECONDS)
        for name in ("job-001", "job-002"):
            began = time.monotonic()
            await desk.press("j")
            assert desk.cursor_name == name
            assert time.monotonic() - began < 1.0
        await desk.press("question_mark")
        await desk.wait(lambda: "Command palette" in desk.text_screen(), "the help opens")
        await desk.press("escape")
        await let_pass(max(0.0, frozen_at + 11.0 - time.monotonic()))
        # its words say how old the rows are, and go on counting
        assert stale_seconds(desk) >= 10
        clean_engine.thaw()
        await is_fresh(desk)
        clean_engine.docker("stop", "job-000")
        await desk.sees("job-000", "○ exited", seconds=RECOVERY_SECONDS)


async def test_an_engine_frozen_from_the_start_is_said_and_recovers(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    clean_engine.freeze()
    async with running_app(clean_engine.host) as desk:
        await desk.wait(lambda: "The engine does not answer" in desk.text(), "it is said")
        clean_engine.thaw()
        await desk.sees("training", "● running", seconds=RECOVERY_SECONDS)


async def test_a_list_that_hangs_is_said_though_the_engine_lives(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    async with running_app(proxy.host) as desk:
        await desk.sees("training", "● running")
        # a list follows the event of the start; events that come during a list wait for its end
        await desk.wait(lambda: seconds_since_list(proxy) > 1.0, "no list is due")
        proxy.faults_match = "^GET /containers/json"
        proxy.hang = True
        clean_engine.docker("rename", "training", "renamed")
        await desk.sees("renamed", "● running")
        await is_stale(desk, "The engine does not answer", "systemctl status docker", seconds=20.0)
        proxy.hang = False
        await is_fresh(desk)


async def test_an_engine_that_refuses_the_list_is_quoted(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    proxy.override("GET", "^/containers/json", 500, {"message": "database is locked [/red]"})
    async with running_app(proxy.host) as desk:
        await desk.wait(lambda: "database is locked [/red]" in desk.text(), "its words are shown")
        proxy.clear_overrides()
        await desk.sees("training", "● running", seconds=RECOVERY_SECONDS)


async def test_an_engine_that_is_too_old_is_said(proxy: EngineProxy) -> None:
    proxy.override("GET", "^/_ping", 200, b"OK")
    async with running_app(proxy.host) as desk:
        await desk.wait(lambda: "The engine is too old" in desk.text(), "it is said")
        assert "Upgrade to Docker 20.10 or newer" in desk.text()


# -- what the tests do and ask


def seconds_since_list(proxy: EngineProxy) -> float:
    """How long ago the last list of containers was asked for."""
    return time.monotonic() - max(each.at for each in proxy.requests() if each.resource == "/containers/json")


def end(engine: PrivateEngine) -> None:
    """End dockerd as `systemctl stop docker` does; `engine.start()` starts it again."""
    pid = engine.pid
    os.kill(pid, signal.SIGTERM)
    until(lambda: guard.start_time(pid) is None, 60.0, "dockerd is gone")


def stale_seconds(desk: Desk) -> int:
    """What the status bar's badge says about the age of the rows, -1 when there is none."""
    words = desk.lines()[0].split()
    return int(words[words.index("STALE") + 1].rstrip("s")) if "STALE" in words else -1


async def is_stale(desk: Desk, title: str, hint: str, seconds: float = 30.0) -> None:
    """The banner says what is wrong and what to do; rows, badge and banner say how old they are."""
    # one after the other: each is drawn when it is its turn
    await desk.wait(lambda: title in desk.text() and stale_seconds(desk) >= 0, f"{title} is said", seconds)
    await desk.wait(lambda: hint in desk.text() and "data is" in desk.text(), "what to do is said", seconds)
    assert {row.tone for row in desk.pane.table.rows} == {"stale"}


async def is_fresh(desk: Desk) -> None:
    """Nothing says that anything is wrong, soon."""

    def fresh() -> bool:
        tones = {row.tone for row in desk.pane.table.rows}
        return stale_seconds(desk) < 0 and "data is" not in desk.text() and "stale" not in tones

    await desk.wait(fresh, "all is well again", RECOVERY_SECONDS)
