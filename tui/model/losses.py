"""What is lost when a container is removed: environments and files that are nowhere else; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tui.model.containers import Container, ContainerState
from tui.model.disk import LayerChanges, PrefixChange
from tui.model.disk_items import Safety, container_seen
from tui.model.environments import (
    Environment,
    EnvironmentKey,
    EnvironmentKind,
    EnvironmentList,
    EnvironmentSize,
    Origin,
)
from tui.model.units import format_bytes

# File system hierarchy standard 3.0: what may go at any time, is made anew, or is a log.
_FLEETING = ["/tmp", "/var/tmp", "/run", "/var/run", "/var/cache", "/var/log", "/var/lib/apt"]


@dataclass(frozen=True, slots=True)
class ContainerLosses:
    """What goes with one container.

    Attributes:
        container_id: full id.
        environments: those that were made or changed in its writable layer, and which of the two.
        lines: all that is lost, one thing a line; foreign text.
        safety: what its removal can cost.
        reason: why it is so, in a few words.
        is_known: False where it could not be looked into, wholly or in part.
        seen: how it was, for `DiskItem.seen`.
        is_work: environments or changed files go with it, or nobody knows; a log alone is none.
        mounted: environments that lie on what is mounted: they stay, unless a volume goes along.
    """

    container_id: str
    environments: tuple[tuple[Environment, PrefixChange], ...] = ()
    lines: tuple[str, ...] = ()
    safety: Safety = Safety.CHECK
    reason: str = ""
    is_known: bool = False
    seen: str = ""
    is_work: bool = True
    mounted: tuple[Environment, ...] = ()


def lies_on(container: Container, volume: str, environment: Environment) -> bool:
    """Whether a mounted environment is on this volume; also where that can't be told."""
    holding = [
        (destination, source)
        for source, _, destination in (each.rpartition(":") for each in container.mounts)
        if destination and f"{environment.prefix}/".startswith(f"{destination.rstrip('/')}/")
    ]
    # of one mount within another the inner one holds it
    return not holding or max(holding, key=lambda each: len(each[0]))[1] == volume


def container_losses(
    container: Container,
    listing: EnvironmentList | None,
    changes: LayerChanges | None,
    size_bytes: int | None,
    sizes: Mapping[EnvironmentKey, EnvironmentSize] | None = None,
    log_bytes: int | None = 0,
) -> ContainerLosses:
    """What is lost with a container.

    An environment on a volume, or one that is as the image has it, is not lost.

    Args:
        container: running or not.
        listing: its environments, None where they could not be listed.
        changes: of its writable layer, asked for with the prefixes of `listing`; None where not known.
        size_bytes: of its writable layer, None where not known.
        sizes: of environments that were measured.
        log_bytes: of what it has logged, None where that is not known.
    """
    found = _environments(container.id, listing, changes)
    lines = [_environment_line(each, how, (sizes or {}).get(each.key)) for each, how in found]
    other = _other_changes(changes, [each.prefix for each, _ in found])
    lines += other
    if container.state is ContainerState.CREATED:
        log_bytes = 0
    if log_bytes != 0:
        lines.append("its log" if log_bytes is None else f"its log, {format_bytes(log_bytes)}")
    is_known = changes is not None and listing is not None and listing.problem is None
    if not is_known:
        lines.append(_unknown_line(listing, changes))
    safety, reason = _judged(len(found), bool(other), is_known, changes, size_bytes, log_bytes)
    return ContainerLosses(
        container.id,
        tuple(found),
        tuple(lines),
        safety,
        reason,
        is_known,
        container_seen(
            container.state.value, container.finished_at, changes.fingerprint if changes is not None else ""
        ),
        bool(found or other) or not is_known,
        tuple(each for each in listing.environments if each.origin is Origin.MOUNT) if listing else (),
    )


