"""`envtui env diff`: 0 equal, 1 different, 2 trouble; environments and files on either side."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands.recorded_hosts import Recorded, RunEnv
from tests.model.test_exports import VENV, VISION, conda
from tui.model.environment_records import EnvironmentRecord
from tui.model.exports import ExportFormat, export

PLAIN = replace(VISION, pip=VISION.pip[:1])
OTHER = replace(
    PLAIN,
    name="other",
    prefix="/opt/conda/envs/other",
    conda=(*PLAIN.conda[1:3], conda("numpy", "2.1.0", "py311_0"), conda("pytorch", "2.3.1", "cpu_0")),
)


def host(*more: EnvironmentRecord) -> Recorded:
    return Recorded({"dl-dev": (PLAIN, OTHER, *more), "box": (PLAIN, replace(PLAIN, prefix="/twice"))})


def test_an_environment_and_itself(run_env: RunEnv) -> None:
    assert run_env(host(), "diff", "dl-dev/vision", "dl-dev/vision") == (0, "", "")


def test_a_table_with_what_matters_first(run_env: RunEnv) -> None:
    code, out, err = run_env(host(), "diff", "dl-dev/vision", "dl-dev/other")
    assert (code, err) == (1, "")
    title, torch, numpy = out.splitlines()
    assert title.split() == ["PACKAGE", "WHAT", "dl-dev/vision", "dl-dev/other"]
    # the build is what makes them different
    assert torch.split() == ["pytorch", "changed", "2.3.1", "py3.11_cuda12.1_0", "2.3.1", "cpu_0"]
    assert numpy.split() == ["numpy", "changed", "1.26.4", "2.1.0"]


def test_an_object_for_scripts(run_env: RunEnv) -> None:
    code, out, _ = run_env(host(), "diff", "dl-dev/vision", "dl-dev/other", "--json")
    told = json.loads(out)
    assert code == 1 and list(told) == ["left", "right", "equal", "same", "differences", "unclear", "notes"]
    assert (told["equal"], told["same"]) == (False, 3)
    assert told["differences"][1] == {
        "name": "numpy", "kind": "changed",
        "left": {"owner": "conda", "version": "1.26.4", "build": "py311_0"},
        "right": {"owner": "conda", "version": "2.1.0", "build": "py311_0"},
    }  # fmt: skip
    code, out, _ = run_env(host(), "diff", "dl-dev/vision", "box//twice", "--json")
    assert code == 0 and json.loads(out)["equal"] is True


@pytest.mark.parametrize("format", list(ExportFormat))
@pytest.mark.parametrize("name", ["a.yml", "a.txt", "a"])
def test_a_file_of_each_format(run_env: RunEnv, format: ExportFormat, name: str, tmp_path: Path) -> None:
    text = export(PLAIN, format).text
    if name == "a.yml" and format is ExportFormat.EXPLICIT:
        name = "a.lock"
    file = tmp_path / name
    file.write_text(text)
    assert run_env(host(), "diff", str(file), "dl-dev/vision") == (0, "", "")
    assert run_env(host(), "diff", "dl-dev/other", str(file))[0] == 1


def test_requirements(run_env: RunEnv, tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("einops>=0.8\n")
    assert run_env(host(VENV), "diff", str(tmp_path / "r.txt"), "dl-dev//work/.venv")[0] == 0
    (tmp_path / "r.txt").write_text("einops>=0.9\n")
    code, out, _ = run_env(host(VENV), "diff", str(tmp_path / "r.txt"), "dl-dev//work/.venv")
    assert code == 1 and out.splitlines()[1].split() == ["einops", "changed", ">=0.9", "0.8.0"]


def test_a_file_goes_before_a_container_of_its_name(
    run_env: RunEnv, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dl-dev").mkdir()
    # the folder of that name is no file, what is in it is one
    assert run_env(host(), "diff", "dl-dev/vision", "dl-dev/vision")[0] == 0
    (tmp_path / "dl-dev" / "vision").write_text("dependencies:\n  - numpy=2\n")
    assert run_env(host(), "diff", "dl-dev/vision", "dl-dev//opt/conda/envs/vision")[0] == 1
    assert run_env(host(), "diff", "./dl-dev/nosuch", "dl-dev/other")[0] == 2


def test_standard_input(run_env: RunEnv, monkeypatch: pytest.MonkeyPatch) -> None:
    text = export(PLAIN, ExportFormat.YML).text
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert run_env(host(), "diff", "-", "dl-dev/vision")[0] == 0
    assert run_env(host(), "diff", "-", "-")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dl-dev/vision", "nosuch/x"), "No such container"),
        (("dl-dev/vision", "dl-dev/nosuch"), "No such environment"),
        (("dl-dev", "dl-dev/vision"), "CONTAINER/ENV"),
        (("environment.yml", "dl-dev/vision"), "No such file"),
        (("/nosuch/environment.yml", "dl-dev/vision"), "No such file"),
        (("./nosuch", "dl-dev/vision"), "can't be read"),
    ],
)
def test_trouble_is_2(run_env: RunEnv, arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run_env(host(), "diff", *arguments)
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


def test_several_of_one_name(run_env: RunEnv) -> None:
    code, out, err = run_env(host(), "diff", "dl-dev/vision", "box/vision")
    assert (code, out) == (2, "")
    assert err.splitlines()[1:] == ["  box//opt/conda/envs/vision", "  box//twice"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"dependencies: [", "line 1"), (b"dependencies:\n  - \xff\n", "line 2"),
        (b"@EXPLICIT\nnumpy\n", "line 2"), (b"x" * (5 << 20), "4 MiB"), (b"\0", "NUL"),
    ],
)  # fmt: skip
def test_a_file_that_is_none(run_env: RunEnv, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(content)
    code, out, err = run_env(host(), "diff", str(tmp_path / "x"), "dl-dev/vision")
    assert (code, out) == (2, "") and said in err and err.count("\n") == 1


def test_what_is_not_known_is_said(run_env: RunEnv) -> None:
    known = replace(PLAIN, prefix="/half", problems=("not all packages of pip are known\x1b[0m",))
    code, _, err = run_env(host(known), "diff", "dl-dev//half", "box//twice")
    assert code == 0 and err == "envtui: dl-dev//half: not all packages of pip are known␛[0m\n"


def test_read_only_runs_no_command(run_env: RunEnv) -> None:
    told = host()
    assert run_env(told, "diff", "dl-dev/vision", "dl-dev/other", "--read-only")[0] == 1
    assert set(told.asked) == {False}
