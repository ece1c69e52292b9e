"""A change of an environment from its question to its end: planned, agreed to, begun, followed, cancelled.

Exit codes: 0 done, 1 failed or refused, 2 the command line is not enough, 130 cancelled by ctrl+c.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.commands.change_output import (
    outcome_json,
    plan_json,
    print_plan,
    progress_words,
    say,
    tell,
)
from tui.commands.interrupts import Background, Interrupts
from tui.commands.log_lines import LogLines
from tui.model.changes import ChangeState, change_words
from tui.model.containers import ContainerState
from tui.model.errors import (
    ChangeCancelled,
    ChangeError,
    ChangeLost,
    EngineError,
    EnvtuiError,
    NoSuchContainer,
    ReadOnlyRefusal,
    UsageError,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from tui.backends.base import EnvironmentChanges
    from tui.model.changes import ChangeJob, ChangePlan, EnvironmentChange
    from tui.model.containers import Container
    from tui.settings import Settings
    from tui.workstation import Workstation

DONE, FAILED, CANCELLED = 0, 1, 130
# Between two looks at a job; each is a command in the container.
_LOOK_SECONDS = 0.5
# After this many looks in a row that the engine did not answer, somebody is told.
_MOST_FAILURES = 5
# A question to a manager that is called off has to end in the container, too.
_STOP_SECONDS = 20.0
_READ_ONLY = "a plan, too, is a command in the container"


def backend_of(workstation: Workstation, settings: Settings, why: str = _READ_ONLY) -> EnvironmentChanges:
    """Who changes environments. Raises ReadOnlyRefusal or an EnvtuiError."""
    if settings.read_only:
        raise ReadOnlyRefusal("Read-only", why)
    if workstation.changes is None:
        raise EnvtuiError("No changes", "environments of this host can't be changed")
    return workstation.changes


@dataclass(slots=True)
class Undertaking:
    """One change that a command line asks for.

    Attributes:
        options: with dry_run, yes and json.
        typed: what has to be typed to agree to it; "" where y is enough.
        notes: what is worth a word beside what the plan says.
    """

    workstation: Workstation
    backend: EnvironmentChanges
    container: Container
    change: EnvironmentChange
    options: argparse.Namespace
    typed: str = ""
    notes: Sequence[str] = ()

    def carry_out(self) -> int:
        """Do it; gives back the exit code. Raises an EnvtuiError."""
        try:
            return self._carry_out()
        except ChangeError as error:
            # what managers say has many lines
            error.detail = " ".join(error.detail.split())
            raise

    def _carry_out(self) -> int:
        if not (self.options.dry_run or self.options.yes or can_ask()):
            raise needs_yes()
        with Interrupts() as interrupts:
            plan = self._plan(interrupts)
        if plan is None:
            return interrupts.exit_code
        if self.options.dry_run:
            if self.options.json:
                tell(json.dumps(plan_json(plan), indent=2), sys.stdout)
            else:
                print_plan(plan, sys.stdout)
            return DONE
        if not self.options.json:
            print_plan(plan, sys.stdout)
        elif not self.options.yes:
            # nobody agrees to what was not shown
            print_plan(plan, sys.stderr)
        if not self.options.yes and not agreed(f"{change_words(self.change)}?", self.typed):
            say("nothing was changed")
            return FAILED
        # as it was seen when it was planned
        self.change = plan.change
        with Interrupts() as interrupts:
            self._note()
            job = self.backend.start(self.container, self.change)
            return follow(self, job, interrupts)

    def _note(self) -> None:
        """Have the screen find the job by itself, should it be left running."""
        if self.workstation.is_demo:
            return
        from tui.backends.conda.kept_jobs import KeptJobs
        from tui.paths import state_folder

        try:
            KeptJobs(state_folder() / "changes").note(self.container.id, self.container.name)
        except EnvtuiError as error:
            say(f"the screen will not find this job by itself: {error.one_line()}")

    def _plan(self, interrupts: Interrupts) -> ChangePlan | None:
        """What it would do; None where somebody called it off."""
        from dataclasses import replace

        if sys.stderr.isatty():
            manager = self.change.manager.rpartition("/")[2] or "its interpreter"
            say(f"asking {manager} in {self.container.name} what it would do …")
        asked = Background(
            lambda: self.backend.plan(self.container, self.change, lambda: interrupts.count > 0), "plan"
        )
        while not asked.wait():
            if interrupts.count:
                asked.wait(_STOP_SECONDS)
                return None
        try:
            plan = asked.result()
        except ChangeCancelled:
            return None
        return replace(plan, notes=(*plan.notes, *self.notes))


def can_ask() -> bool:
    """Whether there is somebody who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def needs_yes() -> UsageError:
    """For a command line that nobody can agree to."""
    return UsageError("Nobody can be asked", "it needs --yes", "--dry-run shows what it would do")


