"""The packages of environments: names from the names of files, the rest from conda's records and pip's."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from tui.backends.conda import dists, names, probe
from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles, TooMuch
from tui.backends.docker.http import EngineHttp
from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment, Package

_SECONDS = 30.0
# 300 records of 100 kB; some of conda's list ten thousand files
_MOST_RECORD_BYTES = 256 << 20
_MOST_BYTES_OF_ONE = 16 << 20


class PackageReader:
    """Reads packages through one engine."""

    def __init__(self, http: EngineHttp) -> None:
        """Args: the engine's connection."""
        self._http = http

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool,
        ask_inside: bool = True,
    ) -> list[tuple[Package, ...]]:
        """The packages of each environment, by name.

        Where no command can be run, those of pip are not known, and only conda's are told.

        Raises:
            EngineError: they can't be read.
        """
        told = [dists.Listed() for _ in environments]
        can_ask = ask_inside and container.state is ContainerState.RUNNING
        if can_ask:
            try:
                how = dists.Details.NAMES if names_only else dists.Details.ALL
                told = dists.listed(self._http, container.id, [each.prefix for each in environments], how)
            except probe.NoShell:
                can_ask = False
        found = []
        for each, known in zip(environments, told, strict=True):
            details = {} if names_only and can_ask else self._records(container.id, each.prefix)
            found.append(_merged(known, details))
        return found

    def _records(self, container_id: str, prefix: str) -> dict[tuple[str, str], Package]:
        """Conda's records, by name and version."""
        files = ContainerFiles(self._http, container_id, Deadline(_SECONDS))
        found = files.stat(f"{prefix}/conda-meta")
        if found is None:
            return {}
        packages = {}
        try:
            for below, member, content in files.members(found.path, _MOST_RECORD_BYTES):
                if content is None or "/" in below or not below.endswith(".json"):
                    continue
                named = names.of_record(below)
                text = content.read(_MOST_BYTES_OF_ONE) if member.size <= _MOST_BYTES_OF_ONE else b""
                packages[named.name, named.version] = _of_conda(named, text)
        except TooMuch:
            # those that came are told in full, the others by name
            pass
        return packages


def _merged(known: dists.Listed, details: dict[tuple[str, str], Package]) -> tuple[Package, ...]:
    conda = dict(details)
    for named in known.conda:
        conda.setdefault(
            (named.name, named.version), Package(named.name, named.version, "conda", named.build)
        )
    of_conda = {names.plain(each.name) for each in conda.values()}
    # what PyTorch's own channel called its package
    of_conda |= {"torch"} if "pytorch" in of_conda else set()
    told_by_pip = [package for each in known.dists for package in _of_pip(each)]
    others = [each for each in told_by_pip if each.owner != "egg" or names.plain(each.name) not in of_conda]
    told = [*conda.values(), *(_owned(each) for each in others)]
    return tuple(sorted(told, key=lambda each: (names.plain(each.name), each.owner, each.version)))


def _owned(package: Package) -> Package:
    if package.owner != "egg":
        return package
    return Package(package.name, package.version, "pip", package.build)


def _of_conda(named: names.Named, text: bytes) -> Package:
    try:
        told: Any = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return Package(named.name, named.version, "conda", named.build, problem="its record can't be read")
    size = told.get("size")
    channel = str(told.get("channel") or told.get("schannel") or "")
    asked = told.get("requested_spec") or told.get("requested_specs")
    return Package(
        str(told.get("name") or named.name),
        str(told.get("version") or named.version),
        "conda",
        str(told.get("build") or told.get("build_string") or named.build),
        _channel_name(channel),
        size if isinstance(size, int) and not isinstance(size, bool) else None,
        bool(asked) if asked is not None else None,
    )


def _channel_name(channel: str) -> str:
    """The part of a channel's address that people know it by: without host and platform."""
    plain = re.sub(r"/(?:linux-\w+|noarch)/?$", "", channel.rstrip("/"))
    if "://" not in plain:
        return plain
    if plain.startswith("file://"):
        return plain
    path = plain.partition("://")[2].partition("/")[2]
    return path or plain


def _of_pip(dist: dists.Dist) -> Iterator[Package]:
    if not dist.is_of_python:
        return
    owner = "egg" if dist.is_egg else "apt" if dist.installer.startswith("debian") else "pip"
    yield Package(
        dist.name,
        dist.version,
        owner,
        "editable" if dist.folder.endswith(".egg-link") else _source(dist.url),
        "",
        _recorded_bytes(dist.record),
        dist.is_requested if owner == "pip" else None,
    )


def _source(url: str) -> str:
    """Where pip has it from (PEP 610)."""
    try:
        told: Any = json.loads(url) if url else {}
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    folder = told.get("dir_info")
    if isinstance(folder, dict) and folder.get("editable"):
        return "editable"
    return str(told.get("url") or "")


def _recorded_bytes(record: str) -> int | None:
    """The sum of what RECORD says of its files (PEP 376); None where it says nothing."""
    sizes = []
    try:
        for row in csv.reader(record.splitlines()):
            if len(row) == 3 and row[2].isdecimal() and len(row[2]) < 16:
                sizes.append(int(row[2]))
    except csv.Error:
        return None
    return sum(sizes) if sizes else None
