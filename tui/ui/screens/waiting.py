"""The dialog while something is found out or written that takes a while, and that can be called off."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

T = TypeVar("T")


class WaitingScreen(ModalScreen[T | None]):
    """Gives back the answer, None when it was called off."""

    BINDINGS = [("escape,q", "cancel")]  # noqa: RUF012 - Textual's type

    def __init__(
        self, title: str, words: str, begin: Callable[[Callable[[T], None]], Callable[[], None]]
    ) -> None:
        """Wait.

        Args:
            title: what for, printable.
            words: what is being done.
            begin: begins it; gets who is to be told the answer, in the event loop; gives back what calls it
                off.
        """
        super().__init__(classes="dialog-screen")
        self._words = words
        self._title = title
        self._begin = begin
        self._call_off: Callable[[], None] = lambda: None
        self._began = time.monotonic()
        self._answer: T | None = None

    def compose(self) -> ComposeResult:
        """Title, how long it takes, keys."""
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            yield Static(f"{self._words} …", id="words", markup=False)
            yield Static("esc calls it off", classes="dialog-consequence", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        self._call_off = self._begin(self._answered)
        self.set_interval(1.0, self._tick)

    def on_screen_resume(self) -> None:
        """What lay above is gone: an answer that came meanwhile can be handed over."""
        if self._answer is not None:
            self.call_later(self._hand_over)

    def action_cancel(self) -> None:
        """Nobody wants it any more."""
        self._call_off()
        self.dismiss(None)

    def _answered(self, answer: T) -> None:
        self._answer = answer
        self._hand_over()

    def _hand_over(self) -> None:
        """Unless another dialog lies above: that one would be closed instead."""
        if self.is_attached and self.app.screen is self:
            self.dismiss(self._answer)

    def _tick(self) -> None:
        seconds = int(time.monotonic() - self._began)
        self.query_one("#words", Static).update(f"{self._words} … {seconds} s")
