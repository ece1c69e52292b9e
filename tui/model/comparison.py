"""What is different between two environments, or between one and a file: torch and CUDA first.

The rules, where a side is a file:
- A file that lists what was asked for (`environment.yml`, requirements) is compared by what it asks for: a
  package that satisfies it is no difference, and one that the file doesn't name neither, as it may be there
  for another's sake. A lock, and a requirements file that says it is complete, name everything, so that what
  they don't name is a difference.
- A requirement of pip is satisfied by a package that conda put there, as pip sees it, too. A requirement of
  conda is not satisfied by pip's: conda doesn't see those.
- A bare `pip` in a file, and pip itself against a file of pip's, is the tool that reads the file.
- Channels are not compared: the same version and build is the same package wherever it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from tui.model.environment_files import EnvironmentFile, Requirement, is_conditional
from tui.model.environment_records import EnvironmentRecord
from tui.model.environments import Package
from tui.model.locks import Lock
from tui.model.versions import compare_versions, satisfies

# One thing under two names.
_SAME = {"pytorch": "torch", "nvidia-nccl": "nccl"}
_TORCH = ("torch", "torchvision", "torchaudio", "triton")
_CUDA = re.compile(
    r"cuda-|cudatoolkit$|cudnn|nvidia-|nccl|pytorch-(?:cuda|gpu|mutex)|libtorch$"
    r"|lib(?:cublas|cufft|curand|cusolver|cusparse|nvjitlink|cudnn)"
)
_NEXT = ("python", "numpy")
# The interpreter of an environment in which it is no package.
_NOBODY = ""


class DifferenceKind(StrEnum):
    """What makes a package different."""

    #: only on the right
    ADDED = "added"
    #: only on the left
    REMOVED = "removed"
    #: another version or build
    CHANGED = "changed"
    #: conda's on one side, pip's on the other
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class PackageDifference:
    """One package that is not the same.

    Attributes:
        name: as the side has it that has it, the left one first.
        kind: see there.
        left_owner, right_owner: "conda", "pip", "apt"; "" for an interpreter that is no package; None where
            it is not there.
        left_version, right_version: None where it is not there; of a file what it asks for ("=2.9", ">=1.26",
            "*" for any).
        left_build, right_build: of conda; "" where not told.
    """

    name: str
    kind: DifferenceKind
    left_owner: str | None = None
    right_owner: str | None = None
    left_version: str | None = None
    right_version: str | None = None
    left_build: str = ""
    right_build: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A package on one side.

    Attributes:
        name: as it is written there.
        owner: "conda", "pip", "apt", or "".
        version: of one that is there.
        build: of conda; of a requirement a pattern.
        wanted: of a requirement, what it asks of the version; None for a package that is there.
        source: address or folder that pip has it from, "" for an index (PEP 610: which has no address).
    """

    name: str
    owner: str
    version: str = ""
    build: str = ""
    wanted: str | None = None
    source: str = ""

    @property
    def key(self) -> str:
        """What two names of one package have in common."""
        plain = re.sub(r"[-_.]+", "-", self.name).lower()
        return _SAME.get(plain, plain)

    @property
    def shown(self) -> str:
        """Its version, or what is asked of it."""
        return self.version if self.wanted is None else self.wanted or "*"


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared.

    Attributes:
        title: what people know it by.
        entries: its packages, or what it asks for.
        is_complete: what it doesn't name is not there.
        is_file: it is a file; otherwise an environment.
        notes: what of it is not known.
    """

    title: str
    entries: tuple[Entry, ...]
    is_complete: bool = True
    is_file: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides next to each other.

    Attributes:
        left, right: their titles.
        differences: torch and CUDA first, then python and numpy, then by name.
        same: how many packages are the same, or satisfy what is asked for.
        unclear: requirements that can't be judged, in words.
        notes: what of the sides is not known, in words.
    """

    left: str
    right: str
    differences: tuple[PackageDifference, ...] = ()
    same: int = 0
    unclear: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def are_equal(self) -> bool:
        """Whether nothing is different."""
        return not self.differences


