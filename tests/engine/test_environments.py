"""The environments of containers of a real engine: real prefixes, whole and broken, in every place."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.backends.contract_environments import check_environments, check_no_such_container
from tests.engine import environment_images as images
from tests.engine.boxes import Box
from tests.rig.conda_prefixes import SITE
from tests.rig.waiting import until
from tui.backends.docker.host_pids import LocalHostPids
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList, ListedBy, Origin
from tui.model.errors import EngineError, NoSuchContainer


def by_prefix(listed: EnvironmentList) -> dict[str, Environment]:
    return {each.prefix: each for each in listed.environments}


def test_conda_in_good_and_in_bad_order(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    before = box.changes(container)

    listed = box.list(container)

    assert (listed.problem, listed.note, listed.listed_by) == (None, "", ListedBy.EXEC)
    found = by_prefix(listed)
    envs = "/opt/conda/envs"
    expected = {
        "/opt/conda", f"{envs}/vision", f"{envs}/nlp", f"{envs}/untouched", f"{envs}/no-json",
        f"{envs}/corrupt",
        f"{envs}/half-made", f"{envs}/files-gone", f"{envs}/python-gone", f"{envs}/doubled", f"{envs}/frozen",
        f"{envs}/fifo", f"{envs}/in-the-way", "/scratch/envs/elsewhere", "/odd/place",
        "/home/alice/.conda/envs/private", "/home/bob/.conda/envs/closed",
        *(f"{envs}/{name}" for name in images.HOSTILE_NAMES),
    }  # fmt: skip
    assert set(found) == expected
    assert box.changes(container) == before
    base, vision, nlp = found["/opt/conda"], found[f"{envs}/vision"], found[f"{envs}/nlp"]
    assert (base.kind, base.name, base.python) == (EnvironmentKind.BASE, "base", "3.11.9")
    assert base.manager == "/opt/conda/bin/conda"
    assert (vision.kind, vision.name, vision.root_prefix) == (EnvironmentKind.CONDA, "vision", "/opt/conda")
    assert (vision.conda_packages, vision.pip_packages) == (6, 2)
    assert (vision.torch, vision.cuda_build) == ("2.3.1", "12.1")
    assert {(each.name, each.owner) for each in vision.libraries} == {
        ("cuda-cudart", "conda"), ("cuda-version", "conda"), ("cudnn", "conda"), ("nvidia-cudnn-cu12", "pip"),
    }  # fmt: skip
    assert (nlp.torch, nlp.cuda_build, nlp.pip_packages) == ("2.9.1+cu128", "12.8", 1)
    assert dict(nlp.highlights) == {"numpy": "2.1.0"}
    assert all(each.origin is Origin.IMAGE and each.writable for each in listed.environments)
    assert found["/scratch/envs/elsewhere"].name == "elsewhere"
    assert found["/odd/place"].name == ""
    assert found["/home/alice/.conda/envs/private"].user == "alice"
    for name in images.HOSTILE_NAMES:
        assert (found[f"{envs}/{name}"].name, found[f"{envs}/{name}"].conda_packages) == (name, 1)


def test_the_contract_of_every_host(box: Box) -> None:
    check_environments(box.environments, box.run(images.CONDA, images.make_conda))
    check_no_such_container(box.environments)


def test_what_is_broken_is_said(box: Box) -> None:
    found = by_prefix(box.list(box.run(images.CONDA, images.make_conda)))
    envs = "/opt/conda/envs"

    def problems(name: str) -> str:
        return "; ".join(found[f"{envs}/{name}"].problems)

    assert "half made" in problems("half-made")
    assert "half made" in problems("in-the-way")
    assert "bin/python leads to nothing" in problems("python-gone")
    assert "two records of one package: timm" in problems("doubled")
    assert "by conda and by pip: numpy" in problems("doubled")
    assert found[f"{envs}/frozen"].frozen and not found[f"{envs}/vision"].frozen
    assert problems("vision") == problems("untouched") == ""


def test_sizes_count_links_once_and_find_what_is_missing(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    before = box.changes(container)
    listed = box.list(container)
    envs = "/opt/conda/envs"

    sizes = box.environments.sizes(container, listed.environments, lambda: False)

    vision = sizes[f"{envs}/vision"]
    # three libraries of 200 kB are the cache's, too
    assert vision.size_bytes > 600_000 > (vision.own_bytes or 0)
    assert "missing files" in "".join(sizes[f"{envs}/files-gone"].problems)
    assert "numpy" in "".join(sizes[f"{envs}/files-gone"].problems)
    assert "can't be read: numpy" in "".join(sizes[f"{envs}/corrupt"].problems)
    assert sizes[f"{envs}/untouched"].problems == ()
    assert "/home/bob/.conda/envs/closed" in sizes
    assert box.changes(container) == before
    assert box.environments.sizes(container, listed.environments, lambda: True) == {}


def test_packages_by_name_and_in_full(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    found = by_prefix(box.list(container))
    asked = [found["/opt/conda/envs/vision"], found["/opt/conda/envs/corrupt"]]

    named = box.environments.packages(container, asked, names_only=True)
    vision, corrupt = box.environments.packages(container, asked)

    assert [(each.name, each.version) for each in named[0]] == [(each.name, each.version) for each in vision]
    packages = {(each.name, each.owner): each for each in vision}
    assert {owner for _, owner in packages} == {"conda", "pip"}
    torch, timm = packages["pytorch", "conda"], packages["timm", "pip"]
    assert (torch.version, torch.build, torch.channel) == (
        "2.3.1",
        "py3.11_cuda12.1_cudnn8.9.2_0",
        "conda-forge",
    )
    assert torch.size_bytes is not None and torch.size_bytes > 0
    assert (timm.version, timm.size_bytes, timm.is_requested) == ("1.0.9", 1000, True)
    assert ("torch", "pip") not in packages
    assert [each.problem for each in corrupt if each.name == "numpy"] == ["its record can't be read"]


def test_another_users_homes_are_seen_and_not_writable(box: Box) -> None:
    found = by_prefix(box.list(box.run(images.CONDA, images.make_conda, args=("--user", "1000"))))

    assert found["/home/alice/.conda/envs/private"].writable
    assert not found["/opt/conda"].writable
    assert found["/home/bob/.conda/envs/closed"].writable is False


def test_micromamba_and_pixi(box: Box) -> None:
    found = by_prefix(box.list(box.run(images.MICROMAMBA, images.make_micromamba)))

    assert set(found) == {"/opt/conda", "/opt/conda/envs/train", "/workspace/project/.pixi/envs/default"}
    train, pixi = found["/opt/conda/envs/train"], found["/workspace/project/.pixi/envs/default"]
    assert (train.manager, train.made_by, train.writable) == ("/bin/micromamba", "micromamba", True)
    assert (pixi.kind, pixi.name, pixi.made_by) == (EnvironmentKind.PIXI, "default", "pixi")
    assert pixi.problems == ()


@pytest.mark.skipif(not images.has_python(), reason="no Debian Python 3.11 here to be packed")
def test_real_venv_uv_and_the_systems_python(box: Box) -> None:
    container = box.run(images.PYTHON, images.make_python)
    box.engine.docker("exec", container.id, "python3", "-m", "venv", "--without-pip", "/work/.venv")
    box.engine.docker("exec", container.id, "python3", "-m", "venv", "--without-pip", "/opt/venv")
    uv = images.find_uv()
    if uv:
        box.engine.docker(
            "exec", container.id, "uv", "venv", "--offline", "--python", "/usr/bin/python3", "/app/.venv"
        )

    found = by_prefix(box.list(container))

    assert set(found) == {"/usr", "/work/.venv", "/opt/venv"} | ({"/app/.venv"} if uv else set())
    venv, system = found["/work/.venv"], found["/usr"]
    assert (venv.kind, venv.root_prefix, venv.origin) == (EnvironmentKind.VENV, "/usr", Origin.LAYER)
    assert (venv.python or "").startswith("3.11.")
    assert (system.kind, system.python, system.pip_packages, system.frozen) == (
        EnvironmentKind.SYSTEM, "3.11", 1, True,
    )  # fmt: skip
    box.engine.docker(
        "exec", "-d", container.id, "/work/.venv/bin/python", "-c", "import time; time.sleep(9999)"
    )
    pids = until(lambda: by_prefix(box.list(container))["/work/.venv"].pids, message="the venv is in use")
    assert by_prefix(box.list(container))["/usr"].pids == () != pids
    if uv:
        assert (found["/app/.venv"].kind, found["/app/.venv"].manager) == (
            EnvironmentKind.UV,
            "/usr/local/bin/uv",
        )


def test_origins(box: Box, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    container = box.run(
        images.CONDA, images.make_conda, args=("--volume", f"{shared}:/mnt/envs", "--volume", "kept:/scratch")
    )
    script = (
        "mkdir -p /opt/conda/envs/fresh/conda-meta /mnt/envs/on-mount/conda-meta; "
        "touch /opt/conda/envs/fresh/conda-meta/history /mnt/envs/on-mount/conda-meta/history; "
        "echo /mnt/envs/on-mount >> /root/.conda/environments.txt; "
        f"mkdir /opt/conda/envs/nlp/{SITE}/peft-1.0.dist-info; "
        f"mkdir -p /opt/conda/envs/untouched/{SITE}/__pycache__; "
        f"touch /opt/conda/envs/untouched/{SITE}/__pycache__/x.pyc"
    )
    box.engine.docker("exec", container.id, "sh", "-c", f"mkdir -p /root/.conda; {script}")

    found = by_prefix(box.list(container))

    assert found["/opt/conda/envs/nlp"].origin is Origin.LAYER
    assert found["/opt/conda/envs/fresh"].origin is Origin.LAYER
    assert found["/opt/conda/envs/fresh"].ephemeral
    assert found["/opt/conda/envs/untouched"].origin is Origin.IMAGE
    assert found["/opt/conda"].origin is Origin.IMAGE
    assert found["/mnt/envs/on-mount"].origin is Origin.MOUNT
    assert found["/scratch/envs/elsewhere"].origin is Origin.MOUNT


def test_an_environment_that_changes_is_layer_from_then_on(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    first = by_prefix(box.list(container))["/opt/conda/envs/nlp"]
    box.engine.docker("exec", container.id, "mkdir", f"/opt/conda/envs/nlp/{SITE}/peft-1.0.dist-info")
    second = by_prefix(box.list(container))["/opt/conda/envs/nlp"]

    assert (first.origin, second.origin) == (Origin.IMAGE, Origin.LAYER)
    assert first.fingerprint != second.fingerprint
    assert second.pip_packages == (first.pip_packages or 0) + 1


def test_what_runs_is_in_use(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    box.engine.docker("exec", "-d", container.id, "/opt/conda/envs/nlp/bin/sleep", "9999")
    pids = until(lambda: by_prefix(box.list(container))["/opt/conda/envs/nlp"].pids, message="it is in use")

    here = LocalHostPids().host_pids(container, pids)

    assert here is not None and set(here) == set(pids)
    for inside, outside in here.items():
        assert b"/envs/nlp/bin/sleep\0009999" in Path(f"/proc/{outside}/cmdline").read_bytes()
        assert f"\t{inside}\n" in Path(f"/proc/{outside}/status").read_text()


def test_nothing_but_busybox(box: Box) -> None:
    listed = box.list(box.run(images.BARE, images.make_bare))
    assert (listed.environments, listed.problem) == ((), None)
    assert listed.note == "There is no environment in it"


@pytest.mark.by_default("paused-listed before", "stopped-never listed")
@pytest.mark.parametrize("known", [True, False], ids=["listed before", "never listed"])
@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_paused_and_stopped(box: Box, state: str, known: bool) -> None:
    container = box.run(images.CONDA, images.make_conda)
    if known:
        box.list(container)
    box.engine.docker(*({"paused": ("pause",), "stopped": ("stop", "--time", "0")}[state]), container.id)

    listed = box.list(box.container("training"))

    found = by_prefix(listed)
    assert listed.listed_by is ListedBy.ARCHIVE and state[:5] in listed.note.replace(
        "does not run", "stopped"
    )
    vision = found["/opt/conda/envs/vision"]
    assert (vision.python, vision.conda_packages, vision.torch, vision.cuda_build) == (
        "3.11.9",
        6,
        "2.3.1",
        "12.1",
    )
    assert (vision.pip_packages, vision.origin) == (None, Origin.IMAGE)
    assert {f"/opt/conda/envs/{name}" for name in images.HOSTILE_NAMES} <= set(found)


def test_no_shell_at_all(box: Box) -> None:
    container = box.run(images.SHELLLESS, images.make_shellless)
    listed = box.list(container)

    assert listed.listed_by is ListedBy.ARCHIVE and "no shell" in listed.note
    assert set(by_prefix(listed)) == {"/opt/conda", "/opt/conda/envs/served"}
    packages = box.environments.packages(container, listed.environments)
    assert {"pytorch", "numpy"} <= {each.name for each in packages[1]}
    with pytest.raises(EngineError, match="Sizes"):
        box.environments.sizes(container, listed.environments, lambda: False)


@pytest.mark.parametrize(
    ("shell", "words"),
    [
        ("#!/bin/busybox sh\necho noise\n", "answers something else"),
        ("#!/bin/busybox sh\nexit 3\n", "ended with 3"),
        ("#!/bin/busybox sh\nkill -9 $$\n", "ended with 137"),
        (
            "#!/bin/busybox sh\n"
            "printf 'V 4\\0001\\0000\\000/root\\0001\\000'; /bin/busybox head -c 99 /dev/zero\n",
            "something else",
        ),
    ],
)
def test_a_shell_that_is_none(box: Box, shell: str, words: str) -> None:
    strange = box.run(images.BARE, images.make_bare, "strange")
    other = box.run(images.CONDA, images.make_conda, "other")
    replace_shell(box, strange, shell)

    with pytest.raises(EngineError) as raised:
        box.list(strange)

    assert words in raised.value.one_line()
    assert len(box.list(other).environments) > 10


def test_a_probe_that_hangs_is_given_up_and_ended(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.backends.conda.listing.PROBE_SECONDS", 3.0)
    container = box.run(images.CONDA, images.make_conda)
    # it reads from what does not answer, as on a file system whose server is gone
    hanging = (
        "#!/bin/busybox sh\n"
        """script=$(printf %s "$2" | sed 's|^put Z .*|read -r _ <>/etc/never|')\n"""
        """exec /bin/busybox sh -c "$script" "$3" "$4"\n"""
    )
    replace_shell(box, container, hanging)

    listed = box.list(container)

    assert listed.problem is not None and "took longer" in listed.problem.one_line()
    assert "/opt/conda/envs/vision" in by_prefix(listed)
    until(lambda: not probes(box, container), message="nothing of the probe is left")


def probes(box: Box, container: Container) -> list[str]:
    """Command lines of our probe among the container's processes."""
    titles, rows = box.engine.request("GET", f"/containers/{container.id}/top?ps_args=-eo+pid,args")[
        1
    ].values()
    told = [" ".join(row) for row in (rows if isinstance(rows[0], list) else titles)]
    return [each for each in told if "Lists the Python environments" in each]


def replace_shell(box: Box, container: Container, text: str) -> None:
    """Another /bin/sh for a container."""
    script = '/bin/busybox rm /bin/sh; printf %s "$1" > /bin/sh; /bin/busybox chmod +x /bin/sh'
    box.engine.docker("exec", container.id, "/bin/busybox", "sh", "-c", script, "sh", text)


def test_removed_meanwhile(box: Box) -> None:
    container = box.run(images.BARE, images.make_bare)
    box.engine.docker("rm", "--force", container.id)
    with pytest.raises(NoSuchContainer):
        box.list(container)


def test_twenty_at_once(box: Box) -> None:
    box.image(images.MANY, images.make_many)
    containers = [box.run(images.MANY, images.make_many, f"many-{number}") for number in range(20)]
    told: dict[str, EnvironmentList] = {}
    waiting = list(containers)

    def work() -> None:
        while waiting:
            container = waiting.pop()
            told[container.id] = box.list(container)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(told) == 20
    assert all(len(each.environments) == 10 and each.problem is None for each in told.values())
