"""Jobs that change environments, in containers of a real engine, with managers that really install."""

from __future__ import annotations

import pytest

from tests.engine.change_box import ChangeBox, create, of
from tests.rig.manager_image import CONDA, FROZEN, MICROMAMBA, TRAIN, VENV
from tests.rig.waiting import until
from tui.model.changes import ChangeState, ChangeVerb
from tui.model.errors import ChangeRefused, ChangeUnderWay


@pytest.mark.by_default("/opt/conda/bin/conda")
@pytest.mark.parametrize("manager", [CONDA, MICROMAMBA])
def test_an_environment_is_made_changed_and_removed(change_box: ChangeBox, manager: str) -> None:
    box = change_box
    container = box.run()
    prefix = f"{manager.removesuffix('/bin/' + manager.rpartition('/')[2])}/envs/new"
    wanted = create(container, prefix, ("python", "numpy=2"), manager)
    plan = box.changes.plan(container, wanted, lambda: False)
    assert plan.is_exact and {"python", "numpy"} <= {each.name for each in plan.packages}
    assert not box.has(container, prefix) and box.traces(container) == []

    done = box.end(container, box.changes.start(container, wanted))
    assert done.state is ChangeState.DONE, box.log(container, done)
    assert box.packages(container, prefix)["numpy"].version == "2.1.0"

    made = box.listed(container)[prefix]
    older = of(made, container, ChangeVerb.INSTALL, packages=("numpy=1.26",))
    plan = box.changes.plan(container, older, lambda: False)
    change = next(each for each in plan.packages if each.name == "numpy")
    assert (change.old_version, change.new_version, change.is_downgrade) == ("2.1.0", "1.26.4", True)
    done = box.end(container, box.changes.start(container, older))
    assert done.state is ChangeState.DONE, box.log(container, done)
    assert box.packages(container, prefix)["numpy"].version == "1.26.4"

    gone = of(box.listed(container)[prefix], container, ChangeVerb.REMOVE)
    done = box.end(container, box.changes.start(container, gone))
    assert done.state is ChangeState.DONE, box.log(container, done)
    assert not box.has(container, prefix) and prefix not in box.listed(container)
    for job in box.changes.jobs(container):
        box.changes.put_away(container, job)
    assert box.traces(container) == [] and box.processes(container) == []


@pytest.mark.by_default("0", "5", "9")
@pytest.mark.parametrize("moment", range(10))
def test_cancelled_at_any_moment_nothing_is_left(change_box: ChangeBox, moment: int) -> None:
    box = change_box
    container = box.run(step=0.1)
    before = box.base_bytes(container), box.registered(container)
    prefix = "/opt/conda/envs/never"
    job = box.changes.start(container, create(container, prefix))
    if moment:
        # a log of about 60 lines: phases, then each package
        until(lambda: box.changes.news(container, job, 0).job.log_bytes > 60 * moment, message="it goes on")
    ended = box.changes.cancel(container, job)
    assert ended.state is ChangeState.CANCELLED, box.log(container, job)
    assert box.processes(container) == []
    assert not box.has(container, prefix)
    assert box.locks(container) == []
    assert (box.base_bytes(container), box.registered(container)) == before
    box.changes.put_away(container, ended)
    assert box.traces(container) == []


def test_two_jobs_on_one_environment_the_second_is_refused(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.3)
    first = box.changes.start(container, create(container, "/opt/conda/envs/one"))
    other = box.changes.start(container, create(container, "/opt/conda/envs/other"))
    with pytest.raises(ChangeUnderWay) as caught:
        box.changes.start(container, create(container, "/opt/conda/envs/one"))
    assert "Create one in lab" in caught.value.detail
    for job in (first, other):
        assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
    again = box.changes.start(container, create(container, "/opt/conda/envs/one", ("rig-part00",)))
    assert box.end(container, again).state is ChangeState.DONE


@pytest.mark.by_default('it\'s "q" $HOME `id`', "new\\nline")
@pytest.mark.parametrize("name", ["with space", 'it\'s "q" $HOME `id`', "深層 学習", "-dash", "new\nline"])
def test_any_name(change_box: ChangeBox, name: str) -> None:
    box = change_box
    container = box.run()
    prefix = f"/opt/conda/envs/{name}"
    done = box.end(container, box.changes.start(container, create(container, prefix, ("rig-part00",))))
    assert done.state is ChangeState.DONE, box.log(container, done)
    made = box.listed(container)[prefix]
    install = of(made, container, ChangeVerb.INSTALL, packages=("rig-part01",))
    assert box.end(container, box.changes.start(container, install)).state is ChangeState.DONE
    assert set(box.packages(container, prefix)) == {"rig-part00", "rig-part01"}
    remove = of(made, container, ChangeVerb.REMOVE)
    done = box.end(container, box.changes.start(container, remove))
    assert done.state is ChangeState.DONE, box.log(container, done)
    assert not box.has(container, prefix)


def test_base_and_frozen_stay_as_they_are_whatever_is_tried(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    before = [box.base_bytes(container, each) for each in ("/opt/conda", FROZEN)]
    listed = box.listed(container)
    for prefix in ("/opt/conda", FROZEN):
        for verb in ChangeVerb:
            if verb in (ChangeVerb.CREATE, ChangeVerb.CLONE, ChangeVerb.CLEAN):
                continue
            more: dict[str, object] = {"packages": ("numpy",)}
            if verb is ChangeVerb.RENAME:
                more = {"new_prefix": "/opt/conda/envs/elsewhere"}
            change = of(listed[prefix], container, verb, **more)
            with pytest.raises(ChangeRefused):
                box.changes.start(container, change)
            with pytest.raises(ChangeRefused):
                box.changes.plan(container, change, lambda: False)
    assert [box.base_bytes(container, each) for each in ("/opt/conda", FROZEN)] == before
    assert box.traces(container) == []
    assert VENV in listed and TRAIN in listed
