"""Reads files that name versions line by line: conda's explicit locks, and requirements of pip."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.model.changes import MOST_FILE_BYTES, FileFormat
from tui.model.environment_records import CondaRecord
from tui.model.errors import FileFault

#: The line that makes a file of addresses a lock.
EXPLICIT = "@EXPLICIT"
#: What our own locks write in front of a line for pip, which conda takes for a comment.
PIP_MARK = "# pip:"
#: What our own requirements files say, where they pin all that pip has.
COMPLETE = "# complete: the whole environment, but for what is named as not carried"

# conda's own form: an address or path, then perhaps a hash (conda/misc.py, `url_pat`)
_PACKAGE = re.compile(
    r"(?P<url>(?P<folder>.*[/\\])?(?P<file>[^/\\#]+)\.(?:conda|tar\.bz2))"
    r"(?:#(?:(?P<md5>[0-9a-f]{32})|(?:sha256:)?(?P<sha256>[0-9a-f]{64})))?"
)
_FOLDER = re.compile(r"(?P<channel>.*?)[/\\]?(?P<subdir>noarch|[a-z]+-[a-z0-9]+)[/\\]")
_PYTHON = re.compile(r"# python (\d[\w.]*)")
_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)")
# Behind our mark stand only a package and a version, a package and an address, or an index.
_PIP_LINE = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?(?:==[A-Za-z0-9._+!-]+| @ (?:(?!\$\{)[!-~])+)"
    r"|--extra-index-url https://[A-Za-z0-9./_-]+"
)
_MOST_LINES = 50_000


@dataclass(frozen=True, slots=True)
class Lock:
    """What such a file says.

    Attributes:
        file_format: EXPLICIT or REQUIREMENTS.
        conda: packages with their addresses; channel, subdir and hashes as far as the address tells them.
        pip: lines for pip, in their order, options among them; comments and continuations are resolved.
        platform: that it says it is for, "" for none.
        python: version that it says it was made with, "" for none.
        is_complete: what is not in it is not in the environment either.
    """

    file_format: FileFormat
    conda: tuple[CondaRecord, ...] = ()
    pip: tuple[str, ...] = ()
    platform: str = ""
    python: str = ""
    is_complete: bool = False


def is_explicit(text: str) -> bool:
    """Whether a text is a lock of conda's."""
    return any(line.strip() == EXPLICIT for line in text.splitlines())


def read_lock(text: str, name: str = "") -> Lock:
    """What a lock or a requirements file says.

    Args:
        text: all of it.
        name: of the file, for errors.

    Raises:
        FileFault: it is neither; names line, what is found there and what is expected.
    """
    if len(text) > MOST_FILE_BYTES or "\0" in text:
        found = "it is too large" if len(text) > MOST_FILE_BYTES else "it holds a NUL"
        raise FileFault(name or "The file", f"{found}, expected lines of text")
    lines = text.removeprefix("\ufeff").splitlines()
    if len(lines) > _MOST_LINES:
        raise FileFault(name or "The file", f"it has {len(lines)} lines, expected at most {_MOST_LINES}")
    if is_explicit(text):
        return _explicit(lines, name)
    python = next((told[1] for line in lines if (told := _PYTHON.fullmatch(line.strip()))), "")
    is_complete = any(line.strip() == COMPLETE for line in lines)
    pip = tuple(_requirements(lines))
    return Lock(FileFormat.REQUIREMENTS, pip=pip, python=python, is_complete=is_complete)


def _explicit(lines: list[str], name: str) -> Lock:
    conda, pip, platform = [], [], ""
    for number, raw in enumerate(lines, 1):
        line = raw.strip()
        told = _PLATFORM.fullmatch(line)
        if told:
            platform = told[1]
        elif line.startswith(PIP_MARK):
            wanted = line.removeprefix(PIP_MARK).strip()
            if not _PIP_LINE.fullmatch(wanted):
                raise _fault(name, number, "something else", "a package of pip with version or address")
            pip.append(wanted)
        elif line and not line.startswith("#") and line != EXPLICIT:
            package = _package(line)
            if package is None:
                raise _fault(name, number, "something else", "the address of a package of conda")
            conda.append(package)
    return Lock(FileFormat.EXPLICIT, tuple(conda), tuple(pip), platform, is_complete=True)


def _package(line: str) -> CondaRecord | None:
    found = _PACKAGE.fullmatch(line)
    parts = found["file"].rsplit("-", 2) if found else []
    if found is None or len(parts) != 3 or not all(parts):
        return None
    folder = _FOLDER.fullmatch(found["folder"] or "")
    name, version, build = parts
    return CondaRecord(
        name,
        version,
        build,
        channel=folder["channel"] if folder else "",
        subdir=folder["subdir"] if folder else "",
        url=found["url"],
        md5=found["md5"] or "",
        sha256=found["sha256"] or "",
    )


def _requirements(lines: list[str]) -> list[str]:
    """As pip joins them ("Requirements File Format" in its documentation)."""
    found, begun = [], ""
    for raw in lines:
        # a comment line ends no continuation, and begins none
        if raw.lstrip().startswith("#"):
            continue
        text = begun + raw
        if text.endswith("\\") and len(text) < MOST_FILE_BYTES:
            begun = text[:-1]
            continue
        begun = ""
        plain = re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()
        if plain:
            found.append(plain)
    if begun.strip():
        found.append(begun.strip())
    return found


def _fault(name: str, line: int, found: str, expected: str) -> FileFault:
    place = f"{name or 'The file'}, line {line}"
    return FileFault(place, f"found {found}, expected {expected}", line=line)
