"""What `/proc` tells of one process: identity, user, control group, command, and clues to its environment."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tui.backends.gpu.cgroup_id import ContainerGroup, container_group
from tui.model.owners import Clues

# proc(5); a stat line has some 400 bytes, a status 1500
_MOST_BYTES = 64 << 10
# Variables of a process may take megabytes (`getconf ARG_MAX`); those looked for come early as shells export
# them, and what is cut off here is as if it were not set.
_MOST_ENVIRON_BYTES = 1 << 20
# More links than a sane path has; the kernel itself follows 40 (path_resolution(7)).
_MOST_LINKS = 40
# The kernel's own namespaces have these fixed numbers (include/linux/proc_ns.h); any other is a container's.
_HOST_PIDS, _HOST_CGROUPS = "pid:[4026531836]", "cgroup:[4026531835]"
_VARIABLES = (b"CONDA_PREFIX", b"CONDA_DEFAULT_ENV", b"VIRTUAL_ENV")
_RECORDS, _VENV = b"conda-meta", b"pyvenv.cfg"

ENDED = "its process has ended"
HIDDEN = "this host hides other users' processes (/proc is mounted with hidepid): only root may look"
FOREIGN = (
    "envtui runs in a container, and the GPUs count processes as the host does: start it on the host, or its"
    " container with --pid=host"
)


class NotSeen(Exception):
    """A process can't be looked at; the text says why."""


class HasEnded(NotSeen):
    """There is no such process, or it ended while it was looked at."""

    def __init__(self) -> None:
        super().__init__(ENDED)


@dataclass(frozen=True, slots=True)
class Stat:
    """What every user may know of a process, unless it is hidden."""

    start_ticks: int
    state: str
    parent_pid: int
    name: str


@dataclass(frozen=True, slots=True)
class Status:
    """More of the same.

    Attributes:
        uid, gid: effective, on this host; None where not told.
        numbers: its PIDs, from ours to the innermost; () where not told.
    """

    uid: int | None
    gid: int | None
    numbers: tuple[int, ...]


