"""However the screen ends, the terminal is the shell's again; and it lives through any size and colours."""

from __future__ import annotations

import re
import signal
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engine.program import on_terminal
from tests.rig.engine import PrivateEngine
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until

# Alternate screen, mouse (buttons, drags, moves, two encodings), focus, bracketed paste, synchronized output.
BORROWED_MODES = (47, 1047, 1049, 1000, 1002, 1003, 1006, 1015, 1004, 2004, 2026)
# Wrapping and the cursor.
OWN_MODES = (7, 25)
# Half of what a question to a frozen engine may take.
UNBLOCKED_SECONDS = 5.0
MANY = 12

# Breaks a method of a class as soon as a file is there, in a program that is otherwise the real one.
BROKEN = """
import os, sys
from tui import cli
from {module} import {owner}
whole = {owner}.{method}
def broken(*given):
    if os.path.exists({trigger!r}):
        raise RuntimeError("gone\\x1b]0;owned\\x07 wrong\\nin two lines")
    return whole(*given)
{owner}.{method} = broken
sys.argv[0] = "envtui"
cli.entry()
"""


@pytest.fixture(scope="module")
def engine_with_rows(engine: PrivateEngine) -> PrivateEngine:
    """A running container, and more created ones than small screens show."""
    engine.recover()
    engine.remove_all()
    engine.create_many(MANY, "box", start=False)
    engine.run_container("a-trainer")
    return engine


@pytest.fixture
def rows(engine_with_rows: PrivateEngine) -> Iterator[PrivateEngine]:
    """The same, answering, and thawed again afterwards."""
    engine_with_rows.recover()
    yield engine_with_rows
    engine_with_rows.thaw()


@contextmanager
def opened(engine: PrivateEngine, env: Mapping[str, str | None] | None = None) -> Iterator[TerminalSession]:
    """The screen on a terminal, with its rows."""
    with on_terminal("--host", engine.host, env=env) as terminal:
        terminal.wait_for(r"^> ● running +a-trainer ")
        yield terminal


def assert_restored(terminal: TerminalSession) -> None:
    """The ended program left the terminal as a shell expects it."""
    modes = terminal.private_modes()
    assert modes[1049] is False, "it was in the alternate screen, and left it"
    assert [mode for mode in BORROWED_MODES if modes.get(mode)] == []
    assert [mode for mode in OWN_MODES if not modes.get(mode, True)] == []
    pushed = len(re.findall(rb"\x1b\[>\d*u", terminal.raw))
    assert len(re.findall(rb"\x1b\[<\d*u", terminal.raw)) >= pushed, "the keyboard speaks as before"
    fresh = TerminalSession(["true"])
    try:
        assert terminal.termios_attributes() == fresh.termios_attributes()
    finally:
        fresh.close()
    assert terminal.termios_attributes()[3] & termios.ECHO
    assert b"Traceback" not in terminal.raw


# -- ends


@pytest.mark.by_default("q", "SIGINT", "SIGTERM", "SIGHUP")
@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(lambda terminal: terminal.press("q"), 0, id="q"),
        pytest.param(lambda terminal: terminal.press("ctrl+c"), 0, id="ctrl+c"),
        pytest.param(lambda terminal: terminal.signal(signal.SIGINT), 0, id="SIGINT"),
        pytest.param(lambda terminal: terminal.signal(signal.SIGTERM), 143, id="SIGTERM"),
        pytest.param(lambda terminal: terminal.signal(signal.SIGHUP), 129, id="SIGHUP"),
    ],
)
def test_an_end_gives_the_terminal_back(
    rows: PrivateEngine, end: Callable[[TerminalSession], None], code: int
) -> None:
    with opened(rows) as terminal:
        assert terminal.private_modes()[1049] and not terminal.echo
        end(terminal)
        assert terminal.wait_exit() == code
        assert_restored(terminal)
        assert terminal.text().strip() == "", "nothing is left behind"


@pytest.mark.by_default("ctrl+c-inspect", "SIGTERM-dialog", "ctrl+c-palette")
@pytest.mark.parametrize(
    ("key", "shown"),
    [
        pytest.param("i", "Inspect a-trainer", id="inspect"),
        pytest.param("s", r"Stop a-trainer\?", id="dialog"),
        pytest.param("/", "regular expression", id="filter"),
        pytest.param("?", "^ Keys", id="help"),
        pytest.param(":", "Search", id="palette"),
    ],
)
@pytest.mark.parametrize("ctrl_c", [True, False], ids=["ctrl+c", "SIGTERM"])
def test_it_ends_whatever_is_in_front(rows: PrivateEngine, key: str, shown: str, ctrl_c: bool) -> None:
    with opened(rows) as terminal:
        terminal.press(key)
        terminal.wait_for(shown)
        if ctrl_c:
            terminal.press("ctrl+c")
        else:
            terminal.signal(signal.SIGTERM)
        assert terminal.wait_exit() == (0 if ctrl_c else 143)
        assert_restored(terminal)


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(("tui.ui.widgets.line_table", "LineTable", "render_line"), id="drawing"),
        pytest.param(("tui.ui.screens.main", "MainScreen", "_tick"), id="timer"),
        pytest.param(("tui.ui.panes.containers", "ContainersPane", "detail"), id="message"),
    ],
)
def test_an_exception_ends_in_one_line(
    rows: PrivateEngine, tmp_path: Path, broken: tuple[str, str, str]
) -> None:
    trigger = tmp_path / "now"
    module, owner, method = broken
    program = BROKEN.format(module=module, owner=owner, method=method, trigger=str(trigger))
    argv = [sys.executable, "-c", program, "--host", rows.host]
    env = {"XDG_STATE_HOME": str(tmp_path)}
    with TerminalSession(argv, columns=300, rows=30, env=env) as terminal:
        terminal.wait_for(r"^> ● running +a-trainer ")
        trigger.touch()
        terminal.press("j")
        assert terminal.wait_exit() == 1
        assert_restored(terminal)
        lines = [line for line in terminal.lines() if line]
        assert len(lines) == 1 and lines[0].startswith(
            "envtui: Stopped by an unexpected error: RuntimeError: gone␛]0;owned␇ wrong␊in two lines. "
        )
        assert b"\x1b]0;owned" not in terminal.raw
        log_file = tmp_path / "envtui" / "envtui.log"
        assert str(log_file) in lines[0]
        assert "Traceback" in log_file.read_text("utf-8")


