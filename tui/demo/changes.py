"""Changes of the make-believe environments: planned, done by jobs that take some seconds, and cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from tui.demo.change_effects import effect_of, new_one, plan_of, where_new
from tui.demo.change_scripts import script_of
from tui.demo.environment_catalogue import WITHOUT_SHELL
from tui.demo.environments import hindrance_of
from tui.demo.life import DemoContainer
from tui.demo.world import DemoWorld
from tui.model.changes import ChangeJob, ChangePlan, EnvironmentChange, JobNews
from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment
from tui.model.errors import ChangeCancelled, Conflict

# A solve as it feels on a good day. A clock that stands still takes no time for it.
PLAN_SECONDS = 1.2
_LOOK_SECONDS = 0.05
# As much of a log as one answer holds.
_MOST_LOG_BYTES = 256 << 10


class DemoChanges:
    """Makes, changes and removes environments of a DemoWorld. Every method raises what its faults say.

    Whether `base` may be changed is the user's setting, which is asked for before anything comes here: here
    only what nobody may do is refused.
    """

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        """Where a new environment of that name would be, and what would make it.

        Raises:
            ChangeRefused: it is there already, or the name is none.
            NoManager: nothing in the container makes environments.
        """
        made = self._ask(container)
        with self._world.works() as works:
            return where_new(works.prefixes.of(made), container, name, environments, user)

    def plan(
        self, container: Container, change: EnvironmentChange, is_cancelled: Callable[[], bool]
    ) -> ChangePlan:
        """What a change would do.

        Raises:
            ChangeCancelled: `is_cancelled` said so.
            ChangeError: it can't be done.
        """
        made = self._ask(container)
        with self._world.works() as works:
            works.check_free(made, change)
        self._think(is_cancelled)
        with self._world.works() as works:
            return plan_of(works, made, change, self._world.faults.no_network)

    def start(self, container: Container, change: EnvironmentChange) -> ChangeJob:
        """Begin a change.

        Raises:
            ChangeUnderWay: another job is at work on one of its prefixes.
            ChangeError: it can't be begun.
        """
        made = self._ask(container)
        self._world.faults.pass_action()
        with self._world.works() as works:
            works.check_free(made, change)
            effect = effect_of(works, made, change, self._world.faults.no_network)
            script = script_of(change, effect.solved, effect.failure)
            return works.begin(made, change, script, effect.finish, self._world.clock.now())

    def jobs(self, container: Container) -> Sequence[ChangeJob]:
        """The jobs of a container until they are put away, oldest first; none where none can have begun."""
        if container.state is ContainerState.RUNNING and self._has_no_shell(container):
            return ()
        made = self._ask(container)
        with self._world.works() as works:
            return works.jobs(made)

    def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
        """How a job is, and its log from `offset` on. Raises ChangeLost."""
        self._ask(container)
        with self._world.works() as works:
            found, log = works.find(job)
            return JobNews(found, log[offset : offset + _MOST_LOG_BYTES], offset)

    def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
        """End a job and undo what it began. Raises ChangeLost."""
        self._ask(container)
        self._world.faults.pass_action()
        with self._world.works() as works:
            return works.cancel(job)

    def put_away(self, container: Container, job: ChangeJob) -> None:
        """Forget a job that is over."""
        self._ask(container)
        self._world.faults.pass_action()
        with self._world.works() as works:
            works.put_away(job)

    def _has_no_shell(self, container: Container) -> bool:
        self._world.faults.pass_question()
        return self._world.find(container.id).blueprint.name in WITHOUT_SHELL

    def _ask(self, container: Container) -> DemoContainer:
        """The container, in which something can be run. Raises Conflict where nothing can."""
        self._world.faults.pass_question()
        made = self._world.find(container.id)
        hindrance = hindrance_of(made)
        if hindrance:
            raise Conflict(
                "Nothing can be run in the container",
                f"{made.name}: {hindrance.partition(':')[0]}",
                "A container has to run and to have a shell for that",
                409,
            )
        return made

    def _think(self, is_cancelled: Callable[[], bool]) -> None:
        """Take as long as a manager does. Raises ChangeCancelled."""
        nobody = threading.Event()
        until = self._world.clock.monotonic() + PLAN_SECONDS
        while True:
            if is_cancelled():
                raise ChangeCancelled("Called off", "nothing was changed")
            if not self._world.clock.runs_by_itself or self._world.clock.monotonic() >= until:
                return
            nobody.wait(_LOOK_SECONDS)


class DemoPrefixCopies:
    """Carries whole environments from one container of a DemoWorld to another."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def copy_prefix(
        self,
        source: Container,
        prefix: str,
        target: Container,
        is_cancelled: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        """Put a copy at the same path of another running container.

        Raises:
            ChangeRefused: something is there, or nothing is in the source.
            ChangeCancelled: `is_cancelled` said so.
        """
        self._world.faults.pass_action()
        come_from, go_to = self._world.find(source.id), self._world.find(target.id)
        hindrance = hindrance_of(go_to)
        if hindrance:
            raise Conflict(
                "Nothing can be put there", f"{go_to.name}: {hindrance.partition(':')[0]}", "", 409
            )
        with self._world.works() as works:
            copied = new_one(works, come_from, go_to, prefix)
        total, nobody = copied.made.size_mib << 20, threading.Event()
        for tenth in range(1, 11):
            if is_cancelled():
                raise ChangeCancelled("Called off", "nothing of the copy is left")
            progress(total * tenth // 10)
            if self._world.clock.runs_by_itself:
                nobody.wait(PLAN_SECONDS / 10)
        with self._world.works() as works:
            works.prefixes.put(go_to, replace(copied, changed_at=self._world.clock.now()))
