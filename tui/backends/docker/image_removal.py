"""Removes one image with exactly the references that were listed, and puts back what it took too early.

An engine deletes an image by its id only while all that points at it is in one repository with at most one
tag (moby, daemon/images/image_delete.go: ImageDelete; 20.10 to 28). So the other references are taken one by
one before. The request by the id then takes the rest, or nothing at all: the engine looks for containers and
children of its own accord, in one step with the removal.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tui.backends.docker.disk_users import full_id, users_of_image
from tui.backends.docker.removal_requests import (
    RemovalRequests,
    changed,
    gone,
    in_use,
    part,
    stays,
)
from tui.model.disk_items import DiskItem, Reclaimed, image_seen
from tui.model.errors import EngineError, EngineRefused, EngineTimeout, ReclaimError

# What an engine was at when the way to it was lost is done or given up by then.
_SETTLED_SECONDS = 3.0
# … and where only its answer did not come in time.
_SLOW_SECONDS = 40.0
_GENTLY = "noprune=1&force=0"


@dataclass(slots=True)
class _Taken:
    """What was taken from an image before it was sure that it goes.

    Attributes:
        tags: can be put back.
        digests: can't: only a registry gives them.
        also: what went that was not listed.
        parts: what went as a part of it.
        lost_at: by `time.monotonic()`, when the way to the engine was lost.
    """

    tags: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    lost_at: float = 0.0


@dataclass(frozen=True, slots=True)
class UntagOrder:
    """Which references are taken one by one, before the image is deleted by its id.

    Attributes:
        first: tags that can be put back.
        last: what takes digests with it, which can't be put back.
    """

    first: tuple[str, ...] = ()
    last: tuple[str, ...] = ()


def untag_order(tags: Sequence[str], digests: Sequence[str]) -> UntagOrder:
    """What is to be taken so that the rest is one repository with at most one tag.

    The last tag of a repository takes the repository's digests with it, so that it comes late. The repository
    that stays is one with digests, where there is one.
    """
    repositories: dict[str, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for tag in tags:
        repositories[tag.rpartition(":")[0]][0].append(tag)
    for digest in digests:
        repositories[digest.partition("@")[0]][1].append(digest)
    if not repositories:
        return UntagOrder()
    kept = max(repositories, key=lambda name: (bool(repositories[name][1]), bool(repositories[name][0])))
    first: list[str] = []
    last: list[str] = []
    for name, (its_tags, its_digests) in repositories.items():
        if name == kept:
            first += its_tags[:-1]
        elif not its_digests:
            first += its_tags
        else:
            first += its_tags[:-1]
            last += [*its_tags[-1:], *its_digests]
    return UntagOrder(tuple(first), tuple(last))


class ImageRemoval:
    """Removes images of one engine. Thread-safe."""

    def __init__(self, requests: RemovalRequests) -> None:
        """Args: of the engine."""
        self._requests = requests
        self._lock = threading.Lock()
        # by image id: taken while the way to the engine was lost
        self._left: dict[str, _Taken] = {}

    def remove(self, item: DiskItem) -> Reclaimed:
        """See `Reclaiming.reclaim`."""
        tags, digests = self._as_listed(item)
        self._is_unused(item)
        taken = _Taken()
        try:
            self._take(item, untag_order(tags, digests), taken)
        except EngineError as error:
            if taken.tags or taken.digests:
                error.detail += f"; taken from it by then: {', '.join((*taken.tags, *taken.digests))}"
            # an engine that only did not answer may still be at it
            later = _SLOW_SECONDS if isinstance(error, EngineTimeout) else 0.0
            taken.lost_at = time.monotonic() + later
            with self._lock:
                self._left[item.id] = taken
            raise
        return Reclaimed(also_removed=tuple(taken.also), parts=tuple(taken.parts))

    def is_there(self, item: DiskItem) -> bool:
        """See `Reclaiming.is_there`. Tags that were taken when the engine was lost are put back on it."""
        if self._look(item.id) is None:
            with self._lock:
                self._left.pop(item.id, None)
            return False
        with self._lock:
            taken = self._left.get(item.id)
            if taken is None or time.monotonic() - taken.lost_at < _SETTLED_SECONDS:
                return True
            del self._left[item.id]
        self._put_back(item.id, taken)
        return True

    # -- looking

    def _look(self, reference: str) -> Mapping[str, Any] | None:
        return self._requests.look(f"/images/{part(reference)}/json")

    def _as_listed(self, item: DiskItem) -> tuple[list[str], list[str]]:
        """Its tags and digests, which are those that were listed."""
        told = self._look(item.id)
        if told is None or full_id(told.get("Id")) != item.id:
            raise gone(item)
        tags, digests = _references(told)
        if image_seen(tags, digests) != item.seen:
            listed, now = set(item.seen.split("\n")) - {""}, {*tags, *digests}
            news = [f"{each} points at it now" for each in sorted(now - listed)]
            news += [f"{each} does not point at it any more" for each in sorted(listed - now)]
            raise changed(item, ", ".join(news))
        return tags, digests

    def _is_unused(self, item: DiskItem) -> None:
        users = self._requests.users()
        found = users_of_image(item.id, item.references, users.uses)
        if found:
            raise in_use(item, users.words(found))

    def _has_no_children(self, item: DiskItem) -> None:
        children = self._children(item)
        if children:
            raise in_use(item, f"image {', '.join(children)} stands on it")

    def _children(self, item: DiskItem) -> list[str]:
        listed = self._requests.listed("/images/json?all=1")
        found = [entry for entry in listed if full_id(entry.get("ParentId")) == item.id]
        return [next(iter(_references(entry)[0]), str(entry.get("Id"))[:19]) for entry in found[:3]]

    # -- taking and putting back

    def _take(self, item: DiskItem, order: UntagOrder, taken: _Taken) -> None:
        """Take what is to be taken first, then all the rest; put it back where the rest is not to be had."""
        try:
            if order.first or order.last:
                # the engine looks for children, too, but only once it is asked by the id
                self._has_no_children(item)
            for reference in order.first:
                if self._untag(item, reference, taken):
                    return
            if order.last:
                self._is_unused(item)
                self._has_no_children(item)
            for reference in order.last:
                if self._untag(item, reference, taken):
                    return
            self._note(item, taken, self._requests.delete(f"/images/{part(item.id)}?{_GENTLY}"))
        except EngineRefused as refusal:
            raise self._refused(item, refusal, taken) from refusal
        except ReclaimError as error:
            error.detail += self._put_back(item.id, taken)
            raise

    def _untag(self, item: DiskItem, reference: str, taken: _Taken) -> bool:
        """Take one reference, if it still points at the image; whether the image went with it.

        It does where somebody else took all the others meanwhile.
        """
        told = self._look(reference)
        if told is None and "@" in reference:
            # it went with the last tag of its repository
            return False
        if told is None or full_id(told.get("Id")) != item.id:
            raise changed(item, f"{reference} does not point at it any more")
        return self._note(item, taken, self._requests.delete(f"/images/{part(reference)}?{_GENTLY}"))

    def _note(self, item: DiskItem, taken: _Taken, answer: Sequence[Mapping[str, Any]]) -> bool:
        """Write down what the engine says that it took; whether the image was part of it."""
        for entry in answer:
            reference = str(entry.get("Untagged") or "")
            if not reference:
                continue
            (taken.digests if "@" in reference else taken.tags).append(reference)
            if reference not in item.references:
                taken.also.append(reference)
        deleted = [full_id(entry["Deleted"]) for entry in answer if entry.get("Deleted")]
        if deleted and deleted[0] != item.id:
            # an image comes before its layers: a tag pointed at another one by then
            taken.also.append(deleted[0])
        taken.parts += deleted[1:]
        return item.id in deleted

    def _refused(self, item: DiskItem, refusal: EngineRefused, taken: _Taken) -> ReclaimError:
        """Why the engine did not go on, with all put back that can be."""
        told = self._look(item.id)
        if told is None:
            return gone(item)
        if refusal.status >= 500:
            # an engine on a full disk takes a reference, and fails to write that down
            lacking = {*item.references} - {*_all_references(told), *taken.tags, *taken.digests}
            taken.tags += sorted(each for each in lacking if "@" not in each)
            taken.digests += sorted(each for each in lacking if "@" in each)
        words = self._put_back(item.id, taken)
        error: ReclaimError
        users = self._requests.users()
        if found := users_of_image(item.id, item.references, users.uses):
            error = in_use(item, users.words(found))
        elif children := self._children(item):
            error = in_use(item, f"image {', '.join(children)} stands on it")
        elif strange := [each for each in _all_references(told) if each not in item.references]:
            error = changed(item, f"{', '.join(strange)} points at it now")
        elif refusal.status == 409:
            error = in_use(item, refusal.detail)
        else:
            error = stays(item, refusal)
        error.detail += words
        return error

    def _put_back(self, image_id: str, taken: _Taken) -> str:
        """Give an image its tags again; what came of it, in words, "" where nothing was taken."""
        back, failed = [], [f"{each} (only its registry gives it again)" for each in taken.digests]
        for tag in taken.tags:
            try:
                there = self._look(tag)
                if there is None:
                    self._tag(image_id, tag)
                elif full_id(there.get("Id")) != image_id:
                    failed.append(f"{tag} (it points at another image by now)")
                    continue
                back.append(tag)
            except EngineError as error:
                failed.append(f"{tag} ({error.detail or error.title})")
        words = f"; put back: {', '.join(back)}" if back else ""
        return words + (f"; taken and not put back: {', '.join(failed)}" if failed else "")

    def _tag(self, image_id: str, tag: str) -> None:
        repository, _, name = tag.rpartition(":")
        query = urlencode({"repo": repository, "tag": name})
        try:
            self._requests.post(f"/images/{part(image_id)}/tag?{query}")
        except EngineRefused:
            # on a full disk it is done all the same, only not written down
            if full_id((self._look(tag) or {}).get("Id")) != image_id:
                raise


def _references(told: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Tags and digests of an image, from its inspection or its entry in a list."""
    tags = [str(each) for each in told.get("RepoTags") or () if each != "<none>:<none>"]
    digests = [str(each) for each in told.get("RepoDigests") or () if not str(each).startswith("<none>@")]
    # engines tell them in another order each time
    return sorted(tags), sorted(digests)


def _all_references(told: Mapping[str, Any]) -> list[str]:
    tags, digests = _references(told)
    return tags + digests
