"""The environments of the make-believe workstation, its driver, and its processes' numbers on the host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence

from tui.demo.environment_catalogue import DRIVER, PROGRAMS, WITHOUT_SHELL, Made
from tui.demo.faults import Faults
from tui.demo.life import DemoContainer
from tui.demo.prefixes import DemoPrefix
from tui.demo.world import DemoWorld
from tui.model.compatibility import DriverFacts
from tui.model.containers import Container, ContainerState
from tui.model.environments import (
    Environment,
    EnvironmentList,
    EnvironmentSize,
    Library,
    ListedBy,
    Package,
)
from tui.model.errors import Conflict

# What people ask of an environment before they look at the rest.
_WORTH_A_LOOK = ("numpy", "transformers", "vllm", "lightning", "tensorflow-cpu", "jupyterlab", "ray", "wandb")
_CUDA_PREFIXES = ("nvidia-", "cuda-", "libcu")
_CUDA_NAMES = ("cudnn", "nccl", "pytorch-cuda")
_MIB = 1 << 20
_NOT_ASKED = "No command is run in containers here: read through the engine"


class DemoEnvironments:
    """The environments of a DemoWorld's containers. Every method raises what the world's faults say."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        """All of a container. Raises NoSuchContainer."""
        made = self._find(container)
        hindrance = hindrance_of(made) or ("" if ask_inside else _NOT_ASKED)
        found = tuple(_environment(made, each, not hindrance) for each in self._world.prefixes(made).values())
        return EnvironmentList(
            made.id,
            found,
            ListedBy.ARCHIVE if hindrance else ListedBy.EXEC,
            self._world.clock.now(),
            hindrance or ("" if found else "There is no environment in it"),
        )

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        """The packages of some environments, by name. Raises NoSuchContainer."""
        known = self._world.prefixes(self._find(container))
        held = [known[each.prefix].packages if each.prefix in known else () for each in environments]
        return [tuple(sorted(each, key=lambda package: package.name.casefold())) for each in held]

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        """What environments take.

        Raises:
            NoSuchContainer: the container is gone.
            Conflict: nothing can be run in it, so that nothing can be measured.
        """
        made = self._find(container)
        if hindrance_of(made):
            raise Conflict(
                "The sizes can't be measured",
                f"nothing can be run in {made.name}",
                "A container has to run and to have a shell for that",
                409,
            )
        known = self._world.prefixes(made)
        measured: dict[str, EnvironmentSize] = {}
        for each in environments:
            if is_cancelled():
                break
            if each.prefix in known and (only is None or each.prefix in only):
                size = known[each.prefix].made
                own = None if size.own_mib is None else size.own_mib * _MIB
                measured[each.prefix] = EnvironmentSize(size.size_mib * _MIB, own)
        return measured

    def _find(self, container: Container) -> DemoContainer:
        self._world.faults.pass_question()
        return self._world.find(container.id)


class DemoDriver:
    """The driver of a make-believe workstation."""

    def __init__(self, facts: DriverFacts | None = DRIVER, faults: Faults | None = None) -> None:
        """Args: facts that it tells, None for a machine without a driver; faults that may take it away."""
        self._facts = facts
        self._faults = faults

    def facts(self) -> DriverFacts | None:
        """Its version and the GPUs."""
        return None if self._faults is not None and self._faults.no_gpu_driver else self._facts


class DemoHostPids:
    """The numbers that a DemoWorld's processes have on their host."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def host_pids(self, container: Container, pids: Sequence[int]) -> Mapping[int, int] | None:
        """Host number by number in the container. Raises NoSuchContainer."""
        made = self._world.find(container.id)
        first = made.process_id
        if first is None:
            return {}
        # 1 is the first of its processes, and the others follow it on both sides
        known = {number for number, _, _ in made.living}
        return {pid: first + pid - 1 for pid in pids if pid in known}


def hindrance_of(made: DemoContainer) -> str:
    """Why nothing can be run in a container, so that its environments are read through the engine."""
    if made.state is ContainerState.PAUSED:
        return "It is paused: read through the engine"
    if made.state is not ContainerState.RUNNING:
        return "It does not run: read through the engine"
    if made.blueprint.name in WITHOUT_SHELL:
        return "This container has no shell: read through the engine"
    return ""


def _environment(container: DemoContainer, known: DemoPrefix, can_ask: bool) -> Environment:
    """An environment as it is found now; through the engine nothing is known of processes and rights."""
    made, packages = known.made, known.packages
    begin = container.created_at + container.blueprint.created_ago
    made_at = begin - made.modified_ago
    modified_at = made_at if known.changed_at is None else known.changed_at
    return Environment(
        container.id,
        made.prefix,
        made.name,
        made.kind,
        root_prefix=made.root_prefix,
        manager=made.manager,
        python=made.python,
        conda_packages=sum(each.owner == "conda" for each in packages),
        pip_packages=sum(each.owner == "pip" for each in packages),
        torch=made.torch,
        cuda_build=made.cuda_build,
        libraries=tuple(
            Library(each.name, each.version, each.owner)
            for each in sorted(packages, key=lambda each: each.name)
            if each.name.startswith(_CUDA_PREFIXES) or each.name in _CUDA_NAMES
        ),
        highlights=tuple((each.name, each.version) for each in packages if each.name in _WORTH_A_LOOK),
        writable=made.writable if can_ask else None,
        frozen=made.frozen,
        origin=made.origin,
        pids=_pids(container, made) if can_ask else (),
        modified_at=modified_at,
        created_at=made_at - 60 if made.made_by else None,
        made_by=made.made_by,
        user=made.user,
        fingerprint=hashlib.sha256(f"{modified_at} {packages}".encode()).hexdigest()[:16],
        problems=made.problems,
    )


def _pids(container: DemoContainer, made: Made) -> tuple[int, ...]:
    """The processes that run out of it, as the container counts them."""
    begins = made.executable or f"{made.prefix}/bin/"
    return tuple(
        pid
        for pid, _, command in container.living
        if PROGRAMS.get((container.blueprint.name, pid), command).startswith(begins)
    )
