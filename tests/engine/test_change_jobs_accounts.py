"""Jobs of several accounts, shells and containers, and places for new environments: on a real engine."""

from __future__ import annotations

import dataclasses
import threading
from functools import partial

import pytest

from tests.engine.change_box import ROOT, ChangeBox, create, of
from tests.rig.image import find_program
from tests.rig.manager_image import CONDA, MICROMAMBA, TRAIN, VENV
from tests.rig.waiting import until
from tui.backends.conda.changes import DockerChanges
from tui.model.changes import ChangeJob, ChangeState, ChangeVerb, EnvironmentChange
from tui.model.containers import Container
from tui.model.environments import EnvironmentKind
from tui.model.errors import (
    ChangeCancelled,
    ChangeError,
    ChangeLost,
    ChangeRefused,
    ChangeUnderWay,
    NoManager,
)

_NEW = f"{ROOT}/envs/new"
_ANN = "1000"


def install(box: ChangeBox, container: Container, name: str, script: str) -> str:
    """A manager of one's own; its path."""
    path = f"/opt/conda/bin/{name}"
    box.shell(container, 'printf %s "$1" >"$2"; chmod 755 "$2"', script, path)
    return path


def as_user(change: EnvironmentChange, user: str) -> EnvironmentChange:
    return dataclasses.replace(change, user=user)


def open_up(box: ChangeBox, container: Container) -> None:
    """Everybody may make environments and download."""
    box.shell(container, "chmod 777 /opt/conda/envs; chmod -R a+rwX /opt/conda/pkgs")


