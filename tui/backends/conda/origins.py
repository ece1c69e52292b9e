"""Where an environment's files are: in the image, in the container's writable layer, or mounted into it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.backends.docker.changes import Change, ChangeKind
from tui.model.environments import Origin

# Python writes them where it runs. An environment is as it came with them, and nothing is lost without them.
_CACHE_FOLDER = "/__pycache__"
_PACKAGE_CACHE = "/pkgs"


@dataclass(frozen=True, slots=True)
class Mounts:
    """Where a container has something mounted.

    Attributes:
        lasting: volumes, bind mounts and images.
        fleeting: in memory; gone when the container stops.
    """

    lasting: tuple[str, ...] = ()
    fleeting: tuple[str, ...] = ()

    def origin_of(self, prefix: str) -> Origin | None:
        """By the innermost mount that a path is in; None where it is in none."""
        around = [each for each in (*self.lasting, *self.fleeting) if _is_in(prefix, each)]
        if not around:
            return None
        return Origin.LAYER if max(around, key=len) in self.fleeting else Origin.MOUNT


def mounts_of(inspected: Mapping[str, Any]) -> Mounts:
    """The mounts that an inspect tells (GET /containers/{id}/json)."""
    told = [each for each in inspected.get("Mounts") or () if isinstance(each, dict)]
    host = inspected.get("HostConfig") or {}
    in_memory = [each for each in told if each.get("Type") == "tmpfs"]
    lasting = [each for each in told if each.get("Type") != "tmpfs"]
    fleeting = [str(each.get("Destination")) for each in in_memory] + list(host.get("Tmpfs") or ())
    return Mounts(
        tuple(str(each.get("Destination") or "").rstrip("/") for each in lasting if each.get("Destination")),
        tuple(each.rstrip("/") for each in fleeting if each.startswith("/")),
    )


def origins(prefixes: Sequence[str], mounts: Mounts, changes: Iterable[Change]) -> dict[str, Origin]:
    """The origin of each prefix.

    Args:
        prefixes: absolute paths, without links.
        mounts: of the container.
        changes: of its writable layer, each folder before what is in it.
    """
    found = {prefix: origin for prefix in prefixes if (origin := mounts.origin_of(prefix))}
    rest = [prefix for prefix in prefixes if prefix not in found]
    changed = _changed(rest, changes) if rest else set()
    return found | {prefix: Origin.LAYER if prefix in changed else Origin.IMAGE for prefix in rest}


def _changed(prefixes: Sequence[str], changes: Iterable[Change]) -> set[str]:
    # the longest first: what is below an environment that lies in another one is its own
    by_length = sorted(prefixes, key=len, reverse=True)
    changed: set[str] = set()
    for path in _real(changes):
        holder = next((each for each in by_length if _is_in(path, each)), None)
        if holder is not None and not _is_in(path, holder + _PACKAGE_CACHE):
            changed.add(holder)
            if len(changed) == len(prefixes):
                break
    return changed


def _real(changes: Iterable[Change]) -> Iterator[str]:
    """Paths that are changed themselves: a folder is also told for anything that is changed in it."""
    last: Change | None = None
    for change in changes:
        is_in_last = last is not None and change.path.startswith(f"{last.path}/")
        if (
            last is not None
            and not (is_in_last and last.kind is ChangeKind.MODIFIED)
            and not _is_cache(last.path)
        ):
            yield last.path
        last = change
    if last is not None and not _is_cache(last.path):
        yield last.path


def _is_cache(path: str) -> bool:
    return path.endswith(_CACHE_FOLDER) or f"{_CACHE_FOLDER}/" in path


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")
