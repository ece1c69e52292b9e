"""Where an environment's files are: in the image, in the container's writable layer, or mounted into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tui.backends.docker.changes import Change, holder_of, really_changed
from tui.backends.docker.mounts import Mounts
from tui.model.environments import Origin


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
    by_length = sorted(prefixes, key=len, reverse=True)
    changed: set[str] = set()
    for change in really_changed(changes):
        holder = holder_of(change.path, by_length)
        if holder is not None:
            changed.add(holder)
            if len(changed) == len(prefixes):
                break
    return changed
