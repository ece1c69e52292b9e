"""What conda is told, and mamba where one may be a program in Python that takes the same words.

Facts of the command lines (conda 4.8 to 26.7, mamba 1.x and 2.x; their sources):

- `create -y` removes what is at the prefix before it begins, `env create -y` likewise; hence the guard.
- `env create` and `env update` know `-y` only since 24.x and ask nothing where nothing is in the way, so that
  they get none.
- a name alone tells not which mamba it is: version 1 behaves like conda, version 2 like micromamba. It is
  told what both take, and its root by a variable that version 2 needs and version 1 ignores.
"""

from __future__ import annotations

from tui.backends.conda import pip_commands
from tui.backends.conda.command import (
    FILE,
    Command,
    checked,
    checked_path,
    needs_packages,
    nothing_missing,
    nothing_there,
)
from tui.backends.conda.environment_file import read_environment_file
from tui.backends.conda.explicit_list import read_explicit_list
from tui.backends.conda.requirements import parse_conda
from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.errors import ChangeRefused

#: `env create` and `env update` of a mamba ask by a variable; both take "true", micromamba 2.9 not "1".
_YES = (("CONDA_ALWAYS_YES", "true"), ("MAMBA_ALWAYS_YES", "true"))

#: What lies in a cache of packages, in words that all managers take. The rest is elsewhere: logs, trash.
_ONE_CACHE = ("--packages", "--tarballs", "--index-cache")


