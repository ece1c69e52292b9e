"""Ends what a session left in its container, as the end of a terminal would: the engine does not do it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from tui.backends.deadline import Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.http import EngineHttp
from tui.model.errors import Conflict, NoSuchContainer

#: In the environment of everything that a session starts: `ENVTUI_SESSION=TAG:SID`, where SID is the number
#: of the process, as the container counts, that leads the kernel's session.
MARK = "ENVTUI_SESSION"

_SHELL, _ROOT = "/bin/sh", "0"
_TAG = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What was hung up ends in milliseconds, or means to stay.
_MOST_WAIT_SECONDS, _STEP_SECONDS = 1.0, 0.1


def hang_up(http: EngineHttp, container_id: str, tag: str, user: str, seconds: float) -> int:
    """Send HUP to all that is still in a session of the kernel's that carries the tag.

    Processes that made a session of their own (tmux, screen, setsid) are never touched, what ignores the
    signal (nohup) goes on, and nothing is killed: somebody's training may run in it.

    Args:
        http: the engine's.
        container_id: full id.
        tag: of the session; letters, digits, "_" and "-".
        user: that the session runs as, as the engine takes it: only its own processes' environments can be
            read. What of the session belongs to others is signalled as root.
        seconds: for everything; a part of it is waited for what was signalled to end.

    Returns:
        How many processes were signalled; 0 where the container has no shell or runs no more.

    Raises:
        ValueError: the tag holds something else.
        EngineError: the engine can't be asked.
    """
    if not _TAG.fullmatch(tag):
        raise ValueError("not a session's tag")
    deadline = Deadline(seconds)
    count, refused = _run(http, container_id, user, deadline, tag, ())
    for session in dict.fromkeys(each[0] for each in refused):
        known = [f"{pid}:{start}" for its_session, pid, start in refused if its_session == session]
        count += _run(http, container_id, _ROOT, deadline, tag, (session, *known))[0]
    return count


def _run(
    http: EngineHttp, container_id: str, user: str, deadline: Deadline, tag: str, known: Sequence[str]
) -> tuple[int, list[tuple[str, str, str]]]:
    """How many were signalled, and session, number and start of those that belong to others."""
    steps = int(min(_MOST_WAIT_SECONDS, deadline.remaining() / 2) / _STEP_SECONDS)
    argv = (_SHELL, "-c", _script(), "hang_up", tag, str(steps), *known)
    try:
        result = commands.run(http, container_id, argv, deadline.remaining(), user=user)
    except (NoSuchContainer, Conflict):
        # it was removed or stopped meanwhile, and everything in it with it
        return 0, []
    count, refused = 0, []
    for line in result.stdout.decode("ascii", "replace").splitlines():
        match line.split():
            case ["signalled", number] if number.isdecimal():
                count = int(number)
            case ["refused", session, pid, start]:
                refused.append((session, pid, start))
    return count, refused


@cache
def _script() -> str:
    return (files("tui.backends.shells") / "hang_up.sh").read_text("utf-8")
