"""The script that containers run to tell of their processes, in each shell; strange answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rig.image import find_program
from tests.rig.waiting import until
from tui.backends.gpu import inside
from tui.backends.gpu.inside import Wanted, matched, read
from tui.backends.gpu.process_files import ProcessFiles
from tui.model.owners import Clues, prefix_of

SHELLS = {"dash": ["dash"], "bash": ["bash", "--posix"], "busybox": ["busybox", "ash"]}
TOKEN = "0123456789abcdef"


@contextmanager
def running(program: Path, *command: str | bytes, environ: Mapping[bytes, bytes] = {}) -> Iterator[int]:
    """A process that waits; its number."""
    process = subprocess.Popen([*command, "9999"], executable=program, env=environ)
    try:
        exe = f"/proc/{process.pid}/exe"
        until(lambda: os.readlink(exe) == str(program.resolve()), message="it runs")
        yield process.pid
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def sleep(tmp_path: Path) -> Path:
    """A program that waits, in a conda environment of a strange name."""
    return put_sleep(tmp_path / "opt/conda/envs/new\nline 'and\" more\t")


def put_sleep(prefix: Path) -> Path:
    busybox = find_program("busybox")
    assert busybox is not None
    (prefix / "bin").mkdir(parents=True)
    (prefix / "conda-meta").mkdir()
    return Path(shutil.copy(busybox, prefix / "bin/sleep"))


def wanted(pid: int) -> Wanted:
    files = ProcessFiles()
    return Wanted(pid, files.stat(pid).start_ticks, files.status(pid).numbers)


def told(shell: str, *pids: int, environ: Mapping[str, str] | None = None) -> Mapping[int, Clues]:
    """What the script says of processes of this machine."""
    if shutil.which(SHELLS[shell][0]) is None:
        pytest.skip(f"no {shell} here")
    done = subprocess.run(
        [*SHELLS[shell], "-c", inside.script(), "inside", TOKEN, *map(str, pids)],
        env=environ or {"PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert done.stderr == b""
    assert done.stdout.endswith(f"{TOKEN}\0Z\0".encode())
    return matched(read(done.stdout, TOKEN).processes, map(wanted, pids))


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_says_what_proc_says(shell: str, sleep: Path) -> None:
    prefix = sleep.parents[1]
    environ = {
        b"CONDA_PREFIX": os.fsencode(prefix),
        b"CONDA_DEFAULT_ENV": b"new\nline \xff",
        b"TRAP": f"\n{TOKEN}\nVIRTUAL_ENV=/nowhere\n".encode() + bytes(range(1, 256)),
        b"PADDING": b"x" * 30_000,
    }
    with running(sleep, "sleep", environ=environ) as pid:
        found = told(shell, pid)[pid]
        assert found == ProcessFiles().clues(pid, b"sleep\0009999\0")
    assert found.program == str(sleep)
    assert found.conda_name == "new\nline \udcff"
    assert found.conda_prefixes == (str(prefix),)
    assert prefix_of(found) == str(prefix)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_venv_by_a_path_through_a_link_and_from_a_folder(
    shell: str, sleep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = tmp_path / "data/.venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text("home = x\n")
    (venv / "bin/python").symlink_to(sleep)
    (tmp_path / "work").symlink_to("data")
    monkeypatch.chdir(tmp_path / "data")
    named = {b"VIRTUAL_ENV": os.fsencode(tmp_path / "work/.venv")}
    with (
        running(sleep, f"{tmp_path}/work/.venv/bin/sleep") as by_path,
        running(sleep, ".venv/bin/sleep") as from_folder,
        running(sleep, "sleep", environ=named) as by_name,
    ):
        found = told(shell, by_path, from_folder, by_name)
        here = {
            each: ProcessFiles().clues(each, Path(f"/proc/{each}/cmdline").read_bytes()) for each in found
        }
    assert {each.venvs for each in found.values()} == {(str(venv),)}
    assert found[by_path].first_word == str(venv / "bin/sleep") == found[from_folder].first_word
    assert found[by_name].virtual_env == str(venv)
    assert found == here


@pytest.mark.parametrize("shell", SHELLS)
def test_without_readlink(shell: str, tmp_path: Path) -> None:
    sleep = put_sleep(tmp_path / "opt/conda/envs/vision")
    only = tmp_path / "bin"
    only.mkdir()
    for name in ("ls", "cat", "tr"):
        (only / name).symlink_to(shutil.which(name) or "")
    if shell == "busybox":
        pytest.skip("it has readlink in itself")
    (only / SHELLS[shell][0]).symlink_to(shutil.which(SHELLS[shell][0]) or "")
    with running(sleep, "sleep") as pid:
        found = told(shell, pid, environ={"PATH": str(only)})[pid]
    assert (found.program, found.conda_prefixes) == (str(sleep), (str(tmp_path / "opt/conda/envs/vision"),))


def test_a_process_that_is_gone_is_left_out(sleep: Path) -> None:
    with running(sleep, "sleep") as pid:
        gone = wanted(pid)
    done = subprocess.run(
        ["sh", "-c", inside.script(), "inside", TOKEN, str(pid)], capture_output=True, check=True
    )
    assert matched(read(done.stdout, TOKEN).processes, [gone]) == {}


def record(
    number: int, ticks: int, again: int | None = None, numbers: str = "", program: str = "/x"
) -> bytes:
    """What the script prints of one process."""
    stat = f"{number} (a) b) S 1 {'0 ' * 17}%d 0"
    line = f"NSpid:\t{numbers or number}"
    fields = [TOKEN, "R", str(number), stat % ticks, line, program, "", "", "", "", "A=b\0", TOKEN, "S"]
    return "\0".join([*fields, str(number), stat % (ticks if again is None else again), ""]).encode()


class TestMatched:
    def test_only_the_very_process(self) -> None:
        processes = read(record(12, 500) + record(13, 600), TOKEN).processes
        assert matched(processes, [Wanted(70, 500, (70, 12))]) == {70: Clues("/x")}
        assert matched(processes, [Wanted(70, 501, (70, 12))]) == {}

    def test_not_one_whose_number_was_given_away_in_between(self) -> None:
        assert read(record(12, 500, again=501), TOKEN).processes == {}

    def test_not_one_of_the_same_number_in_another_numbering(self) -> None:
        # 70 on the host, 12 in the container, 1 further inside; the container's first began with it
        inner = record(12, 500, numbers="12\t1", program="/inner")
        processes = read(record(1, 500, program="/init") + inner, TOKEN).processes
        assert matched(processes, [Wanted(70, 500, (70, 12, 1))]) == {70: Clues("/inner")}
        assert matched({12: processes[12]}, [Wanted(70, 500, (70, 12))]) == {}

    def test_one_of_a_container_that_counts_as_the_host_does(self) -> None:
        processes = read(record(70, 500), TOKEN).processes
        assert set(matched(processes, [Wanted(70, 500, (70,))])) == {70}


def test_an_answer_that_was_cut_off_tells_what_had_come() -> None:
    whole = f"{TOKEN}\0V\00099\0".encode() + record(12, 500) + record(13, 600)
    for length in range(len(whole)):
        answer = read(whole[:length], TOKEN)
        assert set(answer.processes) <= {12, 13}
    assert (answer.process_id, set(answer.processes)) == (99, {12})
    assert set(read(whole, TOKEN).processes) == {12, 13}


@given(st.binary(max_size=300))
def test_any_bytes_are_read(noise: bytes) -> None:
    assert read(noise, TOKEN).processes == {}
    assert set(read(record(12, 500) + noise, TOKEN).processes) == {12}
    framed = TOKEN.encode() + b"\0R\0" + noise + b"\0" + TOKEN.encode() + b"\0S\0" + noise + b"\0"
    read(framed, TOKEN)
