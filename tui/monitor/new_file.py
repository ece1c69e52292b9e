"""Writes a file that appears under its name in one step, when it is whole, and not at all otherwise.

It grows under a hidden name beside its target and is moved there when it is on the disk. So neither a
lost engine nor a full disk leaves a file that looks whole, and an old one is whole until the new one is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tui import diagnostics
from tui.model.errors import SaveFailed
from tui.model.units import format_bytes

# A full disk ends trainings, and the engine with them: this much is left to them to say their last words,
# and to whoever cleans up.
_LEAST_FREE_BYTES = 64 << 20
# So often is the room looked at, and what was written brought to the disk: waiting for more at the end would
# make a cancel late.
_LOOK_EVERY_BYTES = 16 << 20
# The engine sends each line by itself: written one by one they would cost a system call each.
_BUFFER_BYTES = 1 << 20
# What file systems without hard links answer (FAT, many network and user-space ones).
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)

_TITLES = {
    errno.ENOSPC: ("The disk is full", "Free some space, or save to another disk"),
    errno.EDQUOT: ("Your disk quota is used up", "Remove some of your files, or save to another disk"),
    errno.EIO: ("The disk can't be written", "Save to another disk; the kernel's messages (dmesg) say more"),
    errno.EACCES: ("No permission to write there", "Choose a folder of your own"),
    errno.EPERM: ("No permission to write there", "Choose a folder of your own"),
    errno.EROFS: ("The file system is read-only", "Choose a folder on another one"),
    errno.ENOENT: ("The folder does not exist", "Create it, or choose another"),
    errno.ENOTDIR: ("Its folder is a file", "Choose another"),
    errno.EISDIR: ("This is a folder", "Add the name of a file"),
    errno.EEXIST: ("The file exists already", "Save again and replace it, or choose another name"),
    errno.ENAMETOOLONG: ("The name is too long", "Choose a shorter one"),
}

#: What a folder has room for, in bytes; None where it does not say. Raises an OSError.
FreeBytes = Callable[[Path], int | None]


@dataclass(frozen=True, slots=True)
class SaveTarget:
    """What a path that somebody types is worth.

    Attributes:
        exists: a file is there that would be replaced.
        free_bytes: what its folder has room for; None where that is not known.
        complaint: why nothing can be saved there; None where it can.
    """

    exists: bool = False
    free_bytes: int | None = None
    complaint: str | None = None


def free_bytes_in(folder: Path) -> int | None:
    """What an ordinary user can still write there; None where it does not say. Raises an OSError."""
    told = os.statvfs(folder)
    # some file systems in user space have no figures, and say 0 to everything
    return told.f_bavail * told.f_frsize if told.f_blocks else None


def examine(target: Path, free_bytes: FreeBytes = free_bytes_in) -> SaveTarget:
    """Look whether a file can be saved there. Blocks as long as the file system does."""
    try:
        place = place_of(target, replace=True)
        with _explained(target):
            if not os.access(place.folder, os.W_OK | os.X_OK):
                is_read_only = os.statvfs(place.folder).f_flag & os.ST_RDONLY
                raise OSError(errno.EROFS if is_read_only else errno.EACCES, "")
            free = free_bytes(place.folder)
            _check_room(target, free, 0)
    except SaveFailed as error:
        return SaveTarget(complaint=error.title)
    return SaveTarget(place.exists, free)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file goes.

    Attributes:
        path: free of symbolic links.
        mode: permissions of the file that is there; None where there is none.
    """

    path: Path
    mode: int | None

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.path.parent

    @property
    def exists(self) -> bool:
        """Whether a file is there."""
        return self.mode is not None


def place_of(target: Path, replace: bool) -> Place:
    """Follow links as an editor does, and look who is there. Raises SaveFailed."""
    with _explained(target):
        path = Path(os.path.realpath(target))
        if not stat.S_ISDIR(os.stat(path.parent).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, "")
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return Place(path, None)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "")
        if not stat.S_ISREG(mode):
            # replacing /dev/null would be the end of it
            raise SaveFailed(
                "This is no ordinary file", f"{target}: a device, a pipe or a loop", "Choose another name"
            )
        if not replace:
            raise FileExistsError(errno.EEXIST, "")
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, "")
    return Place(path, _permissions(mode))


