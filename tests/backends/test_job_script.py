"""The scripts that carry changes out run in each shell that is somewhere `sh`: here, without an engine."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import pytest

from tests.rig.waiting import until

SECONDS = 60.0
_SHELLS = {"dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}
_FOLDER = files("tui.backends.conda")
_COMMON, _JOB, _CONTROL = (
    (_FOLDER / name).read_text("ascii") for name in ("job_common.sh", "job.sh", "job_control.sh")
)
_WAIT = "echo begun >&2; while :; do sleep 0.05; done"


@dataclass
class Box:
    """Jobs of one make-believe container, in the folders of this machine that they use."""

    shell: Sequence[str]
    home: Path
    container: str = field(default_factory=lambda: f"unit-{uuid.uuid4().hex}")
    environment: dict[str, str] = field(default_factory=dict)
    begun: list[tuple[str, subprocess.Popen[bytes]]] = field(default_factory=list)

    def start(
        self,
        *commands: Sequence[str],
        makes: str = "",
        keeps: bool = False,
        undo_before: int = 0,
        root: str = "",
        locks: Sequence[str] = (),
        guards: Sequence[tuple[str, str]] = (),
        file: bytes | None = None,
        file_bytes: int | None = None,
        mode: str = "run",
        variables: Sequence[str] = (),
    ) -> tuple[str, list[str]]:
        """Begin a job: its id, and what it answers."""
        name, job_id = ("file.txt" if file is not None else ""), uuid.uuid4().hex[:16]
        size = len(file or b"") if file_bytes is None else file_bytes
        argv = [*self.shell, "-c", _COMMON + _JOB, "job", job_id, mode, self.container, "{}", name, str(size)]
        argv += ["TOKEN", makes, "y" if keeps else "", str(undo_before), root, str(len(locks)), *locks]
        argv += [str(len(guards)), *(word for each in guards for word in each)]
        for words in commands:
            argv += ["-", str(len(variables)), *variables, str(len(words)), *words]
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **self.environment},
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(file or b"")
        process.stdin.close()
        # it closes its output when it begins
        answer = process.stdout.read().decode("utf-8", "surrogateescape").split("\0")[:-1]
        process.stdout.close()
        self.begun.append((job_id, process))
        return job_id, answer

    def control(self, *words: str) -> list[str]:
        """What the other script answers."""
        argv = [*self.shell, "-c", _COMMON + _CONTROL, "control", self.container, *words]
        done = subprocess.run(
            argv, capture_output=True, timeout=SECONDS, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), **self.environment},
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode("utf-8", "surrogateescape").split("\0")

    def end(self, job_id: str) -> list[str]:
        """The lines of its status once it is over."""
        self.process(job_id).wait(SECONDS)
        return self.told(job_id)[6].split("\n")

    def told(self, job_id: str) -> list[str]:
        """job, folder, uid, alive, pid, since, size, status, change."""
        return self.control("news", job_id, "0", "0")[2:][1:]

    def log(self, job_id: str) -> str:
        """What it printed."""
        return self.control("news", job_id, "0", "100000")[-1]

    def process(self, job_id: str) -> subprocess.Popen[bytes]:
        """Its first one."""
        return dict(self.begun)[job_id]

    def session(self, job_id: str) -> list[int]:
        """All that runs in its session; what the system's first process has yet to bury does not."""
        found = []
        for each in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                state, _, _, session = each.read_text().rpartition(") ")[2].split()[:4]
                if int(session) == self.process(job_id).pid and state != "Z":
                    found.append(int(each.parent.name))
        return found

    def clean(self) -> None:
        """Nothing runs and nothing lies around any more."""
        for job_id, process in self.begun:
            for pid in self.session(job_id):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            process.wait(SECONDS)
            # what was killed is still there for a moment, and with it the job
            until(lambda job_id=job_id: not self.session(job_id))  # type: ignore[misc]
            self.control("away", job_id)


@pytest.fixture(params=["dash", "busybox", pytest.param("bash", marks=pytest.mark.slow)])
def box(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Box]:
    """Jobs by one of the shells."""
    name, *words = _SHELLS[request.param]
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    made = Box([program, *words], tmp_path)
    yield made
    made.clean()


