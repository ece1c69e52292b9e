"""Where a container has something mounted, as its inspect tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.backends.docker.changes import is_in
from tui.model.environments import Origin


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
        around = [each for each in (*self.lasting, *self.fleeting) if is_in(prefix, each)]
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
