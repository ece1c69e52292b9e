"""The dialog that asks for a password, a passphrase or a code; what is typed is neither shown nor kept."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui.model.sessions import SecretQuestion
from tui.ui.text import printable


class SecretScreen(ModalScreen[tuple[str, ...] | None]):
    """Gives back one answer a prompt, None when it is given up."""

    BINDINGS = [("escape", "cancel")]  # noqa: RUF012 - Textual's type

    def __init__(self, question: SecretQuestion) -> None:
        """Args: what is asked; its texts are foreign."""
        super().__init__(classes="dialog-screen")
        self.question = question

    def compose(self) -> ComposeResult:
        """Title, the asker's own words, an input a prompt."""
        with Vertical(classes="dialog"):
            yield Static(printable(self.question.title), classes="dialog-title", markup=False)
            if self.question.instructions:
                # the server's words may be several lines
                shown = "\n".join(map(printable, self.question.instructions.strip().splitlines()))
                yield Static(shown, classes="dialog-lines", markup=False)
            for number, (prompt, is_shown) in enumerate(self.question.prompts):
                yield Label(printable(prompt.strip()), markup=False)
                yield Input(id=f"answer-{number}", password=not is_shown)
            yield Static(
                "enter goes on · esc gives up · it is neither kept nor written anywhere",
                classes="dialog-consequence",
                markup=False,
            )

    def on_mount(self) -> None:
        """The first input has the focus."""
        self.query(Input).first().focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: the next input, or the end."""
        event.stop()
        inputs = list(self.query(Input))
        place = inputs.index(event.input)
        if place + 1 < len(inputs):
            inputs[place + 1].focus()
            return
        answers = tuple(each.value for each in inputs)
        for each in inputs:
            each.clear()
        self.dismiss(answers)

    def action_cancel(self) -> None:
        """Nothing is told."""
        self.dismiss(None)
