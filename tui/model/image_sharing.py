"""What images really give back: each layer is on the disk once, whoever stands on it; pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from tui.model.disk import BuildRecord, DiskImage
from tui.model.shared_cache import records_of_layers


class ImageSharing:
    """Which image and which build record holds which layer."""

    def __init__(self, images: Sequence[DiskImage], records: Sequence[BuildRecord] | None = ()) -> None:
        """Args: all images of the host; all records of its build cache, None where they were not read."""
        self._images = {image.id: image for image in images}
        is_unread = records is None
        records = records or ()
        self._records = {record.id: record for record in records}
        self._users: dict[str, set[str]] = defaultdict(set)
        self._sizes: dict[str, int | None] = {}
        for image in images:
            for layer in image.layers:
                self._users[layer.chain_id].add(image.id)
                if self._sizes.get(layer.chain_id) is None:
                    self._sizes[layer.chain_id] = layer.size_bytes
        self._held: Mapping[str, frozenset[str]] = records_of_layers(images, records) if records else {}
        shared = {record.id for record in records if record.is_shared and record.size_bytes}
        # which layers these hold can't be told, nor which those do that nobody read: they may be any
        self._is_vague = is_unread or bool(shared - {each for ids in self._held.values() for each in ids})

    def freed(self, image_ids: Collection[str], record_ids: Collection[str] = ()) -> tuple[int, bool]:
        """Bytes that are free once all of these are gone, and whether that is exact.

        A layer goes with its last image and the last build record that holds it.

        Args:
            image_ids: of images; those that are not known count nothing.
            record_ids: of build records that go too.
        """
        images, records = set(image_ids), set(record_ids)
        total, is_exact = 0, True
        gone = self._gone_chains(images, records)
        for chain in gone:
            size = self._sizes[chain]
            is_exact = is_exact and size is not None
            total += size or 0
        for image_id in images & self._images.keys():
            image = self._images[image_id]
            if image.layers:
                continue
            if image.size_bytes is None or image.shared_bytes is None:
                is_exact = False
            else:
                # nothing tells what it shares with whom: at least what nobody else has
                total += max(0, image.size_bytes - image.shared_bytes)
                is_exact = is_exact and image.shared_bytes == 0
        for record_id in records & self._records.keys():
            record = self._records[record_id]
            if record.is_shared:
                continue
            is_exact = is_exact and record.size_bytes is not None
            total += record.size_bytes or 0
        return total, is_exact and not (self._is_vague and images)

    def own_bytes(self, image_id: str) -> int | None:
        """What one image gives back alone; None where that is not known."""
        image = self._images[image_id]
        if not image.layers:
            if image.size_bytes is None or image.shared_bytes is None:
                return None
            return max(0, image.size_bytes - image.shared_bytes)
        sizes = [self._sizes[chain] for chain in self._gone_chains({image_id}, set())]
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def all_bytes(self) -> int | None:
        """What all images take, each layer once; None where that is not known."""
        if any(not image.layers and image.size_bytes != 0 for image in self._images.values()):
            return None
        sizes = list(self._sizes.values())
        known = [size for size in sizes if size is not None]
        return sum(known) if len(known) == len(sizes) else None

    def _gone_chains(self, images: Collection[str], records: Collection[str]) -> Iterable[str]:
        seen: set[str] = set()
        images, records = frozenset(images), frozenset(records)
        for image_id in images:
            image = self._images.get(image_id)
            for layer in image.layers if image is not None else ():
                chain = layer.chain_id
                if chain not in seen and self._users[chain] <= images:
                    seen.add(chain)
                    if self._held.get(chain, frozenset()) <= records:
                        yield chain
