"""`envtui env create|clone|rename|install|update|remove|clean`: change an environment of a container.

With --json one object is printed: with --dry-run the plan, `{change, is_exact, packages: [{name, old, new,
old_build, new_build, owner, channel, fetch_bytes, is_downgrade}], removes, commands, fetch_bytes,
frees_bytes, notes}`; else how it ended, `{job, state, error, log_tail}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.commands.finding import AmbiguousEnvironment, list_candidates
from tui.commands.options import load_settings, open_workstation
from tui.model.errors import ChangeRefused, EnvtuiError, NoManager, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from tui.backends.base import EnvironmentChanges
    from tui.commands.changing import Undertaking
    from tui.model.changes import EnvironmentChange, SourceFile
    from tui.model.containers import Container
    from tui.model.environments import Environment, EnvironmentList
    from tui.settings import Settings
    from tui.workstation import Workstation

_USAGE = 2
_ENV = "CONTAINER/ENV"
_ENV_HELP = "ENV by name, or by its prefix: dl-dev//opt/conda/envs/x"
_EPILOG = (
    "A plan is shown first, and nothing is done before somebody agrees to it. The job runs in the container: "
    "ctrl+c ends it there and undoes what it began; a second one leaves it to the container, where `envtui "
    "env jobs` finds it. Exit status: 0 done, 1 failed or refused, 2 a mistake on the command line or "
    "nobody to be asked, 130 cancelled. --json prints one object, {job, state, error, log_tail}; with "
    "--dry-run the plan, {change, is_exact, packages, removes, commands, fetch_bytes, frees_bytes, notes}."
)


def add_parser(subcommands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommands."""
    from tui.commands.changing import add_common

    def add(name: str, help: str, description: str, make: _Maker) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = subcommands.add_parser(
            name, parents=[common], help=help, description=description, epilog=_EPILOG
        )
        add_common(parser)
        _take_options_anywhere(parser)
        parser.set_defaults(command=run, make=make)
        return parser

    create = add(
        "create", "make an environment", "Make an environment from packages or from a file.", _create
    )
    create.add_argument(
        "target", metavar="CONTAINER/NAME", help="a name, or an absolute path: dl-dev//data/envs/x"
    )
    create.add_argument("packages", metavar="PACKAGE", nargs="*", help="such as numpy or 'python>=3.11'")
    create.add_argument("--python", metavar="VERSION", default="", help="such as 3.12")
    create.add_argument(
        "--kind", choices=("conda", "venv", "uv"), help="by default what the container's best manager makes"
    )
    _add_package_options(create)
    _add_file_option(create)
    clone = add(
        "clone", "make a copy in the same container", "Make one with the packages of another.", _clone
    )
    clone.add_argument("target", metavar=_ENV, help=_ENV_HELP)
    clone.add_argument("name", metavar="NAME", help="of the new one, or its absolute path")
    rename = add("rename", "give another name", "Give an environment of conda another name.", _rename)
    rename.add_argument("target", metavar=_ENV, help=_ENV_HELP)
    rename.add_argument("name", metavar="NAME", help="in the same folder, or an absolute path")
    install = add("install", "add packages", "Add packages to an environment.", _install)
    install.add_argument("target", metavar=_ENV, help=_ENV_HELP)
    install.add_argument("packages", metavar="PACKAGE", nargs="*", help="such as numpy or 'scipy>=1.14'")
    _add_package_options(install)
    update = add("update", "bring packages to newer versions", "Update packages, or all of them.", _update)
    update.add_argument("target", metavar=_ENV, help=_ENV_HELP)
    update.add_argument("packages", metavar="PACKAGE", nargs="*", help="none: all of conda's")
    _add_channel_options(update)
    _add_file_option(update)
    remove = add(
        "remove",
        "remove packages, or a whole environment",
        "Remove packages from an environment; without any, the whole environment.",
        _remove,
    )
    remove.add_argument("target", metavar=_ENV, help=_ENV_HELP)
    remove.add_argument("packages", metavar="PACKAGE", nargs="*", help="none: the environment itself")
    clean = add(
        "clean", "empty a manager's caches", "Remove downloads and packages that nothing uses.", _clean
    )
    clean.add_argument("target", metavar="CONTAINER[/ENV]", help="ENV: one of the installation that is meant")


def _take_options_anywhere(parser: argparse.ArgumentParser) -> None:
    """Let options stand before packages, where argparse alone finds no packages behind them."""
    plain = parser.parse_known_args
    is_within = False

    def parse(args: Any = None, namespace: Any = None) -> Any:
        nonlocal is_within
        if is_within:
            return plain(args, namespace)
        is_within = True
        try:
            return parser.parse_known_intermixed_args(args, namespace)
        finally:
            is_within = False

    parser.parse_known_args = parse  # type: ignore[method-assign]


