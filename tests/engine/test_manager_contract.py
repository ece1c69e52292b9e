"""What managers are told, told to them: stand-ins of conda and micromamba, and real pip and uv."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import pytest

from tests.rig.engine import PrivateEngine, RigError
from tests.rig.manager_image import CONDA, MICROMAMBA, TRAIN, UV, VENV, manager_image, why_unavailable
from tui.backends.conda.manager_commands import (
    FILE,
    Command,
    CommandResult,
    commands_of,
    file_name,
    plan_commands_of,
    read_failure,
    read_plan,
)
from tui.model.changes import ChangePlan, ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.environments import EnvironmentKind, Package

NAME = "contract"
ROOTS = {CONDA: "/opt/conda", MICROMAMBA: "/opt/mamba"}
VENV_KIND, UV_KIND = EnvironmentKind.VENV, EnvironmentKind.UV
_LIST = r"""
import importlib.metadata, sys
for each in importlib.metadata.distributions(path=[sys.argv[1]]):
    print(each.metadata["Name"], each.version, (each.read_text("INSTALLER") or "pip").strip())
"""


class Failed(Exception):
    """A command ended badly."""

    def __init__(self, code: int, log: bytes) -> None:
        super().__init__(log.decode("utf-8", "replace"))
        self.code = code
        self.log = log


class Managers:
    """Carries changes out in one container, as a job would."""

    def __init__(self, engine: PrivateEngine) -> None:
        self._engine = engine

    def shell(self, script: str, *arguments: str) -> str:
        return self._engine.docker("exec", NAME, "sh", "-c", script, "sh", *arguments, timeout=120)

    def has(self, path: str) -> bool:
        return self.shell('test -e "$1" && echo yes || echo no', path).strip() == "yes"

    def run(self, change: EnvironmentChange) -> None:
        """Raises Failed."""
        for command in commands_of(change):
            result = self._run(command, change.file)
            if result.exit_code:
                raise Failed(result.exit_code, result.stdout + result.stderr)

    def plan(self, change: EnvironmentChange, installed: Sequence[Package] = ()) -> ChangePlan:
        results = [self._run(each, change.file) for each in plan_commands_of(change)]
        return read_plan(change, results, installed)

    def packages(self, prefix: str) -> dict[str, Package]:
        """What is there, by name."""
        found: dict[str, Package] = {}
        for line in self.shell('ls "$1/conda-meta" 2>/dev/null || true', prefix).split():
            if line.endswith(".json"):
                name, version, build = line.removesuffix(".json").rsplit("-", 2)
                found[name] = Package(name, version, "conda", build)
        site = f"{prefix}/lib/python3.11/site-packages"
        for line in self.shell('python3 -c "$1" "$2"', _LIST, site).splitlines():
            name, version, owner = line.split()
            if owner != "conda" and name not in found:
                found[name] = Package(name, version, "pip")
        return found

    def _run(self, command: Command, file: SourceFile | None) -> CommandResult:
        path = f"/tmp/{file_name(file)}" if file else ""
        if file:
            self.shell('printf %s "$1" >"$2"', file.text, path)
        argv = [path if word == FILE else word for word in command.argv]
        options = [word for name, value in command.environ for word in ("--env", f"{name}={value}")]
        script = '"$@" >/tmp/out 2>/tmp/err </dev/null; echo $?'
        code = self._engine.docker(
            "exec", *options, NAME, "sh", "-c", script, "sh", *argv, timeout=120
        ).strip()
        return CommandResult(
            int(code), self.shell("cat /tmp/out").encode(), self.shell("cat /tmp/err").encode()
        )


@pytest.fixture(scope="module")
def managers(engine: PrivateEngine) -> Iterator[Managers]:
    reason = why_unavailable()
    if reason is not None:
        pytest.skip(reason)
    engine.recover()
    engine.remove_all()
    engine.run_container(NAME, image=manager_image(engine))
    yield Managers(engine)
    engine.remove_all()


def change(verb: ChangeVerb, manager: str, prefix: str, **fields: object) -> EnvironmentChange:
    told = EnvironmentChange(
        verb, "0" * 64, NAME, prefix, EnvironmentKind.CONDA, manager, ROOTS.get(manager, "")
    )
    return dataclasses.replace(told, **fields)  # type: ignore[arg-type]


def promised(plan: ChangePlan) -> dict[str, str | None]:
    return {each.name: each.new_version for each in plan.packages}


@pytest.mark.by_default("a 'b\" $HOME-/opt/conda/bin/conda", "\\u73af\\u5883-/opt/mamba/bin/micromamba")
@pytest.mark.parametrize("manager", [CONDA, MICROMAMBA])
@pytest.mark.parametrize("name", ["a 'b\" $HOME", "环境"])
def test_the_life_of_an_environment(managers: Managers, manager: str, name: str) -> None:
    prefix = f"{ROOTS[manager]}/envs/{name}"
    asked = change(ChangeVerb.CREATE, manager, prefix, packages=("numpy", "pip"), python="3.11")
    plan = managers.plan(asked)
    assert plan.is_exact and not managers.has(prefix)
    managers.run(asked)
    there = managers.packages(prefix)
    assert {each.name: each.version for each in there.values()} == promised(plan)

    asked = change(ChangeVerb.INSTALL, manager, prefix, packages=("old-vision",))
    plan = managers.plan(asked, list(there.values()))
    assert (plan.packages[0].name, plan.packages[0].old_version) == ("numpy", "2.1.0")
    assert plan.packages[0].is_downgrade
    managers.run(asked)
    there = managers.packages(prefix)
    assert there["numpy"].version == "1.26.4"

    asked = change(ChangeVerb.UNINSTALL, manager, prefix, packages=("numpy",))
    assert promised(managers.plan(asked, list(there.values()))) == {"numpy": None, "old-vision": None}
    managers.run(asked)
    assert "numpy" not in managers.packages(prefix)

    managers.run(change(ChangeVerb.REMOVE, manager, prefix))
    assert not managers.has(prefix)


def test_clone_and_rename_carry_pip_s_packages(managers: Managers) -> None:
    first, second, third = (f"/opt/conda/envs/{name}" for name in ("one", "two", "three"))
    managers.run(change(ChangeVerb.CREATE, CONDA, first, packages=("numpy",), pip_packages=("timm",)))
    managers.run(change(ChangeVerb.CLONE, CONDA, second, source_prefix=first))
    managers.run(change(ChangeVerb.RENAME, CONDA, second, new_prefix=third))
    assert not managers.has(second)
    assert managers.packages(third) == managers.packages(first)


def test_an_old_micromamba_clones_by_a_list(managers: Managers) -> None:
    source, target = "/opt/mamba/envs/lab", "/opt/mamba/envs/cloned"
    asked = change(ChangeVerb.CLONE, MICROMAMBA, target, source_prefix=source)
    with pytest.raises(Failed) as caught:
        managers.run(asked)
    assert read_failure(asked, caught.value.code, caught.value.log).kind == "NoClone"
    assert not managers.has(target)
    text = managers.shell('"$1" list -p "$2" --explicit --md5', MICROMAMBA, source) + "# pip: einops==0.8.0\n"
    listed = dataclasses.replace(asked, file=SourceFile(FileFormat.EXPLICIT, text))
    plan = managers.plan(listed)
    managers.run(listed)
    assert {each.name: each.version for each in managers.packages(target).values()} == promised(plan)


@pytest.mark.parametrize("manager", [CONDA, MICROMAMBA])
def test_files_make_and_update(managers: Managers, manager: str) -> None:
    prefix = f"{ROOTS[manager]}/envs/from-file"
    lines = ("python=3.11", "numpy<2", "pip", "pip: [einops==0.7.0]")
    yml = "channels: [conda-forge]\ndependencies:\n" + "".join(f"  - {line}\n" for line in lines)
    asked = change(ChangeVerb.CREATE, manager, prefix, file=SourceFile(FileFormat.YML, yml, "x.yml"))
    plan = managers.plan(asked)
    assert "einops==0.7.0" in " ".join(plan.notes) and not plan.is_exact
    managers.run(asked)
    there = managers.packages(prefix)
    assert promised(plan).items() <= {each.name: each.version for each in there.values()}.items()
    assert there["einops"].version == "0.7.0"
    newer = SourceFile(FileFormat.YML, yml.replace("numpy<2", "numpy>=2"), "x.yml")
    updated = change(ChangeVerb.UPDATE, manager, prefix, file=newer)
    assert promised(managers.plan(updated, list(there.values())))["numpy"] == "2.1.0"
    managers.run(updated)
    assert managers.packages(prefix)["numpy"].version == "2.1.0"


def test_requirements_make_an_environment_of_conda(managers: Managers) -> None:
    prefix = "/opt/conda/envs/required"
    file = SourceFile(FileFormat.REQUIREMENTS, "einops==0.7.0\n")
    managers.run(change(ChangeVerb.CREATE, CONDA, prefix, python="3.11", file=file))
    assert managers.packages(prefix)["einops"] == Package("einops", "0.7.0", "pip")


@pytest.mark.parametrize("manager", [CONDA, MICROMAMBA])
def test_what_is_there_is_never_made_anew(managers: Managers, manager: str) -> None:
    before = managers.shell('find "$1" -type f | sort', TRAIN)
    for fields in (
        {"packages": ("numpy",)},
        {"file": SourceFile(FileFormat.YML, "dependencies: [python]\n")},
    ):
        asked = change(ChangeVerb.CREATE, manager, TRAIN, **fields)
        with pytest.raises(Failed) as caught:
            managers.run(asked)
        failure = read_failure(asked, caught.value.code, caught.value.log)
        assert failure.title == "Something is there already"
    assert managers.shell('find "$1" -type f | sort', TRAIN) == before


def test_clean_removes_what_it_said(managers: Managers) -> None:
    for manager in (CONDA, MICROMAMBA):
        prefix = f"{ROOTS[manager]}/envs/short"
        managers.run(change(ChangeVerb.CREATE, manager, prefix, packages=("rig-meta",)))
        managers.run(change(ChangeVerb.REMOVE, manager, prefix))
        asked = change(ChangeVerb.CLEAN, manager, ROOTS[manager])
        plan = managers.plan(asked)
        assert f"{ROOTS[manager]}/pkgs/rig-meta-1.0-0" in plan.removes and plan.frees_bytes
        managers.run(asked)
        assert not any(managers.has(path) for path in plan.removes)


@pytest.mark.parametrize(("manager", "kind"), [("", VENV_KIND), (UV, UV_KIND)], ids=["pip", "uv"])
def test_the_life_of_a_venv(managers: Managers, manager: str, kind: EnvironmentKind) -> None:
    prefix = f"/opt/venvs/a '{kind}'"
    managers.run(change(ChangeVerb.CREATE, manager, prefix, kind=kind, packages=("numpy==2.1.0",)))
    there = managers.packages(prefix)
    asked = change(ChangeVerb.INSTALL, manager, prefix, kind=kind, packages=("timm", "old-net"))
    plan = managers.plan(asked, list(there.values()))
    assert plan.packages[0].name == "numpy" and plan.packages[0].is_downgrade
    assert "timm" not in managers.packages(prefix)
    managers.run(asked)
    after = {each.name: each.version for each in managers.packages(prefix).values()}
    assert promised(plan).items() <= after.items()
    managers.run(change(ChangeVerb.UNINSTALL, manager, prefix, kind=kind, packages=("old-net",)))
    managers.run(change(ChangeVerb.UPDATE, manager, prefix, kind=kind, packages=("numpy",)))
    there = managers.packages(prefix)
    assert there["numpy"].version == "2.1.0" and "old-net" not in there
    names = [
        f"{each.name}=={each.version}" for each in there.values() if each.name not in ("pip", "setuptools")
    ]
    file = SourceFile(FileFormat.REQUIREMENTS, "\n".join(names))
    copy = f"{prefix} copy"
    managers.run(change(ChangeVerb.CLONE, manager, copy, kind=kind, source_prefix=prefix, file=file))
    assert managers.packages(copy) == there
    managers.run(change(ChangeVerb.REMOVE, manager, prefix, kind=kind))
    assert not managers.has(prefix) and managers.has(copy)


@pytest.mark.by_default(
    "/opt/conda/bin/conda-packages0-No such package: nosuch",
    "/opt/mamba/bin/micromamba-packages3-These packages do not go together",
)
@pytest.mark.parametrize(
    ("manager", "packages", "title"),
    [
        (CONDA, ("nosuch",), "No such package: nosuch"),
        (MICROMAMBA, ("nosuch",), "No such package: nosuch"),
        (CONDA, ("old-vision", "new-vision"), "These packages do not go together"),
        (MICROMAMBA, ("old-vision", "new-vision"), "These packages do not go together"),
    ],
)
def test_what_can_not_be_is_said_by_plan_and_by_job(
    managers: Managers, manager: str, packages: tuple[str, ...], title: str
) -> None:
    asked = change(ChangeVerb.CREATE, manager, f"{ROOTS[manager]}/envs/never", packages=packages)
    with pytest.raises(Exception, match=title):
        managers.plan(asked)
    with pytest.raises(Failed) as caught:
        managers.run(asked)
    assert read_failure(asked, caught.value.code, caught.value.log).title == title
    assert not managers.has(asked.prefix)


def test_pip_is_bound_to_the_environment_whatever_the_container_says(
    engine: PrivateEngine, managers: Managers
) -> None:
    """A container that sends pip to a user's folder, or elsewhere, is not followed."""
    with pytest.raises(RigError):
        engine.docker("exec", NAME, "test", "-e", "/elsewhere")
    asked = change(ChangeVerb.INSTALL, "", VENV, kind=VENV_KIND, packages=("einops",))
    (command,) = commands_of(asked)
    hostile = {
        "PIP_TARGET": "/elsewhere",
        "PIP_USER": "1",
        "PIP_PREFIX": "/elsewhere",
        "PYTHONPATH": "/elsewhere",
    }
    told = hostile | dict(command.environ)
    options = [word for name, value in told.items() for word in ("--env", f"{name}={value}")]
    engine.docker("exec", *options, NAME, *command.argv, timeout=120)
    assert "einops" in managers.packages(VENV)
    assert not managers.has("/elsewhere") and not managers.has("/root/.local")
