"""Exports many environments into one folder: a file each, none over another; blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.changes import FileFormat
from tui.model.errors import EnvtuiError, SaveFailed
from tui.model.exports import ExportFormat, export
from tui.monitor.new_file import write_whole
from tui.monitor.poller import unexpected

if TYPE_CHECKING:
    from tui.model.containers import Container
    from tui.model.environment_records import EnvironmentRecord
    from tui.model.environments import Environment

_ENDINGS = {FileFormat.YML: ".yml", FileFormat.EXPLICIT: ".lock", FileFormat.REQUIREMENTS: ".txt"}
# So many exports of one name in one folder are a mistake.
_MOST_NAMES = 200


@dataclass(frozen=True, slots=True)
class ExportedEnvironment:
    """What became of one.

    Attributes:
        path: of its file; None where there is none.
        cannot_be_carried: what is in the environment and not in the file; foreign text.
        error: why there is no file.
    """

    container: Container
    environment: Environment
    path: Path | None = None
    cannot_be_carried: tuple[str, ...] = ()
    error: EnvtuiError | None = None


def export_all(
    environments: Sequence[tuple[Container, Environment]],
    folder: Path,
    records: Callable[[Container, Environment], EnvironmentRecord],
    name_of: Callable[[str], str],
    is_cancelled: Callable[[], bool],
) -> tuple[ExportedEnvironment, ...]:
    """Write them, one after the other; never raises: each has its outcome.

    Args:
        environments: with their containers.
        folder: is made where it is not there; the one above it has to be.
        records: asks for an environment's records; blocks.
        name_of: makes a file name from foreign text.
        is_cancelled: asked between two of them; the rest is not written.
    """
    try:
        _make(folder)
    except SaveFailed as error:
        return tuple(ExportedEnvironment(*each, error=error) for each in environments)
    done = []
    for container, environment in environments:
        if is_cancelled():
            late = EnvtuiError("Not exported", "it was called off before its turn")
            done.append(ExportedEnvironment(container, environment, error=late))
            continue
        try:
            made = export(records(container, environment), ExportFormat.YML)
            stem = f"{name_of(container.name)}-{name_of(environment.name or environment.prefix)}"
            path = _written(folder, stem, _ENDINGS[made.file_format], made.text.encode("utf-8"))
        except EnvtuiError as failure:
            done.append(ExportedEnvironment(container, environment, error=failure))
        except Exception as failure:
            diagnostics.record_exception("export", failure)
            done.append(ExportedEnvironment(container, environment, error=unexpected(failure)))
        else:
            done.append(ExportedEnvironment(container, environment, path, made.cannot_be_carried))
    return tuple(done)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise SaveFailed("The folder can't be made", f"{folder}: {why}", "Choose another") from error
    except ValueError as error:
        raise SaveFailed("This can't be the name of a folder", str(error), "Choose another") from error


def _written(folder: Path, stem: str, ending: str, content: bytes) -> Path:
    """The first free name of its kind, written; somebody else's file of that name stays as it is."""
    for number in range(1, _MOST_NAMES + 1):
        path = folder / (f"{stem}{ending}" if number == 1 else f"{stem}-{number}{ending}")
        if os.path.lexists(path):
            continue
        try:
            write_whole(path, content, replace=False)
        except SaveFailed:
            if os.path.lexists(path):
                # somebody was faster
                continue
            raise
        return path
    raise SaveFailed("No name is free", f"{folder / stem}{ending} and {_MOST_NAMES - 1} others are there")
