"""Containers with real environments on a real engine, and what we find in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine import environment_images as images
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine
from tui.backends.conda.listing import DockerEnvironments
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container
from tui.model.environments import EnvironmentList

Maker = Callable[[PrivateEngine, Path, CondaChannel], str]


class Box:
    """Containers of the engine, and what we find in them."""

    def __init__(self, engine: PrivateEngine, channel: CondaChannel, folders: pytest.TempPathFactory) -> None:
        self.engine = engine
        self._channel, self._folders = channel, folders
        docker = DockerEngine(find(engine.host, {}))
        self.containers = DockerContainers(docker)
        self.environments = DockerEnvironments(docker)

    def image(self, tag: str, make: Maker) -> str:
        """An image, made when it is first wanted."""
        if self.engine.request("GET", f"/images/{tag}/json")[0] != 200:
            make(self.engine, self._folders.mktemp("tree"), self._channel)
        return tag

    def run(
        self, tag: str, make: Maker, name: str = "training", args: tuple[str, ...] = (), **kwargs: object
    ) -> Container:
        """A container of an image."""
        command = ("/sleep", "9999") if make is images.make_shellless else ("idle",)
        self.image(tag, make)
        self.engine.run_container(name, command, ("--network", "none", *args), tag)
        return self.container(name)

    def container(self, name: str) -> Container:
        """As it is listed now."""
        return next(each for each in self.containers.containers()[0] if each.name == name)

    def list(self, container: Container) -> EnvironmentList:
        """Its environments."""
        return self.environments.environments(container)

    def changes(self, container: Container) -> object:
        """What the engine says was changed in it."""
        return self.engine.request("GET", f"/containers/{container.id}/changes")[1]
