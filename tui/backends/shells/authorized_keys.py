"""envtui's line in an account's authorized_keys in a container, through the engine: no shell is needed there.

What is there already stays byte for byte. Nothing is written where a volume or a folder of the host may lie:
the line would open the logins of others, too.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles, NewFile, TooMuch
from tui.backends.docker.http import EngineHttp
from tui.backends.shells.accounts import Account
from tui.model.errors import EngineRefused, NoRoute
from tui.model.printable import printable

# A thousand keys are 600 KB.
_MOST_BYTES = 1 << 20
# Headers of archives, and the engine's padding.
_MORE_BYTES = 64 << 10
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600
# Others who may write may let themselves in: sshd refuses such files and folders (StrictModes).
_WRITABLE_BY_OTHERS = 0o022
_PERMISSION_BITS = 0o7777
# Docker's and Podman's words for a path that is not there, in an answer that may also mean the container.
_NO_PATH = re.compile(r"could not (be )?f(ind|ound)|no such file", re.IGNORECASE)
_TITLE = "envtui's key was not put into the container"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One path, links not followed; content of a regular file only."""

    member: tarfile.TarInfo
    content: bytes


def mount_paths(inspected: Mapping[str, Any]) -> tuple[str, ...]:
    """Where something else than the container's own file system lies, by the engine's inspect answer."""
    host = inspected.get("HostConfig") or {}
    places = [each.get("Destination") for each in inspected.get("Mounts") or ()]
    places += [each.get("Target") for each in host.get("Mounts") or ()]
    places += list(host.get("Tmpfs") or ())
    return tuple(dict.fromkeys(str(place) for place in places if place))


def put_key(
    http: EngineHttp,
    container_id: str,
    mounts: Sequence[str],
    account: Account,
    path: str,
    public_line: str,
    deadline: Deadline,
) -> None:
    """Put a line at the end of an account's authorized_keys, unless its key stands there.

    A missing file is made (0600) and so is its folder below the account's home (0700), for the account; what
    is there keeps mode and owner.

    Args:
        http: the engine's.
        container_id: full id.
        mounts: paths in the container on which something else lies, as `mount_paths` gives them.
        account: that is to be logged into.
        path: of the file, absolute.
        public_line: kind, key and comment.
        deadline: for everything.

    Raises:
        NoRoute: it must not be written there.
        EngineRefused: it can't be written; `detail` and `hint` say why.
        EngineError: the engine can't be asked.
    """
    files = ContainerFiles(http, container_id, deadline)
    path = os.path.normpath(path)
    _refuse_mounts(mounts, path)
    has_folder = _refuse_way(files, account, path)
    old = _entry(files, path)
    if old is None:
        old_content, mode, uid, gid = b"", _FILE_MODE, account.uid, account.gid
    else:
        _refuse_kind(old.member, path)
        old_content = old.content
        mode, uid, gid = old.member.mode & _PERMISSION_BITS, old.member.uid, old.member.gid
    if _stands_in(old_content, public_line):
        return
    end = b"" if not old_content or old_content.endswith(b"\n") else b"\n"
    content = old_content + end + public_line.strip().encode() + b"\n"
    folder, name = os.path.split(path)
    if has_folder:
        files.put(folder, [NewFile(name, content, mode, uid, gid)])
        return
    above, folder_name = os.path.split(folder)
    files.put(
        above,
        [
            NewFile(folder_name, None, _FOLDER_MODE, account.uid, account.gid),
            NewFile(f"{folder_name}/{name}", content, mode, uid, gid),
        ],
    )


def has_key(http: EngineHttp, container_id: str, path: str, public_line: str, deadline: Deadline) -> bool:
    """Whether the line's key stands in the file, with whatever options. Raises EngineError."""
    found = _entry(ContainerFiles(http, container_id, deadline), os.path.normpath(path))
    return found is not None and _stands_in(found.content, public_line)


def remove_key(http: EngineHttp, container_id: str, path: str, public_line: str, deadline: Deadline) -> None:
    """Take the lines with the key out of the file again; all else stays. Without one nothing is written.

    Raises:
        EngineError: as for `put_key`.
    """
    files = ContainerFiles(http, container_id, deadline)
    path = os.path.normpath(path)
    found = _entry(files, path)
    if found is None or not _stands_in(found.content, public_line):
        return
    _refuse_kind(found.member, path)
    lines = found.content.split(b"\n")
    content = b"\n".join(line for line in lines if not _stands_in(line, public_line))
    folder, name = os.path.split(path)
    member = found.member
    files.put(folder, [NewFile(name, content, member.mode & _PERMISSION_BITS, member.uid, member.gid)])


