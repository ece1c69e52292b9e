"""Containers in which environments are made, changed and removed, and what is left in them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tests.rig.engine import PrivateEngine
from tests.rig.manager_image import CONDA, MICROMAMBA, manager_image
from tests.rig.waiting import until
from tui.backends.conda.changes import DockerChanges
from tui.backends.conda.listing import DockerEnvironments
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.model.changes import ChangeJob, ChangeVerb, EnvironmentChange
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, Package

ROOT = "/opt/conda"
MAMBA_ROOT = "/opt/mamba"


class ChangeBox:
    """Containers of the image with managers, on one engine."""

    def __init__(self, engine: PrivateEngine) -> None:
        """Args: a running one."""
        self.engine = engine
        self.image = manager_image(engine)
        self.docker = DockerEngine(find(engine.host, {}))
        self.containers = DockerContainers(self.docker)
        self.environments = DockerEnvironments(self.docker)
        self.changes = DockerChanges(self.docker)

    def run(self, name: str = "lab", step: float = 0.0, args: Sequence[str] = ()) -> Container:
        """A container whose managers take so many seconds for each phase and package."""
        command = ["/bin/sh", "-c", "while :; do sleep 3600 & wait; done"]
        told = ("--network", "none", "--env", f"RIG_STEP={step}", *args)
        self.engine.run_container(name, command, told, self.image)
        return self.container(name)

    def container(self, name: str) -> Container:
        """As it is listed now."""
        return next(each for each in self.containers.containers()[0] if each.name == name)

    def shell(self, container: Container, script: str, *words: str, user: str = "0") -> str:
        """What a script prints in the container."""
        return self.engine.docker(
            "exec", "--user", user, container.id, "/bin/sh", "-c", script, "script", *words
        )

    def listed(self, container: Container) -> dict[str, Environment]:
        """Its environments by prefix."""
        listing = self.environments.environments(container)
        assert listing.problem is None, listing.problem.one_line()
        return {each.prefix: each for each in listing.environments}

    def packages(self, container: Container, prefix: str) -> dict[str, Package]:
        """What is in one of them, by name."""
        environment = self.listed(container)[prefix]
        return {each.name: each for each in self.environments.packages(container, [environment])[0]}

    def processes(self, container: Container) -> list[str]:
        """Every process in the container but its first and what that waits for, zombies too."""
        script = (
            "for each in /proc/[0-9]*; do "
            '{ IFS= read -r line <"$each/stat"; } 2>/dev/null || continue; '
            'set -- ${line##*") "}; name=${line#*(}; name=${name%)*}; pid=${each#/proc/}; '
            '[ "$pid" = 1 ] || [ "$pid" = $$ ] || { [ "$2" = 1 ] && [ "$name" = sleep ]; } || '
            'echo "$pid $name $1"; done'
        )
        return self.shell(container, script).splitlines()

    def traces(self, container: Container) -> list[str]:
        """Folders of jobs and locks."""
        script = "ls -d /tmp/envtui-* /var/tmp/envtui-* /root/.cache/envtui-* 2>/dev/null; exit 0"
        return self.shell(container, script).split()

    def locks(self, container: Container) -> list[str]:
        """Locks that are held, or left."""
        return self.shell(container, "ls -d /tmp/envtui-jobs-*/locks/* 2>/dev/null; exit 0").split()

    def has(self, container: Container, path: str) -> bool:
        """Whether something is at the path, a link that leads nowhere too."""
        return self.shell(container, '[ -e "$1" ] || [ -L "$1" ] && echo y; exit 0', path).strip() == "y"

    def registered(self, container: Container) -> list[str]:
        """The prefixes that conda has written down."""
        return self.shell(container, "cat /root/.conda/environments.txt").splitlines()

    def end(self, container: Container, job: ChangeJob, timeout: float = 90.0) -> ChangeJob:
        """The job when it is over."""

        def over() -> ChangeJob | None:
            now = self.changes.news(container, job, 0).job
            return now if now.is_over else None

        # a look runs a shell in the container, which takes the processor from the job
        return until(over, timeout, lambda: self.log(container, job), step_seconds=0.2)

    def log(self, container: Container, job: ChangeJob) -> str:
        """All that it has printed."""
        return self.changes.news(container, job, 0).log.decode(errors="replace")

    def base_bytes(self, container: Container, prefix: str = ROOT) -> str:
        """A sum over every file of a base, its environments and caches apart."""
        script = (
            'cd "$1" && find . -path ./envs -prune -o -path ./pkgs -prune -o -type f -print0 | '
            "sort -z | xargs -0 sha256sum | sha256sum; find . -path ./envs -prune -o -path ./pkgs -prune "
            "-o -print | sort | sha256sum"
        )
        return self.shell(container, script, prefix)


def create(
    container: Container, prefix: str, packages: Sequence[str] = ("rig-meta",), manager: str = CONDA
) -> EnvironmentChange:
    """The change that makes an environment."""
    root = MAMBA_ROOT if manager == MICROMAMBA else ROOT
    return EnvironmentChange(
        ChangeVerb.CREATE,
        container.id,
        container.name,
        prefix,
        EnvironmentKind.CONDA,
        manager,
        root,
        label=prefix.rpartition("/")[2],
        packages=tuple(packages),
    )


def of(environment: Environment, container: Container, verb: ChangeVerb, **more: object) -> EnvironmentChange:
    """A change of an environment that is there."""
    return EnvironmentChange(
        verb,
        container.id,
        container.name,
        environment.prefix,
        environment.kind,
        environment.manager or "",
        environment.root_prefix or "",
        label=environment.label,
        **more,  # type: ignore[arg-type]
    )


def shown(value: object) -> str:
    """For messages."""
    return json.dumps(value, indent=1, default=str)
