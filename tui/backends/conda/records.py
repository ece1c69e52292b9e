"""The whole records of an environment, read and never written.

What conda wrote comes by the engine's archive calls, which need neither a shell nor a running container; the
dists of pip by one command, or where none can be run out of the archive, too, as far as that is small enough.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from tui.backends.conda import dists, probe
from tui.backends.conda.dists import Dist
from tui.backends.conda.history import specs_asked_for
from tui.backends.conda.names import of_record, plain
from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles, TooMuch
from tui.backends.docker.http import EngineHttp
from tui.model.channels import channel_of, channel_word
from tui.model.containers import Container, ContainerState
from tui.model.environment_records import CondaRecord, EnvironmentRecord, PipRecord
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import EngineRefused, EngineTimeout

_SECONDS = 60.0
# 300 records of 100 kB; some of conda's list ten thousand files
_MOST_RECORD_BYTES = 256 << 20
_MOST_BYTES_OF_ONE = 16 << 20
# years of changes of a large environment
_MOST_HISTORY_BYTES = 8 << 20
_MOST_SMALL_BYTES = 64 << 10
# The engine sends all of site-packages; with torch it is gigabytes, without a second's work.
_MOST_SITE_BYTES = 256 << 20
_HEX = re.compile(r"[0-9a-f]{32,64}")
_DIST_FILES = ("METADATA", "INSTALLER", "REQUESTED", "direct_url.json")


class RecordReader:
    """Reads records through one engine."""

    def __init__(self, http: EngineHttp) -> None:
        """Args: the engine's connection."""
        self._http = http

    def records(
        self, container: Container, environment: Environment, ask_inside: bool = True
    ) -> EnvironmentRecord:
        """All that is written down in an environment. What can't be read is told in its problems.

        Args:
            container: as it is listed now, running or not.
            environment: one of its.
            ask_inside: whether a command may be run in it.

        Raises:
            NoSuchContainer: it is gone.
            EngineError: nothing can be found out.
        """
        deadline = Deadline(_SECONDS)
        files = ContainerFiles(self._http, container.id, deadline)
        there = files.stat(environment.prefix)
        if there is None or not there.is_folder:
            # the archive calls don't tell a container that is gone from a path that is
            self._http.get_json(f"/containers/{container.id}/json", deadline.remaining())
            raise EngineRefused("The environment is gone", f"there is no {environment.prefix} any more")
        reading = _Reading(environment)
        if environment.kind is not EnvironmentKind.SYSTEM:
            reading.read_conda(files, there.path)
        can_ask = ask_inside and container.state is ContainerState.RUNNING
        if not (can_ask and self._ask_inside(container, environment, reading)):
            reading.read_dists(files, there.path)
        return reading.record()

    def _ask_inside(self, container: Container, environment: Environment, reading: _Reading) -> bool:
        """Let a command list the dists; False where none can be run."""
        try:
            (told,) = dists.listed(self._http, container.id, [environment.prefix], dists.Details.ORIGINS)
        except probe.NoShell:
            return False
        reading.take(told.record_files, told.dists)
        return True


