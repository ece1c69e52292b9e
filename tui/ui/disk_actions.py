"""What the disk screen can do: the registry of its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.ui.actions import Action, Danger

if TYPE_CHECKING:
    from tui.ui.screens.disk_pane import DiskPane

#: Where these hold, for the keys setting.
DISK_SCOPE = "disk"


def _nothing_known(pane: DiskPane) -> str | None:
    return None if pane.items else "nothing is known of this host's disk yet"


def _no_item(pane: DiskPane) -> str | None:
    current = pane.current
    return None if current is not None and current.item is not None else "no item is chosen"


def _nothing_to_reclaim(pane: DiskPane) -> str | None:
    monitor = pane.bridge.monitor
    if monitor.disk is None or monitor.workstation.reclaiming is None:
        return "nothing of this host can be removed from here"
    if monitor.disk.is_running:
        return "another removal is under way: J shows it"
    if pane.reclaim_keys():
        return None
    current = pane.current
    if not pane.marked and current is not None and current.item is not None and current.item.why_not:
        return f"it can't go: {current.item.why_not}"
    return "nothing is marked, or a filter hides what is"


def _nothing_read(pane: DiskPane) -> str | None:
    known = pane.known
    return None if known is not None and known.is_reading else "nothing is being read"


def _no_removal(pane: DiskPane) -> str | None:
    from tui.monitor.topics import RECLAIM

    return None if pane.bridge.monitor.store.value(RECLAIM) is not None else "nothing was removed yet"


def _details(pane: DiskPane) -> None:
    pane.open_details()


def _reclaim(pane: DiskPane) -> None:
    pane.reclaim()


def _show_removal(pane: DiskPane) -> None:
    from tui.ui.screens.disk_job import DiskJobScreen

    pane.app.push_screen(DiskJobScreen(pane.bridge))


def _cancel_reading(pane: DiskPane) -> None:
    keeper = pane.bridge.monitor.disk
    if keeper is not None:
        keeper.cancel_reading()


DISK_ACTIONS: tuple[Action[Any], ...] = (
    Action("disk.details", "Details: layers, tags, users, and what is lost", ("enter",), _details,
           why_not=_no_item, hint="details"),
    Action("disk.reclaim", "Reclaim what is marked…", ("d",), _reclaim, Danger.TYPED,
           why_not=_nothing_to_reclaim, hint="reclaim"),
    Action("disk.mark_safe", "Mark everything safe that is listed", ("a",), lambda pane: pane.mark_safe(),
           why_not=_nothing_known, hint="safe"),
    Action("disk.next_kind", "The next kind", ("right", "l"), lambda pane: pane.step_kind(1), hint="kind"),
    Action("disk.previous_kind", "The kind before", ("left", "h"), lambda pane: pane.step_kind(-1)),
    Action("disk.removal", "The removal under way, or the last one", ("J",), _show_removal,
           why_not=_no_removal),
    Action("disk.cancel", "Call off what is being read", ("c",), _cancel_reading, why_not=_nothing_read),
)  # fmt: skip