def agreed(question: str, typed: str = "") -> bool:
    """Ask on the terminal: for y, or for a name that has to be typed."""
    from tui.commands.questions import TerminalQuestions, questions_here

    questions = questions_here()
    if not isinstance(questions, TerminalQuestions):
        raise needs_yes()
    try:
        if not typed:
            return questions.ask((), question)
        answer = questions.line((question,), f"Type {typed} to remove it: ")
        return answer is not None and answer == typed
    finally:
        questions.close()


def follow(undertaking: Undertaking, job: ChangeJob, interrupts: Interrupts) -> int:
    """Show a job's log until its end, then put it away; gives back the exit code."""
    backend, container = undertaking.backend, undertaking.container
    log = LogLines(is_shown=not undertaking.options.json)
    offset = failures = 0
    is_cancelled = False
    while True:
        if interrupts.wants_end:
            _left_running(container, job)
            return interrupts.exit_code
        if interrupts.count and not is_cancelled:
            is_cancelled = True
            ended = _cancel(backend, container, job, interrupts)
            if ended is None:
                return CANCELLED
            job = ended
        try:
            news = backend.news(container, job, offset)
        except EngineError as error:
            failures += 1
            undertaking.container = container = _still_there(undertaking, error, failures)
            interrupts.wait(_LOOK_SECONDS)
            continue
        failures = 0
        job, offset = news.job, news.log_offset + len(news.log)
        log.feed(news.log)
        if news.log and offset < job.log_bytes:
            continue
        if job.is_over:
            break
        interrupts.wait(_LOOK_SECONDS)
    log.end()
    _tell_end(undertaking, job, log)
    try:
        backend.put_away(container, job)
    except EnvtuiError as error:
        say(f"its traces are still in {container.name}: {error.one_line()}")
    if job.state is ChangeState.DONE:
        return DONE
    return CANCELLED if job.state is ChangeState.CANCELLED and interrupts.count else FAILED


def _cancel(
    backend: EnvironmentChanges, container: Container, job: ChangeJob, interrupts: Interrupts
) -> ChangeJob | None:
    """End a job; None where somebody does not want to wait for that. Raises an EnvtuiError."""
    say("cancelling … (ctrl+c again leaves it to the container)")
    before = interrupts.count
    cancelled = Background(lambda: backend.cancel(container, job), "cancel")
    while not cancelled.wait():
        if interrupts.count > before:
            say(f"it may go on for a while: `envtui env jobs {container.name}` shows it")
            return None
    return cancelled.result()


def _still_there(undertaking: Undertaking, error: EngineError, failures: int) -> Container:
    """The container as it is now, where the job may go on in it. Raises what ends the waiting."""
    name, container_id = undertaking.container.name, undertaking.container.id
    if isinstance(error, NoSuchContainer):
        raise ChangeLost("The job is gone", f"container {name} was removed") from error
    if failures > _MOST_FAILURES:
        raise error
    listed, _ = undertaking.workstation.containers.containers()
    found = next((each for each in listed if each.id == container_id), None)
    if found is None:
        raise ChangeLost("The job is gone", f"container {name} was removed") from error
    if found.state is ContainerState.PAUSED:
        raise EnvtuiError(
            "The job stands still", f"{name} was paused", f"Once it goes on: `envtui env jobs {name}`"
        ) from error
    if found.state is not ContainerState.RUNNING:
        raise ChangeLost(
            "Nobody knows how it ended",
            f"{name} was stopped while it ran",
            "Look at the environment before it is used",
        ) from error
    return found


def _left_running(container: Container, job: ChangeJob) -> None:
    say(f"job {job.id} goes on in {container.name}: `envtui env jobs {container.name}` shows it")


def _tell_end(undertaking: Undertaking, job: ChangeJob, log: LogLines) -> None:
    """How it ended: an object for scripts, a line for people."""
    if undertaking.options.json:
        tell(json.dumps(outcome_json(job, list(log.tail)), indent=2), sys.stdout)
        sys.stdout.flush()
    words = change_words(undertaking.change)
    if job.error is not None:
        say(f"{words}: {' '.join(job.error.one_line().split())}")
    elif not undertaking.options.json or job.state is not ChangeState.DONE:
        say(f"{words}: {job.state}")


def job_words(job: ChangeJob) -> str:
    """How far a job is, or why it ended."""
    if not job.is_over:
        return progress_words(job.progress)
    return " ".join(job.error.one_line().split()) if job.error is not None else ""


def add_common(parser: argparse.ArgumentParser) -> None:
    """The options that all changes have."""
    parser.add_argument("--dry-run", action="store_true", help="print the plan, change nothing")
    parser.add_argument("--yes", "-y", action="store_true", help="don't ask")
    parser.add_argument("--user", metavar="USER", default="", help="account in the container that does it")
    parser.add_argument("--json", action="store_true", help="one object: the plan, or how it ended")


def check_user(options: argparse.Namespace) -> None:
    """Raises UsageError where --user is no account."""
    if options.user.startswith("-") or not options.user.isprintable():
        raise UsageError("--user is no account", options.user, "A name, a uid, or uid:gid")
