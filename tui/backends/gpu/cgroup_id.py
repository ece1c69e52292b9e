"""Which container a process is in, from the text of its `/proc/PID/cgroup`, for every common engine."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Docker, containerd, Podman and CRI-O name containers by 32 random bytes.
_ID = r"[0-9a-f]{64}"
# What stands before it names the engine; "conmon" behind that is the engine's monitor, which is outside.
_ENGINES = {
    "docker": "docker",
    "libpod": "podman",
    # with its control group split from the service that started it (quadlets)
    "libpod-payload": "podman",
    "crio": "cri-o",
    "cri-containerd": "containerd",
    "containerd": "containerd",
    "nerdctl": "containerd",
}
_NAMED = "|".join(_ENGINES)
# docker-ID.scope, crio-ID, ID
_SEGMENT = re.compile(rf"(?:({_NAMED})-)?({_ID})(?:\.scope)?")
# containerd before 1.6 with systemd wrote SLICE:ENGINE:ID into one name
_TRIPLE = re.compile(rf".*:({_NAMED}):({_ID})")
_LXC = re.compile(r"lxc\.payload\.(.+)")
# the UID with "_" for "-" where systemd makes the group; of static pods a hash
_POD = re.compile(
    r"(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})"
    r"(?:\.slice(?::.*)?)?$"
)
# of a group that was removed while a process that has ended is still in it
_DELETED = " (deleted)"


@dataclass(frozen=True, slots=True)
class ContainerGroup:
    """What the control groups of a process say.

    Attributes:
        container_ids: of the containers around it, outermost first; () outside any.
        runtime: what made the innermost, "" where its name does not tell.
        pod: UID of the innermost pod of Kubernetes, "" for none.
    """

    container_ids: tuple[str, ...] = ()
    runtime: str = ""
    pod: str = ""

    @property
    def container_id(self) -> str | None:
        """Of the innermost container, "" outside any; None in a pod whose container is not named."""
        if self.container_ids:
            return self.container_ids[-1]
        return None if self.pod else ""


def container_group(text: str) -> ContainerGroup:
    """The containers around a process.

    Args:
        text: lines `NUMBER:CONTROLLERS:PATH`, several in version 1, `0::PATH` in version 2. In version 1 not
            every controller need know the container: the line that knows most counts.
    """
    found = [_in_path(parts[2]) for line in text.splitlines() if len(parts := line.split(":", 2)) == 3]
    return max(found, key=lambda each: (len(each.container_ids), bool(each.pod)), default=ContainerGroup())


def _in_path(path: str) -> ContainerGroup:
    ids: list[str] = []
    runtime = pod = before = ""
    for segment in path.removesuffix(_DELETED).split("/"):
        in_pod = _POD.search(segment)
        if in_pod:
            pod = in_pod[1].replace("_", "-")
        name = _container(segment, before)
        if name is not None:
            identity, runtime = name
            runtime = runtime or ("kubernetes" if pod else "")
            ids.append(identity)
        before = segment
    return ContainerGroup(tuple(ids), runtime, pod)


def _container(segment: str, before: str) -> tuple[str, str] | None:
    """Id and engine of the container that a part of the path stands for; None where it is none."""
    found = _SEGMENT.fullmatch(segment)
    if found:
        # without a name before the id, that of the folder: /docker/ID
        return found[2], _ENGINES.get(found[1] or before, "")
    found = _TRIPLE.fullmatch(segment)
    if found:
        return found[2], _ENGINES[found[1]]
    found = _LXC.fullmatch(segment)
    return (found[1], "lxc") if found else None
