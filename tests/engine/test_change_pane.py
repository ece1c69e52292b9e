"""Environments of a real engine changed from the screen, and found again after envtui was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from textual.widgets import Input

from tests.engine.app import Desk, running_app
from tests.engine.change_box import ROOT, ChangeBox
from tests.engine.test_environment_pane import labels, pane, point_at
from tests.rig.waiting import until
from tui.backends.conda.kept_jobs import KeptJobs
from tui.ui.screens.change_form import ChangeForm
from tui.ui.screens.change_job import ChangeJobScreen
from tui.ui.screens.change_jobs import ChangeJobsScreen
from tui.ui.screens.change_plan import ChangePlanScreen
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.widgets.line_table import LineTable

WIDE = (150, 60)
# An envtui that has begun a change, and is killed then.
BEGIN = """
import sys, threading
from pathlib import Path
from tests.engine.change_box import create
from tui.backends.conda.kept_jobs import KeptJobs
from tui.monitor.monitor import Monitor
from tui.monitor.topics import CONTAINERS
from tui.workstation import open_local
from tests.rig.waiting import until

host, folder, prefix = sys.argv[1:]
monitor = Monitor(open_local(host, {}), kept_jobs=KeptJobs(Path(folder)))
monitor.start()
monitor.begin_the_rest()
(container,) = until(lambda: monitor.store.value(CONTAINERS))
monitor.changes.begin(
    container, create(container, prefix),
    lambda job: print("begun", flush=True), lambda error: print(error.one_line(), flush=True),
)
threading.Event().wait()
"""


async def open_pane(desk: Desk) -> None:
    await desk.sees("lab")
    await desk.point_at("lab")
    await desk.press("enter")
    await desk.wait(lambda: "train" in labels(desk), "the environments are listed")


async def create(desk: Desk, name: str) -> ChangeJobScreen:
    """Fill in the form, agree to the plan."""
    await desk.menu("Create an environment…")
    form = await desk.opened(ChangeForm)
    form.query_one("#field-name", Input).value = name
    form.query_one("#field-packages", Input).value = "rig-meta"
    await desk.press("enter")
    await desk.opened(ChangePlanScreen)
    assert "+ comes" in desk.text() and "rig-meta" in desk.text()
    await desk.press("right", "enter")
    return await desk.opened(ChangeJobScreen)


async def test_one_is_made_and_removed(change_box: ChangeBox) -> None:
    container = change_box.run()
    async with running_app(change_box.engine.host, size=WIDE) as desk:
        await open_pane(desk)
        job = await create(desk, "fresh")
        await desk.wait(lambda: "● done" in job.state, "it is made")
        assert desk.text_screen()
        await desk.press("escape")
        await desk.wait(lambda: "fresh" in labels(desk), "it is listed by itself")
        await point_at(desk, "fresh")
        await desk.menu("Remove the environment…")
        await desk.opened(ChangePlanScreen)
        await desk.write("fresh")
        await desk.press("enter")
        job = await desk.opened(ChangeJobScreen)
        await desk.wait(lambda: "● done" in job.state, "it is removed")
        await desk.press("escape")
        await desk.wait(lambda: "fresh" not in labels(desk), "it is gone")
    assert not change_box.has(container, f"{ROOT}/envs/fresh")


async def test_cancelled_by_key_nothing_is_left(change_box: ChangeBox) -> None:
    container = change_box.run(step=0.3)
    async with running_app(change_box.engine.host, size=WIDE) as desk:
        await open_pane(desk)
        job = await create(desk, "never")
        await desk.wait(lambda: "◌ running" in job.state and desk.text_screen(), "it prints something")
        await desk.press("c")
        await desk.opened(ConfirmScreen)
        await desk.press("right", "enter")
        await desk.wait(lambda: "○ cancelled" in job.state, "it is cancelled", seconds=90)
    assert change_box.processes(container) == [] and change_box.locks(container) == []
    assert not change_box.has(container, f"{ROOT}/envs/never")


async def test_after_a_kill_it_is_found_again_and_its_traces_go_when_it_is_put_away(
    change_box: ChangeBox, tmp_path: Path
) -> None:
    container = change_box.run(step=0.4)
    prefix = f"{ROOT}/envs/fresh"
    arguments = [sys.executable, "-c", BEGIN, change_box.engine.host, str(tmp_path), prefix]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as killed:
        assert killed.stdout is not None
        told = killed.stdout.readline()
        killed.send_signal(signal.SIGKILL)
    assert told == b"begun\n"
    kept = KeptJobs(tmp_path)
    assert kept.containers() == {container.id}
    async with running_app(change_box.engine.host, size=WIDE, kept_jobs=kept) as desk:
        await desk.wait(lambda: "1 change" in desk.text(), "the running job is found")
        await open_pane(desk)
        await desk.press("J")
        jobs = await desk.opened(ChangeJobsScreen)
        await desk.press("enter")
        job = await desk.opened(ChangeJobScreen)
        await desk.wait(lambda: "● done" in job.state, "it is done", seconds=90)
        await desk.press("escape")
        await desk.opened(ChangeJobsScreen)
        await desk.press("d")
        await desk.wait(lambda: not jobs.query_one(LineTable).rows, "it is put away")
        await desk.press("escape")
        await desk.wait(lambda: "fresh" in labels(desk), "what it made is listed")
    until(lambda: kept.containers() == frozenset())
    assert change_box.traces(container) == []


async def test_base_is_the_same_byte_for_byte_whatever_is_tried(change_box: ChangeBox) -> None:
    container = change_box.run()
    before = change_box.base_bytes(container)
    async with running_app(change_box.engine.host, size=WIDE) as desk:
        await open_pane(desk)
        await point_at(desk, "base")
        for name in ("install", "update", "uninstall", "rename", "remove"):
            (action,) = [each for each in pane(desk).ACTIONS if each.id == f"environments.{name}"]
            desk.main.run_action_entry(action)
            await desk.wait(lambda: "base" in desk.messages(), "the reason is told")
            assert desk.is_on_top
    assert change_box.base_bytes(container) == before
