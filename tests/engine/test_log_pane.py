"""The Logs pane on real containers: what is written is shown, bounded, in order and never twice."""

from __future__ import annotations

import re
import threading
import time
from pathlib import Path

import pytest

from tests.engine.app import Desk, running_app
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tui.monitor.tail import TailState
from tui.ui.panes.logs import LogsPane

FLOOD_LINES = 1_000_000
# A flood is as fast as two busy cores let the engine be.
FLOOD_SECONDS = 120.0


def logs_of(at: Desk) -> LogsPane:
    return at.app.screen_stack[0].query_one(LogsPane)


def texts(at: Desk) -> list[str]:
    ring = logs_of(at).open_log.ring
    first, end, _ = ring.span()
    found = (ring.line(number) for number in range(first, end))
    return [line.text for line in found if line is not None]


async def shows_log(at: Desk, name: str) -> LogsPane:
    """Point at a container and wait until its log is open."""
    await at.press("1")
    await at.point_at(name)
    pane = logs_of(at)
    await at.wait(
        lambda: [pane.name_of(each) for each in pane.open_log.container_ids] == [name], f"the log of {name}"
    )
    return pane


def streams() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("log-")]


async def test_lines_appear_as_they_are_written(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container(
        "talks", ["sh", "-c", "i=0; while true; do i=$((i+1)); echo say $i; usleep 200000; done"]
    )
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "talks")
        await at.wait(lambda: "say 12" in pane.view.visible_text, "the twelfth line is drawn")
        said = [text for text in texts(at) if text.startswith("say")]
        assert said == [f"say {number}" for number in range(1, len(said) + 1)]
        assert "live" in at.text()


async def test_a_flood_is_complete_and_counted(clean_engine: PrivateEngine) -> None:
    command = f"while [ ! -e /go ]; do usleep 50000; done; seq 1 {FLOOD_LINES}; exec sleep 1000"
    clean_engine.run_container("counts", ["sh", "-c", command])
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "counts")
        await at.wait(lambda: pane.log_watch.status().state is TailState.LIVE, "it is followed")  # type: ignore[union-attr]
        before = resident_bytes()
        clean_engine.docker("exec", "counts", "touch", "/go")
        last = str(FLOOD_LINES)
        await at.wait(lambda: last in pane.view.visible_text.split(), "the last line", FLOOD_SECONDS)
        kept = texts(at)
        assert kept == [str(number) for number in range(FLOOD_LINES - len(kept) + 1, FLOOD_LINES + 1)]
        assert pane.open_log.ring.left_lines == FLOOD_LINES - len(kept)
        assert resident_bytes() - before <= 64 << 20
        await at.wait(
            lambda: f"{FLOOD_LINES - len(kept):,} older lines left the window" in at.text(), "the count"
        )


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def test_it_goes_on_through_restarts_and_nothing_comes_twice(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container(
        "again", ["sh", "-c", "echo run $RANDOM begins; printf 'no end'; exec sleep 1000"]
    )
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "again")
        for runs in (1, 2, 3):
            await at.wait(lambda: sum("begins" in text for text in texts(at)) == runs, f"run {runs}")  # noqa: B023
            if runs < 3:
                clean_engine.docker("restart", "-t", "0", "again")
        assert sum("started again" in text for text in texts(at)) == 2
        # an unfinished line before a restart is a line of its own
        assert texts(at).count("no end") == 2
        clean_engine.docker("stop", "-t", "0", "again")
        await at.wait(lambda: "ended" in at.text(), "it says that the container ended")
        assert len({text for text in texts(at) if "begins" in text}) == sum(
            "begins" in text for text in texts(at)
        )
        assert pane.view.following


async def test_it_goes_on_after_the_engine_was_away(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("stays", ["sh", "-c", "seq 1 50; exec sleep 1000"])
    async with running_app(clean_engine.host) as at:
        await shows_log(at, "stays")
        await at.wait(lambda: "50" in texts(at), "its lines")
        clean_engine.restart()
        await at.wait(lambda: "ended" in at.text() or "lost" in at.text(), "it says so")
        clean_engine.docker("start", "stays")
        await at.wait(lambda: texts(at).count("50") == 2, "the lines of the second run")
        assert [text for text in texts(at) if text.isdigit()] == [*map(str, range(1, 51))] * 2


async def test_a_silent_log_is_live_again_after_the_engine_was_away(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("silent")
    async with running_app(proxy.host) as at:
        await shows_log(at, "silent")
        await at.wait(lambda: "● live" in at.text(), "it is followed")
        proxy.cut_requests = True
        proxy.cut()
        await at.wait(lambda: "▲ lost" in at.text(), "the loss is noticed")
        proxy.cut_requests = False
        await at.wait(lambda: "● live" in at.text(), "it is followed again")


async def test_a_removed_container_says_so(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("goes", ["sh", "-c", "echo here; exec sleep 1000"])
    clean_engine.run_container("other", ["sh", "-c", "exec sleep 1000"])
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "goes")
        await at.wait(lambda: "here" in texts(at), "its line")
        tail = pane.open_log.tails[0]
        clean_engine.docker("rm", "-f", "goes")
        await at.wait(lambda: tail.status.state is TailState.GONE or tail._stopped, "the end")


async def test_switching_leaves_one_stream(clean_engine: PrivateEngine) -> None:
    for number in range(6):
        clean_engine.run_container(f"switch-{number}", ["sh", "-c", f"echo log {number}; exec sleep 1000"])
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "switch-0")
        threads, files = threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))
        ids = [row.key for row in at.pane.table.rows]
        for turn in range(200):
            pane.open((ids[turn % len(ids)],))
            await at.pilot.pause()
        pane.open((ids[3],))
        await at.wait(lambda: len(streams()) == 1, "one stream is left")
        await at.wait(lambda: threading.active_count() <= threads, "no thread is left over")
        await at.wait(lambda: len(list(Path("/proc/self/fd").iterdir())) <= files, "no file is left over")


