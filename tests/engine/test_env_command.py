"""`envtui env` as a shell starts it, on a real engine with managers that really install."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.engine.change_box import ChangeBox, create
from tests.engine.program import ENVTUI, on_terminal
from tests.rig.manager_image import FROZEN, TRAIN
from tests.rig.waiting import until

_SECONDS = 180.0
_NAMES = ["with space", 'it\'s "q" $HOME `id`', "深層 学習", "new\nline"]


def env(box: ChangeBox, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`envtui env …` without a terminal."""
    verb, *more = words
    return subprocess.run(
        [*ENVTUI, "env", verb, "--host", box.engine.host, *more],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def done(answer: subprocess.CompletedProcess[str]) -> str:
    """What it printed; it must have ended well."""
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.by_default("yml", "explicit")
@pytest.mark.parametrize("format", ["yml", "history", "explicit"])
def test_exported_made_elsewhere_and_compared_there_is_no_difference(
    change_box: ChangeBox, tmp_path: Path, format: str
) -> None:
    box = change_box
    box.run("lab")
    box.run("other")
    packages = ("python", "pip", "numpy<2", "rig-meta", "--pip", "einops==0.7.0")
    done(env(box, "create", "lab/source", "-y", "-c", "file:///channel", *packages))
    file = tmp_path / ("made.txt" if format == "explicit" else "made.yml")
    done(env(box, "export", "lab/source", "--format", format, "--output", str(file)))
    done(env(box, "create", "other/made", "-y", "-f", str(file)))
    compared = env(box, "diff", "lab/source", "other/made", "--json")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert json.loads(compared.stdout)["differences"] == []
    assert env(box, "diff", "other/made", str(file)).returncode == 0
    there = box.packages(box.container("other"), "/opt/conda/envs/made")
    assert (there["numpy"].version, there["einops"].version) == ("1.26.4", "0.7.0")
    # and they are told apart where they differ
    done(env(box, "install", "other/made", "-y", "rig-part00", "numpy=2"))
    assert env(box, "diff", "lab/source", "other/made").returncode == 1


@pytest.mark.parametrize("way", ["packages", "archive"])
def test_copied_to_another_container_there_is_no_difference(change_box: ChangeBox, way: str) -> None:
    box = change_box
    box.run("lab")
    box.run("other")
    done(env(box, "create", "lab/source", "-y", "python", "numpy<2", "rig-meta"))
    done(env(box, "copy", "lab/source", "other/source", "-y", "--by", way))
    compared = env(box, "diff", "lab/source", "other/source")
    assert compared.returncode == 0, compared.stdout
    python = "/opt/conda/envs/source/bin/python"
    assert "3.11" in box.shell(box.container("other"), '"$1" --version', python)
    again = env(box, "copy", "lab/source", "other/source", "-y", "--by", way)
    assert again.returncode == 1 and "there" in again.stderr


@pytest.mark.by_default('it\'s "q" $HOME `id`', "new\\nline")
@pytest.mark.parametrize("name", _NAMES)
def test_any_name_in_every_command(change_box: ChangeBox, tmp_path: Path, name: str) -> None:
    box = change_box
    container = box.run("lab", args=("--env", "RIG_VERSION=26.1.0"))
    prefix = f"/opt/conda/envs/{name}"
    target = f"lab/{prefix}"
    made = env(box, "create", target, "-y", "python", "rig-part00")
    if "\n" in name:
        # envtui makes none that no terminal can show; others may have
        assert made.returncode == 2 and len(made.stderr.splitlines()) == 1
        change = create(container, prefix, ("python", "rig-part00"))
        box.end(container, box.changes.start(container, change))
    else:
        done(made)
    done(env(box, "install", target, "-y", "numpy<2"))
    done(env(box, "update", target, "-y", "numpy"))
    done(env(box, "remove", target, "-y", "rig-part00"))
    assert set(box.packages(container, prefix)) == {"python", "numpy"}
    exported = done(env(box, "export", target, "--format", "explicit"))
    (tmp_path / "lock.txt").write_text(exported)
    assert env(box, "diff", target, str(tmp_path / "lock.txt")).returncode == 0
    # what envtui makes has a name that can be shown
    twin, moved = (f"/opt/conda/envs/{name} {word}".replace("\n", " ") for word in ("twin", "moved"))
    done(env(box, "clone", target, twin, "-y"))
    done(env(box, "rename", f"lab/{twin}", moved, "-y"))
    assert env(box, "diff", target, f"lab/{moved}").returncode == 0
    for each in (target, f"lab/{moved}"):
        done(env(box, "remove", each, "-y"))
    assert {prefix, twin, moved}.isdisjoint(box.listed(container))
    assert box.locks(container) == [] and box.processes(container) == []


@pytest.mark.by_default("base-yes", "/opt/conda/envs/frozen-dry run")
@pytest.mark.parametrize("more", [("-y",), ("--dry-run",)], ids=["yes", "dry run"])
@pytest.mark.parametrize("name", ["base", "/opt/conda", "frozen", FROZEN])
def test_base_and_frozen_are_left_as_they_are(
    change_box: ChangeBox, tmp_path: Path, name: str, more: tuple[str, ...]
) -> None:
    box = change_box
    container = box.run("lab")
    before = [box.base_bytes(container, each) for each in ("/opt/conda", FROZEN)]
    file = tmp_path / "environment.yml"
    file.write_text("channels: [nodefaults]\ndependencies: [numpy]\n")
    target = f"lab/{name}"
    for words in (
        ["install", target, "numpy"],
        ["install", target, "--pip", "einops"],
        ["update", target],
        ["update", target, "-f", str(file)],
        ["remove", target, "numpy"],
        ["remove", target],
        ["rename", target, "other"],
    ):
        answer = env(box, *words, *more)
        assert answer.returncode == 1, (words, answer.stdout)
        assert re.search("base|frozen", answer.stderr), answer.stderr
    if name.startswith("/"):
        answer = env(box, "create", target, *more, "numpy")
        assert answer.returncode == 1, answer.stdout
    assert [box.base_bytes(container, each) for each in ("/opt/conda", FROZEN)] == before
    assert box.traces(container) == []


def test_ambiguous_name_lists_the_candidates(change_box: ChangeBox) -> None:
    box = change_box
    box.run("lab")
    done(env(box, "create", "lab/plain", "-y", "rig-part00"))
    answer = env(box, "install", "lab/plain", "-y", "rig-part01")
    assert answer.returncode == 2
    assert "/opt/conda/envs/plain" in answer.stderr and "/opt/venvs/plain" in answer.stderr
    exported = env(box, "export", "lab/plain")
    assert exported.returncode == 2 and exported.stdout == ""


def test_read_only_changes_nothing_and_runs_nothing(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run("lab")
    before = box.engine.request("GET", f"/containers/{container.id}/changes")[1]
    for words in (["create", "lab/new", "numpy"], ["remove", "lab/train"], ["clean", "lab"], ["jobs", "lab"]):
        answer = env(box, *words, "--read-only", *(["-y"] if words[0] != "jobs" else []))
        assert answer.returncode == 1 and "read-only" in answer.stderr.lower(), (words, answer.stderr)
    assert box.engine.request("GET", f"/containers/{container.id}/changes")[1] == before


def test_without_a_yes_and_a_terminal_nothing_is_done(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run("lab")
    answer = env(box, "remove", "lab/train")
    assert answer.returncode == 2 and "--yes" in answer.stderr
    assert box.has(container, TRAIN)


def test_two_of_the_program_at_once_the_second_is_refused(change_box: ChangeBox) -> None:
    box = change_box
    container = box.run("lab", step=0.3)
    argv = [*ENVTUI, "env", "install", "--host", box.engine.host, "lab/train", "-y", "rig-meta"]
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=-1, stderr=-1) as first:
        [job] = until(lambda: box.changes.jobs(container), 120, "the first is at work")
        # it stands still, or it would be another environment that the second one looks at, or over
        box.shell(container, 'kill -STOP "-$1"', str(job.pid))
        second = env(box, "remove", "lab/train", "-y")
        assert second.returncode == 1 and "under way" in second.stderr
        box.shell(container, 'kill -CONT "-$1"', str(job.pid))
        first.communicate(timeout=_SECONDS)
    assert first.returncode == 0 and box.has(container, TRAIN)


def test_killed_screen_finds_its_job_again(change_box: ChangeBox, tmp_path: Path) -> None:
    box = change_box
    container = box.run("lab", step=0.4)
    home = {"HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    with on_terminal("--host", box.engine.host, env=home) as first:
        first.wait_for("lab")
        first.press("2")
        first.wait_for("frozen")
        first.press(":")
        first.send("create an environment…")
        first.wait_for("Create an environment…")
        first.press("enter")
        first.wait_for("New environment in lab")
        first.send("again\t\trig-meta\r")
        first.wait_for(r"Create again in lab\?")
        first.press("right", "enter")
        first.wait_for("◌ running")
        first.signal(signal.SIGKILL)
        first.wait_exit()
    with on_terminal("--host", box.engine.host, env=home) as second:
        second.wait_for("lab")
        second.press("2")
        second.wait_for("frozen")
        second.press("J")
        second.wait_for("Create again in lab")
        second.wait_for("● done", timeout=60)
        second.press("esc")
        second.wait_for("2 Environments")
        second.press("q")
        second.wait_exit()
    assert "rig-part00" in box.packages(container, "/opt/conda/envs/again")
    assert box.processes(container) == []
