"""What a host and its container engine are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine as it describes itself.

    Attributes:
        product: "Docker", "Podman", …
        version: its release, "" where it does not say.
        api_version: the API version that envtui talks to it in.
        data_root: its folder on the host, None where not told.
        memory_bytes: the host's memory, None where not told.
        cpus: the host's logical processors, None where not told.
    """

    product: str
    version: str
    api_version: str
    data_root: str | None = None
    memory_bytes: int | None = None
    cpus: int | None = None


@dataclass(frozen=True, slots=True)
class FileSystemSpace:
    """Room on the file system behind a folder, in bytes."""

    path: str
    total_bytes: int
    used_bytes: int
    free_bytes: int

    @property
    def used_percent(self) -> float:
        """Share in use of what an ordinary user can have, 0 to 100, as `df` counts it."""
        room = self.used_bytes + self.free_bytes
        return 100.0 * self.used_bytes / room if room else 0.0
