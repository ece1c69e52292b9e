"""What the managers of environments are told, and how what they print is read; nothing is run here."""

from __future__ import annotations

from dataclasses import dataclass

#: Stands in a command for the path of the change's file, which is known only in the container. No argument
#: can hold it by chance.
FILE = "\0file"


@dataclass(frozen=True, slots=True)
class Command:
    """One program of a change.

    Attributes:
        argv: absolute path of the program, or the name of one that every system has, and its arguments;
            `FILE` for the change's file, which the job puts into a folder of its own.
        environ: variables in addition to the container's own.
        may_fail: the change goes on all the same.
    """

    argv: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed, and how it ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes


# The functions that fill this room (see their docstrings): commands_of(change), plan_commands_of(change),
# read_plan(change, results), read_progress(change, plan_total, log), read_failure(change, exit_code, log).
