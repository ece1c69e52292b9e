"""The bytes that put a terminal right, judged by another parser than the one that writes them."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.rig.dec_modes import DecModes
from tests.rig.screen import TerminalScreen
from tui.backends.terminal.repair import TerminalState

_MODES = (1, 5, 6, 7, 9, 12, 25, 66, 69, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2048,
          47, 1047, 1049)  # fmt: skip
_SWITCHES = [b"\x1b[?%d%s" % (mode, how) for mode in _MODES for how in (b"h", b"l")]
_OTHERS = [
    b"\x1b=", b"\x1b>", b"\x1b(0", b"\x1b(B", b"\x0e", b"\x0f", b"\x1b[3;9r", b"\x1b[r", b"\x1b[4h",
    b"\x1b[4l", b"\x1b[31m", b"\x1b[m", b"\x1b[1;0m", b"\x1b[>1u", b"\x1b[>5u", b"\x1b[<u", b"\x1b[<2u",
    b"\x1b[>4;2m", b"\x1b[>4m", b"\x1b[4 q", b"\x1b[0 q", b"\x1bc", b"\x1b[!p", b"text", b"\x1b[5;5H",
    b"\x1b[?1000;1006h", b"\x1b[5;5H" * 70,
]  # fmt: skip
_WRITTEN = st.lists(st.sampled_from(_SWITCHES + _OTHERS), max_size=25).map(b"".join)


def _fed(*parts: bytes) -> TerminalState:
    state = TerminalState()
    for part in parts:
        state.feed(part)
    return state


@given(_WRITTEN, st.integers(0, 300), st.booleans())
def test_after_the_repair_nothing_is_switched(written: bytes, cut: int, was_cut: bool) -> None:
    repair = _fed(written[:cut], written[cut:]).repair(was_cut)
    modes = DecModes().feed(written)
    modes.faults.clear()
    modes.feed(repair)
    assert modes.active == set()
    assert modes.faults == []


@given(_WRITTEN)
def test_ordinary_is_only_what_another_parser_finds_so(written: bytes) -> None:
    if _fed(written).is_ordinary:
        assert DecModes().feed(written).active == set()


@given(_WRITTEN)
@example(b"\x1b[?47h\x1b[>1u\x1b[?47l")
def test_repaired_is_ordinary(written: bytes) -> None:
    state = _fed(written)
    state.feed(state.repair())
    assert state.is_ordinary


@given(_WRITTEN)
def test_stopped_program_finds_its_modes_again(written: bytes) -> None:
    # what it draws with is not brought back, as it draws everything anew
    drawn_with = {"charset", "margins", "style"}
    state = _fed(written)
    again = state.again()
    modes = DecModes().feed(written)
    wanted = modes.active - drawn_with
    modes.feed(state.repair(was_cut=False) + again)
    assert modes.active - drawn_with == wanted


@pytest.mark.parametrize("begun", [b"\x1b]0;tit", b"\x1b[38;5", b"\x1bPq#0", b"\x1b", b"\x1b(", b"\xc3"])
def test_sequence_that_was_cut_does_not_swallow_the_repair(begun: bytes) -> None:
    written = b"\x1b[?1000h" + begun
    assert DecModes().feed(written + _fed(written).repair()).active == set()


@pytest.mark.parametrize(
    "written", [b"", b"\x1b[?1000h", b"\x1b[2;9r\x1b[7;5H", b"\x1b[?69h\x1b[7;5H", b"\x1b[?1049h\x1b[?1049l"]
)
def test_on_the_main_screen_neither_text_nor_cursor_changes(written: bytes) -> None:
    screen = TerminalScreen(80, 24, lambda _: None)
    # a cursor that was saved long ago is where a careless repair would go
    screen.feed(b"\x1b[20;20H\x1b7\x1b[Hfirst\r\n\r\n\r\nab" + written)
    before = [screen.row_text(row) for row in range(24)], screen.cursor.y, screen.cursor.x
    screen.feed(_fed(written).repair())
    assert ([screen.row_text(row) for row in range(24)], screen.cursor.y, screen.cursor.x) == before


def test_alternate_screen_is_never_left_from_the_main_one() -> None:
    for written in (b"", b"\x1b[?1049h\x1b[?1049l", b"\x1b[?1049h\x1bc"):
        assert b"1049" not in _fed(written).repair()


def test_flags_of_the_users_own_keyboard_are_not_popped() -> None:
    assert b"u" not in _fed(b"\x1b[>1u\x1b[<u").repair()
    assert b"\x1b[<2u" in _fed(b"\x1b[>1u\x1b[>3u").repair()
