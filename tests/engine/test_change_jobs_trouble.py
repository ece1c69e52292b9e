"""Jobs that change environments, when something is in their way: on a real engine."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.change_box import ROOT, ChangeBox, create, of
from tests.rig.manager_image import CONDA, HALF_MADE, MICROMAMBA, TRAIN, UV, VENV
from tests.rig.waiting import until
from tui.model.changes import ChangeState, ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.environments import EnvironmentKind
from tui.model.errors import (
    ChangeCancelled,
    ChangeFailed,
    ChangeLost,
    ChangeRefused,
    EngineError,
)

_NEW = f"{ROOT}/envs/new"

# a manager that has no ear for what it is told
_DEAF = """#!/bin/sh
trap '' INT TERM
mkdir -p "$3/conda-meta"
(trap '' INT TERM; while :; do sleep 1; done) &
while :; do sleep 1; done
"""

# begins a change as envtui does, and says so
_BEGIN = """
import sys
from tests.engine.change_box import create
from tui.backends.conda.changes import DockerChanges
from tui.backends.docker.containers import DockerContainers
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
engine = DockerEngine(find(sys.argv[1], {}))
container = next(each for each in DockerContainers(engine).containers()[0] if each.name == sys.argv[2])
changes = DockerChanges(engine)
job = changes.start(container, create(container, sys.argv[3]))
print(job.id, flush=True)
while True:
    changes.news(container, job, 0)