def why_distrusted(
    http: EngineHttp, container_id: str, account: Account, path: str, deadline: Deadline
) -> str:
    """Why sshd would not read the file as it lies (StrictModes); "" where it would, or where none lies yet.

    From OpenSSH's misc.c, safe_path(): the file and the folders above it, up to the home or the root.

    Raises:
        EngineError: the engine can't be asked.
    """
    files = ContainerFiles(http, container_id, deadline)
    path = os.path.normpath(path)
    for place in reversed(_above(path, account.home)):
        found = _entry(files, place)
        if found is None:
            continue
        if found.member.uid not in (0, account.uid):
            return f"{printable(place)} belongs to somebody else than {printable(account.name)}"
        if not found.member.issym() and found.member.mode & _WRITABLE_BY_OTHERS:
            return f"others may write to {printable(place)}, so sshd trusts no key there"
    return ""


def _above(path: str, home: str) -> list[str]:
    """The path and the folders above it, up to the home where it lies there; the root is left out."""
    places = []
    while path not in ("/", ""):
        places.append(path)
        if path == os.path.normpath(home):
            break
        path = os.path.dirname(path)
    return places


def _refuse_mounts(mounts: Sequence[str], path: str) -> None:
    for mount in map(os.path.normpath, mounts):
        if mount != "/" and (path == mount or path.startswith(f"{mount}/")):
            raise NoRoute(
                _TITLE,
                f"{printable(path)} lies on a mount ({printable(mount)}): "
                "the key would open the host's logins or another container's",
                "Enter it through the engine, or put a key there by hand",
            )


def _refuse_way(files: ContainerFiles, account: Account, path: str) -> bool:
    """Refuse what can't be gone or leads elsewhere; whether the file's folder is there."""
    home, folder = os.path.normpath(account.home), os.path.dirname(path)
    below_home = folder.startswith(f"{home.rstrip('/')}/")
    for place in reversed(_above(folder, "/")):
        found = _entry(files, place)
        if found is not None:
            if not found.member.isdir():
                _refuse_kind(found.member, place)
                raise NoRoute(_TITLE, f"{printable(place)} is no folder", "Make it one in the container")
        elif place == folder and below_home:
            return False
        elif below_home and (home == place or home.startswith(f"{place}/")):
            name = printable(account.name)
            detail = f"the home of {name}, {printable(home)}, is missing"
            raise NoRoute(_TITLE, detail, "Make it in the container")
        else:
            raise NoRoute(_TITLE, f"the folder {printable(place)} is missing", "Make it in the container")
    return True


def _refuse_kind(member: tarfile.TarInfo, path: str) -> None:
    """Refuse what is no regular file of a usual size."""
    if member.issym():
        detail = "is a symbolic link: what it leads to may be somebody else's"
    elif not member.isfile():
        detail = "is no regular file"
    elif member.size > _MOST_BYTES:
        detail = f"is larger than {_MOST_BYTES >> 20} MiB"
    else:
        return
    hint = "Put a key there by hand, or enter it through the engine"
    raise NoRoute(_TITLE, f"{printable(path)} {detail}", hint)


def _entry(files: ContainerFiles, path: str) -> _Entry | None:
    """What the engine packs first is the path itself, before all that a folder holds; None for nothing."""
    try:
        with contextlib.closing(files.members(path, _MOST_BYTES + _MORE_BYTES)) as members:
            for _, member, content in members:
                is_small = member.size <= _MOST_BYTES
                return _Entry(member, content.read() if content and is_small else b"")
    except EngineRefused as error:
        if error.status == 404 and _NO_PATH.search(error.detail):
            return None
        raise
    except TooMuch:
        # before its first entry ended: a header that long is none of a file
        raise NoRoute(_TITLE, f"{printable(path)} can't be read") from None
    return None


def _stands_in(content: bytes, public_line: str) -> bool:
    kind, key = public_line.encode().split()[:2]
    lines = (line.split() for line in content.split(b"\n"))
    told = (words for words in lines if words and not words[0].startswith(b"#"))
    # options stand before the kind, a comment behind the key
    return any(pair == (kind, key) for words in told for pair in itertools.pairwise(words))
