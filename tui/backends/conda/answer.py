"""Reads what `probe.sh` prints, whatever it prints; the format is described there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_TAG = re.compile(rb"([A-Z]) (\d{1,3})")
_FORMAT = b"1"
_ENVIRONMENT_FIELDS = 18


@dataclass(frozen=True, slots=True)
class Times:
    """When a file changed, and whose it is.

    Attributes:
        modified_at: epoch seconds.
        user: its owner's name, or number where it has none.
        stamp: everything that is known, with fractions of a second where the system tells them.
    """

    modified_at: float
    user: str
    stamp: str


@dataclass(frozen=True, slots=True)
class Found:
    """An environment as the probe saw it; its fields are those of the record."""

    prefix: str
    is_system: bool
    has_records: bool
    has_history: bool
    is_pixi: bool
    is_writable: bool
    is_frozen: bool
    python: str
    first_line: str
    second_line: str
    config: str
    packages_folder: str
    records: tuple[str, ...]
    conda_dists: tuple[str, ...]
    dists: tuple[str, ...]
    eggs: tuple[str, ...]
    torch_lines: str
    unreadable: tuple[str, ...]


@dataclass(slots=True)
class Answer:
    """Everything that one run of the probe told.

    Attributes:
        user: number of the user that it ran as, "-" where not known.
        process_id: of its shell, in the container; None where the answer does not begin as it should.
        closed_homes: that the user can't look into.
        programs: process number to program, of processes whose program is known.
        commands: process number to the beginning of its command line.
        times: by the position of an environment in `found`, and by what it is the time of.
        is_complete: it came to its end.
        is_garbage: something else than the probe printed, too.
    """

    user: str = "-"
    process_id: int | None = None
    closed_homes: list[str] = field(default_factory=list)
    managers: list[str] = field(default_factory=list)
    roots: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)
    programs: dict[int, str] = field(default_factory=dict)
    commands: dict[int, str] = field(default_factory=dict)
    times: dict[tuple[int, str], Times] = field(default_factory=dict)
    is_complete: bool = False
    is_garbage: bool = False


def read(output: bytes) -> Answer:
    """What an output tells, as far as it goes."""
    answer = Answer()
    for tag, fields in records(output):
        if tag is None:
            answer.is_garbage = True
            break
        _take(tag, fields, answer)
        if answer.is_complete:
            break
    return answer


def records(output: bytes) -> Iterator[tuple[str | None, list[str]]]:
    """Tag and fields of each whole record; a tag of None where something else begins."""
    parts = output.split(b"\0")
    # behind the last NUL stands nothing, or the beginning of what was cut off
    rest = parts.pop()
    at = 0
    while at < len(parts):
        told = _TAG.fullmatch(parts[at])
        if told is None:
            yield None, []
            return
        end = at + 1 + int(told[2])
        if end > len(parts):
            return
        yield told[1].decode(), [os.fsdecode(each) for each in parts[at + 1 : end]]
        at = end
    if rest and not parts:
        yield None, []


def _take(tag: str, fields: list[str], answer: Answer) -> None:
    if tag == "V" and len(fields) == 4 and fields[0] == _FORMAT.decode():
        answer.user = fields[1]
        answer.process_id = _number(fields[3])
    elif answer.process_id is None:
        # what does not introduce itself is not believed
        answer.is_garbage = True
    elif tag in "EY" and len(fields) == _ENVIRONMENT_FIELDS:
        answer.found.append(_found(fields, tag == "Y"))
    elif tag == "T" and len(fields) == 2:
        answer.times.update(_times(*fields))
    elif tag == "Z" and len(fields) == 1:
        answer.is_complete = fields[0] == str(len(answer.found))
        answer.is_garbage = answer.is_garbage or not answer.is_complete
    elif len(fields) == 1 and tag in "UMRD":
        lists = {
            "U": answer.closed_homes,
            "M": answer.managers,
            "R": answer.roots,
            "D": answer.folders,
        }
        lists[tag].append(fields[0])
    elif len(fields) == 2 and tag in "XA" and (number := _number(fields[0])) is not None:
        (answer.programs if tag == "X" else answer.commands)[number] = fields[1]
    else:
        answer.is_garbage = True


def _found(fields: list[str], is_system: bool) -> Found:
    """The first of the fields is its number, which is its position."""
    has_records, has_history, is_pixi, is_writable, is_frozen = (each == "y" for each in fields[2:7])
    records, conda_dists, dists, eggs = (tuple(filter(None, each.split("/"))) for each in fields[12:16])
    return Found(
        prefix=fields[1],
        is_system=is_system,
        has_records=has_records,
        has_history=has_history,
        is_pixi=is_pixi,
        is_writable=is_writable,
        is_frozen=is_frozen,
        python=fields[7],
        first_line=fields[8],
        second_line=fields[9],
        config=fields[10],
        packages_folder=fields[11],
        records=records,
        conda_dists=conda_dists,
        dists=dists,
        eggs=eggs,
        torch_lines=fields[16],
        unreadable=tuple(filter(None, fields[17].split("/"))),
    )


def _times(what: str, lines: str) -> Iterator[tuple[tuple[int, str], Times]]:
    asked = [each for each in what.split("/") if each]
    told = lines.splitlines()
    if len(asked) != len(told):
        # one of them went meanwhile: whose line is missing nobody can say
        return
    for name, line in zip(asked, told, strict=True):
        number, _, kind = name.partition(":")
        words = line.split(" ", 3)
        seconds = _number(words[0])
        if not number.isdecimal() or seconds is None or len(words) < 3:
            continue
        user = words[1] if words[2] in ("UNKNOWN", "?") else words[2]
        yield (int(number) - 1, kind), Times(float(seconds), user, line)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None
