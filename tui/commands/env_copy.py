"""`envtui env copy`: the same environment in another container, made anew there or carried over as it is.

By packages it prints what `envtui env create` prints. By archive, with --json: with --dry-run the plan,
`{by, source, prefix, target}`, else the same with `{bytes, state, error}`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.commands.finding import (
    AmbiguousEnvironment,
    check_runs,
    find_container,
    list_candidates,
    split_target,
)
from tui.commands.options import load_settings, open_workstation
from tui.model.containers import ContainerState
from tui.model.environments import EnvironmentKind
from tui.model.errors import (
    ChangeCancelled,
    ChangeFailed,
    ChangeRefused,
    ChangeUnderWay,
    EnvtuiError,
    UsageError,
)
from tui.model.units import format_bytes

if TYPE_CHECKING:
    import argparse

    from tui.backends.base import EnvironmentChanges
    from tui.commands.changing import Undertaking
    from tui.model.containers import Container
    from tui.model.environments import Environment
    from tui.settings import Settings
    from tui.workstation import Workstation

_USAGE, _DONE, _FAILED, _CANCELLED = 2, 0, 1, 130
_PACKAGES, _ARCHIVE = "packages", "archive"
# Parts of the names that managers, and those who read what they print, give to a network that is not there.
_NETWORK_KINDS = ("HTTP", "Network", "Connection", "SSL", "Proxy")
_ARCHIVE_HINT = "`--by archive` carries it over as it is, without a network"


def add_parser(subcommands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    from tui.commands.changing import add_common

    parser = subcommands.add_parser(
        "copy",
        parents=[common],
        help="make the same environment in another container",
        description="Make the same environment in another container: from a list of its packages, which are "
        "fetched there, or as an archive of its files, which needs no network and keeps the path.",
        epilog="What can't be carried (editable installs, local files) is named. --json prints one object: "
        "by packages that of `envtui env create`, by archive {by, source, prefix, target, bytes, state, "
        "error}.",
    )
    parser.add_argument(
        "target", metavar="CONTAINER/ENV", help="ENV by name, or by its prefix: dl-dev//opt/conda/envs/x"
    )
    parser.add_argument("to", metavar="CONTAINER2[/NAME]", help="NAME or path there; by default the same")
    parser.add_argument("--by", choices=(_PACKAGES, _ARCHIVE), default=_PACKAGES, help="packages by default")
    add_common(parser)
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Copy it; gives back the exit code. Raises an EnvtuiError."""
    from tui.commands.changing import backend_of, check_user

    check_user(options)
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    backend = backend_of(workstation, settings)
    name, _ = split_target(options.to)
    listed, _ = workstation.containers.containers()
    target = find_container(listed, name)
    check_runs(target)
    try:
        source, environment = _source(workstation, options.target, settings)
    except AmbiguousEnvironment as ambiguous:
        list_candidates(ambiguous, options.target)
        return _USAGE
    if source.id == target.id:
        raise UsageError("The same container", f"{target.name} twice", "`envtui env clone` copies within one")
    if options.by == _ARCHIVE:
        return _by_archive(workstation, backend, options, source, environment, target)
    undertaking = _by_packages(workstation, backend, options, source, environment, target)
    try:
        return undertaking.carry_out()
    except ChangeFailed as error:
        if any(each in error.kind for each in _NETWORK_KINDS):
            error.hint = f"{error.hint.rstrip('.')}. {_ARCHIVE_HINT}" if error.hint else _ARCHIVE_HINT
        raise


def _source(workstation: Workstation, wanted: str, settings: Settings) -> tuple[Container, Environment]:
    """What is copied, of a container that may be stopped. Raises an EnvtuiError."""
    from tui.commands.change_targets import check_allowed
    from tui.commands.finding import environment_in
    from tui.model.changes import ChangeVerb

    name, environment_name = split_target(wanted)
    if not environment_name:
        raise UsageError(
            f"No environment in {wanted}", "it is named CONTAINER/ENV", "`envtui envs CONTAINER` lists them"
        )
    listed, _ = workstation.containers.containers()
    container = find_container(listed, name)
    environment = environment_in(workstation, container, environment_name)
    check_allowed(environment, ChangeVerb.CLONE, settings)
    return container, environment


# -- by packages


