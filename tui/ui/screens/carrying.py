"""The dialog while an environment's files go from one container to another."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.model.containers import Container
from tui.model.errors import EnvtuiError
from tui.model.units import format_bytes
from tui.monitor.prefix_carrying import PrefixCarrier
from tui.monitor.questions import Asking
from tui.ui.bridge import Bridge
from tui.ui.text import printable


class CarryingScreen(ModalScreen[bool]):
    """Gives back whether it is there now."""

    BINDINGS = [("escape,q", "cancel")]  # noqa: RUF012 - Textual's type

    def __init__(
        self,
        source: Container,
        prefix: str,
        target: Container,
        carrier: PrefixCarrier,
        bridge: Bridge,
        size_bytes: int | None = None,
    ) -> None:
        """Args: from where; what; where to; who carries; the way into the event loop; how much there is."""
        super().__init__(classes="dialog-screen")
        self._source, self._prefix, self._target = source, prefix, target
        self._carrier = carrier
        self._bridge = bridge
        self._size_bytes = size_bytes
        self._asking: Asking | None = None
        self._is_over = False
        self._carried_bytes = 0

    def compose(self) -> ComposeResult:
        """Title, how much, keys."""
        title = f"Carry {self._prefix} from {self._source.name} to {self._target.name}"
        with Vertical(classes="dialog"):
            yield Static(printable(title), classes="dialog-title", markup=False)
            yield Static("…", id="words", markup=False)
            yield Static(
                "esc calls it off: nothing of it stays there", classes="dialog-consequence", markup=False
            )

    def on_mount(self) -> None:
        """Begin; figures as often as a person reads them."""
        self._asking = self._carrier.carry(
            self._source,
            self._prefix,
            self._target,
            self._progressed,
            lambda _: self._bridge.deliver(self._done),
            lambda error: self._bridge.deliver(lambda: self._failed(error)),
        )
        self.set_interval(0.25, self._show)

    def _progressed(self, carried_bytes: int) -> None:
        """From the thread: so much is there."""
        self._carried_bytes = carried_bytes

    def _show(self) -> None:
        if not self._is_over:
            of = f" of {format_bytes(self._size_bytes)}" if self._size_bytes else ""
            self.query_one("#words", Static).update(f"{format_bytes(self._carried_bytes)}{of} carried")

    def _done(self) -> None:
        self._is_over = True
        self.app.notify(printable(self._prefix), title=f"Is in {printable(self._target.name)}", markup=False)
        if self.is_attached and self.app.screen is self:
            self.dismiss(True)

    def _failed(self, error: EnvtuiError) -> None:
        self._is_over = True
        if self.is_attached:
            parts = [f"▲ {error.title}", *error.detail.splitlines(), *error.hint.splitlines()]
            self.query_one("#words", Static).update("\n".join(map(printable, parts)))
            self.query_one(".dialog-consequence", Static).update("esc closes")

    def action_cancel(self) -> None:
        """Nobody wants it any more."""
        if self._asking is not None:
            self._asking.cancel()
        self.dismiss(False)
