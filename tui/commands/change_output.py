"""Plans, jobs and outcomes of changes, as tables for people and as objects for scripts."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from tui.commands.table import aligned, fitted
from tui.model.changes import ChangeJob, ChangePlan, EnvironmentChange, PackageChange, Progress
from tui.model.errors import ChangeFailed, EnvtuiError
from tui.model.printable import printable
from tui.model.units import format_bytes, iso_time

_NOTHING = "–"


def say(line: str) -> None:
    """One line on stderr; foreign text may be in it."""
    tell(f"envtui: {printable(line)}", sys.stderr)


def tell(text: str, stream: TextIO) -> None:
    """Print; whoever has read enough of it does not stop what was asked for."""
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        # what is left in its buffer must not complain at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


# -- for people


def print_plan(plan: ChangePlan, stream: TextIO) -> None:
    """What would be done."""
    tell("\n".join(fitted(_plan_lines(plan))), stream)


def _plan_lines(plan: ChangePlan) -> Iterator[str]:
    if plan.packages:
        titles = ("PACKAGE", "WHAT", "NOW", "THEN", "FROM", "FETCH")
        yield from aligned((titles, *map(_package_cells, plan.packages)))
    for path in plan.removes:
        yield f"removed: {printable(path)}"
    if plan.fetch_bytes:
        yield f"to be fetched: {format_bytes(plan.fetch_bytes)}"
    if plan.frees_bytes is not None:
        yield f"frees: {format_bytes(plan.frees_bytes)}"
    for command in plan.commands:
        yield f"runs: {printable(shlex.join(command))}"
    for note in plan.notes:
        yield f"note: {printable(note)}"
    if not plan.packages and not plan.removes and plan.frees_bytes is None and plan.is_exact:
        yield "nothing would change"


def _package_cells(each: PackageChange) -> Sequence[str]:
    fetch = _NOTHING if not each.fetch_bytes else format_bytes(each.fetch_bytes)
    source = each.channel or each.owner
    old = _version(each.old_version, each.old_build, each)
    new = _version(each.new_version, each.new_build, each)
    return each.name, what_happens(each), old, new, source, fetch


def _version(version: str | None, build: str, change: PackageChange) -> str:
    """A version, with its build where that alone is another one."""
    if version is None:
        return _NOTHING
    is_same = change.old_version == change.new_version
    return f"{version} {build}".rstrip() if is_same else version


def what_happens(change: PackageChange) -> str:
    """One word or two: new, removed, DOWNGRADE, update, other build."""
    if change.old_version is None:
        return "new"
    if change.new_version is None:
        return "removed"
    if change.is_downgrade:
        return "DOWNGRADE"
    return "other build" if change.old_version == change.new_version else "update"


def progress_words(progress: Progress) -> str:
    """How far a job is: "linking 3/12"."""
    if not progress.total:
        return progress.stage
    return f"{progress.stage} {progress.done}/{progress.total}".strip()


# -- for scripts


def change_json(change: EnvironmentChange) -> dict[str, Any]:
    """The object that stands for a change; null is for what does not apply."""
    return {
        "verb": change.verb.value,
        "container": change.container_name,
        "container_id": change.container_id,
        "prefix": change.prefix,
        "kind": change.kind.value,
        "manager": change.manager or None,
        "root_prefix": change.root_prefix or None,
        "packages": list(change.packages),
        "pip_packages": list(change.pip_packages),
        "channels": list(change.channels),
        "only_channels": change.only_channels,
        "file": None if change.file is None else change.file.name or change.file.format.value,
        "python": change.python or None,
        "source_prefix": change.source_prefix or None,
        "new_prefix": change.new_prefix or None,
        "user": change.user or None,
    }


def plan_json(plan: ChangePlan) -> dict[str, Any]:
    """The object that stands for a plan."""
    return {
        "change": change_json(plan.change),
        "is_exact": plan.is_exact,
        "packages": [
            {
                "name": each.name,
                "old": each.old_version,
                "new": each.new_version,
                "old_build": each.old_build or None,
                "new_build": each.new_build or None,
                "owner": each.owner,
                "channel": each.channel or None,
                "fetch_bytes": each.fetch_bytes,
                "is_downgrade": each.is_downgrade,
            }
            for each in plan.packages
        ],
        "removes": list(plan.removes),
        "commands": [list(each) for each in plan.commands],
        "fetch_bytes": plan.fetch_bytes,
        "frees_bytes": plan.frees_bytes,
        "notes": list(plan.notes),
    }


def job_json(job: ChangeJob) -> dict[str, Any]:
    """The object that stands for a job."""
    return {
        "id": job.id,
        "change": change_json(job.change),
        "pid": job.pid,
        "started_at": iso_time(job.started_at),
        "state": job.state.value,
        "progress": {
            "stage": job.progress.stage or None,
            "done": job.progress.done,
            "total": job.progress.total,
        },
        "log_bytes": job.log_bytes,
        "error": error_json(job.error),
    }


def outcome_json(job: ChangeJob, log_tail: Sequence[str]) -> dict[str, Any]:
    """The object that stands for the end of a job that was waited for."""
    return {
        "job": job_json(job),
        "state": job.state.value,
        "error": error_json(job.error),
        "log_tail": list(log_tail),
    }


def error_json(error: EnvtuiError | None) -> dict[str, Any] | None:
    """The object that stands for why something went wrong."""
    if error is None:
        return None
    told: dict[str, Any] = {"title": error.title, "detail": error.detail or None, "hint": error.hint or None}
    if isinstance(error, ChangeFailed):
        told |= {"kind": error.kind or None, "exit_code": error.exit_code}
    return told
