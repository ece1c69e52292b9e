"""`envtui ps`: the containers as a table for people or as JSON for scripts."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.backends.parallel import in_parallel
from tui.commands.options import load_settings, open_workstation
from tui.commands.table import print_table
from tui.model.containers import Container, ContainerDetails, fold_ports, with_details
from tui.model.errors import NoSuchContainer
from tui.model.joins import age_of
from tui.model.stats import ContainerStats, figures
from tui.model.units import format_bytes, format_percent, iso_time

if TYPE_CHECKING:
    import argparse

    from tui.workstation import Workstation

# A rate needs two samples; the kernel's own accounting is too coarse for less than this.
_SAMPLE_SECONDS = 1.0
# Inspects are answered in milliseconds; a few at once keep 200 containers below a second.
_INSPECTS_AT_ONCE = 8


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = commands.add_parser("ps", parents=[common], help="list containers")
    parser.add_argument("--all", "-a", action="store_true", help="stopped ones, too")
    parser.add_argument("--stats", action="store_true", help="what they use; takes a second")
    parser.add_argument("--json", action="store_true", help="an array of objects")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the containers. Raises an EnvtuiError."""
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    listed, _ = workstation.containers.containers()
    chosen = [each for each in listed if options.all or each.is_alive]
    chosen.sort(key=lambda each: (not each.is_alive, each.name.casefold()))
    stats = _two_samples(workstation, chosen) if options.stats else {}
    chosen = _with_details(workstation, chosen)
    if options.json:
        print(json.dumps([as_json(each, stats.get(each.id), options.stats) for each in chosen], indent=2))
    else:
        _print_people(chosen, stats, options.stats, workstation.now())
    sys.stdout.flush()
    return 0


def _with_details(workstation: Workstation, containers: Sequence[Container]) -> list[Container]:
    def ask(container: Container) -> ContainerDetails | None:
        try:
            return workstation.containers.details(container.id)
        except NoSuchContainer:
            # removed since the list: what the list said stays
            return None

    answers = in_parallel(ask, containers, _INSPECTS_AT_ONCE, "inspect")
    return [
        with_details(each, found) if found else each for each, found in zip(containers, answers, strict=True)
    ]


def _two_samples(workstation: Workstation, containers: Sequence[Container]) -> dict[str, ContainerStats]:
    first = workstation.statistics.samples(containers)
    # nobody sets this event: it waits, and ctrl+c ends it
    threading.Event().wait(_SAMPLE_SECONDS)
    second = workstation.statistics.samples(containers)
    return {key: figures(first.get(key), sample) for key, sample in second.items()}


def as_json(container: Container, stats: ContainerStats | None, with_stats: bool) -> dict[str, Any]:
    """The object that stands for a container; figures are null where they are not known."""
    told: dict[str, Any] = {
        "id": container.id,
        "name": container.name,
        "image": container.image,
        "image_id": container.image_id,
        "state": container.state.value,
        "health": container.health.value if container.health else None,
        "created_at": iso_time(container.created_at),
        "started_at": iso_time(container.started_at),
        "finished_at": iso_time(container.finished_at),
        "exit_code": container.exit_code,
        "project": container.project,
        "ports": [
            {
                "host_ip": port.host_ip,
                "host_port": port.host_port,
                "container_port": port.container_port,
                "protocol": port.protocol,
            }
            for port in container.ports
        ],
        "labels": dict(container.labels),
    }
    if with_stats:
        for name in (
            "cpu_percent",
            "memory_bytes",
            "memory_limit_bytes",
            "pids",
            "network_rx_bytes_per_second",
            "network_tx_bytes_per_second",
        ):
            told[name] = getattr(stats, name).value if stats else None
    return told


def _print_people(
    containers: Sequence[Container], stats: Mapping[str, ContainerStats], with_stats: bool, now: float
) -> None:
    titles = ["NAME", "STATE", *(("CPU", "MEMORY") if with_stats else ()), "AGE", "IMAGE", "PORTS"]
    rows = []
    for each in containers:
        used = stats.get(each.id)
        cells = [each.name, each.health.value if each.health else each.state.value]
        if with_stats:
            cells.append(
                "–"
                if used is None or used.cpu_percent.value is None
                else format_percent(used.cpu_percent.value)
            )
            cells.append(
                "–"
                if used is None or used.memory_bytes.value is None
                else format_bytes(used.memory_bytes.value)
            )
        cells += [age_of(each, now) or "–", each.image, fold_ports(each.ports)]
        rows.append(cells)
    if not rows and sys.stdout.isatty():
        _say_nothing_runs()
    print_table(titles, rows)


def _say_nothing_runs() -> None:
    """Say on stderr that the list is empty, so that a person does not wonder."""
    print("envtui: no container runs; --all shows stopped ones", file=sys.stderr)
