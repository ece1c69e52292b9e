"""Ending processes from the GPUs pane, on a real engine: what is asked, what is sent, what is told after."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engine.app import let_pass
from tests.engine.owned_processes import ENVS, PATIENCE, Host, is_gone, open_host, reborn
from tests.gpus.on_screen import GpuDesk, Machine, gpus_on_screen
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine
from tests.rig.nvml_scenario import GIB, ProcessLine
from tests.rig.waiting import until
from tui.ui.screens.confirm import ConfirmScreen

_NOTES_TERM = "trap 'echo TERM > /got; exit 0' TERM; sleep 7001 & wait"
_IN_VISION = ("--env", f"CONDA_PREFIX={ENVS}/vision", "--env", "CONDA_DEFAULT_ENV=vision")


@pytest.fixture
def host(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    with open_host(clean_engine, channel, tmp_path_factory.mktemp("trees")) as opened:
        opened.run("training")
        yield opened


def sleep(host: Host) -> int:
    """A process in the environment `vision` of the container `training`."""
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    return pid


def hold(machine: Machine, number: int, *pids: int, memory: int = 2 * GIB) -> None:
    """Let processes hold so much each of a GPU's memory, beside a GiB that nobody explains."""
    lines = machine.gpu(number)
    lines.processes += [ProcessLine(pid, memory, sm=5, keep=True) for pid in pids]
    lines.values["memory.used"] = GIB + sum(each.memory_bytes or 0 for each in lines.processes)
    machine.write()


def free(machine: Machine, pid: int) -> None:
    """Let the driver list a process no more, and count its memory as free."""
    for lines in machine.scenario.gpus.values():
        lines.processes = [each for each in lines.processes if each.pid != pid]
        lines.values["memory.used"] = GIB + sum(each.memory_bytes or 0 for each in lines.processes)
    machine.write()


@contextmanager
def freed_at_their_end(machine: Machine, *pids: int) -> Iterator[None]:
    """The driver frees what a process held when it has ended."""
    given_up = threading.Event()

    def watch() -> None:
        left = set(pids)
        while left and not given_up.wait(0.01):
            for pid in [each for each in left if is_gone(each)]:
                left.discard(pid)
                free(machine, pid)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        given_up.set()
        watcher.join()


def catches_term(pid: int) -> bool:
    found = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return found is not None and bool(int(found[1], 16) >> (signal.SIGTERM - 1) & 1)


async def ask(desk: GpuDesk, pid: int) -> ConfirmScreen:
    """Have the question about a process on screen, once its owner is known."""
    await desk.sees(str(pid), container="training")
    await desk.wait(lambda: desk.row(str(pid))["environment"] != "–", "its environment is known")
    await desk.point_at(str(pid))
    await desk.desk.press("K")
    return await desk.desk.dialog()


async def is_told(desk: GpuDesk, words: str) -> None:
    await desk.wait(lambda: words in desk.desk.messages(), f"{words} is told")


async def test_the_question_names_what_dies_and_enter_alone_does_nothing(
    host: Host, machine: Machine
) -> None:
    pid = sleep(host)
    hold(machine, 0, pid, memory=4 * GIB)
    hold(machine, 1, pid)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        dialog = await ask(desk, pid)
        assert dialog.question.title == f"End process {pid}?"
        assert dialog.question.lines == (
            f"{pid}  {ENVS}/vision/bin/sleep 7001",
            "    holds GPU 0: 4.00 GiB, GPU 1: 2.00 GiB, runs for <1m",
            "    container training, environment vision, user root",
        )
        assert "SIGTERM" in dialog.question.consequence
        assert all(line.strip() in desk.desk.text() for line in dialog.question.lines)
        await desk.desk.press("enter")
        await desk.wait(lambda: desk.desk.is_on_top, "it closes")
        await let_pass(0.5)
        assert not is_gone(pid)
        assert "kill" not in await desk.desk.command_log()