"""


def test_killed_envtui_leaves_a_job_that_is_found_again_and_ends_well(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.1)
    argv = [sys.executable, "-c", _BEGIN, box.engine.host, "lab", _NEW]
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=root) as begun:
        assert begun.stdout is not None
        job_id = begun.stdout.readline().strip()
        assert job_id
        os.kill(begun.pid, signal.SIGKILL)
    [job] = box.changes.jobs(container)
    assert job.id == job_id and job.state is ChangeState.RUNNING
    assert job.change.verb is ChangeVerb.CREATE and job.change.prefix == _NEW
    assert job.change.packages == ("rig-meta",) and job.change.container_name == "lab"
    assert box.end(container, job).state is ChangeState.DONE
    assert "rig-part00" in box.packages(container, _NEW)
    assert box.processes(container) == [] and box.locks(container) == []
    assert "rig-part00" in box.log(container, job) or "Executing" in box.log(container, job)


def test_program_that_hears_neither_int_nor_term_is_ended_too(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    install = 'printf %s "$1" >/opt/conda/bin/micromamba-deaf; chmod 755 /opt/conda/bin/micromamba-deaf'
    box.shell(container, install, _DEAF)
    change = create(container, _NEW, (), "/opt/conda/bin/micromamba-deaf")
    job = box.changes.start(container, change)
    until(lambda: box.has(container, f"{_NEW}/conda-meta"), message="it is at work")
    assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
    assert box.processes(container) == [] and not box.has(container, _NEW) and box.locks(container) == []


def test_question_that_is_called_off_goes_on_nowhere(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=2.0)
    looks = []

    def is_cancelled() -> bool:
        looks.append(1)
        return len(looks) > 3

    with pytest.raises(ChangeCancelled):
        box.changes.plan(container, create(container, _NEW), is_cancelled)
    assert box.processes(container) == [] and box.traces(container) == []


@pytest.mark.by_default("stop", "pause")
@pytest.mark.parametrize("how", ["stop", "kill", "remove", "pause"])
def test_container_that_goes_away_in_the_middle(change_box: ChangeBox, how: str) -> None:
    box = change_box
    container = box.run(step=0.3)
    job = box.changes.start(container, create(container, _NEW))
    until(lambda: "Executing" in box.log(container, job), message="it is at work")
    if how == "remove":
        box.engine.docker("rm", "--force", "lab")
    elif how == "stop":
        box.engine.docker("stop", "--time", "1", "lab")
    else:
        box.engine.docker(how, "lab")
    for ask in (
        lambda: box.changes.news(container, job, 0),
        lambda: box.changes.cancel(container, job),
        lambda: box.changes.start(container, create(container, _NEW)),
    ):
        with pytest.raises(EngineError):
            ask()
    if how == "pause":
        box.engine.docker("unpause", "lab")
        assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
        assert not box.has(container, _NEW)
    elif how != "remove":
        box.engine.docker("start", "lab")
        told = box.changes.news(container, job, 0).job
        assert told.state is ChangeState.LOST and isinstance(told.error, ChangeLost)
        # what is left of it is in nobody's way
        box.changes.put_away(container, told)
        box.shell(container, 'rm -rf "$1"', _NEW)
        again = box.changes.start(container, create(container, _NEW, ("rig-part00",)))
        assert box.end(container, again).state is ChangeState.DONE


def test_lock_of_a_lost_job_is_taken_over(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.3)
    lost = box.changes.start(container, create(container, _NEW))
    box.engine.docker("kill", "lab")
    box.engine.docker("start", "lab")
    box.shell(container, 'rm -rf "$1"', _NEW)
    assert len(box.locks(container)) == 1
    again = box.changes.start(container, create(container, _NEW, ("rig-part00",)))
    assert box.end(container, again).state is ChangeState.DONE
    assert box.changes.news(container, lost, 0).job.state is ChangeState.LOST
    assert box.locks(container) == []


def test_failure_says_why_and_leaves_nothing(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    job = box.end(container, box.changes.start(container, create(container, _NEW, ("nosuchpkg",))))
    assert job.state is ChangeState.FAILED and isinstance(job.error, ChangeFailed)
    assert "nosuchpkg" in job.error.one_line()
    assert not box.has(container, _NEW) and box.locks(container) == []


def test_part_of_pip_that_fails_leaves_a_half_made_environment_which_is_said(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    text = "channels: [file:///channel, nodefaults]\ndependencies: [python, pip, {pip: [nosuchwheel==1]}]\n"
    file = SourceFile(FileFormat.YML, text, "environment.yml")
    change = EnvironmentChange(
        ChangeVerb.CREATE, container.id, "lab", _NEW, EnvironmentKind.CONDA, CONDA, ROOT, "new", file=file
    )
    job = box.end(container, box.changes.start(container, change))
    assert job.state is ChangeState.FAILED and job.error is not None
    assert "half made" in job.error.one_line() and "nosuchwheel" in job.error.one_line()
    assert "python" in box.packages(container, _NEW)
    gone = of(box.listed(container)[_NEW], container, ChangeVerb.REMOVE)
    assert box.end(container, box.changes.start(container, gone)).state is ChangeState.DONE
    assert not box.has(container, _NEW)


def test_half_made_folder_is_listed_as_one_and_can_be_removed(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    half = box.listed(container)[HALF_MADE]
    assert any("half made" in problem for problem in half.problems)
    change = of(half, container, ChangeVerb.REMOVE)
    plan = box.changes.plan(container, change, lambda: False)
    assert HALF_MADE in plan.removes
    job = box.end(container, box.changes.start(container, change))
    assert job.state is ChangeState.DONE, box.log(container, job)
    assert not box.has(container, HALF_MADE)


@pytest.mark.by_default("/opt/mamba/bin/micromamba")
@pytest.mark.parametrize("manager", [CONDA, MICROMAMBA])
def test_clone_and_rename(change_box: ChangeBox, manager: str) -> None:
    box = change_box
    container = box.run(args=("--env", "RIG_VERSION=26.1.0"))
    source = TRAIN if manager == CONDA else "/opt/mamba/envs/lab"
    root = source.rpartition("/envs/")[0]
    before = {name: each.version for name, each in box.packages(container, source).items()}
    environment = box.listed(container)[source]
    clone = of(environment, container, ChangeVerb.CLONE, source_prefix=source)
    clone = _at(clone, f"{root}/envs/twin")
    job = box.end(container, box.changes.start(container, clone))
    assert job.state is ChangeState.DONE, box.log(container, job)
    twin = box.listed(container)[f"{root}/envs/twin"]
    assert {name: each.version for name, each in box.packages(container, twin.prefix).items()} == before
    rename = of(twin, container, ChangeVerb.RENAME, new_prefix=f"{root}/envs/other")
    job = box.end(container, box.changes.start(container, rename))
    assert job.state is ChangeState.DONE, box.log(container, job)
    now = box.listed(container)
    assert twin.prefix not in now and f"{root}/envs/other" in now
    assert {
        name: each.version for name, each in box.packages(container, f"{root}/envs/other").items()
    } == before


def _at(change: EnvironmentChange, prefix: str) -> EnvironmentChange:
    return dataclasses.replace(change, prefix=prefix, label=prefix.rpartition("/")[2])


@pytest.mark.by_default("uv")
@pytest.mark.parametrize("kind", [EnvironmentKind.VENV, EnvironmentKind.UV])
def test_venv_and_uv(change_box: ChangeBox, kind: EnvironmentKind) -> None:
    box = change_box
    container = box.run()
    prefix = "/opt/venvs/made by us"
    manager = UV if kind is EnvironmentKind.UV else ""
    change = EnvironmentChange(
        ChangeVerb.CREATE, container.id, "lab", prefix, kind, manager, packages=("einops==0.7.0",)
    )
    job = box.end(container, box.changes.start(container, change))
    assert job.state is ChangeState.DONE, box.log(container, job)
    made = box.listed(container)[prefix]
    assert made.kind is kind
    assert box.packages(container, prefix)["einops"].version == "0.7.0"
    install = of(made, container, ChangeVerb.UPDATE, packages=("einops",))
    plan = box.changes.plan(container, install, lambda: False)
    assert ("einops", "0.7.0", "0.8.0") in [(p.name, p.old_version, p.new_version) for p in plan.packages]
    job = box.end(container, box.changes.start(container, install))
    assert job.state is ChangeState.DONE, box.log(container, job)
    assert box.packages(container, prefix)["einops"].version == "0.8.0"
    job = box.end(container, box.changes.start(container, of(made, container, ChangeVerb.REMOVE)))
    assert job.state is ChangeState.DONE and not box.has(container, prefix)
    assert VENV in box.listed(container)


def test_planted_link_is_not_followed(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    script = "mkdir -m 777 /opt/trap; ln -s /opt/trap /tmp/envtui-jobs-0; ln -s /opt/trap /tmp/envtui-locks"
    box.shell(container, script)
    job = box.changes.start(container, create(container, _NEW, ("rig-part00",)))
    assert box.end(container, job).state is ChangeState.DONE
    assert box.shell(container, "ls -A /opt/trap").split() == []
    box.changes.put_away(container, job)
    assert box.traces(container) == ["/tmp/envtui-jobs-0", "/tmp/envtui-locks"]


def test_job_of_an_account_of_its_own(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    script = "mkdir /home/ann/envs; chown 1000:1000 /home/ann/envs /home/ann; chmod -R a+rwX /opt/conda/pkgs"
    box.shell(container, script)
    change = dataclasses.replace(create(container, "/home/ann/envs/mine", ("rig-part00",)), user="ann")
    job = box.changes.start(container, change)
    assert box.end(container, job).state is ChangeState.DONE, box.log(container, job)
    assert box.shell(container, "stat -c %u /home/ann/envs/mine").strip() == "1000"
    theirs = of(box.listed(container)[TRAIN], container, ChangeVerb.INSTALL, packages=("rig-part00",))
    with pytest.raises(ChangeRefused):
        box.changes.start(container, dataclasses.replace(theirs, user="ann"))


def test_what_is_at_the_new_place_stays(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    box.shell(
        container, 'mkdir -p "$1"; echo precious >"$1/file"; ln -s nowhere "$2"', _NEW, f"{ROOT}/envs/link"
    )
    for prefix in (_NEW, f"{ROOT}/envs/link", TRAIN):
        with pytest.raises(ChangeRefused):
            box.changes.start(container, create(container, prefix))
    assert box.shell(container, 'cat "$1/file"', _NEW) == "precious\n"
    assert box.locks(container) == [] and box.traces(container) == []


def test_environment_on_a_mount_is_not_removed(change_box: ChangeBox, tmp_path: Path) -> None:
    box = change_box
    prefix = "/opt/conda/envs/on a mount"
    container = box.run(args=("--volume", f"kept:{prefix}"))
    box.shell(container, 'mkdir "$1/conda-meta"; echo >"$1/conda-meta/history"', prefix)
    with pytest.raises(ChangeRefused) as caught:
        box.changes.start(container, of(box.listed(container)[prefix], container, ChangeVerb.REMOVE))
    assert "mount" in caught.value.one_line()
    assert box.has(container, f"{prefix}/conda-meta/history")


def test_engine_that_stands_still_is_said_and_the_job_goes_on(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.1)
    job = box.changes.start(container, create(container, _NEW))
    box.engine.freeze()
    try:
        with pytest.raises(EngineError):
            box.changes.news(container, job, 0)
    finally:
        box.engine.thaw()
    assert box.end(container, job).state is ChangeState.DONE


def test_rename_that_would_lose_files_removes_nothing(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(args=("--env", "RIG_VERSION=26.1.0"))
    # as conda leaves out what it can't read, and micromamba what pip put there
    box.shell(container, "echo precious >/opt/mamba/envs/lab/checkpoint.pt")
    source = box.listed(container)["/opt/mamba/envs/lab"]
    change = of(source, container, ChangeVerb.RENAME, new_prefix="/opt/mamba/envs/other")
    job = box.end(container, box.changes.start(container, change))
    if job.state is ChangeState.DONE:
        assert box.shell(container, "cat /opt/mamba/envs/other/checkpoint.pt") == "precious\n"
    else:
        assert "lacks files" in box.log(container, job) and "checkpoint.pt" in box.log(container, job)
        assert box.shell(container, "cat /opt/mamba/envs/lab/checkpoint.pt") == "precious\n"
        assert not box.has(container, "/opt/mamba/envs/other")
    box.shell(container, "echo pinned >/opt/conda/envs/train/conda-meta/pinned")
    pinned = of(box.listed(container)[TRAIN], container, ChangeVerb.RENAME, new_prefix=f"{ROOT}/envs/other")
    job = box.end(container, box.changes.start(container, pinned))
    assert job.state is ChangeState.FAILED and "conda-meta/pinned" in box.log(container, job)
    assert TRAIN in box.listed(container) and not box.has(container, f"{ROOT}/envs/other")


@pytest.mark.by_default("/opt/conda/envs/train/new", "/opt/venvs/plain/envs/new/x")
@pytest.mark.parametrize(
    "place", [f"{ROOT}/lib/new", f"{TRAIN}/new", f"{VENV}/envs/new/x", f"{ROOT}//envs/train/x"]
)
def test_nothing_is_made_inside_another_environment(change_box: ChangeBox, place: str) -> None:
    box = change_box
    container = box.run()
    before = box.base_bytes(container)
    with pytest.raises(ChangeRefused):
        box.changes.start(container, create(container, place, ("rig-part00",)))
    inside = of(box.listed(container)[TRAIN], container, ChangeVerb.RENAME, new_prefix=f"{TRAIN}/new")
    with pytest.raises(ChangeRefused):
        box.changes.start(container, inside)
    assert box.base_bytes(container) == before and box.traces(container) == []


def test_what_goes_is_what_was_agreed_to(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    plan = box.changes.plan(
        container, of(box.listed(container)[TRAIN], container, ChangeVerb.REMOVE), lambda: False
    )
    # somebody begins to work in it while the dialog is open
    box.engine.docker("exec", "--detach", "lab", f"{TRAIN}/bin/python", "-c", "import time; time.sleep(600)")
    until(lambda: box.listed(container)[TRAIN].pids, message="it runs")
    with pytest.raises(ChangeRefused) as caught:
        box.changes.start(container, plan.change)
    assert "since the plan" in caught.value.title
    box.shell(container, 'kill "$1"', str(box.listed(container)[TRAIN].pids[0]))
    until(lambda: not box.listed(container)[TRAIN].pids, message="it has ended")
    box.shell(container, f"rm {TRAIN}/conda-meta/pip-*.json")
    with pytest.raises(ChangeRefused) as caught:
        box.changes.start(container, plan.change)
    assert "changed since the plan" in caught.value.title
    assert box.has(container, f"{TRAIN}/bin/python")


def test_base_without_its_usual_folders_is_base_where_the_image_names_it(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(args=("--env", "MAMBA_ROOT_PREFIX=/opt/mamba/envs/lab"))
    base = box.listed(container)["/opt/mamba/envs/lab"]
    assert base.kind is EnvironmentKind.BASE
    for verb in (ChangeVerb.REMOVE, ChangeVerb.RENAME, ChangeVerb.INSTALL):
        with pytest.raises(ChangeRefused):
            box.changes.start(container, of(base, container, verb, packages=("numpy",), new_prefix="/opt/x"))


def test_caches_are_not_cleaned_under_a_job(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.3)
    base = box.listed(container)[ROOT]
    job = box.changes.start(container, create(container, _NEW))
    with pytest.raises(ChangeRefused) as caught:
        box.changes.start(container, of(base, container, ChangeVerb.CLEAN))
    assert "cleaned" in caught.value.one_line()
    assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
    cleaning = box.changes.start(container, of(base, container, ChangeVerb.CLEAN))
    with pytest.raises(ChangeRefused) as caught:
        box.changes.start(container, create(container, _NEW))
    assert "caches" in caught.value.one_line()
    assert box.end(container, cleaning).state is ChangeState.DONE
    again = box.changes.start(container, create(container, _NEW, ("rig-part00",)))
    assert box.end(container, again).state is ChangeState.DONE
