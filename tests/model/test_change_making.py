"""Changes made from what somebody chose and typed."""

from __future__ import annotations

import pytest

from tests.monitor.environments import make_environment
from tui.model.change_making import (
    change_of,
    clone_of,
    format_of,
    name_complaint,
    packages_complaint,
    renamed_prefix,
    words_of,
)
from tui.model.changes import ChangeVerb, EnvironmentChange, FileFormat
from tui.model.environments import EnvironmentKind

VISION = make_environment(
    prefix="/opt/conda/envs/vision", name="vision", kind=EnvironmentKind.CONDA,
    manager="/opt/conda/bin/conda", root_prefix="/opt/conda",
)  # fmt: skip
VENV = make_environment(prefix="/w/.venv", name="", kind=EnvironmentKind.VENV)


def test_a_change_names_who_owns_the_environment() -> None:
    change = change_of(ChangeVerb.INSTALL, VISION, "box", packages=["numpy"])
    assert (change.container_id, change.container_name, change.prefix) == (
        VISION.container_id,
        "box",
        VISION.prefix,
    )
    assert (change.manager, change.root_prefix, change.packages) == (
        "/opt/conda/bin/conda",
        "/opt/conda",
        ("numpy",),
    )


def test_what_is_not_known_stays_open() -> None:
    change = change_of(ChangeVerb.REMOVE, VENV, "box")
    assert (change.manager, change.root_prefix, change.label) == ("", "", "/w/.venv")


def test_a_clone_is_made_by_who_owns_its_source() -> None:
    made = EnvironmentChange(
        ChangeVerb.CREATE,
        VISION.container_id,
        "box",
        "/opt/conda/envs/new",
        EnvironmentKind.CONDA,
        "/bin/micromamba",
    )
    change = clone_of(VISION, made)
    assert (change.verb, change.source_prefix, change.prefix) == (
        ChangeVerb.CLONE, VISION.prefix, "/opt/conda/envs/new",
    )  # fmt: skip
    assert change.manager == "/opt/conda/bin/conda"
    assert clone_of(VENV, made).manager == "/bin/micromamba"


def test_a_clone_of_base_is_no_base() -> None:
    made = change_of(ChangeVerb.CREATE, VISION, "box")
    assert clone_of(make_environment(), made).kind is EnvironmentKind.CONDA


@pytest.mark.parametrize(
    ("name", "expected"), [("sight", "/opt/conda/envs/sight"), ("/data/sight", "/data/sight")]
)
def test_another_name_is_in_the_same_folder(name: str, expected: str) -> None:
    assert renamed_prefix(VISION, name) == expected


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("environment.yml", "", FileFormat.YML),
        ("E.YAML", "numpy", FileFormat.YML),
        ("env", "name: x\ndependencies:\n", FileFormat.YML),
        ("lock.yml", " @EXPLICIT \nhttps://x/a-1-0.conda", FileFormat.EXPLICIT),
        ("requirements.txt", "numpy==2.0\n# dependencies: none", FileFormat.REQUIREMENTS),
        ("", "", FileFormat.REQUIREMENTS),
    ],
)
def test_how_a_file_is_read(name: str, text: str, expected: FileFormat) -> None:
    assert format_of(name, text) is expected


@pytest.mark.parametrize("name", ["a", "seg_分割", "a'b", 'a"b', "$HOME", "a.b-c", "/data/x y", "/data/a:b"])
def test_good_names(name: str) -> None:
    assert name_complaint(name, (VISION,)) is None


@pytest.mark.parametrize(
    "name",
    ["", "  ", "vision", VISION.prefix, VISION.prefix + "\n", "a\nb", "a\x1bb", "a b", "a/b", "a#b",
     "a:b", "-a", ".a", "/", "//", "a\ud800"],
)  # fmt: skip
def test_names_that_can_not_be(name: str) -> None:
    assert name_complaint(name, (VISION,)) is not None


@pytest.mark.parametrize(
    "text", ["", "numpy", "numpy>=2,<3  scipy", "'numpy >=2'", "conda-forge::pytorch=2.9=*cuda*"]
)
def test_good_packages(text: str) -> None:
    assert packages_complaint(text) is None


@pytest.mark.parametrize("text", ["-y", "numpy --force", "'numpy", "numpy\x1b[0m", "''-x"])
def test_packages_that_can_not_be(text: str) -> None:
    assert packages_complaint(text) is not None


def test_at_least_one_where_one_is_needed() -> None:
    assert packages_complaint("  ", needed=True) == "one at least"


def test_words_keep_what_is_in_quotes_together() -> None:
    assert words_of("numpy 'scipy >=1.10' $x") == ("numpy", "scipy >=1.10", "$x")
