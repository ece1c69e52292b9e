"""The list of a container's services: where they are, whom they let in; opened or copied with a key."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from tui.model.errors import EnvtuiError
from tui.model.services import Service, masked_url
from tui.ui.bridge import Bridge
from tui.ui.text import printable

_LOOKING = "Looking into its log and at its ports …"
_KEYS = "enter open · y copy · t show tokens · R look again · esc close"
# Opening a browser takes a second; one that goes on as long as it is open needs no waiting for.
_BROWSER_SECONDS = 10.0
# In a Python of its own, away from the terminal: browsers write warnings over the screen, and those for a
# terminal (not known without TERM) would take it. By stdin, so that our process list entry shows no token.
_OPEN = "import sys, webbrowser; sys.exit(not webbrowser.open(sys.stdin.read()))"


class Browser:
    """The web browser of whoever sits in front of the screen."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        """Args: the environment; the process's own by default."""
        self._environ = os.environ if environ is None else environ

    def why_not(self) -> str | None:
        """Why none can be opened here, None where one can."""
        if self._environ.get("SSH_CONNECTION"):
            return "this is an SSH login"
        has_display = self._environ.get("DISPLAY") or self._environ.get("WAYLAND_DISPLAY")
        return None if has_display or sys.platform == "darwin" else "there is no display here"

    def open(self, url: str) -> bool:
        """Open an address; whether a browser took it. Blocks for some seconds at most."""
        environ = {name: value for name, value in self._environ.items() if name != "TERM"}
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", _OPEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            start_new_session=True,
        )
        try:
            child.communicate(url.encode(), _BROWSER_SECONDS)
        except subprocess.TimeoutExpired:
            # it runs as long as its window is open
            return True
        return child.returncode == 0


class ServicesScreen(ModalScreen[None]):
    """Opens at once, and fills when the answer is there. Tokens are masked until asked for."""

    BINDINGS = [  # noqa: RUF012 - Textual's type
        ("escape,q", "close"),
        ("j", "move('down')"),
        ("k", "move('up')"),
        ("o", "open"),
        ("y", "copy"),
        ("t", "toggle_tokens"),
        ("R", "look"),
    ]

    def __init__(
        self,
        name: str,
        bridge: Bridge,
        question: Callable[[], Sequence[Service]],
        why_none: Callable[[], str],
        browser: Browser | None = None,
    ) -> None:
        """Args: container's name; how to ask for services (blocking), and why there are none; a browser."""
        super().__init__(classes="dialog-screen")
        self._container_name = printable(name)
        self._bridge = bridge
        self._question = question
        self._why_none = why_none
        self._browser = browser or Browser()
        self._services: tuple[Service, ...] = ()
        self._reveals = False
        self._is_looking = False

    def compose(self) -> ComposeResult:
        """Title, list, what stands in its place, keys."""
        with Vertical(classes="dialog"):
            yield Static(f"Services of {self._container_name}", classes="dialog-title", markup=False)
            yield OptionList()
            yield Static(_LOOKING, id="notice", markup=False)
            yield Static(_KEYS, classes="dialog-consequence", markup=False)

    def on_mount(self) -> None:
        """Ask."""
        self.action_look()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter, or the mouse."""
        event.stop()
        self.action_open()

    # -- keys

    def action_close(self) -> None:
        """An answer that comes later is nobody's."""
        self.dismiss(None)

    def action_move(self, direction: str) -> None:
        """Move the cursor: up or down."""
        getattr(self.query_one(OptionList), f"action_cursor_{direction}")()

    def action_look(self) -> None:
        """Ask for the services."""
        if self._is_looking:
            return
        self._is_looking = True
        self._services = ()
        self._show(_LOOKING)
        self._bridge.ask(self._question, self._answered, self._failed)

    def action_open(self) -> None:
        """Open the chosen one in the browser, or copy its address where there is none."""
        service = self._chosen()
        if service is None or service.url is None:
            return
        why_not = self._browser.why_not()
        if why_not is not None:
            self._copy(service, f"{why_not}, so it was copied instead of opened")
            return
        url, browser = service.url, self._browser
        self._bridge.ask(
            lambda: browser.open(url),
            lambda was_opened: self._opened(service, was_opened),
            lambda _: self._opened(service, False),
        )

    def action_copy(self) -> None:
        """Copy the chosen one's whole address."""
        service = self._chosen()
        if service is not None and service.url is not None:
            self._copy(service)

    def action_toggle_tokens(self) -> None:
        """Show tokens, or mask them."""
        self._reveals = not self._reveals
        self._show()

    # -- answers

    def _answered(self, services: Sequence[Service]) -> None:
        self._is_looking = False
        if self.is_attached:
            self._services = tuple(services)
            self._show(self._why_none())

    def _failed(self, error: EnvtuiError) -> None:
        self._is_looking = False
        if self.is_attached:
            self._show("\n".join(part for part in (error.title, error.detail, error.hint) if part))

    def _opened(self, service: Service, was_opened: bool) -> None:
        if was_opened:
            self.app.notify(printable(masked_url(service)), title="Opened in the browser", markup=False)
        elif self.is_attached:
            self._copy(service, "no browser could be opened, so it was copied")

    # -- what is shown

    def _show(self, notice: str | None = None) -> None:
        """The list, or a notice where it is empty; without a notice the one that stands there stays."""
        options, place = self.query_one(OptionList), self.query_one("#notice", Static)
        chosen = options.highlighted
        options.clear_options()
        options.add_options(
            Option(service_lines(service, self._reveals), disabled=service.url is None)
            for service in self._services
        )
        options.display = bool(self._services)
        place.display = not self._services
        if notice is not None:
            place.update("\n".join(map(printable, notice.split("\n"))))
        if self._services:
            reachable = [index for index, each in enumerate(self._services) if each.url is not None]
            options.highlighted = chosen if chosen in reachable else next(iter(reachable), None)
            self.set_focus(options)

    def _chosen(self) -> Service | None:
        index = self.query_one(OptionList).highlighted
        return self._services[index] if index is not None and index < len(self._services) else None

    def _copy(self, service: Service, why: str = "") -> None:
        assert service.url is not None
        self.app.copy_to_clipboard(service.url)
        with_token = ", with its token" if service.token else ""
        told = f"URL of {printable(service.title)} copied{with_token}"
        self.app.notify(f"{told}\n{why}" if why else told, title="Copied", markup=False)


def service_lines(service: Service, reveals: bool) -> Content:
    """A service as two or three lines: what it is, where, and what else there is to know."""
    parts: list[tuple[str, str]] = [
        (f"{service.kind:<12}", "$text-muted"),
        (printable(service.title), "bold"),
    ]
    if service.is_open:
        parts.append(("  ▲ no authentication", "$text-warning"))
    if service.url is not None:
        shown = service.url if reveals else masked_url(service)
        parts.append((f"\n  {printable(shown)}", "$text-accent"))
    if service.note:
        parts.append((f"\n  {printable(service.note)}", "$text-muted"))
    return Content.assemble(*parts)
