"""What `packages.sh` lists of environments: names of conda's records, and the dists of pip and others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tui.backends.conda import names, probe
from tui.backends.conda.answer import records
from tui.backends.docker.http import EngineHttp
from tui.model.errors import EngineRefused, EngineTimeout, NoSuchContainer

_SECONDS = 30.0
_MOST_BYTES = 64 << 20
_METADATA = re.compile(r"^(Name|Version):\s*(\S+)", re.MULTILINE)


class Details(StrEnum):
    """How much of each dist is read; the values are the script's."""

    #: no file is opened but INSTALLER
    NAMES = "n"
    #: all but RECORD, which is megabytes of some
    ORIGINS = "u"
    ALL = "y"


@dataclass(frozen=True, slots=True)
class Dist:
    """A folder (or an egg-link) in `site-packages` that says what was installed.

    Attributes:
        folder: its name.
        installer: as its INSTALLER says, "" where it has none.
        was_asked_for: it has a REQUESTED.
        metadata: its lines Name and Version, as far as they were read.
        url: text of `direct_url.json`, of an egg-link its own.
        record: text of RECORD.
    """

    folder: str
    installer: str = ""
    was_asked_for: bool = False
    metadata: str = ""
    url: str = ""
    record: str = ""

    @property
    def is_of_python(self) -> bool:
        """Whether something else than conda put it there, and whole."""
        return not names.is_leftover(self.folder) and not self.installer.startswith("conda")

    @property
    def is_egg(self) -> bool:
        """Whether it is of the old kind, which doesn't say who installed it."""
        return not self.folder.endswith(".dist-info")

    @property
    def is_requested(self) -> bool | None:
        """Whether somebody asked for it; None where it doesn't say (PEP 376).

        uv writes REQUESTED for every package (seen with 0.13), which says nothing.
        """
        return None if self.is_egg or self.installer == "uv" else self.was_asked_for

    @property
    def name(self) -> str:
        """As its metadata writes it, or its folder."""
        return dict(_METADATA.findall(self.metadata)).get("Name") or names.of_dist(self.folder).name

    @property
    def version(self) -> str:
        """As its metadata writes it, or its folder."""
        return dict(_METADATA.findall(self.metadata)).get("Version") or names.of_dist(self.folder).version


@dataclass(slots=True)
class Listed:
    """What is known of one environment's packages by the names of its files.

    Attributes:
        record_files: of conda.
        dists: whoever installed them.
    """

    record_files: tuple[str, ...] = ()
    dists: list[Dist] = field(default_factory=list)

    @property
    def conda(self) -> list[names.Named]:
        """The packages of conda."""
        return [names.of_record(each) for each in self.record_files]


def listed(http: EngineHttp, container_id: str, prefixes: Sequence[str], details: Details) -> list[Listed]:
    """The packages of each prefix, by one command in the container.

    Raises:
        NoShell: no command can be run in it.
        EngineError: they can't be read.
    """
    argv = (probe.SHELL, "-c", probe.script("packages.sh"), "packages", details.value, *prefixes)
    try:
        # as root, as some environments lie in homes that nobody else sees
        return _told(http, container_id, argv, len(prefixes), probe.ROOT)
    except NoSuchContainer:
        raise
    except EngineRefused:
        return _told(http, container_id, argv, len(prefixes), "")


def _told(http: EngineHttp, container_id: str, argv: Sequence[str], count: int, user: str) -> list[Listed]:
    run = probe.run(http, container_id, argv, _SECONDS, _MOST_BYTES, user)
    told = [Listed() for _ in range(count)]
    at, process_id, is_complete = -1, None, False
    for tag, fields in records(bytes(run.output)):
        if tag == "V" and len(fields) == 2 and fields[1].isdecimal():
            process_id = int(fields[1])
        elif tag == "B":
            at += 1
        elif tag == "C" and 0 <= at < count:
            told[at].record_files = tuple(each for each in fields[0].split("/") if each)
        elif tag == "P" and 0 <= at < count and len(fields) == 6:
            folder, installer, asked, metadata, url, record = fields
            told[at].dists.append(Dist(folder, installer, asked == "y", metadata, url, record))
        elif tag == "Z":
            is_complete = True
        elif tag is None:
            break
    if not run.has_ended:
        if process_id is not None:
            probe.end(http, container_id, process_id, user)
        raise EngineTimeout("The packages could not be read", f"it took longer than {_SECONDS:.0f} s")
    if not is_complete:
        raise EngineRefused("The packages could not be read", run.first_error or "the listing broke off")
    return told
