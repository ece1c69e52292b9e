"""What is different between environments and files, and what is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model.test_exports import VENV, VISION, conda
from tui.backends.conda.environment_file import read_environment_file
from tui.backends.conda.requirements import parse_pip
from tui.model.comparison import (
    Comparison,
    DifferenceKind,
    PackageDifference,
    Side,
    compare,
    of_file,
    of_lock,
    of_packages,
    of_record,
)
from tui.model.environment_records import EnvironmentRecord, PipRecord
from tui.model.environments import Package
from tui.model.exports import ExportFormat, export
from tui.model.locks import read_lock

PLAIN = replace(VISION, pip=(*VISION.pip[:1], *VISION.pip[2:4]))


def yml(text: str) -> Side:
    return of_file("file", read_environment_file(text))


def lock(text: str) -> Side:
    told = read_lock(text)
    return of_lock("lock", told, [parse_pip(each) for each in told.pip])


def exported(record: EnvironmentRecord, format: ExportFormat) -> Side:
    text = export(record, format).text
    return yml(text) if text and "dependencies:" in text else lock(text)


def packages(*told: tuple[str, str, str]) -> Side:
    return of_packages("env", [Package(name, version, owner) for name, version, owner in told])


def kinds(comparison: Comparison) -> dict[str, DifferenceKind]:
    return {each.name: each.kind for each in comparison.differences}


@pytest.mark.parametrize("format", list(ExportFormat))
@pytest.mark.parametrize("record", [PLAIN, replace(VENV, pip=(VENV.pip[0], VENV.pip[2]))])
def test_an_export_is_no_difference_to_what_it_came_from(
    record: EnvironmentRecord, format: ExportFormat
) -> None:
    for sides in (
        (of_record("a", record), exported(record, format)),
        (exported(record, format), of_record("a", record)),
        (exported(record, format), exported(record, format)),
    ):
        told = compare(*sides)
        assert told.are_equal and told.same > 0, told
        assert told.unclear == told.notes == ()


def test_added_removed_changed_and_moved_with_torch_and_cuda_first() -> None:
    left = packages(
        ("abc", "1", "conda"), ("numpy", "1.26.4", "conda"), ("python", "3.11.9", "conda"),
        ("pytorch", "2.3.1", "conda"), ("cudatoolkit", "11.8", "conda"), ("same", "1.0", "pip"),
        ("tqdm", "4", "pip"),
    )  # fmt: skip
    right = packages(
        ("abc", "2", "conda"), ("numpy", "2.1.0", "conda"), ("python", "3.12.1", "conda"),
        ("torch", "2.9.1+cu128", "pip"), ("nvidia-cudnn-cu12", "9", "pip"), ("same", "1", "pip"),
        ("triton", "3", "pip"),
    )  # fmt: skip
    told = compare(left, right)
    assert [(each.name, each.kind.value) for each in told.differences] == [
        ("pytorch", "moved"), ("triton", "added"), ("cudatoolkit", "removed"), ("nvidia-cudnn-cu12", "added"),
        ("python", "changed"), ("numpy", "changed"), ("abc", "changed"), ("tqdm", "removed"),
    ]  # fmt: skip
    assert told.differences[0] == PackageDifference(
        "pytorch", DifferenceKind.MOVED, "conda", "pip", "2.3.1", "2.9.1+cu128"
    )
    assert told.same == 1 and not told.are_equal


def test_the_same_version_in_another_build_is_a_difference() -> None:
    cpu = replace(VISION, conda=(conda("pytorch", "2.3.1", "cpu_0"),), pip=())
    cuda = replace(VISION, conda=(conda("pytorch", "2.3.1", "cuda_0"),), pip=())
    (told,) = compare(of_record("a", cpu), of_record("b", cuda)).differences
    assert (told.kind, told.left_build, told.right_build) == (DifferenceKind.CHANGED, "cpu_0", "cuda_0")


def test_the_same_version_from_another_place_is_a_difference_that_is_seen() -> None:
    index = replace(VENV, pip=(PipRecord("mylib", "0.1"),))
    editable = replace(VENV, pip=(PipRecord("mylib", "0.1", editable="/work/mylib"),))
    other = replace(VENV, pip=(PipRecord("mylib", "0.1", editable="/work/other"),))
    (one,) = compare(of_record("a", index), of_record("b", editable)).differences
    assert (one.left_version, one.right_version) == ("0.1", "0.1 @ /work/mylib")
    (told,) = compare(of_record("a", other), of_record("b", editable)).differences
    assert (told.left_version, told.right_version) == ("0.1 @ /work/other", "0.1 @ /work/mylib")


def test_names_are_the_same_however_they_are_written() -> None:
    assert compare(packages(("Foo_Bar.baz", "1", "pip")), packages(("foo-bar-baz", "1", "pip"))).are_equal


class TestAFile:
    def test_what_satisfies_it_is_none_and_more_than_it_names_neither(self) -> None:
        asked = yml("dependencies:\n  - python=3.11\n  - numpy>=1.26,<2\n  - pip\n  - pip:\n    - einops\n")
        env = packages(
            ("python", "3.11.9", "conda"), ("numpy", "1.26.4", "conda"), ("openssl", "3", "conda"),
            ("einops", "0.8.0", "pip"),
        )  # fmt: skip
        assert compare(asked, env).are_equal and compare(asked, env).same == 3

    def test_what_does_not_satisfy_it_and_what_is_missing(self) -> None:
        asked = yml("dependencies:\n  - pytorch=2.9\n  - torchvision\n  - numpy>=2\n")
        told = compare(asked, packages(("pytorch", "2.3.1", "conda"), ("numpy", "1.26.4", "conda")))
        assert [(each.name, each.kind.value, each.left_version, each.right_version)
                for each in told.differences] == [
            ("pytorch", "changed", "=2.9", "2.3.1"), ("torchvision", "removed", "*", None),
            ("numpy", "changed", ">=2", "1.26.4"),
        ]  # fmt: skip

    def test_a_wish_of_pip_is_met_by_conda_and_not_the_other_way_round(self) -> None:
        env = packages(("numpy", "1.26.4", "conda"), ("torch", "2.9.1", "pip"))
        told = compare(yml("dependencies:\n  - pytorch\n  - pip:\n    - numpy>=1\n"), env)
        assert kinds(told) == {"pytorch": DifferenceKind.MOVED}

    def test_builds_by_pattern(self) -> None:
        env = replace(VISION, pip=())
        assert compare(yml("dependencies:\n  - pytorch=2.3.1=*cuda*\n"), of_record("e", env)).are_equal
        assert kinds(compare(yml("dependencies:\n  - pytorch=2.3.1=*cpu*\n"), of_record("e", env)))

    def test_what_can_not_be_judged_is_said(self) -> None:
        told = compare(yml("dependencies:\n  - numpy (>1)\n"), packages(("numpy", "1", "conda")))
        assert told.are_equal and "numpy" in told.unclear[0]

    def test_what_has_no_name_is_said(self) -> None:
        asked = yml("dependencies:\n  - pip:\n    - -e ./lib\n    - https://x/a.whl\n    - --pre\n")
        notes = compare(asked, packages()).notes
        assert len(notes) == 2 and "-e ./lib" in notes[0]

    def test_two_files(self) -> None:
        left = yml("dependencies:\n  - numpy=1.26\n  - scipy\n  - pip:\n    - tqdm==4\n")
        right = yml("dependencies:\n  - numpy ==1.26\n  - pandas\n  - pip:\n    - tqdm>=4\n")
        assert kinds(compare(left, right)) == {
            "scipy": DifferenceKind.REMOVED, "pandas": DifferenceKind.ADDED, "tqdm": DifferenceKind.CHANGED,
        }  # fmt: skip


class TestALock:
    ENV = replace(VISION, pip=VISION.pip[:1])

    def test_it_names_everything(self) -> None:
        more = replace(self.ENV, conda=(*self.ENV.conda, conda("zlib", "1.3")), pip=VISION.pip[:2])
        told = compare(exported(self.ENV, ExportFormat.EXPLICIT), of_record("more", more))
        assert kinds(told) == {"mylib": DifferenceKind.ADDED, "zlib": DifferenceKind.ADDED}

    def test_requirements_name_everything_only_where_they_say_so(self) -> None:
        env = of_record("env", replace(VENV, pip=(VENV.pip[0], VENV.pip[2], PipRecord("pip", "24.0"))))
        assert compare(lock("einops==0.8.0\n"), env).are_equal
        whole = replace(VENV, pip=VENV.pip[:1])
        told = compare(exported(whole, ExportFormat.YML), env)
        assert kinds(told) == {"timm": DifferenceKind.ADDED}

    def test_an_address_that_may_leave_the_commit_open(self) -> None:
        env = of_record("env", replace(VENV, pip=(VISION.pip[3],)))
        assert compare(lock("tools @ git+https://git.example/tools.git\n"), env).are_equal
        assert not compare(lock("tools @ git+https://git.example/tools.git@aaaa\n"), env).are_equal
        assert compare(
            lock("tools @ git+https://git.example/x.git\n"), packages(("tools", "1", "pip"))
        ).unclear


def test_an_interpreter_that_is_no_package() -> None:
    def venv(python: str) -> Side:
        return of_record(python, replace(VENV, pip=(), python=python))

    assert compare(venv("3.11"), venv("3.11.4")).are_equal
    assert kinds(compare(venv("3.1"), venv("3.11.4"))) == {"python": DifferenceKind.CHANGED}
    assert compare(venv("3.11"), of_record("c", replace(VISION, pip=(), conda=VISION.conda[2:3]))).are_equal


def test_what_is_not_known_of_a_side_is_said() -> None:
    told = compare(of_record("a", replace(PLAIN, problems=("pip is not known",))), of_record("b", PLAIN))
    assert told.notes == ("a: pip is not known",)
