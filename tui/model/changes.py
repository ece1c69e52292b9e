"""What can be done to an environment: one change, what it would bring, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import EnvtuiError


class ChangeVerb(StrEnum):
    """What is done."""

    #: a new environment, from packages or from a file
    CREATE = "create"
    #: a new one with the packages of another in the same container
    CLONE = "clone"
    RENAME = "rename"
    INSTALL = "install"
    UPDATE = "update"
    #: packages go, the environment stays
    UNINSTALL = "uninstall"
    #: the environment goes
    REMOVE = "remove"
    #: what its manager keeps for the next time: downloads, unused packages
    CLEAN = "clean"


class FileFormat(StrEnum):
    """A file that an environment is made from."""

    #: conda's `environment.yml`
    YML = "yml"
    #: `@EXPLICIT`: an address for each package, solved already
    EXPLICIT = "explicit"
    #: pip's lines
    REQUIREMENTS = "requirements"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that an environment is made from.

    Attributes:
        format: how it is read.
        text: all of it; of any size up to `MOST_FILE_BYTES`.
        name: what people know it by.
    """

    format: FileFormat
    text: str = field(repr=False)
    name: str = ""


#: A file of packages is some kilobytes; a lock of the largest environments some hundred.
MOST_FILE_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class EnvironmentChange:
    """One thing to be done to one environment of one container.

    Attributes:
        verb: what.
        container_id: full id.
        container_name: as it was when it was asked for.
        prefix: absolute path of the environment that is changed; for CREATE and CLONE of the new one.
        kind: of that environment.
        manager: absolute path in the container of the program that does it; "" where no program is needed,
            or the environment's own interpreter does it.
        root_prefix: installation of that manager, "" for none.
        label: what people call the environment.
        packages: as the manager takes them ("numpy>=2", "conda-forge::pytorch"); for UNINSTALL names. With
            UPDATE none means all.
        pip_packages: for INSTALL and CREATE, packages for pip in a conda environment.
        channels: of conda, before the configured ones.
        only_channels: no other channel is looked at.
        file: for CREATE, and for UPDATE of a conda environment; instead of packages.
        python: for CREATE, a version, or for a venv the path of an interpreter; "" leaves it to the manager.
        source_prefix: for CLONE.
        new_prefix: for RENAME, where it is to be.
        cache: for CLEAN, absolute path of the one cache that is cleaned; "" for all that the manager has.
        user: account in the container that does it, "" for the container's own.
        seen: fingerprint of the environment that a plan was made for, "" where there was none.
        seen_pids: numbers of the processes that ran out of it then.
    """

    verb: ChangeVerb
    container_id: str
    container_name: str
    prefix: str
    kind: EnvironmentKind
    manager: str = ""
    root_prefix: str = ""
    label: str = ""
    packages: tuple[str, ...] = ()
    pip_packages: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    only_channels: bool = False
    file: SourceFile | None = None
    python: str = ""
    source_prefix: str = ""
    new_prefix: str = ""
    cache: str = ""
    user: str = ""
    seen: str = field(default="", compare=False, repr=False)
    seen_pids: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def makes(self) -> str:
        """Prefix that is not there before and is there afterwards; "" for none."""
        if self.verb in (ChangeVerb.CREATE, ChangeVerb.CLONE):
            return self.prefix
        return self.new_prefix if self.verb is ChangeVerb.RENAME else ""

    @property
    def touched(self) -> tuple[str, ...]:
        """The prefixes that nobody else may change meanwhile; for CLEAN the installation's."""
        if self.verb is ChangeVerb.CLEAN:
            return (self.root_prefix or self.prefix,)
        return tuple(each for each in (self.prefix, self.source_prefix, self.new_prefix) if each)


@dataclass(frozen=True, slots=True)
class PackageChange:
    """What happens to one package.

    Attributes:
        name: as its channel calls it.
        old_version, new_version: None where it comes, or goes.
        old_build, new_build: of conda; "" where not told.
        owner: "conda" or "pip".
        channel: where the new one comes from; "" where not told.
        fetch_bytes: to be downloaded for it; 0 where it is here, None where not told.
        is_downgrade: the new version is older.
    """

    name: str
    old_version: str | None
    new_version: str | None
    old_build: str = ""
    new_build: str = ""
    owner: str = "conda"
    channel: str = ""
    fetch_bytes: int | None = None
    is_downgrade: bool = False


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """What a change will do, as its manager says before anything is done.

    Attributes:
        change: what was asked for.
        packages: what comes, goes and changes; those that matter most first.
        is_exact: the manager said so; otherwise `notes` tell why it is not known.
        commands: argument lists that will be run in the container, in their order.
        removes: paths of which nothing is left afterwards.
        fetch_bytes: to be downloaded, None where not told.
        frees_bytes: what is given back, None where not known.
        notes: what is worth a word before: what is lost, what can't be known, who uses it.
    """

    change: EnvironmentChange
    packages: tuple[PackageChange, ...] = ()
    is_exact: bool = True
    commands: tuple[tuple[str, ...], ...] = ()
    removes: tuple[str, ...] = ()
    fetch_bytes: int | None = None
    frees_bytes: int | None = None
    notes: tuple[str, ...] = ()


