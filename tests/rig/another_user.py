"""Runs a program as another user, also where this Python lies in a folder that is closed to others."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Runs as root in a namespace of mounts of its own. Others see nothing of a closed folder but what the program
# needs of it: that is kept open while an empty folder covers the closed one, and bound below it again.
_LAUNCHER = """
import json, os, subprocess, sys

told = json.loads(sys.argv[1])
for closed, needed in told["closed"].items():
    kept = [os.open(each, os.O_PATH) for each in needed]
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", closed], check=True)
    for each, descriptor in zip(needed, kept):
        os.makedirs(each)
        source = f"/proc/self/fd/{descriptor}"
        subprocess.run(["mount", "--no-canonicalize", "--bind", source, each], check=True, pass_fds=kept)
os.setgroups(told["groups"])
os.setgid(told["uid"])
os.setuid(told["uid"])
os.chdir(told["cwd"])
os.execvp(sys.argv[2], sys.argv[2:])
"""
_ROOT = Path(__file__).parents[2]


def as_user(uid: int, groups: Sequence[int] = ()) -> tuple[str, ...]:
    """What goes before a command to run it as another user, in the group of the same number; needs root.

    Args:
        uid: of the user; needs no entry in /etc/passwd.
        groups: more that the user is in.
    """
    closed: dict[str, list[str]] = {}
    for needed in dict.fromkeys((sys.base_prefix, sys.prefix, str(_ROOT))):
        around = _closed_around(Path(needed))
        if around is not None:
            closed.setdefault(str(around), []).append(needed)
    told = {"uid": uid, "groups": list(groups), "closed": closed, "cwd": str(_ROOT)}
    launcher = (sys.executable, "-I", "-S", "-c", _LAUNCHER, json.dumps(told))
    return ("unshare", "--mount", "--propagation", "private", *launcher)


def _closed_around(path: Path) -> Path | None:
    """The outermost folder around a path that others may not go through."""
    return next((each for each in reversed(path.parents) if not os.stat(each).st_mode & 0o001), None)
