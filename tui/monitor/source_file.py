"""Reads a file of packages that somebody names: bounded, and never from what would block for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tui.model.change_making import format_of
from tui.model.changes import MOST_FILE_BYTES, SourceFile
from tui.model.errors import FileFault
from tui.model.printable import printable
from tui.model.units import format_bytes


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
