"""Ending processes in containers of a real engine: as root, as somebody else, and no other process ever."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.owned_processes import ENVS, IGNORES_TERM, PATIENCE, Host, is_gone, open_host
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine
from tui.model.errors import ProcessChanged, ProcessStays
from tui.model.owners import Ending, EndSignal, ProcessIdentity


@pytest.fixture
def host(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    with open_host(clean_engine, channel, tmp_path_factory.mktemp("trees")) as opened:
        yield opened


def test_term_and_kill(host: Host) -> None:
    host.run("training")
    (polite,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    deaf = host.start_deaf("training")
    found = {pid: host.identity(pid) for pid in (polite, deaf)}
    assert host.ending.end(found[polite], EndSignal.TERM, PATIENCE) is Ending.ENDED
    with pytest.raises(ProcessStays):
        host.ending.end(found[deaf], EndSignal.TERM, 0.2)
    assert host.ending.end(found[deaf], EndSignal.KILL, PATIENCE) is Ending.ENDED
    assert is_gone(polite) and is_gone(deaf)
    assert host.ending.end(found[polite], EndSignal.TERM, PATIENCE) is Ending.WAS_GONE
    assert host.commands_run() == []


def test_nothing_is_sent_to_one_that_is_not_what_it_was(host: Host) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    known = host.identity(pid)
    for other in (
        ProcessIdentity(pid, known.start_ticks + 1, known.container_id),
        ProcessIdentity(pid, known.start_ticks, "0" * 64),
        ProcessIdentity(pid, known.start_ticks, ""),
    ):
        with pytest.raises(ProcessChanged):
            host.ending.end(other, EndSignal.KILL, PATIENCE, host.container("training"))
    assert not is_gone(pid)


def test_another_user_ends_it_through_the_engine(host: Host) -> None:
    key = host.run("training")
    (polite,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    deaf = host.start_deaf("training")
    (alices,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7003", options=("--user", "1000"))
    (bystander,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7004")
    pids = (polite, deaf, alices)
    told = host.as_somebody(*pids, ask_inside=False, end={polite: "TERM", deaf: "KILL", alices: "TERM"})
    assert told.ended == dict.fromkeys(pids, "ended")
    assert all(map(is_gone, pids)) and not is_gone(bystander)
    assert host.commands_run() == [key] * 3


def test_the_first_process_of_a_container_is_ended_by_the_engine_itself(host: Host) -> None:
    host.run("training", command=("sh", "-c", IGNORES_TERM))
    (pid,) = host.processes("training", "trap")
    told = host.as_somebody(pid, ask_inside=False, end={pid: "KILL"})
    assert told.ended == {pid: "ended"}
    assert host.commands_run() == []
    assert host.container("training").exit_code == 137


def test_without_the_engine_another_user_is_told_whom_to_ask(host: Host) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    told = host.as_somebody(pid, end={pid: "KILL"}, through_engine=False)
    assert told.ended[pid].startswith(f"ProcessPermission: No permission to end process {pid}")
    assert "start envtui as root" in told.ended[pid]
    assert not is_gone(pid)


def test_a_container_without_a_shell_can_not_help(host: Host) -> None:
    host.run_shellless("shellless")
    (pid,) = host.start("shellless", "/sleep", "7002")
    told = host.as_somebody(pid, ask_inside=False, end={pid: "KILL"})
    assert "no shell to end it from" in told.ended[pid]
    assert not is_gone(pid)
