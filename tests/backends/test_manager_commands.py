"""What managers are told: always by path and prefix, without a question, and never in an option's place."""

from __future__ import annotations

import dataclasses

import pytest

from tests.backends.manager_rig import CONDA, EXPLICIT, MAMBA, MICROMAMBA, PREFIX, UV, change, file
from tui.backends.conda.manager_commands import FILE, commands_of, plan_commands_of
from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeRefused, FileFault, NoManager

ABSENT = ("test", "!", "-e", PREFIX, "-a", "!", "-L", PREFIX)
PYTHON = f"{PREFIX}/bin/python"
MANAGERS = (CONDA, MAMBA, MICROMAMBA)
VENV, UV_KIND = EnvironmentKind.VENV, EnvironmentKind.UV


def told(asked: EnvironmentChange) -> list[tuple[str, ...]]:
    """Argument lists, without the guard of a new prefix."""
    return [each.argv for each in commands_of(asked) if each.argv[0] != "test"]


@pytest.mark.parametrize("manager", MANAGERS)
def test_create_from_packages(manager: str) -> None:
    asked = change(ChangeVerb.CREATE, manager, packages=("numpy>=2",), python="3.11", channels=("rig",))
    words = ("-p", PREFIX, "-y", "-c", "rig", "python=3.11", "numpy>=2")
    assert [each.argv for each in commands_of(asked)] == [ABSENT, (manager, "create", *words)]


@pytest.mark.parametrize(
    ("manager", "argv"),
    [
        (CONDA, (CONDA, "remove", "-p", PREFIX, "--all", "-y")),
        (MAMBA, (MAMBA, "env", "remove", "-p", PREFIX, "-y")),
        (MICROMAMBA, (MICROMAMBA, "env", "remove", "-p", PREFIX, "-y")),
    ],
)
def test_remove(manager: str, argv: tuple[str, ...]) -> None:
    assert told(change(ChangeVerb.REMOVE, manager)) == [argv]


@pytest.mark.parametrize(
    ("manager", "create", "update"),
    [
        (CONDA, (CONDA, "env", "create", "-p"), (CONDA, "env", "update", "-p")),
        (MAMBA, (MAMBA, "env", "create", "-p"), (MAMBA, "env", "update", "-p")),
        (MICROMAMBA, (MICROMAMBA, "create", "-p"), (MICROMAMBA, "update", "-p")),
    ],
)
def test_a_yml_file_makes_and_updates(manager: str, create: tuple[str, ...], update: tuple[str, ...]) -> None:
    for verb, begin in ((ChangeVerb.CREATE, create), (ChangeVerb.UPDATE, update)):
        (argv,) = told(change(verb, manager, file=file(FileFormat.YML)))
        assert argv[: len(begin) + 1] == (*begin, PREFIX)
        assert argv[-2:] == ("-f", FILE)


def test_env_create_of_conda_is_told_yes_by_a_variable_only() -> None:
    # with -y it removes what is there; older ones do not know the option
    command = commands_of(change(ChangeVerb.CREATE, file=file(FileFormat.YML)))[1]
    assert "-y" not in command.argv
    assert ("CONDA_ALWAYS_YES", "true") in command.environ


@pytest.mark.parametrize("manager", MANAGERS)
def test_an_explicit_list_makes_and_its_pip_lines_follow_without_dependencies(manager: str) -> None:
    asked = change(ChangeVerb.CREATE, manager, file=file(FileFormat.EXPLICIT))
    assert told(asked) == [
        (manager, "create", "-p", PREFIX, "-y", "--file", FILE),
        (PYTHON, "-m", "pip", "install", "--no-deps", "timm==1.0.9"),
    ]
    assert plan_commands_of(asked) == ()


def test_pip_lines_without_a_pip_are_refused() -> None:
    lines = [line for line in EXPLICIT.splitlines() if "pip-24" not in line]
    with pytest.raises(ChangeRefused, match="no pip"):
        commands_of(change(ChangeVerb.CREATE, file=file(FileFormat.EXPLICIT, "\n".join(lines))))


@pytest.mark.parametrize("text", ["name: x\n", "@EXPLICIT\nnumpy=1.0\n", "@EXPLICIT\nhttps://x/y.conda\n"])
def test_what_is_no_explicit_list_is_a_fault_of_the_file(text: str) -> None:
    with pytest.raises(FileFault):
        commands_of(change(ChangeVerb.CREATE, file=file(FileFormat.EXPLICIT, text)))


