"""A session in a terminal: real programs, real ptys on both sides."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import random
import shlex
import shutil
import signal
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.dec_modes import DecModes
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tests.terminal.making import ENVIRONMENT, ROOT, Bridged, command, is_gone, shell

_SCREEN = r"printf '\033[?1049h\033[?1002h\033[?25l'; echo ready"
_WAIT_FOR_QUIT = 'while [ "$line" != quit ]; do read -r -t 0.1 line; done'


def _needed(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_status_of_the_shell_comes_back_and_nothing_is_added(tmp_path: Path) -> None:
    with shell(tmp_path) as session:
        session.send("exit 7\r")
        assert session.wait_exit() == 7
        session.assert_as_before()
        # bash leaves everything as it was, and so does the bridge: not a byte more
        assert session.raw.endswith(b"exit 7\r\nexit\r\n") or session.raw.endswith(b"exit\r\n")
        assert session.report()["reason"] == "exit"


def test_signal_that_ended_the_far_side_is_told(tmp_path: Path) -> None:
    with shell(tmp_path) as session:
        session.send("kill -9 $$\r")
        assert session.wait_exit() == 137
        session.assert_as_before()
        assert session.report()["signal"] == "KILL"


def test_vim_edits_a_file(tmp_path: Path) -> None:
    _needed("vim")
    file = tmp_path / "text"
    with Bridged(tmp_path, ["vim", "-u", "NONE", "-N", str(file)]) as session:
        session.wait_for("~")
        session.send("ihello wörld\x1b")
        session.wait_for("hello wörld")
        session.send(":wq\r")
        assert session.wait_exit() == 0
        assert file.read_text() == "hello wörld\n"
        session.assert_as_before()


@pytest.mark.parametrize(("program", "shown"), [("top", "PID"), ("htop", "PID")])
def test_monitors_run_and_end_with_q(tmp_path: Path, program: str, shown: str) -> None:
    _needed(program)
    with Bridged(tmp_path, [program], columns=100, rows=30) as session:
        session.wait_for(shown)
        session.send("q")
        assert session.wait_exit() == 0
        session.assert_as_before()


def test_new_size_reaches_the_program(tmp_path: Path) -> None:
    script = "trap 'stty size' WINCH; echo ready; while :; do read -r -t 0.1 _; done"
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        session.wait_for("ready")
        session.resize(101, 37)
        session.wait_for("37 101")


def test_size_at_the_start_is_the_terminals(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["stty", "size"], columns=91, rows=33) as session:
        session.wait_for("33 91")
        assert session.wait_exit() == 0


def test_umlaut_is_erased_as_one_letter(tmp_path: Path) -> None:
    script = 'stty iutf8; echo ready; read -r line; printf %s "$line" | od -An -tx1'
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        session.wait_for("ready")
        session.send("aü\x7fb\r")
        session.wait_for("61 62")


def test_keys_of_the_local_terminal_are_the_far_sides(tmp_path: Path) -> None:
    with shell(tmp_path) as session:
        session.send("sleep 1000\r")
        session.wait_for("sleep 1000")
        until(lambda: "sleep" in _children(session.far_pid()), message="sleep runs")
        session.press("ctrl+z")
        session.wait_for("Stopped")
        session.send("fg\r")
        until(lambda: "T" not in _states(session.far_pid()), message="sleep goes on")
        session.press("ctrl+c")
        session.send("echo status $?\r")
        session.wait_for("status 130")
        session.press("ctrl+d")
        session.wait_exit()
        session.assert_as_before()


def test_large_paste_arrives_intact(tmp_path: Path) -> None:
    text = base64.b64encode(random.Random(1).randbytes(3_750_000)).replace(b"A", b"\r~") + b"\xc3\xbc"
    pasted = b"\x1b[200~" + text + b"\x1b[201~"
    assert len(pasted) > 5_000_000
    script = f"stty raw -echo; printf 'rea'; printf 'dy\\n'; head -c {len(pasted)} | sha256sum"
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        session.wait_for("ready")
        session.send(pasted)
        session.wait_for(hashlib.sha256(pasted).hexdigest()[:60])
        assert session.wait_exit() == 0
        assert session.report()["sent"] == len(pasted)


def test_flood_of_output_arrives_in_a_terminal_that_does_not_block(tmp_path: Path) -> None:
    script = "seq 1 60000; echo done"
    with Bridged(tmp_path, ["bash", "-c", script], ["--nonblocking"]) as session:
        session.wait_for("^done", 60)
        assert session.wait_exit() == 0
        numbers = [line for line in session.raw.split(b"\r\n") if line.isdigit()]
        assert numbers == [b"%d" % number for number in range(1, 60001)]


def test_help_and_state_are_shown_and_not_sent(tmp_path: Path) -> None:
    with Bridged(tmp_path, ["bash", "-c", "stty -echo; echo ready; cat"]) as session:
        session.wait_for("ready")
        session.send("\r~?")
        session.wait_for(r"~\.\s+leave this session")
        session.send("~#")
        session.wait_for("Round trip 12 ms; [0-9,]+ bytes received, 1 sent")
        session.send("~~end\r")
        session.wait_for("^~end")


def test_leaving_by_the_escape_hangs_up_the_far_side(tmp_path: Path) -> None:
    with shell(tmp_path) as session:
        pid = session.far_pid()
        session.send("printf '\\033[?1049h\\033[?1000h\\033[?25l\\033[31m'; cat\r")
        until(lambda: "alternate" in session.modes().active, message="a screen")
        session.send("\r~.")
        assert session.wait_exit() == 0
        assert session.report()["reason"] == "escape"
        session.assert_as_before()
        until(lambda: is_gone(pid), message="the shell is gone")


def test_far_side_that_takes_nothing_can_be_left(tmp_path: Path) -> None:
    script = "stty raw -echo; echo ready; exec sleep 1000"
    with Bridged(tmp_path, ["bash", "-c", script]) as session:
        session.wait_for("ready")
        session.send(b"x" * 300_000)
        session.send("\r~.")
        assert session.wait_exit() == 0
        assert session.report()["sent"] < 300_000
        session.assert_as_before()


def test_stopped_by_the_escape_it_goes_on_when_continued(tmp_path: Path) -> None:
    with _near_shell() as near:
        far = ["bash", "-c", f"{_SCREEN}; trap 'echo drawn anew $(stty size)' WINCH; {_WAIT_FOR_QUIT}"]
        near.send(shlex.join(command(tmp_path / "report", far)) + "\r")
        near.wait_for("^ready")
        assert not near.echo
        near.send("\r~\x1a")
        near.wait_for(r"^near\$")
        near.send("stty -a | tr ' ' '\\n' | grep icanon\r")
        near.wait_for("^icanon")
        assert DecModes().feed(near.raw).active <= {"?2004"}
        near.resize(90, 20)
        near.send("fg\r")
        near.wait_for("drawn anew 20 90")
        assert {"alternate", "?1002", "no ?25"} <= DecModes().feed(near.raw).active
        near.send("\rquit\r")
        near.wait_for(r"^near\$")
        modes = DecModes().feed(near.raw)
        assert modes.active <= {"?2004"} and modes.faults == []
        near.send("exit\r")
        near.wait_exit()


def test_stopped_from_outside_it_takes_the_terminal_again(tmp_path: Path) -> None:
    with _near_shell() as near:
        near.send(
            shlex.join(command(tmp_path / "report", ["bash", "-c", f"echo ready; {_WAIT_FOR_QUIT}"])) + "\r"
        )
        near.wait_for("^ready")
        os.kill(_child(near.pid), signal.SIGSTOP)
        near.wait_for("Stopped")
        near.wait_for(r"^near\$$")
        near.send("fg\r")
        until(lambda: not near.termios_attributes()[1] & termios.OPOST, message=near.dump)
        near.send("quit\r")
        until((tmp_path / "report").exists, message="the session has ended")
        near.send("echo status $?\r")
        near.wait_for("^status 0")


@contextlib.contextmanager
def _near_shell() -> Iterator[TerminalSession]:
    argv = ["bash", "--norc", "--noprofile", "-i"]
    with TerminalSession(argv, 100, 24, {**ENVIRONMENT, "PS1": "near$ "}, str(ROOT)) as near:
        near.wait_for(r"^near\$")
        yield near


def _child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _children(pid: int) -> str:
    names = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        names.append(Path(f"/proc/{child}/comm").read_text())
    return " ".join(names)


def _states(pid: int) -> str:
    states = ""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        states += Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
    return states
