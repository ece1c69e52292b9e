"""`envtui disk`: what takes room, what of it can go, and what would be lost with it.

With --json one object is printed: `{file_systems: [{path, total_bytes, used_bytes, free_bytes, inodes,
free_inodes, uses}], totals: [{kind, count, size_bytes, reclaimable_bytes,
is_exact}], items: [{kind, id, name,
size_bytes, reclaimable_bytes, created_at, last_used_at, safety, reason, loses, markable, why_not}],
problems: [{part, error}]}`; null is for what is not known.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.commands.options import load_settings, open_workstation

if TYPE_CHECKING:
    import argparse

_EPILOG = (
    "FREES is what the removal of one thing alone gives back: layers that several images share go with the "
    "last of them. `envtui prune` removes. Exit status: 0 done, 1 where a part could not be read, 130 called "
    "off. --json prints one object with file_systems, totals, items and problems."
)


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "disk",
        parents=[common],
        help="show what takes room, and what of it can go",
        description="Images, containers, volumes, networks, build cache, log files, and the caches and "
        "environments inside containers, biggest first; those that can go stand on top.",
        epilog=_EPILOG,
    )
    parser.add_argument("--json", action="store_true", help="an object, for scripts")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print what takes room; gives back the exit code. Raises an EnvtuiError."""
    from tui.commands.change_output import tell
    from tui.commands.disk_json import disk_json
    from tui.commands.disk_read import read_disk
    from tui.commands.disk_table import biggest_first, disk_lines
    from tui.commands.table import fitted
    from tui.model.disk import DiskPart
    from tui.model.reclaim import totals

    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    reading = read_disk(workstation, settings, tuple(DiskPart))
    if reading.interrupted:
        return reading.interrupted
    items = biggest_first(reading.items)
    file_systems = reading.facts.file_systems or ()
    sums = totals(reading.items, reading.facts)
    if options.json:
        tell(json.dumps(disk_json(file_systems, sums, items, reading.problems), indent=2), sys.stdout)
    else:
        lines = disk_lines(file_systems, sums, items, workstation.now())
        tell("\n".join(fitted(lines)), sys.stdout)
    reading.say_problems()
    return 1 if reading.has_failed else 0
