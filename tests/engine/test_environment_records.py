"""The whole records of real environments, and files made of them that make the same environment again."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from tests.engine import environment_images as images
from tests.engine.boxes import Box
from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import SITE, Tree
from tests.rig.engine import PrivateEngine
from tests.rig.tree_images import import_tree
from tui.backends.conda.environment_file import read_environment_file
from tui.backends.conda.environments import ContainerRecords
from tui.backends.conda.requirements import parse_pip
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.cli import main
from tui.model.changes import FileFormat
from tui.model.comparison import Side, compare, of_file, of_lock, of_packages, of_record
from tui.model.containers import Container
from tui.model.environment_records import EnvironmentRecord
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import EngineRefused, NoSuchContainer
from tui.model.exports import Export, ExportFormat, export
from tui.model.locks import Lock, read_lock

IMAGE = "envtui-records:1"
ENVS = "/opt/conda/envs"
VISION = f"{ENVS}/vision"
CHANNEL = "https://conda.example/conda-forge"
HISTORY = (
    "==> 2026-03-01 10:00:00 <==\n# cmd: /opt/conda/bin/conda create -n vision pytorch\n"
    "# conda version: 24.11.3\n# update specs: ['pytorch=2.3', 'pyyaml']\n"
    "==> 2026-03-02 10:00:00 <==\n# cmd: conda install\n# update specs: ['python=3.11', 'pip']\n"
    "==> 2026-03-03 10:00:00 <==\n# cmd: conda remove\n# remove specs: ['pip', 'pyyaml']\n"
)


def make_recorded(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """Environments with histories, pins, variables and pip's dists of every kind."""
    tree = Tree(folder, channel)
    tree.conda("/opt/conda", ["python", "conda"])
    tree.conda(VISION, ["python", "pytorch"], {"timm": "1.0.9"})
    for below in ("conda-meta", SITE):
        tree.write(f"{VISION}/{below}/a-large-file-before-all-others", os.urandom(300_000))
    tree.write(f"{VISION}/conda-meta/history", HISTORY)
    tree.write(f"{VISION}/conda-meta/pinned", "# why\nnumpy <2\n\npython 3.11.*  # too\n")
    state = {"version": 1, "env_vars": {"OMP_NUM_THREADS": "4", "GONE": "***unset***"}}
    tree.write(f"{VISION}/conda-meta/state", json.dumps(state))
    tree.conda(f"{ENVS}/asked", ["python", "numpy=2.1"], {"einops": "0.8.0"})
    _pip(tree, f"{ENVS}/odd", "editable", {"url": "file:///work/lib", "dir_info": {"editable": True}})
    vcs = {"vcs": "git", "requested_revision": "main", "commit_id": "4f2a" * 10}
    _pip(tree, f"{ENVS}/odd", "tools", {"url": "https://git.example/t.git", "vcs_info": vcs})
    _pip(tree, f"{ENVS}/odd", "local", {"url": "file:///tmp/local-1.0.whl", "archive_info": {}})
    _pip(tree, f"{ENVS}/odd", "broken", "{")
    tree.write(f"{ENVS}/odd/{SITE}/old.egg-link", "/work/old\n.\n")
    tree.write(f"{ENVS}/odd/{SITE}/~alf-1.dist-info/METADATA", "Name: half\nVersion: 1\n")
    evil = "Metadata-Version: 2.1\nName: evil\nVersion: 1\x1b[31m;--index-url\n\nName: other\n"
    tree.write(f"{ENVS}/odd/{SITE}/evil-1.dist-info/METADATA", evil)
    os.mkfifo(tree.real(f"{ENVS}/odd/{SITE}/evil-1.dist-info/direct_url.json"))
    tree.conda(f"{ENVS}/odd", ["python", "numpy=1.26"], {"numpy": "2.2.0"})
    tree.conda(f"{ENVS}/broken", ["python", "numpy=1.26"])
    next(tree.real(f"{ENVS}/broken/conda-meta").glob("numpy-*.json")).write_text('{"name": "nu')
    os.mkfifo(tree.real(f"{ENVS}/broken/conda-meta/some-1.0-0.json"))
    tree.write(f"{ENVS}/broken/conda-meta/list-1.0-0.json", "[]")
    for name in images.HOSTILE_NAMES:
        tree.conda(f"{ENVS}/{name}", ["libshared"])
    return import_tree(engine, tree, IMAGE, ("ENV CONDA_DIR=/opt/conda",))


