"""Widths, cut text, filters: the arithmetic of the screen."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.ui.filters import Filter
from tui.ui.text import fit, printable, width_of
from tui.ui.widgets.columns import GAP, Column, PlacedColumn, place

STATE, NAME = Column("state", "STATE", 5), Column("name", "NAME", 6, widest=20)
PORTS, IMAGE = Column("ports", "PORTS", 5, widest=10, from_width=40), Column("image", "IMAGE", 8, widest=12)
COLUMNS = (STATE, NAME, PORTS, IMAGE)
ANY_COLUMN = st.builds(
    Column,
    key=st.just("key"),
    title=st.just("TITLE"),
    width=st.integers(1, 20),
    widest=st.integers(0, 60),
    from_width=st.integers(0, 120),
)


def shown(available: int, needed: tuple[int, ...] = (1, 1, 1, 1)) -> list[tuple[str, int]]:
    return [(COLUMNS[each.index].key, each.width) for each in place(COLUMNS, needed, available)]


class TestPlace:
    def test_all_at_their_least(self) -> None:
        assert shown(40) == [("state", 5), ("name", 6), ("ports", 5), ("image", 8)]

    def test_a_column_for_wide_tables_is_left_out_of_a_narrow_one(self) -> None:
        assert [key for key, _ in shown(39)] == ["state", "name", "image"]

    def test_the_last_ones_go_where_there_is_no_room(self) -> None:
        assert shown(12) == [("state", 5), ("name", 6)]
        assert shown(11) == [("state", 5)]

    def test_one_column_always_stays(self) -> None:
        assert shown(1) == [("state", 5)]

    def test_spare_cells_go_to_what_needs_them_from_the_left(self) -> None:
        # 21 of 40 cells are taken at least, with the gaps
        assert shown(40, (9, 99, 7, 99)) == [("state", 5), ("name", 19), ("ports", 5), ("image", 8)]

    def test_none_grows_beyond_its_widest(self) -> None:
        assert shown(200, (99, 99, 99, 99)) == [("state", 5), ("name", 20), ("ports", 10), ("image", 12)]

    def test_none_grows_beyond_what_it_holds(self) -> None:
        assert shown(200, (1, 9, 6, 1)) == [("state", 5), ("name", 9), ("ports", 6), ("image", 8)]

    @settings(deadline=None, database=None, max_examples=200)
    @given(st.lists(st.tuples(ANY_COLUMN, st.integers(0, 100)), min_size=1, max_size=8), st.integers(1, 250))
    def test_never_wider_than_there_is_room_and_always_in_order(
        self, columns: list[tuple[Column, int]], available: int
    ) -> None:
        placed = place([column for column, _ in columns], [needed for _, needed in columns], available)
        indices = [each.index for each in placed]
        assert indices == sorted(set(indices))
        used = sum(each.width for each in placed) + GAP * (len(placed) - 1)
        assert used <= available or len(placed) <= 1
        assert all(each.width >= columns[each.index][0].width for each in placed)

    def test_no_columns_for_this_width(self) -> None:
        assert place((PORTS,), (1,), 10) == ()
        assert place((STATE,), (1,), 10) == (PlacedColumn(0, 5),)


class TestFit:
    @settings(deadline=None, database=None, max_examples=600)
    @given(st.text(st.characters(), max_size=30), st.integers(0, 40), st.booleans())
    def test_exactly_as_wide_as_asked_for(self, text: str, width: int, align_right: bool) -> None:
        assert cell_len(fit(printable(text), width, align_right)) == width

    @pytest.mark.parametrize(
        ("text", "width", "cut"),
        [
            ("abc", 5, "abc  "),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("abc", -1, ""),
            ("数据", 4, "数据"),
            ("数据集", 5, "数据…"),
            ("数据集", 4, "数… "),
            ("数据", 2, "… "),
        ],
    )
    def test_a_cut_is_shown(self, text: str, width: int, cut: str) -> None:
        assert fit(text, width) == cut

    def test_figures_stand_to_the_right(self) -> None:
        assert fit("1.5%", 6, align_right=True) == "  1.5%"

    def test_width_counts_cells(self) -> None:
        assert (width_of("abc"), width_of("数据"), width_of("é…")) == (3, 4, 2)


class TestFilter:
    @pytest.mark.parametrize(
        ("text", "matching", "other"),
        [
            ("vision", "my-vision-1", "llm"),
            ("VISION", "vision", "llm"),
            ("^a.*z$", "abcz", "xaz"),
            ("!vision", "llm", "vision"),
            ("!^a", "ba", "ab"),
            ("!!", "a", "a!b"),
        ],
    )
    def test_what_it_lets_through(self, text: str, matching: str, other: str) -> None:
        matches = Filter(text).matcher()
        assert (matches(matching), matches(other)) == (True, False)

    @pytest.mark.parametrize("text", ["", "!"])
    def test_nothing_typed_lets_everything_through(self, text: str) -> None:
        assert Filter(text).matcher()("")

    @pytest.mark.parametrize(
        "text",
        ["(", "[", "*", "!(", "(?P<", "a{99999999999999999999}", "(" * 5000],
        ids=lambda text: text[:8],
    )
    def test_a_malformed_one_is_told(self, text: str) -> None:
        with pytest.raises(re.error):
            Filter(text).matcher()
