"""`envtui env check`: findings for people and scripts, a corrected file, and an exit status to rely on."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tui.cli import main

FILES = Path(__file__).parents[1] / "fixtures" / "environment_files"
OFTEN_COPIED = FILES / "faulty" / "often_copied.yml"
HOSTILE = "\x1b[31mred\n分割"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr; there is no engine."""
        environ = {
            "XDG_CONFIG_HOME": str(tmp_path),
            "HOME": str(tmp_path),
            "DOCKER_HOST": f"unix://{tmp_path}/no.sock",
        }
        code = main(["env", "check", *arguments], environ)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def put_on_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))


def test_people_read_place_fault_and_the_right_line(run: Run) -> None:
    code, out, err = run(str(OFTEN_COPIED))
    assert (code, err) == (1, "")
    assert out.splitlines()[2:4] == [
        f"{OFTEN_COPIED}:8: error: torchvision =0.14 belongs to torch 1.13, not to pytorch =2.9 (line 7)",
        "    instead: - torchvision=0.24",
    ]
    assert len(out.splitlines()) == 6


def test_a_line_that_goes_and_one_that_comes(run: Run) -> None:
    _, out, _ = run(str(FILES / "faulty" / "no_pip.yml"))
    assert "    instead: (nothing)\n" in out
    assert "    instead: - pip\n             - pip:\n" in out


def test_scripts_get_an_object(run: Run) -> None:
    code, out, _ = run(str(OFTEN_COPIED), "--json")
    told = json.loads(out)
    assert code == 1
    assert told["file"] == str(OFTEN_COPIED)
    assert [each["line"] for each in told["problems"]] == [3, 8, 9]
    assert told["problems"][1] == {
        "line": 8,
        "text": "torchvision=0.14",
        "severity": "error",
        "rule": "torch-family",
        "message": "torchvision =0.14 belongs to torch 1.13, not to pytorch =2.9 (line 7)",
        "corrected": "  - torchvision=0.24",
        "source": "https://github.com/pytorch/vision/blob/main/README.md; "
        "https://docs.pytorch.org/audio/2.11.0/installation.html",
    }


@pytest.mark.parametrize("file", sorted((FILES / "right").iterdir(), key=str))
def test_a_right_file_has_nothing(run: Run, file: Path) -> None:
    assert run(str(file)) == (0, "", "")
    assert json.loads(run(str(file), "--json")[1])["problems"] == []


def test_warnings_alone_are_no_failure(run: Run) -> None:
    code, out, _ = run(str(FILES / "faulty" / "discontinued_channel.yml"))
    assert code == 0 and ":3: warning: " in out and "instead" not in out


def test_fix_prints_the_file_and_says_the_findings_elsewhere(run: Run, tmp_path: Path) -> None:
    code, out, err = run(str(OFTEN_COPIED), "--fix")
    assert code == 0 and ":8: error: " in err
    (tmp_path / "fixed.yml").write_text(out, encoding="utf-8")
    assert run(str(tmp_path / "fixed.yml")) == (0, "", "")


def test_fix_leaves_what_it_can_t_correct(run: Run) -> None:
    file = FILES / "faulty" / "compose_file.yml"
    code, out, err = run(str(file), "--fix")
    assert (code, out) == (1, file.read_text(encoding="utf-8"))
    assert ":1: error: " in err


def test_fix_keeps_every_byte_of_a_right_file(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes("\ufeffchannels: [conda-forge]\r\n# 分割\r\ndependencies: [python]".encode())
    code, out, err = run(str(file), "--fix")
    assert (code, out.encode(), err) == (0, file.read_bytes(), "")


def test_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    put_on_stdin(monkeypatch, OFTEN_COPIED.read_bytes())
    code, out, _ = run("-")
    assert code == 1 and out.startswith("standard input:3: error: ")
    put_on_stdin(monkeypatch, OFTEN_COPIED.read_bytes())
    assert json.loads(run("-", "--json")[1])["file"] == "-"


def test_a_driver_by_its_version(run: Run) -> None:
    file = str(FILES / "faulty" / "driver_too_old.yml")
    assert run(file, "--driver", "580.95.05") == (0, "", "")
    code, out, _ = run(file, "--driver", "550.54.15")
    assert code == 1 and "needs driver 580 or newer, this host has 550.54.15" in out


def test_the_driver_of_the_settings(run: Run, tmp_path: Path) -> None:
    (tmp_path / "envtui").mkdir()
    (tmp_path / "envtui" / "config.yaml").write_text("gpu: {driver_version: 550.54.15}\n", encoding="utf-8")
    code, out, _ = run(str(FILES / "faulty" / "driver_too_old.yml"))
    assert code == 1 and ":7: error: CUDA 13.0 " in out


def test_a_driver_of_another_machine_is_not_asked(run: Run) -> None:
    file = str(FILES / "faulty" / "driver_too_old.yml")
    assert run(file, "--host", "tcp://192.0.2.1:2375") == (0, "", "")
    assert run(file, "--host", "nonsense") == (0, "", "")


@pytest.mark.parametrize("version", ["new", "", "550;1", "5", "٥٥٠", "550.54.15\n"])
def test_a_driver_that_is_no_version(run: Run, version: str) -> None:
    code, out, err = run(str(OFTEN_COPIED), "--driver", version)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and "--driver" in err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: [", "line 1"),
        (b"- a\n", "line 1: found a list, expected a mapping"),
        (b"a: \xff\n", "line 1: found the byte 0xFF, expected UTF-8"),
        ("name: a\n".encode("utf-16"), "found UTF-16, expected UTF-8"),
        (b"#" * (5 << 20), "larger than 4 MiB"),
    ],
)
def test_what_can_t_be_read_is_said_in_one_line(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(content)
    code, out, err = run(str(file))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1 and said in err and str(file) in err


@pytest.mark.parametrize("name", ["nothing.yml", ".", "a\0b"])
def test_a_file_that_is_not_there(run: Run, tmp_path: Path, name: str) -> None:
    code, out, err = run(str(tmp_path / name))
    assert (code, out) == (1, "")
    assert err.count("\n") == 1 and "can't be read" in err


def test_hostile_text_stays_in_its_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / f"{HOSTILE}.yml"
    file.write_text('dependencies: ["\\x1b[31mred\\n", "分割 \\u202e"]\n', encoding="utf-8")
    code, out, err = run(str(file))
    assert code == 1 and err == ""
    assert len(out.splitlines()) == 2 and "\x1b" not in out and "\u202e" not in out


@pytest.mark.parametrize("arguments", [[], ["a.yml", "--json", "--fix"], ["a.yml", "b.yml"]])
def test_wrong_usage(run: Run, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2


def test_env_alone_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["env"], {})
    assert ended.value.code == 2