@pytest.mark.parametrize("tty", [False, True], ids=["plain", "terminal"])
async def test_what_would_drive_a_terminal_is_text(clean_engine: PrivateEngine, tty: bool) -> None:
    script = (
        r"printf 'a\033[2Jb\033]0;title\007c\033]52;c;aGk=\007d\033P+q\033\\e\033[?1049hf\033[6ng\r\n';"
        r"printf '\033[31mred\033[0m\n'; exec sleep 1000"
    )
    terminal = ["-t"] if tty else []
    name = f"hostile-{tty}"
    image = image_of(clean_engine)
    clean_engine.docker(
        "run", "-d", *terminal, "--name", name, "--network", "none", image, "sh", "-c", script
    )
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, name)
        await at.wait(lambda: "red" in pane.view.visible_text, "its lines")
        assert "abcdefg" in pane.view.visible_text
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", pane.view.visible_text)


def image_of(clean_engine: PrivateEngine) -> str:
    return clean_engine.docker("images", "-q").split()[0]


async def test_a_progress_bar_is_one_line(clean_engine: PrivateEngine) -> None:
    script = "i=0; while [ $i -lt 10000 ]; do i=$((i+1)); printf '\\r%d of 10000 it' $i; done; echo; idle"
    clean_engine.run_container("bar", ["sh", "-c", script])
    async with running_app(clean_engine.host) as at:
        await shows_log(at, "bar")
        await at.wait(lambda: texts(at) == ["10000 of 10000 it"], "one line")


async def test_a_line_of_5_megabytes_is_shown_and_what_follows_too(clean_engine: PrivateEngine) -> None:
    size = 5_000_000
    command = (
        f"printf begins; head -c {size} /dev/zero | tr '\\0' x; echo ends; echo after it; exec sleep 1000"
    )
    clean_engine.run_container("long", ["sh", "-c", command])
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "long")
        await at.wait(lambda: "after it" in pane.view.visible_text, "the line behind it")
        # keys have their effect with the line on screen
        await at.press("4", "k")
        await at.wait(lambda: not pane.view.following and "begins" in pane.view.visible_text, "a key")
        assert texts(at) == ["begins" + size * "x" + "ends", "after it"]


async def test_logs_of_the_local_driver_are_followed(clean_engine: PrivateEngine) -> None:
    command = "i=0; while true; do i=$((i+1)); echo say $i; echo err $i >&2; usleep 100000; done"
    clean_engine.run_container("kept", ["sh", "-c", command], args=("--log-driver", "local"))
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "kept")
        await at.wait(lambda: "say 12" in pane.view.visible_text, "the twelfth line is drawn")
        for word in ("say", "err"):
            said = [text for text in texts(at) if text.startswith(word)]
            assert said == [f"{word} {number}" for number in range(1, len(said) + 1)]


async def test_older_lines_come_from_the_engine(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("long", ["sh", "-c", "seq 1 5000; exec sleep 1000"])
    await_lines(clean_engine, "long", "5000")
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "long")
        await at.wait(lambda: "5000" in texts(at), "the newest")
        assert texts(at)[0] == "3001"
        await at.press("4", "g")
        await at.wait(lambda: texts(at)[0] == "1001", "a page of older ones")
        await at.press("g")
        await at.wait(lambda: texts(at)[0] == "1", "the first")
        assert texts(at) == [str(number) for number in range(1, 5001)]
        await at.press("g")
        await at.wait(lambda: pane.begins_here, "the beginning is known")


def await_lines(clean_engine: PrivateEngine, name: str, last: str) -> None:
    end = time.monotonic() + 30
    while clean_engine.docker("logs", "--tail", "1", name).split() != [last]:
        assert time.monotonic() < end


async def test_search_filter_and_merge(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container(
        "one", ["sh", "-c", "for i in 1 2 3; do echo one $i; usleep 300000; done; exec sleep 1000"]
    )
    clean_engine.run_container(
        "two", ["sh", "-c", "for i in 1 2 3; do echo two $i; usleep 300000; done; exec sleep 1000"]
    )
    async with running_app(clean_engine.host) as at:
        pane = await shows_log(at, "one")
        await at.wait(lambda: "one 3" in texts(at), "its lines")
        await at.press("4", "slash")
        await at.write("one [12]")
        await at.press("enter")
        await at.wait(lambda: (found := pane.search) is not None and found.count == 2, "two matches")
        await at.wait(lambda: "2 of 2" in at.text(), "the second is under the cursor")
        await at.press("N")
        await at.wait(lambda: "1 of 2" in at.text(), "the first is")
        await at.press("ampersand")
        await at.write("!one 2")
        await at.press("enter")
        await at.wait(
            lambda: "one 2" not in pane.view.visible_text and "one 3" in pane.view.visible_text, "filtered"
        )
        await at.press("escape", "escape", "1", "space", "space", "4", "L")
        await at.wait(lambda: len(texts(at)) == 6, "all lines of both")
        ring = pane.open_log.ring
        moments = [line.at for number in range(6) if (line := ring.line(number)) is not None]
        assert moments == sorted(moments, key=lambda at: at or 0.0)
        assert {"one", "two"} <= set(pane.view.visible_text.split())
