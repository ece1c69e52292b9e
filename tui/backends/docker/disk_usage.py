"""The engine's own account of its disk (`/system/df`), in whatever form the engine answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.backends.deadline import DISK_SECONDS, CancellableDeadline
from tui.backends.docker.engine import DockerEngine
from tui.model.errors import EngineRefused

Items = Sequence[Mapping[str, Any]]

# From here on the engine can be asked for one type by itself (docs.docker.com, Engine API history, 1.42);
# `verbose` came with 1.52, and is not looked at before.
_TYPES_SINCE = (1, 42)
# What engines before 23 say while they count for somebody else (moby, daemon/disk_usage.go).
_BUSY = "already running"
_BUSY_PAUSE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class DiskUsage:
    """What one answer tells; None where it does not tell.

    Attributes:
        layers_bytes: of all layers of all images, each once.
        images, containers, volumes, build_cache: entries as the API has them.
    """

    layers_bytes: int | None = None
    images: Items | None = None
    containers: Items | None = None
    volumes: Items | None = None
    build_cache: Items | None = None


def from_answer(told: Any) -> DiskUsage:
    """An answer in the old form, the new one, or both, by the keys that are there, never by a version."""
    told = told if isinstance(told, dict) else {}
    images = told.get("ImageUsage")
    layers = count_of(images.get("TotalSize")) if isinstance(images, dict) else None
    return DiskUsage(
        layers_bytes=layers if layers is not None else count_of(told.get("LayersSize")),
        images=_items(told, "ImageUsage", "Images"),
        containers=_items(told, "ContainerUsage", "Containers"),
        volumes=_items(told, "VolumeUsage", "Volumes"),
        build_cache=_items(told, "BuildCacheUsage", "BuildCache"),
    )


def count_of(told: Any) -> int | None:
    """A number of bytes or things; None where it is absent or -1, which is the engine's "not known"."""
    return told if isinstance(told, int) and not isinstance(told, bool) and told >= 0 else None


def entries(told: Any) -> Items:
    """The objects of a list that may be absent, null, or something else."""
    return [each for each in told if isinstance(each, dict)] if isinstance(told, list) else []


def _items(told: Mapping[str, Any], new: str, old: str) -> Items | None:
    usage = told.get(new)
    if isinstance(usage, dict):
        if isinstance(usage.get("Items"), list):
            return entries(usage["Items"])
        if not usage.get("TotalCount"):
            # an empty list is left out of the new form altogether
            return []
    return entries(told[old] or []) if old in told else None


class SharedUsage:
    """Asks for the account; who asks for the same at the same time shares one answer.

    An engine walks all its files for it, and one before 23 refuses to do so for two at once.
    """

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine to ask."""
        self._engine = engine
        self._lock = threading.Lock()
        self._flights: dict[str, _Flight] = {}

    def usage(self, kind: str, is_cancelled: Callable[[], bool]) -> DiskUsage:
        """The account of one kind, and of whatever the engine adds to it.

        Args:
            kind: "image", "container", "volume", "build-cache"; "" for all.
            is_cancelled: asked often.

        Raises:
            ReclaimError: it was called off.
            EngineError: the engine can't be asked.
        """
        version = tuple(map(int, self._engine.api_version().split(".")))
        query = ""
        if version >= _TYPES_SINCE:
            query = f"?type={kind}&verbose=1" if kind else "?verbose=1"
        deadline = CancellableDeadline(DISK_SECONDS, is_cancelled)
        while True:
            with self._lock:
                flight = self._flights.get(query)
                leads = flight is None
                if flight is None:
                    flight = self._flights[query] = _Flight()
            if leads:
                return self._lead(query, flight, deadline)
            while not flight.ended.wait(deadline.step_seconds):
                deadline.check()
            if flight.answer is not None:
                return flight.answer
            # who asked called it off, or failed: this one asks by itself

    def _lead(self, query: str, flight: _Flight, deadline: CancellableDeadline) -> DiskUsage:
        try:
            flight.answer = self._ask(f"/system/df{query}", deadline)
            return flight.answer
        finally:
            with self._lock:
                del self._flights[query]
            flight.ended.set()

    def _ask(self, path: str, deadline: CancellableDeadline) -> DiskUsage:
        pause = threading.Event()
        while True:
            try:
                return from_answer(self._engine.http.get_json_until(path, deadline))
            except EngineRefused as error:
                if _BUSY not in error.detail or deadline.passed:
                    raise
            # it counts for another program: when it is done, it is our turn
            pause.wait(_BUSY_PAUSE_SECONDS)
            deadline.check()


class _Flight:
    """A question under way."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.answer: DiskUsage | None = None