def test_requirements_make_a_conda_environment_with_pip() -> None:
    asked = change(ChangeVerb.CREATE, python="3.11", file=file(FileFormat.REQUIREMENTS))
    assert told(asked) == [
        (CONDA, "create", "-p", PREFIX, "-y", "python=3.11", "pip"),
        (PYTHON, "-m", "pip", "install", "-r", FILE),
    ]


@pytest.mark.parametrize("manager", MANAGERS)
def test_clone_and_rename(manager: str) -> None:
    clone = (manager, "create", "-p", PREFIX, "--clone", "/opt/conda/envs/old", "-y")
    assert told(change(ChangeVerb.CLONE, manager, source_prefix="/opt/conda/envs/old")) == [clone]
    renamed = change(ChangeVerb.RENAME, manager, new_prefix="/opt/conda/envs/other")
    first, compared, last = told(renamed)
    assert compared[3:] == ("compare", PREFIX, "/opt/conda/envs/other")
    assert first == (manager, "create", "-p", "/opt/conda/envs/other", "--clone", PREFIX, "-y")
    assert last == told(change(ChangeVerb.REMOVE, manager))[0]


@pytest.mark.parametrize("inside", [f"{PREFIX}/b", f"{PREFIX}//envs/b", PREFIX])
def test_nothing_is_moved_into_itself(inside: str) -> None:
    with pytest.raises(ChangeRefused):
        commands_of(change(ChangeVerb.RENAME, new_prefix=inside))


def test_a_clone_by_a_list_needs_no_clone_of_the_manager() -> None:
    asked = change(ChangeVerb.CLONE, MICROMAMBA, source_prefix="/opt/old", file=file(FileFormat.EXPLICIT))
    assert told(asked)[0] == (MICROMAMBA, "create", "-p", PREFIX, "-y", "--file", FILE)


def test_packages_of_pip_follow_those_of_conda() -> None:
    assert told(change(ChangeVerb.CREATE, packages=("numpy",), pip_packages=("timm",))) == [
        (CONDA, "create", "-p", PREFIX, "-y", "numpy", "pip"),
        (PYTHON, "-m", "pip", "install", "timm"),
    ]
    assert told(change(ChangeVerb.INSTALL, pip_packages=("timm",))) == [
        (PYTHON, "-m", "pip", "install", "timm")
    ]
    assert told(change(ChangeVerb.UNINSTALL, packages=("numpy",), pip_packages=("timm",))) == [
        (PYTHON, "-m", "pip", "uninstall", "-y", "timm"),
        (CONDA, "remove", "-p", PREFIX, "-y", "numpy"),
    ]


@pytest.mark.parametrize(
    ("manager", "packages", "words"),
    [
        (CONDA, (), ("update", "-p", PREFIX, "-y", "--all")),
        (CONDA, ("numpy",), ("update", "-p", PREFIX, "-y", "numpy")),
        # `conda update` takes no versions
        (CONDA, ("numpy", "scipy>=1"), ("install", "-p", PREFIX, "-y", "numpy", "scipy>=1")),
        (MICROMAMBA, ("scipy>=1",), ("update", "-p", PREFIX, "-y", "scipy>=1")),
    ],
)
def test_update(manager: str, packages: tuple[str, ...], words: tuple[str, ...]) -> None:
    assert told(change(ChangeVerb.UPDATE, manager, packages=packages)) == [(manager, *words)]


def test_clean() -> None:
    assert told(change(ChangeVerb.CLEAN)) == [(CONDA, "clean", "--all", "-y")]
    assert told(change(ChangeVerb.CLEAN, MICROMAMBA)) == [(MICROMAMBA, "clean", "-a", "-y")]
    assert plan_commands_of(change(ChangeVerb.CLEAN))[0].argv == (
        CONDA, "clean", "--all", "--dry-run", "--json",
    )  # fmt: skip


def test_a_yml_file_is_planned_from_its_lines() -> None:
    (command,) = plan_commands_of(change(ChangeVerb.CREATE, file=file(FileFormat.YML)))
    assert command.argv == (
        CONDA, "create", "-p", PREFIX, "-y", "--dry-run", "--json",
        "-c", "conda-forge", "--override-channels", "python=3.11", "numpy >=1.26,<3", "pip",
    )  # fmt: skip