def test_arguments_and_variables_come_as_they_are(box: Box, tmp_path: Path) -> None:
    words = ["a b", "", "'\"$HOME`id`\\", "学习", "new\nline", "*", "-n", "last\n"]
    variables = ["RIG=x 'y' $z\n\"", "OTHER=学"]
    shown = 'printf "<%s>" "$RIG" "$OTHER" "$@"'
    job_id, answer = box.start(["/bin/sh", "-c", shown, "sh", *words], variables=variables)
    assert answer[0] == "started" and answer[1] == str(box.process(job_id).pid)
    assert box.end(job_id) == ["done", "0", "1"]
    assert box.log(job_id) == "<x 'y' $z\n\"><学>" + "".join(f"<{each}>" for each in words)
    assert box.session(job_id) == []


def test_a_manager_gets_the_surroundings_of_the_container(box: Box) -> None:
    box.environment = {"LC_ALL": "C.UTF-8", "PATH": "/nonexistent"}
    shown = 'echo "$LC_ALL $(umask) $PWD"; trap; read x || echo nothing to read'
    job_id, _ = box.start(["sh", "-c", shown])
    assert box.end(job_id)[0] == "done"
    assert box.log(job_id) == f"C.UTF-8 {_umask()} /\nnothing to read\n"


def _umask() -> str:
    now = os.umask(0o22)
    os.umask(now)
    return f"{now:04o}"


def test_a_program_that_was_told_to_ignore_nothing_ignores_nothing(box: Box) -> None:
    job_id, _ = box.start(["/bin/sh", "-c", "grep SigIgn /proc/self/status"])
    box.end(job_id)
    assert int(box.log(job_id).split()[1], 16) & (1 << 1 | 1 << 14) == 0


def test_the_first_failure_ends_it(box: Box, tmp_path: Path) -> None:
    made = tmp_path / "made"
    job_id, _ = box.start(["true"], ["sh", "-c", "exit 7"], ["touch", str(made)])
    assert box.end(job_id) == ["failed", "7", "2"]
    assert not made.exists()


def test_what_can_not_be_run_is_a_failure(box: Box) -> None:
    job_id, _ = box.start(["/nonexistent/conda", "create"])
    assert box.end(job_id)[:2] == ["failed", "127"]
    assert "/nonexistent/conda" in box.log(job_id)


