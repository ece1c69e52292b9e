"""Keeps the GPUs' figures fresh, and knows whose the processes on them are.

Two threads, so that a container that does not answer does not hold up the figures: `gpus` asks the driver,
`gpu-owners` asks the kernel, and containers where the kernel refuses.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.containers import ContainerState
from tui.model.entitlement import IDLE_MINUTES, GpuEntitlement, idle_seconds
from tui.model.errors import EnvtuiError, NoSuchContainer
from tui.model.gpu_rows import GpuOwners
from tui.model.gpus import GpuReport
from tui.model.reading import Reading, unknown
from tui.monitor.gpu_past import PAST_SECONDS, GpuPast, Holds
from tui.monitor.poller import unexpected
from tui.monitor.topics import CONTAINERS, GPU_OWNERS, GPU_PAST, GPUS, Snapshot

if TYPE_CHECKING:
    from tui.backends.base import Entitlements, Gpus, Ownership
    from tui.model.containers import Container
    from tui.model.owners import ProcessOwner
    from tui.monitor.exec_gate import ExecGate
    from tui.monitor.store import Store

# A driver that takes its time is asked less often, so that it has some for the work.
_PAUSE_PER_DURATION = 4.0
# A machine without a GPU may get one, or its driver be loaded, while we run.
_ABSENT_SECONDS = 5.0
# A process is looked at over spans of fifteen seconds.
_STEP_SECONDS = 15.0
# An engine that could not be asked is asked again after this long.
_ASK_AGAIN_SECONDS = 10.0


class GpuWatch:
    """Owns the threads `gpus` and `gpu-owners`."""

    def __init__(
        self,
        gpus: Gpus,
        ownership: Ownership | None,
        entitlements: Entitlements | None,
        store: Store,
        gate: ExecGate,
        ask_inside: bool = True,
        interval: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Make it; nothing is asked before `start`.

        Args:
            gpus: the driver.
            ownership: who knows processes; None for nobody.
            entitlements: who knows what containers were given; None for nobody.
            store: CONTAINERS is read; GPUS, GPU_PAST and GPU_OWNERS are written.
            gate: that commands in containers pass.
            ask_inside: whether a command may be run in a container.
            interval: seconds between two reports.
            clock: monotonic seconds.
        """
        self._gpus = gpus
        self._ownership = ownership
        self._entitlements = entitlements
        self._store = store
        self._gate = gate
        self._ask_inside = ask_inside
        self._interval = interval
        self._clock = clock
        self._past = GpuPast()
        self._holds = Holds()
        self._holds_lock = threading.Lock()
        self._granted: dict[str, GpuEntitlement] = {}
        self._ask_granted_at = 0.0
        self._changed = threading.Condition()
        self._poked = False
        self._has_news = False
        self._began = False
        self._stopped = False

    def start(self) -> None:
        """Begin."""
        with self._changed:
            if self._began:
                return
            self._began = True
        threading.Thread(target=self._read_driver, name="gpus", daemon=True).start()
        if self._ownership is not None:
            threading.Thread(target=self._read_owners, name="gpu-owners", daemon=True).start()
            self._store.listen(CONTAINERS, self._on_containers)

    def stop(self) -> None:
        """End; a call that hangs is left alone."""
        self._store.unlisten(CONTAINERS, self._on_containers)
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._gpus.close()

    def refresh(self) -> None:
        """Read now."""
        with self._changed:
            self._poked = True
            self._changed.notify_all()

    def _on_containers(self, snapshot: Snapshot[tuple[Container, ...]]) -> None:
        with self._changed:
            self._has_news = True
            self._changed.notify_all()

    # -- the driver

    def _remember(self) -> None:
        """Begin with what is known of the time before."""
        for report in self._gpus.past(PAST_SECONDS + IDLE_MINUTES * 60.0, _STEP_SECONDS):
            self._past.add(report)
            with self._holds_lock:
                self._holds.add(report, report.taken_at)

    def _read_driver(self) -> None:
        self._remember()
        last: GpuReport | None = None
        while True:
            began = self._clock()
            pause = self._interval
            try:
                report = self._gpus.report()
            except EnvtuiError as error:
                self._store.fail(GPUS, error)
            except Exception as error:
                diagnostics.record_exception("gpus", error)
                self._store.fail(GPUS, unexpected(error))
            else:
                duration = self._clock() - began
                pause = max(pause, _PAUSE_PER_DURATION * duration)
                if report.absence is not None:
                    pause = max(pause, _ABSENT_SECONDS)
                if report.absence is None or report != last or self._has_failed():
                    self._take(report, duration)
                last = report
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._poked, pause)
                self._poked = False
                if self._stopped:
                    return

    def _has_failed(self) -> bool:
        snapshot = self._store.get(GPUS)
        return snapshot is not None and snapshot.error is not None

    def _take(self, report: GpuReport, duration: float) -> None:
        self._past.add(report)
        with self._holds_lock:
            self._holds.add(report, report.taken_at)
        self._store.put(GPU_PAST, self._past.snapshot(report.taken_at))
        self._store.put(GPUS, report, duration)
        with self._changed:
            self._has_news = True
            self._changed.notify_all()

    # -- whose they are

    def _read_owners(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopped or self._has_news)
                if self._stopped:
                    return
                self._has_news = False
            try:
                self._look()
            except Exception as error:
                diagnostics.record_exception("gpu-owners", error)

    def _look(self) -> None:
        report = self._store.value(GPUS)
        if report is None or report.absence is not None or self._ownership is None:
            return
        containers = self._store.value(CONTAINERS) or ()
        pids = {process.pid for process in report.processes}
        owners = dict(self._ownership.owners(pids, containers, ask_inside=False))
        to_be_asked = self._to_be_asked(owners, containers)
        self._publish(report, _asked_about(owners, {each.id for each in to_be_asked}))
        if to_be_asked:
            # what a command told is remembered there, and not asked again soon
            owners = dict(self._ownership.owners(pids, containers, True, self._gate.command))
        self._ask_what_is_granted(owners, containers)
        self._publish(report, owners)

    def _to_be_asked(
        self, owners: Mapping[int, ProcessOwner], containers: Sequence[Container]
    ) -> list[Container]:
        """Those that run and hold processes whose environment the kernel does not tell us."""
        if not self._ask_inside:
            return []
        unknown = {owner.container_id.value for owner in owners.values() if owner.prefix.value is None}
        return [each for each in containers if each.id in unknown and each.state is ContainerState.RUNNING]

    def _ask_what_is_granted(
        self, owners: Mapping[int, ProcessOwner], containers: Sequence[Container]
    ) -> None:
        """Ask the engine once of each container that has processes: it is as it was made."""
        alive = {each.id for each in containers if each.is_alive}
        self._granted = {key: each for key, each in self._granted.items() if key in alive}
        if self._entitlements is None:
            return
        holders = {owner.container_id.value for owner in owners.values()}
        now = self._clock()
        if now < self._ask_granted_at:
            return
        # those on GPUs first: somebody looks at them
        for container_id in sorted(alive - self._granted.keys(), key=lambda each: each not in holders):
            if self._stopped:
                return
            try:
                self._granted[container_id] = self._entitlements.entitlement(container_id)
            except NoSuchContainer:
                # it is gone, and the list says so in a moment
                continue
            except EnvtuiError:
                self._ask_granted_at = now + _ASK_AGAIN_SECONDS
                return

    def _publish(self, report: GpuReport, owners: Mapping[int, ProcessOwner]) -> None:
        with self._holds_lock:
            idle = {
                (each.pid, each.gpu_uuid): idle_seconds(self._holds.of(each.pid, each.gpu_uuid))
                for each in report.processes
            }
        # whoever compares it with the one before sees no difference where only seconds passed
        coarse = {key: None if each is None else each // 60 * 60 for key, each in idle.items()}
        found = GpuOwners(dict(owners), dict(self._granted), coarse)
        if found != self._store.value(GPU_OWNERS):
            self._store.put(GPU_OWNERS, found)


def _asked_about(owners: Mapping[int, ProcessOwner], container_ids: set[str]) -> dict[int, ProcessOwner]:
    """The owners for as long as their containers are being asked."""
    why: Reading[str] = unknown("its container is being asked")
    return {
        pid: replace(owner, prefix=why, environment=why)
        if owner.prefix.value is None and owner.container_id.value in container_ids
        else owner
        for pid, owner in owners.items()
    }
