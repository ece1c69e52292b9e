"""Files of a container through the engine's archive calls, which need no shell and no running container."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
import json
import os
import tarfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, cast
from urllib.parse import quote

from tui.backends.deadline import Deadline
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineRefused

_STAT_HEADER = "X-Docker-Container-Path-Stat"
# Of Go's os.FileMode, in which the API tells modes.
_GO_FOLDER, _GO_LINK = 1 << 31, 1 << 27
_MOST_LINKS = 8


@dataclass(frozen=True, slots=True)
class FileStat:
    """What the engine tells of a path; `path` is where it leads to."""

    path: str
    size_bytes: int
    is_folder: bool
    modified: str


class TooMuch(Exception):
    """More than was asked for at most; what came before it was given out."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file or folder to be put into a container.

    Attributes:
        path: below the folder that it is put into, its own folder in front of what is in that.
        content: None for a folder. One that is there already keeps what it holds, and gets mode and owner.
        mode: permission bits.
        uid, gid: of its owner, as the container counts.
    """

    path: str
    content: bytes | None = field(repr=False)
    mode: int
    uid: int = 0
    gid: int = 0


class ContainerFiles:
    """Files of one container, until a deadline."""

    def __init__(self, http: EngineHttp, container_id: str, deadline: Deadline) -> None:
        """Args: the engine's connection, full id, and the deadline for everything that is asked."""
        self._http = http
        self._deadline = deadline
        self._base = f"/containers/{quote(container_id, safe='')}/archive?path="

    def stat(self, path: str) -> FileStat | None:
        """What a path is, links followed; None where there is nothing.

        Raises:
            EngineError: the engine can't be asked.
        """
        for _ in range(_MOST_LINKS):
            told = self._told(path)
            if told is None:
                return None
            mode = int(told.get("mode") or 0)
            target = str(told.get("linkTarget") or "")
            if not mode & _GO_LINK:
                size, modified = int(told.get("size") or 0), str(told.get("mtime") or "")
                return FileStat(path, size, bool(mode & _GO_FOLDER), modified)
            if not target or target == path:
                return None
            path = os.path.normpath(os.path.join(os.path.dirname(path), target))
        return None

    def exists(self, path: str) -> bool:
        """Whether there is something. Raises as `stat` does."""
        return self.stat(path) is not None

    def read(self, path: str, most_bytes: int = 1 << 20) -> bytes | None:
        """A regular file's beginning; None where there is none. Raises as `stat` does."""
        found = self.stat(path)
        if found is None or found.is_folder:
            return None
        with contextlib.closing(self.members(found.path, most_bytes + (64 << 10))) as members:
            try:
                for _, member, content in members:
                    return content.read(most_bytes) if member.isfile() and content else None
            except TooMuch:
                return None
        return None

    def members(
        self, path: str, most_bytes: int
    ) -> Generator[tuple[str, tarfile.TarInfo, IO[bytes] | None], None, None]:
        """What a folder holds, in all depths: path below it, entry, and the content of a regular file.

        The engine sends all contents, wanted or not; a folder's come before those of the next.

        Raises:
            TooMuch: it is more than so many bytes.
            EngineError: as for `stat`; a path that is not there is an EngineRefused.
        """
        blocks = self._http.get_blocks(self._base + _quoted(path), self._deadline)
        with contextlib.closing(blocks):
            reader = _Blocks(blocks, most_bytes)
            try:
                with tarfile.open(fileobj=cast("IO[bytes]", reader), mode="r|") as archive:
                    for member in archive:
                        file = archive.extractfile(member) if member.isfile() else None
                        content = cast("IO[bytes]", _Content(file, reader)) if file else None
                        _, _, below = member.name.rstrip("/").partition("/")
                        yield below, member, content
                        # tarfile keeps every entry that it met
                        archive.members = []  # type: ignore[attr-defined]
            except tarfile.TarError as error:
                raise _broken_off(error, reader) from error

    def put(self, folder: str, entries: Sequence[NewFile]) -> None:
        """Write files into a folder that is there; one with the same name is replaced, links not followed.

        Raises:
            NoSuchContainer: the container is gone.
            EngineRefused: there is no such folder, it can't be written to, or there is no room.
            EngineError: the engine can't be asked.
        """
        path = f"{self._base}{_quoted(folder)}&noOverwriteDirNonDir=1"
        try:
            self._http.put_tar(path, _packed(entries), self._deadline.remaining())
        except EngineRefused as error:
            raise explained(error, folder) from error

    def is_taken(self, path: str) -> bool:
        """Whether something has that name, be it a link that leads nowhere. Raises as `stat` does."""
        return self._told(path) is not None

    def archive_path(self, path: str) -> str:
        """The call that gives a path out as an archive, or takes one into it, for `carry`."""
        return self._base + _quoted(path)

    def _told(self, path: str) -> dict[str, Any] | None:
        try:
            headers = self._http.head(self._base + _quoted(path), self._deadline.remaining())
        except EngineRefused as error:
            # HEAD has no body that would say what is not there, the container or the path: of the container
            # the caller's other questions tell. 400 and 500: below a file, or a link that leads nowhere.
            if error.status in (400, 404, 500):
                return None
            raise
        try:
            told = json.loads(base64.b64decode(headers.get(_STAT_HEADER, "")))
        except (ValueError, binascii.Error):
            return None
        return told if isinstance(told, dict) else None


