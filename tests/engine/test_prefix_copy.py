"""A prefix gets into another container whole, or not at all."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine import environment_images as images
from tests.engine.boxes import Box
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until
from tui.backends.conda.copies import ContainerPrefixCopies
from tui.backends.docker import exec as execs
from tui.backends.docker.carrying import Cancelled, carry
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.model.containers import Container
from tui.model.errors import (
    ChangeCancelled,
    ChangeFailed,
    ChangeRefused,
    EngineError,
    EngineLost,
    EngineTimeout,
)

VISION = "/opt/conda/envs/vision"
BIG = "/opt/conda/envs/big"
BIG_BYTES = 48 << 20


class Copies:
    """Copies between containers of a box, by an engine that may be reached through something else."""

    def __init__(self, box: Box, host: str | None = None) -> None:
        self.box = box
        self.engine = DockerEngine(find(host or box.engine.host, {}))
        self.engine.identify()
        self.carried: list[int] = []

    def copy(
        self,
        source: Container,
        prefix: str,
        target: Container,
        is_cancelled: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        copies = ContainerPrefixCopies(self.engine)
        copies.copy_prefix(source, prefix, target, is_cancelled, progress or self.carried.append)

    def run(self, container: Container, *argv: str, user: str = "0") -> str:
        """What a command prints, directly from the engine."""
        engine = DockerEngine(find(self.box.engine.host, {}))
        engine.identify()
        done = execs.run(engine.http, container.id, argv, 60, most_bytes=8 << 20, user=user)
        assert done.exit_code == 0, done.stderr
        return os.fsdecode(done.stdout)

    def tree(self, container: Container, prefix: str) -> list[str]:
        """Everything below a prefix: kind, mode, owner and content."""
        script = (
            'cd -- "$1" || exit 1; find . -exec stat -c "%n %F %a %u %g" {} + | sort;'
            'find . -type f -exec md5sum {} + | sort; find . -type l -exec readlink {} + | sort'
        )  # fmt: skip
        return self.run(container, "sh", "-c", script, "tree", prefix).splitlines()

    def is_there(self, container: Container, path: str) -> bool:
        script = 'if [ -e "$1" ] || [ -L "$1" ]; then echo yes; else echo no; fi'
        return self.run(container, "sh", "-c", script, "there", path) == "yes\n"


@pytest.fixture
def copies(box: Box) -> Copies:
    return Copies(box)


@pytest.fixture
def source(box: Box) -> Container:
    """An installation with many environments."""
    return box.run(images.CONDA, images.make_conda, "source")


@pytest.fixture
def target(box: Box) -> Container:
    """An installation of alice's with one environment."""
    return box.run(images.MICROMAMBA, images.make_micromamba, "target")


@pytest.fixture
def big(copies: Copies, source: Container) -> Container:
    """With an environment that takes a while."""
    script = 'mkdir -p "$1/conda-meta" && dd if=/dev/urandom of="$1/blob" bs=1048576 count="$2" 2>/dev/null'
    copies.run(source, "sh", "-c", script, "big", BIG, str(BIG_BYTES >> 20))
    return source


