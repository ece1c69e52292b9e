"""Escapes among what is typed."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends.terminal.escape import EscapeCommand, EscapeReader

LEAVE, STOP, HELP, STATE = EscapeCommand.LEAVE, EscapeCommand.STOP, EscapeCommand.HELP, EscapeCommand.STATE


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (b"~.", [LEAVE]),
        (b"ls\r~.", [b"ls\r", LEAVE]),
        (b"ls\n~?~#~\x1ax", [b"ls\n", HELP, STATE, STOP, b"x"]),
        (b"ls ~.", [b"ls ~."]),
        (b"\r~~.", [b"\r~."]),
        (b"\r~~~.", [b"\r~~."]),
        (b"\r~x~.", [b"\r~x~."]),
        (b"\r~\r~.", [b"\r~\r", LEAVE]),
        (b"\r~", [b"\r"]),
        (b"", []),
        ("\rü~.".encode(), ["\rü~.".encode()]),
        (b"\x1b[200~a\r~~~\r~.\x1b[201~\r~.", [b"\x1b[200~a\r~~~\r~.\x1b[201~\r", LEAVE]),
    ],
)
def test_escape_counts_at_the_beginning_of_a_line_only(
    typed: bytes, found: list[bytes | EscapeCommand]
) -> None:
    assert EscapeReader().feed(typed) == found


def test_without_a_character_there_are_none() -> None:
    assert EscapeReader("").feed(b"\r~.") == [b"\r~."]


def test_another_character_may_be_chosen() -> None:
    assert EscapeReader("%").feed(b"~.\r%.") == [b"~.\r", LEAVE]


_PIECES = st.sampled_from([b"~", b".", b"?", b"#", b"\x1a", b"\r", b"\n", b"x", b"\x1b[200~", b"\x1b[201~"])


@given(st.lists(_PIECES, max_size=30).map(b"".join), st.lists(st.integers(0, 200), max_size=8))
def test_it_does_not_matter_where_bytes_are_cut(typed: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(typed), *(cut for cut in cuts if cut < len(typed))})
    reader = EscapeReader()
    parts: list[bytes | EscapeCommand] = []
    for begin, end in itertools.pairwise(places):
        parts += reader.feed(typed[begin:end])
    assert _joined(parts) == _joined(EscapeReader().feed(typed))


def _joined(parts: list[bytes | EscapeCommand]) -> list[bytes | EscapeCommand]:
    joined: list[bytes | EscapeCommand] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, bytes) and isinstance(last, bytes):
            joined[-1] = last + part
        else:
            joined.append(part)
    return joined
