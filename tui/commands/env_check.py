"""`envtui env check`: what is wrong in an `environment.yml`, before anything is solved."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.model.errors import EngineError, FileFault, UsageError
from tui.model.printable import printable

if TYPE_CHECKING:
    import argparse

    from tui.model.compatibility import DriverFacts
    from tui.model.file_problems import FileProblem

_STDIN = "-"
_DRIVER = re.compile(r"\d{2,4}(\.\d{1,4}){0,3}", re.ASCII)
# A correction can bring out what was hidden behind the fault; more rounds than this are none.
_MOST_ROUNDS = 4


def add_parser(subcommands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = subcommands.add_parser(
        "check",
        parents=[common],
        help="what is wrong in an environment.yml",
        description="Tell what can't work in an environment.yml, and what is a trap, without solving it: "
        "each line with the one that would be right, where that can be said. No engine is asked.",
        epilog="Exit status: 0 without errors (warnings are none), 1 with errors, or where the file can't be "
        "read; with --fix, 1 where errors are left.",
    )
    parser.add_argument("file", metavar="FILE", help="an environment.yml; - for standard input")
    parser.add_argument(
        "--driver", metavar="VERSION", help="of the NVIDIA driver that it is for (this machine's)"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="an object with all findings")
    output.add_argument(
        "--fix", action="store_true", help="print the corrected file; the findings go to standard error"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the findings; gives back 1 where there are errors. Raises an EnvtuiError."""
    name = "standard input" if options.file == _STDIN else options.file
    driver = _driver_facts(options, environ)
    text = _read(options.file, name)
    problems = _check(text, name, driver)
    try:
        problems = _print(options, name, text, problems, driver)
    except BrokenPipeError:
        # whoever read our output has enough; what was found stays found
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if any(each.severity == "error" for each in problems) else 0


def _print(
    options: argparse.Namespace,
    name: str,
    text: str,
    problems: tuple[FileProblem, ...],
    driver: DriverFacts | None,
) -> tuple[FileProblem, ...]:
    """Print what was found; gives back what is wrong in what was printed."""
    if options.json:
        print(json.dumps({"file": options.file, "problems": [_as_json(each) for each in problems]}, indent=2))
    elif options.fix:
        _print_people(name, problems, sys.stderr)
        text, problems = _fixed(text, name, driver, problems)
        # as it was, whatever the terminal's own encoding is
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        _print_people(name, problems, sys.stdout)
        _explain(name, problems, driver)
    sys.stdout.flush()
    return problems


def _driver_facts(options: argparse.Namespace, environ: Mapping[str, str]) -> DriverFacts | None:
    """The driver that was named, or this machine's; None where there is none, or nobody can say."""
    from tui.commands.options import load_settings, open_workstation
    from tui.model.compatibility import DriverFacts

    if options.driver is not None:
        if not _DRIVER.fullmatch(options.driver):
            raise UsageError("--driver is no version", options.driver, "Such as 550.54.15")
        return DriverFacts(options.driver)
    settings = load_settings(options, environ)
    try:
        workstation = open_workstation(options, settings, environ)
    except EngineError:
        # an address that means nothing: the file can be checked all the same
        return None
    return workstation.driver.facts() if workstation.driver else None


def _read(path: str, name: str) -> str:
    from tui.model.changes import MOST_FILE_BYTES

    try:
        if path == _STDIN:
            content = sys.stdin.buffer.read(MOST_FILE_BYTES + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(MOST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise FileFault(name, f"it can't be read: {reason or error}") from error
    if len(content) > MOST_FILE_BYTES:
        raise FileFault(name, f"it is larger than {MOST_FILE_BYTES >> 20} MiB, expected an environment.yml")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        # what > makes of conda's output in PowerShell
        raise FileFault(name, "found UTF-16, expected UTF-8", "Save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise FileFault(
            f"{name}, line {line}", f"found the byte 0x{content[error.start]:02X}, expected UTF-8", line=line
        ) from error


def _check(text: str, name: str, driver: DriverFacts | None) -> tuple[FileProblem, ...]:
    from tui.backends.conda.environment_file import read_environment_file
    from tui.data import cuda_table, environment_rules
    from tui.model.file_check import check

    return check(read_environment_file(text, name), environment_rules(), driver, cuda_table())


def _fixed(
    text: str, name: str, driver: DriverFacts | None, problems: tuple[FileProblem, ...]
) -> tuple[str, tuple[FileProblem, ...]]:
    """The corrected text, and what is still wrong in it."""
    from tui.backends.conda.environment_file import read_environment_file
    from tui.model.file_problems import corrected

    for _ in range(_MOST_ROUNDS):
        new = corrected(read_environment_file(text, name), problems)
        if new == text:
            break
        text, problems = new, _check(new, name, driver)
    return text, problems


def _as_json(problem: FileProblem) -> dict[str, Any]:
    """The object that stands for a finding; null is for a line that nobody can name."""
    return {
        "line": problem.line,
        "text": problem.text,
        "severity": problem.severity.value,
        "rule": problem.rule,
        "message": problem.message,
        "corrected": problem.corrected,
        "source": "; ".join(_addresses(problem)),
    }


def _addresses(problem: FileProblem) -> list[str]:
    from tui.data import cuda_table, environment_rules

    known = {**cuda_table().sources, **environment_rules().sources}
    return [known[source].address for source in problem.sources if source in known]


def _print_people(name: str, problems: Sequence[FileProblem], stream: Any) -> None:
    for each in problems:
        print(printable(f"{name}:{each.line}: {each.severity.value}: {each.message}"), file=stream)
        if each.corrected is None:
            continue
        lines = [line.strip() for line in each.corrected.splitlines()] or ["(nothing)"]
        for number, line in enumerate(lines):
            print(printable(f"{'    instead: ' if number == 0 else '             '}{line}"), file=stream)


def _explain(name: str, problems: Sequence[FileProblem], driver: DriverFacts | None) -> None:
    """Say what an empty answer means, to people alone."""
    if not sys.stdout.isatty():
        return
    if not problems:
        print(f"envtui: {printable(name)}: nothing is wrong that envtui knows of", file=sys.stderr)
    if driver is None or driver.driver_version is None:
        print("envtui: no NVIDIA driver is known, so CUDA was not looked at (--driver)", file=sys.stderr)
