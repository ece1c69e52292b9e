"""The dialog before anything disruptive: what will happen to what, with Cancel focused."""

from __future__ import annotations

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Static


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to say yes.

    Attributes:
        id: given back when it is chosen.
        label: on its button.
    """

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked; all of it printable text.

    Attributes:
        title: the question.
        lines: what it hits, one object a line; nothing else will be touched.
        consequence: what it means for them.
        choices: ways to say yes; Cancel comes by itself.
    """

    title: str
    lines: tuple[str, ...]
    consequence: str
    choices: tuple[Choice, ...]


class ConfirmScreen(ModalScreen[str | None]):
    """Gives back the id of the choice, None for Cancel."""

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape", "cancel"),
        ("left", "app.focus_previous"),
        ("right", "app.focus_next"),
        ("up", "scroll('up')"),
        ("down", "scroll('down')"),
        ("pageup", "scroll('page_up')"),
        ("pagedown", "scroll('page_down')"),
    ]

    def __init__(self, question: Question) -> None:
        """Args: what to ask."""
        super().__init__(classes="dialog-screen")
        self.question = question

    def compose(self) -> ComposeResult:
        """The question, what it hits, what it means, and the buttons."""
        with Vertical(classes="dialog"):
            yield Static(self.question.title, classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-lines", can_focus=False):
                yield Static("\n".join(self.question.lines), markup=False)
            yield Static(self.question.consequence, classes="dialog-consequence", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                for choice in self.question.choices:
                    yield Button(choice.label, id=choice.id, variant="error", compact=True)

    def on_mount(self) -> None:
        """What has the focus does nothing to anybody by enter alone."""
        self.query_one(self.first_focus).focus()

    @property
    def first_focus(self) -> str:
        """Cancel."""
        return "#cancel"

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Close with the choice."""
        event.stop()
        chosen = event.button.id
        self.dismiss(None if chosen == "cancel" else chosen)

    def action_cancel(self) -> None:
        """Nothing happens to anybody."""
        self.dismiss(None)

    def action_scroll(self, direction: str) -> None:
        """Scroll what is listed: up, down, page_up or page_down."""
        getattr(self.query_one(VerticalScroll), f"scroll_{direction}")(animate=False)
