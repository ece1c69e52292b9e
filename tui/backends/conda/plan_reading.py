"""Reads what a manager says that it would do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.backends.conda.command import FILE, Command, CommandResult, shown
from tui.backends.conda.environment_file import read_environment_file
from tui.backends.conda.explicit_list import channel_of, read_explicit_list
from tui.backends.conda.failure_reading import failure_of_json, failure_of_text
from tui.backends.conda.manager_output import (
    bytes_of,
    json_of,
    mapping,
    mappings,
    text,
    text_of,
    texts,
    whole,
)
from tui.backends.conda.names import plain
from tui.model.changes import ChangePlan, ChangeVerb, EnvironmentChange, FileFormat, PackageChange, SourceFile
from tui.model.environments import EnvironmentKind, Package
from tui.model.errors import ChangeFailed
from tui.model.versions import compare_versions

_IMPORTANT = frozenset(
    {"python", "pytorch", "torch", "torchvision", "torchaudio", "numpy", "tensorflow", "jax", "jaxlib"}
)
_CUDA = re.compile(r"(?:pytorch-)?cu(?:da|dnn)|nccl|nvidia-|libcu(?:blas|dnn|fft|sparse|solver|rand)")
#: ` + numpy==1.26.4`, ` - numpy==2.1.0`, ` ~ numpy==2.1.0 (from file:///…)`
_UV_LINE = re.compile(r"\s+([+~-])\s+([A-Za-z0-9][\w.-]*)==([^\s()]+)")
# a name and a size, in two columns
_TABLE_ROW = re.compile(r"\s+(\S+)\s{2,}(\d[\d.]*\s*[kMGT]?i?B)\s*")
_TABLE_TOTAL = re.compile(r"\s*Total size:\s+(\d[\d.]*\s*[kMGT]?i?B)\s*")

_PIP_LATER = "what pip brings along is not known before: it is asked when conda's part is there"


@dataclass(slots=True)
class _Draft:
    """A plan that is still being read."""

    packages: list[PackageChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    is_exact: bool = True
    frees_bytes: int | None = None

    def guess(self, note: str) -> None:
        """Something is not known, for this reason."""
        self.is_exact = False
        self.notes.append(note)


def read_plan(
    change: EnvironmentChange,
    asked: Sequence[Command],
    told: Sequence[Command],
    results: Sequence[CommandResult],
    installed: Sequence[Package],
) -> ChangePlan:
    """The plan of a change.

    Args:
        change: that is planned.
        asked: the dry runs, as many as there are results.
        told: what will be run.
        results: of the dry runs.
        installed: packages of the environment; for CLONE of its source.

    Raises:
        ChangeFailed: the manager says that it can't be done.
    """
    draft = _Draft()
    there = _Installed(installed)
    for command, result in zip(asked, results, strict=False):
        _read(change, command, result, there, draft)
    if not asked:
        _without_asking(change, there, draft)
    _add_notes(change, draft)
    figures = [each.fetch_bytes for each in draft.packages if each.new_version is not None]
    known = [figure for figure in figures if figure is not None]
    name = change.file.name if change.file and change.file.name else "FILE"
    return ChangePlan(
        change,
        packages=tuple(sorted(draft.packages, key=_rank)),
        is_exact=draft.is_exact,
        commands=tuple(tuple(name if word == FILE else word for word in each.argv) for each in told),
        removes=tuple(draft.removes),
        fetch_bytes=sum(known) if len(known) == len(figures) and draft.is_exact else None,
        frees_bytes=draft.frees_bytes,
        notes=tuple(dict.fromkeys(draft.notes)),
    )


class _Installed:
    """What is in the environment, by owner and name."""

    def __init__(self, packages: Sequence[Package]) -> None:
        self.packages = packages
        self._by_name = {(each.owner, plain(each.name)): each for each in packages}

    def conda(self, name: str) -> Package | None:
        return self._by_name.get(("conda", plain(name)))

    def pip(self, name: str) -> Package | None:
        """As pip sees it: its own, or what conda put there for Python."""
        return self._by_name.get(("pip", plain(name))) or self.conda(name)


def _read(
    change: EnvironmentChange, command: Command, result: CommandResult, there: _Installed, draft: _Draft
) -> None:
    words = text_of(result.stdout + b"\n" + result.stderr)
    if "pip" in command.argv[1:3]:
        if "--report" in command.argv:
            _read_report(change, result, words, there, draft)
        else:
            _read_uv(change, result, words, there, draft)
        return
    told = json_of(result.stdout)
    if change.verb is ChangeVerb.CLEAN and result.exit_code == 0:
        if told is not None and "tarballs" in told:
            _read_clean(told, draft)
        else:
            _read_clean_table(words, draft)
        return
    if told is None:
        raise failure_of_text(change, result.exit_code, words)
    if result.exit_code != 0 or told.get("success") is False or "error" in told or "exception_name" in told:
        raise failure_of_json(change, result.exit_code, told, words)
    _read_actions(mapping(told.get("actions")), there, draft)
    if not draft.packages:
        draft.notes.append(text(told.get("message")) or "nothing has to be done")


def _read_actions(actions: Mapping[str, Any], there: _Installed, draft: _Draft) -> None:
    """FETCH, LINK and UNLINK of conda and micromamba."""
    fetched = {_identity(each): whole(each.get("size")) for each in mappings(actions.get("FETCH"))}
    gone = {text(each.get("name")): each for each in mappings(actions.get("UNLINK"))}
    for each in mappings(actions.get("LINK")):
        name, version, build = _identity(each)
        before = gone.pop(name, None)
        old = there.conda(name)
        old_version = text(before.get("version")) if before else old.version if old else None
        old_build = _identity(before)[2] if before else old.build if old else ""
        draft.packages.append(
            PackageChange(
                name,
                old_version or None,
                version,
                old_build=old_build,
                new_build=build,
                channel=channel_of(text(each.get("channel")) or text(each.get("base_url"))),
                fetch_bytes=fetched.get((name, version, build), 0),
                is_downgrade=_is_older(version, old_version),
            )
        )
    for name, left in gone.items():
        _, version, build = _identity(left)
        draft.packages.append(PackageChange(name, version, None, build))


def _identity(record: Mapping[str, Any]) -> tuple[str, str, str]:
    name, version = text(record.get("name")), text(record.get("version"))
    build = text(record.get("build_string")) or text(record.get("build"))
    if not version:
        # of conda before 4.4, and of stand-ins
        parts = text(record.get("dist_name")).rsplit("-", 2)
        if len(parts) == 3:
            return name or parts[0], parts[1], parts[2]
    return name, version, build


def _read_report(
    change: EnvironmentChange, result: CommandResult, words: str, there: _Installed, draft: _Draft
) -> None:
    """Pip's installation report (pip 22.2 and later)."""
    if result.exit_code == 2 and "no such option" in words:
        draft.guess("this pip is older than 22.2 and can't tell beforehand what it would do")
        return
    told = json_of(result.stdout)
    if result.exit_code != 0 or told is None:
        raise failure_of_text(change, result.exit_code or 1, words)
    for each in mappings(told.get("install")):
        metadata = mapping(each.get("metadata"))
        _add_pip(text(metadata.get("name")), text(metadata.get("version")), there, draft)
    if not draft.packages:
        draft.notes.append("everything that was asked for is there")