def test_a_file_comes_whole_or_nothing_is_done(box: Box, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    copy = tmp_path / "copy"
    job_id, _ = box.start(["cp", "TOKEN", str(copy)], file=content)
    assert box.end(job_id)[0] == "done" and copy.read_bytes() == content
    copy.unlink()
    _, answer = box.start(["cp", "TOKEN", str(copy)], file=content[:1000], file_bytes=300_000, locks=["abc"])
    assert answer[:2] == ["refused", "file"]
    assert not copy.exists() and not list(Path(f"/tmp/envtui-jobs-{os.getuid()}").glob("locks/abc"))


def test_plans_keep_their_outputs_apart_and_are_no_jobs(box: Box) -> None:
    job_id, _ = box.start(
        ["sh", "-c", "echo out; echo err >&2"], ["sh", "-c", "echo two; exit 3"], mode="plan"
    )
    assert box.process(job_id).wait(SECONDS) == 0
    told = box.control("results", job_id, "1000")
    assert told[11:] == ["result", "1", "0", "4", "4", "out\nerr\nresult", "2", "3", "4", "0", "two\nend", ""]
    assert box.control("list")[2:] == ["end", ""]
    assert box.control("results", job_id, "1000")[11:] == told[11:], "a list takes nothing from its asker"


@pytest.mark.parametrize("is_plan", [True, False])
def test_what_nobody_asks_for_is_put_away_after_a_minute(box: Box, is_plan: bool) -> None:
    job_id, answer = box.start(["sh", "-c", "echo out"], mode="plan" if is_plan else "run")
    assert box.process(job_id).wait(SECONDS) == 0
    folder = Path(answer[3])
    if not is_plan:
        # ended before it had begun
        (folder / "log").unlink()
        (folder / "status").unlink()
    for _ in range(2):
        assert box.control("list")[2:] == ["end", ""]
    mark = folder / "unasked"
    seen, life = mark.read_text().splitlines()
    mark.write_text(f"{int(seen) - 30}\n{life}\n")
    box.control("list")
    # of a container that was started again since, and half written
    for not_of_now in (f"{int(seen) - 100}\n{life}0\n", f"{int(seen) - 100}", "", "x\n"):
        mark.write_text(not_of_now)
        box.control("list")
        assert mark.read_text().splitlines()[1:] == [life]
    mark.write_text(f"{int(seen) - 100}\n{life}\n")
    assert box.control("list")[2:] == ["end", ""]
    assert not folder.exists()


def test_a_job_that_begins_beside_a_list_is_told_by_the_next(box: Box) -> None:
    job_id, answer = box.start(["sh", "-c", "echo out"])
    assert box.process(job_id).wait(SECONDS) == 0
    log = Path(answer[3]) / "log"
    log.rename(log.with_name("later"))
    assert box.control("list")[2:] == ["end", ""]
    log.with_name("later").rename(log)
    assert box.control("list")[2:4] == ["job", answer[3]]


def test_a_plan_that_runs_is_not_put_away(box: Box) -> None:
    job_id, answer = box.start(["sh", "-c", _WAIT], mode="plan")
    box.control("list")
    assert Path(answer[3]).is_dir()
    assert box.control("cancel", job_id, "5")[9].startswith("cancelled")


def test_output_of_a_plan_has_a_bound(box: Box) -> None:
    job_id, _ = box.start(["sh", "-c", "printf 1234567890"], mode="plan")
    box.process(job_id).wait(SECONDS)
    assert box.control("results", job_id, "4")[11:] == ["result", "1", "0", "4", "0", "1234end", ""]


@pytest.mark.parametrize("last", ["other\n", "other"])
def test_called_off_nothing_of_it_is_left(box: Box, tmp_path: Path, last: str) -> None:
    made = tmp_path / "new\nline 'q' $x" / "env"
    listed = box.home / ".conda/environments.txt"
    listed.parent.mkdir()
    listed.write_text(f"one\n{made}\n{made}\n{made}/below\n{last}")
    script = 'mkdir -p "$1/conda-meta"; : >"$1/conda-meta/history"; ' + _WAIT
    job_id, _ = box.start(["sh", "-c", script, "sh", str(made)], makes=str(made), locks=["abc1"], keeps=True)
    until(lambda: "begun" in box.log(job_id))
    told = box.control("cancel", job_id, "5")
    assert told[9].split("\n") == ["cancelled", "130", "1"] and told[5] == "n"
    assert not made.exists() and box.session(job_id) == []
    assert listed.read_text() == f"one\n{made}/below\nother\n"
    assert "removing what was begun" in box.log(job_id)
    assert not (Path(told[3]).parent / "locks/abc1").exists()


def test_a_list_without_the_prefix_is_not_written(box: Box, tmp_path: Path) -> None:
    listed = box.home / ".conda/environments.txt"
    listed.parent.mkdir()
    listed.write_text("one\ntwo")
    before = listed.stat().st_mtime_ns
    made = tmp_path / "env"
    job_id, _ = box.start(["sh", "-c", 'mkdir "$1"; exit 1', "sh", str(made)], makes=str(made))
    assert box.end(job_id)[0] == "failed" and not made.exists()
    assert (listed.stat().st_mtime_ns, listed.read_text()) == (before, "one\ntwo")


@pytest.mark.by_default("dash-TERM", "busybox-INT TERM")
@pytest.mark.parametrize("deaf", ["TERM", "INT TERM"])
def test_what_its_program_left_behind_can_not_spoil_the_undoing(box: Box, tmp_path: Path, deaf: str) -> None:
    # the program ends at once, a child of it hears nothing and makes the prefix again and again
    made = tmp_path / "env"
    child = f'trap \'\' {deaf}; while :; do mkdir -p "$1"; : >"$1/file"; done'
    script = f'(sh -c "$2" sh "$1") & while ! [ -e "$1/file" ]; do :; done; {_WAIT}'
    job_id, _ = box.start(["sh", "-c", script, "sh", str(made), child], makes=str(made))
    until(lambda: "begun" in box.log(job_id))
    told = box.control("cancel", job_id, "2")
    assert told[9].startswith("cancelled") and not told[9].endswith("\ny")
    assert not made.exists() and box.session(job_id) == []


def test_a_failed_program_leaves_nothing_running(box: Box, tmp_path: Path) -> None:
    made = tmp_path / "env"
    script = '(while :; do mkdir -p "$1"; sleep 0.01; done) & while ! [ -e "$1" ]; do :; done; exit 4'
    job_id, _ = box.start(["sh", "-c", script, "sh", str(made)], makes=str(made))
    assert box.end(job_id) == ["failed", "4", "1"]
    assert box.session(job_id) == [] and not made.exists()


def test_what_was_there_before_stays(box: Box, tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    there.mkdir()
    link.symlink_to("nowhere")
    for each in (there, link):
        _, answer = box.start(["touch", f"{each}/x"], makes=str(each), guards=[("absent", str(each))])
        assert answer == ["refused", "absent", str(each)]
    # or came in between
    job_id, _ = box.start(["test", "!", "-e", str(there)], ["touch", f"{there}/x"], makes=str(there))
    assert box.end(job_id) == ["failed", "1", "1"]
    assert there.is_dir() and link.is_symlink() and not list(there.iterdir())


def test_a_part_that_is_done_stays_after_a_failure_where_that_is_wanted(box: Box, tmp_path: Path) -> None:
    for keeps in (True, False):
        made = tmp_path / f"env-{keeps}"
        job_id, _ = box.start(["mkdir", str(made)], ["false"], makes=str(made), keeps=keeps)
        assert box.end(job_id) == ["failed", "1", "2", *(["y"] if keeps else [])]
        assert made.exists() is keeps


def test_from_the_last_command_on_a_renamed_one_stays(box: Box, tmp_path: Path) -> None:
    made = tmp_path / "env"
    job_id, _ = box.start(["mkdir", str(made)], ["sh", "-c", _WAIT], makes=str(made), undo_before=2)
    until(lambda: "begun" in box.log(job_id))
    assert box.control("cancel", job_id, "5")[9] == "cancelled\n130\n2\ny"
    assert made.exists()


def test_nobody_is_hurt_who_stands_outside(box: Box) -> None:
    other, _ = box.start(["sh", "-c", _WAIT])
    job_id, _ = box.start(["sh", "-c", _WAIT])
    until(lambda: "begun" in box.log(job_id) and "begun" in box.log(other))
    box.control("cancel", job_id, "5")
    assert box.told(other)[2] == "y" and len(box.session(other)) >= 2


def test_a_session_of_its_own_that_descends_from_it_goes_with_it(box: Box) -> None:
    job_id, _ = box.start(["sh", "-c", f"setsid sh -c '{_WAIT} # {box.container}'; :"])
    until(lambda: "begun" in box.log(job_id))
    assert box.control("cancel", job_id, "5")[9].startswith("cancelled")
    found = subprocess.run(["pgrep", "-f", f"# {box.container}"], capture_output=True, check=False)
    assert found.stdout == b""


def test_a_job_whose_first_process_was_killed_is_at_work_while_anything_of_it_is(box: Box) -> None:
    job_id, _ = box.start(["sh", "-c", _WAIT], locks=["abc2"])
    until(lambda: "begun" in box.log(job_id))
    box.process(job_id).kill()
    box.process(job_id).wait(SECONDS)
    assert box.told(job_id)[2] == "y"
    _, answer = box.start(["true"], locks=["abc2"])
    assert answer[0] == "locked" and answer[1].endswith(job_id)
    box.control("cancel", job_id, "5")
    assert box.told(job_id)[2] == "n" and box.session(job_id) == []
    later, answer = box.start(["true"], locks=["abc2"])
    assert answer[0] == "started" and box.end(later)[0] == "done"


def test_numbers_that_came_again_are_not_taken_for_it(box: Box) -> None:
    job_id, answer = box.start(["sh", "-c", _WAIT])
    pid = Path(answer[3]) / "pid"
    lines = pid.read_text().split("\n")
    for at, changed in ((1, "1"), (2, "another life")):
        pid.write_text("\n".join([*lines[:at], changed, *lines[at + 1 :]]))
        assert box.told(job_id)[2] == "n"
    pid.write_text("\n".join([*lines[:5], "another container", ""]))
    assert box.control("news", job_id, "0", "0")[2:] == ["end", ""]
    pid.write_text("\n".join(lines))
    assert box.told(job_id)[2] == "y"


def test_a_lock_is_held_by_one_and_left_by_nobody(box: Box) -> None:
    first, _ = box.start(["sh", "-c", _WAIT], locks=["abc3", "abc4"])
    _, answer = box.start(["true"], locks=["abc4"])
    assert answer[0] == "locked" and answer[1].endswith(first)
    _, answer = box.start(["true"], locks=["abc5", "abc3"])
    assert answer[0] == "locked"
    locks = Path(f"/tmp/envtui-jobs-{os.getuid()}/locks")
    assert not (locks / "abc5").exists()
    box.control("cancel", first, "5")
    assert not (locks / "abc3").exists() and not (locks / "abc4").exists()


def test_hostile_folders_are_neither_read_nor_followed(box: Box, tmp_path: Path) -> None:
    job_id, answer = box.start(["true"])
    box.end(job_id)
    folder = Path(answer[3])
    lines = (folder / "pid").read_text()
    strange = folder.parent / uuid.uuid4().hex[:16]
    strange.mkdir()
    try:
        os.mkfifo(strange / "pid")
        assert len([each for each in box.control("list") if each == "job"]) == 1
        (strange / "pid").unlink()
        (strange / "pid").write_text(lines)
        for name in ("log", "change", "status"):
            (strange / name).symlink_to("/etc/passwd")
        told = box.control("news", strange.name, "0", "1000")
        assert told[2:4] == ["job", str(strange)] and told[8:] == ["0", "", "", ""]
    finally:
        shutil.rmtree(strange)
    link = folder.parent / uuid.uuid4().hex[:16]
    link.symlink_to(folder)
    try:
        assert box.control("news", link.name, "0", "0")[2:] == ["end", ""]
    finally:
        link.unlink()


@pytest.mark.parametrize("id_", ["../x", "*", "", "a/b"])
def test_strange_names_are_no_jobs(box: Box, id_: str) -> None:
    for verb in ("news", "away", "cancel", "results"):
        assert box.control(verb, id_, "0", "0")[2:] == ["end", ""]


def test_guards(box: Box, tmp_path: Path) -> None:
    conda, venv, frozen = tmp_path / "con da", tmp_path / "venv", tmp_path / "frozen"
    for each in (conda, frozen):
        (each / "conda-meta").mkdir(parents=True)
    (frozen / "conda-meta/frozen").touch()
    (venv / "lib/python3.11").mkdir(parents=True)
    (venv / "pyvenv.cfg").touch()
    link = tmp_path / "link"
    link.symlink_to(conda)
    cases = [
        ("conda", conda, True), ("conda", venv, False), ("conda", link, False), ("venv", venv, True),
        ("venv", conda, False), ("folder", link, False), ("folder", conda, True), ("unfrozen", conda, True),
        ("unfrozen", frozen, False), ("unfrozen", venv, True), ("no-root", conda, True),
        ("no-root", link, True),
        ("no-root", "/", False), ("no-root", venv, False), ("no-root", f"{tmp_path}/./venv", False),
        ("no-mount", conda, True), ("no-mount", "/proc", False), ("no-mount", "/", False),
        ("place", tmp_path / "a/b/c", True), ("place", f"{venv}/pyvenv.cfg/x", False),
        ("program", "/bin/sh", True), ("program", conda, False), ("program", venv / "pyvenv.cfg", False),
        ("nonsense", conda, False),
    ]  # fmt: skip
    for what, path, holds in cases:
        job_id, answer = box.start(["true"], guards=[(what, str(path))], root=str(venv))
        assert (answer[0] == "started") is holds, (what, path, answer)
        if holds:
            box.end(job_id)
    (venv / "lib/python3.11/EXTERNALLY-MANAGED").touch()
    assert box.start(["true"], guards=[("unfrozen", str(venv))])[1][0] == "refused"


def test_log_is_read_in_pieces(box: Box) -> None:
    job_id, _ = box.start(["printf", "0123456789"])
    box.end(job_id)
    assert box.control("news", job_id, "0", "4")[-1] == "0123"
    assert box.control("news", job_id, "4", "100")[-1] == "456789"
    assert box.control("news", job_id, "10", "100")[-1] == ""


def test_files_are_the_accounts_own(box: Box) -> None:
    job_id, answer = box.start(["true"], file=b"secret")
    box.end(job_id)
    folder = Path(answer[3])
    modes = {each.name: each.stat().st_mode & 0o777 for each in folder.iterdir()}
    assert set(modes.values()) == {0o600} and {"file.txt", "log", "change", "pid", "status"} <= set(modes)
    assert folder.stat().st_mode & 0o777 == 0o755
    box.control("away", job_id)
    assert not folder.exists()


def test_one_that_runs_is_not_put_away(box: Box) -> None:
    job_id, answer = box.start(["sh", "-c", _WAIT])
    box.control("away", job_id)
    assert Path(answer[3]).is_dir() and box.told(job_id)[2] == "y"


def test_places(box: Box, tmp_path: Path) -> None:
    (tmp_path / "envs/taken").mkdir(parents=True)
    told = box.control(
        "place", f"{tmp_path}/envs", "taken", f"{tmp_path}/envs", "a 'b' $c", "~/x", "y", "/proc/1", "z"
    )
    assert told[2:22] == [
        "place", f"{tmp_path}/envs/taken", "y", "y", "y",
        "place", f"{tmp_path}/envs/a 'b' $c", "n", "y", "y",
        "place", f"{box.home}/x/y", "n", "n", "y",
        "place", "/proc/1/z", "n", "y", told[21],
    ]  # fmt: skip