def test_a_venv() -> None:
    made = (
        "/usr/bin/python3.11", "-m", "venv", PREFIX,
    )  # fmt: skip
    asked = change(ChangeVerb.CREATE, "", VENV, python="/usr/bin/python3.11", packages=("timm",))
    assert told(asked) == [made, (PYTHON, "-m", "pip", "install", "timm")]
    assert told(change(ChangeVerb.CREATE, "", VENV)) == [("python3", "-m", "venv", PREFIX)]
    assert told(change(ChangeVerb.CREATE, "", VENV, python="3.12")) == [("python3.12", "-m", "venv", PREFIX)]
    assert told(change(ChangeVerb.UPDATE, "", VENV, packages=("timm",))) == [
        (PYTHON, "-m", "pip", "install", "--upgrade", "timm")
    ]
    assert told(change(ChangeVerb.UNINSTALL, "", VENV, packages=("timm",))) == [
        (PYTHON, "-m", "pip", "uninstall", "-y", "timm")
    ]
    assert told(change(ChangeVerb.REMOVE, "", VENV)) == [("rm", "-rf", "--", PREFIX)]
    cloned = change(
        ChangeVerb.CLONE, "", VENV, source_prefix="/venvs/old", file=file(FileFormat.REQUIREMENTS)
    )
    assert told(cloned) == [
        ("/venvs/old/bin/python", "-m", "venv", PREFIX),
        (PYTHON, "-m", "pip", "install", "--no-deps", "-r", FILE),
    ]


def test_uv() -> None:
    asked = change(ChangeVerb.CREATE, UV, UV_KIND, python="3.12", packages=("timm",))
    assert told(asked) == [
        (UV, "venv", "--python", "3.12", PREFIX),
        (UV, "pip", "install", "--python", PYTHON, "timm"),
    ]
    (plan,) = plan_commands_of(change(ChangeVerb.INSTALL, UV, UV_KIND, packages=("timm",)))
    assert plan.argv == (UV, "pip", "install", "--python", PYTHON, "--dry-run", "timm")
    with pytest.raises(NoManager, match="uv is not in the container"):
        commands_of(change(ChangeVerb.INSTALL, "", UV_KIND, packages=("timm",)))


def test_what_a_manager_does_not_know_is_removed_as_a_folder() -> None:
    for kind in (EnvironmentKind.CONDA, EnvironmentKind.PIXI):
        assert told(change(ChangeVerb.REMOVE, "", kind)) == [("rm", "-rf", "--", PREFIX)]


@pytest.mark.parametrize("verb", [ChangeVerb.REMOVE, ChangeVerb.RENAME])
@pytest.mark.parametrize("manager", [*MANAGERS, ""])
def test_an_installation_is_never_removed(verb: ChangeVerb, manager: str) -> None:
    for prefix, kind in (("/opt/conda/", EnvironmentKind.CONDA), ("/elsewhere", EnvironmentKind.BASE)):
        with pytest.raises(ChangeRefused, match="base"):
            commands_of(change(verb, manager, kind, prefix=prefix, new_prefix="/x"))


@pytest.mark.parametrize("prefix", ["/opt", "/usr", "/home/", "/root", "/etc"])
def test_a_folder_of_the_system_or_around_an_installation_is_never_removed(prefix: str) -> None:
    for kind in (EnvironmentKind.CONDA, VENV):
        with pytest.raises(ChangeRefused):
            commands_of(change(ChangeVerb.REMOVE, "", kind, prefix=prefix, root_prefix=""))
    with pytest.raises(ChangeRefused):
        commands_of(change(ChangeVerb.REMOVE, CONDA, prefix="/srv/tools", root_prefix="/srv/tools/conda"))


@pytest.mark.parametrize("prefix", ["/", "//", "", "envs/x", "/opt/../x", "/opt/./x", "/opt/a\0b"])
def test_a_folder_that_is_no_prefix_is_never_removed(prefix: str) -> None:
    for manager in ("", CONDA):
        with pytest.raises(ChangeRefused):
            commands_of(change(ChangeVerb.REMOVE, manager, prefix=prefix, root_prefix=""))


HOSTILE = ["-y", "--index-url=http://evil", " -e.", "", " ", "numpy\n--all", "numpy\x1b[2J", "nu\udc80mpy"]


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("kind", [EnvironmentKind.CONDA, VENV])
@pytest.mark.parametrize(
    "verb", [ChangeVerb.CREATE, ChangeVerb.INSTALL, ChangeVerb.UPDATE, ChangeVerb.UNINSTALL]
)
def test_a_word_that_would_be_an_option_is_refused(
    verb: ChangeVerb, kind: EnvironmentKind, word: str
) -> None:
    manager = CONDA if kind is EnvironmentKind.CONDA else ""
    for field in ("packages", "pip_packages"):
        asked = change(verb, manager, kind, **{field: ("numpy", word)})
        for function in (commands_of, plan_commands_of):
            with pytest.raises(ChangeRefused):
                function(asked)


