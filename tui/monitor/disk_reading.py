"""Reads what takes room on a host, part by part; blocks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from tui.model.disk import DiskFacts, DiskPart

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.disk import LayerChanges
    from tui.model.environments import EnvironmentList
    from tui.model.errors import EnvtuiError
    from tui.monitor.exec_gate import ExecGate
    from tui.workstation import Workstation


def read_facts(
    workstation: Workstation,
    containers: Sequence[Container],
    parts: Collection[DiskPart],
    is_cancelled: Callable[[], bool],
    told: Callable[[DiskPart, EnvtuiError | None], None] = lambda *_: None,
    gate: ExecGate | None = None,
    ask_inside: bool = True,
) -> DiskFacts:
    """All of these parts, a few at a time; one that fails is told, and left unknown.

    Args:
        workstation: the host's backends.
        containers: all that the engine lists.
        parts: what is wanted.
        is_cancelled: asked often; what is known by then is returned soon.
        told: called with each part when it has been read, and why it was not, or not wholly; from threads,
            one call at a time.
        gate: keeps commands from containers that are being paused; None where nobody pauses any.
        ask_inside: whether a command may be run in a container.
    """
    raise NotImplementedError


def look_into(
    workstation: Workstation, container: Container, is_cancelled: Callable[[], bool]
) -> tuple[EnvironmentList | None, LayerChanges | None]:
    """What a container holds that is nowhere else: its environments, and the changes of its layer.

    By the engine alone; no command is run in it. None where it can't be asked.
    """
    raise NotImplementedError