class TestWhole:
    def test_owners_modes_links_and_contents(
        self, copies: Copies, source: Container, target: Container
    ) -> None:
        script = (
            'cd "$1"; chown -R 1234:5678 lib; chmod 640 conda-meta/history; echo x >a; ln a hard; '
            "ln -s a soft; mkfifo pipe; chmod 2775 conda-meta; touch 'new\nline'"
        )
        copies.run(source, "sh", "-c", script, "change", VISION)
        copies.copy(source, VISION, target)
        assert copies.tree(target, VISION) == copies.tree(source, VISION)
        assert len(copies.tree(target, VISION)) > 50
        assert copies.run(target, "stat", "-c", "%h", f"{VISION}/hard") == "2\n"
        assert copies.carried == sorted(copies.carried) and copies.carried[-1] > 10_000
        # what was there beside it
        assert copies.is_there(target, "/opt/conda/envs/train/conda-meta/history")
        found = {each.prefix: each for each in copies.box.list(target).environments}
        assert found[VISION].torch == "2.3.1" and found[VISION].problems == ()

    def test_names_of_all_sorts(self, copies: Copies, source: Container, target: Container) -> None:
        for name in images.HOSTILE_NAMES:
            prefix = f"/opt/conda/envs/{name}"
            copies.copy(source, prefix, target)
            assert copies.tree(target, prefix) == copies.tree(source, prefix)
        assert copies.is_there(target, "/opt/conda/envs/train/conda-meta/history")

    def test_out_of_a_stopped_container(self, copies: Copies, source: Container, target: Container) -> None:
        before = copies.tree(source, VISION)
        copies.box.engine.request("POST", f"/containers/{source.id}/kill")
        copies.copy(copies.box.container("source"), VISION, target)
        assert copies.tree(target, VISION) == before

    def test_into_an_installation_without_environments(self, copies: Copies, source: Container) -> None:
        target = copies.box.run(images.BARE, images.make_bare, "target")
        copies.run(target, "mkdir", "-p", "/opt/conda/conda-meta")
        copies.run(target, "chown", "1000:1000", "/opt/conda")
        copies.copy(source, VISION, target)
        assert copies.tree(target, VISION) == copies.tree(source, VISION)
        assert copies.run(target, "stat", "-c", "%u:%g", "/opt/conda/envs") == "1000:1000\n"

    def test_onto_a_volume(self, copies: Copies, source: Container) -> None:
        args = ("--volume", "environments:/opt/conda/envs")
        target = copies.box.run(images.BARE, images.make_bare, "target", args)
        copies.copy(source, VISION, target)
        assert copies.tree(target, VISION) == copies.tree(source, VISION)

    @pytest.mark.skipif(not images.has_python(), reason="this machine has no Python to pack")
    def test_a_venv_runs_where_its_python_is(self, copies: Copies) -> None:
        source = copies.box.run(images.PYTHON, images.make_python, "source")
        same = copies.box.run(images.PYTHON, images.make_python, "same")
        bare = copies.box.run(images.BARE, images.make_bare, "bare")
        copies.run(source, "mkdir", "-p", "/work")
        copies.run(source, "python3", "-m", "venv", "--without-pip", "/work/venv")
        for each in (same, bare):
            copies.run(each, "mkdir", "-p", "/work")
        copies.copy(source, "/work/venv", same)
        asked = ("/work/venv/bin/python", "-c", "import sys; print(sys.prefix)")
        assert copies.run(same, *asked) == "/work/venv\n"
        with pytest.raises(ChangeRefused, match=r"There is no /usr/bin in|There is no /usr/bin/python"):
            copies.copy(source, "/work/venv", bare)
        assert not copies.is_there(bare, "/work/venv")


class TestRefused:
    @pytest.mark.parametrize(
        "there", ['mkdir "$1"', 'echo mine >"$1"', 'ln -s /nowhere "$1"', 'ln -s train "$1"']
    )
    def test_what_is_there_stays(
        self, copies: Copies, source: Container, target: Container, there: str
    ) -> None:
        copies.run(target, "sh", "-c", there, "make", VISION)
        before = copies.tree(target, "/opt/conda/envs")
        with pytest.raises(ChangeRefused, match="is there already"):
            copies.copy(source, VISION, target)
        assert copies.tree(target, "/opt/conda/envs") == before
        assert copies.carried == []

    def test_what_comes_while_it_is_looked_at_stays(
        self, copies: Copies, source: Container, target: Container
    ) -> None:
        def somebody_else() -> bool:
            copies.run(target, "sh", "-c", 'mkdir "$1"; echo mine >"$1/file"', "make", VISION)
            return False

        with pytest.raises(ChangeRefused, match="can't be made"):
            copies.copy(source, VISION, target, somebody_else)
        assert copies.run(target, "cat", f"{VISION}/file") == "mine\n"

    def test_without_the_folder_above(self, copies: Copies, source: Container) -> None:
        target = copies.box.run(images.BARE, images.make_bare, "target")
        copies.run(target, "mkdir", "-p", "/opt")
        with pytest.raises(ChangeRefused, match="There is no folder /opt/conda/envs in target"):
            copies.copy(source, VISION, target)
        assert not copies.is_there(target, "/opt/conda")

    def test_a_target_that_does_not_run(self, copies: Copies, source: Container, target: Container) -> None:
        copies.box.engine.request("POST", f"/containers/{target.id}/pause")
        with pytest.raises(ChangeRefused, match="Nothing can be put into target") as caught:
            copies.copy(source, VISION, copies.box.container("target"))
        assert "paused" in caught.value.detail
        copies.box.engine.request("POST", f"/containers/{target.id}/kill")
        with pytest.raises(ChangeRefused, match="Nothing can be put into target"):
            copies.copy(source, VISION, copies.box.container("target"))

    def test_a_target_that_stopped_meanwhile(
        self, copies: Copies, source: Container, target: Container
    ) -> None:
        copies.box.engine.request("POST", f"/containers/{target.id}/kill")
        with pytest.raises(EngineError):
            copies.copy(source, VISION, target)
        copies.box.engine.request("POST", f"/containers/{target.id}/start")
        assert not copies.is_there(target, VISION)

    def test_a_target_without_a_shell(self, copies: Copies, source: Container) -> None:
        target = copies.box.run(images.SHELLLESS, images.make_shellless, "target")
        with pytest.raises(ChangeRefused, match="Nothing can be put into target") as caught:
            copies.copy(source, VISION, target)
        assert "mkdir" in caught.value.detail

    @pytest.mark.parametrize(
        "args", [("--read-only",), ("--tmpfs", "/opt/conda/envs"), ("--read-only", "--tmpfs", "/opt")]
    )
    def test_where_nothing_can_be_written(
        self, copies: Copies, source: Container, args: tuple[str, ...]
    ) -> None:
        target = copies.box.run(images.MICROMAMBA, images.make_micromamba, "target", args)
        if "/opt" in args:
            copies.run(target, "mkdir", "-p", "/opt/conda/envs")
        with pytest.raises(ChangeRefused):
            copies.copy(source, VISION, target)
        assert not copies.is_there(target, VISION)

    @pytest.mark.by_default("/", "/opt/conda/envs/../x", "")
    @pytest.mark.parametrize(
        "prefix", ["/", "opt/conda", "/opt/conda/envs/../x", "/opt/conda/", "", "/opt/\udcff"]
    )
    def test_what_is_no_path(self, copies: Copies, source: Container, target: Container, prefix: str) -> None:
        with pytest.raises(ChangeRefused):
            copies.copy(source, prefix, target)

    def test_what_is_no_prefix(self, copies: Copies, source: Container, target: Container) -> None:
        with pytest.raises(ChangeRefused, match="There is no /nosuch in source"):
            copies.copy(source, "/nosuch", target)
        with pytest.raises(ChangeRefused, match=r"leads to /opt/conda/envs/vision|also-vision can't be"):
            copies.copy(source, "/opt/conda/envs/also-vision", target)
        with pytest.raises(ChangeRefused, match="can't be copied"):
            copies.copy(source, VISION, source)


