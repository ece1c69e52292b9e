"""Everything that runs behind the screen for one host: watches, pollers and jobs, with their store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from tui import diagnostics
from tui.model.errors import EnvtuiError
from tui.model.hosts import FileSystemSpace
from tui.model.operations import Plan
from tui.monitor.container_watch import ContainerWatch
from tui.monitor.jobs import Job, JobRunner
from tui.monitor.log_saver import LogSaver
from tui.monitor.log_watch import LogWatch
from tui.monitor.poller import Poller, unexpected
from tui.monitor.selection import Selection
from tui.monitor.statistics_watch import StatisticsWatch
from tui.monitor.store import Store
from tui.monitor.topics import DATA_ROOT, ENGINE, SELECTION
from tui.workstation import Workstation

R = TypeVar("R")

# The room on a disk changes slowly, and reading it costs a system call.
_DATA_ROOT_SECONDS = 10.0
# One question a key press; beyond this many that hang, new ones are refused with the reason.
_QUESTIONS_AT_ONCE = 8


class Monitor:
    """Starts and stops all threads of one host; what they find is in `store`."""

    def __init__(self, workstation: Workstation, read_only: bool = False, stats_seconds: float = 1.0) -> None:
        """Args: the host's backends; whether actions are refused; seconds between samples."""
        self.workstation = workstation
        self.read_only = read_only
        self.store = Store()
        self._containers = ContainerWatch(workstation.engine, workstation.containers, self.store)
        self._statistics = StatisticsWatch(workstation.statistics, self.store, stats_seconds)
        self._data_root: Poller[FileSystemSpace | None] = Poller(
            self.store, DATA_ROOT, self._read_data_root, _DATA_ROOT_SECONDS, longest_wait=5.0
        )
        self._jobs = JobRunner(
            workstation.containers.perform, self.store, after=self._containers.list_soon, read_only=read_only
        )
        self.logs = LogWatch(workstation.logs, self.store, workstation.now) if workstation.logs else None
        self.saver = LogSaver(workstation.logs, self.store) if workstation.logs else None
        self._questions = threading.BoundedSemaphore(_QUESTIONS_AT_ONCE)

    def start(self) -> None:
        """Start to look. The list of containers is on its way when this returns."""
        self._containers.start()
        self._statistics.start()
        self._data_root.start()

    def stop(self) -> None:
        """Stop; threads that hang in a call are left to their deadlines.

        Returns at once, or within a second where a file that is being saved has to go first.
        """
        for part in (self._containers, self._statistics, self._data_root):
            part.stop()
        if self.logs is not None:
            self.logs.stop()
        if self.saver is not None:
            self.saver.stop()

    def watch_header(self) -> None:
        """Begin to read what only the header shows; after the first paint, because nobody waits for it."""
        self._data_root.want(True)

    def show_containers(self, container_ids: Sequence[str]) -> None:
        """These are on screen: keep their figures fresh and know their details."""
        self._statistics.want(container_ids)
        self._containers.want_details(container_ids)

    def select_container(self, container_id: str | None, marked_ids: Sequence[str] = ()) -> None:
        """The chosen container and those that are marked, for every pane."""
        selection = Selection(container_id, tuple(marked_ids))
        if self.store.value(SELECTION) != selection:
            self.store.put(SELECTION, selection)

    def refresh(self) -> None:
        """Read everything anew."""
        self._containers.refresh()
        self._data_root.poke()

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
        if not self._questions.acquire(blocking=False):
            failed(
                EnvtuiError("Too many questions", "the engine has not answered the last ones", "Wait for it")
            )
            return

        def run() -> None:
            try:
                try:
                    answer = question()
                finally:
                    self._questions.release()
            except EnvtuiError as error:
                failed(error)
            except Exception as error:
                diagnostics.record_exception("question", error)
                failed(unexpected(error))
            else:
                answered(answer)

        threading.Thread(target=run, name="question", daemon=True).start()

    def _read_data_root(self) -> FileSystemSpace | None:
        known = self.store.value(ENGINE)
        if known is None or known.data_root is None:
            known = self.workstation.engine.describe()
            self.store.put(ENGINE, known)
        return self.workstation.engine.data_root_space(known.data_root) if known.data_root else None
