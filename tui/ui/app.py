"""The window: wires the monitor, the bridge and the main screen together, and ends properly."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual._context import active_message_pump
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui import diagnostics
from tui.monitor.jobs import Job
from tui.monitor.monitor import Monitor
from tui.monitor.topics import CHANGES, JOBS, RECLAIM, Snapshot
from tui.settings import Settings, check_action_ids
from tui.ui.actions import allowed
from tui.ui.bridge import Bridge
from tui.ui.changes import Endings
from tui.ui.disk_actions import DISK_ACTIONS, DISK_SCOPE
from tui.ui.disk_endings import ReclaimEndings
from tui.ui.disk_memory import DiskMemory
from tui.ui.driver import TerminalDriver
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import EVERYWHERE, Keymap
from tui.ui.ordered_keys import OrderedKeys
from tui.ui.panes import PANES
from tui.ui.screens.main import MainScreen
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.ui.sessions import Show


def _action_provider() -> Any:
    from tui.ui.palette import ActionProvider

    return ActionProvider


def build_keymap(settings: Settings, read_only: bool) -> Keymap:
    """What keys mean with these settings. Raises SettingsError for a key that can't be."""
    every = {pane.NAME: pane.ACTIONS for pane in PANES} | {
        DISK_SCOPE: DISK_ACTIONS,
        EVERYWHERE: EVERYWHERE_ACTIONS,
    }
    scopes = {scope: allowed(actions, read_only) for scope, actions in every.items()}
    # the whole registry is checked, so that a mistake shows in read-only mode too
    check_action_ids(settings, [action.id for actions in every.values() for action in actions])
    Keymap(every, settings.keys, lambda action: settings.where(f"keys.{action}"))
    present = {action.id for actions in scopes.values() for action in actions}
    overrides = {action: keys for action, keys in settings.keys.items() if action in present}
    return Keymap(scopes, overrides)


_QUIT_QUESTION = "Quit while jobs are under way?"


class EnvtuiApp(App[None]):
    """Knows nobody's business: the monitor finds out, the panes show."""

    CSS_PATH = "styles/envtui.tcss"
    TITLE = "envtui"
    COMMANDS = {_action_provider}  # noqa: RUF012 - Textual's type
    # ctrl+c must work in every dialog and input, too
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "ask_to_quit", show=False, priority=True)]

    def __init__(self, monitor: Monitor, settings: Settings) -> None:
        """Args: a monitor, started already so that the first list is on its way; the settings.

        Raises:
            SettingsError: keys or theme of the settings can't be.
        """
        super().__init__(driver_class=TerminalDriver)
        self.monitor = monitor
        self.settings = settings
        self.keymap = build_keymap(settings, monitor.read_only)
        if settings.theme not in self.available_themes:
            themes = ", ".join(sorted(self.available_themes))
            raise settings.mistake("theme", settings.theme, f"one of {themes}")
        self.theme = settings.theme
        self.bridge = Bridge(monitor, self._complain)
        self.failure: BaseException | None = None
        #: shows open sessions; None for this terminal
        self.show_session: Show | None = None
        #: what the disk screen keeps from one look to the next
        self.disk_memory = DiskMemory()
        self._reported: set[int] = set()

    def get_default_screen(self) -> Screen[Any]:
        """The main screen is there from the start."""
        return MainScreen(self.bridge, self.keymap)

    @property
    def main_screen(self) -> MainScreen:
        """It lies below every other."""
        main = self.screen_stack[0]
        assert isinstance(main, MainScreen)
        return main

    def on_load(self) -> None:
        """Before anything is drawn: listen, and end properly when told to."""
        self.bridge.open()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self._end, number)
            except (NotImplementedError, RuntimeError, ValueError):
                # not in the main thread (tests): nobody sends signals there
                continue

    def on_mount(self) -> None:
        """Jobs report wherever the user is."""
        self.bridge.read(JOBS, self._report_jobs)
        self.bridge.read(CHANGES, Endings(self).read)
        self.bridge.read(RECLAIM, ReclaimEndings(self).read)

    async def on_event(self, event: events.Event) -> None:
        """Keys take effect in their order: the screen has them before any widget's queue does."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            if not self.screen_stack:
                # Textual reads keys before there is any screen: this one comes again once there is one
                self.call_later(self.post_message, event)
                return
            screen = self.screen
            if isinstance(screen, OrderedKeys) and screen.take_key(event):
                return
        await super().on_event(event)

    def on_unmount(self) -> None:
        """No more news."""
        self.bridge.close()

    def action_ask_to_quit(self) -> None:
        """ctrl+c."""
        self.ask_to_quit()

    def ask_to_quit(self) -> None:
        """Quit, but ask while a job is under way: it would be cut off between two steps."""
        running = [job.plan.title for job in self.monitor.running_jobs()]
        if self.monitor.saver is not None and self.monitor.saver.is_running:
            running.append("A log is being saved: its file will not be there")
        if self.monitor.carrier is not None and self.monitor.carrier.is_running:
            running.append("An environment is being carried over: nothing of it will be there")
        if self.monitor.disk is not None and self.monitor.disk.is_running:
            running.append("Things are being removed from the disk: what has not begun will stay")
        if not running:
            self.exit()
            return
        from tui.ui.screens.confirm import Choice, ConfirmScreen, Question

        if isinstance(self.screen, ConfirmScreen) and self.screen.question.title == _QUIT_QUESTION:
            self.exit()
            return
        question = Question(
            _QUIT_QUESTION,
            tuple(printable(title) for title in running),
            "What the engine has begun it ends; steps that have not begun are not done.",
            (Choice("quit", "Quit"),),
        )
        self.push_screen(ConfirmScreen(question), lambda choice: self.exit() if choice == "quit" else None)

    def pop_screen(self) -> AwaitComplete:
        """Take the topmost screen away; not for one that was closed before.

        Textual's palette closes itself for the entry that was chosen, and again for an esc that came before
        the choice had reached it; the second time would take what is below it, at last the main screen.
        """
        closing = active_message_pump.get(None)
        if isinstance(closing, Screen) and closing not in self.screen_stack:
            return AwaitComplete()
        return super().pop_screen()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[Any]:
        """The palette shows our own actions, not Textual's."""
        return ()

    def _end(self, number: int) -> None:
        self.exit(return_code=128 + number)

    def _complain(self, what: str, error: BaseException) -> None:
        self.notify(printable(f"{type(error).__name__}: {error}"), title=what, severity="error", markup=False)

    def _handle_exception(self, error: Exception) -> None:
        """What nobody caught ends the app with the terminal restored and one line, not with a traceback."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        diagnostics.record_exception("screen", error)
        self.failure = self.failure or error
        self.exit(return_code=1)

    def _report_jobs(self, snapshot: Snapshot[tuple[Job, ...]]) -> None:
        for job in snapshot.value or ():
            if job.is_over and job.number not in self._reported:
                self._reported.add(job.number)
                self._report(job)

    def _report(self, job: Job) -> None:
        if not job.failures:
            if len(job.plan.steps) > 1:
                self.notify("done", title=printable(job.plan.title), markup=False)
            return
        # three say what kind of failure it is; the command log has them all
        lines = [f"{name}: {error.detail or error.title}" for name, error in job.failures[:3]]
        if len(job.failures) > len(lines):
            lines.append(f"and {len(job.failures) - len(lines)} more: see the command log (@)")
        self.notify(
            "\n".join(printable(line) for line in lines),
            title=printable(f"{job.plan.title}: failed"),
            severity="error",
            timeout=10,
            markup=False,
        )
