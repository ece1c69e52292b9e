"""How a session ended, from what is known on this side and what the far side told."""

from __future__ import annotations

import signal

from tui.backends.base import ShellChannel
from tui.model.printable import printable
from tui.model.sessions import EndReason, SessionEnd

# An engine learns of the end of a command a moment after its output ended, and SSH tells the status after it.
_OUTCOME_SECONDS = 5.0
# A channel that could not be used to the end rarely knows more.
_PROBLEM_SECONDS = 1.0


def end_of_channel(channel: ShellChannel, problem: str = "") -> SessionEnd:
    """How a channel ended whose output has ended.

    Args:
        channel: nothing is left to read.
        problem: what went wrong in using it, for an end that has no other reason.
    """
    outcome = channel.outcome(_PROBLEM_SECONDS if problem else _OUTCOME_SECONDS)
    if outcome.status is not None:
        return SessionEnd(EndReason.EXIT, status=outcome.status)
    if outcome.signal:
        return SessionEnd(EndReason.SIGNAL, signal=printable(outcome.signal))
    lost = outcome.lost or problem
    return SessionEnd(EndReason.LOST if lost else EndReason.CLOSED, detail=printable(lost))


def end_by_signal(number: signal.Signals) -> SessionEnd:
    """The end of a session whose program was told to end."""
    return SessionEnd(EndReason.HANGUP, signal=number.name.removeprefix("SIG"))


def problem_in(error: Exception) -> str:
    """What to say of a channel that fails in a way it should not."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