@dataclass(slots=True)
class _Reading:
    """What one environment has told so far."""

    environment: Environment
    conda: dict[str, CondaRecord] = field(default_factory=dict)
    #: dist folders that conda's records list among their files
    of_conda: set[str] = field(default_factory=set)
    dists: list[Dist] = field(default_factory=list)
    history: str = ""
    pins: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    problems: list[str] = field(default_factory=list)

    def read_conda(self, files: ContainerFiles, prefix: str) -> None:
        """Everything in `conda-meta`, if there is one."""
        found = files.stat(f"{prefix}/conda-meta")
        if found is None or not found.is_folder:
            return
        try:
            for below, member, content in files.members(found.path, _MOST_RECORD_BYTES):
                if not below or "/" in below:
                    continue
                if below.endswith(".json"):
                    text = None
                    if content is not None and member.size <= _MOST_BYTES_OF_ONE:
                        text = content.read(_MOST_BYTES_OF_ONE)
                    self._take_record(below, text)
                elif content is not None:
                    self._take_other(below, content.read(_MOST_HISTORY_BYTES))
        except TooMuch:
            size = f"{_MOST_RECORD_BYTES >> 20} MiB"
            self.problems.append(f"conda-meta holds more than {size}: not all of it was read")

    def read_dists(self, files: ContainerFiles, prefix: str) -> None:
        """The dists in the folders of packages, out of the archive."""
        for folder in _package_folders(self.environment, prefix):
            found = files.stat(folder)
            if found is None or not found.is_folder:
                continue
            told: dict[str, dict[str, str]] = {}
            try:
                for below, member, content in files.members(found.path, _MOST_SITE_BYTES):
                    name, _, file = below.partition("/")
                    if not name.endswith((".dist-info", ".egg-info", ".egg-link")):
                        continue
                    kept = told.setdefault(name, {})
                    if content is not None and (file in _DIST_FILES or not file):
                        text = content.read(min(member.size, _MOST_SMALL_BYTES))
                        kept[file] = text.decode("utf-8", "surrogateescape")
            except TooMuch:
                self.problems.append(
                    f"{folder} is too large to be sent by the engine: not all packages of pip are known"
                )
            except EngineTimeout:
                self.problems.append(f"{folder} took too long: not all packages of pip are known")
            self.dists += [_dist(name, kept) for name, kept in told.items()]

    def take(self, record_files: Collection[str], found: Collection[Dist]) -> None:
        """What a command in the container has listed."""
        self.dists += found
        for name in record_files:
            # beyond what the archive sent, which was told
            named = of_record(name)
            if name not in self.conda and named.version:
                self.conda[name] = CondaRecord(named.name, named.version, named.build)

    def record(self) -> EnvironmentRecord:
        """All of it, in order."""
        conda = sorted(self.conda.values(), key=lambda each: (each.name, each.version))
        pip = sorted(self._pip(), key=lambda each: (plain(each.name), each.version))
        words = Counter(word for each in conda if (word := channel_word(each.channel)))
        python = next((each.version for each in conda if each.name == "python"), self.environment.python)
        return EnvironmentRecord(
            name=self.environment.name,
            prefix=self.environment.prefix,
            conda=tuple(conda),
            pip=tuple(pip),
            history_specs=specs_asked_for(self.history),
            channels=tuple(word for word, _ in words.most_common()),
            python=python,
            variables=self.variables,
            pins=self.pins,
            problems=tuple(self.problems),
            kind=self.environment.kind,
        )

    def _take_record(self, name: str, content: bytes | None) -> None:
        named = of_record(name)
        told = _object(content)
        if told is None:
            if not named.version:
                return
            self.problems.append(f"the record of {named.name} {named.version} can't be read")
            self.conda[name] = CondaRecord(named.name, named.version, named.build)
            return
        files = told.get("files")
        for path in files if isinstance(files, list) else ():
            if isinstance(path, str) and "-info/" in path:
                self.of_conda.add(path.rpartition("/")[0].rpartition("/")[2])
        size = told.get("size")
        self.conda[name] = CondaRecord(
            name=_text(told, "name") or named.name,
            version=_text(told, "version") or named.version,
            build=_text(told, "build", "build_string") or named.build,
            channel=channel_of(_text(told, "channel", "schannel")),
            subdir=_text(told, "subdir"),
            url=_text(told, "url"),
            md5=_hash(told, "md5", 32),
            sha256=_hash(told, "sha256", 64),
            size_bytes=size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None,
            requested_spec=_requested(told),
        )

    def _take_other(self, name: str, content: bytes) -> None:
        text = content.decode("utf-8", "surrogateescape")
        if name == "history":
            self.history = text
        elif name == "pinned":
            lines = (line.partition("#")[0].strip() for line in text.splitlines())
            self.pins = tuple(line for line in lines if line)
        elif name == "state":
            told = _object(content) or {}
            variables = told.get("env_vars")
            # conda writes of one that was unset that it is unset
            self.variables = tuple(
                (key, value)
                for key, value in (variables.items() if isinstance(variables, dict) else ())
                if isinstance(value, str) and value != "***unset***"
            )

    def _pip(self) -> Iterator[PipRecord]:
        conda_names = {plain(each.name) for each in self.conda.values()}
        # what PyTorch's own channel called its package
        conda_names |= {"torch"} if "pytorch" in conda_names else set()
        system = 0
        seen: set[tuple[str, str]] = set()
        for dist in self.dists:
            if not dist.is_of_python or dist.folder in self.of_conda:
                continue
            if dist.is_egg and plain(dist.name) in conda_names:
                continue
            if dist.installer.startswith("debian"):
                system += 1
                continue
            if (plain(dist.name), dist.version) in seen:
                continue
            seen.add((plain(dist.name), dist.version))
            editable, url = _origin(dist)
            yield PipRecord(dist.name, dist.version, dist.is_requested, editable, url)
        if system:
            self.problems.append(f"{system} packages of the distribution are not pip's, and are left out")


