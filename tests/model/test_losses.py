"""What is lost with a container, in words."""

from __future__ import annotations

from dataclasses import replace

from tui.model.containers import Container, ContainerState
from tui.model.disk import LayerChanges, PrefixChange
from tui.model.disk_items import Safety
from tui.model.environments import (
    Environment,
    EnvironmentKind,
    EnvironmentList,
    EnvironmentSize,
    Origin,
)
from tui.model.errors import EnvtuiError
from tui.model.losses import ContainerLosses, container_losses, lies_on

LAB = Container("c" * 64, "lab", "image:1", "sha256:x", ContainerState.EXITED, finished_at=50.0)
TRAIN = Environment(
    LAB.id, "/opt/envs/train", "train", EnvironmentKind.CONDA, conda_packages=3, pip_packages=1
)
VISION = replace(TRAIN, prefix="/opt/envs/vision", name="vision", conda_packages=None, pip_packages=None)


def losses(*environments: Environment, **changes: object) -> ContainerLosses:
    told = LayerChanges(LAB.id, fingerprint="f", **changes)  # type: ignore[arg-type]
    return container_losses(LAB, EnvironmentList(LAB.id, environments), told, 2048)


def test_environments_made_and_changed_are_named() -> None:
    found = losses(
        TRAIN,
        VISION,
        added=3,
        folders=(("/opt/envs/train", 2), ("/opt/envs/vision", 1)),
        prefixes={TRAIN.prefix: PrefixChange.MADE, VISION.prefix: PrefixChange.CHANGED},
    )
    assert found.lines == (
        "environment train (/opt/envs/train), made in it: 4 packages",
        "environment vision (/opt/envs/vision), changed in it",
    )
    assert (found.safety, found.reason) == (Safety.DANGER, "2 environments are lost with it")
    assert found.is_known and found.seen == "exited\n50.0\nf"


def test_what_is_on_a_volume_or_as_it_came_is_not_lost() -> None:
    mounted = replace(TRAIN, origin=Origin.MOUNT)
    baked = replace(VISION, origin=Origin.IMAGE)
    found = losses(mounted, baked, prefixes={mounted.prefix: PrefixChange.MADE})
    assert (found.environments, found.lines, found.safety) == ((), (), Safety.SAFE)


def test_other_files_are_counted_with_where_they_are() -> None:
    found = losses(TRAIN, added=5, deleted=1, folders=(("/root", 4), ("/data/x", 2)))
    assert found.lines == (
        "6 files and folders in its writable layer (5 added, 1 deleted in all): /root (4), /data/x (2)",
    )
    assert (found.safety, found.reason) == (
        Safety.DANGER,
        "6 files and folders that are nowhere else are lost with it",
    )
    fleeting = losses(TRAIN, added=2, folders=(("/tmp/x", 1), ("/var/log", 1)))
    assert (fleeting.safety, fleeting.reason) == (Safety.CHECK, "2 files and folders changed in it, 2.00 KiB")


def test_files_beside_environments() -> None:
    found = losses(
        TRAIN, added=10, folders=((TRAIN.prefix, 9), ("/root", 1)), prefixes={TRAIN.prefix: PrefixChange.MADE}
    )
    assert found.lines[1] == "1 file or folder in its writable layer (10 added in all): /root (1)"


def test_what_could_not_be_looked_into_is_said() -> None:
    nothing = container_losses(LAB, None, None, None)
    assert nothing.lines == ("what is in it is not known: it could not be looked into",)
    assert (nothing.safety, nothing.is_known) == (Safety.DANGER, False)
    no_changes = container_losses(LAB, EnvironmentList(LAB.id, ()), None, None)
    assert "its engine does not tell" in no_changes.lines[0]
    half = EnvironmentList(LAB.id, (), problem=EnvtuiError("cut short"))
    cut = container_losses(LAB, half, LayerChanges(LAB.id), None)
    assert (cut.safety, cut.is_known) == (Safety.DANGER, False)
    assert "could not all be listed" in cut.lines[0]


def test_an_origin_alone_tells_that_it_is_lost() -> None:
    found = container_losses(LAB, EnvironmentList(LAB.id, (replace(TRAIN, origin=Origin.LAYER),)), None, None)
    assert found.environments[0][0].name == "train" and found.safety is Safety.DANGER


def test_packages_added_to_the_systems_python_are_a_change() -> None:
    system = replace(TRAIN, prefix="/usr", name="", kind=EnvironmentKind.SYSTEM)
    found = losses(system, added=1, folders=(("/usr", 1),), prefixes={"/usr": PrefixChange.MADE})
    assert found.lines == ("environment /usr, changed in it: 4 packages",)


def test_sizes_that_were_measured_are_told() -> None:
    told = LayerChanges(LAB.id, prefixes={TRAIN.prefix: PrefixChange.MADE})
    sizes = {TRAIN.key: EnvironmentSize(5 << 30, None)}
    found = container_losses(LAB, EnvironmentList(LAB.id, (TRAIN,)), told, None, sizes)
    assert found.lines[0].endswith(": 4 packages, 5.00 GiB")


def test_an_environment_that_only_the_changes_tell_of_is_lost_too() -> None:
    changed = {TRAIN.prefix: PrefixChange.MADE, "/data/x": PrefixChange.MADE}
    found = losses(TRAIN, added=2, folders=(("/data/x", 1), ("/opt/envs/train", 1)), prefixes=changed)
    assert (found.safety, found.reason) == (Safety.DANGER, "2 environments are lost with it")
    assert found.lines.count("environment /data/x, made in it") == 1
    # where nothing could be listed, these are all that is known
    told = LayerChanges(LAB.id, added=1, prefixes={"/data/x": PrefixChange.MADE}, fingerprint="f")
    assert container_losses(LAB, None, told, 2048).safety is Safety.DANGER


def test_a_log_is_lost_too() -> None:
    found = container_losses(LAB, EnvironmentList(LAB.id, ()), LayerChanges(LAB.id), 0, None, 3 << 30)
    assert found.lines == ("its log, 3.00 GiB",)
    assert (found.safety, found.reason) == (
        Safety.CHECK,
        "nothing was changed in it; its log is lost with it, 3.00 GiB",
    )


def test_an_environment_that_only_the_changes_tell_of_is_one_line() -> None:
    told = LayerChanges(LAB.id, added=1, prefixes={"/projects/env": PrefixChange.MADE})
    found = container_losses(LAB, EnvironmentList(LAB.id, ()), told, None)
    assert found.lines[0] == "environment /projects/env, made in it"
    assert [each for each in found.lines if "environment" in each] == [found.lines[0]]
    assert (found.safety, found.reason) == (Safety.DANGER, "an environment is lost with it")


def test_what_is_mounted_is_told_and_the_inner_mount_holds_it() -> None:
    mounted = replace(TRAIN, origin=Origin.MOUNT)
    assert losses(mounted, VISION).mounted == (mounted,)
    lab = replace(LAB, mounts=("aaa:/opt", "named:/opt/envs", "bbb:/opt/env"))
    assert lies_on(lab, "named", mounted)
    assert not lies_on(lab, "aaa", mounted) and not lies_on(lab, "bbb", mounted)
    assert lies_on(replace(LAB, mounts=("aaa:/opt/",)), "aaa", mounted)
    # where nothing tells, it may be any
    assert lies_on(LAB, "aaa", mounted)
