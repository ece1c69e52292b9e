"""What the log files of containers take, where they are on this machine and this user may look at them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import Any

from tui.model.disk import LogFile

# What the engine calls a log file that it put aside: ".1", ".2.gz" (moby, daemon/logger/loggerutils).
_ROTATED = re.compile(r"\.\d+(\.gz)?")
# The `local` driver limits itself where nobody does (docs.docker.com, "Local file logging driver").
_LOCAL_LIMIT = "20m"
# Drivers that write files below the engine's folder.
_TO_FILES = frozenset({"json-file", "k8s-file", "local"})
_ELSEWHERE = "its engine is on another machine"


def log_file(inspected: Mapping[str, Any], is_here: bool) -> LogFile:
    """The log of one container, from its inspect.

    Args:
        inspected: `GET /containers/{id}/json`.
        is_here: whether the engine's files are on this machine.
    """
    host = inspected.get("HostConfig")
    told = (host if isinstance(host, dict) else {}).get("LogConfig")
    settings = told if isinstance(told, dict) else {}
    driver = str(settings.get("Type") or "")
    options = settings.get("Config")
    limit = str((options if isinstance(options, dict) else {}).get("max-size") or "")
    identity = str(inspected.get("Id") or "")
    if driver == "none":
        return LogFile(identity, size_bytes=0)
    # Podman tells the path in one or the other place
    path = str(inspected.get("LogPath") or settings.get("Path") or "")
    if driver == "local":
        limit = limit or _LOCAL_LIMIT
        # beside the container's other files, for which the engine tells no path of its own
        beside = str(inspected.get("HostnamePath") or "")
        path = path or (f"{os.path.dirname(beside)}/local-logs/container.log" if beside else "")
    if not path and driver in _TO_FILES:
        # it gets one with its first start
        return LogFile(identity, size_bytes=0, limit=limit)
    if not path:
        where = f"the engine gives it to {driver}" if driver else "the engine does not say where it is"
        return LogFile(identity, limit=limit, why_unknown=where)
    if not is_here:
        return LogFile(identity, path, limit=limit, why_unknown=_ELSEWHERE)
    try:
        return LogFile(identity, path, _size_bytes(path), limit)
    except PermissionError:
        return LogFile(identity, path, limit=limit, why_unknown="only root may look at it")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        return LogFile(identity, path, limit=limit, why_unknown=f"it can't be looked at: {why or error}")


def _size_bytes(path: str) -> int:
    """Of a log with those that were put aside; 0 before the first line was written."""
    folder, name = os.path.split(path)
    total = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            rest = entry.name.removeprefix(name)
            if entry.name.startswith(name) and (not rest or _ROTATED.fullmatch(rest)):
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    # put aside between the listing and the look
                    continue
                if stat.S_ISREG(found.st_mode):
                    total += found.st_size
    return total
