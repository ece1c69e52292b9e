"""Tells wherever the user is that a removal from the disk is over."""

from __future__ import annotations

from textual.app import App

from tui.model.disk_items import SKIPPED_STATES, OutcomeState, ReclaimPlan, ReclaimReport
from tui.monitor.topics import Snapshot


def _title(report: ReclaimReport, has_failed: bool) -> str:
    if not any(each.state is OutcomeState.REMOVED for each in report.outcomes):
        return "Nothing was removed"
    return "Reclaimed, but not all" if has_failed else "Reclaimed"


class ReclaimEndings:
    """A toast for each removal that ends, once."""

    def __init__(self, app: App[None]) -> None:
        """Args: who shows it."""
        self._app = app
        self._told: ReclaimPlan | None = None

    def read(self, snapshot: Snapshot[ReclaimReport]) -> None:
        """A reader of RECLAIM."""
        report = snapshot.value
        # a quick one is over before anybody saw it begin
        if report is not None and report.is_over and report.plan is not self._told:
            self._told = report.plan
            self._tell(report)

    def _tell(self, report: ReclaimReport) -> None:
        from tui.ui.screens.disk_job import DiskJobScreen
        from tui.ui.screens.disk_words import freed_words, outcome_counts

        if isinstance(self._app.screen, DiskJobScreen):
            # it says so itself, and a toast would hide its last lines
            return
        fine = SKIPPED_STATES | {OutcomeState.REMOVED}
        has_failed = any(each.state not in fine for each in report.outcomes)
        self._app.notify(
            f"{outcome_counts(report)}\n{freed_words(report)}\nD, then J shows each",
            title=_title(report, has_failed),
            severity="error" if has_failed else "information",
            timeout=10,
            markup=False,
        )
