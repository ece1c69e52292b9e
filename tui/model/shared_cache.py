"""Which layers the build cache keeps on the disk when their images are gone: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tui.model.disk import BuildRecord, DiskImage, ImageLayer

# An engine's chain of records is not longer than its images; a circle in it must not go on for ever.
_MOST_PARENTS = 500


def records_of_layers(
    images: Sequence[DiskImage], records: Sequence[BuildRecord]
) -> dict[str, frozenset[str]]:
    """The build records that hold a layer, by its chain id: it stays until all its images and these are gone.

    The engine tells that a record is shared with an image, not with which. A record and those that it stands
    on are found in an image by their sizes, which are the same to the byte; what lies below them is held too,
    the image that the build began with included, whose record has no size (measured: Docker 20.10).

    Args:
        images: all images, with their layers.
        records: of the build cache; those that are not shared hold nothing of an image.
    """
    by_id = {record.id: record for record in records}
    ends = _ends_by_size(images)
    held: dict[str, set[str]] = {}
    for record in records:
        if not record.is_shared or not record.size_bytes:
            continue
        sizes = _sizes_down(record, by_id)
        for layers in ends.get(record.size_bytes, ()):
            if _stands_on(layers, sizes):
                for below in layers:
                    held.setdefault(below.chain_id, set()).add(record.id)
    return {chain: frozenset(ids) for chain, ids in held.items()}


def _ends_by_size(images: Sequence[DiskImage]) -> dict[int, list[tuple[ImageLayer, ...]]]:
    """Each layer with those below it, once however many images have it, by its size."""
    ends: dict[int, list[tuple[ImageLayer, ...]]] = {}
    seen: set[str] = set()
    for image in images:
        for index, layer in enumerate(image.layers):
            if layer.size_bytes and layer.chain_id not in seen:
                seen.add(layer.chain_id)
                ends.setdefault(layer.size_bytes, []).append(image.layers[: index + 1])
    return ends


def _sizes_down(record: BuildRecord, by_id: Mapping[str, BuildRecord]) -> tuple[int, ...]:
    """Of a record and those below it, without the empty ones; ends where several are joined."""
    sizes: list[int] = []
    at: BuildRecord | None = record
    for _ in range(_MOST_PARENTS):
        if at is None:
            break
        if at.size_bytes:
            sizes.append(at.size_bytes)
        at = by_id.get(at.parents[0]) if len(at.parents) == 1 else None
    return tuple(sizes)


def _stands_on(layers: Sequence[ImageLayer], sizes: Sequence[int]) -> bool:
    """Whether layers, the highest last, end with these sizes, the highest first; unknown ones may be any."""
    told = [layer.size_bytes for layer in reversed(layers) if layer.size_bytes != 0]
    return len(told) >= len(sizes) and all(
        size is None or size == wanted for size, wanted in zip(told, sizes, strict=False)
    )
