"""What environments take on the disk: one walk through each, every inode counted once."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from typing import Any

from tui.backends.conda import names, probe
from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles, TooMuch
from tui.backends.docker.http import EngineHttp
from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment, EnvironmentKind, EnvironmentSize
from tui.model.errors import Conflict, EngineError, EngineRefused, EngineTimeout

#: For one environment: a million files on a disk that others use, too.
WALK_SECONDS = 300.0

_BLOCK_BYTES = 512
_LOOK_SECONDS = 0.2
_MOST_RECORD_BYTES = 256 << 20
_MOST_BYTES_OF_ONE = 16 << 20
_MOST_NAMED = 3
# Device, inode, links, blocks, and the kind as a letter or as the mode.
_START = re.compile(rb"(\d+):(\d+) (\d+) (\d+) ([a-zA-Z]|[0-9a-f]{4}) ")
_FOLDER_MODE = re.compile(rb"4[0-9a-f]{3}")
# Quiet beside what the machine is for; the number is for whoever wants it to end.
_LAUNCH = 'echo "$$"; if nice -n 19 true >/dev/null 2>&1; then exec nice -n 19 "$@"; else exec "$@"; fi'


class _Cancelled(Exception):
    """Nobody wants to know any more."""


class SizeReader:
    """Measures environments through one engine."""

    def __init__(self, http: EngineHttp) -> None:
        """Args: the engine's connection."""
        self._http = http

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        """Sizes by prefix, of those that could be measured until it was cancelled.

        A Python of the system is not measured: its folder is the system's.

        Args:
            container: whose environments they are.
            environments: all of it; one may lie in another.
            is_cancelled: whether nobody wants to know any more.
            only: prefixes to measure, None for all.

        Raises:
            Conflict: the container does not run, or can't run a command.
            EngineError: the engine can't be asked.
        """
        if container.state is not ContainerState.RUNNING:
            raise Conflict("Sizes can't be measured", "the container does not run", status=409)
        measured: dict[str, EnvironmentSize] = {}
        prefixes = [each.prefix for each in environments]
        for environment in environments:
            if is_cancelled():
                break
            is_wanted = only is None or environment.prefix in only
            if environment.kind is EnvironmentKind.SYSTEM or not is_wanted:
                continue
            below = [each for each in prefixes if each.startswith(f"{environment.prefix}/")]
            # of an installation the package cache and its environments are something of their own
            apart = [*below, f"{environment.prefix}/pkgs", f"{environment.prefix}/envs"]
            try:
                size = self._measured(container.id, environment, apart, is_cancelled)
            except _Cancelled:
                break
            except probe.NoShell as error:
                raise Conflict("Sizes can't be measured", "the container has no shell", status=409) from error
            except EngineTimeout:
                continue
            if size is not None:
                measured[environment.prefix] = size
        return measured

    def _measured(
        self,
        container_id: str,
        environment: Environment,
        apart: Sequence[str],
        is_cancelled: Callable[[], bool],
    ) -> EnvironmentSize | None:
        """By GNU find, or by find and stat together where it is busybox's."""
        prefix = environment.prefix
        for argv, end in ((_gnu(prefix, apart), b"\0"), (_busybox(prefix, apart), b"\n")):
            for user in (probe.ROOT, ""):
                try:
                    walk = _Walk(prefix, end)
                    with contextlib.closing(self._walk(container_id, argv, user, is_cancelled)) as blocks:
                        for block in blocks:
                            walk.feed(block)
                except EngineRefused as error:
                    if user and not isinstance(error, Conflict) and error.status != 404:
                        continue
                    raise
                break
            if walk.entries:
                problems = self._missing(container_id, environment, walk.files)
                return EnvironmentSize(walk.size_bytes, walk.own_bytes, tuple(problems))
        return None

    def _walk(
        self, container_id: str, argv: Sequence[str], user: str, is_cancelled: Callable[[], bool]
    ) -> Generator[bytes, None, None]:
        """What a walk prints. Raises _Cancelled."""
        process_id: int | None = None
        first = b""
        has_ended = threading.Event()
        was_cancelled = threading.Event()

        def watch() -> None:
            # a walk over a slow disk prints nothing for a while, in which nothing else would hear
            while not has_ended.wait(_LOOK_SECONDS):
                if is_cancelled():
                    was_cancelled.set()
                    if process_id is not None:
                        probe.end(self._http, container_id, process_id, user)
                        return

        threading.Thread(target=watch, name="sizes-cancel", daemon=True).start()
        launched = (probe.SHELL, "-c", _LAUNCH, "sizes", *argv)
        try:
            for block in probe.stream(self._http, container_id, launched, Deadline(WALK_SECONDS), user):
                if process_id is None:
                    first += block
                    line, newline, block = first.partition(b"\n")
                    if not newline:
                        continue
                    if not line.isdigit():
                        # Docker 20.10 says on the output what it could not start
                        raise probe.NoShell
                    process_id = int(line)
                if was_cancelled.is_set():
                    raise _Cancelled
                yield block
            if was_cancelled.is_set():
                raise _Cancelled
            if process_id is None:
                raise probe.NoShell
        except EngineTimeout:
            if process_id is not None:
                probe.end(self._http, container_id, process_id, user)
            raise
        finally:
            has_ended.set()

    def _missing(self, container_id: str, environment: Environment, files: set[bytes]) -> Iterator[str]:
        """Conda's records that name files which are not there, or which can't be read."""
        if not environment.conda_packages:
            return
        reader = ContainerFiles(self._http, container_id, Deadline(WALK_SECONDS))
        folder = f"{environment.prefix}/conda-meta"
        missing: list[str] = []
        unreadable: list[str] = []
        with contextlib.suppress(TooMuch, EngineError):
            for below, member, content in reader.members(folder, _MOST_RECORD_BYTES):
                if content is None or "/" in below or not below.endswith(".json"):
                    continue
                named = names.of_record(below)
                text = content.read(_MOST_BYTES_OF_ONE) if member.size <= _MOST_BYTES_OF_ONE else b"{}"
                listed = _listed_files(text)
                if listed is None:
                    unreadable.append(named.name)
                    continue
                gone = sum(each not in files for each in listed)
                if gone:
                    missing.append(f"{gone} of {named.name}")
        if missing:
            yield f"missing files: {_some(missing)}"
        if unreadable:
            yield f"records that can't be read: {_some(unreadable)}"


