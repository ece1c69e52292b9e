"""`envtui prune`: remove what is not used, by an itemised plan, and nothing that is not in it.

With --json one object is printed: with --dry-run the plan, `{items, planned_bytes, is_exact, skipped: [{kind,
id, name, reason}], problems}` (items as `envtui disk` prints them); else `{removed: [{kind, id, name,
freed_bytes, also_removed}], failed: [{kind, id, name, reason, state}], skipped, planned_bytes, freed_bytes,
free_before_bytes, free_after_bytes, problems}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.commands.options import load_settings, open_workstation
from tui.model.errors import ReadOnlyRefusal, UsageError

if TYPE_CHECKING:
    import argparse

    from tui.model.disk import DiskPart
    from tui.model.disk_items import DiskKind
    from tui.model.reclaim import PruneRequest

_UNIT_SECONDS = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
# A thousand years are older than anything; more digits than that are no duration.
_MOST_DIGITS = 9
# option, what it removes
_KINDS = (
    ("images", "images that have no tag and that nothing uses"),
    ("containers", "stopped containers"),
    ("build_cache", "records of the build cache"),
    ("volumes", "volumes that no container mounts"),
    ("networks", "networks that no container is in"),
    ("caches", "conda's, pip's and uv's caches inside running containers"),
)
_EPILOG = (
    "A plan is shown first, and nothing is done before somebody agrees to it. What is in use, protected by "
    "the settings or somebody else's is never taken. What holds work that is nowhere else, such as a named "
    "volume or a container with an environment made in it, wants its name typed, and --yes leaves it out. "
    "ctrl+c finishes the thing under way and begins no other; a second one does not wait for that. Exit "
    "status: 0 done, 1 something failed or was not agreed to, 2 a mistake on the command line or nobody to "
    "be asked, 130 called off."
)


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "prune",
        parents=[common],
        help="remove what is not used, by a plan",
        description="Remove what is not used. At least one kind has to be named.",
        epilog=_EPILOG,
    )
    for name, help in _KINDS:
        parser.add_argument(f"--{name.replace('_', '-')}", action="store_true", help=help)
    parser.add_argument(
        "--all",
        "-a",
        action="store_true",
        help="with --images: those that have a tag, too, if nothing uses them",
    )
    parser.add_argument(
        "--older-than",
        metavar="AGE",
        default=None,
        help="only what was not used, or else made, since then: 30m, 12h, 7d, 4w",
    )
    parser.add_argument(
        "--keep",
        metavar="GLOB",
        action="append",
        default=[],
        help="not these: a shell pattern of names, for images of repository:tag; repeatable",
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan, remove nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="don't ask; what asks for its name stays")
    parser.add_argument("--json", action="store_true", help="one object: the plan, or what became of it")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Carry out the command; gives back the exit code. Raises an EnvtuiError."""
    from tui.commands.changing import can_ask, needs_yes
    from tui.commands.disk_read import read_disk
    from tui.commands.pruning import Pruning

    request = request_of(options)
    settings = load_settings(options, environ)
    if settings.read_only and not options.dry_run:
        raise ReadOnlyRefusal("Read-only", "nothing is removed", "--dry-run shows what would be")
    if not (options.dry_run or options.yes or can_ask()):
        raise needs_yes()
    workstation = open_workstation(options, settings, environ)
    reading = read_disk(workstation, settings, parts_of(request.kinds))
    if reading.interrupted:
        return reading.interrupted
    return Pruning(workstation, options, request, reading).carry_out()


def request_of(options: argparse.Namespace) -> PruneRequest:
    """What the command line asks for. Raises UsageError."""
    from tui.model.disk_items import DiskKind
    from tui.model.reclaim import PruneRequest

    kind_of = {
        "images": DiskKind.IMAGE,
        "containers": DiskKind.CONTAINER,
        "build_cache": DiskKind.BUILD_CACHE,
        "volumes": DiskKind.VOLUME,
        "networks": DiskKind.NETWORK,
        "caches": DiskKind.CACHE,
    }
    kinds = frozenset(kind_of[name] for name, _ in _KINDS if getattr(options, name))
    if options.all and not options.images:
        raise UsageError("--all goes with --images", "", "Try `envtui prune --images --all --dry-run`")
    if not kinds:
        named = ", ".join(f"--{name.replace('_', '-')}" for name, _ in _KINDS)
        raise UsageError("Nothing to prune", f"name at least one of {named}")
    older = None if options.older_than is None else duration_seconds(options.older_than)
    if any(not pattern for pattern in options.keep):
        raise UsageError("--keep is empty", "it would keep nothing")
    return PruneRequest(kinds, options.all, older, tuple(options.keep))


def duration_seconds(text: str) -> float:
    """Seconds of `30m`, `12h`, `7d`, `4w`. Raises UsageError."""
    match = re.fullmatch(rf"([0-9]{{1,{_MOST_DIGITS}}})([mhdw])", text)
    if match is None:
        raise UsageError("--older-than is no duration", text, "Such as 30m, 12h, 7d or 4w")
    return int(match[1]) * _UNIT_SECONDS[match[2]]


def parts_of(kinds: frozenset[DiskKind]) -> tuple[DiskPart, ...]:
    """What has to be read to judge things of these kinds."""
    from tui.model.disk import DiskPart
    from tui.model.disk_items import DiskKind

    needed = {
        # a layer that the build cache holds, too, is not freed with its last image
        DiskKind.IMAGE: (DiskPart.IMAGES, DiskPart.BUILD_CACHE),
        # what it holds that is nowhere else, too
        DiskKind.CONTAINER: (DiskPart.CONTAINERS, DiskPart.LAYERS, DiskPart.LOGS),
        DiskKind.VOLUME: (DiskPart.VOLUMES,),
        DiskKind.NETWORK: (DiskPart.NETWORKS,),
        DiskKind.BUILD_CACHE: (DiskPart.BUILD_CACHE,),
        DiskKind.CACHE: (DiskPart.INSIDE,),
    }
    return tuple(part for part in DiskPart if any(part in needed[kind] for kind in kinds))
