"""A disk whose content, answers and removals a test scripts, behind `envtui disk` and `envtui prune`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tui.cli import main
from tui.demo.clock import FROZEN_START
from tui.demo.world import DemoWorld
from tui.model.containers import Container
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskImage,
    DiskMeasure,
    DiskNetwork,
    DiskPart,
    DiskVolume,
    FileSystem,
    ImageLayer,
    InsideCache,
    LayerChanges,
    LogFile,
)
from tui.model.disk_items import DiskItem, DiskKind, Reclaimed
from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, ListedBy, Origin
from tui.model.errors import EnvtuiError
from tui.workstation import Workstation, open_demo

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
#: Steals the title, rings, and has what a shell, a pattern or markup would make something of.
HOSTILE = "v \x1b]0;owned\x07'\"$HOME [red]\n\u202e분할"
DAY = 86400.0
NOW = FROZEN_START


def image_id(letter: str) -> str:
    """A full id."""
    return f"sha256:{letter * 64}"


BASE = ImageLayer("sha256:base", GIB)
CONTAINERS = ("running", "exited", "made", "untouched")


def container_id(name: str) -> str:
    """A full id."""
    return name.encode().hex().ljust(64, "0")


def images() -> list[DiskImage]:
    """Untagged, tagged and unused, used; two share a layer."""
    return [
        DiskImage(
            image_id("a"), size_bytes=3 * GIB, shared_bytes=GIB, created_at=NOW - 40 * DAY,
            layers=(BASE, ImageLayer("sha256:of-a", 2 * GIB)), is_built=True,
        ),
        DiskImage(
            image_id("b"), ("acme/train:1.0",), ("acme/train@sha256:beef",), size_bytes=4 * GIB,
            shared_bytes=GIB, created_at=NOW - 3 * DAY, layers=(BASE, ImageLayer("sha256:of-b", 3 * GIB)),
        ),
        DiskImage(
            image_id("c"), ("acme/serve:2.0",), size_bytes=5 * GIB, shared_bytes=0,
            created_at=NOW - 50 * DAY, layers=(ImageLayer("sha256:of-c", 5 * GIB),),
            used_by=(container_id("running"),),
        ),
    ]  # fmt: skip


def volumes() -> list[DiskVolume]:
    """Named, anonymous, mounted."""
    return [
        DiskVolume("checkpoints", created_at=NOW - 9 * DAY, size_bytes=7 * GIB),
        DiskVolume("f" * 64, created_at=NOW - 9 * DAY, size_bytes=2 * MIB, is_anonymous=True),
        DiskVolume("data", created_at=NOW - 9 * DAY, size_bytes=GIB, used_by=(container_id("running"),)),
    ]


@dataclass
class ScriptedDisk:
    """Disk, InsideCaches and Reclaiming in one.

    Attributes:
        changes: of each container's layer.
        failing: what raises when it is read.
        refusals: what raises when it is removed, by id.
        removed: ids, in the order that they went in.
        on_reclaim: called with each item before it goes.
        on_read: called before anything is read, with what.
    """

    images_: list[DiskImage] = field(default_factory=images)
    volumes_: list[DiskVolume] = field(default_factory=volumes)
    networks_: list[DiskNetwork] = field(
        default_factory=lambda: [DiskNetwork("e" * 64, "old-net", "bridge", NOW - DAY)]
    )
    records: list[BuildRecord] = field(
        default_factory=lambda: [
            BuildRecord("rec1", "regular", "COPY . /app", (), 512 * MIB, NOW - 20 * DAY, NOW - 10 * DAY)
        ]
    )
    changes: dict[str, LayerChanges] = field(default_factory=dict)
    failing: dict[DiskPart, EnvtuiError] = field(default_factory=dict)
    refusals: dict[str, EnvtuiError] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    on_reclaim: Callable[[DiskItem], None] = lambda item: None
    on_read: Callable[[DiskPart, Callable[[], bool]], None] = lambda part, is_cancelled: None
    _freed: int = 0

    def images(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskImage]:
        return self._read(DiskPart.IMAGES, self.images_, is_cancelled)

    def container_layers(self, is_cancelled: Callable[[], bool]) -> Sequence[ContainerLayer]:
        layers = [ContainerLayer(container_id(name), 100 * MIB) for name in CONTAINERS]
        return self._read(DiskPart.CONTAINERS, layers, is_cancelled)

    def volumes(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskVolume]:
        return self._read(DiskPart.VOLUMES, self.volumes_, is_cancelled)

    def networks(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskNetwork]:
        return self._read(DiskPart.NETWORKS, self.networks_, is_cancelled)

    def build_cache(self, is_cancelled: Callable[[], bool]) -> Sequence[BuildRecord]:
        return self._read(DiskPart.BUILD_CACHE, self.records, is_cancelled)

    def logs(self, containers: Sequence[Container], is_cancelled: Callable[[], bool]) -> Sequence[LogFile]:
        sizes = {container_id("running"): 30 * MIB}
        told = [LogFile(each.id, "/l", sizes.get(each.id, 0)) for each in containers]
        return self._read(DiskPart.LOGS, told, is_cancelled)

    def file_systems(
        self, containers: Sequence[Container], is_cancelled: Callable[[], bool]
    ) -> Sequence[FileSystem]:
        here = FileSystem("/", 100 * GIB, 82 * GIB, 18 * GIB, 1000, 900, ("engine's data root",))
        return self._read(DiskPart.FILE_SYSTEMS, [here], is_cancelled)

    def layer_changes(
        self, container_id: str, prefixes: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> LayerChanges:
        self._read(DiskPart.LAYERS, [], is_cancelled)
        return self.changes[container_id]

    def measure(self, is_cancelled: Callable[[], bool]) -> DiskMeasure:
        return DiskMeasure(50 * GIB - self._freed, 18 * GIB + self._freed)

    def caches(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
    ) -> Sequence[InsideCache]:
        return self._read(DiskPart.INSIDE, [], is_cancelled)

    def reclaim(self, item: DiskItem) -> Reclaimed:
        self.on_reclaim(item)
        if item.id in self.refusals:
            raise self.refusals[item.id]
        self.removed.append(item.id)
        self._freed += item.reclaimable_bytes or 0
        return Reclaimed(item.reclaimable_bytes)

    def is_there(self, item: DiskItem) -> bool:
        return item.id not in self.removed

    def _read(self, part: DiskPart, answer: list[Any], is_cancelled: Callable[[], bool]) -> list[Any]:
        self.on_read(part, is_cancelled)
        if part in self.failing:
            raise self.failing[part]
        return answer


class ScriptedContainers:
    """Lists what a test wants to be there."""

    def __init__(self, inner: Any, world: DemoWorld) -> None:
        by_state = {each.state.value: each for each in reversed(world.containers()[0])}
        running, exited = by_state["running"], by_state["exited"]
        self.listed = [
            replace(running if name == "running" else exited, id=container_id(name), name=name, labels={})
            for name in CONTAINERS
        ]
        self._inner = inner

    def containers(self) -> tuple[Sequence[Container], int]:
        return self.listed, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class ScriptedEnvironments:
    """Containers with the environments of the make-believe one, where a test wants any."""

    def __init__(self, listings: Mapping[str, Sequence[Environment]]) -> None:
        self.listings = dict(listings)
        self.failing: dict[str, EnvtuiError] = {}

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        if container.id in self.failing:
            raise self.failing[container.id]
        found = tuple(self.listings.get(container.id, ()))
        return EnvironmentList(container.id, found, ListedBy.ARCHIVE)

    def packages(self, *given: Any, **more: Any) -> Any:
        raise NotImplementedError

    def sizes(self, *given: Any) -> Mapping[str, EnvironmentSize]:
        return {}


def scripted_station(disk: ScriptedDisk) -> Workstation:
    """A host with this disk: one container runs, three have ended, one of them with an environment.

    Their names: running, exited (files changed), made (an environment made in its layer), untouched.
    """
    world = DemoWorld()
    station = open_demo(world)
    containers = ScriptedContainers(station.containers, world)
    assert station.environments is not None
    dl_dev = next(each for each in world.containers()[0] if each.name == "dl-dev")
    vision = next(
        each for each in station.environments.environments(dl_dev).environments if each.label == "vision"
    )
    made = container_id("made")
    vision = replace(vision, container_id=made, pids=(), origin=Origin.LAYER)
    from tui.model.disk import PrefixChange

    disk.changes = {
        container_id("exited"): LayerChanges(container_id("exited"), 3, 1, 0, (("/tmp", 4),), {}, "x"),
        made: LayerChanges(made, 900, 0, 0, (), {vision.prefix: PrefixChange.MADE}, "m"),
        container_id("untouched"): LayerChanges(container_id("untouched"), fingerprint="u"),
    }
    return replace(
        station,
        containers=containers,
        environments=ScriptedEnvironments({made: [vision]}),
        disk=disk,
        caches=disk,
        reclaiming=disk,
        now=lambda: NOW,
    )


@dataclass
class DiskHost:
    """The commands on a scripted host."""

    disk: ScriptedDisk
    station: Workstation
    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __post_init__(self) -> None:
        for name in ("disk", "prune"):
            self.monkeypatch.setattr(f"tui.commands.{name}.open_workstation", lambda *given: self.station)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of `envtui …`."""
        home = {"XDG_CONFIG_HOME": str(self.folder), "HOME": str(self.folder)}
        code = main([*arguments], home)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def json(self, *arguments: str, code: int = 0) -> Any:
        """What a command prints with --json."""
        ended, out, err = self.run(*arguments, "--json")
        assert ended == code, err
        return json.loads(out)

    def settings(self, text: str) -> None:
        """Write the settings file."""
        (self.folder / "envtui").mkdir(exist_ok=True)
        (self.folder / "envtui" / "config.yaml").write_text(text)


def run_on_terminal(arguments: Sequence[str]) -> int:
    """The command on a scripted host, in a process of its own; tells what was removed."""
    from unittest import mock

    disk = ScriptedDisk()
    station = scripted_station(disk)
    with mock.patch("tui.commands.prune.open_workstation", return_value=station):
        code = main(list(arguments), {"XDG_CONFIG_HOME": "/nonexistent", "HOME": "/nonexistent"})
    print("gone:", sorted(each[:14] for each in disk.removed), "code:", code)
    return code


if __name__ == "__main__":
    sys.exit(run_on_terminal(sys.argv[1:]))


__all__ = ["DiskHost", "DiskKind", "ScriptedDisk", "scripted_station"]
