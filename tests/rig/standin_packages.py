"""The packages of the stand-in managers: real ones, solved and installed by py-rattler from a local channel.

Runs in a container too, where nothing else of the tests is; so it imports nothing of theirs.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rattler import (
    Gateway,
    GenericVirtualPackage,
    MatchSpec,
    PackageRecord,
    PrefixRecord,
    RepoDataRecord,
    Subdir,
    VirtualPackage,
    install,
    solve,
)
from rattler.exceptions import SolverError

#: Where the packages are; whatever a channel is called, unless it is a path of its own.
CHANNEL = os.environ.get("RIG_CHANNEL", "/channel")
_NAMES = ("conda-forge", "defaults", "rig", "nodefaults")
_PLATFORMS = (Subdir("linux-64"), Subdir("noarch"))


class Failure(Exception):
    """What a manager ends with: conda's name of it, its words, and what it tells in JSON besides."""

    def __init__(self, kind: str, message: str, **told: Any) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.told = told


class Interrupted(Exception):
    """A signal came within the transaction."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class Transaction:
    """What is to be done to a prefix.

    Attributes:
        prefix: that is changed.
        records: all that is in it afterwards.
        before: what is in it now.
        is_new: there was no environment.
    """

    prefix: Path
    records: list[RepoDataRecord]
    before: list[PrefixRecord] = field(default_factory=list)
    is_new: bool = True

    @property
    def linked(self) -> list[RepoDataRecord]:
        """What comes, in the order of their dependencies."""
        there = {each.url for each in self.before}
        new = [each for each in self.records if each.url not in there]
        order = [each.name.normalized for each in PackageRecord.sort_topologically(list(new))]
        return sorted(new, key=lambda each: order.index(each.name.normalized))

    @property
    def unlinked(self) -> list[PrefixRecord]:
        """What goes."""
        stays = {each.url for each in self.records}
        return [each for each in self.before if each.url not in stays]


def addresses(channels: Sequence[str], only: bool) -> list[str]:
    """Paths of the channels that are looked at.

    Raises:
        Failure: one does not exist.
    """
    found: list[str] = []
    for each in channels:
        path = each.removeprefix("file://").rstrip("/") if "/" in each else ""
        if path and Path(path, "linux-64", "repodata.json").exists():
            found.append(path)
        elif each in _NAMES:
            found.append(CHANNEL)
        else:
            address = each if "://" in each else f"https://conda.anaconda.org/{each}"
            raise Failure(
                "UnavailableInvalidChannel",
                f"HTTP 404 NOT FOUND for channel {each} <{address}>\n\n"
                "The channel is not accessible or is invalid.",
            )
    return list(dict.fromkeys(found if only else [*found, CHANNEL]))


def installed(prefix: Path) -> list[PrefixRecord]:
    """What is in a prefix."""
    return [PrefixRecord.from_path(path) for path in sorted((prefix / "conda-meta").glob("*.json"))]


def solved(
    specs: Iterable[str], sources: Sequence[str], locked: Sequence[PrefixRecord] = ()
) -> list[RepoDataRecord]:
    """What satisfies the specs.

    Raises:
        Failure: nothing does; by conda's names.
    """
    wanted = [spec_of(each) for each in specs]
    _need_existing(specs, wanted, sources)
    try:
        with contextlib.suppress(Exception):
            return asyncio.run(_solve(wanted, sources, locked, VirtualPackage.detect()))
        return asyncio.run(_solve(wanted, sources, locked, []))
    except SolverError as error:
        reason = str(error).partition(": ")[2].strip()
        raise Failure(
            "LibMambaUnsatisfiableError",
            f"Encountered problems while solving:\n  - {reason}",
            problems=[reason],
        ) from error


async def _solve(
    wanted: Sequence[MatchSpec],
    sources: Sequence[str],
    locked: Sequence[PrefixRecord],
    virtual: Sequence[VirtualPackage | GenericVirtualPackage],
) -> list[RepoDataRecord]:
    return await solve(
        sources=list(sources), specs=list(wanted), locked_packages=list(locked), virtual_packages=virtual
    )


def spec_of(text: str) -> MatchSpec:
    """A spec as conda reads it.

    Raises:
        Failure: it is none.
    """
    try:
        return MatchSpec(text.rpartition("::")[2])
    except Exception as error:
        raise Failure("InvalidMatchSpec", f"Invalid spec '{text}': {error}") from error


def name_of(text: str) -> str:
    """The name in a spec."""
    name = spec_of(text).name
    return name.normalized if name is not None and hasattr(name, "normalized") else str(name)


def _need_existing(texts: Iterable[str], wanted: Sequence[MatchSpec], sources: Sequence[str]) -> None:
    known: set[str] = set()
    for source in sources:
        for platform in _PLATFORMS:
            with contextlib.suppress(OSError):
                index = json.loads(Path(source, str(platform), "repodata.json").read_text())
                known |= {each["name"] for each in index["packages.conda"].values()}
    missing = [
        text for text in texts if name_of(text) not in known or name_of(text) == os.environ.get("RIG_FAIL")
    ]
    if not missing:
        return
    names = "".join(f"\n  - {each}" for each in missing)
    places = "".join(f"\n  - file://{each}" for each in sources)
    raise Failure(
        "PackagesNotFoundInChannelsError",
        f"The following packages are not available from current channels:\n{names}\n\n"
        f"Current channels:\n{places}\n\n"
        "To search for alternate channels that may provide the conda package you're\n"
        "looking for, navigate to\n\n"
        "    https://anaconda.org\n\nand use the search bar at the top of the page.\n",
        packages=missing,
        packages_formatted=names,
        channels_formatted=places,
    )


def from_list(text: str) -> list[RepoDataRecord]:
    """The records of an explicit list.

    Raises:
        Failure: a line is none of this channel's packages, or its hash is another.
    """
    urls = [
        line.strip()
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith(("#", "@"))
    ]
    found: list[RepoDataRecord] = []
    for url in urls:
        address, _, md5 = url.partition("#")
        source = address.rsplit("/", 2)[0].removeprefix("file://")
        name = address.rpartition("/")[2].rsplit("-", 2)[0]
        known = asyncio.run(_query(source, name))
        record = next((each for each in known if each.url == address), None)
        if record is None:
            raise Failure("CondaHTTPError", f"HTTP 404 NOT FOUND for url <{address}>")
        if md5 and record.md5 is not None and record.md5.hex() != md5:
            raise Failure(
                "ChecksumMismatchError",
                "Conda detected a mismatch between the expected content and downloaded content\n"
                f"for url '{address}'.\n  expected md5: {md5}\n  actual md5: {record.md5.hex()}",
            )
        found.append(record)
    return found


async def _query(source: str, name: str) -> list[RepoDataRecord]:
    lists = await Gateway().query(sources=[source], platforms=list(_PLATFORMS), specs=[name], recursive=False)
    return [record for records in lists for record in records]


def without(records: Sequence[PrefixRecord], names: set[str]) -> list[PrefixRecord]:
    """The records without some packages and all that need them."""
    gone = set(names)
    while True:
        more = {
            each.name.normalized
            for each in records
            if each.name.normalized not in gone and any(need.split()[0] in gone for need in each.depends)
        }
        if not more:
            return [each for each in records if each.name.normalized not in gone]
        gone |= more


class Installer:
    """Carries a transaction out package by package, and back where a signal comes."""

    def __init__(self, cache: Path, step: float) -> None:
        """Args: cache of packages; step: seconds that each package takes."""
        self._cache = cache
        # on the same file system, which hard links need
        self._stage = cache / f".stage-{os.getpid()}"
        self._step = step
        self._signal = 0
        self._stop: asyncio.Event | None = None

    def run(
        self, transaction: Transaction, linking: Callable[[RepoDataRecord], None], signals: Sequence[int]
    ) -> None:
        """Install.

        Args:
            transaction: what.
            linking: called before each package.
            signals: that end it.

        Raises:
            Interrupted: one came; the prefix is as it was, a new one without its packages.
        """
        asyncio.run(self._run(transaction, linking, signals))

    async def _run(
        self, transaction: Transaction, linking: Callable[[RepoDataRecord], None], signals: Sequence[int]
    ) -> None:
        self._stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in signals:
            loop.add_signal_handler(number, self._interrupt, number)
        try:
            if transaction.is_new:
                await self._make(transaction, linking)
            else:
                await self._change(transaction, linking)
            await self._pause()
        except Interrupted:
            if transaction.is_new:
                shutil.rmtree(transaction.prefix, ignore_errors=True)
                (transaction.prefix / "conda-meta").mkdir(parents=True)
            else:
                await self._put(transaction.prefix, list(transaction.before))
            raise
        finally:
            self._tidy_up()

    async def _make(self, transaction: Transaction, linking: Callable[[RepoDataRecord], None]) -> None:
        """A new prefix: made elsewhere and moved, as rattler writes a history first, and conda last."""
        prefix, stage = transaction.prefix, self._stage
        (prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
        await self._put(stage, transaction.records, prefix)
        for record in transaction.linked:
            linking(record)
            await self._pause()
            told = next(
                path
                for path in (stage / "conda-meta").glob(f"{record.name.normalized}-*.json")
                if json.loads(path.read_text())["url"] == record.url
            )
            for file in (*json.loads(told.read_text())["files"], f"conda-meta/{told.name}"):
                (prefix / file).parent.mkdir(parents=True, exist_ok=True)
                (stage / file).replace(prefix / file)

    async def _change(self, transaction: Transaction, linking: Callable[[RepoDataRecord], None]) -> None:
        gone = {each.url for each in transaction.unlinked}
        kept: list[RepoDataRecord] = [each for each in transaction.before if each.url not in gone]
        await self._put(transaction.prefix, kept)
        for record in transaction.linked:
            linking(record)
            await self._pause()
            kept.append(record)
            await self._put(transaction.prefix, kept)

    def _interrupt(self, number: int) -> None:
        assert self._stop is not None
        self._signal = self._signal or number
        self._stop.set()

    async def _pause(self) -> None:
        """The time that a package takes, unless a signal comes."""
        assert self._stop is not None
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), self._step)
        if self._signal:
            raise Interrupted(self._signal)

    async def _put(self, prefix: Path, records: Sequence[RepoDataRecord], final: Path | None = None) -> None:
        """Exactly these packages. Args: final is where the prefix will be."""
        prefix.mkdir(parents=True, exist_ok=True)
        await install(
            list(records),
            target_prefix=str(prefix),
            cache_dir=self._cache,
            show_progress=False,
            alternative_target_prefix=str(final or prefix),
        )
        for record in (prefix / "conda-meta").glob("*.json"):
            record.chmod(0o644)

    def _tidy_up(self) -> None:
        shutil.rmtree(self._stage, ignore_errors=True)
        # conda has its locks elsewhere, and leaves none
        for lock in (*self._cache.glob("*.lock"), self._cache / ".cache.lock"):
            lock.unlink(missing_ok=True)


def copy_untracked(source: Path, target: Path) -> None:
    """What no record of the source owns, as pip's packages, with the prefix replaced in texts."""
    owned = {file for each in installed(source) for file in map(str, each.files)}
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if relative.parts[0] == "conda-meta" or "__pycache__" in relative.parts or str(relative) in owned:
            continue
        goal = target / relative
        if path.is_dir() and not path.is_symlink():
            goal.mkdir(parents=True, exist_ok=True)
        elif not os.path.lexists(goal):
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, goal, follow_symlinks=False)
            _move_prefix(goal, source, target)


def _move_prefix(path: Path, source: Path, target: Path) -> None:
    if path.is_symlink():
        return
    content = path.read_bytes()
    if b"\0" not in content and bytes(source) in content:
        path.write_bytes(content.replace(bytes(source), bytes(target)))


def requested(prefix: Path) -> dict[str, str]:
    """What was asked for, by name, as the history tells."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for line in (prefix / "conda-meta/history").read_text().splitlines():
            told = re.match(r"# (update|remove|neutered) specs: (\[.*\])$", line)
            for spec in ast.literal_eval(told[2]) if told else ():
                if told and told[1] == "remove":
                    found.pop(name_of(spec), None)
                else:
                    found[name_of(spec)] = spec
    return found


def mark_requested(prefix: Path) -> None:
    """Write into the records what brought them in, as conda does."""
    for name, spec in requested(prefix).items():
        for path in (prefix / "conda-meta").glob(f"{name}-*.json"):
            told = json.loads(path.read_text())
            if told["name"] == name:
                path.write_text(json.dumps({**told, "requested_spec": spec}, indent=2))


def stop_signals() -> tuple[int, ...]:
    """The signals that conda hears within a transaction."""
    return (signal.SIGINT, signal.SIGTERM)
