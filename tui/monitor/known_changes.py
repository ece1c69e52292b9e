"""What is known of the jobs that change environments: frozen values, and how they come to be."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from tui.model.changes import ChangeJob, ChangeState, EnvironmentChange, JobNews, change_words
from tui.model.errors import ChangeLost, EnvtuiError

#: Of a job: full id of its container, and its own.
JobKey = tuple[str, str]

#: Of a job's log so much is kept, the newest: some thousand lines.
LOG_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class KnownChange:
    """A job as it was seen last.

    Attributes:
        job: how it is.
        log: the newest of what it printed.
        dropped_bytes: of its log that came before.
        error: why it could not be looked at; None while it can.
        was_seen_running: it ran while somebody looked, so that its end is news.
        commands: argument lists that it runs, as its plan named them; none where it was found.
    """

    job: ChangeJob
    log: bytes = field(default=b"", repr=False)
    dropped_bytes: int = 0
    error: EnvtuiError | None = None
    was_seen_running: bool = False
    commands: tuple[tuple[str, ...], ...] = ()

    @property
    def log_end(self) -> int:
        """Where in its log the next look begins."""
        return self.dropped_bytes + len(self.log)

    @property
    def words(self) -> str:
        """What it does, in a few words; foreign text."""
        return change_words(self.job.change)


def with_news(known: KnownChange, news: JobNews) -> KnownChange:
    """The job as the newest look tells it, with what it printed since."""
    job = news.job
    if known.job.state is ChangeState.CANCELLING and job.state is ChangeState.RUNNING:
        # it was told to end, and does not know it yet
        job = replace(job, state=ChangeState.CANCELLING)
    log, dropped = known.log, known.dropped_bytes
    if news.log:
        # what is known already is not taken twice; what nobody told is as good as dropped
        begin = max(0, known.log_end - news.log_offset)
        if news.log_offset > known.log_end:
            log, dropped = b"", news.log_offset
        log += news.log[begin:]
        too_many = max(0, len(log) - LOG_BYTES)
        log, dropped = log[too_many:], dropped + too_many
    return replace(
        known,
        job=job,
        log=log,
        dropped_bytes=dropped,
        error=None,
        was_seen_running=known.was_seen_running or not job.is_over,
    )


def found(job: ChangeJob) -> KnownChange:
    """A job that somebody else began, or an envtui before this one: only the end of its log is read."""
    return KnownChange(job, dropped_bytes=max(0, job.log_bytes - LOG_BYTES), was_seen_running=not job.is_over)


def lost(known: KnownChange, why: str) -> KnownChange:
    """A job whose container took it along."""
    error = ChangeLost("The job is lost", why, "What it had done is still there, where its container is")
    return replace(known, job=replace(known.job, state=ChangeState.LOST, error=error), error=None)


def at_work_on(known: Mapping[JobKey, KnownChange], container_id: str, prefix: str) -> KnownChange | None:
    """The job that works on an environment now, None for none."""
    return next(
        (
            each
            for each in known.values()
            if not each.job.is_over
            and each.job.change.container_id == container_id
            and prefix in each.job.change.touched
        ),
        None,
    )


def command_lines(change: EnvironmentChange, commands: Sequence[Sequence[str]]) -> list[str]:
    """The lines of the engine's own client that do the same; the change in words where none are known."""
    as_user = ["--user", change.user] if change.user else []
    lines = [
        shlex.join(["docker", "exec", *as_user, change.container_name, *command]) for command in commands
    ]
    return lines or [change_words(change)]
