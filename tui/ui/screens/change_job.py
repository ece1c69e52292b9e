"""One job that changes an environment: how far it is, and what it prints; it goes on without the screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from textual.app import ComposeResult
from textual.containers import Vertical

from tui.model.units import format_age, format_bytes
from tui.monitor.known_changes import JobKey, KnownChange
from tui.monitor.topics import CHANGES, Snapshot
from tui.ui.bridge import Bridge
from tui.ui.change_words import job_words, state_part
from tui.ui.changes import cancel_job, put_job_away
from tui.ui.job_log import JobLog
from tui.ui.screens.text import TextScreen
from tui.ui.text import printable
from tui.ui.widgets.filter_bar import FilterBar
from tui.ui.widgets.line_bar import LineBar, Part
from tui.ui.widgets.line_view import LineView


class ChangeJobScreen(TextScreen):
    """Follows the job while it is open; esc leaves it running."""

    KEYS = (("c", "end it"), ("d", "put away"))

    def __init__(self, key: JobKey, bridge: Bridge) -> None:
        """Args: which job; where it is known."""
        super().__init__("Job")
        self.key = key
        self._bridge = bridge
        self._log = JobLog()
        self._known: KnownChange | None = None

    def compose(self) -> ComposeResult:
        """Title, how far it is, what it prints, keys."""
        with Vertical(classes="text-frame"):
            yield LineBar(classes="pane-title")
            yield LineBar(id="job-state")
            yield LineView()
            yield FilterBar()
            yield LineBar(classes="key-bar")

    @property
    def state(self) -> str:
        """How far it is, as it is shown."""
        return self.query_one("#job-state", LineBar).text

    def fill(self) -> None:
        """Show what is known, and what comes from now on."""
        keeper = self._bridge.monitor.changes
        if keeper is not None:
            # of one that was found, no log is known yet
            keeper.look_at(self.key)
        self._bridge.read(CHANGES, self._read)
        self.set_interval(1.0, self._show_state)

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._bridge.forget(CHANGES, self._read)

    def handlers(self) -> dict[str, Callable[[], None]]:
        """`c` ends it, `d` puts it away."""
        return super().handlers() | {"c": self._cancel, "d": self._put_away}

    def _read(self, snapshot: Snapshot[Mapping[JobKey, KnownChange]]) -> None:
        known = (snapshot.value or {}).get(self.key)
        if known is None or known is self._known:
            return
        self._known = known
        self._title = printable(known.words)
        has_news = self._log.take(known.log, known.dropped_bytes)
        view = self.query_one(LineView)
        is_at_end = view.is_at_end
        if has_news or not self._all:
            self.show_lines([[(f" {line}", "")] for line in self._log.lines])
        self._show_title()
        self._show_state()
        if has_news and is_at_end:
            view.move("end")

    def _show_state(self) -> None:
        """Two lines; minutes go on without news."""
        if self._known is None:
            return
        known, job = self._known, self._known.job
        text, tone = state_part(job)
        words = printable(job_words(known))
        now = self._bridge.monitor.workstation.now()
        since = f"since {format_age(max(0.0, now - job.started_at))} · " if not job.is_over else ""
        printed = f"{since}{format_bytes(job.log_bytes)} printed"
        is_bad = job.error is not None or known.error is not None
        first: list[Part] = [(f" {text}", tone), (f"  {words}", "bad" if is_bad else "")]
        self.query_one("#job-state", LineBar).show_lines([(first, []), ([(f" {printed}", "muted")], [])])

    def _cancel(self) -> None:
        if self._known is not None:
            cancel_job(self.app, self._bridge, self._known)

    def _put_away(self) -> None:
        if self._known is not None:
            put_job_away(self.app, self._bridge, self._known, self._gone)

    def _gone(self) -> None:
        if self.is_attached and self.app.screen is self:
            self.dismiss(None)
