"""The engine itself: which one it is, what it says of its host, whether it lives."""

from __future__ import annotations

import os
import re
import threading
from typing import Any

from tui.backends.deadline import DESCRIBE_SECONDS, PING_SECONDS, QUESTION_SECONDS
from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineTooOld
from tui.model.hosts import EngineInfo, FileSystemSpace

#: Versions of the API that envtui knows how to read: Docker 20.10 to 29.6 (docs.docker.com, API history).
OLDEST_API = (1, 41)
NEWEST_API = (1, 55)

_PRODUCT = re.compile(r"(\w+)/(\S+)")


class DockerEngine:
    """Negotiates the API version once per connection; everything else of the backend asks through `http`."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Args: endpoint of the engine; nothing is opened yet."""
        self.endpoint = endpoint
        self.http = EngineHttp(endpoint)
        self._info: EngineInfo | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where it is, as written for `--host`."""
        return self.endpoint.url

    def identify(self) -> EngineInfo:
        """Product, version and negotiated API version, from the headers of a ping.

        Raises:
            EngineTooOld: its newest API is older than our oldest.
            EngineError: it can't be asked.
        """
        _, headers = EngineHttp(self.endpoint).get("/_ping", QUESTION_SECONDS)
        product = _PRODUCT.match(headers.get("Server", ""))
        name, version = product.groups() if product else ("Docker", "")
        api_version = negotiate(headers.get("Api-Version", ""))
        if name == "Libpod":
            name = "Podman"
        with self._lock:
            self.http.prefix = f"/v{api_version}"
            self._info = EngineInfo(name, version, api_version)
            return self._info

    def api_version(self) -> str:
        """The negotiated version; asks the engine the first time."""
        with self._lock:
            info = self._info
        return (info or self.identify()).api_version

    def describe(self) -> EngineInfo:
        """Identity with data root, memory and processors. Raises an EngineError."""
        identity = self.identify()
        told: dict[str, Any] = self.http.get_json("/info", DESCRIBE_SECONDS)
        return EngineInfo(
            identity.product,
            identity.version or str(told.get("ServerVersion") or ""),
            identity.api_version,
            data_root=told.get("DockerRootDir") or None,
            memory_bytes=told.get("MemTotal") or None,
            cpus=told.get("NCPU") or None,
        )

    def ping(self) -> None:
        """Ask for a sign of life. Raises an EngineError."""
        self.http.get("/_ping", PING_SECONDS)

    def data_root_space(self, data_root: str) -> FileSystemSpace | None:
        """Room behind the data root, where the engine runs on this machine and the folder can be seen."""
        if self.endpoint.socket_path is None:
            return None
        try:
            found = os.statvfs(data_root)
        except PermissionError:
            # the folder itself is root's (0710); the one that holds it nearly always shares its file system
            try:
                found = os.statvfs(os.path.dirname(data_root))
            except OSError:
                return None
        except OSError:
            return None
        block = found.f_frsize
        return FileSystemSpace(
            data_root,
            total_bytes=found.f_blocks * block,
            used_bytes=(found.f_blocks - found.f_bfree) * block,
            free_bytes=found.f_bavail * block,
        )


def negotiate(server_version: str) -> str:
    """The highest API version that both sides speak, as "1.47".

    Raises:
        EngineTooOld: the engine's is below OLDEST_API, or it does not tell one.
    """
    try:
        major, minor = (int(part) for part in server_version.split("."))
    except ValueError:
        major, minor = 0, 0
    if (major, minor) < OLDEST_API:
        oldest = ".".join(map(str, OLDEST_API))
        raise EngineTooOld(
            "The engine is too old",
            f"it speaks API {server_version or 'of no known version'}, envtui needs {oldest} or newer",
            "Upgrade to Docker 20.10 or newer, or Podman 4 or newer",
        )
    return ".".join(map(str, min((major, minor), NEWEST_API)))
