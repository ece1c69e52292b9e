"""`envtui envs`: the Python environments inside containers, as a table for people or as JSON for scripts."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tui.backends.parallel import in_parallel
from tui.commands.finding import find_container
from tui.commands.options import load_settings, open_workstation
from tui.commands.table import print_table
from tui.model.containers import Container, with_details
from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, ListedBy
from tui.model.errors import EnvtuiError, GpuError
from tui.model.printable import printable
from tui.model.units import format_bytes, iso_time

if TYPE_CHECKING:
    import argparse

    from tui.backends.base import Environments
    from tui.model.compatibility import DriverFacts, Verdict
    from tui.workstation import Workstation

# A command in a container costs the engine a process of its own; more at once make each slower.
_CONTAINERS_AT_ONCE = 4


@dataclass(slots=True)
class _Answer:
    """What could be found out about one container.

    Attributes:
        host_pids: by number in the container; None where they can't be known.
        errors: why it is not all.
    """

    container: Container
    listing: EnvironmentList | None = None
    sizes: Mapping[str, EnvironmentSize] = field(default_factory=dict)
    host_pids: Mapping[int, int] | None = None
    errors: list[EnvtuiError] = field(default_factory=list)


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "envs",
        parents=[common],
        help="list Python environments inside containers",
        description="List the Python environments inside running containers, or inside one that is named "
        "and may be stopped: what each holds, where it lives, and whether it can use this host's GPUs.",
    )
    parser.add_argument(
        "container", metavar="CONTAINER", nargs="?", help="name, id, or the beginning of one id"
    )
    parser.add_argument("--sizes", action="store_true", help="what they take on the disk; takes a while")
    parser.add_argument("--json", action="store_true", help="an array of objects")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the environments; gives back 1 where a container could not tell all. Raises an EnvtuiError."""
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    backend = workstation.environments
    if backend is None:
        raise EnvtuiError("No environments", "this host can't be asked for them")
    listed, _ = workstation.containers.containers()
    chosen = _chosen(listed, options.container)
    answers = in_parallel(
        lambda container: _ask(workstation, backend, container, options.sizes, not settings.read_only),
        chosen,
        _CONTAINERS_AT_ONCE,
        "environments",
    )
    found = _judged(workstation, answers)
    if options.json:
        print(json.dumps([as_json(*each) for each in found], indent=2))
    else:
        _print_people(found, options.sizes)
        _explain_nothing(answers, options.container is not None)
    sys.stdout.flush()
    return _print_errors(answers)


def _chosen(listed: Sequence[Container], wanted: str | None) -> list[Container]:
    """The named one, running or not; without a name all that run. Raises NoSuchContainer."""
    if wanted is None:
        alive = (each for each in listed if each.is_alive)
        return sorted(alive, key=lambda each: each.name.casefold())
    return [find_container(listed, wanted)]


def _ask(
    workstation: Workstation,
    backend: Environments,
    container: Container,
    with_sizes: bool,
    ask_inside: bool,
) -> _Answer:
    """All that one container tells; what fails is kept beside what came before it.

    A command is run in it only with `ask_inside`; sizes can't be measured without.
    """
    answer = _Answer(container)
    try:
        # its first process and its start are told by nothing else
        answer.container = with_details(container, workstation.containers.details(container.id))
        answer.listing = listing = backend.environments(answer.container, ask_inside)
        if listing.problem is not None:
            answer.errors.append(listing.problem)
        answer.host_pids = _host_pids(workstation, answer.container, listing)
        if with_sizes and listing.listed_by is ListedBy.EXEC and listing.environments:
            answer.sizes = backend.sizes(answer.container, listing.environments, lambda: False)
    except EnvtuiError as error:
        answer.errors.append(error)
    return answer


def _host_pids(
    workstation: Workstation, container: Container, listing: EnvironmentList
) -> Mapping[int, int] | None:
    if not container.is_alive:
        return {}
    if listing.listed_by is ListedBy.ARCHIVE:
        # nobody could look at its processes
        return None
    pids = sorted({pid for each in listing.environments for pid in each.pids})
    if not pids:
        return {}
    return workstation.host_pids.host_pids(container, pids) if workstation.host_pids else None


