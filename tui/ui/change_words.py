"""What is said of changes of environments: plans, what a removal loses, how far a job is; pure."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Sequence

from tui.model.changes import (
    ChangeJob,
    ChangePlan,
    ChangeState,
    ChangeVerb,
    PackageChange,
    Progress,
)
from tui.model.units import format_bytes
from tui.monitor.known_changes import KnownChange
from tui.ui.text import printable
from tui.ui.widgets.line_bar import Part

Line = Sequence[Part]

# What other packages are built for: an older one breaks them.
_FOUNDATIONS = frozenset({"python", "torch", "pytorch", "numpy"})
_TITLES = ("", "PACKAGE", "IS", "WILL BE", "BY", "FETCH", "FROM")
_FETCH_COLUMN = 5

#: Glyph and tone by state.
STATES = {
    ChangeState.RUNNING: ("◌", "busy"),
    ChangeState.CANCELLING: ("◌", "warn"),
    ChangeState.DONE: ("●", "good"),
    ChangeState.FAILED: ("✗", "bad"),
    ChangeState.CANCELLED: ("○", "muted"),
    ChangeState.LOST: ("▲", "bad"),
}
#: On the button that says yes.
BUTTONS = {
    ChangeVerb.CREATE: "Create",
    ChangeVerb.CLONE: "Clone",
    ChangeVerb.RENAME: "Rename",
    ChangeVerb.INSTALL: "Install",
    ChangeVerb.UPDATE: "Update",
    ChangeVerb.UNINSTALL: "Uninstall",
    ChangeVerb.REMOVE: "Remove",
    ChangeVerb.CLEAN: "Clean",
}
#: While it runs.
DOING = {
    ChangeVerb.CREATE: "being created",
    ChangeVerb.CLONE: "being cloned",
    ChangeVerb.RENAME: "being renamed",
    ChangeVerb.INSTALL: "being changed",
    ChangeVerb.UPDATE: "being updated",
    ChangeVerb.UNINSTALL: "being changed",
    ChangeVerb.REMOVE: "being removed",
    ChangeVerb.CLEAN: "being cleaned",
}


def plan_lines(plan: ChangePlan, width: int, losses: Sequence[str] = ()) -> list[Line]:
    """All that is to be known before it is done, as wide as the screen.

    Args:
        plan: what the manager says.
        width: cells for a line of prose; the table of packages may be wider.
        losses: what is lost with it, in words; still raw.
    """
    lines: list[Line] = _prose(_counts(plan), width, " ", "strong")
    lines += [
        [(f" ▼ downgrade of {printable(each.name)}: {_step(each)}", "bad")]
        for each in plan.packages
        if each.is_downgrade and each.name.lower() in _FOUNDATIONS
    ]
    for loss in losses:
        lines += _prose(loss, width, " ▲ ", "warn")
    for note in plan.notes:
        lines += _prose(note, width, " · ", "")
    if plan.removes:
        lines += _headed("Nothing is left of")
        lines += [[(f"   {printable(path)}", "")] for path in plan.removes]
    if plan.packages:
        lines += [[("", "")], *package_lines(plan.packages)]
    if plan.commands:
        lines += _headed("Is run in the container")
        for each in plan.commands:
            lines += _prose(shlex.join(each), width, "   ", "muted")
    return lines


def _headed(title: str) -> list[Line]:
    return [[("", "")], [(f" {title}", "strong")]]


def _prose(text: str, width: int, mark: str, tone: str) -> list[Line]:
    """A sentence under its mark, as many lines as it takes."""
    wrapped = textwrap.wrap(
        printable(text), max(20, width - 1), initial_indent=mark, subsequent_indent=" " * len(mark)
    )
    return [[(line, tone)] for line in wrapped]


def _counts(plan: ChangePlan) -> str:
    come = sum(each.old_version is None for each in plan.packages)
    go = sum(each.new_version is None for each in plan.packages)
    change = len(plan.packages) - come - go
    counted = [
        f"{count} {word}{'' if count != 1 else 's'}"
        for count, word in ((come, "come"), (change, "change"), (go, "go"))
        if count
    ]
    # "1 comes", "1 changes", "1 goes"
    words = [", ".join(counted).replace("1 gos", "1 goes")] if counted else []
    if not plan.packages and plan.is_exact and plan.change.verb not in (ChangeVerb.REMOVE, ChangeVerb.CLEAN):
        words.append("no package changes")
    if not plan.is_exact:
        words.append("what exactly changes is not known before")
    if plan.fetch_bytes is not None:
        words.append(f"{format_bytes(plan.fetch_bytes)} to fetch" if plan.fetch_bytes else "nothing to fetch")
    if plan.frees_bytes is not None:
        words.append(f"frees {format_bytes(plan.frees_bytes)}")
    return " · ".join(words)


def package_lines(packages: Sequence[PackageChange]) -> list[Line]:
    """A line each under titles: glyph and word say what happens to it."""
    from tui.ui.screens.aligned import aligned_lines

    rows = [
        (
            _what(each),
            each.name,
            each.old_version or "",
            each.new_version or "",
            each.owner,
            "" if not each.fetch_bytes else format_bytes(each.fetch_bytes),
            each.channel,
        )
        for each in packages
    ]
    return aligned_lines(_TITLES, rows, [_tone(each) for each in packages], right=(_FETCH_COLUMN,))


def _what(package: PackageChange) -> str:
    if package.old_version is None:
        return "+ comes"
    if package.new_version is None:
        return "- goes"
    return "▼ downgrade" if package.is_downgrade else "~ changes"


def _tone(package: PackageChange) -> str:
    if package.is_downgrade:
        return "bad" if package.name.lower() in _FOUNDATIONS else "warn"
    return "warn" if package.new_version is None else ""


def _step(package: PackageChange) -> str:
    return f"{printable(package.old_version or '–')} → {printable(package.new_version or '–')}"


def progress_words(progress: Progress) -> str:
    """How far it is: "downloading 12 of 40"."""
    counted = f" {progress.done} of {progress.total}" if progress.total else ""
    return f"{progress.stage}{counted}" if progress.stage else ""


def state_part(job: ChangeJob) -> Part:
    """Its state as glyph and word."""
    glyph, tone = STATES[job.state]
    return f"{glyph} {job.state}", tone


def job_words(known: KnownChange) -> str:
    """How far a job is, or how it ended, in a line; foreign text."""
    job = known.job
    if job.error is not None:
        return job.error.one_line()
    if known.error is not None:
        return f"can't be looked at: {known.error.one_line()}"
    return "" if job.is_over else progress_words(job.progress)


def ended_words(known: KnownChange) -> tuple[str, str, str]:
    """Title, message and severity of what is told when a job ends; foreign text."""
    job = known.job
    severity = {ChangeState.DONE: "information", ChangeState.CANCELLED: "warning"}.get(job.state, "error")
    message = job.error.one_line() if job.error is not None else _ENDINGS[job.state]
    return f"{known.words}: {job.state}", message, severity


_ENDINGS = {
    ChangeState.DONE: "its log is among the jobs",
    ChangeState.CANCELLED: "what it had begun was undone",
    ChangeState.FAILED: "its log says more",
    ChangeState.LOST: "nobody knows how it ended",
    ChangeState.RUNNING: "",
    ChangeState.CANCELLING: "",
}