class CondaCommands:
    """The commands of one change by conda or mamba."""

    def __init__(self, change: EnvironmentChange) -> None:
        """Args: a change with a manager.

        Raises:
            ChangeRefused: it asks for two things at once, or a word of it would be read as an option.
        """
        self.change = change
        self.manager = checked_path(change.manager, "path of a manager")
        self.prefix = checked_path(change.prefix)
        self.channels = tuple(word for each in checked(change.channels, "channel") for word in ("-c", each))
        if change.only_channels:
            self.channels += ("--override-channels",)
        if change.file is not None and change.file.format is not FileFormat.REQUIREMENTS:
            _refuse_more_than_a_file(change)

    # -- what differs between the managers

    @property
    def environ(self) -> tuple[tuple[str, str], ...]:
        """Variables of every command."""
        root, cache = self.change.root_prefix, self.change.cache
        only = (("CONDA_PKGS_DIRS", checked_path(cache, "cache")),) if cache else ()
        return (*pip_commands.IN_CONDA, *((("MAMBA_ROOT_PREFIX", root),) if root else ()), *only)

    def create_from_yml(self) -> Command:
        """Makes the environment from the change's file."""
        return Command((self.manager, "env", "create", "-p", self.prefix, "-f", FILE), (*self.environ, *_YES))

    def update_from_yml(self) -> Command:
        """Brings the environment to the change's file."""
        return Command((self.manager, "env", "update", "-p", self.prefix, "-f", FILE), (*self.environ, *_YES))

    def remove_all(self, prefix: str) -> Command:
        """Removes an environment."""
        if self.manager.rpartition("/")[2].startswith("mamba"):
            # `remove --all` of version 2 leaves the history, so that the environment stays listed
            return self.run("env", "remove", "-p", prefix, "-y")
        return self.run("remove", "-p", prefix, "--all", "-y")

    def update(self, packages: tuple[str, ...], *options: str) -> Command:
        """Updates packages, or all; `conda update` takes names only, a version is for `install`."""
        if not packages:
            return self.run("update", "-p", self.prefix, "-y", *options, *self.channels, "--all")
        verb = "install" if any(_has_version(each) for each in packages) else "update"
        return self.run(verb, "-p", self.prefix, "-y", *options, *self.channels, *packages)

    def clean(self, *options: str) -> Command:
        """Removes what is kept for the next time, in all caches or in the one that is named."""
        return self.run("clean", *(_ONE_CACHE if self.change.cache else ("--all",)), *options)

    # -- what is the same

    def run(self, *words: str) -> Command:
        """A command of the manager."""
        return Command((self.manager, *words), self.environ)

    def commands(self) -> tuple[Command, ...]:
        """What is run, in order. Raises a ChangeError where it can't be done."""
        change = self.change
        match change.verb:
            case ChangeVerb.CREATE:
                return (nothing_there(self.prefix), *self._create())
            case ChangeVerb.CLONE:
                source = checked_path(change.source_prefix, "environment to clone")
                return (nothing_there(self.prefix), *self._clone(source, self.prefix))
            case ChangeVerb.RENAME:
                target = checked_path(change.new_prefix, "new prefix")
                return (
                    nothing_there(target),
                    *self._clone(self.prefix, target),
                    nothing_missing(self.prefix, target),
                    self.remove_all(self.prefix),
                )
            case ChangeVerb.INSTALL:
                needs_packages(change)
                words = ("install", "-p", self.prefix, "-y", *self.channels, *checked(change.packages))
                return ((self.run(*words),) if change.packages else ()) + self._pip()
            case ChangeVerb.UPDATE:
                return self._update()
            case ChangeVerb.UNINSTALL:
                needs_packages(change)
                return self._uninstall()
            case ChangeVerb.REMOVE:
                return (self.remove_all(self.prefix),)
            case ChangeVerb.CLEAN:
                return (self.clean("-y"),)

    def plan_commands(self) -> tuple[Command, ...]:
        """Dry runs, of which the stdout is read."""
        change = self.change
        dry = ("--dry-run", "--json")
        match change.verb:
            case ChangeVerb.CREATE:
                specs = self._specs()
                if specs is None:
                    return ()
                channels = self._file_channels() or self.channels
                return (self.run("create", "-p", self.prefix, "-y", *dry, *channels, *specs),)
            case ChangeVerb.INSTALL:
                needs_packages(change)
                words = ("install", "-p", self.prefix, "-y", *dry, *self.channels, *checked(change.packages))
                return ((self.run(*words),) if change.packages else ()) + self._pip(is_plan=True)
            case ChangeVerb.UPDATE:
                return self._plan_update(dry)
            case ChangeVerb.UNINSTALL:
                needs_packages(change)
                words = ("remove", "-p", self.prefix, "-y", *dry, *checked(change.packages))
                return (self.run(*words),) if change.packages else ()
            case ChangeVerb.CLEAN:
                # conda 4 empties its index caches without looking at --dry-run
                told = self.clean(*dry)
                return (Command(tuple(each for each in told.argv if each != "--index-cache"), told.environ),)
            case ChangeVerb.CLONE | ChangeVerb.RENAME | ChangeVerb.REMOVE:
                return ()

    def create(self, *words: str) -> Command:
        """Makes an environment."""
        return self.run("create", "-p", self.prefix, "-y", *words)

    def _create(self) -> tuple[Command, ...]:
        file = self.change.file
        if file is None:
            return (self.create(*self.channels, *(self._specs() or ())), *self._pip())
        match file.format:
            case FileFormat.YML:
                read_environment_file(file.text, file.name)
                return (self.create_from_yml(),)
            case FileFormat.EXPLICIT:
                return self._from_list(file, self.prefix)
            case FileFormat.REQUIREMENTS:
                made = self.create(*self.channels, *(self._specs() or ()))
                return (made, pip_commands.install(self.prefix, (), self.environ, has_file=True))

    def _from_list(self, file: SourceFile, prefix: str) -> tuple[Command, ...]:
        listed = read_explicit_list(file.text)
        made = self.run("create", "-p", prefix, "-y", "--file", FILE)
        if not listed.pip:
            return (made,)
        if not listed.has("pip"):
            raise ChangeRefused(
                "The list has packages of pip, and no pip",
                "They could not be installed afterwards.",
                "Add the address of conda's package pip to it.",
            )
        return (made, pip_commands.install(prefix, listed.pip, self.environ, ("--no-deps",)))

    def _clone(self, source: str, target: str) -> tuple[Command, ...]:
        """By an explicit list where whoever asks hands one over, by the manager otherwise."""
        file = self.change.file
        if file is not None and file.format is FileFormat.EXPLICIT:
            return self._from_list(file, target)
        return (self.run("create", "-p", target, "--clone", source, "-y"),)

    def _specs(self) -> tuple[str, ...] | None:
        """What a new environment is solved from; None where nothing is solved."""
        change, file = self.change, self.change.file
        if file is not None and file.format is FileFormat.EXPLICIT:
            return None
        if file is not None and file.format is FileFormat.YML:
            told = read_environment_file(file.text, file.name)
            specs = tuple(each.text for each in told.dependencies)
            has_pip = any(each.name == "pip" for each in told.dependencies)
            # conda adds it itself where there is a section for it
            return checked((*specs, "pip") if told.pip and not has_pip else specs)
        specs = checked(change.packages)
        names = {parse_conda(each).name for each in specs}
        python = f"python={change.python}" if change.python else "python"
        needs_pip = bool(change.pip_packages) or file is not None
        if "python" not in names and (change.python or file is not None):
            specs = (*checked((python,)), *specs)
        return (*specs, "pip") if needs_pip and "pip" not in names else specs

    def _file_channels(self) -> tuple[str, ...]:
        """Channels of the change's `environment.yml`, as `env create` takes them."""
        file = self.change.file
        if file is None or file.format is not FileFormat.YML:
            return ()
        told = [name for name, _ in read_environment_file(file.text, file.name).channels]
        named = checked((each for each in told if each != "nodefaults"), "channel")
        words = tuple(word for each in named for word in ("-c", each))
        return (*words, "--override-channels") if "nodefaults" in told else words

    def _pip(self, is_plan: bool = False, options: tuple[str, ...] = ()) -> tuple[Command, ...]:
        packages = self.change.pip_packages
        if not packages:
            return ()
        told = pip_commands.plan if is_plan else pip_commands.install
        return (told(self.prefix, packages, self.environ, options),)

    def _update(self) -> tuple[Command, ...]:
        change = self.change
        if change.file is not None:
            self._need_yml(change.file)
            return (self.update_from_yml(),)
        pip = self._pip(options=("--upgrade",))
        return pip if pip and not change.packages else (self.update(checked(change.packages)), *pip)

    def _plan_update(self, dry: tuple[str, ...]) -> tuple[Command, ...]:
        change = self.change
        if change.file is not None:
            self._need_yml(change.file)
            words = (*dry, *self._file_channels(), *(self._specs() or ()))
            return (self.run("install", "-p", self.prefix, "-y", *words),)
        pip = self._pip(is_plan=True, options=("--upgrade",))
        return pip if pip and not change.packages else (self.update(checked(change.packages), *dry), *pip)

    def _need_yml(self, file: SourceFile) -> None:
        if file.format is not FileFormat.YML:
            raise ChangeRefused(
                "An environment of conda is updated from an environment.yml only",
                hint="Make a new environment from this file.",
            )
        read_environment_file(file.text, file.name)

    def _uninstall(self) -> tuple[Command, ...]:
        change = self.change
        pip = (
            (pip_commands.uninstall(self.prefix, change.pip_packages, self.environ),)
            if change.pip_packages
            else ()
        )
        words = ("remove", "-p", self.prefix, "-y", *checked(change.packages))
        # what pip installed goes first: it may need what conda installed
        return (*pip, self.run(*words)) if change.packages else pip


def _has_version(spec: str) -> bool:
    told = parse_conda(spec)
    return bool(told.version or told.build) or not told.name


def _refuse_more_than_a_file(change: EnvironmentChange) -> None:
    for value, words in (
        (change.packages or change.pip_packages, "packages"),
        (change.channels or change.only_channels, "channels"),
        (change.python, "a version of Python"),
    ):
        if value and change.verb in (ChangeVerb.CREATE, ChangeVerb.UPDATE):
            raise ChangeRefused(
                f"A file and {words} were given", "The file says all of it.", "Write it into the file."
            )
