"""An environment as a file: what is in it, what is not, and that nothing in a record becomes a line of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from tui.model.changes import FileFormat
from tui.model.environment_records import CondaRecord, EnvironmentRecord, PipRecord
from tui.model.environments import EnvironmentKind
from tui.model.errors import FileFault
from tui.model.exports import Export, ExportFormat, export
from tui.model.locks import read_lock
from tui.model.yaml_text import comment, scalar

FORGE = "https://conda.anaconda.org/conda-forge"


def conda(name: str, version: str, build: str = "0", channel: str = FORGE, **fields: str) -> CondaRecord:
    told = {
        "url": f"{channel}/linux-64/{name}-{version}-{build}.conda",
        "md5": "0123456789abcdef" * 2,
        "subdir": "linux-64",
    } | fields
    return CondaRecord(name, version, build, channel, **told)  # type: ignore[arg-type]


VISION = EnvironmentRecord(
    "vision",
    "/opt/conda/envs/vision",
    conda=(
        conda("numpy", "1.26.4", "py311_0", requested_spec="numpy=1.26"),
        conda("pip", "24.0"),
        conda("python", "3.11.9"),
        conda("pytorch", "2.3.1", "py3.11_cuda12.1_0", "https://conda.anaconda.org/pytorch"),
    ),
    pip=(
        PipRecord("einops", "0.8.0", is_requested=True),
        PipRecord("mylib", "0.1", editable="/work/mylib"),
        PipRecord("timm", "1.0.9", is_requested=False),
        PipRecord("tools", "0.3", True, url="git+https://git.example/tools.git@4f2a"),
        PipRecord("wheeled", "2", True, url="file:///tmp/wheeled-2-py3-none-any.whl"),
    ),
    history_specs=("python=3.11", "pytorch::pytorch[version='>=2.3',build=*cuda*]", "numpy"),
    channels=("conda-forge", "pytorch"),
    kind=EnvironmentKind.CONDA,
)
VENV = EnvironmentRecord("", "/work/.venv", pip=VISION.pip[:3], python="3.11.4", kind=EnvironmentKind.VENV)


def loaded(exported: Export) -> dict[str, object]:
    assert exported.file_format is FileFormat.YML
    told: dict[str, object] = yaml.safe_load(exported.text)
    return told


def test_every_version_without_builds_and_prefix() -> None:
    exported = export(VISION, ExportFormat.YML)

    assert loaded(exported) == {
        "name": "vision",
        "channels": ["conda-forge", "pytorch", "nodefaults"],
        "dependencies": [
            "numpy==1.26.4", "pip==24.0", "python==3.11.9", "pytorch::pytorch==2.3.1",
            {"pip": ["einops==0.8.0", "timm==1.0.9", "tools @ git+https://git.example/tools.git@4f2a"]},
        ],
    }  # fmt: skip
    assert [each.partition(":")[0] for each in exported.cannot_be_carried] == ["mylib 0.1", "wheeled 2"]
    assert "/work/mylib" in exported.cannot_be_carried[0]
    assert "# not carried: mylib 0.1" in exported.text and "/opt/conda" not in exported.text


def test_what_was_asked_for() -> None:
    told = loaded(export(VISION, ExportFormat.HISTORY))
    assert told["dependencies"] == [
        *VISION.history_specs, "pip",
        {"pip": ["einops==0.8.0", "tools @ git+https://git.example/tools.git@4f2a"]},
    ]  # fmt: skip


def test_what_the_records_say_was_asked_for_where_there_is_no_history() -> None:
    told = loaded(export(replace(VISION, history_specs=(), pip=()), ExportFormat.HISTORY))
    assert told["dependencies"] == ["numpy=1.26"]


def test_where_nothing_says_what_was_asked_for_all_is_listed_and_that_is_said() -> None:
    silent = replace(VISION, history_specs=(), conda=(conda("python", "3.11.9"),), pip=())
    exported = export(silent, ExportFormat.HISTORY)
    assert loaded(exported)["dependencies"] == ["python==3.11.9"]
    assert "every package is listed" in exported.notes[0]


def test_a_lock_of_addresses_with_hashes() -> None:
    exported = export(VISION, ExportFormat.EXPLICIT)

    assert exported.file_format is FileFormat.EXPLICIT
    lines = [line for line in exported.text.splitlines() if not line.startswith("#")]
    assert lines[0] == "@EXPLICIT"
    # python first
    assert lines[1] == f"{FORGE}/linux-64/python-3.11.9-0.conda#{'0123456789abcdef' * 2}"
    lock = read_lock(exported.text)
    assert {(each.name, each.version, each.build) for each in lock.conda} == {
        (each.name, each.version, each.build) for each in VISION.conda
    }
    assert {each.channel for each in lock.conda} == {FORGE, "https://conda.anaconda.org/pytorch"}
    assert lock.pip == ("einops==0.8.0", "timm==1.0.9", "tools @ git+https://git.example/tools.git@4f2a")
    assert (lock.platform, lock.is_complete) == ("linux-64", True)
    assert "`envtui env create`" in exported.text


def test_hashes_that_a_record_has() -> None:
    sha = "ab" * 32
    records = (conda("a", "1", md5="", sha256=sha), conda("b", "1", md5="nothing"), conda("c", "1", url=""))
    exported = export(replace(VISION, conda=records, pip=()), ExportFormat.EXPLICIT)
    first, second = exported.text.split("@EXPLICIT\n")[1].splitlines()
    assert first.endswith(f"a-1-0.conda#sha256:{sha}") and second.endswith("b-1-0.conda")
    assert [each.partition(":")[0] for each in exported.cannot_be_carried] == ["b 1", "c 1"]
    assert read_lock(exported.text).conda[0].sha256 == sha


@pytest.mark.parametrize("format", list(ExportFormat))
def test_what_conda_does_not_know_is_requirements(format: ExportFormat) -> None:
    exported = export(VENV, format)
    assert exported.file_format is FileFormat.REQUIREMENTS and "lines for pip" in exported.notes[0]
    lock = read_lock(exported.text)
    only_asked = format is ExportFormat.HISTORY
    assert lock.pip == (("einops==0.8.0",) if only_asked else ("einops==0.8.0", "timm==1.0.9"))
    assert (lock.is_complete, lock.python) == (not only_asked, "3.11.4")


def test_wheels_of_pytorch_get_their_index() -> None:
    torch = (PipRecord("torch", "2.9.1+cu128", True), PipRecord("torchvision", "0.24.1+cu128", True))
    other = PipRecord("mine", "1.0+lab", True)
    exported = export(replace(VENV, pip=(*torch, other)), ExportFormat.YML)
    assert read_lock(exported.text).pip == (
        "--extra-index-url https://download.pytorch.org/whl/cu128",
        "torch==2.9.1+cu128", "torchvision==0.24.1+cu128", "mine==1.0+lab",
    )  # fmt: skip
    assert [each for each in exported.cannot_be_carried if "mine 1.0+lab" in each]
    explicit = export(replace(VISION, pip=torch), ExportFormat.EXPLICIT)
    assert read_lock(explicit.text).pip[0].startswith("--extra-index-url")


def test_defaults_are_named_and_nodefaults_only_where_nothing_came_from_there() -> None:
    main = "https://repo.anaconda.com/pkgs/main"
    record = replace(VISION, conda=(conda("python", "3.11.9", channel=main),), channels=("defaults",), pip=())
    assert loaded(export(record, ExportFormat.YML))["channels"] == ["defaults"]


def test_a_base_gives_its_name_to_nobody() -> None:
    base = replace(VISION, name="base", kind=EnvironmentKind.BASE)
    assert "name" not in loaded(export(base, ExportFormat.YML))


def test_secrets_stay_where_they_are() -> None:
    private = "https://ana:pw123@conda.example/t/tk-5ecr3t/lab"
    record = replace(
        VISION,
        conda=(conda("python", "3.11.9", channel=private),),
        pip=(PipRecord("tools", "0.3", True, url="git+https://ana:pw123@git.example/tools.git@4f2a"),),
        channels=(),
        variables=(("WANDB_API_KEY", "5ecr3t"), ("PROXY", "http://a:pw123@proxy"), ("OMP_NUM_THREADS", "4")),
    )
    for format in ExportFormat:
        exported = export(record, format)
        told = exported.text + "".join(exported.cannot_be_carried)
        assert "pw123" not in told and "5ecr3t" not in told
        assert "password in" in "".join(exported.cannot_be_carried)
    whole = loaded(export(record, ExportFormat.YML))
    assert whole["variables"] == {"OMP_NUM_THREADS": "4"}
    assert whole["channels"] == ["https://conda.example/lab", "nodefaults"]


def test_pins_and_problems_are_named() -> None:
    record = replace(VISION, pins=("numpy <2",), problems=("the record of x 1 can't be read",))
    for format in ExportFormat:
        told = "\n".join(export(record, format).cannot_be_carried)
        assert "the pin numpy <2" in told and "the record of x 1 can't be read" in told


_hostile = st.one_of(
    st.sampled_from([
        "numpy\n  - evil", "a\r- b", "--index-url=https://evil.example", "-e .", "x\x85y", "x y", "#",
        "@EXPLICIT",
        "a: b", "{a: b}", "1.0", "null", "日本語", "\ud800", "\x1b[31m", "${HOME}", "x ; python_version<'3'",
        "https://evil.example/a-1-0.conda",
        "x\n@EXPLICIT\nhttps://evil.example/a-1-0.conda", "# pip: evil==1",
    ]),
    st.text(max_size=12),
)  # fmt: skip


@given(_hostile, _hostile, _hostile, _hostile, _hostile)
@example("a\nb", "1", "https://x/a-1-0.conda\nhttps://evil/e-1-0.conda", "evil", "A\nB")
def test_nothing_in_a_record_becomes_another_line(
    name: str, version: str, url: str, spec: str, variable: str
) -> None:
    record = EnvironmentRecord(
        name,
        "/p",
        conda=(CondaRecord(name, version, "0", channel=url, url=url, subdir=version, requested_spec=spec),),
        pip=(PipRecord(name, version, True, url=url), PipRecord("sound", version, True, editable=url)),
        history_specs=(spec,),
        channels=(url,),
        python=version,
        variables=((variable, url),),
        pins=(spec,),
        problems=(spec,),
        kind=EnvironmentKind.CONDA,
    )
    for format in (ExportFormat.YML, ExportFormat.HISTORY):
        told = loaded(export(record, format))
        assert set(told) <= {"name", "channels", "dependencies", "variables"}
        assert told.get("name") in (None, name)
        dependencies = told["dependencies"]
        assert isinstance(dependencies, list)
        for each in dependencies:
            if isinstance(each, dict):
                assert list(each) == ["pip"]
                assert all("\n" not in line and not line.startswith("-") for line in each["pip"])
                assert len(each["pip"]) <= 2
            else:
                assert isinstance(each, str) and each.isprintable() and not each.startswith("-")
        assert len(dependencies) <= 3
        for key, value in (told.get("variables") or {}).items():  # type: ignore[attr-defined]
            assert (key, value) == (variable, url)
    lock = read_lock(export(record, ExportFormat.EXPLICIT).text)
    assert len(lock.conda) <= 1 and len(lock.pip) <= 2
    assert all(each.url == url for each in lock.conda)
    requirements = read_lock(export(replace(record, kind=EnvironmentKind.UV), ExportFormat.YML).text)
    assert len(requirements.pip) <= 2 and not any(each.startswith("-") for each in requirements.pip)


@given(st.text())
@example("\u2028")
@example("\x85")
@example("😀")
@example("12:30:45")
@example("=")
@example("2026-01-01")
@example("y")
def test_a_scalar_is_the_same_text_for_yaml(text: str) -> None:
    written = scalar(text)
    assert "\n" not in written
    if not any("\ud800" <= each <= "\udfff" for each in text):
        assert yaml.safe_load(f"a:\n  - {written}\n  - {written}\n") == {"a": [text, text]}
        assert yaml.safe_load(f"{written}: 1") == {text: 1}


@given(st.text())
def test_a_comment_is_one_line(text: str) -> None:
    assert len(f"# {comment(text)}".splitlines()) == 1


class TestReadingLocks:
    def test_lines_as_other_tools_write_them(self) -> None:
        lock = read_lock(
            "# This file may be used to create an environment using:\n# platform: linux-64\n@EXPLICIT\n\n"
            f"{FORGE}/noarch/tzdata-2025b-h78e105d_0.conda#4222072737ccff51314b5ece9c7d6f5a\n"
            "https://repo.anaconda.com/pkgs/main/linux-64/_libgcc_mutex-0.1-main.tar.bz2\n"
            "/opt/pkgs/x-y-1.0-0.conda\n"
        )
        assert [(each.name, each.version, each.build, each.subdir) for each in lock.conda] == [
            ("tzdata", "2025b", "h78e105d_0", "noarch"), ("_libgcc_mutex", "0.1", "main", "linux-64"),
            ("x-y", "1.0", "0", ""),
        ]  # fmt: skip
        assert lock.conda[0].md5 and lock.file_format is FileFormat.EXPLICIT

    def test_requirements_with_comments_and_continuations(self) -> None:
        lock = read_lock(
            "# all\n--index-url https://x\ntorch==2.9.1 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n"
            "numpy>=1 # why\n\na @ https://x/a.whl#sha256=ef\nlast \\"
        )
        assert lock.pip == (
            "--index-url https://x", "torch==2.9.1     --hash=sha256:ab     --hash=sha256:cd", "numpy>=1",
            "a @ https://x/a.whl#sha256=ef", "last",
        )  # fmt: skip
        assert not lock.is_complete

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("@EXPLICIT\nnumpy\n", 2),
            ("@EXPLICIT\nhttps://x/linux-64/a.conda\n", 2),
            ("@EXPLICIT\n# pip: --index-url=https://evil\n", 2),
            ("@EXPLICIT\n# pip: a @ https://x/${TOKEN}\n", 2),
            ("a\0b", 0),
        ],
    )
    def test_what_is_none_is_told_with_its_line(self, text: str, line: int) -> None:
        with pytest.raises(FileFault) as told:
            read_lock(text, "x.lock")
        assert told.value.line == line and "x.lock" in told.value.title

    @given(st.text())
    def test_any_text_is_read_or_refused(self, text: str) -> None:
        for each in (text, f"@EXPLICIT\n{text}"):
            with contextlib.suppress(FileFault):
                read_lock(each)