class TestNothingIsLeft:
    @pytest.mark.by_default("0", "20971520")
    @pytest.mark.parametrize("after_bytes", [-1, 0, 1 << 20, 20 << 20, BIG_BYTES])
    def test_after_a_cancel(
        self, copies: Copies, big: Container, target: Container, after_bytes: int
    ) -> None:
        wants_end = threading.Event()
        was_asked = threading.Event()

        def is_cancelled() -> bool:
            if wants_end.is_set():
                was_asked.set()
            return wants_end.is_set()

        def progress(count: int) -> None:
            if count >= after_bytes:
                wants_end.set()
                # what is carried goes on only when the cancel was heard
                assert was_asked.wait(30)

        if after_bytes < 0:
            wants_end.set()
        with pytest.raises(ChangeCancelled):
            copies.copy(big, BIG, target, is_cancelled, progress)
        assert not copies.is_there(target, BIG)
        assert copies.is_there(big, f"{BIG}/blob")
        assert copies.is_there(target, "/opt/conda/envs/train/conda-meta/history")
        # and the place is free for the next one
        copies.copy(big, BIG, target)
        assert copies.tree(target, BIG) == copies.tree(big, BIG)

    def test_not_even_the_folder_above(self, copies: Copies, big: Container) -> None:
        target = copies.box.run(images.BARE, images.make_bare, "target")
        copies.run(target, "mkdir", "-p", "/opt/conda/conda-meta")
        wants_end = threading.Event()
        with pytest.raises(ChangeCancelled):
            copies.copy(big, BIG, target, wants_end.is_set, lambda _: wants_end.set())
        assert not copies.is_there(target, "/opt/conda/envs")
        assert copies.is_there(target, "/opt/conda/conda-meta")

    def test_when_the_disk_is_full(self, copies: Copies, big: Container) -> None:
        copies.box.engine.docker(
            "volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--opt", "o=size=8m", "small"
        )
        args = ("--volume", "small:/opt/conda/envs")
        target = copies.box.run(images.BARE, images.make_bare, "target", args)
        with pytest.raises(EngineError, match="There is no room on the disk"):
            copies.copy(big, BIG, target)
        assert not copies.is_there(target, BIG)

    def test_when_the_connection_is_lost(
        self, box: Box, big: Container, target: Container, proxy_to: Callable[[], EngineProxy]
    ) -> None:
        front = proxy_to()
        copies = Copies(box, front.host)
        cut = threading.Event()

        def progress(count: int) -> None:
            if count > (4 << 20) and not cut.is_set():
                cut.set()
                front.cut()

        with pytest.raises(EngineLost):
            copies.copy(big, BIG, target, progress=progress)
        assert not copies.is_there(target, BIG)

    def test_when_the_source_goes_away(self, copies: Copies, big: Container, target: Container) -> None:
        remove = ("DELETE", f"/containers/{big.id}?force=1")
        removal = threading.Thread(target=copies.box.engine.request, args=remove)

        def progress(count: int) -> None:
            if removal.ident is None:
                removal.start()

        try:
            copies.copy(big, BIG, target, progress=progress)
        except EngineError:
            assert not copies.is_there(target, BIG)
        else:
            # the engine had it open and gave all of it out
            assert copies.run(target, "stat", "-c", "%s", f"{BIG}/blob") == f"{BIG_BYTES}\n"
        removal.join(60)

    def test_when_the_target_is_removed(self, copies: Copies, big: Container, target: Container) -> None:
        # the engine removes it when it has unpacked what it is at
        remove = ("DELETE", f"/containers/{target.id}?force=1")
        removal = threading.Thread(target=copies.box.engine.request, args=remove)

        def progress(count: int) -> None:
            if removal.ident is None:
                removal.start()

        try:
            copies.copy(big, BIG, target, progress=progress)
        except ChangeFailed as error:
            pytest.fail(f"there is nothing that could be left: {error.one_line()}")
        except EngineError:
            pass
        removal.join(60)
        status, _ = copies.box.engine.request("GET", f"/containers/{target.id}/json")
        assert status == 404


