"""Foreign text made safe to show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.model.printable import printable

ANYTHING = st.text(st.characters(), max_size=40)
FORBIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Me", "Mc"}


@settings(deadline=None, database=None, max_examples=500)
@given(ANYTHING)
def test_nothing_is_left_that_moves_the_cursor_turns_the_text_or_hides(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & FORBIDDEN


@settings(deadline=None, database=None, max_examples=500)
@given(ANYTHING)
def test_doing_it_twice_changes_nothing_more(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@settings(deadline=None, database=None, max_examples=100)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert printable(text) == text


def test_every_character_there_is() -> None:
    everything = "".join(map(chr, range(0x110000)))
    assert not {unicodedata.category(character) for character in printable(everything)} & FORBIDDEN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a␛[2Jb"),
        ("a\r\n\tb", "a␍␊␉b"),
        ("\x00", "␀"),
        ("\x7f", "␡"),
        ("\x9b2J", "�2J"),
        ("safe\u202egnp.exe", "safe�gnp.exe"),
        ("\u2028", "�"),
        ("\udce9", "�"),
        ("\ue000", "�"),
        ("a\u00a0b\u3000c", "a b c"),
        ("e\u0301", "é"),
        ("q\u0301", "q"),
        ("\u1112\u1161\u11ab", "한"),
        ("a\u3164b\u1161\u2630", "a�b��"),
        ("कि", "क"),
        ("👩\u200d🔬", "👩🔬"),
        ("👍🏽", "👍"),
        ("🇩🇪", "DE"),
        ("❤\ufe0f", "❤"),
        ("数据 Übung λ ж", "数据 Übung λ ж"),
        ("[bold]x[/]", "[bold]x[/]"),
        ("", ""),
    ],
)
def test_what_becomes_of(text: str, shown: str) -> None:
    assert printable(text) == shown
