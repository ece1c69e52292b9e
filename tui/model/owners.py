"""Whose a process is: user, container and Python environment, each link known or with the reason why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from tui.model.environments import Environment, EnvironmentKind, EnvironmentList
from tui.model.reading import Reading, unknown

#: The value of `container_id` of a process that runs in no container, which is known and no unknown.
OUTSIDE = ""
#: The value of `prefix` of a process that runs in no environment.
NO_ENVIRONMENT = ""

# What the kernel writes behind the path of a program whose file was removed or replaced while it runs.
_DELETED = " (deleted)"
_PYTHON = re.compile(r"^(/.+)/bin/(?:python|pypy)[^/]*$", re.DOTALL)
# Where managers put environments; others that call a folder so have no programs two levels below it.
_NAMED = re.compile(r"^(/.*?/envs/[^/]+)/(?:bin|lib|libexec)/", re.DOTALL)
_VENVS = frozenset({EnvironmentKind.VENV, EnvironmentKind.UV})


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """What tells a process from every other, also from one that gets its number later.

    Attributes:
        pid: its number on the host.
        start_ticks: when it began, in clock ticks since the host's start.
        container_id: of the container that it runs in, OUTSIDE for none, None where that is not known.
    """

    pid: int
    start_ticks: int
    container_id: str | None


@dataclass(frozen=True, slots=True)
class Clues:
    """What tells the environment that a process runs in; "" where it does not tell.

    Paths are as the process itself sees them; bytes that are no UTF-8 as surrogates.

    Attributes:
        program: its executable, without links.
        first_word: of its command line, where it is a path; absolute.
        conda_prefix, conda_name, virtual_env: CONDA_PREFIX, CONDA_DEFAULT_ENV and VIRTUAL_ENV at its start.
        conda_prefixes: folders around these paths that were seen to hold packages of conda.
        venvs: those that were seen to hold a `pyvenv.cfg`.
    """

    program: str = ""
    first_word: str = ""
    conda_prefix: str = ""
    conda_name: str = ""
    virtual_env: str = ""
    conda_prefixes: tuple[str, ...] = ()
    venvs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessOwner:
    """A process of the host and whose it is.

    Attributes:
        pid: its number on the host.
        start_ticks: see ProcessIdentity; None where the process can't be seen.
        started_at: epoch seconds.
        uid, user: on the host; the number as text where it has no name there.
        command: the whole command line, its words parted by blanks; "[name]" where it has none.
        parent_pid: on the host; None where not known.
        state: the kernel's letter for it: R, S, D (waits in the kernel, can't be ended), Z (ended) …; "" if
            unknown.
        container_id: full id of the innermost container around it; OUTSIDE where there is none.
        runtime: what made that container, as its control group tells: "docker", "podman", "containerd" …
        pod: of Kubernetes, "" for none.
        enclosing_ids: of the containers around that one, outermost first.
        pid_inside: its number in the innermost numbering.
        clues: what its environment was told from.
        prefix: of its environment, NO_ENVIRONMENT where it runs in none.
        environment: the environment's name; "" for one that has none.
    """

    pid: int
    start_ticks: int | None
    started_at: Reading[float]
    uid: Reading[int]
    user: Reading[str]
    command: Reading[str]
    container_id: Reading[str]
    pid_inside: Reading[int]
    prefix: Reading[str]
    environment: Reading[str]
    parent_pid: int | None = None
    state: str = ""
    runtime: str = ""
    pod: str = ""
    enclosing_ids: tuple[str, ...] = ()
    clues: Clues = field(default_factory=Clues)

    @property
    def identity(self) -> ProcessIdentity | None:
        """What to name it by when it is to be ended; None where it was not seen."""
        if self.start_ticks is None:
            return None
        return ProcessIdentity(self.pid, self.start_ticks, self.container_id.value)

    @property
    def is_outside(self) -> bool:
        """It is known to run in no container."""
        return self.container_id.value == OUTSIDE

    @property
    def environment_label(self) -> str | None:
        """Name of its environment, or the prefix where it has none; "" outside any; None where unknown."""
        return None if self.prefix.value is None else self.environment.value or self.prefix.value

    def container_among(self, ids: Iterable[str]) -> str | None:
        """The innermost of the containers around it that is one of `ids`."""
        known = set(ids)
        around = (self.container_id.value, *reversed(self.enclosing_ids))
        return next((each for each in around if each and each in known), None)


def not_seen(pid: int, reason: str) -> ProcessOwner:
    """The owner of a process of which nothing can be told, for one reason."""
    return ProcessOwner(
        pid,
        start_ticks=None,
        started_at=unknown(reason),
        uid=unknown(reason),
        user=unknown(reason),
        command=unknown(reason),
        container_id=unknown(reason),
        pid_inside=unknown(reason),
        prefix=unknown(reason),
        environment=unknown(reason),
    )


class EndSignal(StrEnum):
    """How a process is asked to end."""

    #: it may tidy up, and may refuse
    TERM = "TERM"
    #: the kernel ends it
    KILL = "KILL"


class Ending(StrEnum):
    """How a process came to its end."""

    #: after our signal
    ENDED = "ended"
    #: by itself, before a signal was sent
    WAS_GONE = "was gone"


def placed(owner: ProcessOwner, listing: EnvironmentList | None) -> ProcessOwner:
    """The owner with prefix and environment as the listing of its container knows them."""
    if listing is None or listing.container_id != owner.container_id.value or not has_clues(owner.clues):
        return owner
    prefix = prefix_of(owner.clues, listing.environments)
    if not prefix and owner.prefix.value is None:
        # what could not be looked at may still run in one
        return owner
    name = name_of(prefix, owner.clues, listing.environments)
    return replace(owner, prefix=Reading(prefix), environment=Reading(name))


def environment_of(owner: ProcessOwner, listing: EnvironmentList | None) -> Environment | None:
    """The listed environment that a process runs in; None where it runs in none of them."""
    found = placed(owner, listing)
    if listing is None or listing.container_id != owner.container_id.value or not found.prefix.value:
        return None
    return next((each for each in listing.environments if each.prefix == found.prefix.value), None)


def has_clues(clues: Clues) -> bool:
    """Whether anything was told at all."""
    return any((clues.program, clues.first_word, clues.conda_prefix, clues.virtual_env))


def prefix_of(clues: Clues, environments: Sequence[Environment] = ()) -> str:
    """The prefix of the environment that a process runs in, NO_ENVIRONMENT for none.

    The program says it, before CONDA_PREFIX and VIRTUAL_ENV: a script may call another environment's Python
    by its path. A venv has no program of its own: its Python is a link to that of another environment, so its
    processes are told by the path that they were called by, or by VIRTUAL_ENV where they were called by name.

    Args:
        clues: of the process.
        environments: those that its container is known to have.
    """
    places = _places(clues, environments)
    program = clues.program.removesuffix(_DELETED)
    own = _holder(program, places)
    if not program or _PYTHON.match(program):
        venv = _venv(clues, places, program, own)
        if venv:
            return venv
    if own is not None:
        # a listing may be older than an environment below one that it knows
        named = _NAMED.match(program)
        return named[1] if named and named[1].startswith(f"{own.prefix}/") else own.prefix
    called = _holder(clues.first_word, places)
    if not program:
        return called.prefix if called else _by_path(clues.first_word) or _activated(clues)
    by_path = _by_path(program)
    if by_path:
        return by_path
    return called.prefix if called else _activated(clues)


def name_of(prefix: str, clues: Clues, environments: Sequence[Environment] = ()) -> str:
    """What the environment at a prefix is called; "" where it has no name."""
    for each in environments:
        if each.prefix == prefix:
            return each.name
    is_named = clues.conda_name and "/" not in clues.conda_name
    if is_named and prefix == clues.conda_prefix:
        return clues.conda_name
    folder, _, last = prefix.rpartition("/")
    return last if folder.endswith("/envs") else ""


@dataclass(frozen=True, slots=True)
class _Place:
    """A folder that is an environment."""

    prefix: str
    is_venv: bool = False
    is_system: bool = False
    root: str | None = None


def _places(clues: Clues, environments: Sequence[Environment]) -> list[_Place]:
    listed = [
        _Place(each.prefix, each.kind in _VENVS, each.kind is EnvironmentKind.SYSTEM, each.root_prefix)
        for each in environments
    ]
    known = {each.prefix for each in listed}
    seen = [_Place(each, is_venv) for each, is_venv in _seen(clues) if each not in known]
    return listed + seen


def _seen(clues: Clues) -> Iterable[tuple[str, bool]]:
    yield from ((each, False) for each in clues.conda_prefixes)
    yield from ((each, True) for each in clues.venvs)


def _holder(path: str, places: Sequence[_Place]) -> _Place | None:
    """The innermost environment that a program lies in; of the system's, only its Python is part."""
    is_python = _PYTHON.match(path) is not None
    around = (each for each in places if path.startswith(f"{each.prefix}/"))
    fit = (each for each in around if is_python or not each.is_system)
    return max(fit, key=lambda each: len(each.prefix), default=None)


def _venv(clues: Clues, places: Sequence[_Place], program: str, own: _Place | None) -> str:
    """The venv that a Python of another environment works for; "" for none."""
    venvs = [each for each in places if each.is_venv]
    if clues.first_word:
        called = _holder(clues.first_word, venvs)
        return called.prefix if called else ""
    active = next((each for each in venvs if each.prefix == clues.virtual_env), None)
    if active is None:
        return ""
    if active.root is not None and program.startswith(f"{active.root}/"):
        return active.prefix
    # of two that are active, the one whose program it is
    is_of_other = own is not None and not own.is_system and own.prefix == clues.conda_prefix
    return "" if is_of_other else active.prefix


def _by_path(program: str) -> str:
    """The prefix that the path of a program tells by itself, "" for none."""
    named, python = _NAMED.match(program), _PYTHON.match(program)
    return named[1] if named else python[1] if python else ""


def _activated(clues: Clues) -> str:
    # conda's base is active in every shell of many images, so that a venv says more
    active = (each.rstrip("/") for each in (clues.virtual_env, clues.conda_prefix) if each.startswith("/"))
    return next(filter(None, active), NO_ENVIRONMENT)