def write_whole(target: Path, content: bytes, replace: bool) -> None:
    """Write a file in one step; one that is there gives way only with `replace`. Raises SaveFailed."""
    with NewFile(place_of(target, replace), free_bytes_in) as file:
        file.write(content)
        file.sync()
        file.publish(replace)


class NewFile:
    """A file that appears under its name in one step, when it is whole; before, its name is hidden."""

    def __init__(self, place: Place, free_bytes: FreeBytes) -> None:
        """Create it. Raises SaveFailed."""
        self._place = place
        self._free_bytes = free_bytes
        self.written_bytes = 0
        self._look_at_bytes = 0
        self._part = place.folder / f".envtui-{os.urandom(6).hex()}.part"
        with _explained(place.path):
            self._make_room(0)
            # made with an ordinary mode, so that the kernel applies umask and default access lists
            self._file = open(self._part, "xb", buffering=_BUFFER_BYTES)  # noqa: SIM115 - see __exit__
        self._mode = _change_mode(self._file.fileno(), 0o600)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """What was not published is removed."""
        with contextlib.suppress(OSError):
            # a full disk refuses the rest of the buffer once more
            self._file.close()
        try:
            self._part.unlink(missing_ok=True)
        except OSError as error:
            diagnostics.record_exception("save-log", error)

    def write(self, piece: bytes) -> None:
        """Add bytes at the end. Raises SaveFailed."""
        with _explained(self._place.path):
            if self.written_bytes + len(piece) > self._look_at_bytes:
                self._bring_to_disk()
                self._make_room(len(piece))
            self._file.write(piece)
        self.written_bytes += len(piece)

    def sync(self) -> None:
        """All that was written is on the disk. Raises SaveFailed."""
        with _explained(self._place.path):
            self._bring_to_disk()

    def publish(self, replace: bool) -> None:
        """Give it its name. Raises SaveFailed."""
        path = self._place.path
        with _explained(path):
            mode = self._mode if self._place.mode is None else self._place.mode
            if mode is not None:
                _change_mode(self._file.fileno(), mode)
            os.fsync(self._file.fileno())
            self._file.close()
            if replace:
                os.replace(self._part, path)
            else:
                _name_anew(self._part, path)
        # the name itself is not everywhere on the disk without this, and not everywhere possible
        with contextlib.suppress(OSError):
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _bring_to_disk(self) -> None:
        self._file.flush()
        os.fdatasync(self._file.fileno())

    def _make_room(self, wanted_bytes: int) -> None:
        """Find out how much may be written before the next look."""
        free = self._free_bytes(self._place.folder)
        _check_room(self._place.path, free, wanted_bytes)
        allowed = _LOOK_EVERY_BYTES if free is None else free - _LEAST_FREE_BYTES
        self._look_at_bytes = self.written_bytes + max(wanted_bytes, min(_LOOK_EVERY_BYTES, allowed))


def _change_mode(number: int, mode: int) -> int | None:
    """Change an open file's permissions; gives back those before, None where the file system has none."""
    with contextlib.suppress(OSError):
        before = _permissions(os.fstat(number).st_mode)
        os.fchmod(number, mode)
        return before
    return None


def _permissions(mode: int) -> int:
    return stat.S_IMODE(mode) & 0o777


def _name_anew(part: Path, path: Path) -> None:
    """Name a file so that one that is there, even since a moment ago, stays. Raises an OSError."""
    try:
        os.link(part, path)
        return
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
    # an empty file that is surely ours holds the place
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        os.replace(part, path)
    except OSError:
        path.unlink()
        raise


def _check_room(path: Path, free: int | None, wanted_bytes: int) -> None:
    if free is not None and free - wanted_bytes < _LEAST_FREE_BYTES:
        raise SaveFailed(
            "The disk is nearly full",
            f"{path}: of {format_bytes(free)} free, {format_bytes(_LEAST_FREE_BYTES)} are left to others",
            "Free some space, or save to another disk",
        )


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what file systems answer into our own error."""
    try:
        yield
    except OSError as error:
        known = _TITLES.get(error.errno or 0)
        title, hint = known or ("The file could not be saved", "Choose another folder")
        why = os.strerror(error.errno) if error.errno else str(error)
        raise SaveFailed(title, f"{path}: {why}", hint) from error
    except ValueError as error:
        # a NUL, or characters that no file name can hold
        raise SaveFailed("This can't be the name of a file", str(error), "Choose another") from error
