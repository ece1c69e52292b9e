"""Caches of package managers in containers of a real engine: found, measured, and cleaned by their owners."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.engine.change_box import ROOT, ChangeBox, create, of
from tests.engine.environment_images import _libraries
from tests.rig.manager_image import CONDA, UV
from tests.rig.waiting import until
from tui.backends.conda.caches import ContainerCaches
from tui.model.changes import ChangeState, ChangeVerb
from tui.model.containers import Container
from tui.model.disk import InsideCache
from tui.model.environments import Origin
from tui.model.errors import Conflict, ReclaimError

_ANN = "1000"
_FILL = 'mkdir -p "$1/http/a/b" && head -c 300000 /dev/zero | tr "\\0" x >"$1/http/a/b/page"'


def caches(box: ChangeBox, container: Container) -> dict[str, InsideCache]:
    """All of a container, by path."""
    listed = list(box.listed(container).values())
    found = ContainerCaches(box.docker).caches(container, listed, lambda: False)
    assert len({each.path for each in found}) == len(found)
    return {each.path: each for each in found}


def clean(box: ChangeBox, container: Container, cache: InsideCache) -> None:
    """Have it cleaned; nothing of the job stays."""
    assert cache.change is not None, cache.why_not
    assert cache.change.verb is ChangeVerb.CLEAN and cache.change.cache == cache.path
    job = box.changes.start(container, cache.change)
    done = box.end(container, job)
    assert done.state is ChangeState.DONE, box.log(container, job)
    box.changes.put_away(container, done)


def apart(box: ChangeBox, container: Container) -> list[str]:
    """Everything in the package cache of conda."""
    return sorted(box.shell(container, 'ls "$1"', f"{ROOT}/pkgs").split())


def with_unused_package(box: ChangeBox, container: Container) -> None:
    """A package of which nothing is linked any more."""
    prefix = f"{ROOT}/envs/short"
    made = create(container, prefix, ("rig-meta",))
    assert box.end(container, box.changes.start(container, made)).state is ChangeState.DONE
    gone = of(box.listed(container)[prefix], container, ChangeVerb.REMOVE)
    assert box.end(container, box.changes.start(container, gone)).state is ChangeState.DONE
    for job in box.changes.jobs(container):
        box.changes.put_away(container, job)


def test_what_came_with_the_image_frees_nothing(change_box: ChangeBox) -> None:
    container = change_box.run()
    found = caches(change_box, container)
    baked = found[f"{ROOT}/pkgs"]
    assert baked.owner == "conda" and baked.origin is Origin.IMAGE
    assert baked.reclaimable_bytes == 0 and baked.change is None and "image" in baked.why_not
    assert baked.size_bytes
    assert change_box.processes(container) == [] and change_box.traces(container) == []


def test_packages_that_nothing_links_are_cleaned_by_conda(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    before = apart(box, container)
    with_unused_package(box, container)
    assert len(apart(box, container)) > len(before)
    cache = caches(box, container)[f"{ROOT}/pkgs"]
    assert cache.origin is Origin.LAYER and cache.change is not None, cache.why_not
    assert cache.change.manager == CONDA
    assert cache.reclaimable_bytes and cache.size_bytes and cache.reclaimable_bytes < cache.size_bytes
    clean(box, container, cache)
    after = caches(box, container)[f"{ROOT}/pkgs"]
    assert after.size_bytes is not None
    # what conda counts are bytes, what is freed are blocks
    assert cache.size_bytes - after.size_bytes >= cache.reclaimable_bytes * 0.95
    assert after.reclaimable_bytes == 0
    assert set(box.listed(container)) >= {ROOT, f"{ROOT}/envs/train"}
    assert box.processes(container) == [] and box.traces(container) == []


def test_pip_empties_exactly_the_cache_that_is_named(change_box: ChangeBox) -> None:
    box = change_box
    hostile = "/data/pip $(touch x) '\"\n\x1b[31m 漢"
    container = box.run(args=("--env", f"PIP_CACHE_DIR={hostile}", "--env", "PIP_NO_CACHE_DIR=1"))
    for path in (hostile, "/root/.cache/pip"):
        box.shell(container, _FILL, path)
    found = caches(box, container)
    cache = found[hostile]
    assert (cache.owner, cache.origin, cache.why_not) == ("pip", Origin.LAYER, "")
    assert cache.reclaimable_bytes and 300_000 <= cache.reclaimable_bytes <= 310_000
    assert cache.size_bytes and cache.size_bytes >= cache.reclaimable_bytes
    clean(box, container, cache)
    after = caches(box, container)
    assert after[hostile].reclaimable_bytes == 0
    assert after["/root/.cache/pip"].reclaimable_bytes == found["/root/.cache/pip"].reclaimable_bytes
    assert not box.has(container, "/x")


def test_another_users_cache_is_cleaned_by_that_user(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    box.shell(container, _FILL, "/home/ann/.cache/pip", user=_ANN)
    cache = caches(box, container)["/home/ann/.cache/pip"]
    assert cache.change is not None and cache.change.user == _ANN, cache.why_not
    clean(box, container, cache)
    assert caches(box, container)["/home/ann/.cache/pip"].reclaimable_bytes == 0


def test_what_uv_has_linked_into_an_environment_gives_nothing_back(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    script = (
        '"$1" venv --python python3 /opt/venvs/linked && '
        'VIRTUAL_ENV=/opt/venvs/linked "$1" pip install --link-mode hardlink rig-wheel'
    )
    wheels = box.shell(container, "ls /wheels").split()
    name = next(each.partition("-")[0] for each in wheels if not each.startswith("pip-"))
    box.shell(container, script.replace("rig-wheel", name), UV)
    cache = caches(box, container)["/root/.cache/uv"]
    assert cache.owner == "uv" and cache.change is not None, cache.why_not
    assert cache.size_bytes is not None and cache.reclaimable_bytes is not None
    assert cache.reclaimable_bytes < cache.size_bytes
    clean(box, container, cache)
    # a lock file may stay
    after = caches(box, container).get("/root/.cache/uv")
    assert after is None or (after.size_bytes is not None and after.size_bytes <= 16384)
    assert "/opt/venvs/linked" in box.listed(container)


def test_a_cache_on_a_volume_is_no_loss_of_the_container(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run(args=("--volume", "kept:/root/.cache"))
    box.shell(container, _FILL, "/root/.cache/pip")
    cache = caches(box, container)["/root/.cache/pip"]
    assert cache.origin is Origin.MOUNT and (cache.reclaimable_bytes or 0) >= 300_000


def test_without_a_program_that_cleans_it_the_reason_is_told(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    box.shell(container, _FILL, "/root/.cache/pip")
    box.shell(
        container,
        'cd /root/.cache && mkdir -p uv/simple-v1 && echo x >uv/simple-v1/x && : >uv/CACHEDIR.TAG && rm "$1"',
        UV,
    )
    listed = list(box.listed(container).values())
    found = {each.path: each for each in ContainerCaches(box.docker).caches(container, listed, lambda: False)}
    uv = found["/root/.cache/uv"]
    assert uv.change is None and "no uv" in uv.why_not and uv.size_bytes


# busybox's own shell would take the programs that it is itself
_STUCK_FIND = r"""
mkfifo /tmp/stuck
printf '#!/bin/sh\ncase " $* " in *" -maxdepth "*) exit 0;; esac\nexec cat /tmp/stuck\n' >/usr/local/bin/find
printf '#!/bin/sh\nshift 2\nexec "$@"\n' >/usr/local/bin/nice
chmod 755 /usr/local/bin/find /usr/local/bin/nice
ln -sf /bin/dash /bin/sh
"""


def with_programs(box: ChangeBox, container: Container, *programs: str) -> None:
    """This machine's own in a container, with what they need of libraries."""
    for each in (*programs, *_libraries([Path(each) for each in programs])):
        box.shell(container, 'mkdir -p "${1%/*}"', str(each))
        box.engine.docker("cp", "--follow-link", str(each), f"{container.id}:{each}")


