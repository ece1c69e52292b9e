"""Files get out of containers and into them without a shell, and what is in the way is told in words."""

from __future__ import annotations

import pytest

from tests.engine.exec_box import ExecBox
from tests.rig.engine import PrivateEngine
from tui.backends.deadline import Deadline
from tui.backends.docker.archive import ContainerFiles, NewFile
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.model.errors import EngineRefused, NoSuchContainer


@pytest.fixture(scope="module")
def box(engine: PrivateEngine, tmp_path_factory: pytest.TempPathFactory) -> ExecBox:
    """A container with a file system of its own."""
    engine.recover()
    engine.remove_all()
    return ExecBox(engine, args=("--volume", f"{tmp_path_factory.mktemp('folder')}:/unwritable:ro"))


@pytest.fixture
def files(box: ExecBox) -> ContainerFiles:
    """Its files."""
    return ContainerFiles(box.http, box.id, Deadline(60))


class TestReading:
    def test_a_file_is_read_through_a_link(self, box: ExecBox, files: ContainerFiles) -> None:
        box.says("sh", "-c", "echo hello >/tmp/there; ln -s there /tmp/link; ln -s /tmp/link /link")
        assert files.read("/link") == b"hello\n"

    def test_no_more_than_asked_for(self, box: ExecBox, files: ContainerFiles) -> None:
        box.says("sh", "-c", "printf 0123456789 >/tmp/digits")
        assert files.read("/tmp/digits", 4) == b"0123"

    def test_what_is_not_there_is_nothing(self, files: ContainerFiles) -> None:
        assert files.read("/tmp/nosuch/file") is None
        assert files.read("/tmp") is None


class TestWriting:
    def test_files_and_folders_have_their_modes_and_owners(self, box: ExecBox, files: ContainerFiles) -> None:
        content = b"ssh-ed25519 AAAA \xff\n"
        files.put(
            "/tmp",
            (
                NewFile(".ssh", None, 0o700, 12, 34),
                NewFile(".ssh/authorized_keys", content, 0o600, 12, 34),
                NewFile("open", b"", 0o644),
            ),
        )
        told = box.says("stat", "-c", "%a %u %g %s", "/tmp/.ssh/authorized_keys", "/tmp/open").splitlines()
        assert told == [f"600 12 34 {len(content)}", "644 0 0 0"]
        assert box.says("stat", "-c", "%F %a %u %g", "/tmp/.ssh") == "directory 700 12 34\n"
        assert files.read("/tmp/.ssh/authorized_keys") == content

    def test_what_is_there_beside_it_stays(self, box: ExecBox, files: ContainerFiles) -> None:
        box.says("sh", "-c", "mkdir /tmp/kept; echo old >/tmp/kept/old; echo first >/tmp/kept/new")
        files.put("/tmp", (NewFile("kept", None, 0o755), NewFile("kept/new", b"second\n", 0o644)))
        assert box.says("sh", "-c", "cat /tmp/kept/*") == "second\nold\n"

    def test_a_stopped_container_takes_files(self, box: ExecBox) -> None:
        other = box.engine.run_container("stopped", start=False)
        files = ContainerFiles(box.http, other, Deadline(60))
        files.put("/tmp", (NewFile("note", b"text", 0o600),))
        assert files.read("/tmp/note") == b"text"

    def test_a_folder_that_is_not_there(self, files: ContainerFiles) -> None:
        with pytest.raises(EngineRefused, match="There is no folder /nosuch") as caught:
            files.put("/nosuch", (NewFile("note", b"", 0o600),))
        assert not isinstance(caught.value, NoSuchContainer)

    def test_a_folder_that_is_a_file(self, files: ContainerFiles) -> None:
        with pytest.raises(EngineRefused, match="/bin/sh is no folder"):
            files.put("/bin/sh", (NewFile("note", b"", 0o600),))

    def test_a_mount_that_is_read_only(self, files: ContainerFiles) -> None:
        with pytest.raises(EngineRefused, match="/unwritable can't be written to"):
            files.put("/unwritable", (NewFile("note", b"", 0o600),))

    def test_a_container_that_is_read_only(self, box: ExecBox) -> None:
        other = box.engine.run_container("fixed", args=("--network", "none", "--read-only"))
        with pytest.raises(EngineRefused, match="/tmp can't be written to") as caught:
            ContainerFiles(box.http, other, Deadline(60)).put("/tmp", (NewFile("note", b"", 0o600),))
        assert "--read-only" in caught.value.hint

    def test_a_container_that_is_gone(self, engine: PrivateEngine) -> None:
        docker = DockerEngine(find(engine.host, {}))
        with pytest.raises(NoSuchContainer):
            ContainerFiles(docker.http, "0" * 64, Deadline(60)).put("/tmp", (NewFile("note", b"", 0o600),))
