"""The dialog while a manager is asked what a change would do, and why there is no plan."""

from __future__ import annotations

import time

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.model.changes import ChangePlan
from tui.model.errors import EnvtuiError
from tui.monitor.change_jobs import ChangeKeeper
from tui.monitor.questions import Asking
from tui.ui.bridge import Bridge
from tui.ui.changes import Wish
from tui.ui.text import printable


class ChangePlanningScreen(ModalScreen[ChangePlan | None]):
    """Gives back the plan, None where there is none; esc ends the question in the container, too."""

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape,q", "cancel"),
        ("y", "copy"),
        ("up", "scroll('up')"),
        ("down", "scroll('down')"),
        ("pageup", "scroll('page_up')"),
        ("pagedown", "scroll('page_down')"),
    ]

    def __init__(self, wish: Wish, keeper: ChangeKeeper, bridge: Bridge) -> None:
        """Args: what is wanted; who asks; the way into the event loop."""
        super().__init__(classes="dialog-screen")
        self.wish = wish
        self._keeper = keeper
        self._bridge = bridge
        self._asking: Asking | None = None
        self._began = time.monotonic()
        self._error: EnvtuiError | None = None
        self._plan: ChangePlan | None = None

    def compose(self) -> ComposeResult:
        """Title, how long it takes, keys."""
        with Vertical(classes="dialog"):
            yield Static(printable(self.wish.title), classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-lines", can_focus=False):
                yield Static(self._words(), id="words", markup=False)
            yield Static(
                "esc calls it off: nothing goes on in the container",
                classes="dialog-consequence",
                markup=False,
            )

    def on_mount(self) -> None:
        """Ask."""
        self._asking = self._keeper.plan(
            self.wish.container,
            self.wish.change,
            lambda plan: self._bridge.deliver(lambda: self._answered(plan)),
            lambda error: self._bridge.deliver(lambda: self._failed(error)),
        )
        self.set_interval(1.0, self._tick)

    def _words(self) -> str:
        change = self.wish.change
        manager = "" if callable(change) else change.manager.rpartition("/")[2]
        seconds = int(time.monotonic() - self._began)
        return f"Asking {printable(manager) or 'its manager'} what that would do … {seconds} s"

    def _tick(self) -> None:
        if self._error is None:
            self.query_one("#words", Static).update(self._words())

    def _answered(self, plan: ChangePlan) -> None:
        self._plan = plan
        self._show_plan()

    def _show_plan(self) -> None:
        """Hand it over, unless another dialog lies above: that one would be closed instead."""
        if self.is_attached and self.app.screen is self:
            self.dismiss(self._plan)

    def on_screen_resume(self) -> None:
        """What lay above is gone: a plan that came meanwhile can be shown."""
        if self._plan is not None:
            self.call_later(self._show_plan)

    def _failed(self, error: EnvtuiError) -> None:
        if not self.is_attached:
            return
        self._error = error
        parts = [f"▲ {printable(error.title)}", *map(printable, error.detail.splitlines())]
        parts += ["", *map(printable, error.hint.splitlines())] if error.hint else []
        self.query_one("#words", Static).update("\n".join(parts))
        self.query_one(".dialog-consequence", Static).update("esc closes · y copies it")

    # -- keys

    def action_cancel(self) -> None:
        """Nobody wants it any more."""
        if self._asking is not None:
            self._asking.cancel()
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy why there is no plan."""
        if self._error is not None:
            text = "\n".join(
                part for part in (self._error.title, self._error.detail, self._error.hint) if part
            )
            self.app.copy_to_clipboard(text)
            self.app.notify(f"{len(text.splitlines())} lines", title="Copied", markup=False)

    def action_scroll(self, direction: str) -> None:
        """Scroll: up, down, page_up or page_down."""
        getattr(self.query_one(VerticalScroll), f"scroll_{direction}")(animate=False)
