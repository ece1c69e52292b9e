"""Sequences in foreign text: taken out, whatever they are; colours told apart; the text stays."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Callable

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.test_printable import FORBIDDEN
from tui.model.escapes import runs, without_sequences
from tui.model.printable import printable

# Generous: a quadratic search takes hours, a linear one of this size less than a second.
LINEAR_SECONDS = 20.0

COLUMNS = 60

SEQUENCES = {
    "cursor up": "\x1b[3A",
    "cursor to": "\x1b[33;77H",
    "cursor to, by its other name": "\x1b[1;1f",
    "column": "\x1b[1G",
    "save and restore": "\x1b7\x1b8",
    "save and restore, ANSI.SYS": "\x1b[s\x1b[u",
    "erase line": "\x1b[K",
    "erase display": "\x1b[2J",
    "erase scrollback": "\x1b[3J",
    "insert lines": "\x1b[5L",
    "scroll region": "\x1b[2;3r",
    "alternate screen": "\x1b[?1049h",
    "hidden cursor": "\x1b[?25l",
    "mouse": "\x1b[?1000;1006h",
    "bracketed paste": "\x1b[?2004h",
    "cursor shape, with an intermediate": "\x1b[2 q",
    "key modifiers, no colours": "\x1b[>4;1m",
    "query of key modifiers, no colours": "\x1b[?4m",
    "an m behind an intermediate, no colours": "\x1b[1$m",
    "window size": "\x1b[8;1;1t",
    "title query": "\x1b[21t",
    "device attributes": "\x1b[c",
    "secondary device attributes": "\x1b[>0c",
    "device status": "\x1b[6n",
    "soft reset": "\x1b[!p",
    "full reset": "\x1bc",
    "index": "\x1bD",
    "reverse index": "\x1bM",
    "character set": "\x1b(0",
    "alignment test": "\x1b#8",
    "7-bit answers": "\x1b F",
    "keypad": "\x1b=",
    "title, BEL": "\x1b]0;OWNED\x07",
    "title, ST": "\x1b]0;OWNED\x1b\\",
    "title, 8-bit ST": "\x1b]2;OWNED\x9c",
    "hyperlink": "\x1b]8;;http://evil.example/\x1b\\",
    "hyperlink with parameters": "\x1b]8;id=1;http://evil.example/\x07",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "clipboard query": "\x1b]52;c;?\x1b\\",
    "palette": "\x1b]4;1;rgb:00/00/00\x07",
    "device control": "\x1bPq#0;2;0;0;0\x1b\\",
    "device control with a BEL in it": "\x1bPa\x07b\x1b\\",
    "DECRQSS": "\x1bP$qm\x1b\\",
    "application command": "\x1b_Gf=100;AAAA\x1b\\",
    "privacy message": "\x1b^hidden\x1b\\",
    "start of string": "\x1bXhidden\x1b\\",
    "8-bit CSI": "\x9b2J",
    "8-bit OSC": "\x9d0;OWNED\x9c",
    "8-bit OSC, BEL": "\x9d0;OWNED\x07",
    "8-bit DCS": "\x90$qm\x9c",
    "8-bit SOS": "\x98hidden\x9c",
    "8-bit PM": "\x9ehidden\x1b\\",
    "8-bit APC": "\x9fhidden\x9c",
    "8-bit index": "\x84",
    "8-bit next line": "\x85",
    "lone ST": "\x1b\\",
    "lone 8-bit ST": "\x9c",
    "other scripts in a string": "\x1b]0;数据 é\x07",
}


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_it_is_taken_out_and_the_text_stays(sequence: str) -> None:
    text = f"before {sequence}after"
    assert without_sequences(text) == "before after"
    assert runs(text) == [("", "before after")]
    assert runs(f"\x1b[31m{text}") == [("31", "before after")]


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_one_behind_the_other(sequence: str) -> None:
    assert without_sequences(sequence * 3) == ""
    assert runs(sequence * 3) == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b", "a"),
        ("a\x1b\x1b\x1b[", "a"),
        ("a\x1b[31", "a"),
        ("a\x1b[31;", "a"),
        ("a\x1b]0;title", "a0;title"),
        ("a\x1b]0;title\x1b[1mb", "a0;titleb"),
        ("a\x1bPdata", "adata"),
        ("a\x1b_data\x1b", "adata"),
        ("a\x9d0;title", "a0;title"),
        ("a\x9d0;ti\x85tle", "a0;title"),
        ("a\x1b]0;one\x1b]0;two\x07b", "a0;oneb"),
        ("a\x90one\x9d0;two\x07b", "aoneb"),
        ("a\x1b]0;one\x18b", "a0;one␘b"),
        ("a\x1bPone\x1ab", "aone␚b"),
    ],
)
def test_what_never_ends_is_no_sequence_and_hides_no_text(text: str, shown: str) -> None:
    assert without_sequences(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31\x18m", "␘m"),
        ("\x1b[\x1b[2J", ""),
        ("\x1b[3\x1b]0;x\x07A", "A"),
        ("\x1b[3\x07A", "␇A"),
        ("\x1b[\x00m", "␀m"),
        ("\x1b[é", "é"),
        ("\x1b[1 \x7fm", "␡m"),
        ("\x1b[ 1m", "1m"),
        ("\x9b\x9b2J", ""),
    ],
)
def test_a_control_sequence_that_is_broken_off(text: str, shown: str) -> None:
    assert without_sequences(text) == shown
    assert runs(text) == ([("", shown)] if shown else [])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a␀b"),
        ("ding\x07", "ding␇"),
        ("ab\x08\x08c", "ab␈␈c"),
        ("a\x0e\x0fb", "a␎␏b"),
        ("a\x05b", "a␅b"),
        ("a\x7fb", "a␡b"),
        ("a\rb\nc\x0bd\x0ce", "a␍b␊c␋d␌e"),
        ("safe\u202egnp.exe", "safe�gnp.exe"),
        ("\x1b[31msafe\u2067\u200fx", "safe��x"),
        ("lone \ud800 \udc00\x07", "lone � �␇"),
        ("\u2028\u2029\x07", "��␇"),
        ("[bold]no markup[/]\x07", "[bold]no markup[/]␇"),
        ("", ""),
    ],
)
def test_single_controls_and_marks_become_pictures(text: str, shown: str) -> None:
    assert without_sequences(text) == shown
    assert "".join(part for _, part in runs(text)) == shown


class TestColours:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("plain", [("", "plain")]),
            ("\x1b[31mred\x1b[0m plain", [("31", "red"), ("0", " plain")]),
            ("a\x1b[mb", [("", "a"), ("0", "b")]),
            ("\x9b1;4mboth", [("1;4", "both")]),
            ("\x1b[38;2;1;2;3mrgb", [("38;2;1;2;3", "rgb")]),
            ("\x1b[38:2::1:2:3mrgb", [("38:2::1:2:3", "rgb")]),
            ("\x1b[4:3mcurly", [("4:3", "curly")]),
            ("\x1b[;;mx", [(";;", "x")]),
            ("\x1b[31ma\x1b[2Kb\x1b]0;t\x07c", [("31", "abc")]),
            ("a\x1b[31m", [("", "a"), ("31", "")]),
        ],
    )
    def test_they_stay(self, text: str, found: list[tuple[str, str]]) -> None:
        assert runs(text) == found

    def test_each_of_several_counts_for_the_text_behind(self) -> None:
        assert runs("\x1b[1m\x1b[31m\x1b[44mx") == [("1", ""), ("31", ""), ("44", "x")]

    def test_text_is_the_same_with_and_without(self) -> None:
        assert without_sequences("\x1b[32mé\x1b[0m\t\x1b[1m数\t|") == "é       数      |"


class TestTabs:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            ("\tx", "        x"),
            ("a\tx", "a       x"),
            ("1234567\tx", "1234567 x"),
            ("12345678\tx", "12345678        x"),
            ("a\tb\tc", "a       b       c"),
            ("数据\tx", "数据    x"),
            ("e\u0301\tx", "é       x"),
            ("👩\u200d🔬\tx", "👩🔬    x"),
            ("a\x07\tx", "a␇      x"),
            ("a\r\tx", "a␍      x"),
            ("\x1b]0;title\x07a\tx", "a       x"),
        ],
    )
    def test_they_go_to_every_eighth_cell(self, text: str, shown: str) -> None:
        assert without_sequences(text) == shown

    def test_cells_count_across_colours(self) -> None:
        assert runs("ab\x1b[31mcd\te\x1b[32m\tf") == [
            ("", "ab"),
            ("31", "cd    e"),
            ("32", "       f"),
        ]
        assert runs("数\x1b[31m据\tx") == [("", "数"), ("31", "据    x")]


LONG: dict[str, Callable[[], str]] = {
    **{
        f"{name} x 1,000,000": lambda introducer=introducer: introducer * 1_000_000  # type: ignore[misc]
        for name, introducer in {
            "ESC": "\x1b",
            "CSI": "\x1b[",
            "CSI 1": "\x1b[1",
            "8-bit CSI": "\x9b",
            "OSC": "\x1b]",
            "OSC 0;": "\x1b]0;",
            "DCS": "\x1bP",
            "SOS": "\x1bX",
            "PM": "\x1b^",
            "APC": "\x1b_",
            "8-bit OSC": "\x9d",
            "8-bit DCS": "\x90",
            "8-bit SOS": "\x98",
            "8-bit PM": "\x9e",
            "8-bit APC": "\x9f",
            "8-bit DCS and OSC": "\x90\x9d",
            "OSC and BEL": "\x1b]\x07",
            "blanks behind ESC": "\x1b    ",
        }.items()
    },
    "one CSI of 5 MB": lambda: "\x1b[" + "1;" * 2_500_000,
    "one CSI of 5 MB of intermediates": lambda: "\x1b[" + " " * 5_000_000,
    "one OSC of 5 MB that never ends": lambda: "\x1b]" + "x" * 5_000_000,
    "one OSC of 5 MB": lambda: "\x1b]" + "x" * 5_000_000 + "\x07",
    "5 MB plain": lambda: "x" * 5_000_000,
    "5 MB and an accent": lambda: "x" * 5_000_000 + "é",
    "5 MB of accents": lambda: "é" * 2_500_000,
    "5 MB of NUL": lambda: "\x00" * 5_000_000,
    "5 MB of tabs": lambda: "\t" * 600_000,
    "5 MB of wide characters and tabs": lambda: "数\t" * 1_250_000,
    "5 MB of lone surrogates": lambda: "\udcff" * 5_000_000,
    "5 MB of colours": lambda: "\x1b[31mx" * 800_000,
    "5 MB of marks out of order": lambda: "a" + "\u0315" * 1_250_000 + "\u0327" * 1_250_000,
    "5 MB of alternating marks": lambda: "a" + "\u0315\u0327" * 1_250_000 + "\x07",
}


@pytest.mark.by_default(
    "CSI 1 x 1,000,000",
    "8-bit CSI x 1,000,000",
    "OSC x 1,000,000",
    "8-bit DCS and OSC x 1,000,000",
    "OSC and BEL x 1,000,000",
    "one CSI of 5 MB",
    "one OSC of 5 MB that never ends",
    "5 MB and an accent",
    "5 MB of NUL",
)
@pytest.mark.parametrize("make", LONG.values(), ids=LONG.keys())
def test_no_line_takes_long(make: Callable[[], str]) -> None:
    text = make()
    began = time.monotonic()
    without_sequences(text)
    runs(text)
    assert time.monotonic() - began < LINEAR_SECONDS


def test_a_long_line_is_whole() -> None:
    assert without_sequences("x" * 5_000_000 + "\x1b[31mé") == "x" * 5_000_000 + "é"


def test_letters_keep_their_marks_where_there_are_too_many() -> None:
    assert without_sequences("e" + "\u0301" * 1000 + "o" + "\u0301") == "éó"


# -- any text

PIECES = st.one_of(
    st.text(st.characters(), max_size=6),
    st.text("ab 0;1m[]\\()PX^_?>!$#\t\r\n\x00\x07\x08\x18\x1a\x1b\x7f", max_size=8),
    st.text(st.characters(min_codepoint=0x80, max_codepoint=0x9F), max_size=3),
    st.sampled_from(sorted(SEQUENCES.values())),
    st.sampled_from(["\x1b[31m", "\x1b[0m", "\x9b1;4m", "\x1b[", "\x1b]", "\x1bP", "\x1b"]),
    st.sampled_from(["数", "e\u0301", "\u0301"]),
)
TEXTS = st.lists(PIECES, max_size=12).map("".join)
many = settings(deadline=None, database=None, max_examples=600)


@many
@given(TEXTS)
def test_nothing_is_left_that_a_terminal_acts_upon(text: str) -> None:
    parts = [without_sequences(text), *(part for _, part in runs(text))]
    for part in parts:
        assert not {unicodedata.category(character) for character in part} & FORBIDDEN
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", part)
    assert all(re.fullmatch(r"[0-9;:]*", parameters) for parameters, _ in runs(text))


@many
@given(TEXTS)
def test_the_runs_together_are_the_text_without_sequences(text: str) -> None:
    assert "".join(part for _, part in runs(text)) == without_sequences(text)


@many
@given(TEXTS)
def test_doing_it_twice_changes_nothing_more(text: str) -> None:
    once = without_sequences(text)
    assert without_sequences(once) == once


@many
@given(st.text(st.characters(blacklist_categories=["Cc"]), max_size=40))
def test_where_nothing_is_to_be_taken_out_it_is_the_printable_text(text: str) -> None:
    assert without_sequences(text) == printable(text)


@many
@given(
    st.text(st.characters(min_codepoint=32, max_codepoint=126)), st.sampled_from(sorted(SEQUENCES.values()))
)
def test_plain_text_stays_as_it_is(text: str, sequence: str) -> None:
    assert without_sequences(text) == text
    assert without_sequences(text + sequence + text) == text + text


# -- a terminal's view


class _Watched(pyte.Screen):
    """A screen that writes down what it was asked to do beyond drawing and colours."""

    def __init__(self) -> None:
        self.acted: list[str] = []
        super().__init__(COLUMNS, 5)
        self.acted.clear()

    def bell(self, *args: object) -> None:
        self.acted.append("bell")

    def report_device_status(self, mode: int, **_: object) -> None:
        self.acted.append("status")

    def report_device_attributes(self, mode: int = 0, **_: object) -> None:
        self.acted.append("attributes")

    def write_process_input(self, data: str) -> None:
        self.acted.append("answer")

    def set_title(self, param: str) -> None:
        self.acted.append("title")

    def set_icon_name(self, param: str) -> None:
        self.acted.append("icon")


def _screen_after(text: str) -> _Watched:
    screen = _Watched()
    pyte.Stream(screen).feed(text)
    return screen


@many
@given(TEXTS)
def test_a_terminal_is_left_as_plain_text_leaves_it(text: str) -> None:
    found = runs(text)
    # pyte knows no colons in parameters
    coloured = "".join(f"\x1b[{parameters.replace(':', ';')}m{part}" for parameters, part in found)
    plain = "".join(part for _, part in found)
    seen, expected = _screen_after(coloured), _screen_after(plain)
    assert seen.acted == []
    assert (seen.title, seen.icon_name, seen.mode) == (expected.title, expected.icon_name, expected.mode)
    assert (seen.cursor.x, seen.cursor.y, seen.cursor.hidden) == (
        expected.cursor.x, expected.cursor.y, expected.cursor.hidden,
    )  # fmt: skip
    assert seen.margins == expected.margins
    assert seen.charset == expected.charset
    assert seen.display == expected.display


def test_the_watched_screen_sees_what_gets_through() -> None:
    screen = _screen_after("\x07\x1b]0;OWNED\x07\x1b[c\x1b[6n")
    assert screen.acted == ["bell", "icon", "title", "attributes", "status"]
    assert _screen_after("\x1b[2 qabc\x1b[1G").cursor.x == 0
