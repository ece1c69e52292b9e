"""Whose the processes on GPUs are, for the command line: owners joined with containers and environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui.backends.parallel import in_parallel
from tui.commands.container_list import ContainerList
from tui.model.errors import EnvtuiError
from tui.model.owners import NO_ENVIRONMENT, OUTSIDE, ProcessOwner, not_seen, placed
from tui.model.reading import Reading, unknown

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environments import EnvironmentList
    from tui.model.gpus import GpuReport
    from tui.workstation import Workstation

#: Reasons of what is known to be none.
OUTSIDE_ANY, IN_NONE = "outside any container", "in no environment"
# A command in a container costs the engine a process of its own; more at once make each slower.
_CONTAINERS_AT_ONCE = 4

_Processes = frozenset[tuple[int, int | None]]


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a process on a GPU is; what is known to be none is unknown for OUTSIDE_ANY or IN_NONE.

    Attributes:
        owner: as the host tells.
        container, container_id: of the innermost container around it that the engine lists; the id alone
            where it lists none.
        environment, prefix: name and place of its environment.
    """

    owner: ProcessOwner
    container: Reading[str]
    container_id: Reading[str]
    environment: Reading[str]
    prefix: Reading[str]


class HolderReader:
    """Finds out about holders, and remembers what does not change from second to second. Not thread-safe."""

    def __init__(self, workstation: Workstation, ask_inside: bool) -> None:
        """Args: host; whether a command may be run in a container."""
        self._workstation = workstation
        self._ask_inside = ask_inside
        self._list = ContainerList(workstation.containers.containers)
        self._is_first = True
        self._strangers: frozenset[str] = frozenset()
        self._environments: dict[str, tuple[_Processes, EnvironmentList | EnvtuiError]] = {}

    @property
    def engine_error(self) -> EnvtuiError | None:
        """Why the containers are not known; None where they are, or were not needed."""
        return self._list.error

    def holders(self, report: GpuReport) -> Mapping[int, Holder]:
        """Of every process in a report, by number; never raises because of what is not known."""
        pids = {process.pid for process in report.processes}
        if not pids:
            return {}
        self._renew_list()
        owners = self._owners(pids)
        if self._has_strangers(owners):
            # from a container that was made since the list, or from none of this engine's
            self._renew_list(is_wanted=True)
            owners = self._owners(pids)
        self._is_first = False
        listings = self._list_environments(owners)
        by_id = {each.id: each for each in self._list.containers}
        return {
            pid: self._joined(owner, by_id, listings.get(owner.container_id.value or ""))
            for pid, owner in owners.items()
        }

    def _renew_list(self, is_wanted: bool = False) -> None:
        # the first report may be the only one, and is to be as good as it can be; the figures that follow
        # every second must not wait for an engine that hangs
        if self._list.is_renewed(is_wanted, is_patient=self._is_first):
            self._environments = {
                key: each for key, each in self._environments.items() if not isinstance(each[1], EnvtuiError)
            }

    def _has_strangers(self, owners: Mapping[int, ProcessOwner]) -> bool:
        """Whether there are containers that are not on the list, for the first time."""
        ids = {each.id for each in self._list.containers}
        found = frozenset(
            each.container_id.value
            for each in owners.values()
            if each.container_id.value and each.container_among(ids) is None
        )
        is_new = not found <= self._strangers
        self._strangers = found
        return is_new and self.engine_error is None

    def _owners(self, pids: set[int]) -> Mapping[int, ProcessOwner]:
        ownership = self._workstation.ownership
        if ownership is None:
            return {pid: not_seen(pid, "this host's processes can't be looked at") for pid in pids}
        return ownership.owners(pids, self._list.containers, self._ask_inside)

    def _list_environments(
        self, owners: Mapping[int, ProcessOwner]
    ) -> Mapping[str, EnvironmentList | EnvtuiError]:
        """Those of the containers that have processes, each asked again only for new ones."""
        backend = self._workstation.environments
        if backend is None:
            return {}
        holding: dict[str, _Processes] = {}
        for pid, owner in owners.items():
            if owner.container_id.value:
                key = owner.container_id.value
                holding[key] = holding.get(key, frozenset()) | {(pid, owner.start_ticks)}
        known = {
            key: each
            for key, each in self._environments.items()
            if key in holding and holding[key] <= each[0]
        }
        to_ask = [each for each in self._list.containers if each.id in holding and each.id not in known]

        def ask(container: Container) -> EnvironmentList | EnvtuiError:
            try:
                return backend.environments(container, self._ask_inside)
            except EnvtuiError as error:
                return error

        answers = in_parallel(ask, to_ask, _CONTAINERS_AT_ONCE, "environments")
        for container, answer in zip(to_ask, answers, strict=True):
            known[container.id] = (holding[container.id], answer)
        self._environments = known
        return {key: answer for key, (_, answer) in self._environments.items()}

    def _joined(
        self,
        owner: ProcessOwner,
        containers: Mapping[str, Container],
        listing: EnvironmentList | EnvtuiError | None,
    ) -> Holder:
        error = listing if isinstance(listing, EnvtuiError) else None
        owner = placed(owner, listing if not isinstance(listing, EnvtuiError) else None)
        container, container_id = self._container(owner, containers)
        prefix, environment = owner.prefix, owner.environment
        if prefix.value is None:
            if owner.container_id.value and self.engine_error is not None:
                prefix = environment = unknown(_not_listed(self.engine_error))
        elif prefix.value == NO_ENVIRONMENT:
            prefix = environment = unknown(IN_NONE)
        elif not environment.value:
            reason = "it has no name"
            if error is not None:
                reason = f"its container's environments can't be listed: {error.one_line()}"
            environment = unknown(reason)
        return Holder(owner, container, container_id, environment, prefix)

    def _container(
        self, owner: ProcessOwner, containers: Mapping[str, Container]
    ) -> tuple[Reading[str], Reading[str]]:
        """Name and id."""
        identity = owner.container_id
        if identity.value is None:
            return identity, identity
        if identity.value == OUTSIDE:
            return unknown(OUTSIDE_ANY), unknown(OUTSIDE_ANY)
        found = containers.get(owner.container_among(containers) or "")
        if found is not None:
            return Reading(found.name), replace(identity, value=found.id)
        if self.engine_error is not None:
            return unknown(_not_listed(self.engine_error)), identity
        return unknown("it is not one of this engine's containers"), identity


def _not_listed(error: EnvtuiError) -> str:
    return f"containers can't be listed: {error.one_line()}"
