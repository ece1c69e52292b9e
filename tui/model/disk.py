"""What takes room on a host's disks, as the engine and the containers tell it: facts, without a judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from tui.model.changes import EnvironmentChange
from tui.model.environments import EnvironmentList, EnvironmentSize, Origin


class DiskPart(StrEnum):
    """What is asked for by itself, with an age of its own: some answers take minutes."""

    IMAGES = "images"
    #: writable layers of all containers
    CONTAINERS = "containers"
    VOLUMES = "volumes"
    NETWORKS = "networks"
    BUILD_CACHE = "build-cache"
    #: log files of containers
    LOGS = "logs"
    FILE_SYSTEMS = "file-systems"
    #: caches and environments inside running containers
    INSIDE = "inside"
    #: what stopped containers hold that is nowhere else
    LAYERS = "layers"


#: The parts that the engine, or a look at this host's files, answers without a command in a container.
ENGINE_PARTS = (
    DiskPart.FILE_SYSTEMS, DiskPart.IMAGES, DiskPart.CONTAINERS, DiskPart.NETWORKS,
    DiskPart.BUILD_CACHE, DiskPart.LOGS, DiskPart.VOLUMES,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageLayer:
    """A layer in its place above others.

    Attributes:
        chain_id: of the layer and all below it (OCI image specification, "Layer ChainID"): the same chain is
            on the disk once.
        size_bytes: of this layer alone, None where it can't be told.
    """

    chain_id: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class DiskImage:
    """An image.

    Attributes:
        id: `sha256:…`.
        tags: `repository:tag`, in the engine's order.
        digests: `repository@sha256:…`: where a registry has it.
        parent_id: of one that was built here by the classic builder, "" otherwise.
        created_at: epoch seconds; of its build, which may have been elsewhere.
        size_bytes: with all its layers, None where not told.
        shared_bytes: of layers that other images have too; None where not told.
        layers: lowest first; () where not told.
        labels: of its configuration.
        used_by: full ids of all containers made from it, stopped ones too.
        is_intermediate: a step of a build that another image stands on, and that has no name.
        is_built: its newest step is one that only a builder makes; False also where that can't be told.
            Others may be a container's state that somebody kept with `docker commit`.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    parent_id: str = ""
    created_at: float | None = None
    size_bytes: int | None = None
    shared_bytes: int | None = None
    layers: tuple[ImageLayer, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    used_by: tuple[str, ...] = ()
    is_intermediate: bool = False
    is_built: bool = False


@dataclass(frozen=True, slots=True)
class ContainerLayer:
    """The writable layer of one container; its bytes go with the container.

    Attributes:
        container_id: full id.
        size_bytes: None where not told.
    """

    container_id: str
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class DiskVolume:
    """A volume.

    Attributes:
        name: its identity.
        driver: "local", or another, whose sizes nobody tells.
        created_at: epoch seconds; tells it from another one of the same name.
        size_bytes: None where not told.
        used_by: full ids of all containers that mount it; None where that is not known.
        labels: as they were given.
        mount_point: on the host.
        is_anonymous: the engine named it.
    """

    name: str
    driver: str = "local"
    created_at: float | None = None
    size_bytes: int | None = None
    used_by: tuple[str, ...] | None = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    mount_point: str = ""
    is_anonymous: bool = False


@dataclass(frozen=True, slots=True)
class DiskNetwork:
    """A network that somebody made; it takes no room, only names and addresses.

    Attributes:
        id: full id.
        used_by: full ids of all containers that are to be in it, stopped ones too.
    """

    id: str
    name: str
    driver: str = ""
    created_at: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    used_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BuildRecord:
    """One record of the build cache.

    Attributes:
        id: of the builder.
        parents: ids of the records that it stands on.
        kind: the builder's word: "regular", "source.local", "exec.cachemount", …
        size_bytes: None where not told.
        in_use: by a build that runs.
        is_shared: with an image, whose removal it takes to free it.
    """

    id: str
    kind: str = ""
    description: str = ""
    parents: tuple[str, ...] = ()
    size_bytes: int | None = None
    created_at: float | None = None
    last_used_at: float | None = None
    usage_count: int | None = None
    in_use: bool = False
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class LogFile:
    """What a container's log takes.

    Attributes:
        container_id: full id.
        path: on the host.
        size_bytes: with the files that were rotated out; None where it can't be looked at.
        limit: the engine's `max-size`, "" where it grows without end.
        why_unknown: in words, where there is no size.
    """

    container_id: str
    path: str = ""
    size_bytes: int | None = None
    limit: str = ""
    why_unknown: str = ""


@dataclass(frozen=True, slots=True)
class FileSystem:
    """A file system of the host.

    Attributes:
        path: where it is mounted, or the folder that was asked about.
        total_bytes, used_bytes, free_bytes: free is what an ordinary user can have.
        inodes, free_inodes: None where it counts none.
        uses: what of ours is on it: "engine's data root", "/data of dl-dev".
    """

    path: str
    total_bytes: int
    used_bytes: int
    free_bytes: int
    inodes: int | None = None
    free_inodes: int | None = None
    uses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InsideCache:
    """What a package manager keeps inside a running container, and can fetch again.

    Attributes:
        container_id: full id.
        path: in the container.
        owner: "conda" (and its kin), "pip" or "uv".
        size_bytes: of the folder, each inode once; None where it can't be measured.
        reclaimable_bytes: what its owner's own dry run says; what a count of the files says where it has
            none; None where neither is to be had.
        modified_at: epoch seconds.
        origin: where it lies; what came with the image frees nothing.
        change: what cleans it; None where nothing in the container can.
        why_not: why it can't be cleaned, in words.
    """

    container_id: str
    path: str
    owner: str
    size_bytes: int | None = None
    reclaimable_bytes: int | None = None
    modified_at: float | None = None
    origin: Origin | None = None
    change: EnvironmentChange | None = None
    why_not: str = ""


class PrefixChange(StrEnum):
    """What the writable layer did to an environment."""

    MADE = "made"
    #: it came with the image, and is not as it came
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class LayerChanges:
    """What a container's writable layer has that its image has not.

    Attributes:
        container_id: full id.
        added, changed, deleted: files and folders that are so themselves, not for what is in them.
        folders: where most of them are, with how many, most first; a few.
        prefixes: of the environments that were asked about, those made or changed in the layer; and those
            that were made there and nobody has asked about.
        fingerprint: differs when the changes do; "" where they are not known.
    """

    container_id: str
    added: int = 0
    changed: int = 0
    deleted: int = 0
    folders: tuple[tuple[str, int], ...] = ()
    prefixes: Mapping[str, PrefixChange] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def count(self) -> int:
        """All of them."""
        return self.added + self.changed + self.deleted


@dataclass(frozen=True, slots=True)
class DiskMeasure:
    """How much there was at one moment, for a comparison with another.

    Attributes:
        accounted_bytes: what the engine counts: layers once, writable layers, volumes, build cache;
            None where it does not tell.
        free_bytes: on the file system behind the data root; None where it is not on this machine.
    """

    accounted_bytes: int | None = None
    free_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """All that is known of the disk; None is "not known yet".

    Attributes:
        caches: of running containers that were looked into, by container id.
        layers: of stopped containers that were looked into, by container id.
        environments: newest listing, by container id, stopped ones too.
        sizes: of environments that were measured, by (container id, prefix).
    """

    images: tuple[DiskImage, ...] | None = None
    containers: tuple[ContainerLayer, ...] | None = None
    volumes: tuple[DiskVolume, ...] | None = None
    networks: tuple[DiskNetwork, ...] | None = None
    build_cache: tuple[BuildRecord, ...] | None = None
    logs: tuple[LogFile, ...] | None = None
    file_systems: tuple[FileSystem, ...] | None = None
    caches: Mapping[str, tuple[InsideCache, ...]] = field(default_factory=dict)
    layers: Mapping[str, LayerChanges] = field(default_factory=dict)
    environments: Mapping[str, EnvironmentList] = field(default_factory=dict)
    sizes: Mapping[tuple[str, str], EnvironmentSize] = field(default_factory=dict)
