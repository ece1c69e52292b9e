"""What a container's writable layer has that its image has not, counted while the engine tells it."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tui.backends.docker.changes import Change, ChangeKind, holder_of, is_in, really_changed
from tui.backends.docker.mounts import Mounts
from tui.model.disk import LayerChanges, PrefixChange
from tui.model.environments import Origin

# Deep enough to tell one person's folder from another's, shallow enough for a short list.
_FOLDER_DEPTH = 3
_FOLDERS_TOLD = 5
# What makes a folder an environment, of conda and its kin, and of venv, virtualenv and uv (PEP 405).
_MARKS = frozenset({"conda-meta", "pyvenv.cfg"})
# A flood of different folders must not fill the memory: those after so many are counted by their beginning.
_FOLDERS_COUNTED = 10_000


# Where packages of a Python are, in any prefix (sysconfig, schemes posix_prefix and posix_user).
_SITE = re.compile(r"(/.+?)/lib/python[0-9][^/]*/site-packages/.")


def layer_changes(
    container_id: str, prefixes: Sequence[str], mounts: Mounts, told: Iterable[Change]
) -> LayerChanges:
    """Count the changes of a container, and tell which environments were made or changed by them.

    A folder that the engine made to mount something on is no change, and neither is what Python caches.

    Args:
        container_id: full id.
        prefixes: of environments, absolute paths, without links.
        mounts: of the container.
        told: by the engine, each folder before what is in it.
    """
    print_ = _Fingerprint()
    by_length = sorted((each for each in prefixes if mounts.origin_of(each) is None), key=len, reverse=True)
    found = {each: PrefixChange.MADE for each in prefixes if mounts.origin_of(each) is Origin.LAYER}
    points = {part for each in (*mounts.lasting, *mounts.fleeting) for part in _with_parents(each)}
    unlisted: dict[str, PrefixChange] = {}
    kinds: Counter[ChangeKind] = Counter()
    folders: Counter[str] = Counter()
    for change in really_changed(print_.taken(told)):
        if change.kind is ChangeKind.ADDED:
            # a prefix that is in an added folder was added with it
            found |= {each: PrefixChange.MADE for each in by_length if is_in(each, change.path)}
        if change.path in points and change.kind is not ChangeKind.DELETED:
            continue
        kinds[change.kind] += 1
        folder, _, name = change.path.rpartition("/")
        is_mark = name in _MARKS and change.kind is ChangeKind.ADDED and folder
        # at a place that nobody thought of; what lies in one that is known is a part of that
        if is_mark and not any(is_in(folder, each) for each in by_length):
            unlisted[folder] = PrefixChange.MADE
        elif (site := _SITE.match(change.path)) and holder_of(change.path, by_length) is None:
            # packages came to one that the image has there
            unlisted.setdefault(site[1], PrefixChange.CHANGED)
        holder = holder_of(change.path, by_length)
        if holder is not None:
            found.setdefault(holder, PrefixChange.CHANGED)
        folder = next((each for each in by_length if is_in(change.path, each)), None) or _folder(change.path)
        if folder not in folders and len(folders) >= _FOLDERS_COUNTED:
            folder = f"/{folder.split('/')[1]}"
        folders[folder] += 1
    return LayerChanges(
        container_id,
        added=kinds[ChangeKind.ADDED],
        changed=kinds[ChangeKind.MODIFIED],
        deleted=kinds[ChangeKind.DELETED],
        folders=tuple(sorted(folders.items(), key=lambda each: (-each[1], each[0]))[:_FOLDERS_TOLD]),
        prefixes={each: found[each] for each in prefixes if each in found} | unlisted,
        fingerprint=print_.text(),
    )


def _folder(path: str) -> str:
    """The folder that a path is in, or one around that."""
    parts = path.strip("/").split("/")[:-1]
    return "/" + "/".join(parts[:_FOLDER_DEPTH])


def _with_parents(path: str) -> Iterator[str]:
    while path.strip("/"):
        yield path
        path = path.rpartition("/")[0]


class _Fingerprint:
    """The same for the same set of changes, in whatever order they are told."""

    def __init__(self) -> None:
        self._sum = 0
        self._count = 0

    def taken(self, told: Iterable[Change]) -> Iterator[Change]:
        """Each of them, taken in on its way."""
        for change in told:
            text = f"{change.kind.value} {change.path}".encode("utf-8", "surrogatepass")
            self._sum += int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big")
            self._count += 1
            yield change

    def text(self) -> str:
        """Of all that were taken in."""
        return f"{self._count}-{self._sum % (1 << 128):032x}"
