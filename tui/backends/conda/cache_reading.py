"""Finds and measures the caches of conda, pip and uv inside a container, and tells what would clean them."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from tui.backends.conda import cache_answer, probe
from tui.backends.conda.cache_answer import CacheAnswer
from tui.backends.conda.cache_cleaning import cleaning_of
from tui.backends.conda.changes_here import ContainerChanges
from tui.backends.conda.command import shown
from tui.backends.conda.origins import origins
from tui.backends.deadline import PING_SECONDS, Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.changes import changes
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.mounts import mounts_of
from tui.model.changes import EnvironmentChange
from tui.model.containers import Container, ContainerState
from tui.model.disk import InsideCache
from tui.model.environments import Environment, Origin
from tui.model.errors import (
    ChangeError,
    ChangeUnderWay,
    Conflict,
    EngineError,
    EngineRefused,
    EngineTimeout,
    NoSuchContainer,
    ReclaimError,
)
from tui.model.units import parse_time

#: For all caches of a container: a million files on a disk that others use, too.
WALK_SECONDS = 300.0
#: The engine walks the whole writable layer for its changes.
CHANGES_SECONDS = 60.0

# a line for each file, of a few million files
_MOST_BYTES = 128 << 20
_LOOK_SECONDS = 0.2
_FROM_IMAGE = "it came with the image: cleaning it frees nothing"
# the script ends what it has started; -9 would leave that behind
_END = 'kill -TERM "$1"'


class CacheReader:
    """Looks into one container at a time, for each thread that asks."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was identified."""
        self._http = engine.http
        self._changes = ContainerChanges(engine)

    def caches(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
    ) -> Sequence[InsideCache]:
        """The caches in a running container.

        Args:
            container: a running one.
            environments: all that are known in it.
            is_cancelled: asked often.

        Raises:
            ReclaimError: it was called off; nothing goes on inside.
            Conflict: the container does not run, or has no shell.
            EngineError: it can't be asked.
        """
        if container.state is not ContainerState.RUNNING:
            raise Conflict("Caches can't be looked for", "the container does not run", status=409)
        told = self._told(container.id, environments, is_cancelled)
        if not told.caches:
            return ()
        origins_of, created_at = self._origins(container, [each.path for each in told.caches])
        _check(is_cancelled)
        found: list[InsideCache] = []
        for each in told.caches:
            origin = origins_of.get(each.path)
            since = created_at if origin is Origin.LAYER else None
            cache = InsideCache(
                container.id,
                each.path,
                each.owner,
                each.size_bytes,
                each.own_bytes(since),
                each.modified_at,
                origin,
            )
            if origin is Origin.IMAGE:
                cache = replace(cache, reclaimable_bytes=0, why_not=_FROM_IMAGE)
            elif not each.is_writable:
                cache = replace(cache, why_not="it is on a file system that can't be written")
            else:
                change, why_not = cleaning_of(container, each, environments, told)
                cache = replace(cache, change=change, why_not=why_not)
                if change is not None and each.owner == "conda":
                    cache = self._asked(container, cache, change, is_cancelled)
            found.append(cache)
        return found

    # -- the script

    def _told(
        self, container_id: str, environments: Sequence[Environment], is_cancelled: Callable[[], bool]
    ) -> CacheAnswer:
        roots = [each.root_prefix.rstrip("/") for each in environments if each.root_prefix]
        prefixes = dict.fromkeys([*roots, *(each.prefix for each in environments)])
        argv = (probe.SHELL, "-c", probe.script("caches.sh"), "caches", *(each for each in prefixes if each))
        try:
            try:
                output = self._printed(container_id, argv, probe.ROOT, is_cancelled)
            except EngineRefused as error:
                # not everybody's engine lets anybody be root
                if isinstance(error, Conflict) or error.status == 404:
                    raise
                output = self._printed(container_id, argv, "", is_cancelled)
        except probe.NoShell as error:
            raise Conflict("Caches can't be looked for", "the container has no shell", status=409) from error
        told = cache_answer.read(output)
        if told.process_id is None:
            words = output[:200].decode("utf-8", "replace").strip()
            raise EngineRefused(
                "The container's shell answers something else",
                shown(words.splitlines()[0], 200) if words else "it printed nothing",
                "Look at its /bin/sh",
            )
        return told

    def _printed(
        self, container_id: str, argv: Sequence[str], user: str, is_cancelled: Callable[[], bool]
    ) -> bytes:
        """All that came within the time; nothing goes on inside afterwards. Raises NoShell, ReclaimError."""
        output = bytearray()
        has_ended, was_cancelled = threading.Event(), threading.Event()

        def watch() -> None:
            # a walk over a slow disk prints nothing for a while, in which nothing else would hear
            while not has_ended.wait(_LOOK_SECONDS):
                if is_cancelled():
                    was_cancelled.set()
                    if (process_id := cache_answer.process_id_of(output)) is not None:
                        self._end(container_id, process_id, user)
                        return

        watcher = threading.Thread(target=watch, name="caches-cancel", daemon=True)
        watcher.start()
        is_whole = False
        try:
            with contextlib.closing(
                probe.stream(self._http, container_id, argv, Deadline(WALK_SECONDS), user)
            ) as blocks:
                for block in blocks:
                    output += block
                    if len(output) > _MOST_BYTES:
                        break
                else:
                    is_whole = True
        except EngineTimeout:
            # what was measured until then is told
            if not output:
                raise
        finally:
            has_ended.set()
            watcher.join(PING_SECONDS)
            if not is_whole and (process_id := cache_answer.process_id_of(output)) is not None:
                self._end(container_id, process_id, user)
        if was_cancelled.is_set():
            raise ReclaimError("Called off", "the caches were not looked at to their end")
        return bytes(output)

    def _end(self, container_id: str, process_id: int, user: str) -> None:
        with contextlib.suppress(EngineError):
            argv = (probe.SHELL, "-c", _END, "end", str(process_id))
            commands.run(self._http, container_id, argv, PING_SECONDS, user=user)

    # -- what the engine and the managers say

    def _origins(
        self, container: Container, paths: Sequence[str]
    ) -> tuple[Mapping[str, Origin], float | None]:
        """Where each lies, as far as that can be told, and when the container was made."""
        path = f"/containers/{quote(container.id, safe='')}/json"
        inspected: Mapping[str, Any] = self._http.get_json(path) or {}
        created_at = parse_time(inspected.get("Created")) or container.created_at
        mounts = mounts_of(inspected)
        try:
            told = changes(self._http, container.id, CHANGES_SECONDS)
            return origins(paths, mounts, told), created_at
        except NoSuchContainer:
            raise
        except (EngineTimeout, EngineRefused):
            found = {each: origin for each in paths if (origin := mounts.origin_of(each)) is not None}
            return found, created_at

    def _asked(
        self,
        container: Container,
        cache: InsideCache,
        change: EnvironmentChange,
        is_cancelled: Callable[[], bool],
    ) -> InsideCache:
        """With what its manager's dry run says; what came with the image is in that, and gives nothing."""
        try:
            plan = self._changes.plan(container, change, is_cancelled)
        except ChangeUnderWay:
            # it may need what is cleaned, and nobody can say what else would go
            return replace(cache, change=None, why_not="a job is at work in the container")
        except (ChangeError, EngineRefused) as error:
            _check(is_cancelled)
            return replace(cache, change=None, why_not=error.one_line())
        _check(is_cancelled)
        others = [each for each in plan.removes if not each.startswith(f"{cache.path}/")]
        if others:
            why_not = f"its manager would clean {shown(others[0], 200)} with it"
            return replace(cache, change=None, why_not=why_not)
        freed = plan.frees_bytes
        if freed is not None and cache.reclaimable_bytes is not None and cache.origin is Origin.LAYER:
            freed = min(freed, cache.reclaimable_bytes)
        if freed is None:
            why_not = "its manager does not tell what it would clean"
            return replace(cache, change=None, why_not=why_not)
        return replace(cache, reclaimable_bytes=freed)


def _check(is_cancelled: Callable[[], bool]) -> None:
    if is_cancelled():
        raise ReclaimError("Called off", "the caches were not looked at to their end")
