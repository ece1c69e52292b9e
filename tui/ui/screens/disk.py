"""The disk screen: where the disk went on top, what can go below, and what the marks come to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import ComposeResult

from tui.model.disk_items import DiskKind, ReclaimReport
from tui.monitor.known_disk import KnownDisk
from tui.monitor.topics import RECLAIM, Snapshot
from tui.ui.actions import Action, allowed
from tui.ui.bridge import Bridge
from tui.ui.disk_actions import DISK_ACTIONS
from tui.ui.disk_memory import DiskMemory
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import Keymap
from tui.ui.panes.base import Pane
from tui.ui.screens.action_screen import ActionScreen
from tui.ui.screens.disk_pane import DiskPane
from tui.ui.screens.disk_totals import (
    KindLine,
    Line,
    file_system_lines,
    is_read,
    kind_lines,
    kind_strip,
    kind_table,
    part_words,
)
from tui.ui.screens.disk_words import count_words, freed_words, outcome_counts, plan_total
from tui.ui.widgets.line_bar import LineBar, Part

if TYPE_CHECKING:
    from tui.model.reclaim import KindTotal

# Below so many lines the kinds stand beside each other, and the list has the room.
_HIGH_ROWS = 34


class DiskScreen(ActionScreen):
    """Keeps the disk read while it is open. esc closes it; the marks stay."""

    def __init__(self, bridge: Bridge, keymap: Keymap, memory: DiskMemory, kind: DiskKind | None) -> None:
        """Args: facts; keys; what is kept between looks; what is listed at first, None for everything."""
        super().__init__(bridge, keymap)
        self._memory = memory
        self._pane = DiskPane(bridge, memory, kind)
        self._sums_of: KnownDisk | None = None
        self._sums: Mapping[DiskKind, KindTotal] = {}
        self._report: ReclaimReport | None = None

    def compose(self) -> ComposeResult:
        """Status, file systems, kinds, the list, the plan, keys."""
        yield LineBar(id="status-bar")
        yield LineBar(id="disk-systems")
        yield LineBar(id="disk-kinds")
        yield self._pane
        yield LineBar(id="disk-plan")
        yield LineBar(id="key-bar", classes="key-bar")

    def on_mount(self) -> None:
        """Have it read, and look at removals."""
        keeper = self.bridge.monitor.disk
        if keeper is not None:
            keeper.show(True)
        self.bridge.read(RECLAIM, self._on_reclaim)
        self._pane.take_focus()
        self.set_interval(1.0, self._tick)
        self._show_all()

    def on_unmount(self) -> None:
        """Nobody looks any more: what is being read goes on to its end."""
        keeper = self.bridge.monitor.disk
        if keeper is not None:
            keeper.show(False)
        self.bridge.forget(RECLAIM, self._on_reclaim)

    # -- of every screen with actions

    @property
    def focused_pane(self) -> DiskPane:
        """It has one."""
        return self._pane

    def pane(self, name: str) -> Pane:
        """Its own, or one of the main screen's."""
        if name == self._pane.NAME:
            return self._pane
        return next(pane for pane in self.envtui.main_screen.panes if name == pane.NAME)

    def focus_pane(self, pane: Pane) -> None:
        """A pane of the main screen: this one is left for it."""
        if pane is not self._pane:
            main = self.envtui.main_screen
            self.dismiss(None)
            main.focus_pane(pane)

    def focus_next_pane(self, step: int) -> None:
        """Kinds are what stands beside each other here."""
        self._pane.step_kind(step)

    def refresh_facts(self) -> None:
        """The containers' list, and all of the disk."""
        super().refresh_facts()
        keeper = self.bridge.monitor.disk
        if keeper is not None:
            keeper.refresh()

    def scopes(self) -> dict[str, tuple[Action[Any], ...]]:
        """Its own, and those that hold everywhere."""
        return {"D Disk": self.pane_actions(), "Everywhere": EVERYWHERE_ACTIONS}

    def take_key(self, event: events.Key) -> bool:
        """From the first key on the cursor is the user's."""
        self._pane.is_touched = True
        return super().take_key(event)

    def pane_actions(self) -> tuple[Action[Any], ...]:
        """Those of the disk."""
        return allowed(DISK_ACTIONS, self.bridge.monitor.read_only)

    def close_top(self) -> None:
        """The list's filter or range, else the screen."""
        if self._pane.filtering or self._pane.has_range or self._pane.filter.text:
            self._pane.close_top()
        else:
            self.dismiss(None)

    def show_kind(self, kind: DiskKind | None) -> None:
        """List another kind, or everything."""
        self._pane.show_kind(kind)

    # -- what stands around the list

    def on_resize(self, event: events.Resize) -> None:
        """The head is as high as there is room for."""
        self._show_all()
        self.update_keys()

    def on_disk_pane_changed(self, event: DiskPane.Changed) -> None:
        """Other facts, marks or another kind."""
        event.stop()
        if self.query("#disk-plan"):
            self._show_all()

    def _on_reclaim(self, snapshot: Snapshot[ReclaimReport]) -> None:
        self._report = snapshot.value
        if self.query("#disk-plan"):
            # not while it is being closed
            self._show_plan()

    def _tick(self) -> None:
        if not self.query("#disk-plan"):
            return
        self.update_status()
        if not self.bridge.frozen:
            self._pane.tick()
            self._show_head()

    def _show_all(self) -> None:
        self.update_status()
        self._show_head()
        self._show_plan()
        self.update_keys()

    def _show_head(self) -> None:
        known = self._pane.known
        width, height = self.size.width, self.size.height
        if known is None or not width:
            self._put("#disk-systems", [])
            self._put("#disk-kinds", [])
            return
        now = time.monotonic()
        systems = known.facts.file_systems or ()
        grown = self._memory.used_growth(systems)
        most = 2 if height < _HIGH_ROWS else max(3, height // 10)
        self._put(
            "#disk-systems", file_system_lines(systems, grown, width, most) or self._no_systems(known, now)
        )
        lines = self._kind_lines(known, now)
        is_high = height >= _HIGH_ROWS
        chosen = self._pane.kind
        self._put(
            "#disk-kinds", kind_table(lines, chosen, width) if is_high else kind_strip(lines, chosen, width)
        )

    def _kind_lines(self, known: KnownDisk, now: float) -> list[KindLine]:
        if known is not self._sums_of:
            from tui.model.reclaim import totals

            self._sums_of = known
            self._sums = {each.kind: each for each in totals(known.items, known.facts)}
        growth = {
            kind: self._memory.size_growth(kind, each.size_bytes)
            for kind, each in self._sums.items()
            if is_read(kind, known) and each.is_exact
        }
        return kind_lines(known, self._sums, growth, now)

    @staticmethod
    def _no_systems(known: KnownDisk, now: float) -> list[Line]:
        from tui.model.disk import DiskPart

        part = known.parts.get(DiskPart.FILE_SYSTEMS)
        words, tone = part_words(part, now) if part is not None else ("", "")
        if words:
            return [([(f" file systems: {words}", tone)], [])]
        if known.facts.file_systems is not None:
            return [([(" file systems – (the engine's disk is not on this machine)", "muted")], [])]
        return []

    def _put(self, selector: str, lines: list[Line]) -> None:
        bar = self.query_one(selector, LineBar)
        height = len(lines)
        if bar.styles.height is None or bar.styles.height.value != height:
            bar.styles.height = height
        bar.show_lines(lines)

    def _show_plan(self) -> None:
        left, right = self._plan_parts()
        self.query_one("#disk-plan", LineBar).show(left, right)

    def _plan_parts(self) -> tuple[list[Part], list[Part]]:
        pane, report = self._pane, self._report
        right: list[Part] = []
        if report is not None:
            done = sum(each.state.value not in ("waiting", "running") for each in report.outcomes)
            if not report.is_over:
                word = "cancelling" if report.is_cancelling else "removing"
                right = [
                    (f" {word}: {done} of {len(report.plan.items)} ", "busy"),
                    (" J", "key"),
                    (" shows it ", ""),
                ]
            elif self.size.width >= 120:
                words = f" last: {outcome_counts(report)} · {freed_words(report)} "
                right = [(words, "muted"), (" J", "key"), (" shows it ", "muted")]
            else:
                right = [(" J", "key"), (" last removal ", "muted")]
        if not pane.marked:
            return [(" plan: nothing is marked ·", "muted"), (" space", "key"), (" marks one,", "muted"),
                    (" a", "key"), (" all that is safe", "muted")], right  # fmt: skip
        plan = pane.plan
        left: list[Part] = [(f" plan: {plan_total(plan)} ", "badge")]
        dangers = sum(each.safety.value == "danger" for each in plan.items)
        if dangers:
            words = f" ■ {dangers} {'need their names' if dangers > 1 else 'needs its name'} typed"
            left.append((words, "bad"))
        if pane.hidden_marks:
            left.append((f" {count_words(pane.hidden_marks, 'mark')} hidden by the filter: left out", "warn"))
        if pane.marks_elsewhere:
            left.append((f" {pane.marks_elsewhere} of them of other kinds", "muted"))
        if plan.skipped:
            left.append((f" {len(plan.skipped)} left out", "warn"))
        if not self.bridge.monitor.read_only:
            left += [(" d", "key"), (" reclaim…", "muted")]
        return left, right