def _judged(
    workstation: Workstation, answers: Sequence[_Answer]
) -> list[tuple[_Answer, Environment, Verdict]]:
    """All environments, each with its container and its verdict."""
    # other commands import this module, too, and need no table
    from tui.data import cuda_table
    from tui.model.compatibility import judge

    driver = _driver_facts(workstation) if any(answer.listing for answer in answers) else None
    return [
        (answer, each, judge(each, driver, cuda_table()))
        for answer in answers
        for each in (answer.listing.environments if answer.listing else ())
    ]


def _driver_facts(workstation: Workstation) -> DriverFacts | None:
    """What the driver itself says, before what files and settings say of it."""
    import platform

    from tui.model.compatibility import facts_of

    facts = None
    if workstation.gpus is not None:
        try:
            facts = facts_of(workstation.gpus.report(), platform.machine())
        except GpuError:
            # it hangs: its version stands in a file, too
            pass
        finally:
            workstation.gpus.close()
    return facts or (workstation.driver.facts() if workstation.driver else None)


def as_json(answer: _Answer, environment: Environment, verdict: Verdict) -> dict[str, Any]:
    """The object that stands for an environment; null is for what is not known."""
    size = answer.sizes.get(environment.prefix)
    return {
        "container": answer.container.name,
        "container_id": environment.container_id,
        "name": environment.name or None,
        "prefix": environment.prefix,
        "root_prefix": environment.root_prefix,
        "kind": environment.kind.value,
        "manager": environment.manager,
        "python": environment.python,
        "conda_packages": environment.conda_packages,
        "pip_packages": environment.pip_packages,
        "torch": environment.torch,
        "cuda_build": environment.cuda_build,
        "size_bytes": size.size_bytes if size else None,
        "own_bytes": size.own_bytes if size else None,
        "writable": environment.writable,
        "frozen": environment.frozen,
        "origin": environment.origin.value if environment.origin else None,
        "ephemeral": environment.ephemeral,
        "in_use_by": _in_use_by(answer, environment),
        "modified_at": iso_time(environment.modified_at),
        "verdict": {"status": verdict.status.value, "reason": verdict.reason},
    }


def _in_use_by(answer: _Answer, environment: Environment) -> list[int] | None:
    """Processes by their numbers on the host; those that ended meanwhile have none."""
    if answer.host_pids is None:
        return None
    return sorted(answer.host_pids[pid] for pid in environment.pids if pid in answer.host_pids)


def _print_people(found: Sequence[tuple[_Answer, Environment, Verdict]], with_sizes: bool) -> None:
    # a narrow terminal cuts a line at its end: what people look for first stands before that
    size_titles = ("SIZE", "OWN") if with_sizes else ()
    titles = [
        "CONTAINER", "ENVIRONMENT", "VERDICT", "PYTHON", "TORCH", "CUDA", "KIND", "ORIGIN", "CONDA", "PIP",
        *size_titles, "REMARKS",
    ]  # fmt: skip
    rows = []
    for answer, each, verdict in found:
        cells = [answer.container.name, each.label, verdict.status.value, each.python, each.torch]
        cells += [each.cuda_build, each.kind.value, each.origin.value if each.origin else None]
        cells += [None if count is None else str(count) for count in (each.conda_packages, each.pip_packages)]
        if with_sizes:
            cells += _size_cells(answer.sizes.get(each.prefix))
        remarks = ("frozen", *each.problems) if each.frozen else each.problems
        rows.append([*("–" if cell is None else cell for cell in cells), "; ".join(remarks)])
    print_table(titles, rows)


def _size_cells(size: EnvironmentSize | None) -> list[str | None]:
    if size is None:
        return [None, None]
    return [
        format_bytes(size.size_bytes),
        None if size.own_bytes is None else format_bytes(size.own_bytes),
    ]


def _explain_nothing(answers: Sequence[_Answer], is_named: bool) -> None:
    """Say on stderr what is to be said of the one container that was asked for, or why the table is empty."""
    if is_named:
        for answer in answers:
            if answer.listing is not None and answer.listing.note:
                _say(f"{answer.container.name}: {answer.listing.note}")
    elif not answers and sys.stdout.isatty():
        _say("no container runs; name a stopped one to see what is in it")


def _print_errors(answers: Sequence[_Answer]) -> int:
    for answer in answers:
        for error in answer.errors:
            _say(f"{answer.container.name}: {error.one_line()}")
    return 1 if any(answer.errors for answer in answers) else 0


def _say(line: str) -> None:
    print(f"envtui: {printable(line)}", file=sys.stderr)