class ChangeState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    #: it was told to end and has not yet
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    #: its process is gone without a word: the container was stopped, or it was killed
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a manager is.

    Attributes:
        stage: what it does now, in a word or two ("solving", "downloading", "linking").
        done, total: of the things of this stage; 0 where it does not count.
    """

    stage: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class ChangeJob:
    """A change that runs, or ran, inside a container; whoever started it.

    Attributes:
        id: names it in its container; letters and digits.
        change: what is done. The text of its file is not told again.
        pid: of its first process, as the container counts.
        started_at: epoch seconds, by the container's clock.
        state: how far it is.
        progress: of one that runs.
        log_bytes: how much it has printed.
        error: why it failed, was lost, or could not be ended.
    """

    id: str
    change: EnvironmentChange
    pid: int
    started_at: float
    state: ChangeState = ChangeState.RUNNING
    progress: Progress = Progress()
    log_bytes: int = 0
    error: EnvtuiError | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Container and id."""
        return self.change.container_id, self.id

    @property
    def is_over(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state not in (ChangeState.RUNNING, ChangeState.CANCELLING)


@dataclass(frozen=True, slots=True)
class JobNews:
    """What became known of a job since the last look.

    Attributes:
        job: how it is now.
        log: what it printed since; at most some hundred kilobytes at a time.
        log_offset: where in its log that begins.
    """

    job: ChangeJob
    log: bytes = b""
    log_offset: int = 0


def change_words(change: EnvironmentChange) -> str:
    """The change in a few words, as a title: "Install numpy, scipy into vision in dl-dev"."""
    name = change.label or change.prefix
    where = f"{name} in {change.container_name}"
    few = ", ".join(change.packages[:3]) + (" …" if len(change.packages) > 3 else "")
    match change.verb:
        case ChangeVerb.CREATE:
            source = f" from {change.file.name or 'a file'}" if change.file else ""
            return f"Create {where}{source}"
        case ChangeVerb.CLONE:
            return f"Clone {change.source_prefix} to {where}"
        case ChangeVerb.RENAME:
            return f"Rename {where} to {change.new_prefix.rpartition('/')[2]}"
        case ChangeVerb.INSTALL:
            return f"Install {few or ', '.join(change.pip_packages[:3])} into {where}"
        case ChangeVerb.UPDATE:
            return f"Update {few or 'everything'} in {where}"
        case ChangeVerb.UNINSTALL:
            return f"Uninstall {few} from {where}"
        case ChangeVerb.REMOVE:
            return f"Remove {where}"
        case ChangeVerb.CLEAN:
            return f"Clean {change.cache or f'the caches of {name}'} in {change.container_name}"


def why_not_changed(environment: Environment, verb: ChangeVerb, allow_base: bool = False) -> str | None:
    """Why an environment must not be changed so; None where it may be.

    For CLONE the environment is the source, which stays as it is. `allow_base` is the user's setting.
    Nothing is asked for here that only a look into the container can tell.
    """
    if verb in (ChangeVerb.CREATE, ChangeVerb.CLEAN):
        return None
    if verb is ChangeVerb.CLONE:
        return "the system's Python can't be cloned" if environment.kind is EnvironmentKind.SYSTEM else None
    if environment.kind is EnvironmentKind.BASE:
        if verb in (ChangeVerb.REMOVE, ChangeVerb.RENAME):
            return "base is the installation itself"
        if not allow_base:
            return "base is never changed (`environments: {allow_base: true}` in the settings allows it)"
    if environment.kind is EnvironmentKind.SYSTEM:
        return "the system's Python belongs to the image"
    if environment.frozen:
        return "it is frozen: whoever made it wants it left as it is"
    if environment.kind is EnvironmentKind.PIXI and verb is not ChangeVerb.REMOVE:
        return "pixi changes it by its own manifest"
    if environment.kind in (EnvironmentKind.VENV, EnvironmentKind.UV) and verb is ChangeVerb.RENAME:
        return "its programs name its path: clone it, then remove this one"
    if environment.writable is False:
        return f"the container's user may not write in it ({environment.user or 'another'} owns it)"
    return None