def _pip(tree: Tree, prefix: str, name: str, url: object) -> None:
    tree.pip(prefix, name, "1.0")
    told = url if isinstance(url, str) else json.dumps(url)
    tree.write(f"{prefix}/{SITE}/{name}-1.0.dist-info/direct_url.json", told)


class Records:
    """A container with those environments."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self.backend = ContainerRecords(DockerEngine(find(box.engine.host, {})))
        self.container = box.run(IMAGE, make_recorded)

    def environment(self, prefix: str) -> Environment:
        found = self.box.list(self.container).environments
        return next(each for each in found if each.prefix == prefix)

    def of(self, prefix: str, ask_inside: bool = True) -> EnvironmentRecord:
        return self.backend.records(self.container, self.environment(prefix), ask_inside)


@pytest.fixture
def records(box: Box) -> Records:
    return Records(box)


def side(text: str) -> Side:
    if "dependencies:" in text:
        return of_file("file", read_environment_file(text))
    lock = read_lock(text)
    return of_lock("file", lock, [parse_pip(each) for each in lock.pip])


def test_everything_that_is_written_down(records: Records) -> None:
    before = records.box.changes(records.container)

    told = records.of(VISION)

    assert (told.name, told.prefix, told.kind) == ("vision", VISION, EnvironmentKind.CONDA)
    torch = next(each for each in told.conda if each.name == "pytorch")
    assert (torch.version, torch.build) == ("2.3.1", "py3.11_cuda12.1_cudnn8.9.2_0")
    assert (torch.channel, torch.subdir, torch.requested_spec) == (CHANNEL, "linux-64", "pytorch")
    assert torch.url == f"{CHANNEL}/linux-64/pytorch-2.3.1-py3.11_cuda12.1_cudnn8.9.2_0.conda"
    assert len(torch.md5) == 32 and len(torch.sha256) == 64 and torch.size_bytes
    assert [each.name for each in told.conda if each.requested_spec] == ["python", "pytorch"]
    # the dist-infos of numpy and the egg of torch are conda's
    assert [(each.name, each.version, each.is_requested) for each in told.pip] == [("timm", "1.0.9", True)]
    assert told.history_specs == ("pytorch=2.3", "python=3.11")
    assert (told.channels, told.python) == ((CHANNEL,), "3.11.9")
    assert told.variables == (("OMP_NUM_THREADS", "4"),)
    assert told.pins == ("numpy <2", "python 3.11.*")
    assert told.problems == ()
    assert records.box.changes(records.container) == before


@pytest.mark.parametrize("prefix", [VISION, f"{ENVS}/odd", f"{ENVS}/broken"])
def test_the_same_without_a_command_and_stopped(records: Records, prefix: str) -> None:
    environment = records.environment(prefix)
    inside = records.of(prefix)
    assert records.backend.records(records.container, environment, ask_inside=False) == inside
    records.box.engine.docker("stop", "-t", "0", records.container.id)
    stopped = records.box.container("training")
    assert not stopped.is_alive
    assert records.backend.records(stopped, environment) == inside


def test_dists_of_every_kind(records: Records) -> None:
    told = records.of(f"{ENVS}/odd")
    found = {each.name: each for each in told.pip}
    assert set(found) == {"broken", "editable", "evil", "local", "numpy", "old", "tools"}
    assert found["editable"].editable == "/work/lib" and found["old"].editable == "/work/old"
    assert found["tools"].url == f"git+https://git.example/t.git@{'4f2a' * 10}"
    assert found["local"].url == "file:///tmp/local-1.0.whl"
    assert found["broken"].url == found["evil"].url == ""
    assert found["evil"].version.startswith("1\x1b") and found["evil"].is_requested is False
    # conda's own and what pip put over it
    assert [each.version for each in told.conda if each.name == "numpy"] == ["1.26.4"]
    assert found["numpy"].version == "2.2.0"
    exported = export(told, ExportFormat.YML)
    carried = yaml.safe_load(exported.text)["dependencies"][-1]["pip"]
    assert carried == ["broken==1.0", "numpy==2.2.0", f"tools @ {found['tools'].url}"]
    assert [each.partition(" ")[0] for each in exported.cannot_be_carried] == [
        "editable", "evil", "local", "old",
    ]  # fmt: skip


def test_broken_records_are_told_and_what_their_names_say_is_known(records: Records) -> None:
    told = records.of(f"{ENVS}/broken")
    assert {each.name for each in told.conda} == {"list", "numpy", "python", "some"}
    assert sorted(each.split()[3] for each in told.problems) == ["list", "numpy", "some"]
    exported = export(told, ExportFormat.EXPLICIT)
    assert [each.name for each in read_lock(exported.text).conda] == ["python"]
    assert any("numpy 1.26.4: its record holds no address" in each for each in exported.cannot_be_carried)


@pytest.mark.parametrize("most", [1, 2000, 290_000])
def test_what_is_too_large_to_be_sent_is_told(
    records: Records, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    environment = records.environment(VISION)
    whole = records.of(VISION)
    monkeypatch.setattr("tui.backends.conda.records._MOST_RECORD_BYTES", most)
    monkeypatch.setattr("tui.backends.conda.records._MOST_SITE_BYTES", most)
    inside = records.of(VISION)
    # a command has named them
    assert [(each.name, each.version) for each in inside.conda] == [
        (each.name, each.version) for each in whole.conda
    ]
    assert len(inside.problems) == 1 and "not all of it was read" in inside.problems[0]
    archived = records.backend.records(records.container, environment, ask_inside=False)
    assert "not all of it was read" in archived.problems[0]
    assert "not all packages of pip are known" in archived.problems[1]


def test_the_command_line(records: Records, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def run(*arguments: str) -> tuple[int, str, str]:
        environ = {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}
        code = main(["env", *arguments, "--host", records.box.engine.host], environ)
        said = capsys.readouterr()
        return code, said.out, said.err

    for format in ExportFormat:
        file = tmp_path / f"{format}.out"
        code, out, _ = run("export", "training/vision", "--format", format.value, "--output", str(file))
        assert (code, out) == (0, "")
        assert run("diff", str(file), f"training/{VISION}") == (0, "", "")
        assert run("diff", str(file), "training/vision", "--read-only")[0] == 0
    code, out, _ = run("diff", "training/asked", "training/vision")
    assert code == 1 and out.splitlines()[1].split()[:2] == ["pytorch", "added"]
    assert run("diff", "training/nosuch", "training/vision")[0] == 2


def test_hostile_names(records: Records) -> None:
    for name in images.HOSTILE_NAMES:
        told = records.of(f"{ENVS}/{name}")
        assert (told.name, [each.name for each in told.conda]) == (name, ["libshared"])
        for format in ExportFormat:
            assert compare(of_record("a", told), side(export(told, format).text)).are_equal


def test_without_a_shell(box: Box) -> None:
    container = box.run(images.SHELLLESS, images.make_shellless)
    backend = ContainerRecords(DockerEngine(find(box.engine.host, {})))
    served = next(each for each in box.list(container).environments if each.name == "served")
    told = backend.records(container, served)
    assert told.problems == () and {"python", "pytorch", "numpy"} <= {each.name for each in told.conda}
    assert told.pip == ()


def test_what_is_gone(records: Records) -> None:
    environment = records.environment(f"{ENVS}/asked")
    records.box.engine.docker("exec", records.container.id, "rm", "-rf", environment.prefix)
    with pytest.raises(EngineRefused, match="The environment is gone"):
        records.backend.records(records.container, environment)
    records.box.engine.docker("rm", "-f", records.container.id)
    for ask_inside in (True, False):
        with pytest.raises(NoSuchContainer):
            records.backend.records(records.container, environment, ask_inside)


@pytest.mark.by_default("vision-yml", "asked-history", "vision-explicit")
@pytest.mark.parametrize("format", list(ExportFormat))
@pytest.mark.parametrize("name", ["vision", "asked"])
def test_an_export_is_no_difference_to_its_environment(
    records: Records, format: ExportFormat, name: str
) -> None:
    told = records.of(f"{ENVS}/{name}")
    exported = export(told, format)
    for sides in (
        (of_record("env", told), side(exported.text)),
        (side(exported.text), of_record("env", told)),
    ):
        comparison = compare(*sides)
        assert comparison.are_equal and comparison.same and comparison.unclear == (), comparison
    # and the list of packages that the screen shows says the same
    (listed,) = records.box.environments.packages(records.container, [records.environment(told.prefix)])
    assert compare(of_packages("list", listed), side(exported.text)).are_equal


@pytest.mark.by_default("asked-yml", "vision-history", "asked-explicit")
@pytest.mark.parametrize("format", list(ExportFormat))
@pytest.mark.parametrize("name", ["vision", "asked"])
def test_what_is_made_from_an_export_is_the_same_environment(
    records: Records, channel: CondaChannel, tmp_path: Path, format: ExportFormat, name: str
) -> None:
    told = records.of(f"{ENVS}/{name}")
    exported = export(told, format)
    tree = Tree(tmp_path, channel)
    copy = f"{ENVS}/copy"
    make(tree, copy, exported)
    records.box.engine.docker("cp", str(tree.real(copy)), f"{records.container.id}:{copy}")

    comparison = compare(of_record("left", told), of_record("right", records.of(copy)))

    assert comparison.are_equal and comparison.same >= 3, comparison
    assert compare(side(exported.text), of_record("right", records.of(copy))).are_equal


def make(tree: Tree, prefix: str, exported: Export) -> None:
    """What a manager does with a file, by py-rattler and from the local channel."""
    if exported.file_format is FileFormat.YML:
        file = read_environment_file(exported.text)
        specs = [each.text.rpartition("::")[2] for each in file.dependencies if each.name != "pip"]
        pip = {each.name: each.version.removeprefix("==") for each in file.pip or ()}
    else:
        lock: Lock = read_lock(exported.text)
        # the address is that of the channel, and the hash that of the file
        assert all(each.url.startswith(f"{CHANNEL}/linux-64/") and each.md5 for each in lock.conda)
        specs = [
            f"{each.name}[version='=={each.version}',build='{each.build}',md5='{each.md5}']"
            for each in lock.conda
        ]
        pip = dict(each.split("==") for each in lock.pip)
    tree.conda(prefix, specs, pip)


@pytest.mark.skipif(not images.has_python(), reason="no Debian Python 3.11 here to be packed")
class TestOfPython:
    """venv and uv for real; uv installs wheels that are made here."""

    def test_venv_uv_and_the_systems_python(self, box: Box, tmp_path: Path) -> None:
        uv = images.find_uv()
        if uv is None:
            pytest.skip("no uv here")
        container = box.run(images.PYTHON, images.make_python)
        _inside(box, container, "python3", "-m", "venv", "--without-pip", "/work/.venv")
        _inside(box, container, "uv", "venv", "--offline", "--python", "/usr/bin/python3", "/app/.venv")
        _put_projects(box, container, tmp_path)
        install = ("uv", "pip", "install", "--offline", "--no-index", "--find-links", "/wheels", "--python")
        for prefix in ("/work/.venv", "/app/.venv"):
            _inside(
                box, container, *install, f"{prefix}/bin/python", "top", "/wheels/local-3.0-py3-none-any.whl"
            )
            _inside(box, container, *install, f"{prefix}/bin/python", "--editable", "/work/lib")
        backend = ContainerRecords(DockerEngine(find(box.engine.host, {})))
        found = {each.prefix: each for each in box.list(container).environments}

        venv, of_uv = (backend.records(container, found[each]) for each in ("/work/.venv", "/app/.venv"))

        assert (venv.kind, of_uv.kind) == (EnvironmentKind.VENV, EnvironmentKind.UV)
        assert compare(of_record("venv", venv), of_record("uv", of_uv)).are_equal
        told = {each.name: each for each in venv.pip}
        # uv marks all as asked for
        assert {name: each.is_requested for name, each in told.items()} == dict.fromkeys(
            ("below", "lib", "local", "top")
        )
        assert told["lib"].editable == "/work/lib"
        assert told["local"].url == "file:///wheels/local-3.0-py3-none-any.whl"
        assert venv.conda == () and (venv.python or "").startswith("3.11.")
        assert backend.records(container, found["/work/.venv"], ask_inside=False) == venv
        exported = export(venv, ExportFormat.YML)
        assert read_lock(exported.text).pip == ("below==2.0", "top==1.0")
        asked = export(venv, ExportFormat.HISTORY)
        assert read_lock(asked.text).pip == ("below==2.0", "top==1.0") and len(asked.notes) == 2
        assert [each.partition(" ")[0] for each in exported.cannot_be_carried] == ["lib", "local"]

        # what is made from the file is the same, but for what it says it could not carry
        _inside(box, container, "python3", "-m", "venv", "--without-pip", "/made")
        (tmp_path / "requirements.txt").write_text(exported.text)
        box.engine.docker("cp", str(tmp_path / "requirements.txt"), f"{container.id}:/requirements.txt")
        _inside(box, container, *install, "/made/bin/python", "-r", "/requirements.txt")
        made = Environment(
            container.id, "/made", "", EnvironmentKind.VENV, python=found["/work/.venv"].python
        )
        again = compare(of_record("venv", venv), of_record("made", backend.records(container, made)))
        assert {each.name for each in again.differences} == {"lib", "local"} and again.same == 3
        assert compare(side(exported.text), of_record("made", backend.records(container, made))).are_equal

        system = backend.records(container, found["/usr"])
        assert [each.name for each in system.pip] == ["einops"]
        assert "1 packages of the distribution" in system.problems[0]


def _inside(box: Box, container: Container, *argv: str) -> None:
    box.engine.docker("exec", container.id, *argv)


def _put_projects(box: Box, container: Container, folder: Path) -> None:
    """Wheels, and a project with its own build backend, as nothing can be downloaded."""
    wheels = folder / "wheels"
    wheels.mkdir()
    for name, version, needs in (("top", "1.0", "below"), ("below", "2.0", ""), ("local", "3.0", "")):
        (wheels / f"{name}-{version}-py3-none-any.whl").write_bytes(_wheel(name, version, needs))
    project = folder / "lib"
    project.mkdir()
    (project / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
        '[project]\nname = "lib"\nversion = "0.1"\n'
    )
    (project / "editable.whl").write_bytes(_wheel("lib", "0.1", "", {"lib.pth": "/work/lib\n"}))
    (project / "own.py").write_text(
        "import shutil\n"
        "def build_editable(folder, config_settings=None, metadata_directory=None):\n"
        "    shutil.copy('editable.whl', folder + '/lib-0.1-py3-none-any.whl')\n"
        "    return 'lib-0.1-py3-none-any.whl'\n"
        "build_wheel = build_editable\n"
    )
    box.engine.docker("cp", str(wheels), f"{container.id}:/wheels")
    box.engine.docker("cp", str(project), f"{container.id}:/work/lib")


def _wheel(name: str, version: str, needs: str, files: Mapping[str, str] | None = None) -> bytes:
    info = f"{name}-{version}.dist-info"
    requires = f"Requires-Dist: {needs}\n" if needs else ""
    contents = {
        **(files or {f"{name}.py": ""}),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: rig\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*contents, f"{info}/RECORD"))
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for path, text in (*contents.items(), (f"{info}/RECORD", record)):
            archive.writestr(path, text)
    return memory.getvalue()
