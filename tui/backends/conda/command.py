"""One program of a change, what it printed, and which words may stand in its arguments."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from tui.model.changes import EnvironmentChange, FileFormat, SourceFile
from tui.model.errors import ChangeRefused

#: Stands in a command for the path of the change's file, which is known only in the container. No argument
#: can hold it by chance.
FILE = "\0file"

#: What the change's file has to be called in the container: conda, micromamba and pip judge by the ending.
FILE_NAMES = {
    FileFormat.YML: "environment.yml",
    FileFormat.EXPLICIT: "explicit.txt",
    FileFormat.REQUIREMENTS: "requirements.txt",
}

#: What a script that compares two prefixes is called.
COMPARE = "compare"

# one argument of Linux holds 128 kB; no package is asked for in more than a line
_MOST_CHARACTERS = 2048


@dataclass(frozen=True, slots=True)
class Command:
    """One program of a change.

    Attributes:
        argv: absolute path of the program, or the name of one that every system has, and its arguments;
            `FILE` for the change's file, which the job puts into a folder of its own.
        environ: variables in addition to the container's own.
        may_fail: the change goes on all the same.
    """

    argv: tuple[str, ...]
    environ: tuple[tuple[str, str], ...] = ()
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed, and how it ended."""

    exit_code: int
    stdout: bytes
    stderr: bytes


def file_name(file: SourceFile) -> str:
    """What the file has to be called in the container."""
    return FILE_NAMES[file.format]


def checked(words: Iterable[str], what: str = "package") -> tuple[str, ...]:
    """The words, none of which is taken for an option.

    Raises:
        ChangeRefused: one is empty, begins with "-" or holds a control character.
    """
    found = tuple(words)
    for word in found:
        if not word.strip() or word.strip().startswith("-"):
            raise ChangeRefused(
                f"“{shown(word)}” is no {what}", "It would be read as an option, or as nothing at all."
            )
        if has_control_characters(word) or len(word) > _MOST_CHARACTERS:
            raise ChangeRefused(
                f"“{shown(word)}” is no {what}", "It holds a control character, or it is endlessly long."
            )
    return found


def checked_path(path: str, what: str = "prefix") -> str:
    """An absolute path that names no other one and is not the root of everything.

    Raises:
        ChangeRefused: it is none.
    """
    parts = [part for part in path.split("/") if part]
    if not path.startswith("/") or not parts or "\0" in path or any(part in (".", "..") for part in parts):
        raise ChangeRefused(f"“{shown(path)}” is no {what}", "It has to be an absolute path, without “..”.")
    return "/" + "/".join(parts)


def has_control_characters(word: str) -> bool:
    """Whether there is a control character in it, or a half of one that is no text."""
    return any(unicodedata.category(each) in ("Cc", "Cs") for each in word)


def shown(word: str, most: int = 60) -> str:
    """A foreign word within a sentence."""
    plain = "".join("�" if unicodedata.category(each) in ("Cc", "Cs") else each for each in word)
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def nothing_there(path: str) -> Command:
    """Fails, silently, where something is at a path.

    `conda create -y` removes what it finds there before it begins (conda's `main_create.py`).
    """
    return Command(("test", "!", "-e", path, "-a", "!", "-L", path))


def nothing_missing(source: str, copy: str) -> Command:
    """Fails where a file of an environment is not in its copy.

    What conda's clone leaves out, without a word: files that can't be read, names that end with "~", pins;
    micromamba's: packages of pip and people's own files (mamba-org/mamba#4153).
    """
    script = files("tui.backends.conda").joinpath("compare.sh").read_text(encoding="ascii")
    return Command(("/bin/sh", "-c", script, COMPARE, source, copy))


def needs_packages(change: EnvironmentChange) -> None:
    """Raises ChangeRefused where no package is named."""
    if not change.packages and not change.pip_packages:
        raise ChangeRefused("No package is named", hint="Name at least one.")
