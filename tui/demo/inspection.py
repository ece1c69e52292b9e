"""The make-believe containers as an engine tells of them: in its list, its inspect and its `ps`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from tui.demo import figures
from tui.demo.catalogue import ALL_GPUS, CUDA_IMAGES, Blueprint
from tui.demo.disk_catalogue import LOG_LIMITS, is_anonymous
from tui.demo.life import DemoContainer, mounts_of
from tui.model.containers import Container, ContainerDetails, ContainerState, Health, Port
from tui.model.processes import ProcessTable

_NEVER = "0001-01-01T00:00:00Z"
_PS_TITLES = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
_GIB = 1 << 30


def listed(container: DemoContainer) -> Container:
    """A container as the engine lists it: without what only an inspect tells."""
    return Container(
        id=container.id,
        name=container.name,
        image=container.blueprint.image,
        image_id=container.image_id,
        state=container.state,
        health=container.health,
        created_at=container.created_at,
        exit_code=container.exit_code if container.state is ContainerState.EXITED else None,
        command=container.blueprint.command,
        network_mode=container.blueprint.network_mode,
        ports=_listed_ports(container),
        labels=container.labels,
        mounts=tuple(mount.removesuffix(":ro") for mount in container.blueprint.mounts),
    )


def details(container: DemoContainer) -> ContainerDetails:
    """What an inspect adds."""
    limit = container.blueprint.memory_limit_gib
    return ContainerDetails(
        id=container.id,
        state=container.state,
        health=container.health,
        started_at=container.started_at,
        finished_at=None if container.has_processes else container.finished_at,
        exit_code=container.exit_code if container.state is ContainerState.EXITED else None,
        process_id=container.process_id,
        network_mode=container.blueprint.network_mode,
        restart_policy=container.blueprint.restart_policy,
        memory_limit_bytes=None if limit is None else limit * _GIB,
        out_of_memory=container.out_of_memory,
        anonymous_volumes=tuple(source for source, _ in mounts_of(container) if is_anonymous(source)),
    )


def document(container: DemoContainer) -> dict[str, Any]:
    """Everything, in the words of the Engine API's inspect answer."""
    blueprint = container.blueprint
    words = blueprint.command.split()
    return {
        "Id": container.id,
        "Created": _time(container.created_at),
        "Path": words[0],
        "Args": words[1:],
        "State": _state(container),
        "Image": container.image_id,
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "LogPath": _log_path(container),
        "HostConfig": {
            "NetworkMode": blueprint.network_mode,
            "RestartPolicy": {"Name": blueprint.restart_policy, "MaximumRetryCount": 0},
            "LogConfig": {"Type": blueprint.log_driver, "Config": _log_options(container)},
            "Memory": (blueprint.memory_limit_gib or 0) * _GIB,
            "NanoCpus": 0,
            "ShmSize": 64 << 20,
            "IpcMode": "private",
            "Privileged": False,
            "Runtime": "runc",
            "Binds": list(blueprint.mounts),
            "PortBindings": _bindings(container),
            "DeviceRequests": _device_requests(container),
        },
        "Mounts": [_mount(mount) for mount in blueprint.mounts],
        "Config": {
            "Hostname": container.id[:12],
            "User": "" if blueprint.processes[0][0] == "root" else blueprint.processes[0][0],
            "Tty": False,
            "Env": [
                *blueprint.environment,
                *_visible_devices(blueprint),
                "PATH=/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ],
            "Cmd": words,
            "Image": blueprint.image,
            "WorkingDir": "/workspace",
            "Entrypoint": None,
            "Labels": container.labels,
            "ExposedPorts": {f"{port.container_port}/{port.protocol}": {} for port in _ports(container)},
        },
        "NetworkSettings": {
            "Ports": _bindings(container) if container.has_processes else {},
            "Networks": _networks(container),
        },
    }


def _log_options(container: DemoContainer) -> dict[str, str]:
    limit = LOG_LIMITS.get(container.blueprint.name)
    return {"max-size": limit} if limit else {}


def _log_path(container: DemoContainer) -> str:
    """The engine names a file for those that have one."""
    has_file = container.blueprint.log_driver == "json-file"
    return f"/var/lib/docker/containers/{container.id}/{container.id}-json.log" if has_file else ""


def processes(container: DemoContainer, now: float) -> ProcessTable:
    """Its processes as `ps -ef` lists them; times in UTC, so that they are the same everywhere."""
    first = container.process_id or 0
    started = datetime.fromtimestamp(container.started_at or now, UTC)
    age = now - started.timestamp()
    since = started.strftime("%H:%M") if age < 86400 else started.strftime("%b%d")
    # the work is done below the first process where there are more
    workers = max(1, len(container.blueprint.processes) - 1)
    share = figures.rates(container, now)[0] / 1e7 / workers
    rows = []
    for number, user, command in container.living:
        index = number - 1
        works = index > 0 or workers == len(container.blueprint.processes)
        busy = share if works else 0.0
        rows.append(
            (
                user,
                str(first + index),
                str(first - 24 if index == 0 else first),
                str(int(min(busy, 99.0))),
                since,
                "?",
                _cpu_time(busy / 100 * age),
                command,
            )
        )
    return ProcessTable(_PS_TITLES, tuple(rows))


def _cpu_time(seconds: float) -> str:
    minutes, rest = divmod(max(0, int(seconds)), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def _ports(container: DemoContainer) -> Iterator[Port]:
    """All ports, with IPv4 and IPv6 apart where no address is named, as the engine tells them."""
    for written in container.blueprint.ports:
        mapping, _, protocol = written.partition("/")
        published, _, inside = mapping.rpartition(":")
        address, _, outside = published.rpartition(":")
        first, last = _range(inside)
        for offset in range(last - first + 1):
            if not outside:
                yield Port(first + offset, protocol or "tcp")
                continue
            host_port = _range(outside)[0] + offset
            for host_ip in (address,) if address else ("0.0.0.0", "::"):
                yield Port(first + offset, protocol or "tcp", host_ip, host_port)


def _range(written: str) -> tuple[int, int]:
    first, _, last = written.partition("-")
    return int(first), int(last or first)


def _listed_ports(container: DemoContainer) -> tuple[Port, ...]:
    """The list shows ports of containers with processes only."""
    return tuple(_ports(container)) if container.has_processes else ()


def _bindings(container: DemoContainer) -> dict[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in _ports(container):
        if port.host_port is not None:
            key = f"{port.container_port}/{port.protocol}"
            bindings.setdefault(key, []).append(
                {"HostIp": port.host_ip or "", "HostPort": str(port.host_port)}
            )
    return bindings


def _device_requests(container: DemoContainer) -> list[dict[str, Any]] | None:
    gpus = container.blueprint.gpus
    if not gpus:
        return None
    is_all = gpus == ALL_GPUS
    wanted = None if is_all else [str(gpu) for gpu in gpus]
    count = -1 if is_all else 0
    return [{"Driver": "", "Count": count, "DeviceIDs": wanted, "Capabilities": [["gpu"]], "Options": {}}]


def _visible_devices(blueprint: Blueprint) -> Iterator[str]:
    """What it was given, or else what its image asks for, which nobody here listens to."""
    name = "NVIDIA_VISIBLE_DEVICES"
    is_told = any(each.startswith(f"{name}=") for each in blueprint.environment)
    if blueprint.gpus and blueprint.gpus != ALL_GPUS:
        yield f"{name}={','.join(map(str, blueprint.gpus))}"
    elif blueprint.gpus or (blueprint.image in CUDA_IMAGES and not is_told):
        yield f"{name}=all"


def _mount(written: str) -> dict[str, Any]:
    source, destination, *options = written.split(":")
    kind = {"RW": "ro" not in options, "Mode": ",".join(options), "Destination": destination}
    if source.startswith("/"):
        return {"Type": "bind", "Source": source, "Propagation": "rprivate", **kind}
    path = f"/var/lib/docker/volumes/{source}/_data"
    return {"Type": "volume", "Name": source, "Source": path, "Driver": "local", **kind}


def _networks(container: DemoContainer) -> dict[str, Any]:
    blueprint = container.blueprint
    if blueprint.network_mode == "host":
        return {"host": {"NetworkID": "", "IPAddress": ""}}
    name = f"{blueprint.project}_default" if blueprint.project else "bridge"
    address = f"172.{18 + container.phases[30] % 8}.0.{2 + container.phases[31] % 250}"
    gateway = f"{address.rpartition('.')[0]}.1"
    return {name: {"Gateway": gateway, "IPAddress": address if container.has_processes else ""}}


def _state(container: DemoContainer) -> dict[str, Any]:
    state: dict[str, Any] = {
        "Status": container.state.value,
        "Running": container.is_alive,
        "Paused": container.state is ContainerState.PAUSED,
        "Restarting": container.state is ContainerState.RESTARTING,
        "OOMKilled": container.out_of_memory,
        "Dead": False,
        "Pid": container.process_id or 0,
        "ExitCode": container.exit_code,
        "Error": "",
        "StartedAt": _time(container.started_at),
        "FinishedAt": _time(container.finished_at),
    }
    if container.health is not None:
        streak = 3 if container.health is Health.UNHEALTHY else 0
        state["Health"] = {"Status": container.health.value, "FailingStreak": streak, "Log": []}
    return state


def _time(epoch_seconds: float | None) -> str:
    """RFC 3339 with nanoseconds, as the engine writes."""
    if epoch_seconds is None:
        return _NEVER
    return datetime.fromtimestamp(epoch_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
