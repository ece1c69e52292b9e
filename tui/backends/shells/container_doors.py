"""What any SSH client needs to get into containers: envtui's key in place, pinned host keys, a stream."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from tui.backends.base import SessionQuestions
from tui.backends.deadline import QUESTION_SECONDS
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.exec_socket import ExecSocket
from tui.backends.shells.consents import host_key_alias, write_known_hosts
from tui.backends.shells.container_facts import look_at
from tui.backends.shells.ssh_access import AccessGiver
from tui.model.containers import Container, ContainerState
from tui.model.errors import EngineError, NoRoute
from tui.model.sessions import SshDoor


class ContainerDoors:
    """Doors of the containers of one engine, through `sshd -i`."""

    def __init__(self, engine: DockerEngine, folder: Path) -> None:
        """Args: the engine; where the key, what was agreed to, and known host keys are kept."""
        self._engine = engine
        self._folder = folder
        self._giver = AccessGiver(engine, folder)

    def doors(self, containers: Sequence[Container], questions: SessionQuestions) -> Sequence[SshDoor]:
        """Those of the containers that have an sshd program, in their order.

        Raises:
            SessionError: somebody called it all off.
            EngineError: the engine can't be asked.
        """
        self._engine.api_version()
        running = (each for each in containers if each.state is ContainerState.RUNNING)
        found = (self._door(each, questions) for each in running)
        return [each for each in found if each is not None]

    def connect(self, container_id: str, user: str = "") -> ExecSocket:
        """A stream to an sshd that is started in the container for it alone.

        Raises:
            NoRoute: there is no sshd in it.
            EngineError: the engine can't be asked.
        """
        self._engine.api_version()
        facts = look_at(self._engine.http, container_id, QUESTION_SECONDS)
        program = self._giver.program(facts)
        if not program:
            raise NoRoute(f"No way into {facts.name} over SSH", "there is no sshd in it")
        return self._giver.start_sshd(facts.id, program, user or "0")

    def _door(self, container: Container, questions: SessionQuestions) -> SshDoor | None:
        try:
            facts = look_at(self._engine.http, container.id, QUESTION_SECONDS)
            if not self._giver.program(facts):
                return None
            account, sshd = self._giver.find(facts, container, "", nullcontext)
            access = self._giver.give(facts, account, sshd, questions, asks_again=False)
        except (NoRoute, EngineError) as error:
            return SshDoor(container.name, container.id, problem=error.detail or error.title)
        assert access.key is not None
        known_hosts = write_known_hosts(self._folder, facts.id, sshd.host_keys)
        return SshDoor(
            container.name,
            facts.id,
            account.name,
            host_key_alias(facts.id),
            str(access.key.path),
            str(known_hosts),
        )
