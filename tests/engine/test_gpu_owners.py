"""Processes in containers of a real engine, by their numbers on the host: whose they are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import environment_images as images
from tests.engine.owned_processes import (
    ALICE,
    ENVS,
    PATIENCE,
    SOMEBODY,
    Host,
    exe_of,
    is_gone,
    open_host,
    reborn,
)
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tui.backends.conda.listing import DockerEnvironments
from tui.backends.gpu.process_files import ENDED
from tui.model.errors import ProcessChanged
from tui.model.owners import EndSignal, environment_of
from tui.model.reading import Reading


@pytest.fixture
def host(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    with open_host(clean_engine, channel, tmp_path_factory.mktemp("trees")) as opened:
        yield opened


def test_root_sees_container_environment_and_user_without_asking_anybody(host: Host) -> None:
    training, serving = host.run("training"), host.run("serving", "--user", str(ALICE))
    (vision,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    (strange,) = host.start("training", f"{ENVS}/new\nline/bin/sleep", "7002")
    (base,) = host.start("serving", "/opt/conda/bin/sleep", "7003")
    (busybox,) = host.start("serving", "/bin/busybox", "sleep", "7004")
    before = time.time()

    found = host.owners(vision, strange, base, busybox, os.getpid())

    def links(pid: int) -> tuple[str | None, str | None, str | None, str | None]:
        owner = found[pid]
        return owner.container_id.value, owner.user.value, owner.prefix.value, owner.environment.value

    alice = host.ownership._users[ALICE]
    assert links(vision) == (training, "root", f"{ENVS}/vision", "vision")
    assert links(strange) == (training, "root", f"{ENVS}/new\nline", "new\nline")
    assert links(base) == (serving, alice, "/opt/conda", "")
    assert links(busybox) == (serving, alice, "", "")
    assert found[os.getpid()].is_outside
    assert found[vision].command == Reading(f"{ENVS}/vision/bin/sleep 7001")
    assert before - 120 < (found[vision].started_at.value or 0) < before + 2
    assert host.commands_run() == []
    listing = DockerEnvironments(host.engine).environments(host.container("serving"))
    in_use = environment_of(found[base], listing)
    assert in_use is not None and (in_use.name, in_use.pids) == ("base", (found[base].pid_inside.value,))


def test_another_user_sees_the_same_by_one_command_in_each_container(host: Host) -> None:
    training, serving = host.run("training"), host.run("serving", "--user", str(ALICE))
    many = host.start("training", f"{ENVS}/vision/bin/sleep", "7001", count=12)
    (strange,) = host.start("training", f"{ENVS}/new\nline/bin/sleep", "7002")
    (base,) = host.start("serving", "/opt/conda/bin/sleep", "7003")
    (active,) = host.start(
        "serving", "/bin/busybox", "sleep", "7004",
        options=("--env", f"CONDA_PREFIX={ENVS}/vision", "--env", "CONDA_DEFAULT_ENV=vision"),
    )  # fmt: skip
    pids = (*many, strange, base, active)
    as_root = host.owners(*pids)

    told = host.as_somebody(*pids, times=3)

    for pid in pids:
        for name in ("user", "command", "container_id", "pid_inside", "prefix", "environment"):
            assert told.value(pid, name) == getattr(as_root[pid], name).value, (pid, name, told.found[pid])
    assert {told.value(each, "prefix") for each in many} == {f"{ENVS}/vision"}
    assert told.value(active, "environment") == "vision"
    assert host.commands_run() == sorted([training, serving])


def test_in_read_only_mode_nothing_is_run_anywhere(host: Host) -> None:
    key = host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001", options=("--user", "1000"))
    (other,) = host.start("training", "/bin/busybox", "sleep", "7002")
    told = host.as_somebody(pid, other, ask_inside=False)
    assert (told.value(pid, "container_id"), told.value(other, "container_id")) == (key, key)
    # the path that it was called by tells the one; of the other nothing is known
    assert told.value(pid, "prefix") == f"{ENVS}/vision"
    assert "read-only" in told.reason(other)
    assert host.commands_run() == []


def test_its_own_processes_a_user_may_look_at(host: Host) -> None:
    host.run("serving", "--user", f"{SOMEBODY}:{SOMEBODY}")
    (pid,) = host.start("serving", f"{ENVS}/vision/bin/sleep", "7001")
    assert host.as_somebody(pid).value(pid, "environment") == "vision"
    assert host.commands_run() == []


def test_a_group_of_another_name_needs_a_command_too(host: Host) -> None:
    key = host.run("serving", "--user", f"{SOMEBODY}:4711")
    (pid,) = host.start("serving", "/opt/conda/bin/sleep", "7001")
    (active,) = host.start(
        "serving", "/bin/busybox", "sleep", "7002", options=("--env", f"CONDA_PREFIX={ENVS}/vision")
    )
    told = host.as_somebody(pid, active)
    assert (told.value(pid, "prefix"), told.value(active, "prefix")) == ("/opt/conda", f"{ENVS}/vision")
    assert host.commands_run() == [key]


@pytest.mark.skipif(not images.has_python(), reason="no Debian Python 3.11 here to be packed")
def test_a_real_venv_whose_python_is_the_systems(host: Host) -> None:
    host.run_python("box")
    host.rig.docker("exec", "box", "python3", "-m", "venv", "--without-pip", "/work/.venv")
    script = ("-c", "import time; time.sleep(7001)")
    host.rig.docker("exec", "--detach", "box", "/work/.venv/bin/python", *script)
    host.rig.docker("exec", "--detach", "--workdir", "/work", "box", ".venv/bin/python", *script)
    host.rig.docker("exec", "--detach", "box", "/usr/bin/python3", *script)

    def pythons() -> list[int]:
        found = host.processes("box", "7001")
        return [each for each in found if exe_of(each) == "/usr/bin/python3.11"]

    until(lambda: len(pythons()) == 3, PATIENCE, "all run")
    pids = pythons()

    as_root = host.owners(*pids)
    told = host.as_somebody(*pids)

    expected = {
        pid: "/usr" if (owner.command.value or "").startswith("/usr") else "/work/.venv"
        for pid, owner in as_root.items()
    }
    assert sorted(expected.values()) == ["/usr", "/work/.venv", "/work/.venv"]
    assert {pid: owner.prefix.value for pid, owner in as_root.items()} == expected
    assert {pid: told.value(pid, "prefix") for pid in pids} == expected


def test_a_container_without_a_shell_or_that_is_paused_tells_nothing(host: Host) -> None:
    shellless = host.run_shellless("shellless")
    host.run("paused")
    (silent,) = host.processes("shellless", "7001")
    (frozen,) = host.start("paused", "/bin/busybox", "sleep", "7002")
    host.rig.docker("pause", "paused")
    try:
        told = host.as_somebody(silent, frozen)
    finally:
        host.rig.docker("unpause", "paused")
    assert "no shell" in told.reason(silent)
    assert "paused" in told.reason(frozen)
    assert host.commands_run() == [shellless]


def test_a_process_in_a_numbering_of_its_own_inside_its_container(host: Host) -> None:
    host.run("training", "--cap-add", "SYS_ADMIN")
    script = f"unshare -p -f {ENVS}/vision/bin/sleep 7001"
    host.rig.docker("exec", "--detach", "training", "sh", "-c", script)

    def sleeping() -> list[int]:
        found = host.processes("training", "7001")
        return [each for each in found if exe_of(each) == f"{ENVS}/vision/bin/sleep"]

    (pid,) = until(sleeping, PATIENCE)
    assert host.owner(pid).pid_inside == Reading(1)
    told = host.as_somebody(pid)
    assert (told.value(pid, "environment"), told.value(pid, "pid_inside")) == ("vision", 1)


def test_a_container_that_counts_as_the_host_does(host: Host) -> None:
    host.run("training", "--pid", "host")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    told = host.as_somebody(pid)
    assert (told.value(pid, "environment"), told.value(pid, "pid_inside")) == ("vision", pid)


def test_a_host_that_hides_processes_says_so(host: Host, tmp_path: Path) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    tmp_path.chmod(0o755)
    mount = 'mount -t proc -o hidepid=2 proc "$0" && exec "$@"'
    told = host.as_somebody(
        pid, proc=str(tmp_path), before=("unshare", "-m", "sh", "-c", mount, str(tmp_path))
    )
    assert "hidepid" in told.reason(pid, "command")


def test_one_that_was_killed_is_told_as_gone(host: Host) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    assert host.owner(pid).environment == Reading("vision")
    os.kill(pid, 9)
    until(lambda: is_gone(pid), PATIENCE)
    until(lambda: host.owner(pid).user == Reading(None, ENDED), 2.0)


def test_a_number_that_is_another_process_by_now(host: Host) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    before = host.owner(pid)
    os.kill(pid, 9)
    until(lambda: not Path(f"/proc/{pid}").exists(), PATIENCE)
    with reborn(pid):
        after = host.owner(pid)
        assert (before.environment, after.is_outside) == (Reading("vision"), True)
        assert (after.command, after.prefix) == (Reading("sleep 7009"), Reading(""))
        assert before.identity is not None
        with pytest.raises(ProcessChanged):
            host.ending.end(before.identity, EndSignal.KILL, PATIENCE, host.container("training"))
        assert not is_gone(pid)
