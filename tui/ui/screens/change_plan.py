"""The plan of a change, before anything is done: what comes, goes and is lost, with Cancel focused."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from tui.model.changes import ChangePlan, ChangeVerb, change_words
from tui.ui.change_words import BUTTONS, plan_lines
from tui.ui.text import printable
from tui.ui.widgets.line_bar import LineBar
from tui.ui.widgets.line_view import LineView
from tui.ui.widgets.tones import TONE_CLASSES

# Prose in longer lines is not read.
_WIDEST = 110


class ChangePlanScreen(ModalScreen[bool]):
    """Gives back whether somebody agreed. What can't be made again asks for its name to be typed."""

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

    def __init__(self, plan: ChangePlan, typed: str = "", losses: Sequence[str] = ()) -> None:
        """Args: what will be done; what has to be typed for it; what is lost with it, in words."""
        super().__init__(classes="text-screen")
        self.plan = plan
        self._typed = typed
        self._losses = tuple(losses)

    def compose(self) -> ComposeResult:
        """Title, what will happen, the name to be typed, and the buttons."""
        verb = self.plan.change.verb
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            view = LineView()
            view.can_focus = False
            yield view
            if self._typed:
                yield Static(self._wanted(), classes="plan-typed", markup=False)
                yield Input(id="typed", compact=True, select_on_focus=False)
            with Horizontal(classes="dialog-buttons plan-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(
                    BUTTONS[verb],
                    id="go",
                    variant="error" if verb is ChangeVerb.REMOVE else "warning",
                    compact=True,
                    disabled=bool(self._typed),
                )

    def on_mount(self) -> None:
        """Cancel has the focus, or the empty line: enter alone does nothing to anybody."""
        self.query_one(LineBar).show([(f" {printable(change_words(self.plan.change))}? ", "strong")])
        self.query_one("#typed" if self._typed else "#cancel").focus()

    def on_resize(self, event: events.Resize) -> None:
        """Prose is as wide as the screen."""
        self.query_one(LineView).show(plan_lines(self.plan, min(event.size.width, _WIDEST), self._losses))

    def _wanted(self) -> str:
        return f"Type {printable(self._typed)} to remove it for good · esc cancels"

    def on_input_changed(self, event: Input.Changed) -> None:
        """Only the right name lets it be done."""
        event.stop()
        is_right = event.value == self._typed
        self.query_one("#go", Button).disabled = not is_right
        words = "enter removes it · esc cancels" if is_right else self._wanted()
        self.query_one(".plan-typed", Static).update(words)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter, with the right name."""
        event.stop()
        if event.value == self._typed:
            self.dismiss(True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close with the choice."""
        event.stop()
        self.dismiss(event.button.id == "go")

    def action_cancel(self) -> None:
        """Nothing happens to anybody."""
        self.dismiss(False)

    def action_move(self, key: str) -> None:
        """Scroll what will happen."""
        self.query_one(LineView).move(key)
