"""`envtui gpus` on a real engine: whose real processes are, told to root and to another user."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from tests.engine import environment_images as images
from tests.engine.gpu_machine import (
    ENGINE_GROUP,
    MEMBER,
    ROOT,
    SLEEP,
    STRANGER,
    Forker,
    Machine,
    Watch,
    by_pid,
    links,
    outside,
)
from tests.engine.hostile import FORBIDDEN, TEXTS, assert_nothing_interpreted, rename_all
from tests.engine.owned_processes import ALICE, ENVS, PATIENCE, SOMEBODY, open_host
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine
from tests.rig.nvml_double import why_unavailable
from tests.rig.nvml_scenario import GIB, ProcessLine, uuid_of
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.backends.gpu.ownership import user_name
from tui.backends.gpu.process_files import ENDED
from tui.commands.gpu_holders import IN_NONE, OUTSIDE_ANY

EVERYBODY = pytest.mark.parametrize("who", [ROOT, MEMBER], ids=["root", "another user"])
VISION = f"{ENVS}/vision"
STRANGE = f"{ENVS}/new\nline"
#: Figures of a GPU by the scenario's names.
FIGURES = {
    "utilization_percent": "utilization",
    "memory_total_bytes": "memory.total",
    "memory_used_bytes": "memory.used",
    "memory_reserved_bytes": "memory.reserved",
    "temperature_celsius": "temperature",
    "fan_percent": "fan",
    "sm_clock_mhz": "clock.sm",
}


@pytest.fixture
def machine(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    reason = why_unavailable()
    if reason is not None:
        if os.environ.get("ENVTUI_REQUIRE_ENGINE") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    with (
        open_host(clean_engine, channel, tmp_path_factory.mktemp("trees")) as host,
        tempfile.TemporaryDirectory(prefix="envtui-gpus-", dir="/tmp") as folder,
    ):
        os.chown(host.proxy.socket_path, 0, ENGINE_GROUP)
        os.chmod(host.proxy.socket_path, 0o660)
        os.chmod(folder, 0o755)
        yield Machine(host, Path(folder))


@EVERYBODY
def test_every_process_is_told_with_its_container_environment_and_user(
    machine: Machine, who: Sequence[str]
) -> None:
    host = machine.host
    began = time.time()
    training, serving = host.run("training"), host.run("serving", "--user", str(ALICE))
    activated = ("--env", f"CONDA_PREFIX={VISION}", "--env", "CONDA_DEFAULT_ENV=vision")
    (vision,) = host.start("training", f"{VISION}/{SLEEP}", "7001")
    (strange,) = host.start("training", f"{STRANGE}/{SLEEP}", "7002")
    (active,) = host.start("training", "/bin/busybox", "sleep", "7003", options=activated)
    (alices,) = host.start("training", f"{VISION}/{SLEEP}", "7004", options=("--user", str(ALICE)))
    (base,) = host.start("serving", f"/opt/conda/{SLEEP}", "7005")
    (plain,) = host.start("serving", "/bin/busybox", "sleep", "7006")
    alice = user_name(ALICE) or str(ALICE)
    nobody = user_name(SOMEBODY) or str(SOMEBODY)
    with outside("7007") as roots, outside("7008", SOMEBODY) as nobodys:
        pids = (vision, strange, active, alices, base, plain, roots, nobodys)
        lines = [
            ProcessLine(pid, place * GIB, "C", sm=place, keep=False) for place, pid in enumerate(pids, 1)
        ]
        machine.put(*lines)
        machine.put(ProcessLine(vision, None, "CG", sm=77, keep=False), gpu=1)

        told = machine.told(who)

    found = by_pid(told)
    assert {pid: links(each) for pid, each in found.items()} == {
        vision: ("training", training, "vision", VISION, "root"),
        strange: ("training", training, "new\nline", STRANGE, "root"),
        active: ("training", training, "vision", VISION, "root"),
        alices: ("training", training, "vision", VISION, alice),
        base: ("serving", serving, "base", "/opt/conda", alice),
        plain: ("serving", serving, None, None, alice),
        roots: (None, None, None, None, "root"),
        nobodys: (None, None, None, None, nobody),
    }
    assert found[plain]["unknown"] == {"environment": IN_NONE, "prefix": IN_NONE}
    for pid in (roots, nobodys):
        assert [found[pid]["unknown"][name] for name in ("container", "container_id")] == [OUTSIDE_ANY] * 2
    assert found[nobodys]["unknown"]["prefix"] == IN_NONE
    assert found[roots]["unknown"]["prefix"] == (
        IN_NONE if who == ROOT else "another user's process: only root may look"
    )
    assert found[vision]["command"] == f"{VISION}/{SLEEP} 7001"
    for each in found.values():
        assert began - 2 < datetime.fromisoformat(each["started_at"]).timestamp() < time.time() + 2
    for line in lines:
        process = found[line.pid]
        told_of_it = (process["memory_bytes"], process["sm_percent"], process["type"])
        assert told_of_it == (line.memory_bytes, line.sm, "compute")
    (again,) = told["gpus"][1]["processes"]
    assert (links(again), again["sm_percent"], again["type"]) == (links(found[vision]), 77, "both")
    assert set(again["unknown"]) == {"memory_bytes"}


@EVERYBODY
def test_figures_are_the_drivers(machine: Machine, who: Sequence[str]) -> None:
    told = machine.told(who)
    assert (told["driver_version"], told["cuda_version"]) == ("550.54.15", "12.4")
    assert [each["uuid"] for each in told["gpus"]] == [uuid_of(0), uuid_of(1)]
    for number, gpu in enumerate(told["gpus"]):
        values = machine.double.scenario.gpus[number].values
        assert {name: gpu[name] for name in FIGURES} == {name: values[key] for name, key in FIGURES.items()}
        assert (gpu["index"], gpu["name"]) == (number, values["name"])
        assert (gpu["power_watts"], gpu["power_limit_watts"]) == (250.5, 400.0)
        assert (gpu["throttle_reasons"], gpu["processes"], gpu["unknown"]) == (["power limit"], [], {})


def test_one_who_may_not_use_the_engine_is_told_so_with_each_process(machine: Machine) -> None:
    key = machine.host.run("training")
    (pid,) = machine.host.start("training", f"{VISION}/{SLEEP}", "7001")
    with outside("7002") as other:
        machine.put_alive(pid, other)
        found = machine.processes(STRANGER)
    # the kernel tells it of the id, and not of the name
    assert (found[pid]["container"], found[pid]["container_id"], found[pid]["user"]) == (None, key, "root")
    assert "No permission" in found[pid]["unknown"]["container"]
    assert found[other]["unknown"]["container"] == OUTSIDE_ANY


@EVERYBODY
def test_one_that_is_killed_is_gone_from_what_is_watched(machine: Machine, who: Sequence[str]) -> None:
    machine.host.run("training")
    stays, goes = machine.host.start("training", f"{VISION}/{SLEEP}", "7001", count=2)
    machine.put_alive(stays, goes)
    with Watch(machine, who) as watch:
        watch.until_told(goes, "training", "vision")
        os.kill(goes, 9)
        until(lambda: watch.of(goes) is None, 2.0, "it is gone")
        watch.until_told(stays, "training", "vision")


@EVERYBODY
def test_a_container_that_is_made_while_it_watches_is_told_by_name(
    machine: Machine, who: Sequence[str]
) -> None:
    with Watch(machine, who) as watch:
        until(lambda: watch.reports, PATIENCE)
        key = machine.host.run("later")
        (pid,) = machine.host.start("later", f"{VISION}/{SLEEP}", "7001")
        machine.put_alive(pid)
        first = until(lambda: watch.of(pid), PATIENCE)
        assert links(first) == ("later", key, "vision", VISION, "root")


@EVERYBODY
def test_an_engine_that_hangs_holds_up_nothing(machine: Machine, who: Sequence[str]) -> None:
    machine.host.run("training")
    stays, goes = machine.host.start("training", f"{VISION}/{SLEEP}", "7001", count=2)
    machine.put_alive(stays, goes)
    proxy = machine.host.proxy
    with Watch(machine, who) as watch:
        watch.until_told(goes, "training", "vision")
        proxy.hang = True
        hung_at = time.monotonic()
        until(lambda: proxy.requests(since=hung_at), PATIENCE, "the engine is asked again")
        os.kill(goes, 9)
        until(lambda: watch.of(goes) is None, 2.0, "it is gone")
        assert watch.of(stays) is not None
        proxy.hang = False
        watch.until_told(stays, "training", "vision")


@EVERYBODY
def test_a_number_that_the_driver_keeps_is_nobodys_and_then_whose_it_is(
    machine: Machine, who: Sequence[str]
) -> None:
    host = machine.host
    host.run("training")
    serving = host.run("serving", "--user", str(ALICE))
    (pid,) = host.start("training", f"{VISION}/{SLEEP}", "7001")
    forker = Forker(host, "serving")
    machine.put(ProcessLine(pid, GIB, sm=10, keep=True))
    with Watch(machine, who) as watch:
        watch.until_told(pid, "training", "vision")

        os.kill(pid, 9)
        until(lambda: not Path(f"/proc/{pid}").exists(), PATIENCE)
        gone = watch.until_told(pid, None)
        assert links(gone) == (None,) * 5
        assert (gone["memory_bytes"], gone["unknown"]["container"]) == (GIB, ENDED)
        assert by_pid(machine.told(who))[pid]["unknown"] == gone["unknown"]

        told_before = len(watch.reports)
        forker.fork_as(pid)
        expected = ("serving", serving, "base", "/opt/conda", user_name(ALICE) or str(ALICE))
        reborn = watch.until_told(pid, "serving", "base")
        assert (links(reborn), reborn["command"]) == (expected, f"/opt/conda/{SLEEP} 7009")
        assert links(by_pid(machine.told(who))[pid]) == expected
        assert {by_pid(each)[pid]["container"] for each in watch.reports[told_before:]} <= {None, "serving"}


def test_read_only_runs_nothing_in_containers(machine: Machine) -> None:
    host = machine.host
    training, silent = host.run("training"), host.run_shellless("silent")
    (vision,) = host.start("training", f"{VISION}/{SLEEP}", "7001")
    (active,) = host.start(
        "training", "/bin/busybox", "sleep", "7002", options=("--env", f"CONDA_PREFIX={VISION}")
    )
    (shellless,) = host.processes("silent", "7001")
    machine.put_alive(vision, active, shellless)
    whole = ("training", training, "vision", VISION, "root")

    as_root = machine.processes(ROOT, "--read-only")
    as_member = machine.processes(MEMBER, "--read-only")

    assert [links(as_root[pid]) for pid in (vision, active)] == [whole, whole]
    assert links(as_root[shellless]) == ("silent", silent, None, None, "root")
    assert as_root[shellless]["unknown"]["prefix"] == IN_NONE
    # the path that one was called by tells its environment to everybody
    assert links(as_member[vision]) == whole
    assert links(as_member[active]) == ("training", training, None, None, "root")
    for pid in (active, shellless):
        assert "read-only" in as_member[pid]["unknown"]["prefix"]
    assert {each.method for each in host.proxy.requests()} <= {"GET", "HEAD"}


def test_without_read_only_another_user_needs_commands_in_containers(machine: Machine) -> None:
    host = machine.host
    for name in ("training", "paused"):
        host.run(name)
    host.run_shellless("silent")
    (active,) = host.start(
        "training", "/bin/busybox", "sleep", "7002", options=("--env", f"CONDA_PREFIX={VISION}")
    )
    (shellless,) = host.processes("silent", "7001")
    (frozen,) = host.start("paused", "/bin/busybox", "sleep", "7003")
    machine.put_alive(active, shellless, frozen)
    host.rig.docker("pause", "paused")
    try:
        found = machine.processes(MEMBER)
    finally:
        host.rig.docker("unpause", "paused")
    assert found[active]["environment"] == "vision"
    assert "no shell" in found[shellless]["unknown"]["prefix"]
    assert "paused" in found[frozen]["unknown"]["prefix"]
    assert host.proxy.count(lambda request: request.method == "POST")


def test_bytes_that_are_no_text_can_be_had_again(machine: Machine) -> None:
    host = machine.host
    host.run("training")
    script = 'exec /bin/busybox sh -c "read -r _ <>/etc/never" "$(printf "\\377\\376")" 7001'
    host.rig.docker("exec", "--detach", "training", "sh", "-c", script)
    raw = b"/etc/never\0\xff\xfe\0007001\0"

    def ready() -> list[int]:
        found = host.processes("training", "7001")
        return [pid for pid in found if Path(f"/proc/{pid}/cmdline").read_bytes().endswith(raw)]

    (pid,) = until(ready, PATIENCE)
    machine.put_alive(pid)
    command = os.fsencode(machine.processes(ROOT)[pid]["command"])
    assert command.endswith(raw.rstrip(b"\0").replace(b"\0", b" "))
    assert "/etc/never \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER} 7001" in machine.run(ROOT).decode()


HOSTILE = "".join(
    TEXTS[each] for each in ("title", "clipboard", "clear", "c1", "newlines", "direction", "markup")
)


@EVERYBODY
def test_hostile_text_is_whole_in_json_and_harmless_on_a_terminal(
    machine: Machine, who: Sequence[str]
) -> None:
    host = machine.host
    host.run_conda("h-title")
    # a name that no engine allows
    host.proxy.rewrite = rename_all
    name = f"h-{TEXTS['title']}"
    pids = {}
    for place, environment in enumerate(images.HOSTILE_NAMES):
        variables = ("--env", f"CONDA_PREFIX={ENVS}/{environment}")
        script = ("/bin/busybox", "sh", "-c", "read -r _ <>/etc/never", HOSTILE, f"{7001 + place}")
        (pids[environment],) = host.start("h-title", *script, options=variables)
    machine.put_alive(*pids.values())
    machine.double.scenario.gpus[0].values["name"] = TEXTS["title"]
    machine.double.write()

    printed = machine.run(who, "--json")
    assert printed.isascii() and b"\x1b" not in printed
    told = json.loads(printed)
    assert told["gpus"][0]["name"] == TEXTS["title"]
    for environment, pid in pids.items():
        process = by_pid(told)[pid]
        assert (process["container"], process["environment"]) == (name, environment)
        assert process["prefix"] == f"{ENVS}/{environment}"
        assert process["command"].endswith(f"<>/etc/never {HOSTILE} {7001 + list(pids).index(environment)}")

    table = machine.run(who)
    assert [each for each in FORBIDDEN if each in table] == [] and b"\x1b" not in table
    text = table.decode()
    assert "[bold]markup" in text and "␛[31mred" in text and "new␊line" in text
    # one line each
    assert sum("etc/never" in line for line in text.split("\n")) == len(pids)

    with TerminalSession(machine.argv(who, "--watch"), 200, 50, machine.environment()) as terminal:
        terminal.wait_for("␛\\[31mred")
        terminal.wait_for("\\[bold\\]markup")
        assert_nothing_interpreted(terminal)
