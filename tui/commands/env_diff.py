"""`envtui env diff`: two environments, or one and a file, next to each other."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.commands.env_export import read_record
from tui.commands.finding import AmbiguousEnvironment, list_candidates
from tui.commands.options import load_settings, open_workstation
from tui.commands.table import print_table
from tui.model.errors import EnvtuiError, FileFault, UsageError
from tui.model.printable import printable

if TYPE_CHECKING:
    import argparse

    from tui.model.comparison import Comparison, PackageDifference, Side
    from tui.workstation import Workstation

_EQUAL, _DIFFER, _TROUBLE = 0, 1, 2
_STDIN = "-"
_YML = re.compile(r"^(?:name|channels|dependencies|prefix|variables)\s*:", re.MULTILINE)
_FILE_ENDINGS = (".yml", ".yaml", ".txt", ".lock")


def add_parser(subcommands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = subcommands.add_parser(
        "diff",
        parents=[common],
        help="compare two environments, or one and a file",
        description="Compare two environments, of one container or of two, or an environment and a file: "
        "torch and CUDA first. Of an environment.yml or a requirements file only what it asks for is "
        "compared; an explicit lock names everything.",
        epilog="Ends with 0 where nothing differs, 1 where something does, and 2 on trouble, as diff does.",
    )
    what = (
        "CONTAINER/ENV, or a file (environment.yml, explicit lock, requirements; - for standard input). A "
        "file that exists goes first, and ./x is always one"
    )
    parser.add_argument("left", metavar="A", help=what)
    parser.add_argument("right", metavar="B", help="the same")
    parser.add_argument("--json", action="store_true", help="an object with all differences")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the differences; gives back the exit code, of any trouble, too."""
    try:
        return _run(options, environ)
    except BrokenPipeError:
        raise
    except EnvtuiError as error:
        _say(error.one_line())
    except OSError as error:
        _say(f"The system refuses: {error.strerror or error}")
    return _TROUBLE


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    from tui.model.comparison import compare

    if options.left == options.right == _STDIN:
        raise UsageError("Twice standard input", "there is only one")
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    sides = []
    for argument in (options.left, options.right):
        try:
            sides.append(_side(workstation, argument, not settings.read_only))
        except AmbiguousEnvironment as ambiguous:
            list_candidates(ambiguous, argument)
            return _TROUBLE
    told = compare(*sides)
    code = _EQUAL if told.are_equal else _DIFFER
    try:
        if options.json:
            print(json.dumps(_as_json(told), indent=2))
        elif told.differences:
            _print_people(told)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read our output has enough; what was found stays found
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    for line in (*told.unclear, *told.notes):
        _say(line)
    if told.are_equal and sys.stdout.isatty() and not options.json:
        _say(f"nothing differs, of {told.same} packages")
    return code


def _side(workstation: Workstation, argument: str, ask_inside: bool) -> Side:
    from tui.model.comparison import of_record

    is_path = argument.startswith(("./", "../")) or argument in (_STDIN, ".", "..")
    if is_path or os.path.isdir(argument) or not os.path.exists(argument):
        if is_path:
            return _of_file(argument)
        may_be_container = "/" in argument.lstrip("/")
        if argument.lower().endswith(_FILE_ENDINGS) and (not may_be_container or argument.startswith("/")):
            raise EnvtuiError("No such file", argument)
        _, record = read_record(workstation, argument, ask_inside)
        return of_record(argument, record)
    return _of_file(argument)


def _of_file(path: str) -> Side:
    # the YAML reader is nothing for --help
    from tui.backends.conda.environment_file import read_environment_file
    from tui.backends.conda.requirements import parse_pip
    from tui.model.comparison import of_file, of_lock
    from tui.model.locks import is_explicit, read_lock

    name = "standard input" if path == _STDIN else path
    text = _read(path, name)
    is_yml = path.lower().endswith((".yml", ".yaml"))
    if not is_explicit(text) and (is_yml or _YML.search(text)):
        return of_file(name, read_environment_file(text, name))
    lock = read_lock(text, name)
    return of_lock(name, lock, [parse_pip(each) for each in lock.pip])


def _read(path: str, name: str) -> str:
    from tui.model.changes import MOST_FILE_BYTES

    try:
        if path == _STDIN:
            content = sys.stdin.buffer.read(MOST_FILE_BYTES + 1)
        else:
            with open(path, "rb") as file:
                content = file.read(MOST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileFault(name, f"it can't be read: {why}") from error
    if len(content) > MOST_FILE_BYTES:
        raise FileFault(name, f"it is larger than {MOST_FILE_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        found = f"found byte 0x{content[error.start]:02x}, expected text in UTF-8"
        raise FileFault(f"{name}, line {line}", found, line=line) from error


def _print_people(told: Comparison) -> None:
    rows = [
        [
            each.name,
            each.kind.value,
            _cell(each, each.left_owner, each.left_version, each.left_build),
            _cell(each, each.right_owner, each.right_version, each.right_build),
        ]
        for each in told.differences
    ]
    print_table(["PACKAGE", "WHAT", told.left, told.right], rows)


def _cell(difference: PackageDifference, owner: str | None, version: str | None, build: str) -> str:
    """A version, with what makes it another one where that is not the version itself."""
    if owner is None or version is None:
        return "–"
    parts = [version]
    if build and difference.left_version == difference.right_version:
        parts.append(build)
    if difference.left_owner != difference.right_owner and owner:
        parts.append(f"({owner})")
    return " ".join(parts)


def _as_json(told: Comparison) -> dict[str, Any]:
    return {
        "left": told.left,
        "right": told.right,
        "equal": told.are_equal,
        "same": told.same,
        "differences": [
            {
                "name": each.name,
                "kind": each.kind.value,
                "left": _side_json(each.left_owner, each.left_version, each.left_build),
                "right": _side_json(each.right_owner, each.right_version, each.right_build),
            }
            for each in told.differences
        ],
        "unclear": list(told.unclear),
        "notes": list(told.notes),
    }


def _side_json(owner: str | None, version: str | None, build: str) -> dict[str, str | None] | None:
    if owner is None:
        return None
    return {"owner": owner or None, "version": version, "build": build or None}


def _say(line: str) -> None:
    print(f"envtui: {printable(line)}", file=sys.stderr)
