"""Removes one record of the build cache, through a request that is made to remove many."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import urlencode

from tui.backends.deadline import REMOVAL_SECONDS
from tui.backends.docker import disk_entries
from tui.backends.docker.disk_usage import SharedUsage
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.removal_requests import RemovalRequests, gone, in_use
from tui.model.disk import BuildRecord
from tui.model.disk_items import DiskItem, Reclaimed
from tui.model.errors import ItemStays

# What a builder makes ids of. Anything else could mean more than itself in a pattern.
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class BuildRecordRemoval:
    """Removes build records of one engine."""

    def __init__(self, engine: DockerEngine, requests: RemovalRequests) -> None:
        """Args: the engine, and how it is asked."""
        self._requests = requests
        self._usage = SharedUsage(engine)

    def remove(self, item: DiskItem) -> Reclaimed:
        """See `Reclaiming.reclaim`."""
        if not _PLAIN.fullmatch(item.id):
            raise ItemStays(f"{item.name} was not removed", "its id can't be asked for by itself")
        # the engine takes the id for a regular expression (moby, builder-next: `id~=`), and leaves what is
        # shared with an image, or the builder's own, without `all`
        query = urlencode({"all": "1", "filters": json.dumps({"id": [f"^{item.id}$"]})})
        told = self._requests.post(f"/build/prune?{query}", REMOVAL_SECONDS)
        removed = [str(each) for each in told.get("CachesDeleted") or ()]
        others = tuple(each for each in removed if each != item.id)
        if item.id not in removed:
            self._explain(item, others)
        freed = told.get("SpaceReclaimed")
        return Reclaimed(freed if isinstance(freed, int) else None, others)

    def is_there(self, item: DiskItem) -> bool:
        """See `Reclaiming.is_there`."""
        return any(each.id == item.id for each in self._records())

    def _records(self) -> Sequence[BuildRecord]:
        usage = self._usage.usage("build-cache", lambda: False)
        return disk_entries.build_records(usage.build_cache or ())

    def _explain(self, item: DiskItem, others: Sequence[str]) -> None:
        """Raise the error that tells why a record was not removed."""
        records = self._records()
        found = next((each for each in records if each.id == item.id), None)
        if found is None:
            raise gone(item)
        if found.in_use:
            raise in_use(item, "a build that runs uses it")
        children = [each.id for each in records if item.id in each.parents]
        if children:
            raise in_use(item, f"record {', '.join(children[:3])} stands on it")
        if found.is_shared:
            raise in_use(item, "an image is made of it")
        went = f"; removed instead: {', '.join(others)}" if others else ""
        raise ItemStays(f"{item.name} was not removed", f"the builder keeps it and does not say why{went}")
