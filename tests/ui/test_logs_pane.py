"""The Logs pane in front of a person: follow, search, filter, mark, copy, clear, windows, merge, freeze."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui.desk import Desk, desk
from tui.ui.panes import log_words
from tui.ui.panes.logs import LogsPane
from tui.ui.screens.log_line import LogLineScreen
from tui.ui.screens.main import MainScreen
from tui.ui.screens.save_log import SaveLogScreen


def logs_of(at: Desk) -> LogsPane:
    return at.main.query_one(LogsPane)


async def open_log(at: Desk, name: str) -> LogsPane:
    pane = logs_of(at)
    await at.go_to(name)
    await at.press("l")
    await at.until(lambda: pane.title_words() == name and pane.open_log.ring.count >= 20)
    # the world stands still, but its last hundred thousand lines come in batches
    counts: list[int] = []

    def stands_still() -> bool:
        counts.append(pane.open_log.ring.count)
        return len(counts) > 10 and len(set(counts[-10:])) == 1

    await at.until(stands_still)
    await at.until(lambda: not pane.view.is_empty and pane.view.visible_text)
    return pane


def follows(pane: LogsPane) -> bool:
    return pane.view.following


def searches(pane: LogsPane) -> bool:
    return pane.search is not None or pane.lines.highlight is not None


def title(at: Desk) -> str:
    return at.bar("#logs .pane-title")


async def test_it_follows_until_somebody_scrolls_up_and_f_goes_on() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("k")
        assert not pane.view.following
        assert "1 lines below: f follows" in title(at)
        for keys in (("f",), ("g", "G")):
            await at.press(*keys)
            assert follows(pane)


async def test_esc_leads_back_to_the_containers() -> None:
    async with desk() as at:
        await open_log(at, "vision-train")
        assert at.main.has_class("-enlarged")
        await at.press("escape")
        assert at.main.focused_pane is at.pane
        assert not at.main.has_class("-enlarged")


async def test_a_search_counts_jumps_and_is_dropped() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("/")
        await at.write("loss")
        await at.press("enter")
        await at.until(lambda: pane.search is not None and pane.search.is_done and not pane._jumps)
        assert pane.search is not None and pane.search.count > 10
        newest = pane.view.cursor
        await at.press("N")
        assert pane.view.cursor < newest
        await at.press("n")
        assert pane.view.cursor == newest
        await at.press("escape")
        assert not searches(pane)


async def test_a_filter_shows_only_what_matches() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("&")
        await at.write("!loss")
        await at.press("enter")
        await at.until(lambda: pane.lines.filter is not None and pane.lines.filter.is_done)
        await at.until(
            lambda: pane.lines.filter is not None and f"&!loss {pane.lines.filter.count:,} of" in title(at)
        )
        await at.until(lambda: "loss" not in pane.view.visible_text)
        await at.press("escape")
        await at.until(lambda: "loss" in pane.view.visible_text)


async def test_a_malformed_search_says_so_and_finds_nothing() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("/")
        await at.write("(")
        assert pane.search is None
        await at.press("escape")
        assert at.main.focused_pane is pane


async def test_marked_lines_are_copied_without_what_drives_terminals() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("k", "k", "k", "v", "j", "j", "v")
        assert len(pane.view.marked) == 3
        await at.press("y")
        assert at.app.clipboard.count("\n") == 2
        assert "\x1b" not in at.app.clipboard
        await at.press("escape")
        assert not pane.view.marked


async def test_clearing_hides_and_esc_brings_back() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("c")
        assert pane.view.is_empty
        assert "cleared" in title(at)
        await at.press("escape")
        assert not pane.view.is_empty


async def test_windows_of_time() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        everything = pane.lines.share(pane.view.cursor)[1]
        await at.press("[")
        assert "last 60m" in title(at) or "last 1h" in title(at)
        for _ in range(6):
            await at.press("[")
        assert pane.window == 60
        shown = pane.lines.share(pane.view.cursor)[1]
        assert shown < everything
        for _ in range(6):
            await at.press("]")
        assert pane.window is None


async def test_times_wrap_and_sideways() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        plain = pane.view.visible_text
        await at.press("t")
        assert pane.view.visible_text != plain
        await at.press("t", "right")
        assert pane.view.visible_text != plain
        await at.press("left")
        assert pane.view.visible_text == plain
        await at.press("w")
        assert pane.view.wrap


async def test_the_whole_line_has_a_screen() -> None:
    async with desk() as at:
        pane = await open_log(at, "vision-train")
        await at.press("k", "enter")
        await at.on(LogLineScreen)
        line = pane.open_log.ring.line(pane.view.cursor)
        assert line is not None
        await at.until(lambda: at.text not in ("", "…"))
        await at.press("escape")
        await at.on(MainScreen)


async def test_marked_containers_are_merged_by_time() -> None:
    async with desk() as at:
        pane = logs_of(at)
        for name in ("vision-train", "tensorboard"):
            await at.go_to(name)
            await at.press("space")
        await at.press("4", "L")
        await at.until(lambda: len(pane.open_log.container_ids) == 2 and pane.open_log.ring.count > 100)
        assert "2 containers merged" in title(at)
        ring = pane.open_log.ring
        lines = [line for number in range(ring.first, ring.end) if (line := ring.line(number))]
        assert {line.origin for line in lines} == {0, 1}
        moments = [line.at or 0.0 for line in lines]
        assert moments == sorted(moments)
        await at.press("escape")
        await at.until(lambda: len(pane.open_log.container_ids) == 1)


async def test_merging_needs_two() -> None:
    async with desk() as at:
        await at.press("4", "L")
        assert any("mark two" in message for _, message in at.toasts)


async def test_a_log_that_cannot_be_read_says_why() -> None:
    async with desk() as at:
        pane = logs_of(at)
        await at.go_to("dcgm-exporter")
        await at.press("l")
        await at.until(lambda: "does not support reading" in log_words.notice(pane))


async def test_saving_asks_where_and_writes_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with desk() as at:
        await open_log(at, "preprocess-dicom")
        await at.press("ctrl+s")
        await at.on(SaveLogScreen)
        await at.press("enter")
        await at.until(lambda: any(heading == "Saved" for heading, _ in at.toasts))
        (file,) = tmp_path.iterdir()
        assert file.name.startswith("preprocess-dicom-")
        assert b"0 failed" in file.read_bytes()


async def test_a_narrow_screen_opens_no_log_before_it_is_shown() -> None:
    async with desk(size=(80, 24)) as at:
        pane = logs_of(at)
        await at.press("j", "j")
        assert not pane.open_log.container_ids
        await at.press("4")
        await at.until(lambda: bool(pane.open_log.container_ids))
