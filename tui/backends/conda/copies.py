"""Copies of prefixes between containers, for whoever asks; what makes them is loaded for the first one."""

from __future__ import annotations

from collections.abc import Callable

from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container


class ContainerPrefixCopies:
    """Carries prefixes between one engine's containers."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine

    def copy_prefix(
        self,
        source: Container,
        prefix: str,
        target: Container,
        is_cancelled: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        """Put a copy of a prefix at the same path of another running container.

        Raises:
            ChangeRefused: something is there, or nothing can be put there.
            ChangeCancelled: `is_cancelled` said so.
            ChangeFailed: it was begun, and what is left of it could not be removed; says what.
            EngineError: the engine can't be asked.
        """
        # tar and base64 are nothing for the start
        from tui.backends.conda.prefix_copy import PrefixCopy

        PrefixCopy(self._engine.http, source, prefix, target).carry(is_cancelled, progress)
