"""Room on the file systems of this machine that the engine and its containers use."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tui.backends.deadline import CancellableDeadline
from tui.model.disk import FileSystem

# A network file system whose server is gone holds a look at it up for good, in the kernel.
_LOOK_SECONDS = 3.0
# What has no room of its own (filesystems(5) and the kernel's Documentation/filesystems).
_PSEUDO = frozenset(
    {
        "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs",
        "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "sysfs",
        "tracefs",
    }
)  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class MountPoint:
    """A line of `/proc/self/mountinfo` (proc(5)).

    Attributes:
        device: major and minor number, as one number of `os.makedev`.
        path: where it is mounted.
        kind: "ext4", "overlay", …
        is_whole: it is not only a folder of the file system.
    """

    device: int
    path: str
    kind: str
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class _Look:
    device: int
    path: str
    total_bytes: int
    used_bytes: int
    free_bytes: int
    inodes: int | None
    free_inodes: int | None


class LocalFileSystems:
    """Looks at the file systems of this machine. Thread-safe."""

    def __init__(self, mountinfo: str = "/proc/self/mountinfo") -> None:
        """Args: where the kernel lists what is mounted."""
        self._mountinfo = mountinfo
        self._lock = threading.Lock()
        self._hung: dict[str, threading.Thread] = {}

    def of(
        self, places: Iterable[tuple[str, str]], is_cancelled: Callable[[], bool]
    ) -> tuple[FileSystem, ...]:
        """The file system of each place, each once; one that does not answer is left out.

        Args:
            places: a path of this machine, and what of ours is there.
            is_cancelled: asked often.

        Raises:
            ReclaimError: it was called off.
        """
        mounted = self._mounted()
        looks: dict[int, _Look] = {}
        uses: dict[int, list[str]] = {}
        for path, use in places:
            look = self._look(path, is_cancelled)
            if look is None:
                continue
            looks.setdefault(look.device, look)
            if use not in uses.setdefault(look.device, []):
                uses[look.device].append(use)
        found = []
        for device, look in looks.items():
            point = mount_point_of(look.path, device, mounted)
            if look.total_bytes and (point is None or point.kind not in _PSEUDO):
                found.append(
                    FileSystem(
                        point.path if point else look.path,
                        look.total_bytes,
                        look.used_bytes,
                        look.free_bytes,
                        look.inodes,
                        look.free_inodes,
                        tuple(uses[device]),
                    )
                )
        return tuple(found)

    def free_bytes(self, path: str, is_cancelled: Callable[[], bool]) -> int | None:
        """What an ordinary user can have where a path is; None where nobody can tell."""
        look = self._look(path, is_cancelled)
        return look.free_bytes if look else None

    def _mounted(self) -> Sequence[MountPoint]:
        try:
            with open(self._mountinfo, encoding="utf-8", errors="surrogateescape") as lines:
                return mount_points(lines)
        except OSError:
            return ()

    def _look(self, path: str, is_cancelled: Callable[[], bool]) -> _Look | None:
        """A look from a thread that may be left behind: nothing ends one that hangs in the kernel."""
        with self._lock:
            hung = self._hung.get(path)
            if hung is not None and hung.is_alive():
                return None
            self._hung.pop(path, None)
        found: list[_Look] = []
        seen = threading.Event()

        def look() -> None:
            try:
                found.extend(_looked(path))
            finally:
                seen.set()

        thread = threading.Thread(target=look, name="file system look", daemon=True)
        thread.start()
        deadline = CancellableDeadline(_LOOK_SECONDS, is_cancelled)
        while not seen.wait(deadline.step_seconds):
            if deadline.passed:
                with self._lock:
                    self._hung[path] = thread
                return None
            deadline.check()
        return found[0] if found else None


def mount_points(lines: Iterable[str]) -> tuple[MountPoint, ...]:
    """What is mounted, from the lines of a mountinfo; lines in another form are left out."""
    found = []
    for line in lines:
        before, dash, after = line.rstrip("\n").partition(" - ")
        fields = before.split(" ")
        major, colon, minor = fields[2].partition(":") if len(fields) > 4 else ("", "", "")
        if dash and colon and major.isdecimal() and minor.isdecimal():
            device = os.makedev(int(major), int(minor))
            found.append(MountPoint(device, _unescaped(fields[4]), after.split(" ")[0], fields[3] == "/"))
    return tuple(found)


def mount_point_of(path: str, device: int, mounted: Iterable[MountPoint]) -> MountPoint | None:
    """Where this device is mounted around a path: the whole of it if it can be, else the innermost part."""
    around = [
        each
        for each in mounted
        if each.device == device and (path == each.path or path.startswith(f"{each.path.rstrip('/')}/"))
    ]
    return max(around, key=lambda each: (each.is_whole, len(each.path)), default=None)


def _unescaped(text: str) -> str:
    """A path with its spaces, tabs, newlines and backslashes, which the kernel writes in octal."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _looked(path: str) -> list[_Look]:
    """The room where a path is, or where the next folder around it is that this user may look at."""
    try:
        path = os.path.realpath(path)
    except (OSError, ValueError):
        return []
    while True:
        try:
            told, room = os.stat(path), os.statvfs(path)
            break
        except PermissionError:
            # a data root belongs to root alone; what holds it nearly always shares its file system
            if path == "/":
                return []
            path = os.path.dirname(path)
        except (OSError, ValueError):
            return []
    if stat.S_ISSOCK(told.st_mode) or stat.S_ISCHR(told.st_mode) or stat.S_ISBLK(told.st_mode):
        # a door to somewhere, no place to put things
        return []
    block = room.f_frsize
    return [
        _Look(
            told.st_dev,
            path,
            total_bytes=room.f_blocks * block,
            used_bytes=(room.f_blocks - room.f_bfree) * block,
            free_bytes=room.f_bavail * block,
            inodes=room.f_files or None,
            free_inodes=room.f_favail if room.f_files else None,
        )
    ]