def of_packages(title: str, packages: Sequence[Package]) -> Side:
    """An environment by its list of packages."""
    entries = []
    for each in packages:
        is_conda = each.owner == "conda"
        source = "" if is_conda else each.build
        entries.append(
            Entry(each.name, each.owner, each.version, each.build if is_conda else "", source=source)
        )
    return Side(title, tuple(entries))


def of_record(title: str, record: EnvironmentRecord) -> Side:
    """An environment by all that is written down in it."""
    entries = [Entry(each.name, "conda", each.version, each.build) for each in record.conda]
    entries += [
        Entry(each.name, "pip", each.version, source=each.editable or each.url) for each in record.pip
    ]
    if record.python and not any(each.key == "python" for each in entries):
        entries.append(Entry("python", _NOBODY, record.python))
    return Side(title, tuple(entries), notes=record.problems)


def of_file(title: str, file: EnvironmentFile) -> Side:
    """An `environment.yml`."""
    entries = [
        Entry(each.name, "conda", build=each.build, wanted=each.version)
        for each in file.dependencies
        if each.name and not (each.name == "pip" and not each.version and file.pip is not None)
    ]
    entries += _of_pip(file.pip or ())
    nameless = [each.text for each in (*file.dependencies, *(file.pip or ())) if _is_unknown(each)]
    return Side(title, tuple(entries), is_complete=False, is_file=True, notes=_not_compared(nameless))


def of_lock(title: str, lock: Lock, pip: Sequence[Requirement] = ()) -> Side:
    """A lock or a requirements file. Args: `pip`: the lines of `lock.pip`, taken apart."""
    entries = [Entry(each.name, "conda", each.version, each.build) for each in lock.conda]
    entries += _of_pip(pip)
    nameless = [each.text for each in pip if _is_unknown(each)]
    return Side(title, tuple(entries), lock.is_complete, is_file=True, notes=_not_compared(nameless))


def compare(left: Side, right: Side) -> Comparison:
    """What is different, from left to right."""
    lefts, rights = _by_key(left), _by_key(right)
    found: list[PackageDifference] = []
    unclear: list[str] = []
    same = 0
    for key in dict.fromkeys((*lefts, *rights)):
        for one, other in _paired(lefts.get(key, []), rights.get(key, [])):
            if one is None or other is None:
                entry, is_left = (one, True) if one is not None else (other, False)
                if entry is not None and _is_missed(entry, right if is_left else left):
                    found.append(_alone(entry, is_left))
                continue
            verdict = _same(one, other)
            if verdict is None:
                unclear.append(f"{one.name}: whether {_words(one)} and {_words(other)} fit can't be judged")
            elif verdict:
                same += 1
            else:
                found.append(_changed(one, other))
    notes = [f"{side.title}: {note}" for side in (left, right) for note in side.notes]
    ordered = tuple(sorted(found, key=_order))
    return Comparison(left.title, right.title, ordered, same, tuple(unclear), tuple(notes))


def _of_pip(requirements: Iterable[Requirement]) -> list[Entry]:
    found = []
    for each in requirements:
        if not each.name or is_conditional(each):
            continue
        is_address = each.version.startswith("@")
        source = each.version[1:].strip() if is_address else ""
        found.append(Entry(each.name, "pip", wanted="" if is_address else each.version, source=source))
    return found


def _is_unknown(requirement: Requirement) -> bool:
    """Something that may be a package and can't be compared; options of pip are none."""
    text = requirement.text.strip()
    is_package = not text.startswith("-") or text.startswith(("-e", "--editable", "-r", "--requirement"))
    return bool(text) and is_package and (not requirement.name or is_conditional(requirement))


def _not_compared(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"“{each}” is not compared: it has no name, or holds only somewhere" for each in texts)


def _by_key(side: Side) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for each in side.entries:
        found.setdefault(each.key, []).append(each)
    return found


def _paired(lefts: Sequence[Entry], rights: Sequence[Entry]) -> list[tuple[Entry | None, Entry | None]]:
    """Those of one name: first of the same owner, then whoever is left."""
    pairs: list[tuple[Entry | None, Entry | None]] = []
    rest = list(rights)
    alone = []
    for one in lefts:
        other = next((each for each in rest if each.owner == one.owner), None)
        if other is None:
            alone.append(one)
        else:
            rest.remove(other)
            pairs.append((one, other))
    for one in alone:
        pairs.append((one, rest.pop(0) if rest else None))
    return pairs + [(None, each) for each in rest]


