"""A dialog with a few lines to be filled in, complained about while somebody types."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from tui.model.errors import EnvtuiError
from tui.ui.bridge import Bridge
from tui.ui.ordered_keys import OrderedKeys
from tui.ui.text import printable

T = TypeVar("T")

#: What was filled in, by the field's id.
Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Field:
    """One line.

    Attributes:
        id: letters.
        label: in front of it.
        value: what stands there at first.
        hint: shown while it is empty.
        complaint: what is wrong with a text, None for a good one.
    """

    id: str
    label: str
    value: str = ""
    hint: str = ""
    complaint: Callable[[str], str | None] = lambda _: None


class ChangeForm(OrderedKeys, ModalScreen[T | None], Generic[T]):
    """Gives back what `resolve` makes of the values, None when it is given up.

    `resolve` blocks and is called on a thread: it may read a file. What it raises is shown; the form stays.
    """

    BINDINGS = [("escape", "cancel")]  # noqa: RUF012 - Textual's type
    _KEYS = "tab next · enter goes on, nothing is done yet · esc cancels"

    def __init__(
        self,
        title: str,
        fields: Sequence[Field],
        resolve: Callable[[Values], T],
        bridge: Bridge,
        note: str = "",
    ) -> None:
        """Args: printable title; the lines; what is made of them; who asks; a few words below them."""
        super().__init__(classes="dialog-screen")
        self._title = title
        self._fields = tuple(fields)
        self._resolve = resolve
        self._bridge = bridge
        self._note = note
        self._is_resolving = False

    def compose(self) -> ComposeResult:
        """A title, the lines, and what is wrong with them."""
        width = max(len(each.label) for each in self._fields) + 1
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            for field in self._fields:
                with Horizontal(classes="form-row"):
                    yield Label(field.label.ljust(width), markup=False)
                    yield Input(
                        field.value, field.hint, id=f"field-{field.id}", compact=True, select_on_focus=False
                    )
            if self._note:
                yield Static(self._note, classes="form-note", markup=False)
            yield Static(self._KEYS, classes="dialog-consequence", markup=False)

    def on_mount(self) -> None:
        """The first line has the keys."""
        self.query(Input).first().focus()

    def take_key(self, event: events.Key) -> bool:
        """To another line at once: what is typed behind the key is for that one."""
        move = {
            "tab": self.focus_next,
            "down": self.focus_next,
            "shift+tab": self.focus_previous,
            "up": self.focus_previous,
        }.get(event.key)
        if move is None:
            return False
        move()
        return True

    @property
    def values(self) -> Values:
        """What is filled in now."""
        return {each.id: self.query_one(f"#field-{each.id}", Input).value for each in self._fields}

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what is wrong while somebody types."""
        event.stop()
        field = next(each for each in self._fields if event.input.id == f"field-{each.id}")
        complaint = field.complaint(event.value)
        self._say(f"▲ {field.label}: {complaint}" if complaint else self._KEYS)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter: go on where all is well, else go to what is not."""
        event.stop()
        if self._is_resolving:
            return
        values = self.values
        for field in self._fields:
            complaint = field.complaint(values[field.id])
            if complaint is not None:
                self.query_one(f"#field-{field.id}", Input).focus()
                self._say(f"▲ {field.label}: {complaint}")
                return
        self._is_resolving = True
        self._say("…")
        resolve = self._resolve
        self._bridge.ask(lambda: resolve(values), self._resolved, self._failed)

    def action_cancel(self) -> None:
        """Nothing is done."""
        self.dismiss(None)

    def _resolved(self, answer: T) -> None:
        if self.is_attached and self.app.screen is self:
            self.dismiss(answer)

    def _failed(self, error: EnvtuiError) -> None:
        self._is_resolving = False
        if self.is_attached:
            self._say(f"▲ {error.one_line()}")

    def _say(self, words: str) -> None:
        self.query_one(".dialog-consequence", Static).update(printable(words))
