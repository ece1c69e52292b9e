"""What is lost when an environment is removed: bytes, work in it, processes and their GPU memory; pure."""

from __future__ import annotations

from tui.model.environments import Origin
from tui.model.gpu_rows import GpuOwners, holders
from tui.model.joins import EnvironmentRow
from tui.model.units import format_bytes
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, ENVIRONMENTS, GPU_OWNERS, GPUS
from tui.ui.panes.environment_words import size_words

_ORIGINS = {
    Origin.IMAGE: "it came with the image: a new container of that image has it again",
    Origin.LAYER: "it was made or changed in the container: nothing brings it back",
    Origin.MOUNT: "it lies on a volume or bind mount: it goes for whoever else has that mounted, too",
}


def losses(row: EnvironmentRow, store: Store) -> tuple[str, ...]:
    """In words, foreign text among them; from what is known now."""
    environment = row.environment
    told = [
        f"{size_words(row) or 'its size is not known'}, packages of pip and your own files in it included",
        _ORIGINS.get(environment.origin, "where it comes from is not known") if environment.origin else "",
    ]
    count = len(environment.pids)
    if count:
        numbers = ", ".join(map(str, environment.pids[:8])) + (" …" if count > 8 else "")
        told.append(f"{count} process{'es run' if count > 1 else ' runs'} out of it now: {numbers}")
    told += _held_memory(row, store)
    told += [f"broken as it is: {each}" for each in row.problems]
    return tuple(filter(None, told))


def _held_memory(row: EnvironmentRow, store: Store) -> list[str]:
    report = store.value(GPUS)
    if report is None:
        return []
    owners, containers = store.value(GPU_OWNERS) or GpuOwners(), store.value(CONTAINERS)
    found = holders(report, owners, containers or (), store.value(ENVIRONMENTS) or {})
    own = [
        each
        for each in found
        if each.container is not None
        and each.container.id == row.container.id
        and each.prefix.value == row.environment.prefix
    ]
    if not own:
        return []
    held = sum(each.process.memory_bytes.value or 0 for each in own)
    gpus = ", ".join(sorted({str(each.gpu.index) for each in own}))
    return [f"they hold {format_bytes(held)} on GPU {gpus}: what runs there breaks"]