class TestWhatIsLeftIsSaid:
    def test_when_the_target_was_stopped(self, copies: Copies, big: Container, target: Container) -> None:
        wants_end = threading.Event()
        _, told = copies.box.engine.request("GET", f"/containers/{target.id}/json")
        pid = told["State"]["Pid"]

        def progress(count: int) -> None:
            if count > (4 << 20) and not wants_end.is_set():
                # the engine would wait for the end of the copy
                os.kill(pid, signal.SIGKILL)
                until(lambda: not Path(f"/proc/{pid}/exe").exists())
                wants_end.set()

        with pytest.raises(ChangeFailed, match="Something of the copy is left") as caught:
            copies.copy(big, BIG, target, wants_end.is_set, progress)
        assert caught.value.hint == f"Remove {BIG} in target"
        assert "Cancelled" in caught.value.detail

    def test_when_the_engine_is_gone(self, copies: Copies, big: Container, target: Container) -> None:
        killed = threading.Event()

        def progress(count: int) -> None:
            if count > (4 << 20) and not killed.is_set():
                killed.set()
                copies.box.engine.kill()

        with pytest.raises(ChangeFailed, match="Something of the copy is left") as caught:
            copies.copy(big, BIG, target, progress=progress)
        assert caught.value.hint == f"Remove {BIG} in target"
        copies.box.engine.recover()


class TestTheStream:
    def test_an_engine_that_hangs_is_given_up(
        self, box: Box, big: Container, target: Container, copies: Copies
    ) -> None:
        get = f"/containers/{big.id}/archive?path={BIG}"
        put = f"/containers/{target.id}/archive?path=/opt/conda/envs"

        def progress(count: int) -> None:
            if count > (4 << 20):
                box.engine.freeze()

        try:
            with pytest.raises(EngineTimeout):
                carry(copies.engine.http, get, put, lambda: False, progress, patience_seconds=2.0)
        finally:
            box.engine.thaw()

    def test_a_hanging_engine_can_be_cancelled(
        self, box: Box, big: Container, target: Container, copies: Copies
    ) -> None:
        get = f"/containers/{big.id}/archive?path={BIG}"
        put = f"/containers/{target.id}/archive?path=/opt/conda/envs"
        wants_end = threading.Event()

        def progress(count: int) -> None:
            if count > (4 << 20):
                box.engine.freeze()
                wants_end.set()

        try:
            with pytest.raises(Cancelled):
                carry(copies.engine.http, get, put, wants_end.is_set, progress, break_off_seconds=2.0)
        finally:
            box.engine.thaw()

    def test_no_thread_and_no_socket_is_left(
        self, copies: Copies, source: Container, target: Container
    ) -> None:
        before = len(os.listdir("/proc/self/fd"))
        copies.copy(source, VISION, target)
        until(lambda: not [each for each in threading.enumerate() if each.name == "archive-watch"])
        assert len(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
def proxy_to(box: Box) -> Iterator[Callable[[], EngineProxy]]:
    """Makes a proxy in front of the box's engine, which keeps its containers."""
    made: list[EngineProxy] = []

    def make() -> EngineProxy:
        front = EngineProxy(box.engine.socket_path)
        front.__enter__()
        made.append(front)
        return front

    yield make
    for each in made:
        each.close()