def _environments(
    container_id: str, listing: EnvironmentList | None, changes: LayerChanges | None
) -> list[tuple[Environment, PrefixChange]]:
    found = []
    for each in listing.environments if listing is not None else ():
        if each.origin is Origin.MOUNT:
            continue
        how = changes.prefixes.get(each.prefix) if changes is not None else None
        if how is None and changes is None and each.origin is Origin.LAYER:
            # the listing itself says so; which of the two it does not
            how = PrefixChange.CHANGED
        if how is not None and each.kind is EnvironmentKind.SYSTEM and how is PrefixChange.MADE:
            # the system's Python belongs to the image: packages came to it
            how = PrefixChange.CHANGED
        if how is not None:
            found.append((each, how))
    # a stopped container lists the usual places only: the changes tell of others
    listed = {each.prefix for each in listing.environments} if listing is not None else set()
    for prefix, how in sorted((changes.prefixes if changes is not None else {}).items()):
        if prefix not in listed:
            found.append((Environment(container_id, prefix, "", EnvironmentKind.CONDA), how))
    return found


def _environment_line(environment: Environment, how: PrefixChange, size: EnvironmentSize | None) -> str:
    words = "made" if how is PrefixChange.MADE else "changed"
    count = sum(each or 0 for each in (environment.conda_packages, environment.pip_packages))
    told = [f"{count} package{'' if count == 1 else 's'}"] if count else []
    if size is not None:
        told.append(format_bytes(size.size_bytes))
    name = environment.name
    where = f"{name} ({environment.prefix})" if name and name != environment.prefix else environment.prefix
    details = f": {', '.join(told)}" if told else ""
    return f"environment {where}, {words} in it{details}"


def _other_changes(changes: LayerChanges | None, prefixes: list[str]) -> list[str]:
    """A line of what was changed outside of these environments; none where nothing was."""
    if changes is None or not changes.count:
        return []
    inside = [(path, count) for path, count in changes.folders if _is_in_any(path, prefixes)]
    rest = [(path, count) for path, count in changes.folders if not _is_in_any(path, prefixes)]
    others = changes.count - sum(count for _, count in inside)
    if prefixes and not rest:
        # the folders that are told are all in environments; of the others there are few, or none
        return [f"{_files(others)} elsewhere"] if others > 0 else []
    counts = [
        f"{count} {word}"
        for count, word in (
            (changes.added, "added"),
            (changes.changed, "changed"),
            (changes.deleted, "deleted"),
        )
        if count
    ]
    where = ", ".join(f"{path or '/'} ({count})" for path, count in rest)
    return [f"{_files(others)} in its writable layer ({', '.join(counts)} in all): {where}"]


def _is_fleeting(changes: LayerChanges) -> bool:
    """Whether all that was changed is where programs keep what they make again."""
    counted = sum(count for path, count in changes.folders if _is_in_any(path or "/", _FLEETING))
    return counted >= changes.count


def _files(count: int) -> str:
    return "1 file or folder" if count == 1 else f"{count} files and folders"


def _is_in_any(path: str, prefixes: list[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in prefixes)


def _unknown_line(listing: EnvironmentList | None, changes: LayerChanges | None) -> str:
    if listing is None and changes is None:
        return "what is in it is not known: it could not be looked into"
    if changes is None:
        return "what was changed in it is not known: its engine does not tell"
    return "which environments are in it is not known: they could not all be listed"


def _judged(
    count: int,
    has_other: bool,
    is_known: bool,
    changes: LayerChanges | None,
    size_bytes: int | None,
    log_bytes: int | None,
) -> tuple[Safety, str]:
    if count:
        return Safety.DANGER, (
            "an environment is lost with it" if count == 1 else f"{count} environments are lost with it"
        )
    # what nobody has seen may be somebody's month of work
    if changes is None:
        return Safety.DANGER, "what is in it is not known"
    if not is_known:
        return Safety.DANGER, "its environments could not all be listed"
    if has_other and not _is_fleeting(changes):
        return Safety.DANGER, f"{_files(changes.count)} that are nowhere else are lost with it"
    if has_other:
        size = f", {format_bytes(size_bytes)}" if size_bytes else ""
        return Safety.CHECK, f"{_files(changes.count)} changed in it{size}"
    if log_bytes != 0:
        size = "" if log_bytes is None else f", {format_bytes(log_bytes)}"
        return Safety.CHECK, f"nothing was changed in it; its log is lost with it{size}"
    return Safety.SAFE, "nothing was changed in it"
