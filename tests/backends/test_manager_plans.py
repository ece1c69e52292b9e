"""What managers say that they would do, on recorded answers of conda, micromamba, pip and uv."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.backends.manager_rig import (
    CONDA,
    MICROMAMBA,
    PREFIX,
    UV,
    change,
    file,
    package,
    recorded,
)
from tui.backends.conda.manager_commands import CommandResult, plan_commands_of, read_plan
from tui.model.changes import ChangePlan, ChangeVerb, FileFormat, PackageChange
from tui.model.environments import EnvironmentKind, Package
from tui.model.errors import ChangeFailed

VENV, UV_KIND = EnvironmentKind.VENV, EnvironmentKind.UV


def answer(actions: object, **told: object) -> CommandResult:
    return CommandResult(0, json.dumps({"success": True, "actions": actions, **told}).encode(), b"")


def link(name: str, version: str, build: str = "0", **told: object) -> dict[str, object]:
    dist = f"{name}-{version}-{build}"
    return {"name": name, "version": version, "build_string": build, "dist_name": dist, **told}


def by_name(plan: ChangePlan) -> dict[str, PackageChange]:
    return {each.name: each for each in plan.packages}


def test_conda_creates() -> None:
    asked = change(ChangeVerb.CREATE, packages=("python=3.10",), prefix="/opt/conda/envs/fd")
    plan = read_plan(asked, [recorded("conda-26.7.1.create_dry.json")], [])
    assert plan.is_exact and plan.fetch_bytes == 0
    assert plan.packages[0].name == "python"
    assert by_name(plan)["openssl"] == PackageChange(
        "openssl", None, "3.5.2", "", "h26f9b46_0", channel="channel", fetch_bytes=0
    )
    assert plan.commands[-1] == (CONDA, "create", "-p", "/opt/conda/envs/fd", "-y", "python=3.10")
    assert plan.removes == ()


def test_what_is_fetched_is_counted_in_both_forms() -> None:
    for manager, name, size in (
        (CONDA, "conda-26.7.1.create_notty.json", 21245624),
        (MICROMAMBA, "micromamba-2.0.5.create.json", 23867500),
    ):
        plan = read_plan(change(ChangeVerb.CREATE, manager, packages=("python",)), [recorded(name)], [])
        assert plan.fetch_bytes == size == by_name(plan)["python"].fetch_bytes
        assert by_name(plan)["tzdata"].fetch_bytes == 0


def test_unlinked_packages_go() -> None:
    asked = change(ChangeVerb.UNINSTALL, packages=("python",))
    plan = read_plan(asked, [recorded("conda-26.7.1.remove.json")], [])
    assert by_name(plan)["rig-lib31"] == PackageChange("rig-lib31", "1.31.0", None, "h003bef1_0")
    assert all(each.new_version is None for each in plan.packages)


def test_old_versions_are_joined_and_downgrades_of_what_matters_stand_first() -> None:
    actions = {
        "FETCH": [link("numpy", "1.26.4", size=100)],
        "LINK": [link("aaa", "1.0"), link("numpy", "1.26.4"), link("zlib", "1.2"), link("mkl", "3.0")],
        "UNLINK": [link("zlib", "1.3", "h1"), link("gone", "2.0")],
    }
    there = [package("numpy", "2.1.0", build="py311_0"), package("mkl", "2.0"), package("numpy", "9", "pip")]
    plan = read_plan(change(ChangeVerb.INSTALL, packages=("aaa",)), [answer(actions)], there)
    assert [each.name for each in plan.packages] == ["numpy", "zlib", "gone", "mkl", "aaa"]
    assert plan.packages[0] == PackageChange(
        "numpy", "2.1.0", "1.26.4", "py311_0", "0", fetch_bytes=100, is_downgrade=True
    )
    assert plan.packages[1].is_downgrade and plan.packages[1].old_build == "h1"
    assert not plan.packages[3].is_downgrade
    assert "numpy goes back from 2.1.0 to 1.26.4" in plan.notes
    assert plan.fetch_bytes == 100


def test_another_python_is_worth_a_word() -> None:
    actions = {"LINK": [link("python", "3.12.1")]}
    plan = read_plan(change(ChangeVerb.UPDATE), [answer(actions)], [package("python", "3.11.9")])
    assert any("3.12 does not see what pip installed for 3.11" in note for note in plan.notes)


def test_nothing_to_do_is_said() -> None:
    told = CommandResult(0, b'{"message": "All requested packages already installed.", "success": true}', b"")
    plan = read_plan(change(ChangeVerb.INSTALL, packages=("numpy",)), [told], [])
    assert plan.packages == () and plan.notes == ("All requested packages already installed.",)


def test_warnings_before_the_answer_do_not_hide_it() -> None:
    whole = recorded("conda-26.7.1.create_dry.json").stdout
    told = CommandResult(0, b"WARNING: a newer {version} exists\n{broken\n" + whole, b"")
    assert len(read_plan(change(ChangeVerb.CREATE), [told], []).packages) == 8


def test_a_package_that_does_not_exist_is_a_failure() -> None:
    asked = change(ChangeVerb.CREATE, packages=("nosuchpkg",))
    with pytest.raises(ChangeFailed) as caught:
        read_plan(asked, [recorded("conda-26.7.1.create_missing.json", 1)], [])
    assert caught.value.title == "No such package: nosuchpkg"
    assert "file:///channel" in caught.value.detail
    assert caught.value.kind == "PackagesNotFoundInChannelsError" and caught.value.exit_code == 1


def test_problems_of_micromamba_are_failures() -> None:
    problem = "package a-1 requires b >=2, but none of the providers can be installed"
    for problems, title in (
        ([problem], "These packages do not go together"),
        (["nothing provides requested nosuch 1.*"], "No such package: nosuch"),
    ):
        stdout = json.dumps({"solver_problems": problems, "success": False}).encode()
        with pytest.raises(ChangeFailed) as caught:
            read_plan(change(ChangeVerb.CREATE, MICROMAMBA), [CommandResult(1, stdout, b"")], [])
        assert caught.value.title == title


def test_an_answer_that_is_no_json_is_a_failure() -> None:
    for stdout in (b"", b"Segmentation fault\n", b"{", b'{"success": tru', b"[1]", b"\xff\xfe{}x"):
        with pytest.raises(ChangeFailed):
            read_plan(change(ChangeVerb.CREATE), [CommandResult(1, stdout, b"oh dear")], [])


HOSTILE: list[object] = [
    None, 3, "x", [], {"LINK": 3}, {"LINK": [3, None, "x", {}]}, {"LINK": [{"name": 3, "version": []}]},
    {"LINK": [{"name": "a", "version": "1", "channel": 7}], "FETCH": {"a": 1}},
    {"UNLINK": [{"dist_name": "a-b"}], "FETCH": [{"size": -1}, {"size": True}]},
]  # fmt: skip


@pytest.mark.parametrize("actions", HOSTILE)
def test_an_answer_of_another_form_breaks_nothing(actions: object) -> None:
    plan = read_plan(change(ChangeVerb.INSTALL, packages=("a",)), [answer(actions)], [package("a", "1")])
    assert isinstance(plan, ChangePlan)


def test_pip_tells_what_it_would_install() -> None:
    asked = change(ChangeVerb.INSTALL, "", VENV, packages=("timm", "old-net"))
    there = [package("numpy", "2.1.0", "pip")]
    plan = read_plan(asked, [recorded("pip-23.0.1.install_dry.json")], there)
    assert plan.is_exact and plan.fetch_bytes is None
    assert [(each.name, each.old_version, each.new_version) for each in plan.packages] == [
        ("numpy", "2.1.0", "1.26.4"), ("einops", None, "0.8.0"), ("old-net", None, "1.0"),
        ("timm", None, "1.0.9"),
    ]  # fmt: skip
    assert plan.packages[0].is_downgrade and plan.packages[0].owner == "pip"


def test_pip_over_conda_is_worth_a_word() -> None:
    asked = change(ChangeVerb.INSTALL, pip_packages=("timm", "old-net"))
    plan = read_plan(asked, [recorded("pip-23.0.1.install_dry.json")], [package("numpy", "2.1.0")])
    assert "pip would put its numpy over conda's: conda does not know of it" in plan.notes


def test_an_old_pip_can_not_tell() -> None:
    stderr = b"\nUsage:\n  pip install [options]\n\nno such option: --dry-run\n"
    asked = change(ChangeVerb.INSTALL, "", VENV, packages=("timm",))
    plan = read_plan(asked, [CommandResult(2, b"", stderr)], [])
    assert not plan.is_exact and "22.2" in plan.notes[0]


def test_uv_tells_what_it_would_install() -> None:
    asked = change(ChangeVerb.INSTALL, UV, UV_KIND, packages=("timm", "old-net"))
    told = CommandResult(0, b"", recorded("uv-0.13.9.install_dry.txt").stdout)
    plan = read_plan(asked, [told], [package("numpy", "2.1.0", "pip")])
    assert [(each.name, each.old_version, each.new_version) for each in plan.packages] == [
        ("numpy", "2.1.0", "1.26.4"), ("einops", None, "0.8.0"), ("old-net", None, "1.0"),
        ("timm", None, "1.0.9"),
    ]  # fmt: skip


def test_lines_of_uv_with_an_origin_and_a_package_that_only_goes() -> None:
    words = b" - gone==1.0\n ~ mine==2.0 (from file:///work/mine)\n + evil==1 ; rm\n"
    asked = change(ChangeVerb.INSTALL, UV, UV_KIND, packages=("mine",))
    plan = read_plan(asked, [CommandResult(0, b"", words)], [package("mine", "2.0", "pip")])
    assert [(each.name, each.old_version, each.new_version) for each in plan.packages] == [
        ("gone", "1.0", None), ("mine", "2.0", "2.0"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("manager", "kind", "name", "title"),
    [
        ("", VENV, "pip-23.0.1.missing.txt", "No such package: nosuch"),
        ("", VENV, "pip-23.0.1.conflict.txt", "These packages do not go together"),
        (UV, UV_KIND, "uv-0.13.9.missing.txt", "No such package: nosuch"),
        (UV, UV_KIND, "uv-0.13.9.conflict.txt", "These packages do not go together"),
        (UV, UV_KIND, "uv-0.13.9.network.txt", "The channel or index can't be reached"),
    ],
)
def test_pip_and_uv_say_why_not(manager: str, kind: EnvironmentKind, name: str, title: str) -> None:
    told = CommandResult(1, b"", recorded(name).stdout)
    with pytest.raises(ChangeFailed) as caught:
        read_plan(change(ChangeVerb.INSTALL, manager, kind, packages=("nosuch",)), [told], [])
    assert caught.value.title == title


def test_clean_of_conda() -> None:
    plan = read_plan(change(ChangeVerb.CLEAN), [recorded("conda-26.7.1.clean_dry.json")], [])
    whole = json.loads(recorded("conda-26.7.1.clean_dry.json").stdout)
    assert plan.frees_bytes == whole["tarballs"]["total_size"] + whole["packages"]["total_size"]
    assert "/opt/conda/pkgs/rig-meta-1.0-0.conda" in plan.removes
    assert "/opt/conda/pkgs/numpy-2.3.2-py312_h0000000_0" in plan.removes


def test_clean_of_micromamba_is_a_table() -> None:
    table = """Collect information..

  Package file                                      Size
