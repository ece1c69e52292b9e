"""Reads why a manager failed: from its JSON, or from the words in its log."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tui.backends.conda.command import shown
from tui.backends.conda.explicit_list import channel_of
from tui.backends.conda.manager_output import listed, mappings, text, texts
from tui.model.changes import ChangeVerb, EnvironmentChange
from tui.model.errors import ChangeFailed

# what failed stands at the end; a conflict of conda's old solver can be thousands of lines
_MOST_LINES = 400
_MOST_DETAIL = 800
_MOST_NAMES = 8

_KIND = re.compile(
    r"^([A-Z][A-Za-z]+(?:Error|Exception|Interrupt|NotFound|Exists|Channel|Spec)|CondaExit)\b:? ?"
)
_NETWORK = re.compile(
    r"CondaHTTPError|CondaSSLError|ProxyError|ConnectionFailed|NewConnectionError|Failed to establish a new"
    r"|[Tt]emporary failure in name resolution|Could not resolve host|[Nn]etwork is unreachable"
    r"|[Cc]onnection (?:refused|timed out|reset)|Download error \(\d+\)|Failed to fetch|error sending request"
    r"|dns error|Max retries exceeded|ReadTimeoutError|UnavailableInvalidChannel|Could not load repodata"
    r"|OfflineError"
)
_DISK_FULL = re.compile(
    r"No space left on device|NoSpaceLeftError|Disk quota exceeded|not enough space", re.IGNORECASE
)
_NOT_WRITABLE = re.compile(
    r"NotWritableError|NoWritable\w+Error|Permission denied|Read-only file system|PermissionError"
    r"|not writable",
    re.IGNORECASE,
)
_FROZEN = re.compile(r"EnvironmentIsFrozenError|is marked as frozen|externally-managed-environment")
_SIGNAL = re.compile(r"CondaSignalInterrupt|KeyboardInterrupt|Operation cancelled by user")
_MISSING_CONDA = "not available from current channels"
_MISSING_HERE = "missing from the target environment"
_DOES_NOT_EXIST = re.compile(r"[└├]─ (\S+)(?: [^,]*?)? does not exist")
_NOTHING_PROVIDES = re.compile(r"nothing provides requested (\S+)")
_PIP_MISSING = re.compile(r"No matching distribution found for (\S.*?)\s*(?:\(from .*)?$", re.MULTILINE)
_UV_MISSING = re.compile(r"Because (\S+) was not found in the (?:package registry|provided)")
_UV_NO_VERSION = re.compile(r"Because there (?:is|are) no versions? of (\S+)")
_CONFLICT = re.compile(
    r"UnsatisfiableError|ResolutionImpossible|conflicting dependencies|Could not solve for environment specs"
    r"|No solution found when resolving|Encountered problems while solving"
)
_PIP_CONFLICT = re.compile(
    r"^(?:ERROR: Cannot install .*|The conflict is caused by:|    .* depends on .*)$", re.MULTILINE
)
_UV_REASON = re.compile(r"^\s*(?:cause:|╰─▶|×)\s*(.*)$", re.MULTILINE)


def failure_of_json(
    change: EnvironmentChange, exit_code: int, told: Mapping[str, Any], words: str
) -> ChangeFailed:
    """The failure that an object of conda or micromamba describes.

    Args:
        change: that failed.
        exit_code: of the manager.
        told: its object.
        words: all that it printed.
    """
    problems = texts(told.get("solver_problems"))
    if problems:
        return _unsolved(change, exit_code, "\n".join(problems), "SolverError")
    # several at once come as a list
    errors = [told, *mappings(told.get("errors"))]
    first = next((each for each in errors if text(each.get("exception_name"))), told)
    kind = text(first.get("exception_name"))
    message = text(first.get("message")) or text(first.get("error")) or text(told.get("error"))
    missing = texts(first.get("packages"))
    if kind.startswith("PackagesNotFound") and missing:
        if change.verb is ChangeVerb.UNINSTALL or _MISSING_HERE in message:
            return _not_installed(missing, exit_code, kind)
        channels = listed(message.split("\n"), "Current channels:")
        return _no_such_package(change, missing, channels, exit_code, kind)
    return failure_of_text(change, exit_code, f"{kind}: {message}" if kind else message or words, kind)


def failure_of_text(change: EnvironmentChange, exit_code: int, words: str, kind: str = "") -> ChangeFailed:
    """The failure that the end of a log tells. Args: as above; kind: the manager's own name, "" to look."""
    lines = [line.rstrip() for line in words.split("\n")][-_MOST_LINES:]
    tail = "\n".join(lines)
    kind = kind or next((found[1] for found in map(_KIND.match, reversed(lines)) if found), "")
    if not tail.strip() and change.makes and exit_code == 1:
        return ChangeFailed(
            "Something is there already", shown(change.makes, 200), "Choose another name.", "PrefixExists", 1
        )
    for pattern, title, hint in (
        (
            _DISK_FULL,
            "No space is left on the disk",
            "Clean the caches, or make room in the container's volume.",
        ),
        (_FROZEN, "The environment is frozen", "Whoever made it wants it left as it is: clone it instead."),
        (_SIGNAL, "It was ended from outside", "Nothing of it is left, or it is shown as half made."),
    ):
        if pattern.search(tail):
            return ChangeFailed(title, _lines_with(lines, pattern), hint, kind, exit_code)
    return (
        _missing(change, lines, tail, exit_code, kind)
        or _of_pip(change, lines, tail, exit_code, kind)
        or _of_surroundings(lines, tail, exit_code, kind)
        or _of_manager(change, lines, tail, exit_code, kind)
    )


