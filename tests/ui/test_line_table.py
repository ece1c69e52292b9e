"""The table: its cursor stays on an item, and only what looks different is painted anew."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from tests.ui.desk import settle
from tui.ui.widgets.columns import Column
from tui.ui.widgets.line_table import LineTable, Row
from tui.ui.widgets.tones import TONE_CLASSES

COLUMNS = (Column("name", "NAME", 6), Column("cpu", "CPU", 6, align_right=True))
# a header and nine rows
SIZE = (30, 10)
PAGE = 9


class SpiedTable(LineTable):
    """Notes which parts it wants to be painted anew; None stands for all of it."""

    def __init__(self) -> None:
        super().__init__(COLUMNS)
        self.painted: list[Region | None] = []

    def refresh(self, *regions: Region, **options: Any) -> SpiedTable:
        self.painted += regions or (None,)
        super().refresh(*regions, **options)
        return self


class TableScreen(Screen[None]):
    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type

    def compose(self) -> ComposeResult:
        yield SpiedTable()


class TableApp(App[None]):
    CSS = "LineTable { height: 1fr; overflow-x: hidden; } Screen > .tone--cursor { background: blue; }"

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str | None]] = []

    def get_default_screen(self) -> Screen[None]:
        return TableScreen()

    def on_line_table_cursor_moved(self, event: LineTable.CursorMoved) -> None:
        self.told.append(("cursor", event.key))

    def on_line_table_activated(self, event: LineTable.Activated) -> None:
        self.told.append(("activated", event.key))

    def on_line_table_header_clicked(self, event: LineTable.HeaderClicked) -> None:
        self.told.append(("header", event.column))

    def on_line_table_visible_changed(self, event: LineTable.VisibleChanged) -> None:
        self.told.append(("visible", None))


class Bench:
    """A table on a screen, and a person in front of it."""

    def __init__(self, app: TableApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.table = app.screen.query_one(SpiedTable)

    async def show(self, *rows: Row) -> None:
        self.table.set_rows(rows)
        await settle(self.pilot)

    async def settled(self) -> None:
        """What was begun is done and painted."""
        await settle(self.pilot)

    async def forget(self) -> None:
        """What comes from now on is noted, and nothing before."""
        await self.settled()
        self.table.painted.clear()
        self.app.told.clear()

    def lines(self) -> list[str]:
        return [self.table.render_line(y).text.rstrip() for y in range(self.table.size.height)]

    @property
    def cursor_line(self) -> int:
        """The line of the widget on which the cursor is drawn."""
        (line,) = [y for y, text in enumerate(self.lines()) if text.startswith(">")]
        return line

    @property
    def painted_lines(self) -> set[int] | None:
        """None when everything was."""
        if None in self.table.painted:
            return None
        return {
            y for region in self.table.painted if region is not None for y in range(region.y, region.bottom)
        }


def row(key: str, cpu: str = "1.0%", tone: str = "") -> Row:
    return Row(key, (key, cpu), ("", ""), tone)


def rows(keys: Iterable[str], **changed: str) -> list[Row]:
    return [row(key, changed.get(key, "1.0%")) for key in keys]


MANY = [f"n{number:02}" for number in range(30)]


@asynccontextmanager
async def bench(keys: Iterable[str] = "abc") -> AsyncIterator[Bench]:
    app = TableApp()
    async with app.run_test(size=SIZE) as pilot:
        made = Bench(app, pilot)
        made.table.focus()
        await made.show(*rows(keys))
        await made.forget()
        yield made


class TestDrawing:
    async def test_a_header_and_a_line_for_each_row(self) -> None:
        async with bench() as desk:
            assert desk.lines()[:5] == [
                "  NAME      CPU",
                "> a        1.0%",
                "  b        1.0%",
                "  c        1.0%",
                "",
            ]

    async def test_a_mark_is_shown_and_taken_away(self) -> None:
        async with bench() as desk:
            desk.table.set_marked(frozenset("ab"))
            assert [line[:3] for line in desk.lines()[1:4]] == ["✓ a", "✓ b", "  c"]
            desk.table.set_marked(frozenset("b"))
            assert [line[:3] for line in desk.lines()[1:4]] == ["> a", "✓ b", "  c"]
            assert desk.painted_lines == {1, 2}

    @pytest.mark.parametrize(("descending", "arrow"), [(True, "▼"), (False, "▲")])
    async def test_the_header_says_what_is_sorted_by(self, descending: bool, arrow: str) -> None:
        async with bench() as desk:
            desk.table.set_sort("cpu", descending)
            assert desk.lines()[0] == f"  NAME     CPU{arrow}"
            assert desk.painted_lines == {0}

    async def test_a_column_grows_with_its_content(self) -> None:
        async with bench() as desk:
            desk.table._columns = (Column("name", "NAME", 6, widest=12), COLUMNS[1])
            await desk.show(*rows(["a", "much-longer"]))
            assert desk.lines()[2] == "  much-longer   1.0%"

    async def test_no_rows(self) -> None:
        async with bench([]) as desk:
            assert (desk.table.cursor_key, desk.table.cursor_index, desk.table.visible_keys()) == (
                None,
                None,
                (),
            )
            desk.table.move_by(1)
            desk.table.move_last()
            assert desk.table.cursor_key is None


class TestTheCursorStaysOnItsItem:
    async def test_when_rows_come_before_it(self) -> None:
        async with bench() as desk:
            desk.table.move_to_key("b")
            await desk.show(*rows("xyabc"))
            assert (desk.table.cursor_key, desk.table.cursor_index) == ("b", 3)

    async def test_when_rows_before_it_go(self) -> None:
        async with bench() as desk:
            desk.table.move_to_key("c")
            await desk.show(*rows("c"))
            assert desk.table.cursor_key == "c"

    async def test_when_rows_change_their_order(self) -> None:
        async with bench() as desk:
            desk.table.move_to_key("c")
            await desk.show(*rows("cba"))
            assert (desk.table.cursor_key, desk.cursor_line) == ("c", 1)

    async def test_and_on_its_line_of_the_screen_while_scrolled(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_to(20)
            await desk.forget()
            line = desk.cursor_line
            await desk.show(*rows(["new1", "new2", *MANY]))
            assert (desk.table.cursor_key, desk.cursor_line) == ("n20", line)
            await desk.show(*rows(MANY[3:]))
            assert (desk.table.cursor_key, desk.cursor_line) == ("n20", line)

    async def test_when_its_item_goes_the_next_takes_its_place(self) -> None:
        async with bench() as desk:
            desk.table.move_to_key("b")
            await desk.forget()
            await desk.show(*rows("ac"))
            assert desk.table.cursor_key == "c"
            assert ("cursor", "c") in desk.app.told

    async def test_when_the_last_goes_the_one_before(self) -> None:
        async with bench() as desk:
            desk.table.move_last()
            await desk.show(*rows("ab"))
            assert desk.table.cursor_key == "b"

    async def test_when_all_go_there_is_none_and_the_first_comes_back_with_it(self) -> None:
        async with bench() as desk:
            await desk.show()
            assert desk.table.cursor_key is None
            assert ("cursor", None) in desk.app.told
            await desk.show(*rows("xy"))
            assert desk.table.cursor_key == "x"

    async def test_it_is_told_only_when_it_is_on_another_item(self) -> None:
        async with bench() as desk:
            await desk.show(*rows("zabc", a="9.0%"))
            assert not [told for told in desk.app.told if told[0] == "cursor"]


class TestPainting:
    async def test_the_same_rows_paint_nothing(self) -> None:
        async with bench() as desk:
            await desk.show(*rows("abc"))
            assert desk.table.painted == []

    async def test_a_figure_paints_its_own_cell(self) -> None:
        async with bench() as desk:
            await desk.show(*rows("abc", b="2.0%"))
            # behind the mark, the name and two gaps
            assert desk.table.painted == [Region(9, 2, 6, 1)]
            assert desk.lines()[2] == "  b        2.0%"

    async def test_a_tone_paints_its_line(self) -> None:
        async with bench() as desk:
            await desk.show(row("a"), row("b", tone="muted"), row("c"))
            assert desk.painted_lines == {2}

    async def test_another_item_on_a_line_paints_the_line(self) -> None:
        async with bench() as desk:
            await desk.show(*rows("acb"))
            assert desk.painted_lines == {2, 3}
            assert [line[2] for line in desk.lines()[1:4]] == ["a", "c", "b"]

    async def test_a_row_that_goes_leaves_its_line_blank(self) -> None:
        async with bench() as desk:
            await desk.show(*rows("ab"))
            assert desk.lines()[3] == ""
            assert desk.painted_lines is None or 3 in desk.painted_lines

    async def test_what_changes_out_of_sight_paints_nothing(self) -> None:
        async with bench(MANY) as desk:
            await desk.show(*rows(MANY, n20="9.0%"))
            assert desk.table.painted == []
            desk.table.move_to_key("n20")
            await desk.settled()
            assert desk.lines()[desk.cursor_line] == "> n20      9.0%"

    async def test_the_cursor_paints_two_lines(self) -> None:
        async with bench() as desk:
            desk.table.move_by(1)
            await desk.settled()
            assert desk.painted_lines == {1, 2}
            assert desk.cursor_line == 2

    async def test_every_look_a_row_had_is_forgotten_with_it(self) -> None:
        async with bench() as desk:
            await desk.show(*rows("a"))
            desk.lines()
            assert set(desk.table._strips) == {"a"}


class TestMoving:
    @pytest.mark.parametrize(
        ("move", "key"),
        [
            (lambda table: table.move_by(2), "n02"),
            (lambda table: table.move_by(-5), "n00"),
            (lambda table: table.move_by(500), "n29"),
            (lambda table: table.move_pages(1), "n08"),
            (lambda table: table.move_last(), "n29"),
            (lambda table: (table.move_last(), table.move_first()), "n00"),
            (lambda table: (table.move_last(), table.move_pages(-1)), "n21"),
            (lambda table: table.move_to_key("n13"), "n13"),
            (lambda table: table.move_to_key("nosuch"), "n00"),
        ],
    )
    async def test_the_cursor_comes_there_and_is_in_view(self, move: Any, key: str) -> None:
        async with bench(MANY) as desk:
            move(desk.table)
            await desk.settled()
            assert desk.table.cursor_key == key
            assert key in desk.table.visible_keys()
            assert desk.lines()[desk.cursor_line][2:5] == key

    async def test_it_scrolls_no_more_than_needed(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_to(PAGE)
            await desk.settled()
            assert desk.table.visible_keys() == tuple(MANY[1 : PAGE + 1])
            desk.table.move_to(3)
            await desk.settled()
            assert desk.table.visible_keys() == tuple(MANY[1 : PAGE + 1])

    async def test_what_comes_into_view_is_told(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_last()
            await desk.settled()
            assert ("visible", None) in desk.app.told
            assert desk.table.visible_keys() == tuple(MANY[-PAGE:])

    async def test_moving_within_sight_tells_no_other_view(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_by(3)
            await desk.settled()
            assert ("visible", None) not in desk.app.told

    async def test_a_smaller_terminal_keeps_the_cursor_in_view(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_to(8)
            await desk.pilot.resize_terminal(30, 5)
            await desk.settled()
            assert "n08" in desk.table.visible_keys()
            assert len(desk.table.visible_keys()) == 4

    async def test_a_list_that_shrinks_does_not_stay_scrolled_past_its_end(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_last()
            await desk.settled()
            await desk.show(*rows(MANY[:4]))
            assert desk.table.visible_keys() == tuple(MANY[:4])
            assert desk.cursor_line == 4


class TestMouse:
    async def test_a_click_takes_the_cursor(self) -> None:
        async with bench() as desk:
            await desk.pilot.click(SpiedTable, offset=(4, 3))
            assert desk.table.cursor_key == "c"
            assert ("activated", "c") not in desk.app.told

    async def test_a_click_counts_from_where_it_is_scrolled_to(self) -> None:
        async with bench(MANY) as desk:
            desk.table.move_last()
            await desk.settled()
            await desk.pilot.click(SpiedTable, offset=(4, 1))
            assert desk.table.cursor_key == MANY[-PAGE]

    async def test_two_clicks_open(self) -> None:
        async with bench() as desk:
            await desk.pilot.click(SpiedTable, offset=(4, 2), times=2)
            assert ("activated", "b") in desk.app.told

    async def test_a_click_below_the_last_row_does_nothing(self) -> None:
        async with bench() as desk:
            await desk.pilot.click(SpiedTable, offset=(4, 7))
            assert desk.table.cursor_key == "a"

    @pytest.mark.parametrize(
        ("x", "column"), [(2, "name"), (7, "name"), (9, "cpu"), (14, "cpu"), (0, None), (25, None)]
    )
    async def test_a_click_on_a_title_asks_for_its_order(self, x: int, column: str | None) -> None:
        async with bench() as desk:
            await desk.pilot.click(SpiedTable, offset=(x, 0))
            assert [told for told in desk.app.told if told[0] == "header"] == (
                [("header", column)] if column else []
            )
            assert desk.table.cursor_key == "a"
