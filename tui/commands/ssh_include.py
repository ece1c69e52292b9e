"""The one line in a user's ssh configuration that makes ssh read a file of envtui's, and that file."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path

from tui.commands.ssh_config_text import include_line
from tui.model.errors import SaveFailed
from tui.monitor.new_file import NewFile, free_bytes_in, place_of

_OWNER_ONLY, _FOLDER_OF_OWNER = 0o600, 0o700
# Lines behind it hold for some hosts alone.
_BEGINS_BLOCK = re.compile(r"(?:host|match)\b", re.IGNORECASE)
_INCLUDE = re.compile(r"include(?:\s*=\s*|\s+)(.*)", re.IGNORECASE)


def users_ssh_config() -> Path:
    """The file that ssh reads for this user, which it finds by the user database whatever HOME says."""
    import pwd

    return Path(pwd.getpwuid(os.getuid()).pw_dir, ".ssh", "config")


def write_file(path: Path, text: str) -> None:
    """Write a file that only its owner reads, in one step. Raises SaveFailed."""
    _write(path, text.encode("utf-8", "surrogateescape"))


def is_included(config: Path, path: Path) -> bool:
    """Whether the configuration includes the file for every host. Raises SaveFailed."""
    for line in _read(config).decode("utf-8", "surrogateescape").splitlines():
        line = line.strip()
        if _BEGINS_BLOCK.match(line):
            return False
        found = _INCLUDE.fullmatch(line)
        if found and any(_meant(word, config.parent) == str(path) for word in _words(found[1])):
            return True
    return False


def include(config: Path, path: Path) -> None:
    """Add the line on top of the configuration; all else in it stays as it is. Raises SaveFailed."""
    line = include_line(str(path))
    _write(config, line.encode("utf-8", "surrogateescape") + b"\n" + _read(config))


def _words(rest: str) -> list[str]:
    try:
        return shlex.split(rest, comments=True)
    except ValueError:
        # a quote that stays open: ssh refuses it, too
        return []


def _meant(word: str, folder: Path) -> str:
    """The path that an argument of Include means (ssh_config(5)), patterns apart."""
    if word.startswith("~/"):
        word = str(folder.parent / word[2:])
    return os.path.normpath(folder / re.sub(r"\\(.)", r"\1", word))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise SaveFailed("A file can't be read", f"{path}: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    try:
        # a link may lead somewhere else, where the folder is then somebody's own matter
        path.parent.mkdir(mode=_FOLDER_OF_OWNER, parents=True, exist_ok=True)
    except OSError as error:
        raise SaveFailed("A folder can't be made", f"{path.parent}: {error.strerror}") from error
    place = place_of(path, replace=True)
    place = place if place.exists else replace(place, mode=_OWNER_ONLY)
    with NewFile(place, free_bytes_in) as file:
        file.write(content)
        file.publish(replace=True)
