"""All that is known of one thing on the disk: layers, tags, users, what is in it, what is lost with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tui.model.containers import Container
from tui.model.disk import DiskFacts, DiskImage
from tui.model.disk_items import DiskItem, DiskKind, ItemKey
from tui.monitor.known_disk import KnownDisk
from tui.monitor.topics import CONTAINERS, DISK, Snapshot
from tui.ui.bridge import Bridge
from tui.ui.screens.disk_words import KIND_WORDS, age_words, count_words, safety_part, size_words
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import fit, printable

_LABEL_CELLS = 13


def detail_lines(item: DiskItem, facts: DiskFacts, containers: Iterable[Container], now: float) -> list[Line]:
    """Pure. Args: now: epoch seconds."""
    by_id = {each.id: each for each in containers}
    word, tone = safety_part(item)
    lines: list[Line] = [
        _field("name", item.name),
        _field("id", item.id),
        _field("size", f"{size_words(item.size_bytes)}, its removal alone frees "
                       f"{size_words(item.reclaimable_bytes)}"),
        [(f" {fit('safety', _LABEL_CELLS)}", "muted"), (word, tone),
         (f": {printable(item.why_not or item.reason)}" if item.why_not or item.reason else "", "")],
    ]  # fmt: skip
    if item.created_at is not None:
        lines.append(_field("created", f"{age_words(item.created_at, now)} ago"))
    if item.last_used_at is not None:
        lines.append(_field("last used", f"{age_words(item.last_used_at, now)} ago"))
    if item.loses:
        lines += _section("Lost with it", item.loses)
    about = {
        DiskKind.IMAGE: _image, DiskKind.CONTAINER: _container, DiskKind.VOLUME: _volume,
        DiskKind.NETWORK: _network, DiskKind.BUILD_CACHE: _record, DiskKind.LOG: _log,
        DiskKind.CACHE: _cache, DiskKind.ENVIRONMENT: _environment,
    }  # fmt: skip
    lines += about[item.kind](item, facts, by_id)
    if item.follows:
        lines += _section(
            "Goes after",
            [f"{KIND_WORDS[kind]} {each_id.removeprefix('sha256:')[:12]}" for kind, each_id in item.follows],
        )
    return lines


def _field(label: str, value: str) -> Line:
    return [(f" {fit(label, _LABEL_CELLS)}", "muted"), (printable(value), "")]


def _section(title: str, values: Sequence[str]) -> list[Line]:
    return [[("", "")], [(f" {title}", "strong")], *([(f"   {printable(each)}", "")] for each in values)]


def _users(ids: Sequence[str] | None, by_id: Mapping[str, Container]) -> list[Line]:
    if ids is None:
        return _section("Used by", ["that is not known"])
    told = []
    for each in ids:
        container = by_id.get(each)
        told.append(each[:12] if container is None else f"{container.name}  ({container.state.value})")
    return _section("Used by", told or ["no container"])


def _image(item: DiskItem, facts: DiskFacts, by_id: Mapping[str, Container]) -> list[Line]:
    image = next((each for each in facts.images or () if each.id == item.id), None)
    if image is None:
        return []
    lines = [_field("shared", f"{size_words(image.shared_bytes)} with other images")]
    lines += _section("Tags", image.tags or ("none",))
    lines += _section("In a registry as", image.digests or ("nowhere, as far as the engine knows",))
    lines += _users(image.used_by, by_id)
    return lines + _layers(image, facts)


def _layers(image: DiskImage, facts: DiskFacts) -> list[Line]:
    if not image.layers:
        return _section("Layers", ["not told by the engine"])
    others: dict[str, int] = {}
    for each in facts.images or ():
        for chain in {layer.chain_id for layer in each.layers}:
            others[chain] = others.get(chain, 0) + (each.id != image.id)
    told = []
    for number, layer in enumerate(image.layers, 1):
        shared = others.get(layer.chain_id, 0)
        words = f"shared with {count_words(shared, 'image')}" if shared else "its own"
        chain = layer.chain_id.removeprefix("sha256:")[:12]
        told.append(f"{number:3}  {size_words(layer.size_bytes):>9}  {chain}  {words}")
    return _section("Layers, lowest first", told)


def _container(item: DiskItem, facts: DiskFacts, by_id: Mapping[str, Container]) -> list[Line]:
    lines: list[Line] = []
    container = by_id.get(item.id)
    if container is not None:
        lines += [_field("state", container.state.value), _field("image", container.image)]
        lines += _section("Mounts", container.mounts or ("none",))
    changes = facts.layers.get(item.id)
    if changes is not None:
        lines += _section(
            "Against its image",
            [f"{changes.added} added, {changes.changed} changed, {changes.deleted} deleted",
             *(f"{count:6}  {folder}" for folder, count in changes.folders)],
        )  # fmt: skip
    listing = facts.environments.get(item.id)
    if listing is not None and listing.environments:
        prefixes = changes.prefixes if changes is not None else {}
        told = []
        for each in listing.environments:
            size = facts.sizes.get((item.id, each.prefix))
            words = prefixes.get(each.prefix)
            origin = (
                words.value if words is not None else each.origin.value if each.origin else "origin not known"
            )
            known = f"  {size_words(size.size_bytes)}" if size is not None else ""
            told.append(f"{each.name or each.prefix}  {each.prefix}  {origin}{known}")
        lines += _section("Environments inside", told)
    return lines


def _volume(item: DiskItem, facts: DiskFacts, by_id: Mapping[str, Container]) -> list[Line]:
    volume = next((each for each in facts.volumes or () if each.name == item.id), None)
    if volume is None:
        return []
    lines = [_field("driver", volume.driver), _field("on the host", volume.mount_point or "–")]
    if volume.labels:
        lines += _section("Labels", [f"{key}={value}" for key, value in volume.labels.items()])
    return lines + _users(volume.used_by, by_id)


def _network(item: DiskItem, facts: DiskFacts, by_id: Mapping[str, Container]) -> list[Line]:
    network = next((each for each in facts.networks or () if each.id == item.id), None)
    if network is None:
        return []
    return [_field("driver", network.driver), *_users(network.used_by, by_id)]


def _record(item: DiskItem, facts: DiskFacts, _: Mapping[str, Container]) -> list[Line]:
    record = next((each for each in facts.build_cache or () if each.id == item.id), None)
    if record is None:
        return []
    used = "–" if record.usage_count is None else str(record.usage_count)
    lines = [_field("kind", record.kind), _field("what", record.description), _field("times used", used)]
    if record.is_shared:
        lines.append(_field("shared", "with an image: it takes the image's removal to free it"))
    return lines + (_section("Stands on", record.parents) if record.parents else [])


def _log(item: DiskItem, facts: DiskFacts, _: Mapping[str, Container]) -> list[Line]:
    log = next((each for each in facts.logs or () if each.container_id == item.container_id), None)
    if log is None:
        return []
    return [_field("file", log.path or "–"), _field("limit", log.limit or "none: it grows without end")]


def _cache(item: DiskItem, facts: DiskFacts, by_id: Mapping[str, Container]) -> list[Line]:
    cache = next(
        (each for each in facts.caches.get(item.container_id, ()) if item.id.endswith(f":{each.path}")), None
    )
    lines = [_inside(item, by_id)]
    if cache is not None:
        lines += [_field("folder", cache.path), _field("owner", cache.owner)]
    return lines


def _environment(item: DiskItem, _: DiskFacts, by_id: Mapping[str, Container]) -> list[Line]:
    return [_inside(item, by_id), _field("prefix", item.id.partition(":")[2])]


def _inside(item: DiskItem, by_id: Mapping[str, Container]) -> Line:
    container = by_id.get(item.container_id)
    return _field("container", container.name if container is not None else item.container_id[:12])


class DiskDetailScreen(TextScreen):
    """Follows what is known of one thing while it is open."""

    def __init__(self, key: ItemKey, bridge: Bridge) -> None:
        """Args: what; where it is known."""
        super().__init__("Details")
        self._key = key
        self._bridge = bridge

    def fill(self) -> None:
        """Show what is known, and what comes from now on."""
        self._bridge.read(DISK, self._read)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._bridge.forget(DISK, self._read)

    def _read(self, snapshot: Snapshot[KnownDisk]) -> None:
        known = snapshot.value
        if known is None:
            return
        item = next((each for each in known.items if each.key == self._key), None)
        if item is None:
            # what was known of it stays; its title says the rest
            self._show_title("it is gone")
            return
        self._title = f"{KIND_WORDS[item.kind]} {printable(item.name)}"
        containers = self._bridge.monitor.store.value(CONTAINERS)
        now = self._bridge.monitor.workstation.now()
        self.show_lines(detail_lines(item, known.facts, containers or (), now))
