"""The dialog before something is lost for good: every name has to be typed, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static

from tui.ui.screens.confirm import Choice, ConfirmScreen, Question
from tui.ui.text import printable


class TypedConfirmScreen(ConfirmScreen):
    """Gives back the id of the choice, None for Cancel.

    With names the choices wait until each of them was typed; a choice in `untyped` needs none.
    """

    def __init__(self, question: Question, names: Sequence[str], untyped: Sequence[Choice] = ()) -> None:
        """Ask.

        Args:
            question: what is asked; all of it printable.
            names: what has to be typed, foreign; () for nothing.
            untyped: other things to do, which take nothing away.
        """
        super().__init__(question)
        # typed is what is shown: nobody can type an escape sequence
        self._names = tuple(printable(each) for each in names)
        self._untyped = tuple(untyped)
        self._typed = 0

    def compose(self) -> ComposeResult:
        """The question, what it hits, what it means, the line for the names, and the buttons."""
        with Vertical(classes="dialog"):
            yield Static(self.question.title, classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-lines", can_focus=False):
                yield Static("\n".join(self.question.lines), markup=False)
            yield Static(self.question.consequence, classes="dialog-consequence", markup=False)
            if self._names:
                yield Static(self._wanted(), id="wanted", classes="plan-typed", markup=False)
                yield Input(id="typed", compact=True, select_on_focus=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                for choice in self._untyped:
                    yield Button(choice.label, id=choice.id, compact=True)
                for choice in self.question.choices:
                    yield Button(
                        choice.label, id=choice.id, variant="error", compact=True, disabled=bool(self._names)
                    )

    @property
    def first_focus(self) -> str:
        """Cancel, or the empty line."""
        return "#typed" if self._names else "#cancel"

    @property
    def is_right(self) -> bool:
        """Whether every name was typed."""
        return self._typed >= len(self._names)

    def on_input_changed(self, event: Input.Changed) -> None:
        """A name that is right makes way for the next; the last one lets it be done."""
        event.stop()
        last = len(self._names) - 1
        if self._typed < last and event.value == self._names[self._typed]:
            self._typed += 1
            event.input.value = ""
        elif self._typed >= last:
            self._typed = last + (event.value == self._names[last])
        for choice in self.question.choices:
            self.query_one(f"#{choice.id}", Button).disabled = not self.is_right
        self.query_one("#wanted", Static).update(self._wanted())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter, with the right names, where there is one way to say yes; else the buttons are next."""
        event.stop()
        if not self.is_right:
            return
        if len(self.question.choices) == 1:
            self.dismiss(self.question.choices[0].id)
        else:
            self.query_one(f"#{self.question.choices[0].id}").focus()

    def _wanted(self) -> str:
        if self.is_right:
            if len(self.question.choices) == 1:
                return f"enter: {self.question.choices[0].label} · esc cancels"
            return "enter goes to the buttons · esc cancels"
        count = len(self._names)
        which = f" ({self._typed + 1} of {count})" if count > 1 else ""
        return f"Type {self._names[self._typed]}{which} to remove it for good · esc cancels"