def is_there(pid: int) -> bool:
    """Whether there is a process of this number, hidden or not: signal 0 is only tried."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


class ProcessFiles:
    """The files of processes below one root."""

    def __init__(self, root: Path = Path("/proc"), is_there: Callable[[int], bool] = is_there) -> None:
        """Args: root of the kernel's files; is_there tells a hidden process from one that has ended."""
        self.root = str(root)
        self._is_there = is_there
        self._has_host_groups = self._namespace("cgroup") in ("", _HOST_CGROUPS)
        #: why numbers of the host mean nothing here, "" where they do
        self.why_foreign = "" if self._namespace("pid") in ("", _HOST_PIDS) else FOREIGN

    def stat(self, pid: int) -> Stat:
        """Its identity. Raises NotSeen."""
        return parse_stat(self._read(pid, "stat"))

    def status(self, pid: int) -> Status:
        """User and numbers. Raises NotSeen."""
        uid: int | None = None
        gid: int | None = None
        numbers: tuple[int, ...] = ()
        for line in self._read(pid, "status").splitlines():
            # the name comes first and holds no line break: the kernel writes "\n" for one
            if line.startswith(b"Uid:") and uid is None:
                uid = int(line.split()[2])
            elif line.startswith(b"Gid:") and gid is None:
                gid = int(line.split()[2])
            elif line.startswith(b"NSpid:"):
                numbers = tuple(map(int, line.split()[1:]))
        return Status(uid, gid, numbers)

    def container(self, pid: int) -> tuple[ContainerGroup, str | None]:
        """What its control groups say, and the container's id: OUTSIDE for none, None where they don't tell.

        Raises:
            NotSeen: it can't be looked at.
        """
        text = text_of(self._read(pid, "cgroup"))
        group = container_group(text)
        # a control group namespace of our own hides the name of the container that it belongs to
        is_told = bool(group.container_ids) or (bool(text.strip()) and self._has_host_groups)
        return group, group.container_id if is_told else None

    def command_line(self, pid: int) -> bytes:
        """Its words, each with a NUL behind it, or whatever it has written there. Raises NotSeen."""
        return self._read(pid, "cmdline")

    def user_inside(self, pid: int) -> str:
        """User and group of a process as its own user namespace counts them, "UID:GID"; "" where not told.

        Raises:
            NotSeen: it can't be looked at.
        """
        status = self.status(pid)
        ids = (self._inside(pid, "uid_map", status.uid), self._inside(pid, "gid_map", status.gid))
        return "" if None in ids else ":".join(map(str, ids))

    def _inside(self, pid: int, name: str, outside_id: int | None) -> int | None:
        for line in self._read(pid, name).splitlines():
            inside, outside, count = map(int, line.split())
            if outside_id is not None and outside <= outside_id < outside + count:
                return inside + outside_id - outside
        return None

    def program(self, pid: int) -> str:
        """Its executable, "" for one that has ended or has none.

        Raises:
            PermissionError: it is not for this user to know.
        """
        return self._link(pid, "exe")

    def clues(self, pid: int, command_line: bytes) -> Clues:
        """Program, variables, and the environments around its paths, as far as they can be read.

        Raises:
            PermissionError: it is not for this user to know.
        """
        program = self.program(pid)
        try:
            environ = read_up_to(f"{self.root}/{pid}/environ", _MOST_ENVIRON_BYTES)
        except OSError:
            environ = b""
        first_word = first_path(command_line)
        if first_word and not first_word.startswith("/"):
            cwd = self._link(pid, "cwd")
            first_word = f"{cwd}/{first_word}" if cwd.startswith("/") else ""
        told = Clues(program, first_word, *variables(environ))
        try:
            root = os.open(f"{self.root}/{pid}/root", os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return told
        try:
            return _looked_at(told, root)
        finally:
            os.close(root)

    def boot_time(self) -> float | None:
        """When this host was started, in epoch seconds; None where it is not told."""
        try:
            text = read_up_to(f"{self.root}/stat", 1 << 20)
        except OSError:
            return None
        line = next((each for each in text.splitlines() if each.startswith(b"btime ")), b"")
        return float(line.split()[1]) if line else None

    def _namespace(self, kind: str) -> str:
        try:
            return os.readlink(f"{self.root}/self/ns/{kind}")
        except OSError:
            return ""

    def _link(self, pid: int, name: str) -> str:
        try:
            target = os.readlink(os.fsencode(f"{self.root}/{pid}/{name}"))
        except PermissionError:
            raise
        except OSError:
            return ""
        return text_of(target)

    def _read(self, pid: int, name: str) -> bytes:
        try:
            return read_up_to(f"{self.root}/{pid}/{name}", _MOST_BYTES)
        except PermissionError as error:
            raise NotSeen(HIDDEN) from error
        except OSError as error:
            if error.errno == errno.ENOENT and self._is_there(pid):
                raise NotSeen(HIDDEN) from error
            raise HasEnded from error


def parse_stat(line: bytes) -> Stat:
    """The fields of a stat line; the name in it may hold brackets and blanks, too. Raises NotSeen."""
    head, _, tail = line.rpartition(b")")
    fields = tail.split()
    if len(fields) < 20:
        raise HasEnded
    try:
        # fields 3, 4 and 22 of proc(5)
        return Stat(
            int(fields[19]), fields[0].decode("ascii"), int(fields[1]), text_of(head.partition(b"(")[2])
        )
    except ValueError as error:
        raise HasEnded from error


def text_of(raw: bytes) -> str:
    """Foreign bytes as text; those that are no UTF-8 as surrogates, from which they can be had again."""
    return raw.decode("utf-8", "surrogateescape")


def first_path(command_line: bytes) -> str:
    """The first word of a command line where it is a path, "" where it is a name."""
    word = command_line.partition(b"\0")[0]
    return text_of(word) if b"/" in word else ""


def variables(environ: bytes) -> tuple[str, str, str]:
    """CONDA_PREFIX, CONDA_DEFAULT_ENV and VIRTUAL_ENV; of one that is there twice the first counts."""
    found: dict[bytes, str] = {}
    for entry in environ.split(b"\0"):
        name, _, value = entry.partition(b"=")
        if name in _VARIABLES:
            found.setdefault(name, text_of(value))
    prefix, conda_name, venv = (found.get(each, "") for each in _VARIABLES)
    return prefix, conda_name, venv


def read_up_to(path: str, most_bytes: int) -> bytes:
    """The beginning of a file whose size is not told. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        read = bytearray()
        while len(read) < most_bytes and (block := os.read(descriptor, most_bytes - len(read))):
            read += block
        return bytes(read)
    finally:
        os.close(descriptor)


def _looked_at(told: Clues, root: int) -> Clues:
    """Clues with real paths, and with what the folders around them are."""
    first_word = _resolved_file(root, told.first_word)
    virtual_env, conda_prefix = (
        _resolved(root, each) or each for each in (told.virtual_env, told.conda_prefix)
    )
    conda_prefixes: dict[str, None] = {}
    venvs: dict[str, None] = {}
    candidates = (*_around(told.program), *_around(first_word), virtual_env)
    for folder in dict.fromkeys(filter(None, candidates)):
        if _is(root, folder, _RECORDS, stat.S_ISDIR):
            conda_prefixes[folder] = None
        elif _is(root, folder, _VENV, stat.S_ISREG):
            venvs[folder] = None
    return Clues(
        told.program,
        first_word,
        conda_prefix,
        told.conda_name,
        virtual_env,
        tuple(conda_prefixes),
        tuple(venvs),
    )


def _around(path: str) -> Iterator[str]:
    """The folders that a path lies in, without the root."""
    folder = path.rpartition("/")[0]
    while folder.startswith("/"):
        yield folder
        folder = folder.rpartition("/")[0]


def _is(root: int, folder: str, name: bytes, is_kind: Callable[[int], bool]) -> bool:
    if _resolved(root, folder) != folder:
        # it is gone, or leads elsewhere by now
        return False
    path = folder.encode("utf-8", "surrogateescape").lstrip(b"/") + b"/" + name
    try:
        return is_kind(os.stat(path, dir_fd=root, follow_symlinks=False).st_mode)
    except (OSError, ValueError):
        return False


def _resolved_file(root: int, path: str) -> str:
    """A path whose folder is without links. The file itself may be one: so is every Python of a venv."""
    folder, _, name = path.rpartition("/")
    real = _resolved(root, folder)
    return f"{real}/{name}" if real else path


def _resolved(root: int, path: str) -> str:
    """A path without links, as a process with that root sees it; "" where it leads nowhere.

    The kernel would take an absolute link in it as one of our own root.
    """
    if not path.startswith("/"):
        return ""
    todo = list(reversed(path.encode("utf-8", "surrogateescape").split(b"/")))
    done: list[bytes] = []
    links = 0
    while todo:
        part = todo.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            del done[-1:]
            continue
        try:
            target = os.readlink(b"/".join((*done, part)), dir_fd=root)
        except OSError as error:
            if error.errno != errno.EINVAL:
                return ""
            done.append(part)
            continue
        except ValueError:
            return ""
        links += 1
        if links > _MOST_LINKS:
            return ""
        if target.startswith(b"/"):
            done.clear()
        todo += reversed(target.split(b"/"))
    return text_of(b"/" + b"/".join(done)) if done else ""
