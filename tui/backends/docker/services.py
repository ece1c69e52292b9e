"""Services of containers, for whoever asks; what looks for them is loaded when the first one does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container

if TYPE_CHECKING:
    from tui.model.services import Service


class DockerServices:
    """The services of one engine's containers."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine

    def services(self, container: Container, ask_inside: bool) -> Sequence[Service]:
        """What the container offers, within about five seconds; () where it does not run.

        Args:
            container: any.
            ask_inside: whether a command may be run in it, where nothing else tells a Jupyter's token.

        Raises:
            EngineError: the engine can't be asked.
        """
        # 14 ms of every start otherwise, most of them for patterns
        from tui.backends.docker.service_search import ServiceSearch

        return ServiceSearch(self._engine).look(container, ask_inside)
