"""A user whom the engine's socket does not let in is told so, with the group to join."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.engine.program import ENVTUI, PATIENCE_SECONDS
from tests.rig.engine import PrivateEngine
from tests.rig.terminal import TerminalSession

# Runs what follows without what makes root mightier than others: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
# (capabilities(7): 1 and 2) leave its bounding set (prctl(2): 24), and exec takes them away.
WITHOUT_PRIVILEGE = (
    sys.executable,
    "-c",
    "import ctypes, os, sys\n"
    "for number in (1, 2):\n"
    "    assert ctypes.CDLL(None).prctl(24, number, 0, 0, 0) == 0\n"
    "os.execv(sys.argv[1], sys.argv[1:])",
)
SOMEBODY_ELSE = 65534
HINT = "Join its group (sudo usermod -aG docker $USER, then log in again)"


@pytest.fixture
def guarded(clean_engine: PrivateEngine) -> Iterator[PrivateEngine]:
    """An engine whose socket is another user's, and only for that user and its group."""
    before = os.stat(clean_engine.socket_path)
    os.chown(clean_engine.socket_path, SOMEBODY_ELSE, SOMEBODY_ELSE)
    os.chmod(clean_engine.socket_path, 0o660)
    yield clean_engine
    os.chown(clean_engine.socket_path, before.st_uid, before.st_gid)
    os.chmod(clean_engine.socket_path, before.st_mode)


def test_ps_says_so_in_one_line(guarded: PrivateEngine) -> None:
    done = subprocess.run(
        [*WITHOUT_PRIVILEGE, *ENVTUI, "--host", guarded.host, "ps"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"envtui: No permission on {guarded.socket_path}: ")
    assert HINT in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_screen_says_so_and_stays_open(guarded: PrivateEngine) -> None:
    with TerminalSession([*WITHOUT_PRIVILEGE, *ENVTUI, "--host", guarded.host]) as terminal:
        terminal.wait_for("No permission on " + guarded.socket_path)
        terminal.wait_for(re.escape(HINT))
        terminal.press("q")
        assert terminal.wait_exit() == 0


def test_the_screen_recovers_when_the_socket_lets_the_user_in(guarded: PrivateEngine) -> None:
    guarded.run_container("training")
    with TerminalSession([*WITHOUT_PRIVILEGE, *ENVTUI, "--host", guarded.host]) as terminal:
        terminal.wait_for("No permission on " + guarded.socket_path)
        os.chmod(guarded.socket_path, 0o666)
        terminal.wait_for("● running +training", timeout=5.0)
        assert "No permission" not in terminal.text()
