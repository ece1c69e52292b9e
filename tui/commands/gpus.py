"""`envtui gpus`: the GPUs, who is on them, and from which container and environment."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from tui.commands.gpu_holders import HolderReader
from tui.commands.gpu_json import report_as_json
from tui.commands.gpu_table import report_lines
from tui.commands.options import load_settings, open_workstation
from tui.commands.table import fitted
from tui.model.errors import GpuError, NoGpu
from tui.model.gpus import GpuReport
from tui.model.printable import printable

if TYPE_CHECKING:
    import argparse

    from tui.backends.base import Gpus

# The driver tells what a program used since it was asked before; its samples are up to a second apart.
_SAMPLE_SECONDS = 1.0
_WATCH_SECONDS = 1.0
# to the first place, to the end of the line, to the end of the screen (ECMA-48)
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "gpus",
        parents=[common],
        help="list GPUs, and whose the processes on them are",
        description="List the GPUs with what they do, and below each the processes on it with user, "
        "container and environment, by their numbers on the host.",
    )
    parser.add_argument("--json", action="store_true", help="an object; where a value is null, `unknown` "
                        "beside it says why")  # fmt: skip
    parser.add_argument(
        "--watch", "-w", action="store_true", help="again each second; with --json an object a line"
    )
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the GPUs. Raises an EnvtuiError where the driver does not answer."""
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    is_screen = options.watch and sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb"
    reader = HolderReader(workstation, ask_inside=not settings.read_only)
    printer = _Printer(reader, workstation.now, options.json, options.watch, is_screen)
    gpus = workstation.gpus
    if gpus is None:
        elsewhere = NoGpu(
            "No GPUs from here", "the engine is on another machine, whose driver can't be asked"
        )
        printer.print(GpuReport(taken_at=workstation.now(), absence=elsewhere))
        return 0
    try:
        if options.watch:
            _watch(gpus, printer)
        printer.print(_with_shares(gpus))
    finally:
        gpus.close()
    return 0


def _with_shares(gpus: Gpus) -> GpuReport:
    """A report, a second later where the driver does not say at once what is used. Raises a GpuError."""
    report = gpus.report()
    shares = [process.sm_percent for process in report.processes]
    shares += [gpu.utilization_percent for gpu in report.gpus if not gpu.is_asleep]
    if all(each.value is not None for each in shares):
        return report
    _wait(_SAMPLE_SECONDS)
    return gpus.report()


def _watch(gpus: Gpus, printer: _Printer) -> NoReturn:
    """Print a report each second, for ever. Raises a GpuError where not even the first one comes."""
    is_first, is_told = True, False
    while True:
        began = time.monotonic()
        try:
            report = gpus.report()
        except GpuError as error:
            if is_first:
                raise
            # it may come back; whoever reads our lines sees that none come
            if not is_told:
                print(f"envtui: {printable(error.one_line())}", file=sys.stderr)
            is_told = True
        else:
            is_first = is_told = False
            printer.print(report)
        _wait(began + _WATCH_SECONDS - time.monotonic())


def _wait(seconds: float) -> None:
    # nobody sets this event: it waits, and ctrl+c ends it
    threading.Event().wait(max(0.0, seconds))


class _Printer:
    """Prints reports with the owners of their processes."""

    def __init__(
        self, reader: HolderReader, now: Callable[[], float], is_json: bool, is_watch: bool, is_screen: bool
    ) -> None:
        """Make it.

        Args:
            reader: of owners.
            now: epoch seconds, for ages.
            is_json: as JSON, not as a table.
            is_watch: one report after the other.
            is_screen: each over the one before.
        """
        self._reader, self._now = reader, now
        self._is_json, self._is_watch, self._is_screen = is_json, is_watch, is_screen
        self._is_first = True

    def print(self, report: GpuReport) -> None:
        """Find out whose its processes are, and print it."""
        holders = self._reader.holders(report)
        if self._is_json:
            self._print_json(report_as_json(report, holders))
        else:
            is_nameless = any(
                each.container.value is None and each.container_id.value for each in holders.values()
            )
            error = self._reader.engine_error if is_nameless else None
            self._print_people(fitted(report_lines(report, holders, error, self._now())))
        sys.stdout.flush()
        self._is_first = False

    def _print_json(self, told: dict[str, Any]) -> None:
        if self._is_watch:
            print(json.dumps(told, separators=(",", ":")))
        else:
            print(json.dumps(told, indent=2))

    def _print_people(self, lines: list[str]) -> None:
        if not self._is_screen:
            # in a pipe one table follows the other
            print("\n".join(lines if self._is_first else ["", *lines]))
            return
        room = shutil.get_terminal_size().lines - 1
        if len(lines) > room:
            kept = max(0, room - 1)
            lines = [*lines[:kept], f"… {len(lines) - kept} more lines"]
        # first, as in the last column it would take the character there
        drawn = "".join(f"{_REST_OF_LINE}{line}\n" for line in lines)
        print(f"{_HOME}{drawn}{_REST_OF_SCREEN}", end="")