def _is_missed(entry: Entry, other: Side) -> bool:
    """Whether it is a difference that the other side doesn't have it."""
    if entry.owner == _NOBODY:
        return False
    if entry.key == "pip" and entry.owner == "pip" and other.is_file:
        return False
    return entry.wanted is not None or other.is_complete


def _same(one: Entry, other: Entry) -> bool | None:
    """Whether two of one name are the same, or fit; None where that can't be judged."""
    if one.wanted is not None and other.wanted is not None:
        return _same_wishes(one, other)
    if one.wanted is not None:
        return _fits(other, one)
    if other.wanted is not None:
        return _fits(one, other)
    if _NOBODY in (one.owner, other.owner):
        return _same_interpreter(one.version, other.version)
    if one.owner != other.owner:
        return False
    if one.source != other.source:
        return False
    builds_differ = bool(one.build and other.build and one.build != other.build)
    return compare_versions(one.version, other.version) == 0 and not builds_differ


def _same_wishes(one: Entry, other: Entry) -> bool | None:
    left, right = (re.sub(r"\s+", "", each.wanted or "") for each in (one, other))
    are_same = (left, one.build, one.source) == (right, other.build, other.source)
    return one.owner == other.owner and (are_same or _pinned(left) == _pinned(right) != "")


def _pinned(wanted: str) -> str:
    """The version that is asked for, of one that asks for one only."""
    found = re.fullmatch(r"={0,3}([0-9][A-Za-z0-9._+!-]*)", wanted)
    return found[1] if found else ""


def _fits(there: Entry, asked: Entry) -> bool | None:
    """Whether a package is what a requirement asks for."""
    if asked.owner == "conda" and there.owner not in ("conda", _NOBODY):
        return False
    if asked.source:
        # a name and an index say nothing of an address
        return _same_source(there.source, asked.source) if there.source else None
    if asked.build:
        if asked.build.startswith("^"):
            return None
        if there.build and not fnmatchcase(there.build, asked.build):
            return False
    return satisfies(there.version, asked.wanted or "", is_pip=asked.owner == "pip")


def _same_source(there: str, asked: str) -> bool:
    """The same address; what is asked for may leave the commit open."""
    return there == asked or ("@" not in asked.rpartition("/")[2] and there.startswith(f"{asked}@"))


def _same_interpreter(left: str, right: str) -> bool:
    """A folder's name tells of an interpreter only "3.11"."""
    short, long = sorted((left, right), key=len)
    return long == short or long.startswith(f"{short}.")


def _alone(entry: Entry, is_left: bool) -> PackageDifference:
    if is_left:
        return PackageDifference(
            entry.name, DifferenceKind.REMOVED, entry.owner, None, entry.shown, left_build=entry.build
        )
    return PackageDifference(
        entry.name,
        DifferenceKind.ADDED,
        right_owner=entry.owner,
        right_version=entry.shown,
        right_build=entry.build,
    )


def _changed(one: Entry, other: Entry) -> PackageDifference:
    owners = {one.owner, other.owner}
    kind = DifferenceKind.MOVED if owners == {"conda", "pip"} else DifferenceKind.CHANGED
    left, right = _with_source(one, other), _with_source(other, one)
    return PackageDifference(
        one.name, kind, one.owner, other.owner, left.shown, right.shown, left.build, right.build
    )


def _with_source(entry: Entry, other: Entry) -> Entry:
    """What makes two of one version different has to be seen."""
    if not entry.source or entry.source == other.source:
        return entry
    if entry.wanted is not None:
        return replace(entry, wanted=f"@ {entry.source}")
    return replace(entry, version=f"{entry.version} @ {entry.source}")


def _words(entry: Entry) -> str:
    return f"@ {entry.source}" if entry.source and entry.wanted is not None else entry.shown


def _order(difference: PackageDifference) -> tuple[int, int, str]:
    key = Entry(difference.name, "").key
    if key in _TORCH:
        return 0, _TORCH.index(key), key
    if _CUDA.match(key):
        return 1, 0, key
    if key in _NEXT:
        return 2, _NEXT.index(key), key
    return 3, 0, key
