"""How an environment is removed whole: by its manager, and what that does not know by its folder."""

from __future__ import annotations

import dataclasses

from tui.backends.conda.command import COMPARE, Command
from tui.backends.conda.facts import NO_HISTORY
from tui.backends.conda.manager_commands import commands_of
from tui.backends.conda.venv_commands import removal
from tui.model.changes import ChangePlan, ChangeVerb, EnvironmentChange
from tui.model.environments import Environment


def without_stranger(change: EnvironmentChange, environment: Environment | None) -> EnvironmentChange:
    """The change, without a manager that would not take a half made environment for one."""
    if environment is None or change.verb is not ChangeVerb.REMOVE:
        return change
    return dataclasses.replace(change, manager="") if NO_HISTORY in environment.problems else change


def told_commands(plan: ChangePlan) -> tuple[tuple[str, ...], ...]:
    """The commands of a plan as people are told them: without what only looks, with what we add."""
    told = tuple(argv for argv in plan.commands if argv[0] != "test" and COMPARE not in argv[3:4])
    if plan.change.verb is not ChangeVerb.REMOVE:
        return told
    gone = removal(plan.change.prefix).argv
    return told if gone in told else (*told, gone)


def all_commands(change: EnvironmentChange) -> tuple[Command, ...]:
    """What is run; of an environment that is removed, nothing stays that its manager did not know."""
    told = commands_of(change)
    if change.verb is not ChangeVerb.REMOVE:
        return told
    gone = removal(change.prefix)
    return told if gone in told else (*told, gone)
