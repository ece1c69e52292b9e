"""The list of the disk screen: what takes room, of one kind or of all, with marks that make a plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.message import Message

from tui.model.disk import DiskFacts
from tui.model.disk_items import DiskItem, DiskKind, ItemKey, ReclaimPlan
from tui.model.errors import EnvtuiError
from tui.monitor.known_disk import KnownDisk
from tui.monitor.topics import CONTAINERS, DISK
from tui.ui.bridge import Bridge
from tui.ui.disk_actions import DISK_ACTIONS, DISK_SCOPE
from tui.ui.disk_memory import DiskMemory
from tui.ui.panes.table import TablePane
from tui.ui.row_order import RowOrder
from tui.ui.screens.disk_rows import ALL_COLUMNS, KIND_COLUMNS, DiskRow, heading_key, row_key, rows
from tui.ui.screens.disk_totals import failed_part, reading_words
from tui.ui.screens.disk_words import (
    KIND_TITLES,
    KIND_WORDS,
    KINDS,
    PART_WORDS,
    count_words,
    safety_part,
    short_id,
    size_words,
)
from tui.ui.text import printable
from tui.ui.widgets.line_bar import LineBar, Part

_NO_PLAN = ReclaimPlan()


class DiskPane(TablePane[DiskRow]):
    """Marks stay with their items, whatever kind is listed; what can't go can't be marked."""

    class Changed(Message):
        """Other items, other marks, or another kind."""

    NAME = DISK_SCOPE
    NUMBER = 0
    TITLE = "Disk"
    TOPICS = (DISK, CONTAINERS)
    ACTIONS = DISK_ACTIONS
    COLUMNS = ALL_COLUMNS
    DETAIL_LINES: ClassVar[int] = 3

    def __init__(self, bridge: Bridge, memory: DiskMemory, kind: DiskKind | None) -> None:
        """Args: where facts come from; what is kept between looks; what is listed, None for everything."""
        super().__init__(bridge)
        self._memory = memory
        self.kind = kind
        self._order = RowOrder("frees", True)
        self._planned: tuple[frozenset[ItemKey], KnownDisk | None, ReclaimPlan] = (
            frozenset(),
            None,
            _NO_PLAN,
        )
        #: somebody has pressed a key: until then the cursor stays on the first row
        self.is_touched = False
        # of the row that somebody tried to mark, though it can't go
        self._refused = ""
        self.marked = frozenset(f"{kind.value}:{each_id}" for kind, each_id in memory.marked)
        if kind is not None:
            self.columns.own(KIND_COLUMNS, lambda _: None)

    def on_mount(self) -> None:
        """The keys are for the list."""
        self.add_class("-focused")

    def on_unmount(self) -> None:
        """The marks are kept for the next look."""
        self._memory.marked = frozenset(self._keys_by_row()[key] for key in self._markable() & self.marked)

    # -- what is known

    @property
    def known(self) -> KnownDisk | None:
        """The newest."""
        value: KnownDisk | None = self.value(DISK)
        return value

    @property
    def facts(self) -> DiskFacts:
        """What the items rest on."""
        return self.known.facts if self.known is not None else DiskFacts()

    def join(self) -> Sequence[DiskRow]:
        """A row an item, with headings for the images."""
        known = self.known
        if known is None:
            return ()
        names = {each.id: each.name for each in self.value(CONTAINERS) or ()}
        logs = {each.container_id: each.why_unknown for each in known.facts.logs or ()}
        return rows(known.items, self.bridge.monitor.workstation.now(), names, logs)

    def key(self, item: DiskRow) -> str:
        """Kind and id."""
        return item.key

    def name_of(self, item: DiskRow) -> str:
        """The item's own name."""
        return item.item.name if item.item is not None else item.name

    def searchable(self, item: DiskRow) -> str:
        """Kind, names, tags, ids, and the words about it."""
        if item.item is None:
            return ""
        each = item.item
        words = (
            KIND_WORDS[each.kind], item.name, *each.references, each.id, safety_part(each)[0],
            each.reason, each.why_not or "",
        )  # fmt: skip
        return "  ".join(words)

    def hidden(self, item: DiskRow) -> bool:
        """Of another kind than the one that is listed; headings come with what is below them."""
        if item.item is None:
            # each one comes with a row below it
            return True
        return self.kind is not None and item.item.kind is not self.kind

    def kept_with(self, item: DiskRow) -> str | None:
        """An image stands below its heading."""
        if self.kind is DiskKind.IMAGE and item.item is not None:
            return heading_key(item.item)
        return None

    def dimmed(self, item: DiskRow) -> bool:
        """What can't go."""
        return item.item is not None and bool(item.item.why_not)

    def ordered(
        self, items: Sequence[tuple[str, DiskRow]], sort: Callable[[Sequence[str]], list[str]]
    ) -> list[str]:
        """Images below their headings, everything else as it is sorted."""
        headings = [key for key, row in items if row.item is None]
        below: dict[str, list[str]] = {heading: [heading] for heading in headings}
        rest: list[str] = []
        shown = dict(items)
        for key in sort([key for key, row in items if row.item is not None]):
            item = shown[key].item
            assert item is not None, "only items are sorted"
            below.get(heading_key(item) if self.kind is DiskKind.IMAGE else "", rest).append(key)
        return [*(key for group in below.values() for key in group), *rest]

    # -- rows

    def update_rows(self) -> None:
        """Items that can't go any more lose their mark, with a word."""
        if not self.is_attached or not self.children:
            return
        before = self.marked
        super().update_rows()
        if self.known is None:
            # marks of an earlier look wait for their items
            self.marked = before
            return
        if not self.is_touched:
            self.table.move_first()
        markable = self._markable()
        lost = before - markable
        if lost:
            self.set_marks(self.marked & markable)
            self._tell_lost(lost)
        self.post_message(self.Changed())

    def on_click(self) -> None:
        """A row was chosen with the mouse."""
        self.is_touched = True

    def _tell_lost(self, lost: frozenset[str]) -> None:
        known = {row.key: row for row in self.items}
        told = []
        for key in sorted(lost):
            row = known.get(key)
            if row is not None and row.item is not None:
                told.append(f"{row.item.name or short_id(row.item)}: {row.item.why_not}")
        gone = len(lost) - len(told)
        if gone:
            told.append(f"{count_words(gone, 'marked item')} of the plan {'is' if gone == 1 else 'are'} gone")
        more = [f"and {len(told) - 3} more"] if len(told) > 3 else []
        self.app.notify(
            "\n".join(printable(each) for each in (*told[:3], *more)),
            title="Not marked any more",
            severity="warning",
            markup=False,
        )

    def _markable(self) -> frozenset[str]:
        return frozenset(row.key for row in self.items if row.is_markable)

    def _keys_by_row(self) -> dict[str, ItemKey]:
        return {row.key: row.item.key for row in self.items if row.item is not None}

    # -- kinds

    def show_kind(self, kind: DiskKind | None) -> None:
        """List another kind, or everything."""
        if kind is self.kind:
            return
        self.kind = kind
        self._refused = ""
        self._order.forget()
        self.show_columns(ALL_COLUMNS if kind is None else KIND_COLUMNS)
        self.table.move_first()

    def step_kind(self, step: int) -> None:
        """The kind after or before; everything comes before the first."""
        order = (None, *KINDS)
        self.show_kind(order[(order.index(self.kind) + step) % len(order)])

    # -- marks

    def set_marks(self, keys: frozenset[str]) -> None:
        """Mark exactly these, as far as they can go."""
        before = self.marked
        super().set_marks(keys & self._markable())
        if self.marked != before:
            self.post_message(self.Changed())

    def toggle_mark(self) -> None:
        """Mark or unmark, and go on; of a heading all below it; what can't go says why."""
        row = self.current
        if row is None:
            return
        if row.item is None:
            below = frozenset(
                each.key
                for each in self._shown.values()
                if each.is_markable and self.kept_with(each) == row.key
            )
            self.set_marks(self.marked - below if below <= self.marked else self.marked | below)
            return
        if not row.is_markable:
            self._refused = row.key
            self.update_detail()
            return
        super().toggle_mark()

    def mark_safe(self) -> None:
        """Mark all that is safe and listed."""
        from tui.model.reclaim import safe_keys

        safe = {row_key_of(key) for key in safe_keys([row.item for row in self._shown.values() if row.item])}
        self.set_marks(self.marked | safe)
        if not safe:
            self.app.notify(
                "nothing that is listed is safe to go", title="Disk", severity="warning", markup=False
            )

    def reclaim_keys(self) -> frozenset[ItemKey]:
        """What would be removed: marks that no filter hides, of all kinds; else the row under the cursor."""
        matches = self.filter.matcher()
        markable = [row for row in self.items if row.is_markable]
        if self.marked:
            chosen = [row for row in markable if row.key in self.marked and matches(self.searchable(row))]
        else:
            chosen = [row for row in markable if self.current is not None and row.key == self.current.key]
        return frozenset(row.item.key for row in chosen if row.item is not None)

    @property
    def marks_elsewhere(self) -> int:
        """Marks of kinds that are not listed now: they are part of the plan."""
        if self.kind is None:
            return 0
        others = {row.key for row in self.items if row.item is not None and row.item.kind is not self.kind}
        return len(self.marked & others)

    @property
    def hidden_marks(self) -> int:
        """Marks that a filter hides: they are not part of the plan."""
        return len(self.marked) - len(self.reclaim_keys()) if self.marked else 0

    @property
    def plan(self) -> ReclaimPlan:
        """What the marks come to, from what is known now."""
        if not self.marked or self.known is None:
            return _NO_PLAN
        keys = self.reclaim_keys()
        if self._planned[:2] != (keys, self.known):
            from tui.model.reclaim import plan_of

            self._planned = (keys, self.known, plan_of(self.known.items, keys, self.known.facts))
        return self._planned[2]

    # -- what actions do

    def open_details(self) -> None:
        """All that is known of the item under the cursor."""
        from tui.ui.screens.disk_details import DiskDetailScreen

        if self.current is not None and self.current.item is not None:
            self.app.push_screen(DiskDetailScreen(self.current.item.key, self.bridge))

    def reclaim(self) -> None:
        """Plan, ask, and begin."""
        from tui.ui.screens.disk_planning import ask_to_reclaim

        ask_to_reclaim(self.app, self.bridge, self.reclaim_keys(), self._begun)

    def _begun(self, plan: ReclaimPlan) -> None:
        if self.is_attached:
            self.set_marks(self.marked - {row_key(each) for each in plan.items})

    def targets(self) -> tuple[DiskRow, ...]:
        """Headings are nothing to act on."""
        return tuple(row for row in super().targets() if row.item is not None)

    # -- around the rows

    def _update_title(self) -> None:
        known = self.known
        right: list[Part] = []
        if self._range_from is not None:
            right.append((" range: move, then v ", "badge"))
        if self.filter.text:
            count = sum(row.item is not None for row in self._shown.values())
            right.append((f" /{printable(self.filter.text)}/ {count} shown ", "warn"))
        reading = reading_words(known, time.monotonic()) if known is not None else ""
        if reading:
            right.append((f" reading {reading} ", "busy"))
        title = "everything" if self.kind is None else KIND_TITLES[self.kind]
        count = sum(row.item is not None for row in self._shown.values())
        self.query_one(".pane-title", LineBar).show(
            [(f" D Disk · {title} ", "strong"), (f" {count_words(count, 'item')}", "muted")], right
        )

    @property
    def complaint(self) -> EnvtuiError | None:
        """Why a part could not be read."""
        known = self.known
        part = failed_part(known, self.kind) if known is not None else None
        if known is None or part is None:
            return None
        error = known.parts[part].error
        assert error is not None, "it has failed"
        return EnvtuiError(
            f"{PART_WORDS[part]}: {error.title}", error.detail, error.hint or "R reads it again"
        )

    def waiting_notice(self) -> str:
        """Nothing came yet, or never will."""
        if self.bridge.monitor.disk is None:
            return "This host can't be asked what is on its disk\n\nIts backend has no way to look"
        return "Asking the engine what is on the disk …"

    def empty_notice(self) -> tuple[str, str]:
        """None of the kind, or not read yet."""
        known = self.known
        if known is not None and known.is_reading:
            return "Nothing is known yet", f"reading {reading_words(known, time.monotonic())}"
        what = "anything" if self.kind is None else KIND_TITLES[self.kind]
        return f"There are no {what}" if self.kind else "There is nothing", "R reads it again"

    def detail(self, item: DiskRow) -> list[tuple[list[Part], list[Part]]]:
        """What it is, why it can or can't go, and what is lost."""
        if item.item is None:
            return [([(f" {printable(item.name)}", "strong")], []),
                    ([(" space marks all of them that can go", "muted")], [])]  # fmt: skip
        each = item.item
        identity = f"  {short_id(each)}" if short_id(each) else ""
        first: list[Part] = [(f" {KIND_WORDS[each.kind]} ", "muted"), (printable(item.name), "strong"),
                             (identity, "muted")]  # fmt: skip
        if item.why_unknown:
            first.append((f" · size – ({printable(item.why_unknown)})", "muted"))
        frees = each.reclaimable_bytes
        right: list[Part] = [(f" {size_words(each.size_bytes)}, frees {size_words(frees)} ", "")]
        return [(first, right), (self._reason(item), []), (_losses(each), [])]

    def _reason(self, row: DiskRow) -> list[Part]:
        each = row.item
        assert each is not None, "headings have no reason"
        if each.why_not:
            if self._refused == row.key:
                return [(f" ▲ can't be marked: {printable(each.why_not)}", "bad")]
            return [(" ○ stays: ", "muted"), (printable(each.why_not), "")]
        word, tone = safety_part(each)
        return [(f" {word}", tone), (f": {printable(each.reason)}" if each.reason else "", "")]

    def tick(self) -> None:
        """Seconds of what is being read go on."""
        super().tick()
        if self.known is not None and self.known.is_reading:
            self._update_title()


def row_key_of(key: ItemKey) -> str:
    """A row's key from an item's."""
    kind, each_id = key
    return f"{kind.value}:{each_id}"


def _losses(item: DiskItem) -> list[Part]:
    if not item.loses:
        return []
    return [(" lost with it: ", "warn"), (printable(" · ".join(item.loses)), "")]