async def test_term_goes_to_exactly_this_process_and_what_it_freed_is_told(
    host: Host, machine: Machine
) -> None:
    (pid,) = host.start("training", "/bin/busybox", "sh", "-c", _NOTES_TERM, options=_IN_VISION)
    until(lambda: catches_term(pid), PATIENCE)
    bystanders = [sleep(host), sleep(host)]
    hold(machine, 0, pid, memory=4 * GIB)
    hold(machine, 0, *bystanders)
    hold(machine, 1, pid)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await ask(desk, pid)
        assert "environment vision" in desk.desk.text()
        with freed_at_their_end(machine, pid):
            await desk.desk.answer("go")
            await is_told(desk, f"Process {pid} ended: 4.00 GiB freed on GPU 0, 2.00 GiB freed on GPU 1")
        assert is_gone(pid) and not any(map(is_gone, bystanders))
        assert host.rig.docker("exec", "training", "cat", "/got").strip() == "TERM"
        await desk.wait(lambda: str(pid) not in desk.names())
        assert {str(each) for each in bystanders} <= set(desk.names())
        log = await desk.desk.command_log()
        assert f"kill -TERM {pid}" in log and "-KILL" not in log


async def test_a_driver_that_frees_it_a_moment_later_is_waited_for(host: Host, machine: Machine) -> None:
    pid = sleep(host)
    hold(machine, 0, pid)
    lines = machine.gpu()
    lines.processes = [replace(each, keep=False) for each in lines.processes]
    machine.write()
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await ask(desk, pid)
        await desk.desk.answer("go")
        await desk.wait(lambda: str(pid) not in desk.names(), "it is gone")
        free(machine, pid)
        await is_told(desk, f"Process {pid} ended: 2.00 GiB freed on GPU 0")


async def test_one_that_ignores_term_can_be_killed(host: Host, machine: Machine) -> None:
    pid = host.start_deaf("training")
    hold(machine, 0, pid)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await ask(desk, pid)
        await desk.desk.answer("go")
        dialog = await desk.desk.dialog()
        assert dialog.question.title == f"Kill process {pid}?"
        assert "SIGKILL" in dialog.question.consequence
        assert "It got TERM and has not ended" in desk.desk.messages()
        assert not is_gone(pid)
        with freed_at_their_end(machine, pid):
            await desk.desk.answer("go")
            await is_told(desk, f"Process {pid} ended: 2.00 GiB freed on GPU 0")
        assert is_gone(pid)
        log = await desk.desk.command_log()
        assert log.index(f"kill -TERM {pid}") != log.index(f"kill -KILL {pid}")


async def test_several_that_are_marked_are_ended_together(host: Host, machine: Machine) -> None:
    pids = [sleep(host), sleep(host)]
    bystander = sleep(host)
    hold(machine, 0, *pids)
    hold(machine, 1, bystander)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        for pid in (*pids, bystander):
            await desk.sees(str(pid), container="training", environment="vision")
        for pid in pids:
            await desk.point_at(str(pid))
            await desk.desk.press("space")
        await desk.desk.press("K")
        dialog = await desk.desk.dialog()
        assert dialog.question.title == "End 2 processes?"
        assert all(f"{pid}  " in "\n".join(dialog.question.lines) for pid in pids)
        with freed_at_their_end(machine, *pids):
            await desk.desk.answer("go")
            for pid in pids:
                await is_told(desk, f"Process {pid} ended: 2.00 GiB freed on GPU 0")
        assert all(map(is_gone, pids)) and not is_gone(bystander)


async def test_read_only_offers_no_end(host: Host, machine: Machine) -> None:
    pid = sleep(host)
    hold(machine, 0, pid)
    async with gpus_on_screen(machine, host.proxy.host, read_only=True) as desk:
        await desk.sees(str(pid), container="training", environment="vision")
        await desk.point_at(str(pid))
        assert "K end" not in desk.desk.text() and "enter owner" in desk.desk.text()
        await desk.desk.press("K", "enter", "3")
        await desk.desk.press("x")
        await desk.wait(lambda: not desk.desk.is_on_top, "the menu opens")
        assert "details" in desk.desk.text() and "End the process" not in desk.desk.text()
        await desk.desk.press("escape")
        await let_pass(0.5)
        assert not is_gone(pid)
        assert "kill" not in await desk.desk.command_log()
        assert host.commands_run() == []


async def test_one_that_got_its_number_meanwhile_is_not_hit(host: Host, machine: Machine) -> None:
    pid = sleep(host)
    hold(machine, 0, pid)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await ask(desk, pid)
        host.rig.docker("exec", "training", "sh", "-c", f"kill -9 {host.owner(pid).pid_inside.value}")
        until(lambda: not Path(f"/proc/{pid}").exists(), PATIENCE)
        with reborn(pid):
            await desk.desk.answer("go")
            await is_told(desk, f"End process {pid}: failed")
            assert not is_gone(pid)
            # and it is shown as what it is
            await desk.sees(str(pid), container="(host)", command="sleep 7009")
            assert "freed" not in desk.desk.messages()
