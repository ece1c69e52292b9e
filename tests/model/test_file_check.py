"""The check of an `environment.yml` finds what is wrong, names the right line, and says nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui.backends.conda.environment_file import read_environment_file
from tui.data import cuda_table, environment_rules
from tui.model.compatibility import DriverFacts, GpuFacts
from tui.model.file_check import FileProblem, Severity, check, corrected

FILES = Path(__file__).parents[1] / "fixtures" / "environment_files"
#: runs CUDA 12 of any minor version
DRIVER = DriverFacts("550.54.15", "12.4", (GpuFacts("NVIDIA H100 80GB HBM3", "9.0"),))
#: runs CUDA 11 and no more
OLD_DRIVER = DriverFacts("470.82.01", "11.4", (GpuFacts("NVIDIA A100-SXM4-40GB", "8.0"),))

ERROR, WARNING = Severity.ERROR, Severity.WARNING
Found = tuple[int, Severity, str, str | None]

EXPECTED: dict[str, list[Found]] = {
    "often_copied": [
        (3, ERROR, "ended-channel", "  - conda-forge"),
        (8, ERROR, "torch-family", "  - torchvision=0.24"),
        (9, ERROR, "ended-package", "  - cuda-version=12  # for the GPU"),
    ],
    "pytorch_cuda_of_new_torch": [
        (3, WARNING, "ended-channel", ""),
        (11, ERROR, "bound-package", "- cuda-version=12"),
    ],
    # right today, with a channel that gets nothing new any more
    "discontinued_channel": [(3, WARNING, "ended-channel", None)],
    "pip_pairs": [
        (10, ERROR, "torch-family", "    - torchvision==0.18.*"),
        (11, ERROR, "torch-family", '    - "torchaudio==2.3.*"'),
        (12, ERROR, "ended-package", "    - scikit-learn"),
    ],
    "no_pip": [
        (4, WARNING, "mixed-channels", ""),
        (7, WARNING, "pip-missing", "  - pip\n  - pip:"),
        (9, ERROR, "ended-package", "      - torch==2.4"),
        (10, WARNING, "prefix", ""),
    ],
    "from_windows": [
        (5, ERROR, "other-platform", "  - bzip2=1.0.8"),
        (6, ERROR, "other-platform", "  - ca-certificates=2023.08.22"),
        (7, ERROR, "other-platform", "  - pip=23.2.1"),
        (10, ERROR, "other-platform", ""),
        (11, ERROR, "other-platform", ""),
        (12, ERROR, "other-platform", "  - zlib=1.2.13"),
    ],
    "from_macos": [
        (3, ERROR, "other-platform", 'dependencies: [python=3.9, "certifi=2022.9.24=py39hecd8cb5_0", '
         "zlib=1.2.11=h1de35cc_3]"),
        (3, ERROR, "other-platform", 'dependencies: [python=3.9, python.app, "certifi=2022.9.24", '
         "zlib=1.2.11=h1de35cc_3]"),
        (3, ERROR, "other-platform", 'dependencies: [python=3.9, python.app, '
         '"certifi=2022.9.24=py39hecd8cb5_0", zlib=1.2.11]'),
    ],
    "contradictions": [
        (7, ERROR, "no-package", ""),
        (9, ERROR, "contradiction", ""),
        (10, ERROR, "no-package", ""),
        (15, ERROR, "contradiction", ""),
    ],
    "driver_too_old": [
        (7, ERROR, "cuda-too-new", "  - cuda-version=12"),
        (8, ERROR, "cuda-too-new", None),
        (10, ERROR, "cuda-too-new", "    - --index-url https://download.pytorch.org/whl/cu128"),
        (11, ERROR, "cuda-too-new", "    - torchao==0.14.0+cu128"),
    ],
    "compose_file": [(1, ERROR, "no-dependencies", None)],
}  # fmt: skip


def found_in(
    text: str, driver: DriverFacts | None = DRIVER, platform: str = "linux-64"
) -> tuple[FileProblem, ...]:
    return check(read_environment_file(text), environment_rules(), driver, cuda_table(), platform)


def fixed(text: str, driver: DriverFacts | None = DRIVER) -> str:
    return corrected(read_environment_file(text), found_in(text, driver))


def faulty(name: str) -> str:
    return (FILES / "faulty" / f"{name}.yml").read_text(encoding="utf-8")


def test_every_sample_file_is_expected() -> None:
    assert {each.stem for each in (FILES / "faulty").iterdir()} == set(EXPECTED)
    assert len(EXPECTED) == 10
    assert len(list((FILES / "right").iterdir())) == 5


@pytest.mark.parametrize("name", EXPECTED)
def test_a_faulty_file_has_exactly_its_faults(name: str) -> None:
    text = faulty(name)
    problems = found_in(text)
    assert [(each.line, each.severity, each.rule, each.corrected) for each in problems] == EXPECTED[name]
    known = {**environment_rules().sources, **cuda_table().sources}
    for each in problems:
        assert each.text in text.splitlines()[each.line - 1]
        assert each.message and each.sources and set(each.sources) <= set(known)


@pytest.mark.parametrize("name", sorted(each.stem for each in (FILES / "right").iterdir()))
@pytest.mark.parametrize("driver", [None, DRIVER])
def test_a_right_file_has_none(name: str, driver: DriverFacts | None) -> None:
    assert found_in((FILES / "right" / f"{name}.yml").read_text(encoding="utf-8"), driver) == ()


@pytest.mark.parametrize("name", EXPECTED)
def test_the_corrected_file_has_no_errors_that_could_be_corrected(name: str) -> None:
    before = found_in(faulty(name))
    after = found_in(fixed(faulty(name)))
    left = [each.rule for each in after if each.severity is ERROR]
    assert left == [each.rule for each in before if each.severity is ERROR and each.corrected is None]
    changed = {each.line for each in before if each.corrected is not None}
    lines = faulty(name).splitlines(keepends=True)
    kept = [line for number, line in enumerate(lines, 1) if number not in changed]
    rest = iter(fixed(faulty(name)).splitlines(keepends=True))
    assert all(line in rest for line in kept)


def test_the_often_copied_file_becomes_one_that_has_all_of_it() -> None:
    assert fixed(faulty("often_copied")) == (
        "name: dl\nchannels:\n  - conda-forge\n  - nvidia\ndependencies:\n  - python=3.11\n"
        "  - pytorch=2.9\n  - torchvision=0.24\n  - cuda-version=12  # for the GPU\n  - numpy\n"
    )
    messages = [each.message for each in found_in(faulty("often_copied"))]
    assert messages == [
        "the channel pytorch is discontinued: its last pytorch is 2.5.1 (October 2024), older than "
        "pytorch =2.9 (line 7)",
        "torchvision =0.14 belongs to torch 1.13, not to pytorch =2.9 (line 7)",
        "there is no cudatoolkit =12.1: cudatoolkit ends with 11.8, then comes cuda-version",
    ]


def test_a_list_in_brackets_is_corrected_in_place() -> None:
    assert fixed(faulty("from_macos")).splitlines()[-1] == (
        'dependencies: [python=3.9, "certifi=2022.9.24", zlib=1.2.11]'
    )


def test_line_ends_and_a_missing_last_one_are_kept() -> None:
    text = "channels: [conda-forge]\r\ndependencies:\r\n- pip:\r\n  - sklearn==0.0"
    assert fixed(text) == "channels: [conda-forge]\r\ndependencies:\r\n- pip\r\n- pip:\r\n  - scikit-learn"


def lines(*dependencies: str, channels: tuple[str, ...] = ("conda-forge",), pip: tuple[str, ...] = ()) -> str:
    text = "channels:\n" + "".join(f"- {each}\n" for each in channels)
    text += "dependencies:\n" + "".join(f"- {each}\n" for each in dependencies)
    return text + ("- pip\n- pip:\n" + "".join(f"  - {each}\n" for each in pip) if pip else "")


def rules_of(text: str, driver: DriverFacts | None = None) -> list[tuple[str, str | None]]:
    return [(each.rule, each.corrected) for each in found_in(text, driver)]


@pytest.mark.parametrize(
    "dependencies",
    [
        ("pytorch=2.0.1", "torchvision=0.15.2", "torchaudio=2.0.2"),
        ("pytorch=1.13.1", "torchvision=0.14.1", "torchaudio=0.13.1"),
        ("pytorch>=2.1", "torchvision", "torchaudio"),
        ("pytorch", "torchvision=0.16"),
        ("pytorch>=2.1,<2.4", "torchvision=0.18"),
        ("torchvision=0.24", "torchaudio=2.9"),
        # later than all that is known: not judged
        ("pytorch=2.13", "torchvision=0.28", "torchaudio=2.11"),
        ("pytorch=2.9.0rc1", "torchvision=0.14"),
        ("pytorch=2.9|2.8", "torchvision=0.23"),
    ],
)
def test_torch_and_companions_that_belong_together(dependencies: tuple[str, ...]) -> None:
    assert rules_of(lines(*dependencies)) == []


@pytest.mark.parametrize(
    ("dependencies", "right"),
    [
        (("pytorch=1.12", "torchvision=0.14"), "- torchvision=0.13"),
        (("pytorch=2.9.1", "conda-forge::torchaudio==2.8.0"), "- conda-forge::torchaudio=2.9"),
        (("pytorch=2.13", "torchvision=0.14"), "- torchvision"),
        (("torchvision=0.24", "torchaudio=2.8"), "- torchaudio=2.9"),
        (("pytorch>=2.4,<2.6", "torchvision=0.14"), "- torchvision=0.20"),
        (("pytorch-gpu=2.6", "torchvision=0.20=cuda126*"), "- torchvision=0.21"),
    ],
)
def test_companions_that_belong_to_another_torch(dependencies: tuple[str, ...], right: str) -> None:
    assert rules_of(lines(*dependencies)) == [("torch-family", right)]


def test_pip_companions_are_held_against_the_torch_of_conda() -> None:
    text = lines("pytorch=2.6", pip=("torchvision==0.24.0",))
    assert rules_of(text) == [("torch-family", "  - torchvision==0.21.*")]


@pytest.mark.parametrize(
    ("spec", "right"),
    [
        ("cudatoolkit=12.1", "- cuda-version=12.1"),
        ("cudatoolkit==12.4.1", "- cuda-version=12.4"),
        ("cudatoolkit>=12", "- cuda-version=12"),
        ("nvidia::cudatoolkit=13.0", "- cuda-version=13.0"),
        ("cudatoolkit[version='12.1']", "- cuda-version=12.1"),
    ],
)
def test_cudatoolkit_from_12_on_does_not_exist(spec: str, right: str) -> None:
    assert rules_of(lines(spec)) == [("ended-package", right)]


@pytest.mark.parametrize("spec", ["cudatoolkit", "cudatoolkit=11.8", "cudatoolkit>=11", "cudatoolkit<12"])
def test_cudatoolkit_before_12_exists(spec: str) -> None:
    assert rules_of(lines(spec)) == []


def test_the_replacement_names_its_channel_where_the_file_has_not_got_it() -> None:
    text = lines("cudatoolkit=12.1", channels=("nvidia",))
    assert rules_of(text) == [("ended-package", "- conda-forge::cuda-version=12.1")]


def test_the_replacement_is_not_there_twice() -> None:
    assert rules_of(lines("cuda-version=12.1", "cudatoolkit=12.1")) == [("ended-package", "")]


def test_a_replacement_is_one_that_the_driver_runs() -> None:
    text = lines("cudatoolkit=12.1", "pytorch=2.1")
    assert rules_of(text, OLD_DRIVER) == [("ended-package", "- cuda-version=11")]
    assert rules_of(fixed(text, OLD_DRIVER), OLD_DRIVER) == []


def test_torch_from_its_own_channel() -> None:
    assert rules_of(lines("pytorch::pytorch=2.9")) == [("ended-channel", "- conda-forge::pytorch=2.9")]
    assert rules_of(lines("pytorch::pytorch=2.4")) == []


@pytest.mark.parametrize("channel", ["https://conda.anaconda.org/pytorch", "pytorch/linux-64", "pytorch/"])
def test_a_channel_by_its_address(channel: str) -> None:
    (found,) = found_in(lines("pytorch=2.9", channels=(channel,)))
    assert (found.rule, found.severity, found.corrected) == ("ended-channel", ERROR, "- conda-forge")


def test_another_channel_may_have_the_torch() -> None:
    (found,) = found_in(lines("pytorch=2.9", channels=("pytorch", "conda-forge")))
    assert (found.rule, found.severity, found.corrected) == ("ended-channel", WARNING, "")


def test_pytorch_cuda_without_its_channels() -> None:
    assert rules_of(lines("pytorch=2.4", "pytorch-cuda=12.1")) == [("bound-package", "- cuda-version=12")]
    without = lines("pytorch=2.4", "pytorch-cuda=12.1", channels=("pytorch",))
    assert rules_of(without) == [("ended-channel", None), ("bound-package", None)]


def test_a_label_is_a_part_of_its_channel() -> None:
    text = lines(
        "pytorch::pytorch=2.3.1",
        "pytorch::pytorch-cuda=12.1",
        "nvidia/label/cuda-12.1.0::cuda-nvcc",
        channels=("nvidia/label/cuda-12.1.0", "conda-forge", "nodefaults"),
    )
    assert rules_of(text, DRIVER) == []


@pytest.mark.parametrize(
    ("one", "other", "contradict"),
    [
        ("numpy=1.26", "numpy=1.25", True),
        ("numpy=1.26", "numpy=1.26.4", False),
        ("numpy=1.26", "numpy>=1.20", False),
        ("numpy=1.26", "numpy<1.26", True),
        ("numpy==1.26", "numpy==1.26.0", False),
        ("numpy>=2", "numpy<2", True),
        ("numpy>=2", "numpy<=2", False),
        ("numpy", "numpy=1", False),
        ("numpy=1.26|2.1", "numpy>=2", False),
        ("numpy=1.*", "numpy>=2", True),
        ("numpy~=1.26.0", "numpy=1.27", True),
        ("NumPy=1", "numpy=2", True),
    ],
)
def test_duplicates(one: str, other: str, contradict: bool) -> None:
    assert rules_of(lines(one, other)) == ([("contradiction", "")] if contradict else [])


def test_markers_let_pip_choose() -> None:
    pip = ('numpy==1.26.4 ; python_version < "3.13"', 'numpy==2.2.0 ; python_version >= "3.13"')
    assert rules_of(lines("python", pip=tuple(f"'{each}'" for each in pip))) == []


def test_pip_over_conda() -> None:
    text = lines("pytorch=2.6", "numpy=1.26", pip=("torch==2.9.0", "numpy>=1.20"))
    (found,) = found_in(text)
    assert (found.rule, found.severity, found.corrected) == ("both-managers", WARNING, None)


@pytest.mark.parametrize(
    ("spec", "driver", "right"),
    [
        ("cuda-version=13.0", DRIVER, "- cuda-version=12"),
        ("cuda-version>=13", DRIVER, "- cuda-version=12"),
        ("cuda-version=12.9", OLD_DRIVER, "- cuda-version=11"),
        ("conda-forge::cuda-version=13", DRIVER, "- conda-forge::cuda-version=12"),
    ],
)
def test_cuda_that_the_driver_does_not_run(spec: str, driver: DriverFacts, right: str) -> None:
    assert rules_of(lines(spec), driver) == [("cuda-too-new", right)]
    assert rules_of(lines(spec), None) == []
    assert rules_of(lines(spec), DriverFacts(None)) == []


@pytest.mark.parametrize("spec", ["cuda-version=12.9", "cuda-version<13", "cuda-version", "pytorch"])
def test_cuda_that_the_driver_runs(spec: str) -> None:
    assert rules_of(lines(spec), DRIVER) == []


def test_a_wheel_gets_a_tag_that_its_torch_has_and_the_driver_runs() -> None:
    text = lines("python", pip=("torch==2.5.1+cu124",))
    assert rules_of(text, OLD_DRIVER) == [("cuda-too-new", "  - torch==2.5.1+cu118")]
    # 2.9 has none for CUDA 11
    text = lines("python", pip=("torch==2.9.1+cu128",))
    assert rules_of(text, OLD_DRIVER) == [("cuda-too-new", None)]


def test_builds_are_judged_for_the_platform_that_is_asked_for() -> None:
    text = lines("zlib=1.2.13=h8cc25b3_0", "hdf5 1.8.17 vc14_0", channels=("defaults",))
    assert [each.corrected for each in found_in(text)] == ["- zlib=1.2.13", "- hdf5 1.8.17"]
    assert found_in(text, platform="win-64") == ()


@pytest.mark.parametrize(
    "build",
    ["py311_0", "pyhd8ed1ab_0", "h06a4308_0", "mkl", "1_gnu", "cuda126*", "*cpu*", "conda_forge", "0"],
)
def test_builds_of_linux_are_left_alone(build: str) -> None:
    assert rules_of(lines(f"a=1={build}")) == []


def test_hostile_text_is_only_carried_along() -> None:
    text = 'channels: ["$(rm -rf /)", "[bold]"]\ndependencies: ["a\'b=1", "分割", "cudatoolkit=12.1"]\n'
    problems = found_in(text)
    assert [(each.rule, each.text) for each in problems] == [
        ("no-package", "分割"),
        ("ended-package", "cudatoolkit=12.1"),
    ]
    assert fixed(text) == text.replace("cudatoolkit=12.1", "conda-forge::cuda-version=12.1")


def test_a_version_written_as_a_mapping() -> None:
    assert rules_of(lines("python: 3.12")) == [("no-package", "- python=3.12")]
    assert rules_of(lines("3.12")) == [("no-package", None)]


def test_what_stands_over_several_lines_is_not_touched() -> None:
    text = 'channels: [conda-forge]\ndependencies:\n- "cudatoolkit\n  =12.1"\nprefix: "/a\n  b"\n'
    problems = found_in(text)
    assert [(each.rule, each.corrected) for each in problems] == [("ended-package", None), ("prefix", None)]
    assert fixed(text) == text


def test_a_mapping_in_braces_is_not_removed_with_its_prefix() -> None:
    text = "{name: a, channels: [conda-forge], dependencies: [python], prefix: /a}\n"
    assert [(each.rule, each.corrected) for each in found_in(text)] == [("prefix", None)]
    assert fixed(text) == text


def test_rules_name_known_sources_and_every_source_is_used() -> None:
    rules = environment_rules()
    entries: tuple[Any, ...] = (
        *rules.ended_packages, *rules.ended_channels, *rules.bound_packages, *rules.torch_family,
        *rules.mixed_channels, *rules.of_one_system,
    )  # fmt: skip
    used = {source for each in entries for source in each.sources}
    used |= {source for sources in rules.rule_sources.values() for source in sources}
    assert used == set(rules.sources)


def test_the_pairs_follow_the_projects_own_count() -> None:
    for each in environment_rules().torch_family:
        major, minor = each.torch
        assert each.torchvision == (0, minor + 15 if major == 2 else minor + 1)
        assert each.torchaudio == (each.torch if major == 2 else (0, minor))


def test_lines_of_pip_that_hold_only_somewhere_are_no_contradiction() -> None:
    text = (
        "channels: [conda-forge]\ndependencies:\n- python=3.12\n- pip\n- pip:\n"
        "  - torch==2.6.0; sys_platform == 'darwin'\n"
        "  - torch==2.9.0+cu130; sys_platform == 'win32'\n"
        "  - torchvision==0.24.0; sys_platform == 'win32'\n"
    )
    file = read_environment_file(text, "environment.yml")
    assert check(file, environment_rules(), DriverFacts("570.10"), cuda_table()) == ()
