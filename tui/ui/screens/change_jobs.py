"""The list of the jobs that change environments, of all containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.model.errors import EnvtuiError
from tui.model.units import format_age
from tui.monitor.known_changes import JobKey, KnownChange
from tui.monitor.topics import CHANGES, Snapshot
from tui.ui.bridge import Bridge
from tui.ui.change_words import job_words, state_part
from tui.ui.changes import cancel_job, put_job_away, show_job
from tui.ui.ordered_keys import OrderedKeys
from tui.ui.text import printable
from tui.ui.widgets.columns import Column
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_table import LineTable, Row
from tui.ui.widgets.tones import TONE_CLASSES

_COLUMNS = (
    Column("state", "STATE", 12),
    Column("since", "BEGUN", 6, align_right=True),
    Column("what", "WHAT", 24, widest=70),
    Column("words", "HOW FAR, OR WHY", 14, widest=90),
)
_NONE = "No environment is being changed, as far as is known.\n\nL looks into all containers"


class ChangeJobsScreen(ModalScreen[None], OrderedKeys):
    """Follows the jobs while it is open."""

    COMPONENT_CLASSES = set(TONE_CLASSES)  # noqa: RUF012 - Textual's type

    def __init__(self, bridge: Bridge) -> None:
        """Args: where jobs are known."""
        super().__init__(classes="text-screen")
        self._bridge = bridge
        self._known: dict[JobKey, KnownChange] = {}
        self._looking = ""

    def compose(self) -> ComposeResult:
        """Title, table or notice, keys."""
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            yield LineTable(_COLUMNS)
            yield Static(_NONE, classes="jobs-notice", markup=False)
            yield LineBar(classes="key-bar")

    def on_mount(self) -> None:
        """Show what is known, and what comes from now on."""
        hints: list[Part] = []
        for key, word in (
            ("esc", "close"), ("enter", "log"), ("c", "end it"), ("d", "put away"),
            ("L", "look into all containers"),
        ):  # fmt: skip
            hints += [(f" {key}", "key"), (f" {word} ", "muted")]
        self.query_one(".key-bar", LineBar).show(hints)
        self._show()
        self._bridge.read(CHANGES, self._read)
        self.set_interval(5.0, self._show)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._bridge.forget(CHANGES, self._read)

    @property
    def current(self) -> KnownChange | None:
        """The job under the cursor."""
        key = self.query_one(LineTable).cursor_key
        return next((each for each in self._known.values() if _row_key(each) == key), None)

    def take_key(self, event: events.Key) -> bool:
        """Move, open, end, put away, look, close."""
        if not self.query(LineTable):
            return False
        table = self.query_one(LineTable)
        handlers: dict[str, Callable[[], None]] = {
            "escape": self._close,
            "q": self._close,
            "enter": self._open,
            "c": lambda: self._with_current(lambda known: cancel_job(self.app, self._bridge, known)),
            "d": lambda: self._with_current(self._put_away),
            "L": self._look,
            "j": lambda: table.move_by(1),
            "down": lambda: table.move_by(1),
            "k": lambda: table.move_by(-1),
            "up": lambda: table.move_by(-1),
            "pagedown": lambda: table.move_pages(1),
            "pageup": lambda: table.move_pages(-1),
            "g": table.move_first,
            "home": table.move_first,
            "G": table.move_last,
            "end": table.move_last,
        }
        handler = handlers.get(event.key)
        if handler is not None:
            handler()
        return handler is not None

    def on_line_table_activated(self, event: LineTable.Activated) -> None:
        """A double click opens one."""
        event.stop()
        self._open()

    def _close(self) -> None:
        self.dismiss(None)

    def _with_current(self, act: Callable[[KnownChange], None]) -> None:
        known = self.current
        if known is not None:
            act(known)

    def _open(self) -> None:
        self._with_current(lambda known: show_job(self.app, self._bridge, known.job.key))

    def _put_away(self, known: KnownChange) -> None:
        put_job_away(self.app, self._bridge, known, lambda: None)

    def _look(self) -> None:
        keeper = self._bridge.monitor.changes
        if keeper is None or self._looking == "looking …":
            return
        self._looking = "looking …"
        self._show()
        keeper.find_all(lambda errors: self._bridge.deliver(lambda: self._looked(errors)))

    def _looked(self, errors: Mapping[str, EnvtuiError]) -> None:
        self._looking = f"{', '.join(errors)} could not be asked" if errors else ""
        if self.is_attached:
            self._show()

    def _read(self, snapshot: Snapshot[Mapping[JobKey, KnownChange]]) -> None:
        self._known = dict(snapshot.value or {})
        self._show()

    def _show(self) -> None:
        now = self._bridge.monitor.workstation.now()
        table = self.query_one(LineTable)
        newest_first = sorted(self._known.values(), key=lambda each: -each.job.started_at)
        table.set_rows([_row(each, now) for each in newest_first])
        table.display = bool(newest_first)
        self.query_one(".jobs-notice").display = not newest_first
        running = sum(not each.job.is_over for each in newest_first)
        left: list[Part] = [
            (" Jobs on environments ", "strong"),
            (f" {running} running, {len(newest_first) - running} over", "muted"),
        ]
        right = [(f" {printable(self._looking)} ", "warn")] if self._looking else []
        self.query_one(".pane-title", LineBar).show(left, right)
        if newest_first:
            table.focus()


def _row_key(known: KnownChange) -> str:
    return "\0".join(known.job.key)


def _row(known: KnownChange, now: float) -> Row:
    state, tone = state_part(known.job)
    began = format_age(max(0.0, now - known.job.started_at))
    is_bad = known.job.error is not None or known.error is not None
    cells = (state, began, printable(known.words), printable(job_words(known)))
    return Row(_row_key(known), cells, (tone, "muted", "", "bad" if is_bad else "muted"))
