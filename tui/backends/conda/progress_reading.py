"""Reads from a manager's log, written without a terminal, how far it is."""

from __future__ import annotations

import re

from tui.backends.conda.manager_output import text_of
from tui.model.changes import ChangeVerb, EnvironmentChange, Progress

# the log of 1,000 packages of micromamba is 150 kB
_MOST_BYTES = 1 << 20

#: What stands at the beginning of a line, and the stage that begins with it.
_STAGES: tuple[tuple[str, str], ...] = (
    # conda, mamba 1
    ("Collecting package metadata", "reading the channels"),
    ("Retrieving notices", "reading the channels"),
    ("Solving environment", "solving"),
    ("Downloading and Extracting", "downloading"),
    ("Preparing transaction", "preparing"),
    ("Verifying transaction", "verifying"),
    ("Executing transaction", "linking"),
    ("Rolling back transaction", "rolling back"),
    ("Installing pip dependencies", "installing by pip"),
    ("Installing pip packages", "installing by pip"),
    ("Remove all packages in environment", "removing"),
    # micromamba, mamba 2
    ("Collect information", "looking"),
    ("Cleaning ", "cleaning"),
    ("Transaction starting", "downloading"),
    ("Transaction finished", "finishing"),
    ("Unlinking ", "unlinking"),
    ("Linking ", "linking"),
    # pip
    ("Looking in ", "solving"),
    ("Collecting ", "solving"),
    ("Processing ", "solving"),
    ("Downloading ", "downloading"),
    ("Using cached ", "downloading"),
    ("Building wheel", "building"),
    ("Installing build dependencies", "building"),
    ("Installing collected packages:", "installing"),
    ("Attempting uninstall:", "installing"),
    ("Successfully ", "finishing"),
    # uv
    ("Using Python ", "solving"),
    ("Using CPython ", "making"),
    ("Creating virtual environment", "making"),
    ("Resolved ", "downloading"),
    ("Prepared ", "installing"),
    ("Uninstalled ", "installing"),
    ("Installed ", "finishing"),
)
_TRANSACTION = re.compile(
    r"^\s*(?:Install|Change|Reinstall|Upgrade|Downgrade): (\d{1,6}) packages?", re.MULTILINE
)
_NEW = re.compile(r"^\s*(?:Prepared|Resolved) (\d{1,6}) packages?", re.MULTILINE)
_FIRST = {
    ChangeVerb.REMOVE: "removing",
    ChangeVerb.CLEAN: "cleaning",
    ChangeVerb.UNINSTALL: "removing",
}


def read_progress(change: EnvironmentChange, log: bytes) -> Progress:
    """How far the manager is.

    Args:
        change: that runs.
        log: what was printed so far, or its end; counting needs it from the beginning.
    """
    lines = text_of(log[-_MOST_BYTES:]).split("\n")
    if ":" not in lines[-1]:
        # half a line; of conda a phase that is at work has no end yet
        lines.pop()
    stage, at = _FIRST.get(change.verb, "starting"), 0
    for number, line in enumerate(lines):
        found = next((name for words, name in _STAGES if line.lstrip(" ").startswith(words)), None)
        if found is not None:
            stage, at = found, number
    if stage == "linking" and change.verb in _FIRST:
        stage = _FIRST[change.verb]
    done, total = _count(stage, lines, at) if lines else (0, 0)
    return Progress(stage, min(done, total), total)


def _count(stage: str, lines: list[str], at: int) -> tuple[int, int]:
    """Of the things of a stage: done and total; zeros where they are not counted."""
    whole = "\n".join(lines)
    first = lines[at].lstrip(" ")
    if first.startswith(("Linking ", "Unlinking ")):
        start = max(
            (number for number, line in enumerate(lines) if "Transaction starting" in line), default=0
        )
        count = sum(line.startswith("Linking ") for line in lines[start:])
        total = sum(map(int, _TRANSACTION.findall("\n".join(lines[:start]))))
        return (count, total) if total >= count and total else (0, 0)
    if stage == "installing" and first.startswith("Installing collected packages:"):
        return 0, len([name for name in first.partition(":")[2].split(",") if name.strip()])
    if stage == "installing" and first.startswith("Attempting uninstall:"):
        told = re.findall(r"^Installing collected packages: (.*)$", whole, re.MULTILINE)
        return 0, len(told[-1].split(",")) if told else 0
    if first.startswith(("Resolved ", "Prepared ", "Uninstalled ")):
        return 0, int(_NEW.findall(whole)[-1]) if _NEW.search(whole) else 0
    if first.startswith("Downloading ") and "Resolved " in whole:
        # uv names each that begins and each that is there
        begun = sum(line.startswith("Downloading ") for line in lines)
        return sum(line.startswith(" Downloaded ") for line in lines), begun
    return 0, 0
