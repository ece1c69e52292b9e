"""What the managers of environments are told, and how what they print is read; nothing is run here."""

from __future__ import annotations

from collections.abc import Sequence

from tui.backends.conda import failure_reading, plan_reading, progress_reading
from tui.backends.conda.command import FILE, FILE_NAMES, Command, CommandResult, file_name, shown
from tui.backends.conda.conda_commands import CondaCommands
from tui.backends.conda.manager_output import text_of
from tui.backends.conda.micromamba_commands import MicromambaCommands
from tui.backends.conda.venv_commands import UvCommands, VenvCommands, need_uv, removal
from tui.model.changes import ChangePlan, ChangeVerb, EnvironmentChange, Progress
from tui.model.environments import EnvironmentKind, Package
from tui.model.errors import ChangeFailed, ChangeRefused, NoManager

__all__ = [
    "FILE",
    "FILE_NAMES",
    "Command",
    "CommandResult",
    "commands_of",
    "file_name",
    "plan_commands_of",
    "read_failure",
    "read_plan",
    "read_progress",
]


def commands_of(change: EnvironmentChange) -> tuple[Command, ...]:
    """What is run for a change, in order; the next one only where the one before ended well.

    The first of a change that makes a prefix fails where something is there.

    Raises:
        ChangeRefused: this must not be done, or not so.
        NoManager: the change's manager can't do it.
        FileFault: its file can't be read.
    """
    _refuse(change)
    if change.verb is ChangeVerb.REMOVE and (not change.manager or change.kind is EnvironmentKind.PIXI):
        # an environment that its manager does not know as one (any more), or that has none
        return (removal(change.prefix),)
    return _manager(change).commands()


def plan_commands_of(change: EnvironmentChange) -> tuple[Command, ...]:
    """Dry runs for a change, whose output `read_plan` takes; () where its manager has none.

    Raises: as `commands_of`.
    """
    commands_of(change)
    if change.verb is ChangeVerb.REMOVE:
        return ()
    return _manager(change).plan_commands()


def read_plan(
    change: EnvironmentChange, results: Sequence[CommandResult], installed: Sequence[Package]
) -> ChangePlan:
    """What the dry runs say that the change will do.

    Args:
        change: that is planned.
        results: of all of `plan_commands_of(change)`, in their order, whether they ended well or not.
        installed: packages of the environment, which tell the versions that are there now; for CLONE those of
            its source.

    Raises:
        ChangeFailed: its manager says why it can't be done.
        ChangeError: as `commands_of`.
    """
    asked, told = plan_commands_of(change), commands_of(change)
    return plan_reading.read_plan(change, asked, told, results, installed)


def read_progress(change: EnvironmentChange, log: bytes) -> Progress:
    """How far the manager is, from what it printed so far (without a terminal), or from the end of that."""
    return progress_reading.read_progress(change, log)


def read_failure(change: EnvironmentChange, exit_code: int, log: bytes) -> ChangeFailed:
    """Why one of the change's commands failed. Args: log is stdout and stderr together, or the end of it."""
    return failure_reading.failure_of_text(change, exit_code, text_of(log))


def _manager(change: EnvironmentChange) -> CondaCommands | VenvCommands:
    name = change.manager.rpartition("/")[2]
    if change.kind in (EnvironmentKind.VENV, EnvironmentKind.UV):
        if name == "uv":
            return UvCommands(change)
        need_uv(change)
        return VenvCommands(change)
    if name.startswith("micromamba"):
        return MicromambaCommands(change)
    if name.startswith(("conda", "mamba")):
        return CondaCommands(change)
    raise NoManager(
        "No manager is known for the environment",
        f"“{shown(name)}” is none that envtui can tell what to do." if name else "",
        "conda, mamba and micromamba are.",
    )


def _refuse(change: EnvironmentChange) -> None:
    """What must not be done whoever asks."""
    if change.kind is EnvironmentKind.SYSTEM:
        raise ChangeRefused("The system's Python belongs to the image")
    if change.verb in (ChangeVerb.REMOVE, ChangeVerb.RENAME) and (
        change.kind is EnvironmentKind.BASE or _holds(change.prefix, change.root_prefix)
    ):
        raise ChangeRefused("base is the installation itself", f"{shown(change.prefix)} holds the manager.")
    if change.verb is ChangeVerb.RENAME and _holds(change.prefix, change.new_prefix):
        raise ChangeRefused("It can't be moved into itself", f"{shown(change.new_prefix)} would go with it.")


def _holds(prefix: str, path: str) -> bool:
    """Whether a path is the prefix itself, or in it."""
    return bool(path) and f"{path.rstrip('/')}/".startswith(f"{prefix.rstrip('/')}/")
