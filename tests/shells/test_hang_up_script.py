"""The script that hangs sessions up runs in each shell that is somewhere `sh`, with grep and without."""

from __future__ import annotations

import shutil
import signal
import subprocess
import uuid
from importlib.resources import files
from pathlib import Path

import pytest

from tests.rig.waiting import until

SCRIPT = (files("tui.backends.shells") / "hang_up.sh").read_text("utf-8")
SECONDS = 60.0


@pytest.mark.parametrize("path", ["/usr/bin:/bin", "/nonexistent"], ids=["grep", "no-grep"])
@pytest.mark.parametrize("interpreter", ["dash", "bash"])
def test_a_marked_session_ends_and_another_does_not(interpreter: str, path: str) -> None:
    program = shutil.which(interpreter)
    if program is None:
        pytest.skip(f"{interpreter} is not installed")
    tags = [uuid.uuid4().hex for _ in range(2)]
    sessions = [
        subprocess.Popen(
            [program, "-c", f"export ENVTUI_SESSION={tag}:$$; exec sleep 999"], start_new_session=True
        )
        for tag in tags
    ]
    try:
        for session, tag in zip(sessions, tags, strict=True):
            until(lambda session=session, tag=tag: tag in environment(session.pid))  # type: ignore[misc]
        done = subprocess.run(
            [program, "-c", SCRIPT, "hang_up", tags[0], "1"],
            env={"PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("signalled 1\n", "")
        assert sessions[0].wait(SECONDS) == -signal.SIGHUP
        assert sessions[1].poll() is None
    finally:
        for session in sessions:
            session.kill()
            session.wait()


def environment(pid: int) -> str:
    """Of a process, as it was started."""
    return Path(f"/proc/{pid}/environ").read_bytes().decode("utf-8", "replace")
