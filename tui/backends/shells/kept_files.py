"""Small files of this user that several envtui change at once: locked, and replaced as a whole."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui import diagnostics
from tui.backends.deadline import Deadline
from tui.model.errors import SessionError
from tui.model.printable import printable

# Another envtui writes in milliseconds.
_LOCK_SECONDS, _LOOK_AGAIN_SECONDS = 5.0, 0.02
# Larger ones are none of ours.
_MOST_BYTES = 16 << 20


def read_kept(path: Path) -> bytes:
    """What a file holds, b"" where there is none.

    Raises:
        SessionError: it is there and can't be read.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise _failed("read", path, error) from error
    if len(content) > _MOST_BYTES:
        raise SessionError("A file of envtui's is too large", printable(str(path)), "Move it away")
    return content


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile; its folder is made (0700) where it is not there.

    The lock lies beside the file, as that one is replaced.

    Raises:
        SessionError: the lock can't be had, or somebody keeps it for seconds.
    """
    try:
        make_folder(path.parent)
        lock = path.with_name(f"{path.name}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise _failed("written", path, error) from error
    try:
        _wait_for_lock(descriptor, path)
        yield
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Make a folder for this user alone (0700), and the one that it lies in likewise. Raises OSError."""
    # of folders on the way there, mkdir sets the usual mode
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def replace_kept(path: Path, content: bytes) -> None:
    """Give a file new content (0600), all of it or nothing. Whoever read it before has to hold its lock.

    Raises:
        SessionError: it can't be written; the old content is still there.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            write_new(part, content)
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _failed("written", path, error) from error


def write_new(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file that must not be there yet, down to the disk. Raises OSError."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with open(os.open(path, flags, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class KeptEntries:
    """A JSON object in a file. What is no JSON object is set aside, as `NAME.damaged`, and begun anew."""

    def __init__(self, path: Path) -> None:
        """Args: path of the file; nothing is opened yet."""
        self._path = path

    def read(self) -> dict[str, Any]:
        """The object, empty where there is none. Raises SessionError where the file can't be read."""
        return _parsed(read_kept(self._path)) or {}

    @contextlib.contextmanager
    def changing(self) -> Iterator[dict[str, Any]]:
        """The object to be changed; written at the end if it was, unless an error comes out of the block.

        Raises:
            SessionError: it can't be locked, read or written.
        """
        with locked(self._path):
            content = read_kept(self._path)
            entries = _parsed(content)
            if entries is None:
                self._set_aside()
                entries = {}
            before = json.dumps(entries)
            yield entries
            if json.dumps(entries) != before:
                replace_kept(self._path, (json.dumps(entries, indent=1) + "\n").encode())

    def _set_aside(self) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        try:
            os.replace(self._path, aside)
        except OSError as error:
            raise _failed("set aside", self._path, error) from error
        # where it lies, and nothing of what it holds
        diagnostics.logger("kept files").warning("damaged, set aside and begun anew: %s", aside)


def _parsed(content: bytes) -> dict[str, Any] | None:
    """None for what is no JSON object."""
    if not content:
        return {}
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _wait_for_lock(descriptor: int, path: Path) -> None:
    deadline, pause = Deadline(_LOCK_SECONDS), threading.Event()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if deadline.passed:
                raise SessionError(
                    "Another program keeps a file of envtui's locked", printable(str(path)), "Try again"
                ) from error
        except OSError as error:
            raise _failed("locked", path, error) from error
        pause.wait(_LOOK_AGAIN_SECONDS)


def _failed(verb: str, path: Path, error: OSError) -> SessionError:
    hint = "It and its folder must belong to this user, on a disk with room"
    return SessionError(f"A file could not be {verb}", f"{printable(str(path))}: {error.strerror}", hint)
