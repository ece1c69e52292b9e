"""A disk in memory: how long its answers take, what they are, and what becomes of each item, a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.making import full_id
from tui.model.containers import Container
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskImage,
    DiskMeasure,
    DiskNetwork,
    DiskVolume,
    FileSystem,
    InsideCache,
    LayerChanges,
    LogFile,
)
from tui.model.disk_items import DiskItem, DiskKind, ItemKey, Reclaimed
from tui.model.environments import Environment
from tui.model.errors import EnvtuiError, ItemGone, ReclaimError

# No test waits so long; what is never let go ends with it all the same.
_HELD_SECONDS = 60.0


def item(name: str, kind: DiskKind = DiskKind.NETWORK, **fields: object) -> DiskItem:
    """An item that may go."""
    return DiskItem(kind, full_id(name) if kind is not DiskKind.VOLUME else name, name, **fields)  # type: ignore[arg-type]


@dataclass
class ScriptedDisk:
    """A `Disk` and an `InsideCaches` whose parts can be held, by the name of the question."""

    answers: dict[str, object] = field(default_factory=dict)
    failures: dict[str, EnvtuiError] = field(default_factory=dict)
    changes: dict[str, LayerChanges] = field(default_factory=dict)
    inside: dict[str, tuple[InsideCache, ...]] = field(default_factory=dict)
    measures: list[DiskMeasure] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    held: dict[str, threading.Event] = field(default_factory=dict)
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0

    def hold(self, *questions: str) -> None:
        for each in questions:
            self.held[each] = threading.Event()

    def let_go(self, *questions: str) -> None:
        for each in questions:
            self.held.pop(each).set()

    def count(self, question: str) -> int:
        return self.asked.count(question)

    def _ask(self, question: str, is_cancelled: Callable[[], bool], about: str = "") -> None:
        with self._lock:
            self.asked.append(f"{question} {about}".strip())
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            gate = self.held.get(question)
            waited = 0.0
            while gate is not None and not gate.wait(0.01) and waited < _HELD_SECONDS:
                waited += 0.01
                if is_cancelled():
                    raise ReclaimError("Called off")
            if question in self.failures:
                raise self.failures[question]
        finally:
            with self._lock:
                self._now -= 1

    def images(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskImage]:
        self._ask("images", is_cancelled)
        return self.answers.get("images", ())  # type: ignore[return-value]

    def container_layers(self, is_cancelled: Callable[[], bool]) -> Sequence[ContainerLayer]:
        self._ask("containers", is_cancelled)
        return self.answers.get("containers", ())  # type: ignore[return-value]

    def volumes(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskVolume]:
        self._ask("volumes", is_cancelled)
        return self.answers.get("volumes", ())  # type: ignore[return-value]

    def networks(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskNetwork]:
        self._ask("networks", is_cancelled)
        return self.answers.get("networks", ())  # type: ignore[return-value]

    def build_cache(self, is_cancelled: Callable[[], bool]) -> Sequence[BuildRecord]:
        self._ask("build cache", is_cancelled)
        return self.answers.get("build cache", ())  # type: ignore[return-value]

    def logs(self, containers: Sequence[Container], is_cancelled: Callable[[], bool]) -> Sequence[LogFile]:
        self._ask("logs", is_cancelled)
        return self.answers.get("logs", ())  # type: ignore[return-value]

    def file_systems(
        self, containers: Sequence[Container], is_cancelled: Callable[[], bool]
    ) -> Sequence[FileSystem]:
        self._ask("file systems", is_cancelled)
        return self.answers.get("file systems", ())  # type: ignore[return-value]

    def layer_changes(
        self, container_id: str, prefixes: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> LayerChanges:
        self._ask("changes", is_cancelled, container_id[:12])
        return self.changes.get(container_id, LayerChanges(container_id, fingerprint="none"))

    def caches(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
    ) -> Sequence[InsideCache]:
        self._ask("caches", is_cancelled, container.name)
        return self.inside.get(container.id, ())

    def measure(self, is_cancelled: Callable[[], bool]) -> DiskMeasure:
        self._ask("measure", is_cancelled)
        return self.measures.pop(0) if self.measures else DiskMeasure()


class ScriptedReclaiming:
    """A `Reclaiming` that notes what it removes."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.there: dict[ItemKey, bool] = {}
        self.failures: dict[str, EnvtuiError] = {}
        self.reclaimed: dict[str, Reclaimed] = {}
        self.before_each: Callable[[DiskItem], None] = lambda _: None
        self.there_failure: EnvtuiError | None = None

    def reclaim(self, item: DiskItem) -> Reclaimed:
        self.before_each(item)
        if item.name in self.failures:
            raise self.failures[item.name]
        if self.there.get(item.key) is False:
            raise ItemGone("It is not there any more")
        self.removed.append(item.name)
        self.there[item.key] = False
        return self.reclaimed.get(item.name, Reclaimed())

    def is_there(self, item: DiskItem) -> bool:
        if self.there_failure is not None:
            raise self.there_failure
        return self.there.get(item.key, True)


def outcome_words(outcomes: Sequence[object]) -> Mapping[str, str]:
    """State by name."""
    return {each.item.name: each.state.value for each in outcomes}  # type: ignore[attr-defined]
