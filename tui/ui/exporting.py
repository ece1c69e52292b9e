"""Exports environments before they are removed: asks for a folder, writes, and says what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import App

from tui.model.containers import Container
from tui.model.environments import Environment
from tui.model.errors import EnvtuiError
from tui.monitor.questions import Asking
from tui.ui.bridge import Bridge
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.monitor.environment_exporting import ExportedEnvironment


def export_first(
    app: App[None],
    bridge: Bridge,
    wanted: Sequence[tuple[Container, Environment]],
    name: str,
    done: Callable[[tuple[ExportedEnvironment, ...] | None], None],
) -> None:
    """Ask for a folder, write a file for each environment, then go on with what was written.

    Args:
        app: on whose screen.
        bridge: to the monitor.
        wanted: environments, with their containers.
        name: what they are of: the folder that is proposed is called after it; foreign text.
        done: called with what became of each; None where no folder was chosen.
    """
    from tui.monitor.environment_exporting import ExportedEnvironment, export_all
    from tui.ui.screens.export_folder import ExportFolderScreen
    from tui.ui.screens.save_log import safe_name
    from tui.ui.screens.waiting import WaitingScreen

    def chosen(folder: Path | None) -> None:
        if folder is None:
            done(None)
            return
        asking = Asking()

        def begin(answered: Callable[[tuple[ExportedEnvironment, ...]], None]) -> Callable[[], None]:
            bridge.ask(
                lambda: export_all(
                    wanted, folder, bridge.monitor.records, safe_name, lambda: asking.is_cancelled
                ),
                answered,
                lambda error: answered(_all_failed(wanted, error)),
            )
            return asking.cancel

        words = f"Writing {len(wanted)} file{'' if len(wanted) == 1 else 's'}"
        app.push_screen(
            WaitingScreen("Export environments", words, begin), lambda exported: done(exported or ())
        )

    def _all_failed(
        wanted: Sequence[tuple[Container, Environment]], error: EnvtuiError
    ) -> tuple[ExportedEnvironment, ...]:
        return tuple(ExportedEnvironment(*each, error=error) for each in wanted)

    proposal = _working_folder() / f"{safe_name(name)}-environments"
    app.push_screen(ExportFolderScreen(proposal, len(wanted)), chosen)


def exported_lines(exported: Sequence[ExportedEnvironment]) -> list[str]:
    """What was written, and what was not; printable."""
    lines: list[str] = []
    for each in exported:
        name = printable(each.environment.label)
        if each.path is not None:
            lines.append(f"✓ {name} is exported: {printable(str(each.path))}")
            lines += [f"    not carried: {printable(line)}" for line in each.cannot_be_carried[:5]]
        elif each.error is not None:
            lines.append(f"✗ {name} is not exported: {printable(each.error.one_line())}")
    return lines


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # it was removed under us
        return Path("~").expanduser()
