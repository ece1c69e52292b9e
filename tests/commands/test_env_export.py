"""`envtui env export`: the text on stdout, what it can't carry on stderr, and no file is written over."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.commands.recorded_hosts import Recorded, RunEnv
from tests.model.test_exports import VENV, VISION
from tui.model.environment_records import PipRecord
from tui.model.errors import EngineTimeout

HOSTILE = "\x1b[31mred\nname"


def host() -> Recorded:
    return Recorded(
        {"dl-dev": (VISION, VENV), "other": (replace(VISION, prefix="/x"), VISION)}, stopped=("other",)
    )


def test_the_text_and_what_is_not_in_it(run_env: RunEnv) -> None:
    code, out, err = run_env(host(), "export", "dl-dev/vision")
    assert code == 0
    assert yaml.safe_load(out)["name"] == "vision"
    lines = err.splitlines()
    assert [line.startswith("envtui: not carried: ") for line in lines] == [True, True]
    assert "mylib" in lines[0] and "wheeled" in lines[1]


@pytest.mark.parametrize(("format", "said"), [("yml", "numpy==1.26.4"), ("history", "python=3.11"),
                                              ("explicit", "@EXPLICIT")])  # fmt: skip
def test_formats(run_env: RunEnv, format: str, said: str) -> None:
    code, out, _ = run_env(host(), "export", "dl-dev/vision", "--format", format)
    assert code == 0 and said in out


def test_by_prefix_and_why_another_format_is_made(run_env: RunEnv) -> None:
    code, out, err = run_env(host(), "export", "dl-dev//work/.venv", "--format", "explicit")
    assert code == 0 and "einops==0.8.0" in out and "explicit lock is conda's" in err


def test_an_object_for_scripts(run_env: RunEnv) -> None:
    code, out, _ = run_env(host(), "export", "dl-dev/vision", "--json")
    told = json.loads(out)
    assert code == 0 and list(told) == [
        "container", "container_id", "environment", "prefix", "format", "file_format", "output", "text",
        "cannot_be_carried", "notes",
    ]  # fmt: skip
    assert (told["format"], told["file_format"], len(told["cannot_be_carried"])) == ("yml", "yml", 2)


def test_a_new_file_appears_and_one_that_is_there_stays(run_env: RunEnv, tmp_path: Path) -> None:
    file = tmp_path / "with space.yml"
    assert run_env(host(), "export", "dl-dev/vision", "--output", str(file))[:2] == (0, "")
    whole = file.read_text()
    assert "numpy==1.26.4" in whole
    file.write_text("mine")
    code, out, err = run_env(host(), "export", "dl-dev/vision", "--output", str(file))
    assert (code, out, file.read_text()) == (1, "", "mine")
    assert "exists already" in err and "--force" in err and err.count("\n") == 1
    assert run_env(host(), "export", "dl-dev/vision", "--output", str(file), "--force")[0] == 0
    assert file.read_text() == whole
    assert [each.name for each in tmp_path.iterdir() if each.name != "envtui"] == ["with space.yml"]


def test_a_link_that_leads_nowhere_is_not_written_through(run_env: RunEnv, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    assert run_env(host(), "export", "dl-dev/vision", "--output", str(tmp_path / "link"))[0] == 1
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("output", ["", "nosuch/x.yml", "."])
def test_where_no_file_can_be_nothing_is_asked(run_env: RunEnv, output: str, tmp_path: Path) -> None:
    told = host()
    path = str(tmp_path / output) if output else ""
    code, _, err = run_env(told, "export", "dl-dev/vision", "--output", path)
    assert code in (1, 2) and err.startswith("envtui: ") and told.asked == []


def test_read_only_runs_no_command_in_the_container(run_env: RunEnv) -> None:
    told = host()
    assert run_env(told, "export", "dl-dev/vision", "--read-only")[0] == 0
    assert told.asked == [False, False]
    assert run_env(told, "export", "dl-dev/vision")[0] == 0
    assert told.asked[2:] == [True, True]


def test_several_of_one_name_are_told_to_be_copied(run_env: RunEnv) -> None:
    code, out, err = run_env(host(), "export", "other/vision")
    assert (code, out) == (2, "")
    assert err.splitlines()[1:] == ["  other//x", "  other//opt/conda/envs/vision"]
    assert run_env(host(), "export", "other//x")[0] == 0


@pytest.mark.parametrize(
    ("target", "code", "said"),
    [
        ("dl-dev", 2, "CONTAINER/ENV"),
        ("dl-dev/", 2, "nothing stands behind"),
        ("nosuch/x", 1, "No such container"),
        ("dl-dev/nosuch", 1, "No such environment"),
        ("dl-dev//nosuch", 1, "No such environment"),
    ],
)
def test_what_is_not_there(run_env: RunEnv, target: str, code: int, said: str) -> None:
    told = run_env(host(), "export", target)
    assert told[:2] == (code, "") and said in told[2] and told[2].count("\n") == 1


def test_a_listing_that_broke_off_is_the_reason(run_env: RunEnv) -> None:
    broken = replace(host(), problem=EngineTimeout("The listing is not complete", "it took too long"))
    code, _, err = run_env(broken, "export", "dl-dev/nosuch")
    assert code == 1 and "it took too long" in err


def test_hostile_text_reaches_no_terminal(run_env: RunEnv) -> None:
    bad = replace(
        VISION, name=HOSTILE, prefix="/h", problems=(HOSTILE,),
        pip=(PipRecord(HOSTILE, "1"), PipRecord("a", "1", editable=HOSTILE)),
    )  # fmt: skip
    code, out, err = run_env(Recorded({"box": (bad,)}), "export", "box//h")
    assert code == 0 and "\x1b" not in out + err
    assert len(err.splitlines()) == 4 and yaml.safe_load(out)


def test_force_needs_a_file(run_env: RunEnv) -> None:
    assert run_env(host(), "export", "dl-dev/vision", "--force")[0] == 2


def test_a_host_without_the_ability(run_env: RunEnv) -> None:
    code, _, err = run_env(replace(host().station(), records=None), "export", "dl-dev/vision")
    assert code == 1 and err.startswith("envtui: No records")
