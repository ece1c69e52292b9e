"""What differs in a container from its image, as the engine tells it: one list, which may be very long."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import quote

from tui.backends.deadline import Deadline
from tui.backends.docker.http import EngineHttp
from tui.backends.docker.refusals import parse_json

# Between two entries; inside a path the quotation mark would be escaped.
_BETWEEN = b'},{"'
# Python writes them where it runs. An environment is as it came with them, and nothing is lost without them.
_CACHE_FOLDER = "/__pycache__"
_PACKAGE_CACHE = "/pkgs"


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
    return changes_until(http, container_id, Deadline(seconds))


def changes_until(http: EngineHttp, container_id: str, deadline: Deadline) -> Generator[Change, None, None]:
    """The same with a deadline that can be called off: a ReclaimError is raised then."""
    rest = b""
    path = f"/containers/{quote(container_id, safe='')}/changes"
    for block in http.get_blocks(path, deadline):
        rest += block
        ready, between, tail = rest.rpartition(_BETWEEN)
        if between:
            yield from _parsed(ready + b"}]")
            rest = b'[{"' + tail
    yield from _parsed(rest)


def really_changed(told: Iterable[Change]) -> Iterator[Change]:
    """Those that are changed themselves: a folder is also told for anything that is changed in it.

    What Python caches where it runs is left out: nothing is lost without it.

    Args:
        told: as the engine tells them, each folder before what is in it.
    """
    last: Change | None = None
    for change in told:
        is_in_last = last is not None and change.path.startswith(f"{last.path}/")
        if (
            last is not None
            and not (is_in_last and last.kind is ChangeKind.MODIFIED)
            and not _is_cache(last.path)
        ):
            yield last
        last = change
    if last is not None and not _is_cache(last.path):
        yield last


def holder_of(path: str, by_length: Sequence[str]) -> str | None:
    """The environment whose own file a path is; None in none, or in the package cache of one.

    Args:
        path: of a change.
        by_length: prefixes, the longest first: what is below an environment that lies in another one is
            its own.
    """
    holder = next((each for each in by_length if is_in(path, each)), None)
    return None if holder is None or is_in(path, holder + _PACKAGE_CACHE) else holder


def is_in(path: str, folder: str) -> bool:
    """Whether a path is a folder or in it."""
    return path == folder or path.startswith(f"{folder}/")


def _is_cache(path: str) -> bool:
    return path.endswith(_CACHE_FOLDER) or f"{_CACHE_FOLDER}/" in path


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
