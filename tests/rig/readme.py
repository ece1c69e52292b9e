"""Runs the README's command that opens the app, in a terminal, looks that it opens, and quits it."""

from __future__ import annotations

import re
import sys

from tests.rig.terminal import TerminalSession


def main(command: str) -> int:
    """Run `command` in a pty until a screen with containers, or the reason why there are none, is up."""
    with TerminalSession(["bash", "-euo", "pipefail", "-c", command], columns=100, rows=30) as session:
        session.wait_for(re.compile(r"\bContainers\b"), timeout=900)
        session.press("q")
        status = session.wait_exit(timeout=30)
    print(f"opened, and ended with {status}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
