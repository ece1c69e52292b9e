"""What the make-believe containers offer over HTTP: as their logs say, and as their ports would answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.demo.logs import DemoLogs
from tui.demo.world import DemoWorld
from tui.model.containers import Container, ContainerState
from tui.model.errors import LogUnreadable
from tui.model.logs import LineAssembler, LogRequest, text_of
from tui.model.services import Finding, Place, Service, ServiceKind, announced_in, compose

# Who would answer in which container (by the name that it was made with), by the port inside.
_ANSWERS: Mapping[str, Mapping[int, Finding]] = {
    "notebook-ana": {8888: Finding(ServiceKind.JUPYTER, "JupyterLab", "/", is_open=True)},
    "notebook-chen": {8888: Finding(ServiceKind.JUPYTER, "Jupyter Server", "/", is_open=False)},
    "tensorboard": {6006: Finding(ServiceKind.TENSORBOARD, "TensorBoard", note="/runs")},
    "dl-dev": {6006: Finding(ServiceKind.TENSORBOARD, "TensorBoard", note="/workspace/runs")},
    "serve-qwen": {8000: Finding(ServiceKind.HTTP, "uvicorn", "/v1/models", False, note="asks for a key")},
}
# What a run writes in its first minutes says where it listens.
_BEGINNING_NANOSECONDS = 600 * 10**9
_START_NANOSECONDS = 2 * 10**9
_NOT_IN_LOG = "its token is not in the log"


class DemoServices:
    """The services of a DemoWorld's containers."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world
        self._logs = DemoLogs(world)

    def services(self, container: Container, ask_inside: bool) -> Sequence[Service]:
        """What a container offers; () where it does not run. Raises what the world's faults say."""
        self._world.faults.pass_question()
        made = self._world.find(container.id)
        if not made.has_processes:
            return ()
        answers = _ANSWERS.get(made.blueprint.name, {}) if made.state is ContainerState.RUNNING else {}
        announced = announced_in(self._beginning(container.id, made.started_at or 0.0))
        return compose(announced, answers, Place(container.ports, container.network_mode), _NOT_IN_LOG)

    def _beginning(self, container_id: str, started_at: float) -> list[str]:
        since_ns = round(started_at * 1e9) - _START_NANOSECONDS
        request = LogRequest(since_ns=since_ns, until_ns=since_ns + _BEGINNING_NANOSECONDS)
        assembler = LineAssembler()
        try:
            stream = self._logs.open(container_id, request)
        except LogUnreadable:
            return []
        raws = [raw for messages in stream.messages() for raw in assembler.feed(messages).raws]
        return [text_of(raw) for raw in (*raws, *assembler.end().raws)]