def _missing(
    change: EnvironmentChange, lines: Sequence[str], tail: str, exit_code: int, kind: str
) -> ChangeFailed | None:
    if _MISSING_HERE in tail or kind == "PackageNotInstalledError":
        return _not_installed(listed(lines, _MISSING_HERE), exit_code, kind)
    if _MISSING_CONDA in tail:
        names = listed(lines, _MISSING_CONDA)
        return _no_such_package(change, names, listed(lines, "Current channels:"), exit_code, kind)
    if kind == "ResolvePackageNotFound":
        return _no_such_package(change, listed(lines, kind), (), exit_code, kind)
    if _CONFLICT.search(tail) and not _PIP_CONFLICT.search(tail) and not _UV_REASON.search(tail):
        return _unsolved(change, exit_code, tail, kind or "SolverError")
    return None


def _unsolved(change: EnvironmentChange, exit_code: int, words: str, kind: str) -> ChangeFailed:
    """Of libmamba and of conda's solvers."""
    missing = [*_DOES_NOT_EXIST.findall(words), *_NOTHING_PROVIDES.findall(words)]
    if missing:
        return _no_such_package(change, list(dict.fromkeys(missing)), (), exit_code, kind)
    uv = _UV_MISSING.findall(words)
    if uv:
        return _no_such_package(change, uv, (), exit_code, kind)
    told = [
        line for line in words.split("\n") if re.search(r"[└├│]|requires|conflict|incompatible|^\s+- ", line)
    ]
    return _conflict("\n".join(told) or words, exit_code, kind)


def _of_pip(
    change: EnvironmentChange, lines: Sequence[str], tail: str, exit_code: int, kind: str
) -> ChangeFailed | None:
    """What pip, uv and venv say."""
    half = change.verb is ChangeVerb.CREATE and "Pip failed" in tail
    if half and not kind:
        kind = "CondaEnvException"
    if "ensurepip is not" in tail:
        return ChangeFailed(
            "This Python can't make a venv",
            "Its module ensurepip is not there.",
            "Install the package python3-venv in the container, or use uv.",
            "ensurepip",
            exit_code,
        )
    if re.search(r"No module named '?pip\b", tail):
        return ChangeFailed(
            "There is no pip in the environment",
            shown(change.prefix, 200),
            "Install conda's package pip into it first, or use uv.",
            "NoPip",
            exit_code,
        )
    # without a network pip says that it finds nothing, after it said why
    if _NETWORK.search(tail):
        return None
    missing = [*_PIP_MISSING.findall(tail), *_UV_MISSING.findall(tail), *_UV_NO_VERSION.findall(tail)]
    if missing:
        names = ", ".join(shown(each) for each in dict.fromkeys(missing))
        return ChangeFailed(
            f"No such package: {names}",
            "pip's index has none, or no version that fits this Python.",
            "Check how it is written." + _half(half),
            kind or "NoMatchingDistribution",
            exit_code,
        )
    if _PIP_CONFLICT.search(tail) or "No solution found when resolving" in tail:
        told = [line for line in lines if _PIP_CONFLICT.match(line)] or [
            found[1] for found in map(_UV_REASON.match, lines) if found
        ]
        return _conflict("\n".join(told), exit_code, kind or "ResolutionImpossible", _half(half))
    return None


