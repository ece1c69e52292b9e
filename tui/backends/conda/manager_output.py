"""Takes what managers print apart into text, lines and JSON; all of it is foreign, and of any form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tui.backends.conda.names import plain

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# a plan of 2,000 packages is 2 MB of JSON
_MOST_JSON_BYTES = 64 << 20


def text_of(data: bytes) -> str:
    """The text without escape sequences and control characters; a line that was painted over is gone."""
    text = _ESCAPES.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return _CONTROL.sub("", "\n".join(lines))


def json_of(data: bytes) -> dict[str, Any] | None:
    """The object that is printed last; None where there is none.

    Warnings may stand before it. On a terminal conda puts NUL between its records.
    """
    if len(data) > _MOST_JSON_BYTES:
        return None
    for chunk in reversed(data.decode("utf-8", "replace").split("\0")):
        for start in _starts(chunk):
            try:
                told, _ = json.JSONDecoder().raw_decode(chunk, start)
            except (ValueError, RecursionError):
                continue
            if isinstance(told, dict):
                return told
    return None


def _starts(chunk: str) -> Iterator[int]:
    # an object of a manager begins a line; one within it is indented
    found = [each.start() for each in re.finditer(r"^\{", chunk, re.MULTILINE)]
    yield from found[:16]


def mapping(value: object) -> Mapping[str, Any]:
    """The value, or an empty mapping for anything else."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The mappings of a list, or none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The texts of a list, or none."""
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def text(value: object) -> str:
    """The value, or "" for anything but a text."""
    return value if isinstance(value, str) else ""


def whole(value: object) -> int | None:
    """The value, or None for anything but a number that is not negative."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def bytes_of(figure: str) -> int | None:
    """Bytes of "21MB" or "1.5 kB": steps of 1000, as libmamba writes them; None for anything else."""
    found = re.fullmatch(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*([kKMGT]?)i?B?\s*", figure)
    if found is None:
        return None
    steps = " KMGT".index(found[2].upper() or " ")
    return round(float(found[1]) * float(1000**steps))


def listed(lines: Sequence[str], after: str) -> list[str]:
    """The items ("- name") that follow the first line with a text, up to a line that is none."""
    found: list[str] = []
    start = next((number for number, line in enumerate(lines) if after in line), None)
    if start is None:
        return found
    for line in lines[start + 1 :]:
        item = re.match(r"\s*-\s+(\S.*?)\s*$", line)
        if item:
            found.append(item[1])
        elif line.strip() and found:
            break
        elif line.strip():
            return found
    return found


def same_name(a: str, b: str) -> bool:
    """Whether two names are of one package."""
    return plain(a) == plain(b)
