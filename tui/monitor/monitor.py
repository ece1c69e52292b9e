"""Everything that runs behind the screen for one host: watches, pollers and jobs, with their store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from tui.model.errors import EnvtuiError
from tui.model.hosts import FileSystemSpace
from tui.model.operations import AnyStep, EndStep, Operation, Plan
from tui.monitor.change_jobs import ChangeKeeper
from tui.monitor.container_watch import ContainerWatch
from tui.monitor.environment_watch import EnvironmentWatch
from tui.monitor.exec_gate import ExecGate, GatedEnvironments
from tui.monitor.gpu_watch import GpuWatch
from tui.monitor.job_record import JobRecord
from tui.monitor.jobs import Job, JobRunner
from tui.monitor.log_saver import LogSaver
from tui.monitor.log_watch import LogWatch
from tui.monitor.poller import Poller
from tui.monitor.prefix_carrying import PrefixCarrier
from tui.monitor.questions import Questions
from tui.monitor.selection import Selection
from tui.monitor.session_opening import SessionKeeper
from tui.monitor.statistics_watch import StatisticsWatch
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, DATA_ROOT, ENGINE, SELECTION
from tui.workstation import Workstation

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environment_records import EnvironmentRecord
    from tui.model.environments import Environment
    from tui.model.reclaim import Protection
    from tui.monitor.disk_keeper import DiskKeeper

R = TypeVar("R")

# The room on a disk changes slowly, and reading it costs a system call.
_DATA_ROOT_SECONDS = 10.0
# A process that saves what it has on its way out takes as long as a container that is stopped may.
_ENDING_SECONDS = 10.0


class Monitor:
    """Starts and stops all threads of one host; what they find is in `store`."""

    def __init__(
        self,
        workstation: Workstation,
        read_only: bool = False,
        stats_seconds: float = 1.0,
        kept_jobs: JobRecord | None = None,
        allow_base: bool = False,
        protection: Protection | None = None,
    ) -> None:
        """Make it; nothing is asked before `start`.

        Args:
            workstation: the host's backends.
            read_only: whether actions are refused.
            stats_seconds: between samples.
            kept_jobs: where environments were being changed, from run to run; None remembers nothing.
            allow_base: packages of base environments may be changed.
            protection: what is never removed from the disk; None for the defaults.
        """
        self.workstation = workstation
        self.read_only = read_only
        self.allow_base = allow_base
        self.store = Store()
        self._containers = ContainerWatch(workstation.engine, workstation.containers, self.store)
        self._statistics = StatisticsWatch(workstation.statistics, self.store, stats_seconds)
        self._data_root: Poller[FileSystemSpace | None] = Poller(
            self.store, DATA_ROOT, self._read_data_root, _DATA_ROOT_SECONDS, longest_wait=5.0
        )
        self.exec_gate = ExecGate()
        self._jobs = JobRunner(
            self._perform, self.store, after=self._containers.list_soon, read_only=read_only
        )
        #: None where the host can't be asked for environments
        self.environments: GatedEnvironments | None = None
        self._environment_watch: EnvironmentWatch | None = None
        if workstation.environments is not None:
            # a command run inside changes the container a little
            self.environments = GatedEnvironments(workstation.environments, self.exec_gate, not read_only)
            self._environment_watch = EnvironmentWatch(
                self.environments, workstation.driver, self.store, measures=not read_only
            )
        self._gpu_watch: GpuWatch | None = None
        if workstation.gpus is not None:
            self._gpu_watch = GpuWatch(
                workstation.gpus,
                workstation.ownership,
                workstation.entitlements,
                self.store,
                self.exec_gate,
                ask_inside=not read_only,
            )
        self.logs = LogWatch(workstation.logs, self.store, workstation.now) if workstation.logs else None
        self.saver = LogSaver(workstation.logs, self.store) if workstation.logs else None
        #: None where the host offers no way into its containers
        self.sessions: SessionKeeper | None = None
        if workstation.shells is not None:
            self.sessions = SessionKeeper(workstation.shells, self.exec_gate, self._jobs.record, read_only)
        #: None where the host's environments can't be changed
        self.changes: ChangeKeeper | None = None
        if workstation.changes is not None:
            self.changes = ChangeKeeper(
                workstation.changes,
                self.exec_gate,
                self.store,
                self.list_environments,
                self._jobs.record,
                read_only,
                kept_jobs,
                allow_base,
            )
        #: None where no environment can be carried from one container to another
        self.carrier: PrefixCarrier | None = None
        if workstation.copies is not None:
            self.carrier = PrefixCarrier(
                workstation.copies, self.exec_gate, self.list_environments, self._jobs.record, read_only
            )
        #: None where nobody can tell what takes room
        self.disk: DiskKeeper | None = None
        #: what is never removed; None where nobody can tell what takes room, and nothing was said
        self.protection = protection
        if workstation.disk is not None:
            from tui.model.reclaim import Protection
            from tui.monitor.disk_keeper import DiskKeeper

            self.protection = protection or Protection(owner=workstation.owner)
            self.disk = DiskKeeper(
                workstation,
                self.exec_gate,
                self.store,
                self.protection,
                self._removed,
                self._jobs.record,
                read_only,
                allow_base,
            )
        self._questions = Questions("question")

    def start(self) -> None:
        """Start to look. The list of containers is on its way when this returns."""
        self._containers.start()
        self._statistics.start()
        self._data_root.start()

    def stop(self) -> None:
        """Stop; threads that hang in a call are left to their deadlines.

        Returns at once, or within a second where a file that is being saved has to go first, or within some
        where a session has left something in its container that is just being ended.
        """
        for part in (self._containers, self._statistics, self._data_root):
            part.stop()
        if self._environment_watch is not None:
            self._environment_watch.stop()
        if self._gpu_watch is not None:
            self._gpu_watch.stop()
        if self.logs is not None:
            self.logs.stop()
        if self.saver is not None:
            self.saver.stop()
        if self.changes is not None:
            self.changes.stop()
        if self.carrier is not None:
            self.carrier.stop()
        if self.disk is not None:
            self.disk.stop()
        if self.sessions is not None:
            self.sessions.stop()

    def begin_the_rest(self) -> None:
        """Begin to read what nobody waits for: the header's figures, environments; after the first paint."""
        self._data_root.want(True)
        if self._environment_watch is not None:
            self._environment_watch.start()
        if self._gpu_watch is not None:
            self._gpu_watch.start()
        if self.changes is not None:
            self.changes.start()

    def show_containers(self, container_ids: Sequence[str]) -> None:
        """These are on screen: keep their figures fresh and know their details."""
        self._statistics.want(container_ids)
        self._containers.want_details(container_ids)

    def show_environments(self, container_ids: Iterable[str]) -> None:
        """The environments of these containers are on screen."""
        if self._environment_watch is not None:
            self._environment_watch.show(container_ids)

    def list_environments(self, container_id: str) -> None:
        """Those of this container may be others now."""
        if self._environment_watch is not None:
            self._environment_watch.list_soon(container_id)

    @property
    def is_at_rest(self) -> bool:
        """Whether no environment is being asked for."""
        return self._environment_watch is None or self._environment_watch.is_at_rest

    def select_container(self, container_id: str | None, marked_ids: Sequence[str] = ()) -> None:
        """The chosen container and those that are marked, for every pane."""
        before = self.store.value(SELECTION) or Selection()
        prefix = before.prefix if before.container_id == container_id else None
        self._select(Selection(container_id, tuple(marked_ids), prefix, before.wish))

    def choose(self, container_id: str, prefix: str | None) -> None:
        """Have a container, and one of its environments, chosen in their panes."""
        before = self.store.value(SELECTION) or Selection()
        self._select(Selection(container_id, before.marked_ids, prefix, before.wish + 1))

    def _select(self, selection: Selection) -> None:
        if self.store.value(SELECTION) != selection:
            self.store.put(SELECTION, selection)
            if self._environment_watch is not None:
                self._environment_watch.select(selection.container_id)

    def refresh(self) -> None:
        """Read everything anew."""
        self._containers.refresh()
        self._data_root.poke()
        if self._environment_watch is not None:
            self._environment_watch.refresh()
        self.refresh_gpus()

    def refresh_gpus(self) -> None:
        """Ask the driver now."""
        if self._gpu_watch is not None:
            self._gpu_watch.refresh()

    def records(self, container: Container, environment: Environment) -> EnvironmentRecord:
        """All that is written down in an environment; blocks.

        Raises:
            EngineError: it can't be had.
        """
        if self.workstation.records is None:
            raise EnvtuiError("No records", "this host's environments can't be read")
        with self.exec_gate.command(container.id):
            return self.workstation.records.records(container, environment, not self.read_only)

    def submit(self, plan: Plan) -> Job:
        """Carry out a plan. Raises ReadOnlyRefusal or JobRefused."""
        return self._jobs.submit(plan)

    def running_jobs(self) -> Iterable[Job]:
        """Jobs that are not over."""
        return self._jobs.running()

    def ask(
        self, question: Callable[[], R], answered: Callable[[R], None], failed: Callable[[EnvtuiError], None]
    ) -> None:
        """Run a blocking question on a daemon thread; one of the two callbacks is called from it."""
        self._questions.ask(question, answered, failed)

    def _removed(self, container_ids: Collection[str]) -> None:
        """Things are gone from the disk; in these containers environments may be."""
        self._containers.list_soon()
        for each in container_ids:
            self.list_environments(each)

    def _perform(self, step: AnyStep) -> None:
        if isinstance(step, EndStep):
            self._end_process(step)
        elif step.operation is Operation.PAUSE:
            with self.exec_gate.held(step.container_id):
                self.workstation.containers.perform(step)
        else:
            self.workstation.containers.perform(step)

    def _end_process(self, step: EndStep) -> None:
        ending = self.workstation.ending
        if ending is None:
            raise EnvtuiError("Not ended", "the processes of this host can't be ended from here")
        listed = self.store.value(CONTAINERS) or ()
        container = next((each for each in listed if each.id == step.container_id), None)
        if container is None:
            ending.end(step.process, step.signal, _ENDING_SECONDS, None)
            return
        # where the kernel refuses, a command in the container does it
        with self.exec_gate.command(container.id):
            ending.end(step.process, step.signal, _ENDING_SECONDS, container)

    def _read_data_root(self) -> FileSystemSpace | None:
        known = self.store.value(ENGINE)
        if known is None or known.data_root is None:
            known = self.workstation.engine.describe()
            self.store.put(ENGINE, known)
        return self.workstation.engine.data_root_space(known.data_root) if known.data_root else None