class _Walk:
    """Sums up what find prints of each file."""

    def __init__(self, prefix: str, end: bytes) -> None:
        self._end = end
        self._prefix = prefix.encode("utf-8", "surrogateescape") + b"/"
        self._rest = b""
        self._links: dict[tuple[bytes, bytes], list[int]] = {}
        self._folder_bytes = 0
        self.entries = 0
        self.files: set[bytes] = set()

    def feed(self, block: bytes) -> None:
        """Take what came."""
        lines = (self._rest + block).split(self._end)
        self._rest = lines.pop()
        for line in lines:
            # the rest of a name with a line break is nothing of its own
            found = _START.match(line)
            if found is None:
                continue
            self.entries += 1
            device, inode, links, blocks, kind = found.groups()
            size = int(blocks) * _BLOCK_BYTES
            if kind == b"d" or _FOLDER_MODE.fullmatch(kind):
                self._folder_bytes += size
                continue
            self.files.add(line[found.end() :].removeprefix(self._prefix))
            known = self._links.setdefault((device, inode), [int(links), 0, size])
            known[1] += 1

    @property
    def size_bytes(self) -> int:
        """Of everything, each inode once."""
        return self._folder_bytes + sum(size for _, _, size in self._links.values())

    @property
    def own_bytes(self) -> int:
        """Of what has no link elsewhere."""
        own = sum(size for links, seen, size in self._links.values() if seen >= links)
        return self._folder_bytes + own


def _gnu(prefix: str, apart: Sequence[str]) -> tuple[str, ...]:
    # %b are blocks of 512 bytes, whatever the file system's are
    return (*_find(prefix, apart), "-printf", "%D:%i %n %b %y %p\\0")


def _busybox(prefix: str, apart: Sequence[str]) -> tuple[str, ...]:
    # %f is the mode in hexadecimal digits
    return (*_find(prefix, apart), "-exec", "stat", "-c", "%d:%i %h %b %f %n", "{}", "+")


def _find(prefix: str, apart: Sequence[str]) -> tuple[str, ...]:
    pruned: list[str] = []
    for each in apart:
        pruned += ["-o"] * bool(pruned) + ["-path", re.sub(r"([\\*?\[])", r"\\\1", each)]
    return ("find", prefix, "-xdev", "(", *pruned, ")", "-prune", "-o")


def _listed_files(text: bytes) -> list[bytes] | None:
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    files = told.get("files") if isinstance(told, dict) else None
    if not isinstance(told, dict):
        return None
    # compiled when it was installed: pip and users remove them, and Python makes them again
    return [
        each.encode("utf-8", "surrogateescape")
        for each in files or ()
        if isinstance(each, str) and not each.endswith(".pyc")
    ]


def _some(words: Sequence[str]) -> str:
    more = len(words) - _MOST_NAMED
    return ", ".join(words[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
