"""Python environments inside containers: what is known of one, and of all that a container holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tui.model.errors import EnvtuiError

if TYPE_CHECKING:
    from tui.model.compatibility import Verdict

#: Container id and prefix: names repeat, and an environment may have none.
EnvironmentKey = tuple[str, str]


class EnvironmentKind(StrEnum):
    """What made it, which says how it is changed and activated."""

    #: the installation itself, never edited
    BASE = "base"
    #: a prefix with `conda-meta/`, whichever of conda, mamba and micromamba made it
    CONDA = "conda"
    PIXI = "pixi"
    VENV = "venv"
    UV = "uv"
    #: an interpreter of the image, outside any environment, with packages of its own
    SYSTEM = "system"


class Origin(StrEnum):
    """Where its files are, which says what is lost with the container."""

    #: came with the image, and is as it came
    IMAGE = "image"
    #: made or changed in the container's writable layer: dies with the container
    LAYER = "layer"
    #: on a volume or a bind mount
    MOUNT = "mount"


class ListedBy(StrEnum):
    """How a listing was made."""

    #: one command in the container
    EXEC = "exec"
    #: the engine's archive calls, which need neither a shell nor a running container
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Library:
    """A library of CUDA in an environment.

    Attributes:
        name: as its package is called, such as `nvidia-cudnn-cu12` or `cudatoolkit`.
        version: as the package says.
        owner: "conda" or "pip", whoever put it there.
    """

    name: str
    version: str
    owner: str


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of one container. None is "not known" everywhere.

    Attributes:
        container_id: full id.
        prefix: absolute path in the container, without links; bytes that are no UTF-8 as surrogates.
        name: what a manager calls it; "" where it has no name but its prefix.
        kind: see there.
        root_prefix: of the installation that it belongs to.
        manager: absolute path of the program that owns it.
        python: version, with `t` behind it where it is free-threaded.
        conda_packages, pip_packages: how many.
        torch: version, with its local part (`2.9.1+cu128`).
        cuda_build: CUDA that torch was built for ("12.8"), "cpu", or "rocm6.4".
        libraries: of CUDA, by name.
        highlights: packages worth a look, (name, version), torch apart.
        writable: by the user that a command in the container has.
        frozen: says itself that it must not be changed (CEP 22, EXTERNALLY-MANAGED).
        origin: see there.
        pids: processes that run out of it, by the container's own count.
        modified_at, created_at: epoch seconds.
        made_by: program named in its history.
        user: name of the prefix's owner in the container, or its number.
        fingerprint: changes when its packages do; costs no walk.
        problems: what is broken in it, in words: two records of one package, missing files, half made.
    """

    container_id: str
    prefix: str
    name: str
    kind: EnvironmentKind
    root_prefix: str | None = None
    manager: str | None = None
    python: str | None = None
    conda_packages: int | None = None
    pip_packages: int | None = None
    torch: str | None = None
    cuda_build: str | None = None
    libraries: tuple[Library, ...] = ()
    highlights: tuple[tuple[str, str], ...] = ()
    writable: bool | None = None
    frozen: bool = False
    origin: Origin | None = None
    pids: tuple[int, ...] = ()
    modified_at: float | None = None
    created_at: float | None = None
    made_by: str | None = None
    user: str | None = None
    fingerprint: str = ""
    problems: tuple[str, ...] = ()

    @property
    def key(self) -> EnvironmentKey:
        """Its identity."""
        return self.container_id, self.prefix

    @property
    def label(self) -> str:
        """Its name, or its prefix where it has none."""
        return self.name or self.prefix

    @property
    def ephemeral(self) -> bool | None:
        """True where removing the container destroys it, or the changes made to it."""
        return None if self.origin is None else self.origin is Origin.LAYER


@dataclass(frozen=True, slots=True)
class EnvironmentList:
    """All environments of one container, as they were at one moment.

    Attributes:
        container_id: full id.
        environments: base first, then by root prefix and name.
        listed_by: how.
        taken_at: epoch seconds, by our clock.
        note: what is worth saying of it in a sentence: "This container has no shell: read through the
            engine", "There is no environment in it", "" for nothing.
        problem: why it is not complete; the environments that came are there all the same.
    """

    container_id: str
    environments: tuple[Environment, ...]
    listed_by: ListedBy = ListedBy.EXEC
    taken_at: float = 0.0
    note: str = ""
    problem: EnvtuiError | None = None

    @property
    def fingerprint(self) -> str:
        """Changes when an environment comes, goes or changes."""
        return "\n".join(f"{each.prefix}\t{each.fingerprint}" for each in self.environments)


@dataclass(frozen=True, slots=True)
class Package:
    """A package in an environment.

    Attributes:
        name, version: as its record says.
        owner: "conda", "pip", or "apt" where a distribution put it there.
        build: of conda; for pip "editable" or the address it came from, where it is told.
        channel: of conda; "" for pip.
        size_bytes: as its record says (conda), None where there is none.
        is_requested: somebody asked for it, it is not there for another's sake; None where not told.
        problem: what is broken in it, in words; "" for nothing.
    """

    name: str
    version: str
    owner: str
    build: str = ""
    channel: str = ""
    size_bytes: int | None = None
    is_requested: bool | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentSize:
    """What an environment takes, in bytes of disk blocks.

    Attributes:
        size_bytes: of all its files, each inode once; as `du` would say.
        own_bytes: of the inodes whose links all lie in it: what removing it alone gives back. None where
            links can't be counted. What came with the image gives nothing back.
        problems: what the walk through its files has shown to be broken, in words.
    """

    size_bytes: int
    own_bytes: int | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownEnvironments:
    """What is known of one container's environments by now.

    Attributes:
        listing: the newest that came, None before the first.
        error: why the newest question was not answered; `listing` is then the one before it.
        is_listing: they are being asked for.
        verdicts: by prefix, whether each can use the host's GPUs.
        sizes: by prefix, of those that were measured and have not changed since.
        measuring: prefix of the one that is being measured, "" for none.
    """

    listing: EnvironmentList | None = None
    error: EnvtuiError | None = None
    is_listing: bool = False
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    sizes: Mapping[str, EnvironmentSize] = field(default_factory=dict)
    measuring: str = ""
