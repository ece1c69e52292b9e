"""Where a path of a container lies outside of it: several can have the same folder mounted; pure."""

from __future__ import annotations

import posixpath

from tui.model.containers import Container


def mount_source(container: Container, path: str) -> tuple[str, str] | None:
    """The mount that a path is on, and where on it.

    Returns:
        Source (name of a volume, or folder of the host) and the path below it ("." for all of it); None where
        no mount is around it.
    """
    around = [
        (at, source)
        for source, _, at in (each.partition(":") for each in container.mounts)
        if path == at or path.startswith(f"{at.rstrip('/')}/")
    ]
    if not around:
        return None
    at, source = max(around, key=lambda each: len(each[0]))
    return source, posixpath.relpath(path, at)


def same_folder(container: Container, path: str) -> str:
    """The same for the same folder, whichever container has it mounted where."""
    found = mount_source(container, path)
    if found is None:
        return f"{container.id}:{path}"
    source, below = found
    # a folder of the host can be mounted with one above it, too
    return posixpath.normpath(f"{source}/{below}")
