"""Chooses the backends of one host; nothing else in the package picks any."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.backends.base import (
        Containers,
        Disk,
        Driver,
        Engine,
        Entitlements,
        EnvironmentChanges,
        EnvironmentRecords,
        Environments,
        Gpus,
        HostPids,
        InsideCaches,
        Logs,
        Ownership,
        PrefixCopies,
        ProcessEnding,
        Reclaiming,
        Services,
        Shells,
        SshDoors,
        Statistics,
    )
    from tui.demo.world import DemoWorld
    from tui.settings import GpuSettings


@dataclass(frozen=True, slots=True)
class Workstation:
    """The backends of one host, by ability.

    Attributes:
        name: "local", "demo", or the engine's address where one was named.
        is_demo: it is make-believe.
        logs, services, environments: None where the host offers none.
        driver: None where the engine is on another machine, whose driver nobody can ask from here.
        host_pids: None where the host's processes can't be looked at.
        gpus: None where the engine is on another machine, whose driver's library nobody can ask from here.
        ownership, ending: None where the host's processes can't be looked at, or ended.
        entitlements: None where containers can't be asked what GPUs they were given.
        shells: None where no session can be opened.
        changes, records, copies: None where environments can't be changed, exported, or carried over.
        disk, caches, reclaiming: None where nobody can tell what takes room, or remove it.
        owner: whose things are ours on this host; "" for whoever runs envtui.
        doors: None where other SSH clients can't be let in.
        now: the time that ages and the clock are shown by, in seconds since the epoch.
    """

    name: str
    engine: Engine
    containers: Containers
    statistics: Statistics
    logs: Logs | None = None
    services: Services | None = None
    environments: Environments | None = None
    driver: Driver | None = None
    host_pids: HostPids | None = None
    gpus: Gpus | None = None
    ownership: Ownership | None = None
    ending: ProcessEnding | None = None
    entitlements: Entitlements | None = None
    shells: Shells | None = None
    doors: SshDoors | None = None
    changes: EnvironmentChanges | None = None
    records: EnvironmentRecords | None = None
    copies: PrefixCopies | None = None
    disk: Disk | None = None
    caches: InsideCaches | None = None
    reclaiming: Reclaiming | None = None
    owner: str = ""
    is_demo: bool = False
    now: Callable[[], float] = time.time


def open_local(
    host: str | None = None,
    environ: Mapping[str, str] | None = None,
    gpu: GpuSettings | None = None,
    allow_base: bool = False,
) -> Workstation:
    """The host of a Docker-compatible engine: `host`, or the one that the surroundings name.

    `gpu` says what the machine can't tell of its GPUs, `allow_base` whether packages of base may be changed.

    Nothing is connected yet: an engine that is absent is a state on screen, not an error here.

    Raises:
        EngineUnreachable: the address is malformed.
        EngineNotFound: it names a docker context that does not exist.
    """
    from tui.backends.conda.caches import ContainerCaches
    from tui.backends.conda.changes_here import ContainerChanges
    from tui.backends.conda.copies import ContainerPrefixCopies
    from tui.backends.conda.environments import ContainerEnvironments, ContainerRecords
    from tui.backends.docker.cgroups import CgroupReader
    from tui.backends.docker.containers import DockerContainers
    from tui.backends.docker.disk import DockerDisk
    from tui.backends.docker.endpoint import find
    from tui.backends.docker.engine import DockerEngine
    from tui.backends.docker.host_pids import LocalHostPids
    from tui.backends.docker.logs import DockerLogs
    from tui.backends.docker.reclaim import DockerReclaiming
    from tui.backends.docker.services import DockerServices
    from tui.backends.docker.stats import DockerStatistics
    from tui.backends.gpu.driver import NvidiaDriver
    from tui.backends.gpu.here import ContainerEntitlements, LocalGpus, LocalProcesses
    from tui.backends.shells.here import EngineShells
    from tui.settings import GpuSettings

    environ = os.environ if environ is None else environ
    endpoint = find(host, environ)
    engine = DockerEngine(endpoint)
    shells = EngineShells(engine, environ)
    # a unix socket is on this machine, so its containers' groups can be here, too; each is looked for
    is_here = endpoint.socket_path is not None
    cgroups = CgroupReader() if is_here else None
    processes = LocalProcesses(engine) if is_here else None
    name = "local" if endpoint.origin == "default" else endpoint.url
    return Workstation(
        name,
        engine,
        DockerContainers(engine),
        DockerStatistics(engine, cgroups),
        DockerLogs(engine),
        DockerServices(engine),
        ContainerEnvironments(engine),
        host_pids=LocalHostPids() if is_here else None,
        driver=NvidiaDriver(gpu or GpuSettings()) if is_here else None,
        gpus=LocalGpus() if is_here else None,
        ownership=processes,
        ending=processes,
        entitlements=ContainerEntitlements(engine),
        shells=shells,
        doors=shells,
        records=ContainerRecords(engine),
        changes=ContainerChanges(engine, allow_base),
        copies=ContainerPrefixCopies(engine),
        disk=DockerDisk(engine),
        caches=ContainerCaches(engine),
        reclaiming=DockerReclaiming(engine),
    )


def open_demo(world: DemoWorld | None = None) -> Workstation:
    """The make-believe workstation; `world` for one with its own seed, clock or faults."""
    from tui.demo.backends import DemoContainers, DemoEngine, DemoStatistics
    from tui.demo.changes import DemoChanges, DemoPrefixCopies
    from tui.demo.disk import DemoCaches, DemoDisk
    from tui.demo.environments import DemoDriver, DemoEnvironments, DemoHostPids
    from tui.demo.gpus import DemoGpus
    from tui.demo.logs import DemoLogs
    from tui.demo.owners import DemoEntitlements, DemoOwnership, DemoProcessEnding
    from tui.demo.reclaiming import DemoReclaiming
    from tui.demo.records import DemoRecords
    from tui.demo.services import DemoServices
    from tui.demo.shells import DemoDoors, DemoShells
    from tui.demo.world import DemoWorld

    world = world or DemoWorld()
    return Workstation(
        "demo",
        DemoEngine(world),
        DemoContainers(world),
        DemoStatistics(world),
        DemoLogs(world),
        DemoServices(world),
        DemoEnvironments(world),
        DemoDriver(faults=world.faults),
        DemoHostPids(world),
        DemoGpus(world),
        DemoOwnership(world),
        DemoProcessEnding(world),
        DemoEntitlements(world),
        DemoShells(world),
        DemoDoors(world),
        DemoChanges(world),
        DemoRecords(world),
        DemoPrefixCopies(world),
        DemoDisk(world),
        DemoCaches(world),
        DemoReclaiming(world),
        owner="ana",
        is_demo=True,
        now=world.clock.now,
    )
