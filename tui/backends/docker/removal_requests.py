"""What every removal asks of the engine: how a thing is now, who uses it, and to delete it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tui.backends.deadline import DESCRIBE_SECONDS, REMOVAL_SECONDS
from tui.backends.docker.containers import from_list
from tui.backends.docker.disk_usage import Items, entries
from tui.backends.docker.disk_users import ContainerUse, uses
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.refusals import parse_json
from tui.model.containers import Container
from tui.model.disk_items import DiskItem
from tui.model.errors import EngineRefused, ItemChanged, ItemGone, ItemInUse, ItemStays

# More names than this are a count.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Users:
    """What all containers need now, and what they are called."""

    uses: Sequence[ContainerUse]
    containers: Mapping[str, Container]

    def words(self, ids: Sequence[str]) -> str:
        """Some of them by name: "container a uses it", "stopped containers a, b use it"."""
        known = [self.containers[each] for each in ids if each in self.containers]
        names = [each.name for each in known[:_NAMED]] or [each[:12] for each in ids[:_NAMED]]
        listed = ", ".join(names) + (f" and {len(ids) - len(names)} more" if len(ids) > len(names) else "")
        stopped = "" if any(each.is_alive for each in known) or not known else "stopped "
        verb = "need" if stopped else "use"
        return f"{stopped}container {listed} {verb}s it" if len(ids) == 1 else (
            f"{stopped}containers {listed} {verb} it"
        )  # fmt: skip


class RemovalRequests:
    """Questions about single things, and their removal, of one engine."""

    def __init__(self, engine: DockerEngine) -> None:
        """Args: engine to ask."""
        self._engine = engine

    def look(self, path: str) -> Mapping[str, Any] | None:
        """One object of the engine; None where it is not there. Raises an EngineError."""
        self._engine.api_version()
        try:
            told = self._engine.http.get_json(path, DESCRIBE_SECONDS)
        except EngineRefused as refusal:
            if refusal.status == 404:
                return None
            raise
        return told if isinstance(told, dict) else {}

    def listed(self, path: str) -> Items:
        """The entries of a list. Raises an EngineError."""
        self._engine.api_version()
        return entries(self._engine.http.get_json(path, DESCRIBE_SECONDS))

    def users(self) -> Users:
        """What all containers need, stopped ones too. Raises an EngineError."""
        listed = self.listed("/containers/json?all=1")
        return Users(uses(listed), {each.id: each for each in map(from_list, listed)})

    def delete(self, path: str) -> Items:
        """Delete something; the entries of the answer, where it has any. Raises an EngineError."""
        self._engine.api_version()
        body = self._engine.http.delete(path, REMOVAL_SECONDS)
        return entries(parse_json(body)) if body.strip() else ()

    def post(self, path: str, seconds: float = DESCRIBE_SECONDS) -> Mapping[str, Any]:
        """Ask for something to be done; the answer, where there is one. Raises an EngineError."""
        self._engine.api_version()
        body, _ = self._engine.http.post(path, None, seconds)
        told = parse_json(body) if body.strip() else {}
        return told if isinstance(told, dict) else {}


def part(text: str) -> str:
    """A name as a part of a request's path."""
    return quote(text, safe="")


def gone(item: DiskItem) -> ItemGone:
    """The error for something that somebody else removed."""
    return ItemGone(f"{item.name} is gone already", "somebody else removed it")


def in_use(item: DiskItem, why: str) -> ItemInUse:
    """The error for something that is used by now."""
    return ItemInUse(f"{item.name} is in use", why)


def changed(item: DiskItem, why: str) -> ItemChanged:
    """The error for something that is not as it was listed."""
    return ItemChanged(f"{item.name} is not as it was listed", why, "Look at it again")


def stays(item: DiskItem, refusal: EngineRefused) -> ItemStays:
    """The error for something that the engine does not remove, in its own words."""
    words = refusal.detail.lower()
    hint = refusal.hint if refusal.status != 409 else ""
    if "no space left" in words:
        hint = "The engine needs a little room to remove anything: delete a file on its disk by hand first"
    elif "read-only file system" in words:
        hint = "The engine's disk was mounted read-only, often after a fault of the disk: see dmesg"
    elif refusal.status in (401, 403):
        hint = "Whoever looks after the engine can allow it"
    return ItemStays(f"{item.name} was not removed", refusal.detail, hint)
