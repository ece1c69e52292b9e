"""What differs in a container from its image, as the engine tells it: one list, which may be very long."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import quote

from tui.backends.deadline import Deadline
from tui.backends.docker.http import EngineHttp
from tui.backends.docker.refusals import parse_json

# Between two entries; inside a path the quotation mark would be escaped.
_BETWEEN = b'},{"'


class ChangeKind(IntEnum):
    """As the API numbers them (GET /containers/{id}/changes)."""

    MODIFIED = 0
    ADDED = 1
    DELETED = 2


@dataclass(frozen=True, slots=True)
class Change:
    """One path of the writable layer; a folder is modified when anything in it is."""

    path: str
    kind: ChangeKind


def changes(http: EngineHttp, container_id: str, seconds: float) -> Generator[Change, None, None]:
    """Everything in a container's writable layer, as it comes.

    It is parsed in pieces: hundreds of thousands of paths are common where environments are made in
    containers, and parsing them at once would hold every other thread up.

    Raises:
        NoSuchContainer: there is none.
        EngineError: the engine can't be asked.
    """
    rest = b""
    path = f"/containers/{quote(container_id, safe='')}/changes"
    for block in http.get_blocks(path, Deadline(seconds)):
        rest += block
        ready, between, tail = rest.rpartition(_BETWEEN)
        if between:
            yield from _parsed(ready + b"}]")
            rest = b'[{"' + tail
    yield from _parsed(rest)


def _parsed(text: bytes) -> Iterator[Change]:
    """Entries of a whole or a mended list; `null` is what the engine says for none."""
    try:
        told = json.loads(text or b"null")
    except (ValueError, RecursionError):
        # in no form that the API has: the whole of it is told as any other strange answer
        told = parse_json(text)
    for each in told or ():
        try:
            yield Change(str(each["Path"]), ChangeKind(each["Kind"]))
        except (KeyError, TypeError, ValueError):
            continue