@pytest.mark.by_default("dash")
@pytest.mark.parametrize("shell", ["dash", "busybox"])
def test_either_shell_carries_it_out(change_box: ChangeBox, shell: str) -> None:
    box = change_box
    program = find_program(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    container = box.run(step=0.05)
    box.engine.docker("cp", "--follow-link", program, f"{container.id}:/bin/{shell}")
    # a shell of that name is what every command is begun with
    box.shell(container, 'ln -sf "$1" /bin/sh.new; mv -f /bin/sh.new /bin/sh; readlink /bin/sh', shell)
    assert box.shell(container, "readlink /bin/sh").strip() == shell
    done = box.end(container, box.changes.start(container, create(container, _NEW, ("rig-part00",))))
    assert done.state is ChangeState.DONE, box.log(container, done)
    other = create(container, f"{ROOT}/envs/it's $other")
    job = box.changes.start(container, other)
    until(lambda: "Executing" in box.log(container, job))
    assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
    assert box.processes(container) == [] and not box.has(container, other.prefix)
    for each in box.changes.jobs(container):
        box.changes.put_away(container, each)
    assert box.traces(container) == []


def test_a_flood_in_the_log_comes_whole(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    line = "x" * 99
    script = (
        "#!/bin/sh\ni=0\nwhile [ $i -lt 52500 ]; do i=$((i+1)); "
        f'echo "{line}"; done\nmkdir -p "$3/conda-meta"\n'
    )
    manager = install(box, container, "micromamba-flood", script)
    job = box.changes.start(container, create(container, _NEW, (), manager))
    log, state = b"", job
    while not state.is_over or len(log) < state.log_bytes:
        news = box.changes.news(container, job, len(log))
        assert news.log_offset == len(log) and len(news.log) <= 256 << 10
        log, state = log + news.log, news.job
    assert state.state is ChangeState.DONE and len(log) == 52500 * 100
    assert log == f"{line}\n".encode() * 52500


def test_jobs_of_other_accounts_are_seen_called_off_and_put_away(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.2, args=("--user", _ANN))
    open_up(box, container)
    roots = box.changes.start(container, as_user(create(container, f"{ROOT}/envs/roots"), "0"))
    anns = box.changes.start(container, create(container, f"{ROOT}/envs/anns"))
    found = {each.id: each for each in box.changes.jobs(container)}
    assert set(found) == {roots.id, anns.id}
    assert all(each.state is ChangeState.RUNNING for each in found.values())
    # as somebody finds them who has not begun them
    for each in found.values():
        assert box.changes.news(container, each, 0).job.pid == each.pid
        assert box.changes.cancel(container, each).state is ChangeState.CANCELLED
        assert not box.has(container, each.change.prefix)
    assert box.processes(container) == [] and box.locks(container) == []
    for each in found.values():
        box.changes.put_away(container, each)
    assert box.changes.jobs(container) == [] and box.traces(container) == []
    with pytest.raises(ChangeLost):
        box.changes.news(container, anns, 0)


def test_two_accounts_at_one_environment(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.2)
    open_up(box, container)
    first = box.changes.start(container, as_user(create(container, _NEW), _ANN))
    with pytest.raises(ChangeUnderWay) as caught:
        box.changes.start(container, create(container, _NEW))
    assert "Create new in lab, since " in caught.value.detail
    box.changes.cancel(container, first)
    again = box.changes.start(container, create(container, _NEW, ("rig-part00",)))
    assert box.end(container, again).state is ChangeState.DONE


def test_two_containers_with_one_folder_for_temporary_files(change_box: ChangeBox) -> None:
    box = change_box
    shared = ("--volume", "shared:/tmp")
    one, two = box.run("one", 0.2, shared), box.run("two", 0.2, shared)
    box.shell(one, "chmod 1777 /tmp")
    first, second = (box.changes.start(each, create(each, _NEW)) for each in (one, two))
    assert [each.id for each in box.changes.jobs(one)] == [first.id]
    assert [each.id for each in box.changes.jobs(two)] == [second.id]
    with pytest.raises(ChangeLost):
        box.changes.cancel(one, dataclasses.replace(second, change=first.change))
    for container, job in ((one, first), (two, second)):
        assert box.changes.news(container, job, 0).job.state is ChangeState.RUNNING
        assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
        assert not box.has(container, _NEW)


def test_a_path_that_leads_nowhere(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.1, args=("--env", "PATH=/nonexistent"))
    job = box.changes.start(container, create(container, _NEW))
    until(lambda: "Executing" in box.log(container, job))
    assert box.changes.cancel(container, job).state is ChangeState.CANCELLED
    assert not box.has(container, _NEW)
    again = box.changes.start(container, create(container, _NEW, ("rig-part00",)))
    assert box.end(container, again).state is ChangeState.DONE, box.log(container, again)


def test_a_folder_that_pretends_to_be_roots_is_not_believed(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    real = box.end(container, box.changes.start(container, create(container, _NEW, ("rig-part00",))))
    # another account had the idea first, with a job whose first process is that of the container
    script = """
    mkdir -p /var/tmp/envtui-jobs-0 /tmp/envtui-jobs-1000
    real=$(echo /tmp/envtui-jobs-0/*)
    for ours in /var/tmp/envtui-jobs-0 /tmp/envtui-jobs-1000; do
      false=$ours/aaaabbbbccccdddd
      cp -r "$real" "$false"
      rm "$false/status"
      { echo 1; sed -n '2,6p' "$real/pid"; } >"$false/pid"
    done
    cd /tmp/envtui-jobs-1000
    cp -r aaaabbbbccccdddd aaaabbbbccccddd1
    echo '{"verb": "explode"}' >aaaabbbbccccddd1/change
    cp -r aaaabbbbccccdddd '$(id); x'
    chown -R 1000:1000 /var/tmp/envtui-jobs-0 /tmp/envtui-jobs-1000
    """
    box.shell(container, script)
    found = {each.id: each for each in box.changes.jobs(container)}
    assert set(found) == {real.id, "aaaabbbbccccdddd"}
    theirs = found["aaaabbbbccccdddd"]
    assert theirs.state is ChangeState.LOST
    # it is put away as theirs
    box.changes.put_away(container, theirs)
    assert [each.id for each in box.changes.jobs(container)] == [real.id]


@pytest.mark.by_default("Executing")
@pytest.mark.parametrize("words", ["Downloading", "Executing"])
def test_a_rename_that_is_called_off_leaves_the_old_one_alone(change_box: ChangeBox, words: str) -> None:
    box = change_box
    container = box.run(step=0.3)
    before = box.base_bytes(container, TRAIN)
    change = of(box.listed(container)[TRAIN], container, ChangeVerb.RENAME, new_prefix=_NEW)
    job = box.changes.start(container, change)
    until(lambda: words in box.log(container, job), message=lambda: box.log(container, job))
    ended = box.changes.cancel(container, job)
    assert ended.state is ChangeState.CANCELLED and not box.has(container, _NEW)
    assert box.base_bytes(container, TRAIN) == before
    assert _NEW not in box.registered(container) and box.locks(container) == []


def test_an_installation_that_is_called_off_says_what_may_be_there(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.3)
    change = of(box.listed(container)[TRAIN], container, ChangeVerb.INSTALL, packages=("rig-meta",))
    job = box.changes.start(container, change)
    until(lambda: "Executing" in box.log(container, job), message=lambda: box.log(container, job))
    seen = []
    caller = threading.Thread(target=lambda: seen.append(box.changes.cancel(container, job)))
    caller.start()
    # twice at once is once
    ended = box.changes.cancel(container, job)
    caller.join(60)
    assert [each.state for each in (ended, *seen)] == [ChangeState.CANCELLED] * 2
    assert isinstance(ended.error, ChangeCancelled) and TRAIN in ended.error.detail
    assert box.has(container, TRAIN) and box.processes(container) == []


def test_called_off_in_the_last_moment_it_is_all_there_or_nothing(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.02)
    states = set()
    for number in range(6):
        prefix = f"{ROOT}/envs/late{number}"
        job = box.changes.start(container, create(container, prefix, ("rig-part00",)))
        words = ("Preparing", "Executing", "To activate")[number % 3]
        until(partial(_has_come_to, box, container, job, words))
        ended = box.changes.cancel(container, job)
        assert ended.state in (ChangeState.DONE, ChangeState.CANCELLED)
        assert box.has(container, prefix) is (ended.state is ChangeState.DONE)
        assert (prefix in box.registered(container)) is (ended.state is ChangeState.DONE)
        states.add(ended.state)
    assert box.processes(container) == [] and box.locks(container) == []


def _has_come_to(box: ChangeBox, container: Container, job: ChangeJob, words: str) -> bool:
    news = box.changes.news(container, job, 0)
    return news.job.is_over or words.encode() in news.log


def test_a_question_is_no_job(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(step=0.2)
    seen: list[object] = []

    def look() -> bool:
        if not seen:
            until(lambda: box.processes(container))
            seen.append(box.changes.jobs(container))
        return False

    plan = box.changes.plan(container, create(container, _NEW), look)
    assert plan.is_exact and seen == [[]]
    assert box.traces(container) == [] and not box.has(container, _NEW)


def test_places_for_new_environments(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    listed = list(box.listed(container).values())
    conda = [each for each in listed if each.root_prefix == ROOT]
    plain = [each for each in listed if each.prefix == VENV]
    new = box.changes.new_prefix
    lab = dataclasses.replace(conda[0], manager=MICROMAMBA, root_prefix="/opt/mamba")
    made = new(container, "it's $new 学", [*listed, lab])
    assert (made.verb, made.manager, made.prefix) == (
        ChangeVerb.CREATE,
        MICROMAMBA,
        "/opt/mamba/envs/it's $new 学",
    )
    made = new(container, "new", conda)
    assert (made.manager, made.prefix, made.root_prefix) == (CONDA, _NEW, ROOT)
    # the image says that everybody's home is root's
    with pytest.raises(ChangeRefused):
        new(container, "new", conda, _ANN)
    anns = box.run("anns", args=("--env", "HOME=/home/ann"))
    box.shell(anns, "chown 1000:1000 /home/ann")
    made = new(anns, "new", conda, _ANN)
    assert (made.prefix, made.user) == ("/home/ann/.conda/envs/new", _ANN)
    made = new(container, "new", plain)
    assert (made.kind, made.manager, made.prefix) == (EnvironmentKind.VENV, "", "/root/.virtualenvs/new")
    assert new(container, "/opt/my env/", conda).prefix == "/opt/my env"
    assert not box.has(anns, "/home/ann/.conda") and not box.has(container, "/opt/my env")
    for name in ("", " ", ".", "..", "base", "a/b", "a\nb", "a\x1b[1m", " a", "a:b", "x" * 256):
        with pytest.raises(ChangeRefused):
            new(container, name, conda)
    for name in ("train", TRAIN, f"{TRAIN}/", "/opt", "/opt/none/here", "/opt/../x", "/"):
        with pytest.raises(ChangeRefused):
            new(container, name, conda)
    with pytest.raises(ChangeRefused):
        new(container, "/opt/anns", conda, _ANN)
    with pytest.raises(NoManager):
        new(container, "new", [])


def test_who_runs_out_of_it_is_told_before(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    python = f"{TRAIN}/bin/python"
    box.engine.docker(
        "exec", "--detach", container.id, python, "-c", "import time; time.sleep(999)", "\x1b[1m"
    )
    until(lambda: box.listed(container)[TRAIN].pids)
    change = of(box.listed(container)[TRAIN], container, ChangeVerb.REMOVE)
    notes = box.changes.plan(container, change, lambda: False).notes
    assert "1 process runs out of it" in notes
    [line] = [each for each in notes if python in each]
    assert "time.sleep(999)" in line and line.isprintable()


def test_what_lies_in_an_environment_keeps_it(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(args=("--volume", f"data:{TRAIN}/share/my data"))
    train = box.listed(container)[TRAIN]
    box.shell(container, 'echo precious >"$1/file"', f"{TRAIN}/share/my data")
    for verb, more in ((ChangeVerb.REMOVE, {}), (ChangeVerb.RENAME, {"new_prefix": _NEW})):
        with pytest.raises(ChangeRefused) as caught:
            box.changes.start(container, of(train, container, verb, **more))
        assert "mount" in caught.value.one_line()
    inner = f"{VENV}/inner"
    box.shell(container, 'mkdir "$1"; cp "$2/pyvenv.cfg" "$1"; ln -s ../bin "$1/bin"', inner, VENV)
    box.shell(container, 'mkdir -p /root/.conda; echo "$1" >>/root/.conda/environments.txt', inner)
    listed = box.listed(container)
    assert inner in listed
    with pytest.raises(ChangeRefused) as caught:
        box.changes.start(container, of(listed[VENV], container, ChangeVerb.REMOVE))
    assert inner in caught.value.one_line()
    assert box.has(container, f"{TRAIN}/share/my data/file") and box.has(container, VENV)


def test_base_gets_packages_where_that_is_allowed_and_is_never_removed(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    allowed = DockerChanges(box.docker, allow_base=True)
    base = box.listed(container)[ROOT]
    job = allowed.start(container, of(base, container, ChangeVerb.INSTALL, packages=("rig-part00",)))
    assert box.end(container, job).state is ChangeState.DONE, box.log(container, job)
    assert "rig-part00" in box.packages(container, ROOT)
    before = box.base_bytes(container)
    moved: dict[str, object] = {"new_prefix": _NEW}
    for verb, more in ((ChangeVerb.REMOVE, {}), (ChangeVerb.RENAME, moved)):
        for kind in (EnvironmentKind.BASE, EnvironmentKind.CONDA):
            change = dataclasses.replace(of(base, container, verb, **more), kind=kind)
            for without in (change, dataclasses.replace(change, root_prefix="", manager="")):
                with pytest.raises(ChangeRefused):
                    allowed.start(container, without)
    # the same folder by other names
    box.shell(container, "ln -s /opt/conda /opt/alias")
    for prefix in ("/opt/alias", "/opt/conda/", "//opt/conda", "/opt/conda/.", "/opt/conda/envs/.."):
        change = dataclasses.replace(of(base, container, ChangeVerb.REMOVE), prefix=prefix, manager="")
        for kind in (EnvironmentKind.BASE, EnvironmentKind.CONDA, EnvironmentKind.VENV):
            with pytest.raises(ChangeRefused):
                allowed.start(container, dataclasses.replace(change, kind=kind))
    assert box.base_bytes(container) == before


def test_a_command_of_the_engine_leads_its_session(change_box: ChangeBox) -> None:
    # what finds everything that a job began rests on it
    box = change_box
    container = box.run()
    job = box.end(container, box.changes.start(container, create(container, _NEW, ("rig-part00",))))
    lines = box.shell(container, 'cat /tmp/envtui-jobs-0/"$1"/pid', job.id).splitlines()
    assert lines[0] == lines[3] == str(job.pid) and lines[5] == container.id


def test_a_container_without_a_shell_has_no_jobs_and_gets_none(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    box.shell(container, "mv /bin/sh /bin/gone")
    assert box.changes.jobs(container) == []
    with pytest.raises(ChangeError) as caught:
        box.changes.start(container, create(container, _NEW))
    assert "no shell" in caught.value.one_line()