def _add_package_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pip", metavar="PACKAGE", action="append", default=[], help="by pip, after the others; repeatable"
    )
    _add_channel_options(parser)


def _add_channel_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-c", "--channel", metavar="CHANNEL", action="append", default=[], help="of conda; repeatable"
    )
    parser.add_argument("--override-channels", action="store_true", help="look at no other channels")


def _add_file_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--file", metavar="FILE", help="environment.yml, an explicit lock, or a requirements file"
    )


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry out a change; gives back the exit code. Raises an EnvtuiError."""
    from tui.commands.changing import backend_of, check_user

    check_user(options)
    settings = load_settings(options, environ)
    # before the host is asked for anything
    file = _read(options)
    workstation = open_workstation(options, settings, environ)
    backend = backend_of(workstation, settings)
    if file is not None:
        _check(file, workstation, options)
    try:
        return _Request(options, settings, workstation, backend, file).undertaking().carry_out()
    except AmbiguousEnvironment as ambiguous:
        list_candidates(ambiguous, options.target)
        return _USAGE


class _Request:
    """A command line together with what it is about."""

    def __init__(
        self,
        options: argparse.Namespace,
        settings: Settings,
        workstation: Workstation,
        backend: EnvironmentChanges,
        file: SourceFile | None,
    ) -> None:
        self.options = options
        self.settings = settings
        self.workstation = workstation
        self.backend = backend
        self.file = file

    def undertaking(self) -> Undertaking:
        """What is to be carried out. Raises an EnvtuiError."""
        from tui.commands.changing import Undertaking

        container, change, typed = self.options.make(self)
        change = replace(change, user=self.options.user)
        return Undertaking(self.workstation, self.backend, container, change, self.options, typed)

    def environment(self) -> tuple[Container, EnvironmentList, Environment]:
        """What the target names. Raises an EnvtuiError."""
        from tui.commands.change_targets import environment_of

        return environment_of(self.workstation, self.options.target)

    def packages(self) -> dict[str, Any]:
        """What the options say of packages and channels. Raises UsageError."""
        from tui.commands.change_targets import checked_words

        return {
            "packages": checked_words(self.options.packages),
            "pip_packages": checked_words(getattr(self.options, "pip", ())),
            "channels": checked_words(getattr(self.options, "channel", ()), "channel"),
        }


_Made = tuple["Container", "EnvironmentChange", str]
if TYPE_CHECKING:
    _Maker = Callable[[_Request], _Made]


def _create(request: _Request) -> _Made:
    from tui.commands.change_targets import check_name, container_of
    from tui.commands.finding import split_target

    options = request.options
    name, wanted = split_target(options.target)
    if not wanted:
        raise UsageError(f"No name in {options.target}", "it is named CONTAINER/NAME")
    check_name(wanted)
    given = request.packages()
    if request.file is not None and (given["packages"] or given["pip_packages"]):
        raise UsageError("Packages and a file", "an environment is made from one of both")
    container, listing = container_of(request.workstation, name)
    made = request.backend.new_prefix(container, wanted, listing.environments, options.user)
    if options.kind is not None:
        made = _of_kind(made, options.kind, wanted, listing)
    made = replace(made, **given, only_channels=options.override_channels, file=request.file)
    if options.python:
        made = replace(made, python=options.python)
    return container, made, ""


def _of_kind(made: EnvironmentChange, kind: str, name: str, listing: EnvironmentList) -> EnvironmentChange:
    """The same environment of the kind that somebody wants. Raises NoManager or UsageError."""
    from tui.model.environments import EnvironmentKind

    wanted = EnvironmentKind(kind)
    if made.kind is wanted:
        return made
    if wanted is EnvironmentKind.CONDA:
        raise NoManager("No conda", f"none of its kind was found in {made.container_name}")
    if not name.startswith("/"):
        # where people put these is not for us to guess
        raise UsageError(
            f"No place for a {kind} environment", name, f"Name its path: {made.container_name}//path/to/it"
        )
    manager = ""
    if wanted is EnvironmentKind.UV:
        known = (each.manager or "" for each in listing.environments)
        manager = next((each for each in known if each.rpartition("/")[2] == "uv"), "")
        if not manager:
            raise NoManager("No uv", f"no environment in {made.container_name} was made by one")
    return replace(made, kind=wanted, manager=manager, root_prefix="", label=made.prefix, python="")


def _clone(request: _Request) -> _Made:
    from tui.commands.change_targets import check_allowed, check_name
    from tui.model.change_making import clone_of
    from tui.model.changes import ChangeVerb

    check_name(request.options.name)
    container, listing, source = request.environment()
    check_allowed(source, ChangeVerb.CLONE, request.settings)
    made = request.backend.new_prefix(
        container, request.options.name, listing.environments, request.options.user
    )
    change = clone_of(source, made)
    if change.kind.value in ("venv", "uv"):
        # nothing copies such a one: it is made anew from what is in it
        change = replace(change, file=_requirements(request.workstation, container, source), python="")
    return container, change, ""


def _requirements(workstation: Workstation, container: Container, source: Environment) -> SourceFile:
    """The packages of an environment as lines for pip. Raises an EnvtuiError."""
    from tui.commands.change_output import say
    from tui.model.changes import SourceFile
    from tui.model.exports import ExportFormat, export

    if workstation.records is None:
        raise EnvtuiError("No records", "this host's environments can't be read")
    exported = export(workstation.records.records(container, source), ExportFormat.YML)
    for each in exported.cannot_be_carried:
        say(f"not cloned: {each}")
    return SourceFile(exported.file_format, exported.text, f"packages of {source.label}")


def _rename(request: _Request) -> _Made:
    from tui.commands.change_targets import check_allowed, check_name
    from tui.model.change_making import change_of, renamed_prefix
    from tui.model.changes import ChangeVerb

    check_name(request.options.name)
    container, _, environment = request.environment()
    check_allowed(environment, ChangeVerb.RENAME, request.settings)
    new_prefix = renamed_prefix(environment, request.options.name)
    if new_prefix == environment.prefix:
        raise ChangeRefused("Nothing would change", f"it is called {request.options.name} already")
    return container, change_of(ChangeVerb.RENAME, environment, container.name, new_prefix=new_prefix), ""


def _install(request: _Request) -> _Made:
    from tui.commands.change_targets import check_allowed
    from tui.model.change_making import change_of
    from tui.model.changes import ChangeVerb

    given = request.packages()
    if not (given["packages"] or given["pip_packages"]):
        raise UsageError("No packages", "there is nothing to be installed")
    container, _, environment = request.environment()
    check_allowed(environment, ChangeVerb.INSTALL, request.settings)
    change = change_of(ChangeVerb.INSTALL, environment, container.name, **given)
    return container, replace(change, only_channels=request.options.override_channels), ""


def _update(request: _Request) -> _Made:
    from tui.commands.change_targets import check_allowed
    from tui.model.change_making import change_of
    from tui.model.changes import ChangeVerb

    given = request.packages()
    if request.file is not None and given["packages"]:
        raise UsageError("Packages and a file", "an environment is updated by one of both")
    container, _, environment = request.environment()
    check_allowed(environment, ChangeVerb.UPDATE, request.settings)
    change = change_of(ChangeVerb.UPDATE, environment, container.name, **given, file=request.file)
    return container, replace(change, only_channels=request.options.override_channels), ""


def _remove(request: _Request) -> _Made:
    from tui.commands.change_targets import check_allowed
    from tui.model.change_making import change_of
    from tui.model.changes import ChangeVerb

    given = request.packages()
    container, _, environment = request.environment()
    verb = ChangeVerb.UNINSTALL if given["packages"] else ChangeVerb.REMOVE
    check_allowed(environment, verb, request.settings)
    change = change_of(verb, environment, container.name, **given)
    if verb is ChangeVerb.UNINSTALL:
        return container, change, ""
    # a name that no keyboard types is not asked for
    return container, change, environment.label if environment.label.isprintable() else container.name


def _clean(request: _Request) -> _Made:
    from tui.commands.change_targets import container_of, root_of
    from tui.commands.finding import split_target
    from tui.model.change_making import change_of
    from tui.model.changes import ChangeVerb

    name, wanted = split_target(request.options.target)
    if wanted:
        container, _, environment = request.environment()
    else:
        container, listing = container_of(request.workstation, name)
        environment = root_of(listing, container)
    return container, change_of(ChangeVerb.CLEAN, environment, container.name), ""


def _read(options: argparse.Namespace) -> SourceFile | None:
    """The file that is named. Raises FileFault."""
    from tui.commands.change_targets import read_file

    path = getattr(options, "file", None)
    return None if path is None else read_file(path)


def _check(file: SourceFile, workstation: Workstation, options: argparse.Namespace) -> None:
    """Tell what is wrong in a file before anything is solved. Raises FileFault where it can't be read."""
    from tui.model.changes import FileFormat

    if file.format is not FileFormat.YML:
        return
    from tui.backends.conda.environment_file import read_environment_file
    from tui.commands.change_output import say
    from tui.data import cuda_table, environment_rules
    from tui.model.file_check import Severity, check

    driver = workstation.driver.facts() if workstation.driver else None
    read = read_environment_file(file.text, file.name)
    errors = 0
    for each in check(read, environment_rules(), driver, cuda_table()):
        errors += each.severity is Severity.ERROR
        instead = (
            "" if each.corrected is None else f" (instead: {' '.join(each.corrected.split()) or 'nothing'})"
        )
        say(f"{file.name}:{each.line}: {each.severity}: {each.message}{instead}")
    if errors:
        say(f"`envtui env check --fix {options.file}` prints the corrected file")
