"""What `venv` with pip is told, and uv, which makes the same environments faster."""

from __future__ import annotations

import re

from tui.backends.conda import pip_commands
from tui.backends.conda.command import FILE, Command, checked, checked_path, needs_packages, nothing_there
from tui.backends.conda.pip_commands import interpreter
from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeRefused, NoManager

# what stands at the top of a file system (FHS), but for what people make there themselves
_SYSTEM = frozenset(
    {
        "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "media", "mnt", "opt", "proc", "root",
        "run", "sbin", "srv", "sys", "tmp", "usr", "usr/bin", "usr/lib", "usr/local", "usr/share", "var",
    }
)  # fmt: skip
_VERSION = re.compile(r"[23](?:\.\d{1,2})?t?")
# uv takes a prefix for the system's where the container says so
_UV = (*pip_commands.PLAIN, ("UV_NO_PROGRESS", "1"), ("UV_SYSTEM_PYTHON", "0"), ("VIRTUAL_ENV", ""))


class VenvCommands:
    """The commands of one change of an environment of Python's own `venv`."""

    def __init__(self, change: EnvironmentChange) -> None:
        """Args: a change of a venv, or of one that is made with uv.

        Raises:
            ChangeRefused: it is of a kind that a venv does not have.
        """
        self.change = change
        self.prefix = checked_path(change.prefix)
        if change.channels or change.only_channels:
            raise ChangeRefused("A venv has no channels", hint="Its packages come from pip's index.")
        if change.file is not None and change.file.format is not FileFormat.REQUIREMENTS:
            raise ChangeRefused(
                "A venv is made from a requirements file",
                f"“{change.file.name or 'the file'}” is conda's.",
                "Make an environment of conda from it.",
            )
        self.packages = checked((*change.packages, *change.pip_packages))

    # -- what differs between pip and uv

    def make(self, python: str) -> Command:
        """Makes an empty environment."""
        return Command((python, "-m", "venv", self.prefix), pip_commands.PLAIN)

    def install(self, *options: str, is_plan: bool = False) -> Command:
        """Installs the change's packages, or those of its file."""
        told = pip_commands.plan if is_plan else pip_commands.install
        has_file = self.change.file is not None
        return told(self.prefix, self.packages, pip_commands.IN_VENV, options, has_file)

    def uninstall(self) -> Command:
        """Uninstalls the change's packages."""
        return pip_commands.uninstall(self.prefix, self.packages, pip_commands.IN_VENV)

    def clean(self, cache: str) -> Command:
        """Empties a cache of pip's, which pip knows since 20.1."""
        return pip_commands.purge(self.change.python or interpreter(self.prefix), cache)

    def python(self) -> str:
        """The interpreter that a new environment is made with."""
        wanted = self.change.python
        if not wanted:
            return "python3"
        return f"python{wanted}" if _VERSION.fullmatch(wanted) else checked_path(wanted, "interpreter")

    # -- what is the same

    def commands(self) -> tuple[Command, ...]:
        """What is run, in order. Raises a ChangeError where it can't be done."""
        change = self.change
        match change.verb:
            case ChangeVerb.CREATE:
                made = (nothing_there(self.prefix), self.make(self.python()))
                return (*made, self.install()) if self.packages or change.file else made
            case ChangeVerb.CLONE:
                return self._clone()
            case ChangeVerb.INSTALL:
                self._need_packages()
                return (self.install(),)
            case ChangeVerb.UPDATE:
                self._need_packages()
                return (self.install("--upgrade"),)
            case ChangeVerb.UNINSTALL:
                needs_packages(change)
                return (self.uninstall(),)
            case ChangeVerb.REMOVE:
                return (removal(self.prefix),)
            case ChangeVerb.RENAME:
                raise ChangeRefused(
                    "A venv can't be renamed",
                    "Its programs name its path.",
                    "Clone it, then remove this one.",
                )
            case ChangeVerb.CLEAN:
                if not change.cache:
                    raise ChangeRefused("A venv keeps nothing for the next time")
                return (self.clean(checked_path(change.cache, "cache")),)

    def plan_commands(self) -> tuple[Command, ...]:
        """Dry runs, of which the output is read."""
        match self.change.verb:
            case ChangeVerb.INSTALL:
                self._need_packages()
                return (self.install(is_plan=True),)
            case ChangeVerb.UPDATE:
                self._need_packages()
                return (self.install("--upgrade", is_plan=True),)
            case _:
                return ()

    def _need_packages(self) -> None:
        if self.change.file is None and not self.packages:
            raise ChangeRefused(
                "No package is named", "pip does not update everything by itself.", "Name the packages."
            )

    def _clone(self) -> tuple[Command, ...]:
        """With the interpreter of the source and the packages of a file that whoever asks has filled."""
        source = checked_path(self.change.source_prefix, "environment to clone")
        if self.change.file is None:
            raise ChangeRefused(
                "What is in the environment is not known", hint="Hand over a requirements file of it."
            )
        # a venv that is made by the interpreter of another is made with the one behind it
        python = self.python() if self.change.python else interpreter(source)
        made = (nothing_there(self.prefix), self.make(python))
        # all that was there is named; what it wants in addition may not fit
        return (*made, self.install("--no-deps")) if self.change.file.text.strip() else made


class UvCommands(VenvCommands):
    """The same by uv."""

    def __init__(self, change: EnvironmentChange) -> None:
        """Args: a change whose manager is uv. Raises as for a venv."""
        super().__init__(change)
        self.uv = checked_path(change.manager, "path of uv")

    def make(self, python: str) -> Command:
        """Makes an empty environment, without a pip."""
        return Command((self.uv, "venv", "--python", python, self.prefix), _UV)

    def install(self, *options: str, is_plan: bool = False) -> Command:
        """Installs the change's packages, or those of its file."""
        dry = ("--dry-run",) if is_plan else ()
        given = ("-r", FILE) if self.change.file is not None else ()
        return self._pip("install", *dry, *options, *given, *self.packages)

    def clean(self, cache: str) -> Command:
        """Empties a cache of uv's."""
        return Command((self.uv, "cache", "clean", "--cache-dir", cache), _UV)

    def uninstall(self) -> Command:
        """Uninstalls the change's packages; uv asks nothing."""
        return self._pip("uninstall", *self.packages)

    def python(self) -> str:
        """Version or path, as uv takes both."""
        return checked((self.change.python or "python3",), "interpreter")[0]

    def _pip(self, verb: str, *words: str) -> Command:
        return Command((self.uv, "pip", verb, "--python", interpreter(self.prefix), *words), _UV)


def removal(prefix: str) -> Command:
    """Removes a folder, by no manager.

    Raises:
        ChangeRefused: it is one of the system's own.
    """
    if prefix.strip("/") in _SYSTEM:
        raise ChangeRefused(f"{prefix} is a folder of the system", "No environment can be all of it.")
    return Command(("rm", "-rf", "--", checked_path(prefix)))


def need_uv(change: EnvironmentChange) -> None:
    """Raises NoManager where an environment of uv, in which is no pip, is to get packages without uv."""
    if change.kind is EnvironmentKind.UV and change.verb is not ChangeVerb.REMOVE:
        raise NoManager(
            "uv is not in the container", "It made the environment, and put no pip into it.", "Install uv."
        )
