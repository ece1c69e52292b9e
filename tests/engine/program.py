"""The program as a shell starts it: for a pipe, or on a terminal of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.rig.terminal import TerminalSession

#: What a shell would find as `envtui`.
ENVTUI = (sys.executable, "-m", "tui")
# Generous: it only matters when something is broken.
PATIENCE_SECONDS = 30.0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run it without a terminal, to its end."""
    return subprocess.run(
        [*ENVTUI, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS * 2,
        check=False,
    )


def listed(host: str, *arguments: str) -> dict[str, dict[str, Any]]:
    """What `ps --json` prints, by name; it must end well and say nothing else."""
    done = run("--host", host, "ps", "--json", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert isinstance(told, list)
    return {each["name"]: each for each in told}


def on_terminal(
    *arguments: str, columns: int = 120, rows: int = 40, env: Mapping[str, str | None] | None = None
) -> TerminalSession:
    """Run it on a terminal."""
    return TerminalSession([*ENVTUI, *arguments], columns, rows, env)
