"""Ways into containers whose modules are loaded when the first is taken: the screen's start pays for none."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from tui.paths import state_folder

if TYPE_CHECKING:
    from tui.backends.base import DoorStream, Session, SessionQuestions
    from tui.backends.docker.engine import DockerEngine
    from tui.backends.shells.container_doors import ContainerDoors
    from tui.backends.shells.container_shells import ContainerShells
    from tui.model.containers import Container
    from tui.model.sessions import SessionRequest, SshDoor


class EngineShells:
    """Shells and doors of one engine's containers; what they keep is in this user's state folder."""

    def __init__(self, engine: DockerEngine, environ: Mapping[str, str]) -> None:
        """Args: the engine; where the state folder is."""
        self._engine = engine
        self._folder = state_folder(environ) / "sessions"
        self._lock = threading.Lock()
        self._shells: ContainerShells | None = None

    def open(
        self,
        request: SessionRequest,
        questions: SessionQuestions,
        while_starting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Session:
        """Open a session. Raises as `Shells.open` does."""
        with self._lock:
            if self._shells is None:
                from tui.backends.shells.container_shells import ContainerShells

                self._shells = ContainerShells(self._engine, self._folder)
        return self._shells.open(request, questions, while_starting)

    def doors(self, containers: Sequence[Container], questions: SessionQuestions) -> Sequence[SshDoor]:
        """What other SSH clients need. Raises as `SshDoors.doors` does."""
        return self._doors().doors(containers, questions)

    def connect(self, container_id: str, user: str = "") -> DoorStream:
        """A stream to an sshd that is started for it. Raises as `SshDoors.connect` does."""
        return self._doors().connect(container_id, user)

    def _doors(self) -> ContainerDoors:
        from tui.backends.shells.container_doors import ContainerDoors

        return ContainerDoors(self._engine, self._folder)
