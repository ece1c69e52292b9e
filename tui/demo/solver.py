"""What a change brings to a make-believe environment: solved in a moment, and always the same way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from tui.demo.package_index import (
    HOLDS_NUMPY_BACK,
    NEEDS,
    WANTS_OTHER_TORCH,
    choose,
    offered,
)
from tui.demo.package_lists import packages_of
from tui.demo.requests import Request, Wanted, not_found
from tui.model.changes import ChangeVerb, EnvironmentChange, PackageChange
from tui.model.environments import EnvironmentKind, Package
from tui.model.versions import compare_versions, satisfies

_CONDA, _PIP = "conda", "pip"
_CONDA_KINDS = (EnvironmentKind.BASE, EnvironmentKind.CONDA)
_DEFAULT_PYTHON = "3.12"
# Those of which lists are made, and the newest that there is of the others' sort.
_PYTHON_GROUPS = {"3.10": "conda python 3.10", "3.11": "conda python 3.11", "3.12": "conda python 3.12"}
# Of a conda environment's other build of torch: pytorch's channel, and conda-forge's.
_OTHER_BUILDS = {"py3": "py3.10_cuda11.6_cudnn8.3.2_0", "cuda": "cuda118_generic_py312_h4576111_0"}
_OTHER_TORCH = "2.5.1+cu121"
_FIRST = ("pytorch", "torch", "python", "numpy", "torchvision", "torchaudio", "pytorch-cuda", "cuda-version")


@dataclass(frozen=True, slots=True)
class Solved:
    """What a change brings.

    Attributes:
        by_conda: what is in the environment once conda's part is done.
        packages: what is in it in the end.
        changes: those that matter most first.
        clashes: packages of conda that lie over those of pip.
    """

    by_conda: tuple[Package, ...]
    packages: tuple[Package, ...]
    changes: tuple[PackageChange, ...]
    clashes: tuple[str, ...] = ()

    @property
    def fetch_bytes(self) -> int | None:
        """To be downloaded, None where not all of it is told."""
        told = [each.fetch_bytes for each in self.changes if each.new_version is not None]
        return None if None in told else sum(each or 0 for each in told)


@dataclass(slots=True)
class _Set:
    """The packages of an environment while they are being worked on."""

    python: str
    held: dict[tuple[str, str], Package] = field(default_factory=dict)
    #: records that a name has twice: nobody touches them
    twice: list[Package] = field(default_factory=list)

    def fill(self, packages: Iterable[Package]) -> None:
        """Take what is there."""
        for each in packages:
            if (each.owner, each.name) in self.held:
                self.twice.append(each)
            else:
                self.held[each.owner, each.name] = each

    def everything(self) -> tuple[Package, ...]:
        """All of it, in order."""
        ordered = (*self.held.values(), *self.twice)
        return tuple(sorted(ordered, key=lambda each: (each.owner, each.name, each.version)))

    def add(self, owner: str, request: Request, channel: str = "") -> None:
        """Bring in what somebody asked for, what it needs, and what it changes."""
        there = self.held.get((owner, request.name))
        if there is not None and satisfies(there.version, request.constraint, owner == _PIP) is not False:
            self.held[owner, request.name] = replace(there, is_requested=True)
        else:
            chosen = choose(owner, request.name, request.constraint, self.python, request.channel or channel)
            chosen = replace(chosen, build=request.build or chosen.build)
            self.held[owner, request.name] = replace(chosen, is_requested=True)
        if request.is_pinned:
            return
        self._bring_needs(owner, request.name, channel)
        self._bend(owner, request.name)

    def _bring_needs(self, owner: str, name: str, channel: str) -> None:
        for needed in NEEDS.get(name, ()):
            if owner == _CONDA and needed == "torch":
                needed = "pytorch"
            names = {each for _, each in self.held}
            if needed not in names and not (needed == "pytorch" and "torch" in names):
                self.held[owner, needed] = choose(owner, needed, "", self.python, channel)
                self._bring_needs(owner, needed, channel)

    def _bend(self, owner: str, name: str) -> None:
        """What some packages do to numpy and torch, as people know it."""
        numpy = self.held.get((owner, "numpy"))
        if name in HOLDS_NUMPY_BACK and numpy is not None:
            older = "2.1.3" if compare_versions(numpy.version, "2.1.3") > 0 else "1.24.4"
            if compare_versions(numpy.version, older) > 0:
                chosen = choose(owner, "numpy", "", self.python, "conda-forge")
                self.held[owner, "numpy"] = replace(chosen, version=older, is_requested=numpy.is_requested)
        torch = self.held.get((owner, "pytorch" if owner == _CONDA else "torch"))
        if name in WANTS_OTHER_TORCH and torch is not None:
            if owner == _PIP:
                if "+cu124" in torch.version:
                    self.held[owner, torch.name] = replace(torch, version=_OTHER_TORCH)
            else:
                other = next((new for old, new in _OTHER_BUILDS.items() if torch.build.startswith(old)), "")
                self.held[owner, torch.name] = replace(torch, build=other or torch.build)

    def renew(self, owner: str, names: Sequence[str]) -> None:
        """Bring packages to the newest that fits beside the others."""
        for name in names:
            there = self.held.get((owner, name))
            if there is None:
                continue
            fitting = [each for each in offered(owner, name) if _follows(there, each)]
            if fitting and compare_versions(fitting[-1].version, there.version) > 0:
                newest = choose(owner, name, f"=={fitting[-1].version}", self.python, there.channel)
                self.held[owner, name] = replace(newest, is_requested=there.is_requested)

    def drop(self, owner: str, names: Sequence[str]) -> None:
        """Take packages away; conda's take along what needs them."""
        going = list(names)
        while going:
            name = going.pop()
            self.held.pop((owner, name), None)
            self.twice = [each for each in self.twice if (each.owner, each.name) != (owner, name)]
            if owner == _CONDA:
                going += [each for at, each in list(self.held) if at == owner and name in NEEDS.get(each, ())]