def test_called_off_nothing_goes_on_inside(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    box.shell(container, _FILL, "/root/.cache/pip")
    listed = list(box.listed(container).values())
    with_programs(box, container, "/bin/dash")
    box.shell(container, _STUCK_FIND)
    cancelled = threading.Event()
    ended: list[BaseException | Sequence[InsideCache]] = []

    def look() -> None:
        try:
            ended.append(ContainerCaches(box.docker).caches(container, listed, cancelled.is_set))
        except ReclaimError as error:
            ended.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    until(lambda: any(" cat " in each for each in box.processes(container)), message="it walks")
    cancelled.set()
    thread.join(20)
    assert len(ended) == 1 and isinstance(ended[0], ReclaimError)
    until(lambda: box.processes(container) == [], message="nothing is left inside")


def test_gnu_find_and_busybox_tell_the_same(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run()
    box.shell(container, _FILL, "/root/.cache/pip")
    box.shell(container, 'cd "$1" && ln http/a/b/page http/again', "/root/.cache/pip")
    first = caches(box, container)["/root/.cache/pip"]
    with_programs(box, container, "/bin/dash", "/usr/bin/find")
    box.shell(container, "ln -sf /bin/dash /bin/sh")
    assert box.shell(container, "find / -maxdepth 0 -printf gnu") == "gnu"
    second = caches(box, container)["/root/.cache/pip"]
    assert (first.size_bytes, first.reclaimable_bytes) == (second.size_bytes, second.reclaimable_bytes)
    told = box.shell(container, 'du -sk "$1" | cut -f1', "/root/.cache/pip")
    assert first.size_bytes == int(told) * 1024


@pytest.mark.parametrize("state", ["pause", "stop"])
def test_only_running_containers_are_asked(change_box: ChangeBox, state: str) -> None:
    box = change_box
    box.run()
    box.engine.docker(state, *(("--time", "0") if state == "stop" else ()), "lab")
    with pytest.raises(Conflict):
        ContainerCaches(box.docker).caches(box.container("lab"), (), lambda: False)
