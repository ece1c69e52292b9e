"""Changes of environments on the screen: asked for, planned, agreed to, begun and watched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.app import App

from tui.model.changes import ChangeJob, ChangePlan, EnvironmentChange
from tui.model.containers import Container
from tui.model.errors import EnvtuiError
from tui.ui.bridge import Bridge
from tui.ui.text import printable

if TYPE_CHECKING:
    from tui.monitor.known_changes import JobKey, KnownChange
    from tui.monitor.topics import Snapshot


@dataclass(frozen=True, slots=True)
class Wish:
    """A change that somebody wants to see the plan of.

    Attributes:
        container: in which it is done.
        change: what, or a blocking question that tells.
        title: in a few words, until that is known; foreign text.
        typed: what has to be typed before it is done; "" where a button is enough.
        losses: what is lost with it, in words; foreign text.
    """

    container: Container
    change: EnvironmentChange | Callable[[], EnvironmentChange]
    title: str
    typed: str = ""
    losses: Sequence[str] = ()


def ask_for(app: App[None], bridge: Bridge, wish: Wish) -> None:
    """Have a change planned behind a dialog, show the plan, and begin it where somebody agrees."""
    from tui.ui.screens.change_plan import ChangePlanScreen
    from tui.ui.screens.change_planning import ChangePlanningScreen

    keeper = bridge.monitor.changes
    if keeper is None:
        return

    def planned(plan: ChangePlan | None) -> None:
        if plan is not None:
            screen = ChangePlanScreen(plan, wish.typed, wish.losses)
            app.push_screen(
                screen, lambda agreed: begin(app, bridge, wish.container, plan) if agreed else None
            )

    app.push_screen(ChangePlanningScreen(wish, keeper, bridge), planned)


def begin(app: App[None], bridge: Bridge, container: Container, plan: ChangePlan) -> None:
    """Begin what a plan says, and show its job."""
    keeper = bridge.monitor.changes
    if keeper is None:
        return

    def begun(job: ChangeJob) -> None:
        show_job(app, bridge, job.key)

    keeper.begin(
        container,
        plan.change,
        lambda job: bridge.deliver(lambda: begun(job)),
        lambda error: bridge.deliver(lambda: tell(app, error)),
        plan.commands,
    )


def show_job(app: App[None], bridge: Bridge, key: JobKey) -> None:
    """Show one job: its log, how far it is."""
    from tui.ui.screens.change_job import ChangeJobScreen

    app.push_screen(ChangeJobScreen(key, bridge))


def cancel_job(app: App[None], bridge: Bridge, known: KnownChange) -> None:
    """Ask, then end a job."""
    from tui.ui.screens.confirm import Choice, ConfirmScreen, Question

    keeper = bridge.monitor.changes
    if keeper is None or known.job.is_over:
        return
    key = known.job.key
    question = Question(
        title="End this job?",
        lines=(printable(known.words),),
        consequence="Its processes in the container end, and what it has begun is undone.",
        choices=(Choice("end", "End it"),),
    )

    def answered(choice: str | None) -> None:
        if choice == "end":
            keeper.cancel(key, lambda _: None, lambda error: bridge.deliver(lambda: tell(app, error)))

    app.push_screen(ConfirmScreen(question), answered)


def put_job_away(app: App[None], bridge: Bridge, known: KnownChange, done: Callable[[], None]) -> None:
    """Remove what a job that is over has left; `done` is called when it is gone."""
    keeper = bridge.monitor.changes
    if keeper is None:
        return
    if not known.job.is_over:
        app.notify("it still runs: c ends it", title="Not put away", severity="warning", markup=False)
        return
    keeper.put_away(
        known.job.key,
        lambda _: bridge.deliver(done),
        lambda error: bridge.deliver(lambda: tell(app, error)),
    )


class Endings:
    """Tells, wherever the user is, how jobs ended that were seen running."""

    def __init__(self, app: App[None]) -> None:
        """Args: who shows toasts."""
        self._app = app
        self._told: set[JobKey] = set()

    def read(self, snapshot: Snapshot[Mapping[JobKey, KnownChange]]) -> None:
        """A reader of CHANGES."""
        from tui.ui.change_words import ended_words

        known = snapshot.value or {}
        self._told &= known.keys()
        for key, each in known.items():
            if not each.job.is_over:
                # a lost one may be found running again
                self._told.discard(key)
            elif each.was_seen_running and key not in self._told:
                self._told.add(key)
                title, message, severity = ended_words(each)
                self._app.notify(
                    printable(message),
                    title=printable(title),
                    severity=severity,  # type: ignore[arg-type]
                    timeout=10 if severity == "error" else 5,
                    markup=False,
                )


def tell(app: App[None], error: EnvtuiError) -> None:
    """Say what went wrong."""
    app.notify(
        printable(". ".join(part for part in (error.detail, error.hint) if part)),
        title=printable(error.title),
        severity="error",
        markup=False,
    )