def solve(change: EnvironmentChange, wanted: Wanted, before: Sequence[Package], python: str) -> Solved:
    """What a change that is about packages brings.

    Args:
        change: CREATE, CLONE, INSTALL, UPDATE or UNINSTALL.
        wanted: what it asks for, read from its packages or its file.
        before: what is in the environment; for CLONE, what is in the source.
        python: of the environment, "" for one that is to be made.

    Raises:
        ChangeFailed: there is no such package.
    """
    if change.verb is ChangeVerb.CLONE:
        return _solved((), before, before, is_cached=True)
    is_conda = change.kind in _CONDA_KINDS
    owner = _CONDA if is_conda else _PIP
    work = _Set(python)
    if change.verb is ChangeVerb.CREATE:
        _begin(work, wanted, is_conda)
        before = ()
    else:
        work.fill(before)
    if change.verb is ChangeVerb.UNINSTALL:
        names = [each.name for each in wanted.packages]
        missing = [each for each in names if (owner, each) not in work.held]
        if missing:
            raise not_found(change, missing, is_in_environment=True)
        work.drop(owner, names)
        return _solved(before, work.everything(), work.everything())
    channel = change.channels[0] if change.channels else ""
    if change.verb is ChangeVerb.UPDATE:
        asked = [each.name for each in wanted.packages]
        work.renew(owner, asked or [name for at, name in list(work.held) if at == owner])
    if change.verb is not ChangeVerb.UPDATE or change.file is not None:
        for each in wanted.packages:
            work.add(owner, each, channel)
    by_conda = work.everything() if is_conda else ()
    for each in wanted.pip:
        work.add(_PIP, each)
    after = work.everything()
    by_pip = {each.name for each in before if each.owner == _PIP}
    new_of_conda = {each.name for each in by_conda if each.owner == _CONDA} - {
        each.name for each in before if each.owner == _CONDA
    }
    return _solved(before, by_conda or after, after, tuple(sorted(by_pip & new_of_conda)))


def _begin(work: _Set, wanted: Wanted, is_conda: bool) -> None:
    """What a new environment has before anything that was asked for."""
    asked = next((each for each in wanted.packages if each.name == "python"), None)
    version = wanted.python or (asked.constraint.strip("=<>!~* ") if asked else "")
    minor = ".".join(version.partition(",")[0].split(".")[:2]) or _DEFAULT_PYTHON
    work.python = version if version.count(".") > 1 else f"{minor}.9"
    if not is_conda or wanted.is_complete or not (wanted.packages or wanted.python or wanted.pip):
        return
    group = _PYTHON_GROUPS.get(minor, _PYTHON_GROUPS[_DEFAULT_PYTHON])
    for each in packages_of(group):
        is_python = each.name == "python"
        if is_python and group != _PYTHON_GROUPS.get(minor):
            each = replace(each, version=f"{minor}.1", build="h0000000_1_cpython")
        if is_python:
            work.python = each.version
        work.fill([replace(each, is_requested=is_python)])


def _follows(there: Package, newer: Package) -> bool:
    """Whether a package of the index may take the place of one that is there."""
    if there.name == "python":
        return newer.version.split(".")[:2] == there.version.split(".")[:2]
    return newer.version.partition("+")[2] == there.version.partition("+")[2]


def _solved(
    before: Sequence[Package],
    by_conda: Sequence[Package],
    after: Sequence[Package],
    clashes: tuple[str, ...] = (),
    is_cached: bool = False,
) -> Solved:
    old = {(each.owner, each.name): each for each in before}
    new = {(each.owner, each.name): each for each in after}
    changes = [
        _change(old.get(key), new.get(key), is_cached)
        for key in sorted({**old, **new})
        if (now := new.get(key)) is None
        or (was := old.get(key)) is None
        or (now.version, now.build) != (was.version, was.build)
    ]
    return Solved(tuple(by_conda), tuple(after), tuple(sorted(changes, key=_weight)), clashes)


def _change(old: Package | None, new: Package | None, is_cached: bool) -> PackageChange:
    some = new or old
    if some is None:
        raise ValueError("a change needs a package before or after it")
    return PackageChange(
        some.name,
        old.version if old else None,
        new.version if new else None,
        old.build if old else "",
        new.build if new else "",
        some.owner,
        new.channel if new else "",
        0 if is_cached and new else new.size_bytes if new else None,
        old is not None and new is not None and compare_versions(new.version, old.version) < 0,
    )


def _weight(change: PackageChange) -> tuple[int, bool, bool, str]:
    at = _FIRST.index(change.name) if change.name in _FIRST else len(_FIRST)
    return at, not change.is_downgrade, change.old_version is None, change.name