def _read_uv(
    change: EnvironmentChange, result: CommandResult, words: str, there: _Installed, draft: _Draft
) -> None:
    """Lines of `uv pip … --dry-run`, which stand on stderr."""
    if result.exit_code != 0:
        raise failure_of_text(change, result.exit_code, words)
    gone: dict[str, str] = {}
    for found in filter(None, map(_UV_LINE.fullmatch, _without_origin(words))):
        sign, name, version = found.groups()
        if sign == "-":
            gone[name] = version
            continue
        old = gone.pop(name, None)
        _add_pip(name, version, there, draft, old)
    draft.packages += [PackageChange(name, version, None, owner="pip") for name, version in gone.items()]
    if not draft.packages:
        draft.notes.append("everything that was asked for is there")


def _without_origin(words: str) -> list[str]:
    return [re.sub(r"\s+\(from [^)]*\)\s*$", "", line).rstrip() for line in words.split("\n")]


def _add_pip(name: str, version: str, there: _Installed, draft: _Draft, old: str | None = None) -> None:
    before = there.pip(name)
    old_version = old or (before.version if before else None)
    if before is not None and before.owner == "conda":
        draft.notes.append(f"pip would put its {shown(name)} over conda's: conda does not know of it")
    draft.packages.append(
        PackageChange(name, old_version, version, owner="pip", is_downgrade=_is_older(version, old_version))
    )


def _read_clean(told: Mapping[str, Any], draft: _Draft) -> None:
    """`conda clean --all --dry-run --json`."""
    freed = 0
    for part in ("tarballs", "packages"):
        section = mapping(told.get(part))
        freed += whole(section.get("total_size")) or 0
        for folder, names in mapping(section.get("pkgs_dirs")).items():
            draft.removes += [f"{folder}/{name}" for name in texts(names)]
    index = mapping(told.get("index_cache")).get("files")
    for paths in (index, told.get("tempfiles"), told.get("logfiles")):
        draft.removes += texts(paths)
    draft.frees_bytes = freed
    draft.notes.append(
        "environments keep their files; what is linked nowhere is downloaded again when needed"
    )


def _read_clean_table(words: str, draft: _Draft) -> None:
    """The tables of micromamba and mamba 2: a folder, its packages with their sizes, a total."""
    folder, freed, is_told = "", 0, False
    for line in words.split("\n"):
        total, row = _TABLE_TOTAL.fullmatch(line), _TABLE_ROW.fullmatch(line)
        is_told = is_told or bool(total) or "nothing to" in line.lower()
        if total:
            freed += bytes_of(total[1]) or 0
        elif row and folder:
            draft.removes.append(f"{folder}/{row[1]}")
        elif line.strip().startswith("/"):
            folder = line.strip()
    # an answer in which nothing is recognised is not one that says nothing
    draft.frees_bytes = freed if is_told else None
    draft.notes.append("sizes are rounded by the manager")


