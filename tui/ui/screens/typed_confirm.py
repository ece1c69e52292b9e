"""The dialog before something is lost for good: every name has to be typed, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static

from tui.ui.screens.confirm import Choice, ConfirmScreen, Question
from tui.ui.text import printable


class TypedConfirmScreen(ConfirmScreen):
    """Gives back the id of the choice, None for Cancel.

    With names the choices wait until each of them was typed; a choice in `untyped` needs none, one in
    `further` needs more.
    """

    def __init__(
        self,
        question: Question,
        names: Sequence[str],
        untyped: Sequence[Choice] = (),
        further: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        """Ask.

        Args:
            question: what is asked; all of it printable.
            names: what has to be typed, foreign; () for nothing.
            untyped: other things to do, which take nothing away.
            further: by the id of a choice, what has to be typed for it besides; asked for after `names`.
        """
        super().__init__(question)
        more = [each for needed in (further or {}).values() for each in needed]
        # typed is what is shown: nobody can type an escape sequence
        self._names = tuple(printable(each) for each in dict.fromkeys((*names, *more)))
        self._needed = {each.id: len(set(names)) for each in question.choices}
        self._needed |= {each: len(self._names) for each, needed in (further or {}).items() if needed}
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
                    is_off = not self._is_ready(choice)
                    yield Button(choice.label, id=choice.id, variant="error", compact=True, disabled=is_off)

    @property
    def first_focus(self) -> str:
        """Cancel, or the empty line where nothing can be done without it."""
        is_stuck = self._names and not any(map(self._is_ready, self.question.choices))
        return "#typed" if is_stuck else "#cancel"

    @property
    def is_right(self) -> bool:
        """Whether every name was typed."""
        return self._typed >= len(self._names)

    def _is_ready(self, choice: Choice) -> bool:
        return self._typed >= self._needed[choice.id]

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
            self.query_one(f"#{choice.id}", Button).disabled = not self._is_ready(choice)
        self.query_one("#wanted", Static).update(self._wanted())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter, with the right names, where there is one way to say yes; else the buttons are next."""
        event.stop()
        ready = [each.id for each in self.question.choices if self._is_ready(each)]
        if len(self.question.choices) == 1 and ready:
            self.dismiss(ready[0])
        elif ready and (self.is_right or not event.value):
            self.query_one(f"#{ready[0]}").focus()

    def _wanted(self) -> str:
        if self.is_right:
            if len(self.question.choices) == 1:
                return f"enter: {self.question.choices[0].label} · esc cancels"
            return "enter goes to the buttons · esc cancels"
        count = len(self._names)
        which = f" ({self._typed + 1} of {count})" if count > 1 else ""
        waiting = [each.label for each in self.question.choices if not self._is_ready(each)]
        what = "remove it for good" if len(waiting) == len(self.question.choices) else waiting[0].lower()
        return f"Type {self._names[self._typed]}{which} to {what} · esc cancels"
