"""The whole records of an environment: what an export, a lock and a comparison are made from."""

from __future__ import annotations

from dataclasses import dataclass

from tui.model.environments import EnvironmentKind


@dataclass(frozen=True, slots=True)
class CondaRecord:
    """What `conda-meta/NAME-VERSION-BUILD.json` says of a package.

    Attributes:
        name, version, build: its identity.
        channel: address of its channel without the platform, or its name; "" where not told.
        subdir: platform ("linux-64", "noarch"), "" where not told.
        url: where it came from; "" where not told.
        md5, sha256: of that file, "" where not told.
        size_bytes: of that file.
        requested_spec: what somebody asked for that brought it in ("numpy>=2"), "" for a dependency.
    """

    name: str
    version: str
    build: str
    channel: str = ""
    subdir: str = ""
    url: str = ""
    md5: str = ""
    sha256: str = ""
    size_bytes: int | None = None
    requested_spec: str = ""


@dataclass(frozen=True, slots=True)
class PipRecord:
    """What a `dist-info` folder says of a package that conda does not own.

    Attributes:
        name, version: its identity, the name as its metadata writes it.
        is_requested: somebody asked for it; None where not told.
        editable: folder that it is read from, "" for an ordinary one.
        url: of the file or repository that it was installed from, where that was no index; "" otherwise.
    """

    name: str
    version: str
    is_requested: bool | None = None
    editable: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class EnvironmentRecord:
    """Everything that is written down in an environment about what is in it.

    Attributes:
        name: "" where it has none.
        prefix: absolute path.
        conda: by name.
        pip: by name.
        history_specs: what its history says was asked for, the newest of each package, in that order.
        channels: of its packages, most used first, as they are written on a command line.
        python: version, None where there is no Python.
        variables: set for it when it is activated (`conda env config vars`).
        pins: lines of `conda-meta/pinned`.
        problems: what could not be read, in words.
        kind: None where not told.
    """

    name: str
    prefix: str
    conda: tuple[CondaRecord, ...] = ()
    pip: tuple[PipRecord, ...] = ()
    history_specs: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    python: str | None = None
    variables: tuple[tuple[str, str], ...] = ()
    pins: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    kind: EnvironmentKind | None = None

    @property
    def is_of_conda(self) -> bool:
        """Whether conda's files can describe it; otherwise it is one of pip alone."""
        if self.kind is None:
            return bool(self.conda or self.history_specs)
        return self.kind in (EnvironmentKind.BASE, EnvironmentKind.CONDA, EnvironmentKind.PIXI)
