"""What can be known, one topic a kind of fact, and the snapshot that a topic holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tui.model.errors import EnvtuiError

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.disk_items import ReclaimReport
    from tui.model.environments import KnownEnvironments
    from tui.model.gpu_rows import GpuOwners
    from tui.model.gpus import GpuReport
    from tui.model.hosts import EngineInfo, FileSystemSpace
    from tui.model.stats import ContainerStats
    from tui.monitor.gpu_past import Moment
    from tui.monitor.jobs import CommandRecord, Job
    from tui.monitor.known_changes import JobKey, KnownChange
    from tui.monitor.known_disk import KnownDisk
    from tui.monitor.log_saver import SaveProgress
    from tui.monitor.selection import Selection

T = TypeVar("T")


class Topic(Generic[T]):
    """A name for one kind of fact; compared by identity."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        """Args: name for logs and thread names."""
        self.name = name

    def __repr__(self) -> str:
        return f"Topic({self.name})"


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[T]):
    """The newest of a topic.

    Attributes:
        value: newest value; kept when a later read failed; None when there never was one.
        taken_at: monotonic seconds when `value` was read, 0.0 when there is none.
        duration: seconds that the read took.
        error: why the newest read failed; None when it did not.
    """

    value: T | None
    taken_at: float
    duration: float = 0.0
    error: EnvtuiError | None = None


CONTAINERS: Topic[tuple[Container, ...]] = Topic("containers")
STATISTICS: Topic[Mapping[str, ContainerStats]] = Topic("statistics")
ENGINE: Topic[EngineInfo] = Topic("engine")
DATA_ROOT: Topic[FileSystemSpace | None] = Topic("data-root")
ENVIRONMENTS: Topic[Mapping[str, KnownEnvironments]] = Topic("environments")
GPUS: Topic[GpuReport] = Topic("gpus")
GPU_PAST: Topic[Mapping[str, tuple[Moment, ...]]] = Topic("gpu-past")
GPU_OWNERS: Topic[GpuOwners] = Topic("gpu-owners")
SELECTION: Topic[Selection] = Topic("selection")
JOBS: Topic[tuple[Job, ...]] = Topic("jobs")
COMMANDS: Topic[tuple[CommandRecord, ...]] = Topic("commands")
CHANGES: Topic[Mapping[JobKey, KnownChange]] = Topic("changes")
DISK: Topic[KnownDisk] = Topic("disk")
RECLAIM: Topic[ReclaimReport] = Topic("reclaim")
SAVING: Topic[SaveProgress] = Topic("saving")
