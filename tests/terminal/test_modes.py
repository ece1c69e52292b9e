"""What is told of a terminal: compared with what the kernel says of a real one."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
import tty
from collections.abc import Iterator

import pytest

from tui.backends.terminal.modes import encoded_modes, ordinary, this_terminal

_VERASE, _VSUSP, _IUTF8, _ICRNL, _ECHO, _ICANON, _CS7, _CS8, _OUTPUT_SPEED = (
    3,
    10,
    42,
    36,
    53,
    51,
    90,
    91,
    129,
)


@pytest.fixture
def terminal() -> Iterator[int]:
    near, far = pty.openpty()
    yield far
    os.close(near)
    os.close(far)


def _decoded(encoded: bytes) -> dict[int, int]:
    assert len(encoded) % 5 == 1 and encoded[-1] == 0
    return dict(struct.iter_unpack(">BI", encoded[:-1]))


def _set(terminal: int, *words: str) -> None:
    subprocess.run(["stty", *words], stdin=terminal, check=True)


@pytest.mark.parametrize("on", [True, False])
def test_flags_are_told_as_they_are(terminal: int, on: bool) -> None:
    dash = "" if on else "-"
    _set(terminal, f"{dash}iutf8", f"{dash}icrnl", f"{dash}echo")
    modes = _decoded(encoded_modes(termios.tcgetattr(terminal)))
    assert (modes[_IUTF8], modes[_ICRNL], modes[_ECHO]) == (on, on, on)


def test_characters_and_speed_are_told(terminal: int) -> None:
    _set(terminal, "erase", "^H", "susp", "undef", "9600")
    modes = _decoded(encoded_modes(termios.tcgetattr(terminal)))
    assert (modes[_VERASE], modes[_VSUSP], modes[_OUTPUT_SPEED]) == (8, 255, 9600)
    assert (modes[_CS7], modes[_CS8]) == (0, 1)


def test_settings_of_a_screen_that_has_the_terminal_are_not_the_far_sides(terminal: int) -> None:
    _set(terminal, "iutf8", "erase", "^H")
    tty.setraw(terminal)
    modes = _decoded(this_terminal(terminal, terminal, {}).modes)
    assert (modes[_ICANON], modes[_ECHO], modes[_ICRNL], modes[_IUTF8], modes[_VERASE]) == (1, 1, 1, 1, 8)


def test_settings_of_a_shell_are_left_alone(terminal: int) -> None:
    _set(terminal, "-echo")
    before = termios.tcgetattr(terminal)
    assert ordinary(before) == before


def test_size_is_told_in_cells_and_pixels(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 808, 528))
    told = this_terminal(terminal, terminal, {"TERM": "screen-256color"})
    assert (told.columns, told.rows, told.width_pixels, told.height_pixels) == (101, 33, 808, 528)
    assert told.name == "screen-256color"


def test_what_is_no_terminal_is_told_as_usual() -> None:
    with open(os.devnull, "rb") as null:
        told = this_terminal(null.fileno(), null.fileno(), {"TERM": "x\x1b[2J; rm"})
    assert (told.columns, told.rows, told.name, told.modes) == (80, 24, "xterm-256color", b"")
