"""The dialog that asks where to save a log: it says what is there before anything is written."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from textual import events
from textual.geometry import Offset
from textual.widgets import Input, Static

from tests.ui.desk import Desk, desk, settle
from tui.monitor.new_file import SaveTarget, examine
from tui.ui.app import EnvtuiApp
from tui.ui.screens.main import MainScreen
from tui.ui.screens.save_log import SaveChoice, SaveLogScreen, resolved, safe_name

AT = datetime(2031, 2, 3, 4, 5, 6)
ROOM = 80 << 30


def roomy(path: Path) -> SaveTarget:
    """What is really there, on a disk with room."""
    return examine(path, lambda _: ROOM)


class Asked:
    """The opened dialog, and what it gave back."""

    def __init__(self, at: Desk, screen: SaveLogScreen) -> None:
        self.at = at
        self.screen = screen
        self.given: list[SaveChoice | None] = []

    @property
    def app(self) -> EnvtuiApp:
        return self.at.app

    @property
    def path(self) -> str:
        return self.screen.query_one(Input).value

    @property
    def words(self) -> str:
        return "\n".join(str(static.render()) for static in self.screen.query(Static))

    @property
    def complaint(self) -> str:
        return str(self.screen.query_one(".dialog-consequence", Static).render())

    async def retype(self, text: str) -> None:
        """Replace the path, by a paste: it is long."""
        await self.at.press("end", "ctrl+u")
        driver = self.app._driver
        assert driver is not None
        driver.send_message(events.Paste(text))
        await settle(self.at.pilot)

    async def says(self, words: str) -> None:
        await self.at.until(lambda: words in self.words)

    async def answer(self) -> SaveChoice | None:
        await self.at.until(lambda: self.given)
        await self.at.on(MainScreen)
        (given,) = self.given
        return given


@asynccontextmanager
async def asked(
    folder: Path,
    matching_lines: int | None = None,
    name: str = "dl-dev",
    look: Callable[[Path], SaveTarget] = roomy,
    size: tuple[int, int] = (100, 24),
) -> AsyncIterator[Asked]:
    async with desk(size=size) as at:
        screen = SaveLogScreen(name, at.app.bridge.ask, matching_lines, folder=folder, at=AT, look=look)
        made = Asked(at, screen)
        at.app.push_screen(screen, made.given.append)
        await at.on(SaveLogScreen)
        yield made


class TestThePath:
    async def test_a_name_with_the_time_is_proposed_in_the_folder(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            assert dialog.path == f"{tmp_path}/dl-dev-20310203-040506.log"
            assert "Save the log of dl-dev" in dialog.words
            await dialog.says("80.0 GiB free")

    async def test_enter_saves_there(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            await dialog.at.press("enter")
            path = tmp_path / "dl-dev-20310203-040506.log"
            assert await dialog.answer() == SaveChoice(path, whole=True, replace=False)

    async def test_the_end_of_the_path_can_be_edited_at_once(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            await dialog.at.press("backspace", "backspace", "backspace")
            await dialog.at.write("txt")
            await dialog.at.press("enter")
            given = await dialog.answer()
            assert given is not None and given.path.name == "dl-dev-20310203-040506.txt"

    async def test_a_bare_name_goes_to_the_folder(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            await dialog.retype("x.log")
            await dialog.at.press("enter")
            given = await dialog.answer()
            assert given is not None and given.path == tmp_path / "x.log"

    async def test_a_tilde_is_home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        async with asked(tmp_path / "elsewhere") as dialog:
            await dialog.retype("~/x.log")
            await dialog.at.press("enter")
            given = await dialog.answer()
            assert given is not None and given.path == tmp_path / "x.log"

    async def test_esc_saves_nothing(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            await dialog.at.press("escape")
            assert await dialog.answer() is None

    async def test_a_hostile_name_is_made_safe(self, tmp_path: Path) -> None:
        async with asked(tmp_path, name="../[red]\x1b[2J\u202eevil") as dialog:
            assert dialog.path == f"{tmp_path}/_red_2J_evil-20310203-040506.log"
            assert "\x1b" not in dialog.words and "\u202e" not in dialog.words
            assert "[red]" in dialog.words

    async def test_a_folder_whose_name_would_drive_the_terminal_is_meant_and_not_shown(
        self, tmp_path: Path
    ) -> None:
        hostile = tmp_path / "a\x1b[2Jb"
        hostile.mkdir()
        async with asked(hostile) as dialog:
            assert dialog.path == "dl-dev-20310203-040506.log"
            await dialog.at.press("enter")
            given = await dialog.answer()
            assert given is not None and given.path.parent == hostile


class TestComplaints:
    @pytest.mark.parametrize(
        ("typed", "complaint"),
        [
            ("", "the name of the file is missing"),
            ("{}/", "the name of the file is missing"),
            ("{}", "This is a folder"),
            ("{}/none/x.log", "The folder does not exist"),
            ("{}/file/x.log", "Its folder is a file"),
            ("/dev/null", "This is no ordinary file"),
            ("~nobody-of-this-name/x", "there is no user nobody-of-this-name"),
        ],
    )
    async def test_what_can_not_be_is_said_while_typing_and_not_taken(
        self, tmp_path: Path, typed: str, complaint: str
    ) -> None:
        (tmp_path / "file").touch()
        async with asked(tmp_path) as dialog:
            await dialog.retype(typed.format(tmp_path))
            await dialog.says(f"▲ {complaint}")
            await dialog.at.press("enter", "enter")
            await settle(dialog.at.pilot)
            assert dialog.given == []
            assert f"▲ {complaint}" in dialog.complaint

    async def test_too_little_room_is_said(self, tmp_path: Path) -> None:
        async with asked(tmp_path, look=lambda path: examine(path, lambda _: 1 << 20)) as dialog:
            await dialog.says("▲ The disk is nearly full")
            await dialog.at.press("enter")
            assert dialog.given == []

    async def test_a_complaint_goes_when_its_cause_is_typed_away(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            await dialog.retype(str(tmp_path))
            await dialog.says("▲ This is a folder")
            await dialog.at.write("/x.log")
            await dialog.at.until(lambda: "▲" not in dialog.complaint)
            assert "enter saves" in dialog.complaint


class TestReplacing:
    async def test_it_takes_a_second_enter(self, tmp_path: Path) -> None:
        (tmp_path / "old.log").touch()
        async with asked(tmp_path) as dialog:
            await dialog.retype("old.log")
            await dialog.says("▲ exists already")
            await dialog.at.press("enter")
            await dialog.says("exists: enter again replaces it")
            assert dialog.given == []
            await dialog.at.press("enter")
            assert await dialog.answer() == SaveChoice(tmp_path / "old.log", whole=True, replace=True)

    async def test_another_path_needs_its_own(self, tmp_path: Path) -> None:
        for name in ("a", "ab"):
            (tmp_path / name).touch()
        async with asked(tmp_path) as dialog:
            await dialog.retype("a")
            await dialog.at.press("enter")
            await dialog.says("enter again replaces it")
            await dialog.at.write("b")
            await dialog.says("▲ exists already")
            await dialog.at.press("enter")
            await dialog.says("enter again replaces it")
            assert dialog.given == []

    async def test_a_file_that_appeared_since_it_was_typed_is_noticed(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            await dialog.retype("new.log")
            await dialog.at.until(lambda: "▲" not in dialog.complaint)
            (tmp_path / "new.log").touch()
            await dialog.at.press("enter")
            await dialog.says("enter again replaces it")
            assert dialog.given == []

    async def test_one_that_went_is_not_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "old.log").touch()
        async with asked(tmp_path) as dialog:
            await dialog.retype("old.log")
            await dialog.at.press("enter")
            await dialog.says("enter again replaces it")
            (tmp_path / "old.log").unlink()
            await dialog.at.press("enter")
            given = await dialog.answer()
            assert given is not None and not given.replace


class TestHowMuch:
    async def test_without_a_filter_it_is_not_asked(self, tmp_path: Path) -> None:
        async with asked(tmp_path) as dialog:
            assert "whole log" not in dialog.words
            await dialog.at.press("down", "tab", "enter")
            given = await dialog.answer()
            assert given is not None and given.whole

    @pytest.mark.by_default("down", "shift+tab")
    @pytest.mark.parametrize("key", ["down", "up", "tab", "shift+tab"])
    async def test_the_matching_lines_are_one_key_away(self, tmp_path: Path, key: str) -> None:
        async with asked(tmp_path, matching_lines=1214) as dialog:
            assert "● The whole log" in dialog.words
            assert "○ Only the 1,214 lines that match the filter" in dialog.words
            await dialog.at.press(key)
            assert "○ The whole log" in dialog.words
            assert "● Only the 1,214 lines" in dialog.words
            await dialog.at.press("enter")
            given = await dialog.answer()
            assert given is not None and not given.whole

    async def test_and_the_whole_log_is_one_key_back(self, tmp_path: Path) -> None:
        async with asked(tmp_path, matching_lines=1) as dialog:
            assert "Only the 1 line that matches the filter" in dialog.words
            await dialog.at.press("down", "down", "enter")
            given = await dialog.answer()
            assert given is not None and given.whole

    async def test_a_click_chooses_and_the_keys_stay_with_the_path(self, tmp_path: Path) -> None:
        async with asked(tmp_path, matching_lines=3) as dialog:
            await dialog.at.pilot.click("#matching", offset=Offset(2, 0))
            assert "● Only the 3 lines" in dialog.words
            assert isinstance(dialog.app.focused, Input)
            await dialog.at.pilot.click("#whole", offset=Offset(2, 0))
            assert "● The whole log" in dialog.words
            await dialog.at.press("enter")
            assert (await dialog.answer()) is not None

    async def test_it_all_fits_on_a_small_terminal(self, tmp_path: Path) -> None:
        async with asked(tmp_path, matching_lines=3, size=(80, 24)) as dialog:
            await dialog.says("free there")
            drawn = "\n".join(strip.text for strip in dialog.app.screen._compositor.render_strips())
            for words in (
                "Save the log of",
                "The whole log",
                "Only the 3 lines",
                "free there",
                "esc cancels",
            ):
                assert words in drawn


class TestSlowFileSystems:
    async def test_one_that_hangs_holds_up_nothing_and_is_asked_once(self, tmp_path: Path) -> None:
        gate = threading.Event()
        looks: list[str] = []

        def slow(path: Path) -> SaveTarget:
            looks.append(path.name)
            gate.wait()
            return roomy(path)

        try:
            async with asked(tmp_path, look=slow) as dialog:
                await dialog.retype("x.log")
                assert dialog.path == "x.log"
                assert len(looks) == 1
                await dialog.at.press("enter")
                assert dialog.given == []
                gate.set()
                given = await dialog.answer()
                assert given is not None and given.path.name == "x.log"
                assert looks[1:] == ["x.log"]
        finally:
            gate.set()

    async def test_an_enter_before_more_is_typed_saves_nothing(self, tmp_path: Path) -> None:
        gate = threading.Event()

        def slow(path: Path) -> SaveTarget:
            gate.wait()
            return roomy(path)

        try:
            async with asked(tmp_path, look=slow) as dialog:
                await dialog.retype("x")
                await dialog.at.press("enter")
                await dialog.at.write("y")
                gate.set()
                await dialog.says("enter saves")
                await dialog.says("free there")
                assert dialog.given == []
        finally:
            gate.set()

    async def test_an_answer_after_esc_changes_nothing(self, tmp_path: Path) -> None:
        gate = threading.Event()
        looked = threading.Event()

        def slow(path: Path) -> SaveTarget:
            gate.wait()
            looked.set()
            return roomy(path)

        try:
            async with asked(tmp_path, look=slow) as dialog:
                await dialog.at.press("enter", "escape")
                assert await dialog.answer() is None
                gate.set()
                await dialog.at.until(looked.is_set)
                await settle(dialog.at.pilot)
                assert dialog.at.toasts == []
        finally:
            gate.set()


def test_safe_names() -> None:
    assert safe_name("dl-dev_1.2") == "dl-dev_1.2"
    assert safe_name("-rf") == "rf"
    assert safe_name("…") == "_"
    assert safe_name("") == safe_name("...") == "container"
    assert len(safe_name("x" * 500)) == 100


def test_a_path_is_absolute() -> None:
    folder = Path("/work")
    assert resolved("x", folder) == Path("/work/x")
    assert resolved("/x", folder) == Path("/x")
    assert resolved("~a\0b/x", folder) == "there is no user a\0b"