def _without_asking(change: EnvironmentChange, there: _Installed, draft: _Draft) -> None:
    """What follows from the change itself."""
    match change.verb:
        case ChangeVerb.REMOVE:
            draft.removes.append(change.prefix)
            draft.packages += [
                PackageChange(each.name, each.version, None, each.build, owner=each.owner)
                for each in there.packages
            ]
        case ChangeVerb.RENAME:
            draft.removes.append(change.prefix)
            draft.notes.append("it is made again at the new place, then the old one is removed")
            draft.notes.append("its history of requested packages begins anew")
        case ChangeVerb.CLONE if change.file is None or not _is_list(change.file):
            draft.packages += [
                PackageChange(each.name, None, each.version, "", each.build, each.owner, each.channel)
                for each in there.packages
            ]
        case ChangeVerb.UNINSTALL:
            _uninstall(change, there, draft)
        case _:
            _made_unasked(change, draft)


def _is_list(file: SourceFile) -> bool:
    return file.format is FileFormat.EXPLICIT


def _uninstall(change: EnvironmentChange, there: _Installed, draft: _Draft) -> None:
    wanted = (*change.packages, *change.pip_packages)
    missing = [name for name in wanted if there.pip(name) is None]
    if missing and there.packages:
        raise ChangeFailed(f"Not installed: {', '.join(map(shown, missing))}", kind="PackageNotInstalled")
    if missing:
        draft.guess("what is in the environment is not known")
    for name in wanted:
        old = there.pip(name)
        if old is not None:
            draft.packages.append(PackageChange(name, old.version, None, owner=old.owner))
    draft.notes.append("pip asks nobody who still needs them, and leaves what they brought along")


def _made_unasked(change: EnvironmentChange, draft: _Draft) -> None:
    file = change.file
    if file is not None and _is_list(file):
        listed = read_explicit_list(file.text)
        draft.packages += [
            PackageChange(each.name, None, each.version, "", each.build, channel=each.channel)
            for each in listed.packages
        ]
        for each in listed.pip:
            name, _, version = each.partition("==")
            draft.packages.append(PackageChange(name, None, version or "?", owner="pip"))
    elif file is not None or change.packages or change.pip_packages:
        draft.guess("what comes is not known before: its manager can't be asked without the environment")


def _add_notes(change: EnvironmentChange, draft: _Draft) -> None:
    """What can't be known, and what is worth a word."""
    is_conda = change.kind not in (EnvironmentKind.VENV, EnvironmentKind.UV)
    file = change.file
    has_requirements = file is not None and file.format is FileFormat.REQUIREMENTS
    if change.verb is ChangeVerb.CREATE and is_conda and (change.pip_packages or has_requirements):
        draft.guess(_PIP_LATER)
    if file is not None and file.format is FileFormat.YML:
        _note_file(change, draft)
    if change.verb is ChangeVerb.INSTALL and change.packages and change.pip_packages and is_conda:
        draft.guess("pip was asked as things are now; conda's packages are installed before")
    if change.verb is ChangeVerb.UNINSTALL and change.packages and change.pip_packages and is_conda:
        draft.packages += [PackageChange(name, "?", None, owner="pip") for name in change.pip_packages]
    for each in draft.packages:
        if each.is_downgrade and _is_important(each.name):
            draft.notes.append(f"{shown(each.name)} goes back from {each.old_version} to {each.new_version}")
        old, new = _minor(each.old_version), _minor(each.new_version)
        if is_conda and each.name == "python" and old and new and old != new:
            draft.notes.append(f"Python {new} does not see what pip installed for {old}")


def _note_file(change: EnvironmentChange, draft: _Draft) -> None:
    assert change.file is not None
    told = read_environment_file(change.file.text, change.file.name)
    if told.pip:
        few = ", ".join(shown(each.text, 30) for each in told.pip[:3]) + (" …" if len(told.pip) > 3 else "")
        draft.guess(f"installed by pip afterwards: {few}; what they bring is not known before")
    if told.variables and change.manager.rpartition("/")[2].startswith("micromamba"):
        draft.notes.append("micromamba sets none of the file's variables")


def _is_older(new: str, old: str | None) -> bool:
    return old is not None and compare_versions(new, old) < 0


def _minor(version: str | None) -> str:
    return ".".join((version or "").split(".")[:2])


def _is_important(name: str) -> bool:
    return plain(name) in _IMPORTANT or bool(_CUDA.match(plain(name)))


def _rank(each: PackageChange) -> tuple[bool, bool, bool, bool, bool, bool, str]:
    """Downgrades of what matters first; then what matters, downgrades, removals, changes, what is new."""
    important = _is_important(each.name)
    return (
        not (each.is_downgrade and important),
        not (important and each.old_version is not None),
        not each.is_downgrade,
        each.new_version is not None,
        not important,
        each.old_version is None,
        plain(each.name),
    )
