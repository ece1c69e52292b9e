"""Files of a container through the engine's archive calls, which need no shell and no running container."""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import tarfile
from collections.abc import Generator
from dataclasses import dataclass
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
                        content = archive.extractfile(member) if member.isfile() else None
                        _, _, below = member.name.rstrip("/").partition("/")
                        yield below, member, content
                        # tarfile keeps every entry that it met
                        archive.members = []  # type: ignore[attr-defined]
            except tarfile.TarError as error:
                if reader.is_cut:
                    raise TooMuch from error
                raise EngineRefused("The engine's archive can't be read", str(error)) from error

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


def _quoted(path: str) -> str:
    return quote(os.fsencode(path), safe="/")