def _by_packages(
    workstation: Workstation,
    backend: EnvironmentChanges,
    options: argparse.Namespace,
    source: Container,
    environment: Environment,
    target: Container,
) -> Undertaking:
    from tui.commands.change_targets import check_name, container_of
    from tui.commands.changing import Undertaking
    from tui.model.change_making import fitting
    from tui.model.changes import SourceFile
    from tui.model.exports import ExportFormat, export

    if workstation.records is None:
        raise EnvtuiError("No records", "this host's environments can't be read")
    record = workstation.records.records(source, environment)
    exported = export(record, ExportFormat.YML if record.pip else ExportFormat.EXPLICIT)
    file = SourceFile(exported.file_format, exported.text, f"packages of {environment.label}")
    _, wanted = split_target(options.to)
    _, listing = container_of(workstation, target.name)
    name = check_name(wanted or environment.name or environment.prefix)
    made = backend.new_prefix(target, name, listing.environments, options.user)
    fitted = fitting(made, record, listing.environments)
    change = replace(fitted, file=file, user=options.user)
    notes = (*(f"not carried: {each}" for each in exported.cannot_be_carried), *exported.notes)
    if fitted.kind is not EnvironmentKind.CONDA and record.python:
        notes += (f"its Python will be the one of {target.name}; here it is {record.python}",)
    return Undertaking(workstation, backend, target, change, options, notes=notes)


# -- by archive


def _by_archive(
    workstation: Workstation,
    backend: EnvironmentChanges,
    options: argparse.Namespace,
    source: Container,
    environment: Environment,
    target: Container,
) -> int:
    from tui.commands.change_output import error_json, say
    from tui.commands.changing import agreed, can_ask, needs_yes
    from tui.commands.interrupts import Background, Interrupts

    if environment.kind is EnvironmentKind.BASE:
        raise ChangeRefused("Not copied", "base is the installation itself", "Copy its packages")
    copies = workstation.copies
    if copies is None:
        raise EnvtuiError("No archives", "prefixes of this host can't be carried over")
    if options.user:
        raise UsageError("--user with an archive", "files keep their owners", "Leave it out")
    _, wanted = split_target(options.to)
    if wanted and wanted not in (environment.name, environment.prefix):
        raise UsageError(
            "An archive keeps its path",
            f"it would be {environment.prefix} there, too",
            f"Leave /{wanted} out",
        )
    plan = {"by": _ARCHIVE, "source": source.name, "prefix": environment.prefix, "target": target.name}
    there = workstation.environments.environments(target).environments if workstation.environments else ()
    if any(each.prefix == environment.prefix for each in there):
        raise ChangeRefused("Not copied", f"{environment.prefix} is there already in {target.name}")
    for each in (source, target) if source.state is ContainerState.RUNNING else (target,):
        if any(environment.prefix in job.change.touched for job in backend.jobs(each) if not job.is_over):
            raise ChangeUnderWay("Not copied", f"a job in {each.name} is at work on {environment.prefix}")
    words = f"Copy {environment.prefix} as it is from {source.name} to {target.name}"
    if options.dry_run:
        print(json.dumps(plan, indent=2) if options.json else _shown(words))
        return _DONE
    if not options.yes:
        if not can_ask():
            raise needs_yes()
        if not agreed(f"{words}?"):
            say("nothing was changed")
            return _FAILED
    carried = 0

    def tell(count: int) -> None:
        nonlocal carried
        carried = count

    error: EnvtuiError | None = None
    with Interrupts() as interrupts:
        copying = Background(
            lambda: copies.copy_prefix(
                source, environment.prefix, target, lambda: interrupts.count > 0, tell
            ),
            "copy",
        )
        has_said = False
        while not copying.wait():
            if interrupts.count and not has_said:
                has_said = True
                say(f"cancelling … (ctrl+c again leaves what is in {target.name} by then)")
            if interrupts.count > 1:
                say(f"a part of {environment.prefix} may be left in {target.name}: remove it there")
                return _CANCELLED
        try:
            copying.result()
        except EnvtuiError as failure:
            error = failure
    state = "done" if error is None else "cancelled" if isinstance(error, ChangeCancelled) else "failed"
    if options.json:
        print(json.dumps({**plan, "bytes": carried, "state": state, "error": error_json(error)}, indent=2))
        sys.stdout.flush()
    if error is None:
        say(f"{words}: {format_bytes(carried)} carried")
        return _DONE
    say(error.one_line())
    return _CANCELLED if interrupts.count else _FAILED


def _shown(words: str) -> str:
    from tui.model.printable import printable

    return printable(words)
