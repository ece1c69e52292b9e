"""What the status bar says: host, engine, disk, badges, clock."""

from __future__ import annotations

import time
from typing import Any

from tui.model.units import format_bytes
from tui.monitor.topics import CHANGES, CONTAINERS, DATA_ROOT, ENGINE, GPUS, JOBS, Topic
from tui.ui.bridge import Bridge
from tui.ui.panes.base import Pane
from tui.ui.text import printable
from tui.ui.widgets.line_bar import Part

TOPICS: tuple[Topic[Any], ...] = (CONTAINERS, ENGINE, DATA_ROOT, GPUS, JOBS, CHANGES)
# Nine tenths full is where images stop being pulled and checkpoints stop being written.
_NEARLY_FULL_PERCENT = 90.0


def parts(bridge: Bridge, pane: Pane) -> tuple[list[Part], list[Part]]:
    """Left and right end of the status bar, from the newest snapshots."""
    return _left(bridge), _right(bridge, pane)


def _left(bridge: Bridge) -> list[Part]:
    store = bridge.monitor.store
    containers, engine = store.get(CONTAINERS), store.value(ENGINE)
    if containers is None:
        dot: Part = (" ◌ ", "muted")
    else:
        dot = (" ● ", "good") if containers.error is None else (" ▲ ", "bad")
    left: list[Part] = [(" envtui ", "strong"), dot, (printable(bridge.monitor.workstation.name), "")]
    if engine is not None:
        left.append((f"  {printable(engine.product)} {printable(engine.version)}", "muted"))
    left += _driver(bridge)
    left += _disk(bridge)
    return left


def _driver(bridge: Bridge) -> list[Part]:
    """The driver and the CUDA version that it brings; nothing where there is no driver."""
    report = bridge.monitor.store.value(GPUS)
    if report is None or report.driver_version is None:
        return []
    words = f"  driver {printable(report.driver_version)}"
    return [(words + (f" CUDA {report.cuda_version}" if report.cuda_version else ""), "muted")]


def _disk(bridge: Bridge) -> list[Part]:
    space = bridge.monitor.store.value(DATA_ROOT)
    if space is None:
        return []
    text = f"  disk {space.used_percent:.0f}% of {format_bytes(space.total_bytes)}"
    return [(text, "bad" if space.used_percent >= _NEARLY_FULL_PERCENT else "muted")]


def _right(bridge: Bridge, pane: Pane) -> list[Part]:
    monitor = bridge.monitor
    badges: list[str] = []
    running = sum(not job.is_over for job in monitor.store.value(JOBS) or ())
    if running:
        badges.append(f"{running} running" if running > 1 else "1 job")
    changing = sum(not known.job.is_over for known in (monitor.store.value(CHANGES) or {}).values())
    if changing:
        badges.append(f"{changing} changes" if changing > 1 else "1 change")
    if monitor.read_only:
        badges.append("READ-ONLY")
    if bridge.frozen:
        badges.append("FROZEN")
    if monitor.workstation.is_demo:
        badges.append("DEMO")
    if pane.stale_error is not None and pane.age_seconds():
        badges.append(f"STALE {pane.age_seconds():.0f}s")
    right: list[Part] = []
    for badge in badges:
        right += [(f" {badge} ", "badge"), (" ", "")]
    return [
        (" ", ""),
        *right,
        (f"{time.strftime('%H:%M', time.localtime(monitor.workstation.now()))} ", "muted"),
    ]
