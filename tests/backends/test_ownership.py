"""Owners of processes from a `/proc` of our own making: hostile, hidden, reused, ended, refused."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.backends.fake_proc import BOOTED_AT, FakeProc
from tests.making import full_id, make_container
from tui.backends.conda.probe import NoShell
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.gpu import inside, ownership
from tui.backends.gpu.inside import Wanted
from tui.backends.gpu.ownership import LocalOwnership
from tui.backends.gpu.process_files import ENDED, FOREIGN, HIDDEN, ProcessFiles, read_up_to
from tui.model.containers import ContainerState
from tui.model.errors import Conflict, EngineTimeout
from tui.model.owners import NO_ENVIRONMENT, OUTSIDE, Clues, ProcessOwner
from tui.model.reading import Reading

BOX = make_container("box")
DOCKER = f"0::/system.slice/docker-{BOX.id}.scope"
VISION = "/opt/conda/envs/vision"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

Asked = list[tuple[str, str, list[int]]]


class Refusing(ProcessFiles):
    """Programs and variables are root's alone."""

    def program(self, pid: int) -> str:
        raise PermissionError

    def clues(self, pid: int, command_line: bytes) -> Clues:
        raise PermissionError


class Desk:
    """A fake `/proc`, containers that answer as a test says, and a clock."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.proc = FakeProc(folder)
        self.now = 100.0
        self.asked: Asked = []
        self.answer: Callable[[Sequence[Wanted]], Mapping[int, Clues]] = lambda wanted: {
            each.pid: Clues(f"{VISION}/bin/python3.11") for each in wanted
        }
        self.engine = DockerEngine(find("unix:///nonexistent.sock", {}))
        self.owners_of = self.ownership(self.proc.files())
        monkeypatch.setattr(DockerEngine, "api_version", lambda _: "1.41")
        monkeypatch.setattr(inside, "ask", self._ask)

    def ownership(self, files: ProcessFiles) -> LocalOwnership:
        names = {0: "root", 1000: "alice"}
        return LocalOwnership(self.engine, files, lambda: self.now, names.get)

    def refused(self) -> None:
        """From now on as another user sees it."""
        files = Refusing(self.proc.folder, lambda pid: pid in self.proc.hidden)
        self.owners_of = self.ownership(files)

    def owner(self, pid: int = 7, ask_inside: bool = True) -> ProcessOwner:
        return self.owners_of.owners([pid], [BOX], ask_inside)[pid]

    def _ask(
        self, http: object, container_id: str, user: str, wanted: Sequence[Wanted]
    ) -> Mapping[int, Clues]:
        self.asked.append((container_id, user, sorted(each.pid for each in wanted)))
        return self.answer(wanted)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    folder = tmp_path / "proc"
    folder.mkdir()
    return Desk(folder, monkeypatch)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a container's file system."""
    folder = tmp_path / "root"
    (folder / VISION[1:] / "conda-meta").mkdir(parents=True)
    (folder / "opt/conda/conda-meta").mkdir()
    (folder / "data/project/.venv/bin").mkdir(parents=True)
    (folder / "data/project/.venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    (folder / "work").symlink_to("/data/project")
    return folder


def test_every_link_of_one_that_may_be_looked_at(desk: Desk, root: Path) -> None:
    desk.proc.add(
        7, ticks=50 * TICKS_PER_SECOND, cgroup=DOCKER, numbers=(7, 12), root=root,
        program=f"{VISION}/bin/python3.11".encode(), command=(b"python", b"train.py", b"--lr", b"1e-3"),
        environ=(f"CONDA_PREFIX={VISION}".encode(), b"CONDA_DEFAULT_ENV=vision"),
    )  # fmt: skip
    found = desk.owner()
    assert (found.pid, found.start_ticks) == (7, 50 * TICKS_PER_SECOND)
    assert found.started_at == Reading(BOOTED_AT + 50.0)
    assert (found.uid, found.user) == (Reading(1000), Reading("alice"))
    assert found.command == Reading("python train.py --lr 1e-3")
    assert (found.container_id, found.runtime) == (Reading(BOX.id), "docker")
    assert found.pid_inside == Reading(12)
    assert (found.prefix, found.environment) == (Reading(VISION), Reading("vision"))
    assert (found.parent_pid, found.state) == (1, "S")
    assert desk.asked == []


def test_outside_any_container_is_known(desk: Desk) -> None:
    desk.proc.add(7, cgroup="0::/user.slice/user-1000.slice/session-2.scope", uid=4711)
    found = desk.owner()
    assert (found.container_id, found.is_outside) == (Reading(OUTSIDE), True)
    assert found.pid_inside == Reading(None, "outside any container")
    assert found.user == Reading("4711")
    assert found.prefix == Reading("/usr")


def test_a_control_group_that_names_no_container(desk: Desk) -> None:
    desk.proc.add(7, cgroup="4:cpu:/kubepods/besteffort/pod1f2e3d4c-0a0b-4c0d-8e0f-001122334455")
    found = desk.owner()
    assert found.container_id == Reading(None, "its control group names no container")
    assert found.pod == "1f2e3d4c-0a0b-4c0d-8e0f-001122334455"


def test_a_control_group_namespace_of_our_own_hides_what_is_beside_us(desk: Desk) -> None:
    desk.proc.namespaces(cgroup="cgroup:[4026532999]")
    desk.owners_of = desk.ownership(desk.proc.files())
    desk.proc.add(7, cgroup="0::/")
    desk.proc.add(8, cgroup=f"0::/../docker-{BOX.id}.scope")
    assert desk.owner(7).container_id.value is None
    assert desk.owner(8).container_id == Reading(BOX.id)


def test_numbers_of_the_host_mean_nothing_in_a_container(desk: Desk) -> None:
    desk.proc.namespaces(pid="pid:[4026532888]")
    desk.owners_of = desk.ownership(desk.proc.files())
    desk.proc.add(7, cgroup=DOCKER)
    found = desk.owner()
    assert (found.start_ticks, found.user) == (None, Reading(None, FOREIGN))


@pytest.mark.parametrize(
    "raw",
    [
        b"with space", b"new\nline", b"\x1b[31mred", b"\xff\xfe", b") S 1 (", b"a) R 99 99", b"[bold]",
        "日本語".encode(),
    ],
)  # fmt: skip
def test_any_byte_in_names_words_and_paths(desk: Desk, tmp_path: Path, raw: bytes) -> None:
    root = tmp_path / "root"
    prefix = b"/opt/conda/envs/" + raw
    os.makedirs(os.fsencode(root) + prefix + b"/conda-meta")
    desk.proc.add(
        7, name=raw[:15], cgroup=DOCKER, command=(prefix + b"/bin/python", raw, b""), root=root,
        program=prefix + b"/bin/python3.11", environ=(b"CONDA_PREFIX=" + prefix, raw),
    )  # fmt: skip
    found = desk.owner()
    text = raw.decode("utf-8", "surrogateescape")
    assert found.start_ticks == 1000
    assert found.prefix == Reading(f"/opt/conda/envs/{text}")
    assert found.environment == Reading(text)
    assert found.command.value == f"/opt/conda/envs/{text}/bin/python {text}"


def test_a_name_is_the_command_of_one_without_words(desk: Desk) -> None:
    desk.proc.add(7, name=b"irq/42-nvidia", command=(), program=None)
    found = desk.owner()
    assert found.command == Reading("[irq/42-nvidia]")
    assert found.prefix == Reading(None, "it has no program of its own")


def test_a_title_written_over_the_words(desk: Desk) -> None:
    folder = desk.proc.add(7)
    (folder / "cmdline").write_bytes(b"ray::train step 5\0\0\0\0\0")
    assert desk.owner().command == Reading("ray::train step 5")


def test_a_zombie(desk: Desk) -> None:
    desk.proc.add(7, state="Z", command=(), program=None, cgroup=f"{DOCKER} (deleted)")
    found = desk.owner()
    assert (found.state, found.command, found.container_id) == ("Z", Reading("[python]"), Reading(BOX.id))
    assert found.prefix == Reading(None, "it has ended, and its parent has not collected it")


def test_a_program_that_was_removed_while_it_runs(desk: Desk, root: Path) -> None:
    desk.proc.add(7, program=f"{VISION}/bin/python3.11 (deleted)".encode(), root=root)
    assert desk.owner().prefix == Reading(VISION)


class TestVenv:
    def test_called_by_its_path_through_a_link(self, desk: Desk, root: Path) -> None:
        desk.proc.add(7, command=(b"/work/.venv/bin/python", b"x.py"), root=root)
        assert desk.owner().prefix == Reading("/data/project/.venv")

    def test_called_by_a_path_from_its_folder(self, desk: Desk, root: Path) -> None:
        desk.proc.add(7, command=(b".venv/bin/python", b"x.py"), cwd=b"/data/project", root=root)
        assert desk.owner().prefix == Reading("/data/project/.venv")

    def test_called_by_name_while_it_is_active(self, desk: Desk, root: Path) -> None:
        environ = (b"VIRTUAL_ENV=/work/.venv", b"VIRTUAL_ENV=/elsewhere")
        desk.proc.add(7, environ=environ, root=root)
        assert desk.owner().prefix == Reading("/data/project/.venv")

    def test_links_never_leave_the_root_of_the_process(self, desk: Desk, tmp_path: Path, root: Path) -> None:
        # what lies there on the host is not what the process sees
        (tmp_path / "secret/.venv/bin").mkdir(parents=True)
        (tmp_path / "secret/.venv/pyvenv.cfg").write_text("")
        (root / "trap").symlink_to(tmp_path / "secret")
        (root / "up").symlink_to("../../../../../.." + str(tmp_path / "secret"))
        (root / "loop").symlink_to("loop")
        for place in (b"trap", b"up", b"loop"):
            desk.proc.add(7, ticks=len(place), command=(b"/" + place + b"/.venv/bin/python",), root=root)
            assert desk.owner().prefix == Reading("/usr")


class TestGone:
    def test_one_that_has_ended(self, desk: Desk) -> None:
        found = desk.owner()
        assert (found.identity, found.user, found.prefix) == (
            None,
            Reading(None, ENDED),
            Reading(None, ENDED),
        )

    def test_one_that_is_hidden_is_not_said_to_have_ended(self, desk: Desk) -> None:
        desk.proc.hidden.add(7)
        assert desk.owner().command == Reading(None, HIDDEN)

    def test_one_whose_files_are_closed(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = desk.proc.add(7)

        def refused(path: str, most_bytes: int) -> bytes:
            if path.startswith(str(folder)):
                raise PermissionError(1, "Operation not permitted", path)
            return read_up_to(path, most_bytes)

        monkeypatch.setattr("tui.backends.gpu.process_files.read_up_to", refused)
        assert desk.owner().command == Reading(None, HIDDEN)

    def test_one_that_ends_while_it_is_looked_at(self, desk: Desk) -> None:
        class Ending(ProcessFiles):
            def command_line(self, pid: int) -> bytes:
                desk.proc.end(pid)
                return super().command_line(pid)

        desk.proc.add(7)
        desk.owners_of = desk.ownership(Ending(desk.proc.folder, lambda _: False))
        assert desk.owner().user == Reading(None, ENDED)

    def test_a_number_that_is_given_away_while_it_is_looked_at(self, desk: Desk) -> None:
        """Never a mixture of two processes: what is read last must be of the one that was read first."""
        reads: list[int] = []

        class Reused(ProcessFiles):
            def clues(self, pid: int, command_line: bytes) -> Clues:
                told = super().clues(pid, command_line)
                if not reads:
                    desk.proc.add(pid, ticks=2000, uid=0, cgroup="0::/", program=b"/usr/bin/python3.11")
                reads.append(pid)
                return told

        desk.proc.add(7, cgroup=DOCKER, program=f"{VISION}/bin/python3.11".encode())
        desk.owners_of = desk.ownership(Reused(desk.proc.folder, lambda _: False))
        first, second = desk.owner(), desk.owner()
        assert (first.identity, first.user) == (None, Reading(None, ENDED))
        assert (second.start_ticks, second.user, second.is_outside) == (2000, Reading("root"), True)

    def test_a_number_that_was_given_away_since(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=DOCKER, program=f"{VISION}/bin/python3.11".encode())
        first = desk.owner()
        desk.proc.add(7, ticks=2000, uid=0)
        second = desk.owner()
        assert (first.container_id, first.prefix) == (Reading(BOX.id), Reading(VISION))
        assert (second.container_id, second.prefix) == (Reading(OUTSIDE), Reading("/usr"))
        assert first.identity != second.identity

    def test_nothing_is_remembered_of_one_that_is_gone(self, desk: Desk) -> None:
        for pid in (7, 8):
            desk.proc.add(pid)
        desk.owners_of.owners([7, 8], [])
        desk.proc.end(8)
        desk.owners_of.owners([7], [])
        assert set(desk.owners_of._known) == {7}
        desk.owners_of.owners([], [])
        assert set(desk.owners_of._known) == {7}
        desk.proc.end(7)
        assert desk.owner(7).command.reason == ENDED
        assert desk.owners_of._known == {}

    def test_what_is_remembered_is_bounded(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ownership, "_MOST_KNOWN", 10)
        for pid in range(1, 31):
            desk.proc.add(pid)
        for pid in range(1, 31):
            desk.owner(pid)
        assert len(desk.owners_of._known) <= 11


class TestAnotherProgram:
    """The same number and start: a process that was told to become something else."""

    def test_is_seen(self, desk: Desk, root: Path) -> None:
        desk.proc.add(7, program=b"/bin/bash", command=(b"bash", b"run.sh"), root=root)
        assert desk.owner().prefix == Reading(NO_ENVIRONMENT)
        desk.proc.program(7, f"{VISION}/bin/python3.11".encode())
        desk.proc.command(7, b"python", b"train.py")
        found = desk.owner()
        assert (found.prefix, found.command) == (Reading(VISION), Reading("python train.py"))

    def test_one_that_hangs_in_the_kernel_is_not_asked_for_its_words(self, desk: Desk) -> None:
        desk.proc.add(7)
        desk.owner()
        desk.proc.stat(7, state="D")
        (desk.proc.folder / "7" / "cmdline").unlink()
        found = desk.owner()
        assert (found.state, found.command) == ("D", Reading("python train.py"))


class TestRefused:
    @pytest.fixture(autouse=True)
    def _as_another_user(self, desk: Desk) -> None:
        desk.refused()

    def test_the_container_is_asked_once_for_all_and_never_again(self, desk: Desk) -> None:
        for pid in (7, 8, 9):
            desk.proc.add(pid, cgroup=DOCKER, numbers=(pid, pid + 10))
        found = desk.owners_of.owners([7, 8, 9], [BOX])
        assert {each.prefix for each in found.values()} == {Reading(VISION)}
        assert {each.environment for each in found.values()} == {Reading("vision")}
        desk.now += 3600
        desk.owners_of.owners([7, 8, 9], [BOX])
        assert desk.asked == [(BOX.id, "1000:100", [7, 8, 9])]

    def test_only_the_new_one_is_asked_for(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=DOCKER)
        desk.owner(7)
        desk.proc.add(8, cgroup=DOCKER)
        desk.owners_of.owners([7, 8], [BOX])
        assert [pids for _, _, pids in desk.asked] == [[7], [8]]

    def test_each_user_inside_is_asked_apart_as_root_may_not_look_at_others(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=DOCKER, uid=0, gid=0)
        desk.proc.add(8, cgroup=DOCKER, uid=1000)
        desk.proc.add(9, cgroup=DOCKER, uid=1000, gid=2000)
        desk.owners_of.owners([7, 8, 9], [BOX])
        assert sorted(desk.asked) == [
            (BOX.id, "0:0", [7]),
            (BOX.id, "1000:100", [8]),
            (BOX.id, "1000:2000", [9]),
        ]

    def test_users_of_a_container_that_counts_them_otherwise(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=DOCKER, uid=101000, gid=100100, id_map="0 100000 65536")
        desk.proc.add(8, cgroup=DOCKER, uid=7, gid=100100, id_map="0 100000 65536")
        found = desk.owners_of.owners([7, 8], [BOX])
        assert desk.asked == [(BOX.id, "1000:100", [7])]
        assert "what its container knows it by" in found[8].prefix.reason

    @pytest.mark.parametrize("state", [each for each in ContainerState if each is not ContainerState.RUNNING])
    def test_nothing_is_started_in_one_that_does_not_run(self, desk: Desk, state: ContainerState) -> None:
        desk.proc.add(7, cgroup=DOCKER)
        found = desk.owners_of.owners([7], [make_container("box", state)])[7]
        assert desk.asked == []
        assert f"its container is {state}" in found.prefix.reason

    def test_nothing_is_started_in_read_only_mode(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=DOCKER)
        found = desk.owner(ask_inside=False)
        assert desk.asked == []
        assert "read-only" in found.prefix.reason
        assert (found.container_id, found.user) == (Reading(BOX.id), Reading("alice"))
        assert desk.owner().prefix == Reading(VISION)

    def test_another_engines_container(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=f"0::/machine.slice/libpod-{full_id('other')}.scope")
        found = desk.owner()
        assert (found.container_id, found.runtime) == (Reading(full_id("other")), "podman")
        assert "not one of this engine's" in found.prefix.reason

    def test_outside_any_container(self, desk: Desk) -> None:
        desk.proc.add(7)
        assert desk.owner().prefix == Reading(None, "another user's process: only root may look")

    def test_the_command_line_tells_an_environment_by_itself(self, desk: Desk) -> None:
        desk.proc.add(7, command=(f"{VISION}/bin/python".encode(), b"x.py"))
        desk.proc.add(8, command=(b"/usr/local/bin/serve",))
        assert desk.owner(7).prefix == Reading(VISION)
        assert desk.owner(8).prefix.value is None

    @pytest.mark.parametrize(
        ("error", "words"),
        [(NoShell(), "no shell"), (EngineTimeout("The engine is silent"), "The engine is silent")],
    )
    def test_one_that_can_not_be_asked_is_left_alone_for_a_while(
        self, desk: Desk, error: Exception, words: str
    ) -> None:
        def fail(_: Sequence[Wanted]) -> Mapping[int, Clues]:
            raise error

        answer, desk.answer = desk.answer, fail
        desk.proc.add(7, cgroup=DOCKER)
        assert words in desk.owner().prefix.reason
        assert words in desk.owner().prefix.reason
        assert len(desk.asked) == 1
        desk.answer = answer
        desk.now += 31.0
        assert desk.owner().prefix == Reading(VISION)

    def test_a_command_goes_through_a_gate_that_may_be_closed(self, desk: Desk) -> None:
        entered: list[str] = []

        @contextmanager
        def gate(container_id: str) -> Iterator[None]:
            entered.append(container_id)
            if len(entered) == 1:
                raise Conflict("No command can be run", "the container is being paused")
            yield

        desk.proc.add(7, cgroup=DOCKER)
        closed = desk.owners_of.owners([7], [BOX], while_asking=gate)[7]
        assert "is being paused" in closed.prefix.reason
        assert desk.asked == []
        desk.now += 31.0
        assert desk.owners_of.owners([7], [BOX], while_asking=gate)[7].prefix == Reading(VISION)
        assert entered == [BOX.id, BOX.id]

    def test_one_that_its_container_does_not_tell_of(self, desk: Desk) -> None:
        desk.answer = lambda _: {}
        desk.proc.add(7, cgroup=DOCKER)
        assert "does not tell of it" in desk.owner().prefix.reason

    def test_a_number_that_is_given_away_while_the_container_answers(self, desk: Desk) -> None:
        def answer(wanted: Sequence[Wanted]) -> Mapping[int, Clues]:
            desk.proc.add(7, ticks=2000, uid=0)
            return {each.pid: Clues(f"{VISION}/bin/python3.11") for each in wanted}

        desk.answer = answer
        desk.proc.add(7, cgroup=DOCKER)
        assert desk.owner().prefix == Reading(None, ENDED)
        assert desk.owner().user == Reading("root")

    def test_one_with_another_command_line_is_asked_again_after_a_while(self, desk: Desk) -> None:
        desk.proc.add(7, cgroup=DOCKER, command=(b"bash", b"run.sh"))
        desk.owner()
        desk.proc.command(7, b"python", b"train.py")
        desk.answer = lambda wanted: {each.pid: Clues("/opt/conda/bin/python3.11") for each in wanted}
        assert desk.owner().prefix == Reading(VISION)
        desk.now += 31.0
        assert desk.owner().prefix == Reading("/opt/conda")
        assert len(desk.asked) == 2
