"""Reads a file of packages that somebody names, and says what is wrong in it before anything is solved."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui.model.change_making import format_of
from tui.model.changes import MOST_FILE_BYTES, FileFormat, SourceFile
from tui.model.errors import FileFault
from tui.model.printable import printable
from tui.model.units import format_bytes

if TYPE_CHECKING:
    from tui.model.comparison import Side
    from tui.model.compatibility import DriverFacts
    from tui.model.file_problems import FileProblem

# A line that is put right may show what was hidden behind it.
_MOST_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file, and what is wrong in it.

    Attributes:
        environment: name that it gives, "" for none.
        problems: of an `environment.yml`; of other files nothing is known.
        corrected: the file with the lines put right; the file itself where that changes nothing.
    """

    file: SourceFile
    environment: str = ""
    problems: tuple[FileProblem, ...] = ()
    corrected: SourceFile | None = None


def read_source_file(path: Path) -> SourceFile:
    """The file, with the format that its name and text tell. Blocks as long as the file system does.

    Raises:
        FileFault: it can't be read, is too large, or is no text.
    """
    shown = printable(str(path))
    try:
        # a pipe without a writer would block the opening
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileFault("This is no ordinary file", shown)
            content = file.read(MOST_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileFault("The file can't be read", f"{shown}: {reason}") from error
    if len(content) > MOST_FILE_BYTES:
        raise FileFault("The file is too large", f"{shown}: more than {format_bytes(MOST_FILE_BYTES)}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFault("The file is no UTF-8 text", f"{shown}: at byte {error.start}") from error
    if "\0" in text:
        raise FileFault("The file is no text", f"{shown}: there are NUL bytes in it")
    return SourceFile(format_of(path.name, text), text, path.name)


def checked(file: SourceFile, driver: DriverFacts | None) -> CheckedFile:
    """What is wrong in a file, for a host with this driver.

    Raises:
        FileFault: it can't be understood at all.
    """
    # nobody needs the reader of YAML and the tables who makes environments from packages
    from tui.backends.conda.environment_file import read_environment_file
    from tui.data import cuda_table, environment_rules
    from tui.model.file_check import check, corrected

    if file.format is not FileFormat.YML:
        return CheckedFile(file)
    read = read_environment_file(file.text, file.name)
    problems = found = check(read, environment_rules(), driver, cuda_table())
    text = file.text
    for _ in range(_MOST_ROUNDS):
        new = corrected(read_environment_file(text, file.name), found)
        if new == text:
            break
        text = new
        found = check(read_environment_file(text, file.name), environment_rules(), driver, cuda_table())
    better = SourceFile(FileFormat.YML, text, file.name) if text != file.text else None
    return CheckedFile(file, read.name, problems, better)


def side_of(file: SourceFile) -> Side:
    """A file as one side of a comparison. Raises FileFault."""
    from tui.backends.conda.environment_file import read_environment_file
    from tui.backends.conda.requirements import parse_pip
    from tui.model.comparison import of_file, of_lock
    from tui.model.locks import read_lock

    if file.format is FileFormat.YML:
        return of_file(file.name, read_environment_file(file.text, file.name))
    lock = read_lock(file.text, file.name)
    return of_lock(file.name, lock, [parse_pip(each) for each in lock.pip])