@pytest.mark.by_default("inspect", "refresh")
@pytest.mark.parametrize("key", ["", "i", "t", "R"], ids=["list", "inspect", "processes", "refresh"])
def test_a_frozen_engine_does_not_hold_the_screen_back(rows: PrivateEngine, key: str) -> None:
    with opened(rows) as terminal:
        rows.freeze()
        if key:
            terminal.press(key)
        if key in ("i", "t"):
            terminal.wait_for(r"^ (Inspect|Processes of) a-trainer")
            terminal.press("q")
            terminal.wait_for(r"^> ● running +a-trainer ")
        terminal.press("q")
        assert terminal.wait_exit(UNBLOCKED_SECONDS) == 0
        assert_restored(terminal)


def test_a_screen_that_never_got_an_answer_ends_at_once(rows: PrivateEngine) -> None:
    rows.freeze()
    with on_terminal("--host", rows.host) as terminal:
        terminal.wait_for("Asking the engine")
        terminal.press("q")
        assert terminal.wait_exit(UNBLOCKED_SECONDS) == 0
        assert_restored(terminal)


# -- sizes


@pytest.mark.by_default("list", "dialog")
@pytest.mark.parametrize("key", ["", "i", "s", "?"], ids=["list", "inspect", "dialog", "help"])
def test_any_size_at_any_time(rows: PrivateEngine, key: str) -> None:
    shown = {"": r"^> ● running +a-trainer ", "i": "Inspect a-trainer", "s": r"Stop a-trainer\?", "?": "Keys"}
    with opened(rows) as terminal:
        if key:
            terminal.press(key)
        for columns, height in ((80, 24), (120, 36), (200, 60), (20, 5), (80, 24)):
            terminal.resize(columns, height)
            if columns > 20:
                terminal.wait_for(shown[key])
            elif not key:
                # too small for a row: the line about the chosen one is left
                terminal.wait_for(r"^ a-trainer +[0-9a-f]")
        if key:
            terminal.press("esc")
            # what lay behind a dialog may be in sight before esc took effect, and q after it would be alt+q
            terminal.wait_for(lambda text: re.search(shown[key], text) is None)
        terminal.wait_for(shown[""])
        until(lambda: all(f" box-{number:03d} " in terminal.text() for number in range(MANY)))
        terminal.press("q")
        assert terminal.wait_exit() == 0
        assert_restored(terminal)


def test_a_resize_while_it_starts(rows: PrivateEngine) -> None:
    with on_terminal("--host", rows.host, columns=20, rows=5) as terminal:
        terminal.resize(200, 60)
        terminal.resize(100, 30)
        terminal.wait_for(r"^> ● running +a-trainer ")
        terminal.wait_for(r" q quit$")
        assert max(map(len, terminal.lines())) <= 100


# -- colours

SIXTEEN = {"COLORTERM": None}
RICH_COLOUR = rb"\x1b\[(?:\d+;)*[34]8[;:][\d;:]*m"


@pytest.mark.by_default("linux", "NO_COLOR")
@pytest.mark.parametrize(
    ("env", "forbidden"),
    [
        pytest.param({"TERM": "linux"} | SIXTEEN, RICH_COLOUR, id="linux"),
        pytest.param({"TERM": "xterm"} | SIXTEEN, RICH_COLOUR, id="16 colours"),
        pytest.param({"NO_COLOR": "1"}, None, id="NO_COLOR"),
    ],
)
def test_states_are_words_whatever_the_colours(
    rows: PrivateEngine, env: dict[str, str | None], forbidden: bytes | None
) -> None:
    with opened(rows, env) as terminal:
        terminal.wait_for(r"^  ○ created +box-000 ")
        assert sum(line.startswith(">") for line in terminal.lines()) == 1
        terminal.press("j")
        terminal.wait_for(r"^> ○ created +box-000 ")
        terminal.press("space")
        terminal.wait_for(r"^✓ ○ created +box-000 ")
        terminal.wait_for("1 marked")
        if forbidden is not None:
            assert re.search(forbidden, terminal.raw) is None
        else:
            assert all(is_grey(match) for match in colours(terminal))


def colours(terminal: TerminalSession) -> set[tuple[bytes, ...]]:
    """Every colour that was asked for, as red, green and blue."""
    return set(re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", terminal.raw))


def is_grey(colour: tuple[bytes, ...]) -> bool:
    """As much red as green as blue."""
    return len(set(colour)) == 1
