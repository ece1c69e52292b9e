"""A removal from the disk on its way, and what it came to: each item with its outcome and the reason."""

from __future__ import annotations

from collections.abc import Callable

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.model.disk_items import ENDED_STATES, DiskItem, ItemOutcome, ReclaimPlan, ReclaimReport
from tui.monitor.topics import RECLAIM, Snapshot
from tui.ui.bridge import Bridge
from tui.ui.screens.disk_words import (
    KIND_WORDS,
    STATE_PARTS,
    bar,
    count_words,
    freed_words,
    outcome_counts,
    outcome_words,
    plan_total,
    short_id,
    size_words,
)
from tui.ui.screens.text import Line, TextScreen
from tui.ui.text import fit, fit_middle, printable
from tui.ui.widgets.filter_bar import FilterBar
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_view import LineView

_STATE_CELLS, _KIND_CELLS, _SIZE_CELLS = 15, 10, 9
_BAR_CELLS = 30


class DiskJobScreen(TextScreen):
    """Follows the removal while it is open; esc leaves it running, `c` calls it off between two items."""

    KEYS = (("c", "call it off"),)

    def __init__(self, bridge: Bridge, begun: ReclaimPlan | None = None) -> None:
        """Args: where it is known; what was begun just now, None for the last one."""
        super().__init__("Reclaiming")
        self._bridge = bridge
        self._plan = begun
        self._report: ReclaimReport | None = None

    def compose(self) -> ComposeResult:
        """Title, how far it is, each item, keys."""
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            yield LineBar(id="disk-outcome")
            yield LineView()
            yield FilterBar()
            yield LineBar(classes="key-bar")

    def fill(self) -> None:
        """Show what is known, and what comes from now on."""
        self._bridge.read(RECLAIM, self._read)
        self._show_state()

    def on_unmount(self) -> None:
        """Nobody looks any more; it goes on."""
        self._bridge.forget(RECLAIM, self._read)

    @property
    def state(self) -> str:
        """How far it is, as it is shown."""
        return self.query_one("#disk-outcome", LineBar).text

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`c` calls it off."""
        return super().handlers() | {"c": self._cancel}

    def on_resize(self) -> None:
        """Names get what room there is."""
        self._show_items()

    def _cancel(self) -> None:
        keeper = self._bridge.monitor.disk
        if keeper is not None and self._report is not None and not self._report.is_over:
            keeper.cancel()
            self._show_state("calling it off: the item under way is finished, the rest is left alone")

    def _read(self, snapshot: Snapshot[ReclaimReport]) -> None:
        report = snapshot.value
        if report is None or (self._plan is not None and report.plan != self._plan):
            # of an earlier one: that of this comes soon
            return
        if not self.query("#disk-outcome"):
            # being closed
            return
        self._report = report
        self._show_items()
        self._show_state()

    def _show_items(self) -> None:
        if self._report is None or not self.size.width:
            return
        lines = [line for each in self._report.outcomes for line in _lines(each, self.size.width)]
        skipped = [_skipped_line(item, reason) for item, reason in self._report.plan.skipped]
        self.show_lines([*lines, *skipped])

    def _show_state(self, word: str = "") -> None:
        report = self._report
        bar_line = self.query_one("#disk-outcome", LineBar)
        if report is None:
            bar_line.show([(" ◌ waiting for its first news", "muted")])
            return
        count = len(report.plan.items)
        done = sum(each.state in ENDED_STATES for each in report.outcomes)
        if report.is_over:
            first: list[Part] = [(" ● over", "good"), (f"  {outcome_counts(report)}", "")]
            if any(each.state.value in ("failed", "not known") for each in report.outcomes):
                first[0] = (" ▲ over", "bad")
        else:
            state = "cancelling" if report.is_cancelling or word else "removing"
            first = [(f" ▶ {state} ", "busy"), (bar(done / max(1, count), _BAR_CELLS), "busy"),
                     (f" {done} of {count}", "")]  # fmt: skip
        word = word or (
            "the item under way is finished, the rest is left alone"
            if report.is_cancelling and not report.is_over
            else ""
        )
        second = freed_words(report) if report.is_over else f"planned: {plan_total(report.plan)}"
        third = word or (
            f"{count_words(len(report.plan.skipped), 'item')} left out" if report.plan.skipped else ""
        )
        bar_line.show_lines(
            [(first, []), ([(f" {second}", "strong" if report.is_over else "muted")], []),
             ([(f" {third}", "warn")], [])]
        )  # fmt: skip


def _skipped_line(item: DiskItem, reason: str) -> Line:
    return [
        (f" {fit('○ left out', _STATE_CELLS)}", "muted"),
        (fit(KIND_WORDS[item.kind], _KIND_CELLS), "muted"),
        (printable(item.name or short_id(item)), ""),
        (f": {printable(reason)}", "muted"),
    ]


def _lines(outcome: ItemOutcome, width: int) -> list[Line]:
    item = outcome.item
    state, tone = STATE_PARTS[outcome.state]
    name_cells = max(12, width - _STATE_CELLS - _KIND_CELLS - _SIZE_CELLS - 16)
    lines: list[Line] = [
        [
            (f" {fit(state, _STATE_CELLS)}", tone),
            (fit(KIND_WORDS[item.kind], _KIND_CELLS), "muted"),
            (fit_middle(printable(item.name), name_cells), ""),
            (f" {fit(printable(short_id(item)), 12)} ", "muted"),
            (fit(size_words(item.reclaimable_bytes), _SIZE_CELLS, align_right=True), ""),
        ]
    ]
    words = outcome_words(outcome)
    if words:
        lines += [[(f"{' ' * (_STATE_CELLS + 1)}{printable(each)}", "muted")] for each in words.splitlines()]
    return lines
