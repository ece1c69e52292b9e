"""However a session ends, the terminal is what it was before, and nothing of it is left."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.rig.waiting import until
from tests.terminal.making import ROOT, Bridged, command, environment, is_gone

# Everything that full-screen programs switch on, and how a killed one leaves it.
_ALL_MODES = (
    r"\033[?1049h\033[?1h\033=\033[?1000h\033[?1002h\033[?1003h\033[?1005h\033[?1006h\033[?1015h\033[?1016h"
    r"\033[?1004h\033[?2004h\033[?25l\033[?7l\033[?2026h\033[>1u\033[>5u\033[>4;2m\033[4 q\033[1;31m\033(0"
    r"\033[4h\033[3;10r\033[?6h\033[?2048h"
)
_ON_MAIN_SCREEN = r"\033[?1000h\033[?1006h\033[?25l\033[3;10r\033[33m\033[?2004h\016"
_KILLED = f"printf '{_ALL_MODES}'; echo ready; kill -9 $$"
_WAITING = f"printf '{_ALL_MODES}'; echo ready; exec sleep 1000"


def _modes_are_on(session: Bridged) -> None:
    until(lambda: "alternate" in session.modes().active, message="modes are on")
    until(lambda: b"ready" in session.raw, message="the program runs")


def test_program_that_was_killed_leaves_no_mode(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["bash", "-c", _KILLED]) as session:
        assert session.wait_exit() == 137
        session.assert_as_before()


def test_mode_that_a_shell_leaves_when_it_exits_is_put_right(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["bash", "-c", f"printf '{_ALL_MODES}'; exit 0"]) as session:
        assert session.wait_exit() == 0
        session.assert_as_before()


def test_what_is_seen_stays_and_the_cursor_where_it_is(tmp_path: Path) -> None:
    script = f"echo first; printf '{_ON_MAIN_SCREEN}'; printf '\\033[5;9H'; exit 0"
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        assert session.wait_exit() == 0
        session.assert_as_before()
        assert session.lines()[0] == "first"
        assert session.cursor() == (4, 8)


def test_program_that_was_killed_in_its_screen_gives_the_main_one_back(tmp_path: Path) -> None:
    script = "echo first; printf 'abc\\033[?1049h\\033[2J\\033[9;9Hin the way'; kill -9 $$"
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        session.wait_exit()
        assert session.lines()[:2] == ["first", "abc"]
        assert session.cursor() == (1, 3)
        session.assert_as_before()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_signal_from_outside_ends_it_properly(tmp_path: Path, number: signal.Signals) -> None:
    with Bridged(tmp_path, ["bash", "-c", _WAITING]) as session:
        _modes_are_on(session)
        session.signal(number)
        assert session.wait_exit() == 128 + number
        session.assert_as_before()
        report = session.report()
        assert report["reason"] == "hangup" and report["signal"] == number.name.removeprefix("SIG")
        until(lambda: is_gone(session.far_pid()), message="the far side is hung up")


def test_signal_is_heard_once_by_an_event_loop_that_handles_it(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["bash", "-c", _WAITING], ["--loop"]) as session:
        _modes_are_on(session)
        for columns in range(40, 440):
            # more than an event loop that stands still can take
            session.resize(columns, 24)
        session.signal(signal.SIGTERM)
        session.wait_exit()
        assert session.report()["heard"] == [signal.SIGTERM]
        assert b"Exception ignored" not in session.raw
        session.assert_as_before()


def test_kill_of_the_far_side_is_told_as_its_signal(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["bash", "-c", _WAITING]) as session:
        _modes_are_on(session)
        os.kill(session.far_pid(), signal.SIGKILL)
        assert session.wait_exit() == 137
        session.assert_as_before()


def test_connection_that_is_lost_is_told_with_its_cause(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["bash", "-c", _WAITING], ["--lose-on", str(int(signal.SIGUSR1))]) as session:
        _modes_are_on(session)
        session.signal(signal.SIGUSR1)
        assert session.wait_exit() == 255
        session.assert_as_before()
        assert session.report()["reason"] == "lost"
        assert session.report()["detail"] == "the cable is out"


def test_channel_that_fails_as_it_should_not_ends_the_session(tmp_path: Path) -> None:
    script = f"printf '{_ALL_MODES}'; echo break now; exec sleep 1000"
    with Bridged(tmp_path, ["bash", "-c", script], ["--faulty"]) as session:
        session.wait_exit()
        session.assert_as_before()
        assert "broken by a test" in session.report()["detail"]


def test_sequence_that_was_cut_does_not_swallow_the_repair(tmp_path: Path) -> None:
    for number, begun in enumerate(
        (r"\033]0;title", r"\033[?1000h\033[38;5", r"\033P+q", r"\033[?2004h\033")
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        with Bridged(folder, ["bash", "-c", f"printf '{begun}'; exec sleep 1000"]) as session:
            until(lambda: session.modes().is_within_sequence, message="half a sequence")
            session.send("\r~.")
            assert session.wait_exit() == 0
            session.assert_as_before()


@pytest.mark.parametrize("hears_it", [True, False], ids=["by signal", "signal ignored"])
def test_terminal_that_goes_away_ends_the_session(tmp_path: Path, hears_it: bool) -> None:
    near, far = pty.openpty()
    under = ["setsid", "--ctty", *(() if hears_it else ("bash", "-c", "trap '' HUP; exec \"$@\"", "-"))]
    argv = [*under, *command(tmp_path / "report", ["bash", "-c", "echo ready; exec sleep 1000"])]
    program = subprocess.Popen(argv, stdin=far, stdout=far, stderr=far, env=environment(), cwd=ROOT)
    os.close(far)
    printed = b""
    while b"ready" not in printed:
        printed += os.read(near, 4096)
    os.close(near)
    try:
        assert program.wait(30) == 129
    finally:
        program.kill()
    report = json.loads((tmp_path / "report").read_text())
    assert report["reason"] == "hangup"
    assert report["threads"] == [] and report["left"][0] == 0


def test_late_answer_of_the_terminal_is_no_key_afterwards(tmp_path: Path) -> None:
    go = tmp_path / "go"
    script = f"exec <&- >&- 2>&-; until [ -e {go} ]; do sleep 0.05 </dev/null >/dev/null; done; exit 3"
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        session.far_pid()
        threads = Path(f"/proc/{session.pid}/task")
        # the output has ended, and the status is waited for: nobody reads the keyboard
        until(lambda: not session.canonical and len(list(threads.iterdir())) == 2, message="only keys")
        session.send("\x1b[?62;22c")
        go.touch()
        assert session.wait_exit() == 3
        session.assert_as_before()
        assert session.bytes_to_read() == 0
