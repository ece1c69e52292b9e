"""The dialog before anything is removed from the disk: what goes, what is lost, with Cancel focused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from tui.model.disk_items import DiskItem, ReclaimPlan, Safety
from tui.ui.exporting import exported_lines
from tui.ui.screens.disk_words import (
    KIND_WORDS,
    SAFETY_PARTS,
    count_words,
    plan_total,
    short_id,
    size_words,
    typed_name,
)
from tui.ui.screens.text import Line
from tui.ui.text import fit, fit_middle, printable, width_of
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.line_view import LineView
from tui.ui.widgets.tones import TONE_CLASSES

if TYPE_CHECKING:
    from tui.monitor.environment_exporting import ExportedEnvironment

# Of a name before its input; the whole of it stands above.
_LABEL_CELLS = 40
_KIND_CELLS, _SAFETY_CELLS, _SIZE_CELLS, _ID_CELLS = 10, 9, 10, 13


def plan_lines(plan: ReclaimPlan, width: int, exported: Sequence[ExportedEnvironment] = ()) -> list[Line]:
    """What goes, a line an item with what is lost below it; then what is left out, with the reason.

    `exported` is what became of environments that were exported before.
    """
    name_cells = max(12, width - _KIND_CELLS - _SAFETY_CELLS - _SIZE_CELLS - _ID_CELLS - 4)
    lines: list[Line] = [
        [(f" {count_words(len(plan.items), 'item')} will be removed, nothing else:", "strong")]
    ]
    if not plan.items:
        lines = [[(" Nothing of what is marked can go now", "strong")]]
    for item in plan.items:
        word, tone = SAFETY_PARTS[item.safety]
        lines.append(
            [
                (f" {fit(word, _SAFETY_CELLS)}", tone),
                (fit(KIND_WORDS[item.kind], _KIND_CELLS), "muted"),
                (fit_middle(printable(item.name), name_cells), ""),
                (f" {fit(printable(short_id(item)), _ID_CELLS)}", "muted"),
                (fit(size_words(item.reclaimable_bytes), _SIZE_CELLS - 1, align_right=True), ""),
            ]
        )
        if item.safety is Safety.DANGER:
            # what has to be typed has to be read, too
            lines += [[("   ", ""), (part, "strong")] for part in _whole_name(item, name_cells, width - 4)]
        if item.reason and item.safety is not Safety.SAFE:
            lines.append([(f"   {printable(item.reason)}", "muted")])
        lines += [[("   lost: ", "warn"), (printable(each), "")] for each in item.loses]
    if exported:
        lines.append([("", "")])
        lines += [[(f" {line}", "")] for line in exported_lines(exported)]
    lines += [[("", "")], [(f" Together {plan_total(plan)}", "strong")]]
    if not plan.is_exact:
        lines.append([(" Of some the size is not known: it may be more or less.", "muted")])
    if plan.skipped:
        lines += [[("", "")], [(" Left out:", "strong")]]
        lines += [
            [(f" {KIND_WORDS[item.kind]} ", "muted"), (printable(item.name or short_id(item)), ""),
             (f": {printable(reason)}", "muted")]
            for item, reason in plan.skipped
        ]  # fmt: skip
    return lines


def _whole_name(item: DiskItem, cells: int, width: int) -> list[str]:
    """All of a name that its line has no room for, in pieces that the screen has room for."""
    name = printable(typed_name(item))
    if width_of(name) <= min(cells, _LABEL_CELLS):
        return []
    pieces, piece = [], ""
    for character in name:
        if width_of(piece + character) > max(20, width):
            pieces.append(piece)
            piece = ""
        piece += character
    return [*pieces, piece]


class DiskPlanScreen(ModalScreen[bool]):
    """Gives back whether somebody agreed. Each item that holds work asks for its own name to be typed."""

    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type
    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape", "cancel"),
        ("left", "app.focus_previous"),
        ("right", "app.focus_next"),
        ("up", "move('up')"),
        ("down", "move('down')"),
        ("pageup", "move('pageup')"),
        ("pagedown", "move('pagedown')"),
    ]

    def __init__(
        self, plan: ReclaimPlan, exported: Sequence[ExportedEnvironment] = (), can_export: bool = False
    ) -> None:
        """Args: what will be done; what was exported before; whether environments go that can be exported."""
        super().__init__(classes="text-screen")
        self.plan = plan
        self._exported = exported
        self._can_export = can_export
        #: it was closed for an export, after which it is asked again
        self.wants_export = False
        self.dangers: tuple[DiskItem, ...] = tuple(
            each for each in plan.items if each.safety is Safety.DANGER
        )

    def compose(self) -> ComposeResult:
        """Title, what goes, a line for each name, and the buttons."""
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            view = LineView()
            view.can_focus = False
            yield view
            if self.dangers:
                yield Static("", id="disk-typed-words", markup=False)
                with VerticalScroll(classes="disk-typed", can_focus=False):
                    for number, item in enumerate(self.dangers):
                        with Horizontal(classes="form-row"):
                            yield Label(self._label(item), markup=False)
                            yield Input(id=f"typed-{number}", compact=True, select_on_focus=False)
            with Horizontal(classes="dialog-buttons plan-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                if self._can_export:
                    yield Button("Export environments first…", id="export", compact=True)
                yield Button(
                    f"Remove {count_words(len(self.plan.items), 'item')}",
                    id="go",
                    variant="error",
                    compact=True,
                    disabled=bool(self.dangers) or not self.plan.items,
                )

    def on_mount(self) -> None:
        """Cancel has the focus, or the first empty line: enter alone does nothing to anybody."""
        self.query_one(LineBar).show([(f" Reclaim {plan_total(self.plan)}? ", "strong")])
        self.query_one("#typed-0" if self.dangers else "#cancel").focus()
        self._show_words()

    def on_resize(self, event: events.Resize) -> None:
        """Names get what room there is."""
        self.query_one(LineView).show(plan_lines(self.plan, event.size.width, self._exported))

    @staticmethod
    def _label(item: DiskItem) -> str:
        return f"{KIND_WORDS[item.kind]} {fit_middle(printable(typed_name(item)), _LABEL_CELLS).rstrip()}: "

    def _is_right(self, number: int) -> bool:
        wanted = typed_name(self.dangers[number])
        # what a terminal can't show can't be typed: as it is shown will do
        return self.query_one(f"#typed-{number}", Input).value in (wanted, printable(wanted))

    def _missing(self) -> list[int]:
        return [number for number in range(len(self.dangers)) if not self._is_right(number)]

    def _show_words(self) -> None:
        if not self.dangers:
            return
        missing = self._missing()
        words = (
            f"▲ Work is lost for good: type the name of each ({len(missing)} to go)"
            if missing
            else "All names are typed: enter removes it · esc cancels"
        )
        self.query_one("#disk-typed-words", Static).update(words)
        self.query_one("#go", Button).disabled = bool(missing) or not self.plan.items

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only when every name is right it can be done."""
        event.stop()
        self._show_words()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: to the next name, or do it when all are right."""
        event.stop()
        missing = self._missing()
        if not missing:
            self.dismiss(True)
        elif event.input.id != f"typed-{missing[0]}":
            self.query_one(f"#typed-{missing[0]}", Input).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close with the choice."""
        event.stop()
        self.wants_export = event.button.id == "export"
        self.dismiss(event.button.id == "go" and not self._missing())

    def action_cancel(self) -> None:
        """Nothing happens to anybody."""
        self.dismiss(False)

    def action_move(self, key: str) -> None:
        """Scroll what goes."""
        self.query_one(LineView).move(key)
