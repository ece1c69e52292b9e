"""`envtui env jobs` and `cancel`: the changes that are at work inside containers, whoever began them.

With --json, `jobs` prints an array of `{id, change, pid, started_at, state, progress: {stage, done, total},
log_bytes, error}`, and `cancel` one of these objects.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.backends.parallel import in_parallel
from tui.commands.finding import check_runs, find_container
from tui.commands.options import load_settings, open_workstation
from tui.model.containers import ContainerState
from tui.model.errors import ChangeRefused, EnvtuiError

if TYPE_CHECKING:
    import argparse

    from tui.model.changes import ChangeJob
    from tui.model.containers import Container

# A command in a container costs the engine a process of its own; more at once make each slower.
_CONTAINERS_AT_ONCE = 4
_READ_ONLY = "jobs are looked for by a command in the container"


def add_parser(subcommands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommands."""
    jobs = subcommands.add_parser(
        "jobs",
        parents=[common],
        help="list changes that are at work in containers",
        description="List the changes of environments that run in containers, or ran and were not looked at "
        "yet, whoever began them. One that is over is listed until --forget.",
    )
    jobs.add_argument("container", metavar="CONTAINER", nargs="?", help="without one, all that run")
    jobs.add_argument(
        "--forget", action="store_true", help="list them for the last time, where they are over"
    )
    jobs.add_argument("--json", action="store_true", help="an array of objects")
    jobs.set_defaults(command=run_jobs)
    cancel = subcommands.add_parser(
        "cancel",
        parents=[common],
        help="end a change that is at work in a container",
        description="End a change of an environment inside its container, and undo what it began.",
    )
    cancel.add_argument("container", metavar="CONTAINER", help="name, id, or the beginning of one id")
    cancel.add_argument("job", metavar="JOB", help="its id, or the beginning of one id")
    cancel.add_argument("--json", action="store_true", help="the job as an object")
    cancel.set_defaults(command=run_cancel)


def run_jobs(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the jobs; gives back 1 where a container could not be asked. Raises an EnvtuiError."""
    from tui.commands.change_output import job_json, say
    from tui.commands.changing import backend_of

    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    backend = backend_of(workstation, settings, _READ_ONLY)
    listed, _ = workstation.containers.containers()
    if options.container is None:
        running = filter(_runs, listed)
        chosen = sorted(running, key=lambda each: each.name.casefold())
    else:
        chosen = [find_container(listed, options.container)]
        check_runs(chosen[0])

    def ask(container: Container) -> tuple[Container, Sequence[ChangeJob], EnvtuiError | None]:
        try:
            return container, backend.jobs(container), None
        except EnvtuiError as error:
            return container, (), error

    answers = in_parallel(ask, chosen, _CONTAINERS_AT_ONCE, "jobs")
    jobs = [job for _, found, _ in answers for job in found]
    if options.json:
        print(json.dumps([job_json(each) for each in jobs], indent=2))
    else:
        _print_people(jobs)
    sys.stdout.flush()
    failed = [(container, error) for container, _, error in answers if error is not None]
    if failed and options.container is None:
        # one that has ended meanwhile has no job that runs
        running_now = {each.id for each in workstation.containers.containers()[0] if _runs(each)}
        failed = [(container, error) for container, error in failed if container.id in running_now]
    if options.forget:
        for container, found, _ in answers:
            for job in found:
                if job.is_over:
                    backend.put_away(container, job)
    for container, error in failed:
        say(f"{container.name}: {error.one_line()}")
    if not jobs and not failed and not options.json and sys.stdout.isatty():
        say("no environment is being changed")
    return 1 if failed else 0


def _runs(container: Container) -> bool:
    return container.state is ContainerState.RUNNING


def _print_people(jobs: Sequence[ChangeJob]) -> None:
    from tui.commands.changing import job_words
    from tui.commands.table import print_table
    from tui.model.changes import change_words
    from tui.model.units import iso_time

    titles = ["CONTAINER", "JOB", "STATE", "WHAT", "BEGAN", "REMARKS"]
    print_table(
        titles,
        [
            [
                each.change.container_name,
                each.id,
                each.state.value,
                change_words(each.change),
                iso_time(each.started_at) or "–",
                job_words(each),
            ]
            for each in jobs
        ],
    )


def run_cancel(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """End a job; gives back 0 once nothing of it runs. Raises an EnvtuiError."""
    from tui.commands.change_output import job_json, say
    from tui.commands.changing import backend_of
    from tui.model.changes import ChangeState, change_words

    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    backend = backend_of(workstation, settings, "ending a job changes something")
    listed, _ = workstation.containers.containers()
    container = find_container(listed, options.container)
    check_runs(container)
    job = _find(backend.jobs(container), options.job, container)
    if job.is_over:
        raise ChangeRefused(f"Job {job.id} is over", f"it is {job.state}")
    ended = backend.cancel(container, job)
    if options.json:
        print(json.dumps(job_json(ended), indent=2))
        sys.stdout.flush()
    say(f"{change_words(ended.change)}: {ended.state}")
    if ended.is_over:
        backend.put_away(container, ended)
    return 0 if ended.state is ChangeState.CANCELLED else 1


def _find(jobs: Sequence[ChangeJob], wanted: str, container: Container) -> ChangeJob:
    """The job of that id, or whose id alone begins so. Raises an EnvtuiError."""
    found = [each for each in jobs if each.id == wanted]
    found = found or [each for each in jobs if wanted and each.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(each.id for each in found)
        raise EnvtuiError("Several jobs", f"{ids} begin with {wanted}", "Write more of it")
    hint = f"`envtui env jobs {container.name}` lists them"
    raise EnvtuiError("No such job", f"{wanted} is none in {container.name}", hint)
