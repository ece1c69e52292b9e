"""`envtui env export`: an environment as a file that somebody else can make it from."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.commands.finding import (
    AmbiguousEnvironment,
    environment_in,
    find_container,
    list_candidates,
    split_target,
)
from tui.commands.options import load_settings, open_workstation
from tui.model.errors import EnvtuiError, SaveFailed, UsageError
from tui.model.printable import printable

if TYPE_CHECKING:
    import argparse

    from tui.model.containers import Container
    from tui.model.environment_records import EnvironmentRecord
    from tui.monitor.new_file import Place
    from tui.workstation import Workstation

_DONE, _USAGE = 0, 2
# The values of `ExportFormat`, which is not loaded for --help.
_FORMATS = ("yml", "history", "explicit")


def add_parser(subcommands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = subcommands.add_parser(
        "export",
        parents=[common],
        help="print an environment as a file that it can be made from",
        description="Print an environment as a file that somebody else can make it from. What no file can "
        "carry (editable installations, files of that machine, passwords) is named on standard error. "
        "Nothing is changed, and neither conda nor Python are needed in the container.",
    )
    parser.add_argument(
        "target", metavar="CONTAINER/ENV", help="ENV by name, or by its prefix: dl-dev//opt/conda/envs/x"
    )
    parser.add_argument(
        "--format",
        choices=_FORMATS,
        default="yml",
        help="yml: every package with its version (default); history: what was asked for; explicit: a lock "
        "of addresses with hashes. What conda doesn't know (venv, uv, system) becomes lines for pip",
    )
    parser.add_argument("--output", metavar="FILE", help="write it to a new file instead")
    parser.add_argument("--force", action="store_true", help="replace the file that is there")
    parser.add_argument("--json", action="store_true", help="an object with the text and what is missing")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print or write the file. Raises an EnvtuiError."""
    from tui.model.exports import ExportFormat, export

    if options.force and options.output is None:
        raise UsageError("--force without --output", "there is no file to be replaced")
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    # before anything is asked: it costs nothing to know
    place = _place(options.output, options.force) if options.output is not None else None
    try:
        container, record = read_record(workstation, options.target, not settings.read_only)
    except AmbiguousEnvironment as ambiguous:
        list_candidates(ambiguous, options.target)
        return _USAGE
    made = export(record, ExportFormat(options.format))
    if place is not None:
        _write(place, made.text, options.force)
    if options.json:
        told = {
            "container": container.name,
            "container_id": container.id,
            "environment": record.name or None,
            "prefix": record.prefix,
            "format": options.format,
            "file_format": made.file_format.value,
            "output": options.output,
            "text": made.text,
            "cannot_be_carried": list(made.cannot_be_carried),
            "notes": list(made.notes),
        }
        print(json.dumps(told, indent=2))
    elif place is None:
        sys.stdout.write(made.text)
    sys.stdout.flush()
    for note in made.notes:
        _say(note)
    for each in made.cannot_be_carried:
        _say(f"not carried: {each}")
    return _DONE


def read_record(
    workstation: Workstation, target: str, ask_inside: bool
) -> tuple[Container, EnvironmentRecord]:
    """The container and the records of the environment that CONTAINER/ENV names.

    Args:
        workstation: to be looked at.
        target: as it is written on the command line.
        ask_inside: whether a command may be run in the container.

    Raises:
        UsageError: it names no environment.
        AmbiguousEnvironment: it may mean several.
        EnvtuiError: there is none, or it can't be read.
    """
    name, wanted = split_target(target)
    if not wanted:
        raise UsageError(
            f"No environment in {target}", "it is named CONTAINER/ENV", "`envtui envs CONTAINER` lists them"
        )
    if workstation.records is None:
        raise EnvtuiError("No records", "this host's environments can't be read")
    listed, _ = workstation.containers.containers()
    container = find_container(listed, name)
    environment = environment_in(workstation, container, wanted, ask_inside)
    return container, workstation.records.records(container, environment, ask_inside)


def _place(output: str, force: bool) -> Place:
    from tui.monitor.new_file import place_of

    if not output:
        raise UsageError("--output is empty", "", "Name a file, or leave the option out")
    path = Path(output)
    if not force and os.path.lexists(path):
        raise SaveFailed("The file exists already", output, "--force replaces it")
    return place_of(path, replace=force)


def _write(place: Place, text: str, force: bool) -> None:
    from tui.monitor.new_file import NewFile, free_bytes_in

    with NewFile(place, free_bytes_in) as file:
        file.write(text.encode("utf-8"))
        file.sync()
        file.publish(force)


def _say(line: str) -> None:
    print(f"envtui: {printable(line)}", file=sys.stderr)