@pytest.mark.parametrize("word", HOSTILE)
def test_no_other_word_becomes_an_option(word: str) -> None:
    for asked in (
        change(ChangeVerb.CREATE, channels=(word,)),
        change(ChangeVerb.CREATE, UV, UV_KIND, python=word or "-"),
        change(ChangeVerb.CREATE, "", VENV, python=word or "-"),
    ):
        with pytest.raises(ChangeRefused):
            commands_of(asked)


def test_pip_lines_of_a_list_and_lines_of_a_yml_are_no_options_either() -> None:
    text = EXPLICIT + "# pip: --index-url=http://evil\n"
    with pytest.raises(ChangeRefused):
        commands_of(change(ChangeVerb.CREATE, file=file(FileFormat.EXPLICIT, text)))
    yml = "dependencies:\n  - --offline\n"
    with pytest.raises(ChangeRefused):
        plan_commands_of(change(ChangeVerb.CREATE, file=file(FileFormat.YML, yml)))


@pytest.mark.parametrize("name", ["with space", "qu'ote\"", "$HOME", "new\nline", "环境", "[bold]"])
def test_any_prefix_is_one_argument(name: str) -> None:
    prefix = f"/opt/conda/envs/{name}"
    for manager in MANAGERS:
        for command in commands_of(change(ChangeVerb.CREATE, manager, prefix=prefix)):
            assert prefix in command.argv


@pytest.mark.parametrize(
    "asked",
    [
        change(ChangeVerb.CREATE, file=file(FileFormat.YML), packages=("numpy",)),
        change(ChangeVerb.CREATE, file=file(FileFormat.YML), channels=("rig",)),
        change(ChangeVerb.CREATE, file=file(FileFormat.EXPLICIT), python="3.11"),
        change(ChangeVerb.UPDATE, file=file(FileFormat.EXPLICIT)),
        change(ChangeVerb.INSTALL),
        change(ChangeVerb.UNINSTALL),
        change(ChangeVerb.INSTALL, kind=EnvironmentKind.SYSTEM, packages=("numpy",)),
        change(ChangeVerb.CREATE, "", VENV, file=file(FileFormat.YML)),
        change(ChangeVerb.CREATE, "", VENV, channels=("rig",)),
        change(ChangeVerb.UPDATE, "", VENV),
        change(ChangeVerb.RENAME, "", VENV, new_prefix="/x"),
        change(ChangeVerb.CLEAN, "", VENV),
        change(ChangeVerb.CLONE, "", VENV, source_prefix="/x"),
        change(ChangeVerb.CLONE, source_prefix=""),
    ],
)
def test_what_can_not_be_done_is_refused_with_words(asked: EnvironmentChange) -> None:
    with pytest.raises(ChangeRefused) as caught:
        commands_of(asked)
    assert caught.value.title and (caught.value.detail or caught.value.hint or " " in caught.value.title)


@pytest.mark.parametrize("manager", ["", "/usr/bin/pixi", "/bin/sh"])
def test_an_unknown_manager_makes_nothing(manager: str) -> None:
    with pytest.raises(NoManager):
        commands_of(change(ChangeVerb.CREATE, manager))


def test_every_program_is_bound_to_its_environment() -> None:
    """No command asks anybody, reads a user's packages, or leaves the prefix."""
    asked = [
        dataclasses.replace(change(verb, manager, kind), packages=("numpy",), python="3.11")
        for verb in (ChangeVerb.CREATE, ChangeVerb.INSTALL, ChangeVerb.UPDATE, ChangeVerb.UNINSTALL)
        for manager, kind in (
            (CONDA, EnvironmentKind.CONDA),
            (MICROMAMBA, EnvironmentKind.CONDA),
            ("", VENV),
            (UV, UV_KIND),
        )
    ]
    for each in asked:
        for command in (*commands_of(each), *plan_commands_of(each)):
            if command.argv[0] == "test":
                continue
            assert ("PYTHONNOUSERSITE", "1") in command.environ
            assert ("TERM", "dumb") in command.environ
            names = [name for name, _ in command.environ]
            assert len(names) == len(set(names))
            assert any(word.startswith(PREFIX) for word in command.argv)


def test_mamba_and_micromamba_know_their_root() -> None:
    for manager in (MAMBA, MICROMAMBA):
        command = commands_of(change(ChangeVerb.REMOVE, manager))[0]
        assert ("MAMBA_ROOT_PREFIX", "/opt/conda") in command.environ
