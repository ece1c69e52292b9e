"""Hostile names, labels and commands on a real engine neither drive the terminal nor shift a column."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.engine.hostile import (
    TEXTS,
    assert_nothing_interpreted,
    cells,
    columns_of,
    make_containers,
    rename_all,
    rows_where,
)
from tests.engine.program import on_terminal
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.terminal import TerminalSession

COUNT = len(TEXTS) + 1
AGE = r"(?:<1|\d)m"
COLUMNS, ROWS = 150, COUNT + 12


@pytest.fixture(scope="module")
def world(engine: PrivateEngine) -> PrivateEngine:
    """The engine with a container for each text."""
    engine.recover()
    engine.remove_all()
    make_containers(engine)
    return engine


@pytest.fixture(params=["labels and commands", "names and images too"])
def host(world: PrivateEngine, request: pytest.FixtureRequest) -> Iterator[str]:
    """The engine itself, or through a proxy that makes its names and images hostile, too."""
    if request.param == "labels and commands":
        yield world.host
        return
    with EngineProxy(world.socket_path) as proxy:
        proxy.rewrite = rename_all
        yield proxy.host


@pytest.fixture
def terminal(host: str) -> Iterator[TerminalSession]:
    """The screen with all rows drawn and their figures read."""
    with on_terminal("--host", host, columns=COLUMNS, rows=ROWS) as opened:
        opened.wait_for("● running")
        opened.press("+")
        opened.wait_for(lambda text: len(re.findall(rf"● running .*\d% .*{AGE} ", text)) == COUNT)
        yield opened


def test_columns_of_the_list_are_aligned(terminal: TerminalSession) -> None:
    header, right = columns_of(terminal, ("CPU", "MEMORY", "AGE"))
    rows = rows_where(terminal, header, lambda line: "● running" in line)
    assert len(rows) == COUNT
    for row in rows:
        assert re.fullmatch(r" *\d+(\.\d)?%", cells(terminal, row, right["CPU"] - 6, right["CPU"])), row
        assert re.fullmatch(f" +{AGE} ", cells(terminal, row, right["AGE"] - 5, right["AGE"] + 1)), row


def test_the_cursor_can_stand_on_every_row(terminal: TerminalSession) -> None:
    header, right = columns_of(terminal, ("AGE",))
    for _ in range(COUNT):
        terminal.press("j")
    terminal.wait_for(lambda text: text.split("\n")[header + COUNT].startswith(">"))
    for row in range(header + 1, header + 1 + COUNT):
        assert re.fullmatch(f" +{AGE} ", cells(terminal, row, right["AGE"] - 5, right["AGE"] + 1)), row
    assert_nothing_interpreted(terminal)


def test_no_payload_reaches_the_terminal_from_the_list(terminal: TerminalSession) -> None:
    assert_nothing_interpreted(terminal)
    text = terminal.text()
    # seen as what it is, not carried out and not left out
    assert "[/x][red]boom[/]" in text
    assert "␛]52;c;ZXZpbA==␇" in text
    assert "模型训练" in text.replace("\0", "")


def test_no_payload_reaches_the_terminal_from_inspect(terminal: TerminalSession) -> None:
    terminal.press("g")
    for _ in range(COUNT):
        since = len(terminal.raw)
        terminal.press("i")
        terminal.wait_for(r"^ *Id: [0-9a-f]{64}")
        for page in range(8):
            before = terminal.text()
            terminal.press("space")
            if page and terminal.text() == before:
                break
        assert_nothing_interpreted(terminal, since)
        terminal.press("q")
        terminal.wait_for(r"AGE")
        terminal.press("j")


def test_inspect_shows_each_value_on_one_line(terminal: TerminalSession) -> None:
    terminal.press("/")
    terminal.wait_for("regular expression")
    terminal.send("three")
    terminal.wait_for(lambda text: text.count("● running") == 1 and "/three/ 1 of" in text)
    terminal.press("enter")
    terminal.wait_for(lambda text: "\n / three" not in text)
    terminal.press("i")
    terminal.wait_for(r"^ *Id: [0-9a-f]{64}")
    terminal.press("/")
    terminal.wait_for("regular expression")
    terminal.send("WORDS=")
    terminal.wait_for(r"- WORDS=one␊two␍␊three␉four␋␌")
    assert_nothing_interpreted(terminal)


def test_dialogs_keep_their_frame(terminal: TerminalSession) -> None:
    terminal.press("g")
    terminal.press("v")
    terminal.press("G")
    terminal.wait_for(rf"{COUNT} marked")
    terminal.press("s")
    terminal.wait_for(rf"(?s)Stop {COUNT} containers\?.*Cancel.*╯")
    frame = rows_where(terminal, 0, lambda line: line.count("│") >= 2)
    assert len(frame) >= 10
    left = terminal.lines()[frame[0]].index("│")
    right = [
        next(column for column in range(COLUMNS - 1, 0, -1) if terminal.cell(row, column).char == "│")
        for row in frame
    ]
    assert len(set(right)) == 1
    assert {terminal.cell(row, left).char for row in frame} == {"│"}
    for _ in range(COUNT):
        terminal.press("down")
    terminal.press("enter")
    terminal.wait_for(lambda text: "Stop" not in text)
    assert_nothing_interpreted(terminal)


def test_ps_on_a_terminal_is_aligned_and_drives_nothing(host: str) -> None:
    with on_terminal("--host", host, "ps", "--stats", columns=COLUMNS, rows=ROWS) as opened:
        assert opened.wait_exit() == 0
        header, right = columns_of(opened, ("STATE", "AGE"))
        state, age = right["STATE"] - len("STATE"), right["AGE"] - len("AGE")
        rows = rows_where(opened, header, bool)
        assert len(rows) == COUNT, opened.dump()
        for row in rows:
            assert cells(opened, row, state, state + 9) == "running  ", opened.dump()
            assert re.fullmatch(f"{AGE} +", cells(opened, row, age, age + 5)), opened.dump()
        assert_nothing_interpreted(opened)


def test_an_engine_that_refuses_in_hostile_words_drives_nothing(world: PrivateEngine) -> None:
    with EngineProxy(world.socket_path) as proxy:
        proxy.override("GET", "^/containers/json", 500, {"message": " ".join(TEXTS.values())})
        with on_terminal("--host", proxy.host, columns=COLUMNS, rows=ROWS) as opened:
            opened.wait_for(r"boom")
            assert_nothing_interpreted(opened)
        with on_terminal("--host", proxy.host, "ps", columns=COLUMNS, rows=ROWS) as opened:
            assert opened.wait_exit() == 1
            assert_nothing_interpreted(opened)
