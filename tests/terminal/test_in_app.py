"""A session inside an app: the app gives its terminal away and takes it back."""

from __future__ import annotations

import signal
import sys

from tests.rig.dec_modes import modes_after
from tests.rig.terminal import TerminalSession
from tests.terminal.making import ENVIRONMENT, ROOT

_APP = [sys.executable, "-m", "tests.terminal.app"]


def test_app_goes_on_after_each_of_several_sessions_and_ends_when_told_to_in_one() -> None:
    environment = {**ENVIRONMENT, "PS1": "far$ ", "TEXTUAL_ANIMATIONS": "none"}
    with TerminalSession(_APP, 80, 24, environment, str(ROOT)) as session:
        before = session.termios_attributes()
        session.wait_for("no session yet")
        session.press("e")
        session.wait_for(r"^far\$")
        session.send("printf '\\033[?1049h\\033[?1003h'\r")
        session.resize(90, 24)
        session.send("exit 3\r")
        session.wait_for("session ended with exit status 3 at")
        session.press("e")
        session.wait_for(r"far\$$")
        session.send("exit\r")
        session.wait_for("session ended at 90")
        session.press("e")
        # with nothing typed behind it: the prompts of earlier sessions are still there
        session.wait_for(r"far\$$")
        session.signal(signal.SIGTERM)
        assert session.wait_exit() == 143
        assert session.termios_attributes() == before
        assert modes_after(session.raw) == set()