─────────────────────────────────────────────────────────
  /opt/mamba/pkgs
─────────────────────────────────────────────────────────
  numpy-2.3.2-py312_h0000000_0.conda                 2kB
─────────────────────────────────────────────────────────
  Total size:                                        2kB

  Package folder                                    Size
─────────────────────────────────────────────────────────
  /opt/mamba/pkgs
─────────────────────────────────────────────────────────
  python-3.12.1-hab00c5b_1_cpython                  80MB
─────────────────────────────────────────────────────────
  Total size:                                     1.5 GB
"""
    plan = read_plan(change(ChangeVerb.CLEAN, MICROMAMBA), [CommandResult(0, table.encode(), b"")], [])
    assert plan.removes == (
        "/opt/mamba/pkgs/numpy-2.3.2-py312_h0000000_0.conda",
        "/opt/mamba/pkgs/python-3.12.1-hab00c5b_1_cpython",
    )
    assert plan.frees_bytes == 1_500_002_000


def there() -> Sequence[Package]:
    return [package("python", "3.11.9"), package("timm", "1.0.9", "pip")]


@pytest.mark.parametrize(("manager", "kind"), [(CONDA, EnvironmentKind.CONDA), ("", VENV)])
def test_a_removal_names_all_that_goes(manager: str, kind: EnvironmentKind) -> None:
    asked = change(ChangeVerb.REMOVE, manager, kind)
    assert plan_commands_of(asked) == ()
    plan = read_plan(asked, [], there())
    assert plan.removes == (PREFIX,) and plan.is_exact
    assert [(each.name, each.old_version, each.new_version) for each in plan.packages] == [
        ("python", "3.11.9", None), ("timm", "1.0.9", None),
    ]  # fmt: skip


def test_a_clone_brings_what_its_source_has() -> None:
    plan = read_plan(change(ChangeVerb.CLONE, source_prefix="/opt/old"), [], there())
    assert [(each.name, each.new_version, each.owner) for each in plan.packages] == [
        ("python", "3.11.9", "conda"), ("timm", "1.0.9", "pip"),
    ]  # fmt: skip
    assert plan.fetch_bytes is None


def test_a_rename_removes_the_old_prefix() -> None:
    plan = read_plan(change(ChangeVerb.RENAME, new_prefix="/opt/conda/envs/z"), [], there())
    assert plan.removes == (PREFIX,)


def test_an_explicit_list_is_its_own_plan() -> None:
    asked = change(ChangeVerb.CREATE, file=file(FileFormat.EXPLICIT, name="lock.txt"))
    plan = read_plan(asked, [], [])
    assert [(each.name, each.new_version, each.channel, each.owner) for each in plan.packages] == [
        ("numpy", "1.26.4", "file:///channel", "conda"), ("python", "3.11.9", "conda-forge", "conda"),
        ("pip", "24.0", "mine", "conda"), ("timm", "1.0.9", "", "pip"),
    ]  # fmt: skip
    assert plan.is_exact
    assert plan.commands[1][-1] == "lock.txt"
    assert "secret" not in repr(plan.packages)


def test_what_pip_brings_along_is_not_known_before() -> None:
    told = recorded("conda-26.7.1.create_dry.json")
    for asked in (
        change(ChangeVerb.CREATE, packages=("python",), pip_packages=("timm",)),
        change(ChangeVerb.CREATE, file=file(FileFormat.YML)),
        change(ChangeVerb.CREATE, file=file(FileFormat.REQUIREMENTS)),
    ):
        plan = read_plan(asked, [told], [])
        assert not plan.is_exact and plan.fetch_bytes is None
        assert any("not known before" in note for note in plan.notes)


def test_a_new_venv_is_not_known_before_unless_it_is_empty() -> None:
    assert read_plan(change(ChangeVerb.CREATE, "", VENV), [], []).is_exact
    assert not read_plan(change(ChangeVerb.CREATE, "", VENV, packages=("timm",)), [], []).is_exact


def test_uninstalling_from_a_venv_looks_at_what_is_there() -> None:
    asked = change(ChangeVerb.UNINSTALL, "", VENV, packages=("Timm",))
    (gone,) = read_plan(asked, [], there()).packages
    assert (gone.old_version, gone.new_version, gone.owner) == ("1.0.9", None, "pip")
    with pytest.raises(ChangeFailed, match="Not installed: nosuch"):
        read_plan(change(ChangeVerb.UNINSTALL, "", VENV, packages=("nosuch",)), [], there())


def test_uninstalling_what_pip_installed_from_an_environment_of_conda() -> None:
    plan = read_plan(change(ChangeVerb.UNINSTALL, pip_packages=("timm",)), [], there())
    assert [(each.name, each.old_version, each.owner) for each in plan.packages] == [("timm", "1.0.9", "pip")]
