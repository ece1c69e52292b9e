"""Which GPUs containers were given, from what the engine tells of how they were made."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tui.backends.docker.engine import DockerEngine
from tui.model.entitlement import GpuEntitlement, Grant

# No container's grant ever changes: the engine takes it when it is made.
_MOST_KNOWN = 1000
# How the toolkit takes devices where it does not trust variables: a mount below this folder for each.
_DEVICE_MOUNTS = "/var/run/nvidia-container-devices"
_VISIBLE, _CUDA, _REQUIRE = "NVIDIA_VISIBLE_DEVICES", "CUDA_VERSION", "NVIDIA_REQUIRE_CUDA"
_ALL, _NOTHING = "all", ("", "none", "void")
_ALL_NODES = ("/dev", "/dev/")
_NODE = "/dev/nvidia"


class DockerEntitlements:
    """What one engine's containers may use of the GPUs."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine that was or will be identified by somebody."""
        self._engine = engine
        self._lock = threading.Lock()
        self._known: OrderedDict[str, GpuEntitlement] = OrderedDict()

    def entitlement(self, container_id: str) -> GpuEntitlement:
        """What one container may use; asked for once. Raises an EngineError."""
        with self._lock:
            known = self._known.get(container_id)
        if known is not None:
            return known
        self._engine.api_version()
        told = self._engine.http.get_json(f"/containers/{quote(container_id, safe='')}/json")
        found = from_inspect(told or {})
        with self._lock:
            self._known[container_id] = found
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return found


def from_inspect(told: Mapping[str, Any]) -> GpuEntitlement:
    """The grant in `/containers/{id}/json`. Every field may be missing or null.

    What the engine was asked for goes before what the NVIDIA runtime reads from variables, as it does there.
    Sources: Engine API, HostConfig.DeviceRequests; NVIDIA container toolkit, environment variables.
    """
    settings = told.get("HostConfig") or {}
    environ = _environ((told.get("Config") or {}).get("Env"))
    is_cuda_image = any(name in environ for name in (_VISIBLE, _CUDA, _REQUIRE))
    visible = environ.get(_VISIBLE)
    is_withheld = visible in ("none", "void")
    found = (
        _requested(settings.get("DeviceRequests"))
        or _by_nodes(settings)
        or _by_mounts(told.get("Mounts"))
        or _by_runtime(settings, environ, told)
    )
    grant, devices, told_by, reason = found or (Grant.NONE, (), "", "")
    return GpuEntitlement(grant, devices, told_by, reason, is_cuda_image, is_withheld)


_Found = tuple[Grant, tuple[str, ...], str, str]


def _requested(requests: Sequence[Mapping[str, Any]] | None) -> _Found | None:
    """`--gpus` and CDI."""
    words: list[str] = []
    told_by = ""
    for request in requests or ():
        driver = str(request.get("Driver") or "")
        ids = [str(each) for each in request.get("DeviceIDs") or ()]
        if driver == "cdi":
            ids = [each for each in ids if "nvidia.com/" in each]
            told_by = told_by or ("CDI" if ids else "")
        elif driver == "nvidia" or _is_gpu(request.get("Capabilities")):
            told_by = "--gpus"
            ids = ids or _counted(request.get("Count"))
        else:
            continue
        words += ids
    if not told_by:
        return None
    if any(word == _ALL or word.endswith("=all") for word in words):
        return Grant.ALL, (), told_by, ""
    return (Grant.SOME, tuple(words), told_by, "") if words else (Grant.NONE, (), told_by, "")


def _is_gpu(capabilities: Sequence[Sequence[str]] | None) -> bool:
    """A list of alternatives, of which each is a list of what it must be able to do."""
    return any(each in ("gpu", "nvidia") for one in capabilities or () for each in one)


def _counted(count: Any) -> list[str]:
    """`--gpus 2`: the engine takes the first ones; -1 is all."""
    if not isinstance(count, int):
        return []
    return [_ALL] if count < 0 else [str(number) for number in range(count)]


def _by_nodes(settings: Mapping[str, Any]) -> _Found | None:
    """`--privileged` and `--device /dev/nvidia0`."""
    if settings.get("Privileged"):
        return Grant.ALL, (), "--privileged", ""
    paths = [str(each.get("PathOnHost") or "") for each in settings.get("Devices") or ()]
    if any(path in _ALL_NODES for path in paths):
        return Grant.ALL, (), "--device /dev", ""
    # Podman lists CDI names among the devices
    nodes = [path for path in paths if path.removeprefix(_NODE).isdecimal() or "nvidia.com/gpu=" in path]
    if any(path.endswith("=all") for path in nodes):
        return Grant.ALL, (), "CDI", ""
    return (Grant.SOME, tuple(nodes), "--device", "") if nodes else None


def _by_mounts(mounts: Iterable[Mapping[str, Any]] | None) -> _Found | None:
    targets = [str(each.get("Destination") or "") for each in mounts or ()]
    words = [each.rpartition("/")[2] for each in targets if each.startswith(f"{_DEVICE_MOUNTS}/")]
    if not words:
        return None
    return (Grant.ALL, (), "a mount", "") if _ALL in words else (Grant.SOME, tuple(words), "a mount", "")


def _by_runtime(
    settings: Mapping[str, Any], environ: Mapping[str, str], told: Mapping[str, Any]
) -> _Found | None:
    """Variables, which only the NVIDIA runtime reads."""
    visible = environ.get(_VISIBLE)
    # images from before the variable had only their CUDA version, and were given everything
    if visible is None and _CUDA in environ and _REQUIRE not in environ:
        visible = _ALL
    if visible is None or visible in _NOTHING or visible.startswith(_DEVICE_MOUNTS):
        return None
    if "nvidia" not in str(settings.get("Runtime") or ""):
        if told.get("OCIRuntime"):
            # Podman has hooks that read the variable, and doesn't tell which
            reason = "its image asks for GPUs, and this engine does not tell whether a hook gives them"
            return Grant.UNKNOWN, (), _VISIBLE, reason
        return None
    words = tuple(filter(None, (each.strip() for each in visible.split(","))))
    if any(word == _ALL or word.endswith("=all") for word in words):
        return Grant.ALL, (), _VISIBLE, ""
    return Grant.SOME, words, _VISIBLE, ""


def _environ(entries: Iterable[Any] | None) -> dict[str, str]:
    pairs = (str(each).partition("=") for each in entries or ())
    return {name: value for name, _, value in pairs}