class _Blocks:
    """Blocks as the file that tarfile reads from."""

    def __init__(self, blocks: Generator[bytes, None, None], most_bytes: int) -> None:
        self._blocks = blocks
        self._left = most_bytes
        self._buffer = bytearray()
        self.is_cut = False

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            if self._left <= 0:
                self.is_cut = True
                break
            block = next(self._blocks, b"")
            if not block:
                break
            self._left -= len(block)
            self._buffer += block
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken


class _Content:
    """The content of one file, which whoever goes through the archive reads or leaves."""

    def __init__(self, file: IO[bytes], reader: _Blocks) -> None:
        self._file = file
        self._reader = reader

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or all. Raises TooMuch, or an EngineError."""
        try:
            return self._file.read(size)
        except tarfile.TarError as error:
            raise _broken_off(error, self._reader) from error


def _broken_off(error: tarfile.TarError, reader: _Blocks) -> Exception:
    """Why an archive comes to no end."""
    return TooMuch() if reader.is_cut else EngineRefused("The engine's archive can't be read", str(error))


def _packed(entries: Sequence[NewFile]) -> bytes:
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            member = tarfile.TarInfo(entry.path)
            member.mode, member.uid, member.gid = entry.mode, entry.uid, entry.gid
            member.mtime = int(time.time())
            if entry.content is None:
                member.type = tarfile.DIRTYPE
                archive.addfile(member)
            else:
                member.size = len(entry.content)
                archive.addfile(member, io.BytesIO(entry.content))
    return memory.getvalue()


def explained(error: EngineRefused, folder: str) -> EngineRefused:
    """What the engine says of a folder that it can't write to, in words that say what to do."""
    said = error.detail.lower()
    # one of the container itself, too, says "could not find" with the container's id behind it
    if error.status == 404 and "no such container" not in said:
        return EngineRefused(f"There is no folder {folder}", error.detail, "Make it in the container", 404)
    if "read-only" in said:
        hint = "Mount it writable, or make a container without --read-only"
        return EngineRefused(f"{folder} can't be written to", error.detail, hint, error.status)
    if "not a directory" in said:
        return EngineRefused(f"{folder} is no folder", error.detail, "Choose another", error.status)
    if "no space" in said or "quota" in said:
        return EngineRefused("There is no room on the disk", error.detail, "Free some", error.status)
    return error


def _quoted(path: str) -> str:
    return quote(os.fsencode(path), safe="/")
