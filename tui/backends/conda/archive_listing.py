"""Finds environments in a container in which no command can be run, through the engine's archive calls.

The engine lists no folder without sending all that is in it, so environments are looked for where they are
known to have been, where the container's variables and conda's files say, and at the usual places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from tui.backends.conda.answer import Answer, Found, Times
from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles, TooMuch
from tui.backends.docker.http import EngineHttp
from tui.model.environments import Environment
from tui.model.errors import EngineError, EngineTimeout, NoSuchContainer

_ROOTS = (
    "/opt/conda",
    "/opt/miniconda3",
    "/opt/miniforge3",
    "/opt/mambaforge",
    "/opt/micromamba",
    "/srv/conda",
)
_USER_ROOTS = ("miniconda3", "miniforge3", "mambaforge", "anaconda3", "micromamba", ".local/share/mamba")
_VENVS = ("/opt/venv", "/venv", "/.venv", "/app/.venv", "/workspace/.venv", "/code/.venv", "/src/.venv")
_ROOT_VARIABLES = ("MAMBA_ROOT_PREFIX", "CONDA_ROOT", "CONDA_DIR", "CONDA_HOME")
_PREFIX_VARIABLES = ("CONDA_PREFIX", "VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
# Some 1,300 files of records; real environments are larger, and all of them would come through the socket.
_MOST_BYTES_OF_ENVS = 32 << 20
_MOST_BYTES_OF_RECORDS = 128 << 20
_MOST_HOMES = 20
_VERSION_LINE = re.compile(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", re.MULTILINE)
_PYTHON_RECORD = re.compile(r"python-(\d+\.\d+)[.-]")


class ArchiveListing:
    """One look at one container."""

    def __init__(
        self, http: EngineHttp, container_id: str, inspected: Mapping[str, Any], deadline: Deadline
    ) -> None:
        """Args: the engine's connection, full id, the container's inspect, the deadline for everything."""
        self._files = ContainerFiles(http, container_id, deadline)
        self._deadline = deadline
        config = inspected.get("Config") or {}
        entries = (str(each).partition("=") for each in config.get("Env") or ())
        self._variables = {name: value for name, _, value in entries}
        self._work_folder = str(config.get("WorkingDir") or "/")
        self._answer = Answer(process_id=0)
        self._cut: list[str] = []

    def read(self, known: Sequence[str]) -> tuple[Answer, EngineError | None]:
        """What was found, and why it is not all.

        Args:
            known: prefixes of an earlier listing.

        Raises:
            NoSuchContainer: the container is gone.
            EngineError: the engine can't be asked.
        """
        try:
            for path in self._candidates(known):
                self._look(path)
        except EngineTimeout as error:
            if not self._answer.found:
                raise
            return self._answer, EngineTimeout(
                "Not all environments could be listed", error.detail, "Start the container to see all of them"
            )
        if self._cut:
            return self._answer, EngineTimeout(
                "Not all environments could be listed",
                f"{', '.join(self._cut)} is too large to be sent by the engine",
                "Start the container to see all of them",
            )
        return self._answer, None

    def reduced(self, environment: Environment) -> Environment:
        """Without what can't be known in this way: packages of pip, and who may write."""
        return replace(environment, pip_packages=None, writable=None, pids=())

    def _candidates(self, known: Sequence[str]) -> Iterator[str]:
        yield from known
        for name in _PREFIX_VARIABLES:
            yield self._variables.get(name, "")
        for folder in self._variables.get("PATH", "").split(":"):
            if folder.endswith(("/bin", "/condabin")):
                yield folder.rpartition("/")[0]
        roots = [self._variables.get(name, "") for name in _ROOT_VARIABLES]
        homes = self._homes()
        roots += [*_ROOTS, *(f"{home}/{name}" for home in homes[:2] for name in _USER_ROOTS)]
        for root in dict.fromkeys(each.rstrip("/") for each in roots if each.startswith("/")):
            if self._files.exists(root):
                yield from self._of_root(root)
        for home in homes:
            listed = self._files.read(f"{home}/.conda/environments.txt")
            yield from (listed or b"").decode("utf-8", "surrogateescape").splitlines()
        yield f"{self._work_folder.rstrip('/')}/.venv"
        yield from _VENVS

    def _of_root(self, root: str) -> Iterator[str]:
        holds_envs = self._files.exists(f"{root}/envs")
        if holds_envs or self._files.exists(f"{root}/conda-meta"):
            self._answer.roots.append(root)
        yield root
        for manager in ("conda", "mamba", "micromamba"):
            if self._files.exists(f"{root}/bin/{manager}"):
                self._answer.managers.append(f"{root}/bin/{manager}")
        if holds_envs:
            self._answer.folders.append(f"{root}/envs")
            yield from self._in_folder(f"{root}/envs")

    def _in_folder(self, folder: str) -> Iterator[str]:
        """The folders in a folder, as far as it is sent."""
        found: dict[str, None] = {}
        try:
            for below, member, _ in self._files.members(folder, _MOST_BYTES_OF_ENVS):
                if below and member.isdir():
                    found[below.partition("/")[0]] = None
        except TooMuch:
            self._cut.append(folder)
        except NoSuchContainer:
            return
        yield from (f"{folder}/{name}" for name in found)

    def _homes(self) -> list[str]:
        """root's, and those of people."""
        homes = {"/root": None}
        for line in (self._files.read("/etc/passwd") or b"").decode("utf-8", "replace").splitlines():
            fields = line.split(":")
            if len(fields) == 7 and fields[5].startswith("/home/"):
                homes[fields[5]] = None
        return list(homes)[:_MOST_HOMES]

    def _look(self, path: str) -> None:
        path = path.rstrip("/")
        if not path.startswith("/") or path == "/usr" or path == "/usr/local":
            return
        there = self._files.stat(path)
        if (
            there is None
            or not there.is_folder
            or any(each.prefix == there.path for each in self._answer.found)
        ):
            return
        prefix = there.path
        meta = self._files.stat(f"{prefix}/conda-meta")
        config = self._files.read(f"{prefix}/pyvenv.cfg")
        if meta is None and config is None:
            return
        records, lines, flags, times = self._records(meta.path) if meta else ((), ("", ""), set(), None)
        text = (config or b"").decode("utf-8", "replace")
        folder = _packages_folder(records, text)
        torch = self._files.read(f"{prefix}/{folder}/torch/version.py") if folder else None
        position = len(self._answer.found)
        stamp = times or (_times(there.modified) if config is not None else None)
        if stamp is not None:
            self._answer.times[position, "history" if meta else "cfg"] = stamp
        self._answer.found.append(
            Found(
                prefix,
                is_system=False,
                has_records=meta is not None,
                has_history="history" in flags,
                is_pixi="pixi" in flags,
                is_writable=False,
                is_frozen="frozen" in flags,
                python=self._python(prefix),
                first_line=lines[0],
                second_line=lines[1],
                config=text,
                packages_folder=folder,
                records=tuple(records),
                conda_dists=(),
                dists=(),
                eggs=(),
                torch_lines=(torch or b"").decode("utf-8", "replace"),
                unreadable=(),
            )
        )

    def _python(self, prefix: str) -> str:
        for name in ("python3", "python"):
            if self._files.exists(f"{prefix}/bin/{name}"):
                return "y"
        return "-"

    def _records(self, folder: str) -> tuple[tuple[str, ...], tuple[str, str], set[str], Times | None]:
        """Names of the records, first lines of the history, what else is there, and its times."""
        names: list[str] = []
        flags: set[str] = set()
        lines = ["", ""]
        times = None
        try:
            for below, member, content in self._files.members(folder, _MOST_BYTES_OF_RECORDS):
                if "/" in below:
                    continue
                if below.endswith(".json"):
                    names.append(below)
                elif below in ("history", "pixi", "frozen"):
                    flags.add(below)
                if below == "history" and content is not None:
                    start = content.read(8192).decode("utf-8", "replace")
                    lines = [*start.split("\n")[:2], "", ""][:2]
                    owner = member.uname or str(member.uid)
                    times = Times(float(member.mtime), owner, str(member.mtime))
        except TooMuch:
            self._cut.append(folder)
        return tuple(names), (lines[0], lines[1]), flags, times


def _packages_folder(records: Sequence[str], config: str) -> str:
    for name in records:
        found = _PYTHON_RECORD.match(name)
        if found:
            return f"lib/python{found[1]}/site-packages"
    told = _VERSION_LINE.search(config)
    return f"lib/python{told[1]}/site-packages" if told else ""


def _times(text: str) -> Times | None:
    """Of RFC 3339, with as many digits of a second as Go writes."""
    try:
        told = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError:
        return None
    return Times(told.timestamp(), "", text)
