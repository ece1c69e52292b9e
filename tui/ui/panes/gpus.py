"""The GPUs pane: every GPU with its figures, and below it the processes that hold it and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tui.model.errors import EnvtuiError, ProcessStays
from tui.model.gpu_rows import (
    GpuLine,
    GpuOwners,
    Grouping,
    Holder,
    LineKind,
    holders,
    lines,
)
from tui.model.gpus import Gpu, GpuReport
from tui.model.owners import EndSignal
from tui.model.reading import Reading
from tui.model.units import format_age, format_bytes
from tui.monitor.jobs import Job
from tui.monitor.topics import (
    CONTAINERS,
    ENVIRONMENTS,
    GPU_OWNERS,
    GPU_PAST,
    GPUS,
    JOBS,
    SELECTION,
    Snapshot,
)
from tui.ui.actions import Action
from tui.ui.bridge import Bridge
from tui.ui.panes import gpu_actions, gpu_columns
from tui.ui.panes import gpu_words as words
from tui.ui.panes.gpu_words import GpuItem
from tui.ui.panes.pane_columns import ContributedColumn, PaneColumn
from tui.ui.panes.table import TablePane
from tui.ui.widgets.columns import Column
from tui.ui.widgets.line_bar import Part

# After so many reports since a process is gone its driver tells the new figures.
_FREED_REPORTS = 5


@dataclass(frozen=True, slots=True)
class _Before:
    """A GPU before a process on it was ended.

    Attributes:
        used_bytes: of its memory.
        held_bytes: by the process; None where that is not known.
    """

    used_bytes: int
    held_bytes: int | None

    def freed(self, gpu: Gpu) -> int:
        """Bytes that are free by now; no more than it held, as others may have gone, too."""
        used = gpu.memory_used_bytes.value
        freed = self.used_bytes - used if used is not None else 0
        return freed if self.held_bytes is None else min(freed, self.held_bytes)

    def is_all_free(self, gpu: Gpu) -> bool:
        """Whether what it held is free, as far as that is known."""
        return self.freed(gpu) >= (self.held_bytes or 1)


@dataclass(slots=True)
class _Ended:
    """A process that is being ended, until it is told what that freed.

    Attributes:
        before: of each GPU that it was on, by uuid.
        is_gone: it has ended.
        seen: the newest report that was looked at since then.
        reports: how many that were.
    """

    holder: Holder
    signal: EndSignal
    before: dict[str, _Before]
    is_gone: bool = False
    seen: GpuReport | None = None
    reports: int = 0


def _number(reading: Reading[Any]) -> float:
    return -1.0 if reading.value is None else float(reading.value)


class GpusPane(TablePane[GpuItem]):
    """GPUs, their processes and owners."""

    NAME = "gpus"
    NUMBER = 3
    TITLE = "GPUs"
    TOPICS = (GPUS, GPU_PAST, GPU_OWNERS, CONTAINERS, ENVIRONMENTS, SELECTION)
    DETAIL_LINES = 3
    COLUMNS: ClassVar[tuple[PaneColumn[Any], ...]] = (
        PaneColumn(Column("gpu", "GPU/PID", 9, widest=28), words.first_cell, lambda item: _pid(item)),
        PaneColumn(
            Column("use", "USE", 5, align_right=True),
            words.use_cell,
            lambda item: _number(item.line.percent),
            falls=True,
            live=True,
        ),
        PaneColumn(
            Column("memory", "MEMORY", 13, align_right=True),
            words.memory_cell,
            lambda item: _number(item.line.memory_bytes),
            falls=True,
            live=True,
        ),
        PaneColumn(
            Column("user", "USER/°C", 8, widest=12), words.user_cell, lambda item: words.user_cell(item)[0]
        ),
        PaneColumn(
            Column("container", "CONTAINER/W", 11, widest=24),
            words.container_cell,
            lambda item: words.container_cell(item)[0].casefold(),
        ),
        PaneColumn(
            Column("environment", "ENV/10 MIN", 10, widest=20),
            words.environment_cell,
            lambda item: words.environment_cell(item)[0].casefold(),
        ),
        PaneColumn(Column("age", "AGE", 4, align_right=True), words.age_cell),
        PaneColumn(Column("command", "COMMAND/GPU", 10, widest=200), words.command_cell),
    )
    ACTIONS: ClassVar[tuple[Action[Any], ...]] = gpu_actions.ACTIONS

    def __init__(self, bridge: Bridge) -> None:
        """Args: where its facts come from."""
        super().__init__(bridge)
        self.grouping = Grouping.GPU
        self.all_lines: tuple[GpuLine, ...] = ()
        self._ended: dict[int, _Ended] = {}
        # the largest share of memory is what people look for
        self._order.choose("memory", True)

    def on_mount(self) -> None:
        """Hear of processes that were ended, too."""
        super().on_mount()
        self.bridge.read(JOBS, self._on_jobs)

    def now(self) -> float:
        """Epoch seconds of the host."""
        return self.bridge.monitor.workstation.now()

    def group_by(self, grouping: Grouping) -> None:
        """Have the processes stand below something else."""
        self.grouping = grouping
        self._order.forget()
        self.update_rows()

    # -- what TablePane asks

    @property
    def report(self) -> GpuReport | None:
        """The newest."""
        found: GpuReport | None = self.value(GPUS)
        return found

    def join(self) -> Sequence[GpuItem]:
        """Lines with graphs and ages."""
        report = self.report
        if report is None or report.absence is not None:
            self.all_lines = ()
            return ()
        owners: GpuOwners = self.value(GPU_OWNERS) or GpuOwners()
        selection = self.value(SELECTION)
        found = holders(report, owners, self.value(CONTAINERS) or (), self.value(ENVIRONMENTS) or {})
        self.all_lines = lines(report, found, self.grouping, selection.container_id if selection else None)
        self._tell_freed(report)
        return [self._item(line, report.taken_at) for line in self.all_lines]

    def _item(self, line: GpuLine, now: float) -> GpuItem:
        if line.kind in (LineKind.GPU, LineKind.LOST) and line.gpu is not None:
            past = (self.value(GPU_PAST) or {}).get(line.gpu.uuid, ())
            return GpuItem(line, words.spark_of(past, now))
        owner = line.holder.owner if line.holder is not None else None
        started_at = owner.started_at.value if owner is not None else None
        return GpuItem(line, age="" if started_at is None else format_age(max(0.0, self.now() - started_at)))

    def key(self, item: GpuItem) -> str:
        """GPU, or GPU and process."""
        return item.line.key

    def name_of(self, item: GpuItem) -> str:
        """What can be given to a command: a GPU's UUID, a process's number."""
        line = item.line
        if line.holder is not None:
            return str(line.holder.process.pid)
        owner = line.mig if line.mig is not None else line.gpu
        return owner.uuid if owner is not None else line.label

    def searchable(self, item: GpuItem) -> str:
        """All that is said in its line; a process is found by its GPU, a GPU by its processes."""
        own = "\n".join(cell(item)[0] for cell in _SEARCHED)
        if item.line.kind is LineKind.PROCESS and item.line.gpu is not None:
            return f"{own}\nGPU {item.line.gpu.index}\n{item.line.gpu.name}"
        return own

    def kept_with(self, item: GpuItem) -> str | None:
        """A head is shown as long as anything below it is."""
        return item.line.group if item.line.key != item.line.group else None

    def dimmed(self, item: GpuItem) -> bool:
        """Lost, or not a process."""
        return item.line.kind is LineKind.LOST

    def ordered(
        self, items: Sequence[tuple[str, GpuItem]], sort: Callable[[Sequence[str]], list[str]]
    ) -> list[str]:
        """Heads in their own order, what stands below each sorted, and last what nobody explains."""
        below: dict[str, list[str]] = {}
        rest: dict[str, list[str]] = {}
        heads = []
        for key, item in items:
            if item.line.key == item.line.group:
                heads.append(key)
            else:
                place = rest if item.line.kind is LineKind.REST else below
                place.setdefault(item.line.group, []).append(key)
        ranks = {key: rank for rank, key in enumerate(sort([key for keys in below.values() for key in keys]))}
        ordered = []
        for head in heads:
            ordered += [head, *sorted(below.get(head, ()), key=ranks.__getitem__), *rest.get(head, ())]
        return ordered

    def summary(self) -> str:
        """How many, how much of them is used, and what they are grouped by."""
        report = self.report
        if report is None or report.absence is not None:
            return ""
        parts = [f"{len(report.gpus)}" + (f" and {len(report.lost)} lost" if report.lost else "")]
        if self.grouping is not Grouping.GPU:
            parts.append(f"by {self.grouping}")
        found = [line.holder for line in self.all_lines if line.holder is not None]
        idle = sum(words.is_idle(each) for each in found)
        parts += [f"{idle} idle holder{'s' * (idle != 1)}"] if idle else []
        outside = sum(each.owner is not None and each.owner.is_outside for each in found)
        parts += [f"{outside} outside any container"] if outside else []
        if report.xids:
            last = report.xids[-1]
            parts.append(f"▲ Xid {last.code} {format_age(max(0.0, self.now() - last.at))} ago")
        return " · ".join(parts)

    # -- faces

    @property
    def has_value(self) -> bool:
        """Whether there are GPUs to show."""
        report = self.report
        return report is not None and report.absence is None

    @property
    def complaint(self) -> EnvtuiError | None:
        """Why it does not answer, or why there is none."""
        report = self.report
        return self.stale_error or (report.absence if report is not None else None)

    def waiting_notice(self) -> str:
        """Before the first answer."""
        if self.bridge.monitor.workstation.gpus is None:
            return "The engine is on another machine.\n\nIts GPUs can't be asked for from here."
        return "Asking the driver …"

    def empty_notice(self) -> tuple[str, str]:
        """A driver without a GPU."""
        return "There is no GPU.", "One that is added appears here by itself"

    def detail(self, item: GpuItem) -> list[tuple[list[Part], list[Part]]]:
        """What the cells have no room for."""
        return words.detail_lines(item)

    # -- what was ended

    def is_being_ended(self, job: Job, holder: Holder, signal: EndSignal) -> None:
        """Tell what that frees, or offer to kill it."""
        report = self.report
        pid = holder.process.pid
        held: dict[str, Reading[int]] = {
            line.gpu.uuid: line.memory_bytes
            for line in self.all_lines
            if line.gpu is not None and line.holder is not None and line.holder.process.pid == pid
        }
        used = {
            gpu.uuid: _Before(gpu.memory_used_bytes.value, held[gpu.uuid].value)
            for gpu in (report.gpus if report is not None else ())
            if gpu.uuid in held and gpu.memory_used_bytes.value is not None
        }
        self._ended[job.number] = _Ended(holder, signal, used)
        self.set_marks(frozenset())

    def _on_jobs(self, snapshot: Snapshot[tuple[Job, ...]]) -> None:
        for job in snapshot.value or ():
            ended = self._ended.get(job.number)
            if ended is None or not job.is_over or ended.is_gone:
                continue
            if not job.failures:
                ended.is_gone, ended.seen = True, self.report
                self.bridge.monitor.refresh_gpus()
                continue
            del self._ended[job.number]
            stays = any(isinstance(error, ProcessStays) for _, error in job.failures)
            if stays and ended.signal is EndSignal.TERM:
                gpu_actions.ask_to_end(self, [ended.holder], EndSignal.KILL)

    def _tell_freed(self, report: GpuReport) -> None:
        """By the driver's own figures, once it does not list the process any more."""
        for number, ended in list(self._ended.items()):
            pid = ended.holder.process.pid
            # rows are joined anew for owners and containers, too
            if not ended.is_gone or report is ended.seen:
                continue
            ended.seen = report
            ended.reports += 1
            held = [(gpu, ended.before[gpu.uuid]) for gpu in report.gpus if gpu.uuid in ended.before]
            told = [
                f"{format_bytes(freed)} freed on GPU {gpu.index}"
                for gpu, before in held
                if (freed := before.freed(gpu)) > 0
            ]
            is_listed = any(process.pid == pid for process in report.processes)
            # a report that was under way at its end knows one GPU from before and the next from after
            is_complete = held and not is_listed and all(before.is_all_free(gpu) for gpu, before in held)
            if not is_complete and ended.reports < _FREED_REPORTS:
                continue
            del self._ended[number]
            self.app.notify(
                ", ".join(told) or "the driver's figures show nothing freed yet",
                title=f"Process {pid} ended",
                markup=False,
            )

    # -- other panes

    def contributed(self) -> Sequence[ContributedColumn]:
        """Which GPUs a container, and an environment, holds."""
        if self.bridge.monitor.workstation.gpus is None:
            return ()
        return gpu_columns.CONTRIBUTED


_SEARCHED = (
    words.first_cell,
    words.user_cell,
    words.container_cell,
    words.environment_cell,
    words.command_cell,
)


def _pid(item: GpuItem) -> int:
    return item.line.holder.process.pid if item.line.holder is not None else 0
