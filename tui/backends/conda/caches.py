"""What package managers keep in containers, for whoever asks; what looks for it is loaded by the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container
from tui.model.disk import InsideCache
from tui.model.environments import Environment


class ContainerCaches:
    """The caches inside one engine's containers; an `InsideCaches`."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine

    def caches(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
    ) -> Sequence[InsideCache]:
        """The caches in a running container. Raises a ReclaimError or EngineError."""
        from tui.backends.conda.cache_reading import CacheReader

        self._engine.api_version()
        return CacheReader(self._engine).caches(container, environments, is_cancelled)