def _package_folders(environment: Environment, prefix: str) -> tuple[str, ...]:
    told = re.match(r"(\d+\.\d+)[^t]*(t?)", environment.python or "")
    if told is None:
        return ()
    version = f"python{told[1]}{told[2]}"
    if environment.kind is EnvironmentKind.SYSTEM:
        return (f"/usr/local/lib/{version}/dist-packages", "/usr/lib/python3/dist-packages")
    return (f"{prefix}/lib/{version}/site-packages",)


def _dist(name: str, files: dict[str, str]) -> Dist:
    metadata = files.get("METADATA", "")
    # the description that follows may speak of names, too
    head = "\n".join(line for line in re.split(r"\r?\n\r?\n", metadata, maxsplit=1)[0].splitlines())
    return Dist(
        name,
        files.get("INSTALLER", "").strip(),
        "REQUESTED" in files,
        head,
        files.get("direct_url.json", files.get("", "")),
    )


def _origin(dist: Dist) -> tuple[str, str]:
    """Folder of an editable installation, or address (PEP 610); "" for what is not."""
    if dist.folder.endswith(".egg-link"):
        return (dist.url.strip().splitlines() or ["an unknown folder"])[0], ""
    told = _object(dist.url.encode("utf-8", "surrogateescape")) if dist.url else None
    if told is None:
        return "", ""
    url = _text(told, "url")
    folder = told.get("dir_info")
    if isinstance(folder, dict) and folder.get("editable"):
        return url.removeprefix("file://") or "an unknown folder", ""
    vcs = told.get("vcs_info")
    if isinstance(vcs, dict):
        commit, system = _text(vcs, "commit_id", "requested_revision"), _text(vcs, "vcs") or "git"
        url = f"{system}+{url}" + (f"@{commit}" if commit else "")
    below = _text(told, "subdirectory")
    return "", f"{url}#subdirectory={below}" if below else url


def _object(content: bytes | None) -> dict[str, Any] | None:
    if content is None:
        return None
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _text(told: dict[str, Any], *keys: str) -> str:
    """The first that is a text."""
    return next((told[key] for key in keys if isinstance(told.get(key), str) and told[key]), "")


def _hash(told: dict[str, Any], key: str, digits: int) -> str:
    text = _text(told, key).lower()
    return text if len(text) == digits and _HEX.fullmatch(text) else ""


def _requested(told: dict[str, Any]) -> str:
    """What brought a package in: newer rattlers write a list of specs, all others a text."""
    specs = told.get("requested_specs")
    if isinstance(specs, list):
        texts = [each for each in specs if isinstance(each, str) and each]
        if texts:
            return texts[0]
    # micromamba writes the word for a package that nobody asked for
    spec = _text(told, "requested_spec")
    return "" if spec == "None" else spec
