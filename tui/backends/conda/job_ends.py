"""How a job in a container ended, in words: done, failed, called off, lost."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex

from tui.backends.conda.command import shown
from tui.backends.conda.job_answers import ToldJob
from tui.backends.conda.manager_commands import commands_of, read_failure
from tui.model.changes import ChangeState, ChangeVerb, EnvironmentChange
from tui.model.errors import ChangeCancelled, ChangeError, ChangeFailed, ChangeLost


def ended(told: ToldJob, change: EnvironmentChange, log: bytes) -> tuple[ChangeState, ChangeError | None]:
    """The state of a job, and why it is none of the good ones. Args: log is its end."""
    if not told.result:
        if told.is_alive:
            return (ChangeState.CANCELLING if told.is_ending else ChangeState.RUNNING), None
        return ChangeState.LOST, ChangeLost(
            "Its end is not known",
            "its process is gone without a word: the container was stopped, or it was killed",
            f"Look at {shown(change.makes or change.prefix, 200)}: it may be half made",
        )
    if told.result == "done":
        return ChangeState.DONE, None
    if told.result == "cancelled":
        return ChangeState.CANCELLED, ChangeCancelled("Called off", _left(told, change))
    return ChangeState.FAILED, _failure(told, change, log)


def _left(told: ToldJob, change: EnvironmentChange) -> str:
    """What is left of a change that was called off."""
    made = shown(change.makes, 200)
    if told.is_kept and change.verb is ChangeVerb.RENAME:
        return f"{made} is there, and what is left of {shown(change.prefix, 200)}"
    if told.is_kept:
        return f"{made} could not be removed"
    if change.makes:
        return "nothing of it is left"
    if change.verb is ChangeVerb.REMOVE:
        return f"{shown(change.prefix, 200)} may be half removed: remove it again"
    return f"what was done in {shown(change.prefix, 200)} until then may be there"


def _failure(told: ToldJob, change: EnvironmentChange, log: bytes) -> ChangeFailed:
    failure = read_failure(change, told.exit_code, log)
    made = shown(change.makes, 200)
    detail, hint = failure.detail.rstrip("."), failure.hint.rstrip(".")
    if told.is_kept and change.verb is ChangeVerb.RENAME:
        detail = _joined(detail, f"{made} is there, and what is left of {shown(change.prefix, 200)}")
    elif told.is_kept:
        detail = _joined(detail, f"{made} is half made: what was done before stays")
        hint = _joined(hint, f"Complete it, or remove it: {_removal(change)}")
    elif change.makes:
        detail = _joined(detail, "nothing of it is left")
    return ChangeFailed(failure.title, detail, hint, failure.kind, failure.exit_code)


def _removal(change: EnvironmentChange) -> str:
    """The command that removes what was made."""
    plain = dataclasses.replace(
        change,
        verb=ChangeVerb.REMOVE,
        packages=(),
        pip_packages=(),
        channels=(),
        only_channels=False,
        file=None,
        python="",
    )
    with contextlib.suppress(ChangeError):
        return shown(shlex.join(commands_of(plain)[-1].argv), 300)
    return shown(shlex.join(("rm", "-rf", "--", change.makes)), 300)


def _joined(*sentences: str) -> str:
    return ". ".join(filter(None, sentences))