def _of_surroundings(lines: Sequence[str], tail: str, exit_code: int, kind: str) -> ChangeFailed | None:
    """Network and permissions."""
    if _NOT_WRITABLE.search(tail):
        return ChangeFailed(
            "It must not be written",
            _lines_with(lines, _NOT_WRITABLE),
            "Choose a prefix below the user's home, or another user of the container.",
            kind or "NotWritable",
            exit_code,
        )
    if _NETWORK.search(tail):
        return ChangeFailed(
            "The channel or index can't be reached",
            _lines_with(lines, _NETWORK),
            "Look at the container's network and proxy (HTTPS_PROXY), and at the channel's address.",
            kind or "Network",
            exit_code,
        )
    return None


def _of_manager(
    change: EnvironmentChange, lines: Sequence[str], tail: str, exit_code: int, kind: str
) -> ChangeFailed:
    """The rest: what is wrong with the program itself, then its own last words."""
    program = shown(change.manager or "the interpreter", 200)
    if exit_code == 109 and "--clone" in tail:
        return ChangeFailed(
            "This micromamba can't clone",
            "It does since 2.5.0. Nothing was done.",
            "Export the environment as an explicit list, and create one from that.",
            kind or "NoClone",
            exit_code,
        )
    if exit_code in (126, 127):
        words = "is not there" if exit_code == 127 else "can't be run"
        return ChangeFailed(
            f"The manager {words}", _last(lines) or program, "", kind or "NoProgram", exit_code
        )
    if exit_code == 137:
        return ChangeFailed(
            "It was killed",
            _last(lines),
            "Often the container's memory limit: a solve can take some gigabytes.",
            kind or "Killed",
            exit_code,
        )
    if exit_code in (130, 143):
        return ChangeFailed("It was ended from outside", _last(lines), "", kind or "Signal", exit_code)
    if kind in (
        "EnvironmentLocationNotFound",
        "DirectoryNotACondaEnvironmentError",
        "EnvironmentNameNotFound",
    ):
        return ChangeFailed(
            "This is no environment of the manager's",
            _last(lines),
            "A folder without a history is one that is half made: remove it.",
            kind,
            exit_code,
        )
    title = f"{program.rpartition('/')[2]} failed with {exit_code}"
    return ChangeFailed(title, _last(lines), "The whole log tells more.", kind, exit_code)


def _no_such_package(
    change: EnvironmentChange, names: Sequence[str], channels: Sequence[str], exit_code: int, kind: str
) -> ChangeFailed:
    looked = [channel_of(each) for each in channels] or list(change.channels)
    where = ", ".join(shown(each, 120) for each in dict.fromkeys(looked))
    return ChangeFailed(
        f"No such package: {_few(names)}" if names else "A package does not exist",
        f"Looked in {where}." if where else "None of the configured channels has it.",
        "Check how it is written, or name the channel that has it.",
        kind,
        exit_code,
    )


def _not_installed(names: Sequence[str], exit_code: int, kind: str) -> ChangeFailed:
    return ChangeFailed(
        f"Not installed: {_few(names)}" if names else "It is not installed",
        "The manager knows nothing of it in this environment.",
        "What pip installed is uninstalled by pip.",
        kind or "PackageNotInstalled",
        exit_code,
    )


def _conflict(words: str, exit_code: int, kind: str, hint: str = "") -> ChangeFailed:
    return ChangeFailed(
        "These packages do not go together",
        _cut(words.strip()),
        "Loosen a version, or ask for fewer at once." + hint,
        kind,
        exit_code,
    )


def _half(is_half: bool) -> str:
    return " conda's part is done: the environment is half made." if is_half else ""


def _few(names: Sequence[str]) -> str:
    told = ", ".join(shown(each) for each in names[:_MOST_NAMES])
    return told + (f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else "")


def _lines_with(lines: Sequence[str], pattern: re.Pattern[str]) -> str:
    return _cut("\n".join(line.strip() for line in [each for each in lines if pattern.search(each)][-3:]))


def _last(lines: Sequence[str]) -> str:
    """The last words that say something."""
    told = [line.strip() for line in lines if line.strip() and not set(line.strip()) <= set("()[]{}-=*#. ")]
    return _cut("\n".join(told[-4:]))


def _cut(words: str) -> str:
    return words if len(words) <= _MOST_DETAIL else words[: _MOST_DETAIL - 1] + "…"
