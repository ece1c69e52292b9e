"""Reads what `caches.sh` prints, whatever it prints; the format is described there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tui.backends.conda import answer

_BLOCK_BYTES = 512
_FORMAT = "1"
_SECOND = 0.999_999
# Device, inode, links, blocks, kind as a letter or as the mode, changed, modified.
_FILE = re.compile(r"(\d+:\d+) (\d+) (\d+) ([a-zA-Z]|[0-9a-f]{4}) (\d+(?:\.\d*)?) (\d+(?:\.\d*)?)")
_FOLDER_MODE = re.compile(r"d|4[0-9a-f]{3}")
_VERSION = re.compile(r"(\d+)(?:\.(\d+))?")
# `pip cache` came with it (pip's NEWS, 20.1)
_OLDEST_PIP = (20, 1)


@dataclass(frozen=True, slots=True)
class CachedFile:
    """One inode of a cache.

    Attributes:
        links, seen: how many names it has, and how many of them are in the cache.
        size_bytes: of its blocks.
        changed_at, modified_at: epoch seconds; nobody but the clock sets the first.
        is_folder: its links are something else.
    """

    links: int
    seen: int
    size_bytes: int
    changed_at: float
    modified_at: float
    is_folder: bool = False


@dataclass(slots=True)
class FoundCache:
    """A cache as the script saw it.

    Attributes:
        owner: "conda", "pip" or "uv".
        path: in the container, without links.
        user: number of the one who owns it, "" where not known.
        is_writable: by whoever looked.
        files: None where nothing in the container can list them, or not all came.
    """

    owner: str
    path: str
    user: str
    is_writable: bool
    files: list[CachedFile] | None = None

    @property
    def size_bytes(self) -> int | None:
        """Of all of it, each inode once."""
        return None if self.files is None else sum(each.size_bytes for each in self.files)

    @property
    def modified_at(self) -> float | None:
        """The newest of all."""
        return max((each.modified_at for each in self.files or ()), default=None)

    def own_bytes(self, since: float | None) -> int | None:
        """Of the files that have no name elsewhere: what removing them gives back.

        Args:
            since: only of those that came into being later (epoch seconds); None for all. A file of an image
                keeps the time at which it was unpacked, and a change in a container makes another inode.
        """
        if self.files is None:
            return None
        return sum(
            each.size_bytes
            for each in self.files
            if not each.is_folder and each.seen >= each.links and (since is None or each.changed_at >= since)
        )


@dataclass(frozen=True, slots=True)
class FoundPip:
    """A pip in an environment."""

    prefix: str
    python: str
    version: str

    @property
    def knows_caches(self) -> bool:
        """Whether it can clean its own."""
        told = _VERSION.match(self.version)
        return told is not None and (int(told[1]), int(told[2] or 0)) >= _OLDEST_PIP


@dataclass(slots=True)
class CacheAnswer:
    """Everything that one run of the script told.

    Attributes:
        process_id: of its shell; None where the answer does not begin as it should.
        caches: in the order in which they were found.
        is_complete: it came to its end.
    """

    process_id: int | None = None
    caches: list[FoundCache] = field(default_factory=list)
    pips: list[FoundPip] = field(default_factory=list)
    uvs: list[str] = field(default_factory=list)
    is_complete: bool = False


def process_id_of(output: bytes | bytearray) -> int | None:
    """The number of the script's shell, once it was told."""
    return read(bytes(output[:64])).process_id


def read(output: bytes) -> CacheAnswer:
    """What an output tells, as far as it goes."""
    told = CacheAnswer()
    for tag, fields in answer.records(output):
        match tag, fields:
            case "V", [_, pid] if fields[0] == _FORMAT and pid.isdigit():
                told.process_id = int(pid)
            case _ if told.process_id is None:
                break
            case "C", [_, owner, path, user, writable] if owner in ("conda", "pip", "uv"):
                told.caches.append(FoundCache(owner, path, user if user.isdigit() else "", writable == "y"))
            case "I", [prefix, python, version]:
                told.pips.append(FoundPip(prefix, python, version))
            case "N", [program]:
                told.uvs.append(program)
            case "W", [number, lines] if number.isdigit() and 0 < int(number) <= len(told.caches):
                told.caches[int(number) - 1].files = list(_files(lines))
            case "Z", [_]:
                told.is_complete = True
            case _:
                # something else than the script printed, too
                break
    return told


def _files(lines: str) -> Iterator[CachedFile]:
    """Each inode once."""
    seen: dict[str, tuple[int, int, int, float, float, bool]] = {}
    for line in lines.split("\n"):
        told = _FILE.fullmatch(line)
        if told is None:
            continue
        inode, links, blocks, kind, changed, modified = told.groups()
        before = seen.get(inode)
        count = 1 if before is None else before[1] + 1
        is_folder = _FOLDER_MODE.fullmatch(kind) is not None
        size = int(blocks) * _BLOCK_BYTES
        # busybox tells whole seconds: what was made in the same one as the container is not the image's
        at = float(changed) if "." in changed else float(changed) + _SECOND
        seen[inode] = (int(links), count, size, at, float(modified), is_folder)
    for each in seen.values():
        yield CachedFile(*each)
