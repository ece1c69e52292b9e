"""`envtui envs`: every fact for scripts, a table for people, and trouble stays with the one that has it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.making import full_id, make_container, make_details
from tests.rig.waiting import until
from tui.cli import main
from tui.demo.backends import DemoEngine, DemoStatistics
from tui.demo.environments import DemoDriver
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.compatibility import DriverFacts, GpuFacts
from tui.model.containers import Container, ContainerDetails, ContainerState
from tui.model.environments import (
    Environment,
    EnvironmentKind,
    EnvironmentList,
    EnvironmentSize,
    ListedBy,
    Origin,
    Package,
)
from tui.model.errors import Conflict, EngineLost, EngineTimeout, NoSuchContainer
from tui.model.units import iso_time
from tui.workstation import Workstation

FIELDS = [
    "container", "container_id", "name", "prefix", "root_prefix", "kind", "manager", "python",
    "conda_packages", "pip_packages", "torch", "cuda_build", "size_bytes", "own_bytes", "writable", "frozen",
    "origin", "ephemeral", "in_use_by", "modified_at", "verdict",
]  # fmt: skip
DRIVER = DriverFacts("550.54.15", "12.4", (GpuFacts("NVIDIA H100 80GB HBM3", "9.0"),))
HOSTILE = "\x1b[31mred\x1b]0;OWNED\x07\n\udcff\u202e 분할"


class FakeContainers:
    """A list of containers; asking for more of one that is called `gone` finds it removed."""

    def __init__(self, *listed: Container) -> None:
        self.listed = listed

    def containers(self) -> tuple[Sequence[Container], float]:
        return self.listed, 0.0

    def details(self, container_id: str) -> ContainerDetails:
        found = next(each for each in self.listed if each.id == container_id)
        if found.name == "gone":
            raise NoSuchContainer("No such container", "gone")
        return make_details(found.name, found.state)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should need {name}")


class FakeEnvironments:
    """What `tell` says of a container, and sizes of 30 bytes, 10 of them its own."""

    def __init__(self, tell: Callable[[Container], EnvironmentList]) -> None:
        self.tell = tell
        self.measured: list[str] = []

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        return self.tell(container)

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        raise AssertionError("nobody asked for packages")

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        self.measured.append(container.name)
        if container.name == "odd":
            raise EngineTimeout("The sizes took too long", "30 s went by")
        return {each.prefix: EnvironmentSize(30, 10) for each in environments}


class FakeHostPids:
    """On the host each number is 1000 higher, as long as it is below 50."""

    def host_pids(self, container: Container, pids: Sequence[int]) -> Mapping[int, int] | None:
        assert container.process_id == 42
        return None if container.name == "hidden" else {pid: pid + 1000 for pid in pids if pid < 50}


def environment(name: str = "box", **fields: Any) -> Environment:
    return Environment(
        full_id(name), fields.pop("prefix", "/opt/conda"), fields.pop("label", "base"),
        fields.pop("kind", EnvironmentKind.BASE), **fields,
    )  # fmt: skip


def one(container: Container, **fields: Any) -> EnvironmentList:
    return EnvironmentList(container.id, (environment(container.name, **fields),))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


@pytest.fixture
def run(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def run(workstation: Workstation | None, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command on a workstation, the make-believe one for None."""
        if workstation is not None:
            monkeypatch.setattr("tui.commands.envs.open_workstation", lambda *given: workstation)
        code = main(["--demo", "envs", *arguments], environ)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


Run = Callable[..., tuple[int, str, str]]


def station(
    *names: str | Container,
    tell: Callable[[Container], EnvironmentList] = one,
    driver: DriverFacts | None = DRIVER,
) -> Workstation:
    listed = [each if isinstance(each, Container) else make_container(each) for each in names]
    world = DemoWorld(clock=FrozenClock())
    return Workstation(
        "fake",
        DemoEngine(world),
        FakeContainers(*listed),
        DemoStatistics(world),
        environments=FakeEnvironments(tell),
        driver=DemoDriver(driver),
        host_pids=FakeHostPids(),
    )


def objects(run: Run, workstation: Workstation | None, *arguments: str) -> list[dict[str, Any]]:
    """What a well-ended command printed."""
    code, out, err = run(workstation, "--json", *arguments)
    assert (code, err) == (0, "")
    told: list[dict[str, Any]] = json.loads(out)
    return told


class TestForScripts:
    def test_every_fact(self, run: Run) -> None:
        def tell(container: Container) -> EnvironmentList:
            return one(
                container,
                prefix="/opt/conda/envs/vision",
                label="vision",
                kind=EnvironmentKind.CONDA,
                root_prefix="/opt/conda",
                manager="/opt/conda/bin/conda",
                python="3.11.11",
                conda_packages=24,
                pip_packages=37,
                torch="2.9.1+cu128",
                cuda_build="12.8",
                writable=True,
                frozen=True,
                origin=Origin.LAYER,
                pids=(20, 7, 99),
                modified_at=1_772_443_800.0,
            )

        (told,) = objects(run, station("box", tell=tell), "--sizes")
        assert list(told) == FIELDS
        verdict = told.pop("verdict")
        assert told == {
            "container": "box", "container_id": full_id("box"), "name": "vision",
            "prefix": "/opt/conda/envs/vision", "root_prefix": "/opt/conda", "kind": "conda",
            "manager": "/opt/conda/bin/conda", "python": "3.11.11", "conda_packages": 24, "pip_packages": 37,
            "torch": "2.9.1+cu128", "cuda_build": "12.8", "size_bytes": 30, "own_bytes": 10, "writable": True,
            "frozen": True, "origin": "layer", "ephemeral": True, "in_use_by": [1007, 1020],
            "modified_at": iso_time(1_772_443_800.0),
        }  # fmt: skip
        assert set(verdict) == {"status", "reason"} and verdict["status"] == "ok"
        assert "by minor-version compatibility" in verdict["reason"]

    def test_what_is_not_known_is_null(self, run: Run) -> None:
        (told,) = objects(run, station("box", tell=lambda each: one(each, label=""), driver=None))
        known = {key: value for key, value in told.items() if value is not None}
        assert list(told) == FIELDS
        assert known == {
            "container": "box", "container_id": full_id("box"), "prefix": "/opt/conda", "kind": "base",
            "frozen": False, "in_use_by": [],
            "verdict": {"status": "unknown", "reason": "There is neither torch nor a CUDA library in it"},
        }  # fmt: skip

    def test_sizes_are_measured_only_when_they_are_asked_for(self, run: Run) -> None:
        workstation = station("box")
        assert objects(run, workstation)[0]["size_bytes"] is None
        backend = workstation.environments
        assert isinstance(backend, FakeEnvironments) and backend.measured == []
        assert objects(run, workstation, "--sizes")[0]["size_bytes"] == 30

    def test_processes_that_nobody_can_look_at_are_null(self, run: Run) -> None:
        def tell(container: Container) -> EnvironmentList:
            listing = one(container, pids=() if container.name == "shellless" else (7,))
            by = ListedBy.ARCHIVE if container.name == "shellless" else ListedBy.EXEC
            return replace(listing, listed_by=by)

        workstation = station("hidden", "shellless", "box", tell=tell)
        told = {each["container"]: each["in_use_by"] for each in objects(run, workstation)}
        assert told == {"hidden": None, "shellless": None, "box": [1007]}
        elsewhere = objects(run, replace(workstation, host_pids=None), "box")
        assert elsewhere[0]["in_use_by"] is None

    def test_names_come_as_they_are(self, run: Run) -> None:
        workstation = station("box", tell=lambda each: one(each, label=HOSTILE, prefix=f"/{HOSTILE}"))
        code, out, _ = run(workstation, "--json")
        assert code == 0 and out.isascii() and "\x1b" not in out
        (told,) = json.loads(out)
        assert (told["name"], told["prefix"]) == (HOSTILE, f"/{HOSTILE}")

    def test_nothing_is_an_empty_array(self, run: Run) -> None:
        assert objects(run, station()) == []
        assert objects(run, station("box", tell=lambda each: EnvironmentList(each.id, ()))) == []


class TestWhichContainers:
    STOPPED = make_container("archive", ContainerState.EXITED, id="abcd" + "0" * 60)
    OTHER = make_container("other", ContainerState.PAUSED, id="abff" + "0" * 60)

    def test_those_that_run_by_name(self, run: Run) -> None:
        told = objects(run, station("zoo", self.STOPPED, self.OTHER, "Box"))
        assert [each["container"] for each in told] == ["Box", "other", "zoo"]

    @pytest.mark.parametrize("named", ["archive", "/archive", "abcd", "abcd" + "0" * 60])
    def test_a_stopped_one_by_name_or_id(self, run: Run, named: str) -> None:
        (told,) = objects(run, station(self.STOPPED, self.OTHER), named)
        assert (told["container"], told["in_use_by"]) == ("archive", [])

    @pytest.mark.parametrize(("named", "said"), [("nosuch", "nosuch"), ("", ""), ("ab", "archive, other")])
    def test_none_or_several_are_a_mistake(self, run: Run, named: str, said: str) -> None:
        code, out, err = run(station(self.STOPPED, self.OTHER), named)
        assert (code, out) == (1, "") and err.startswith("envtui: No such container") and said in err
        assert err.count("\n") == 1

    def test_a_name_goes_before_the_beginning_of_an_id(self, run: Run) -> None:
        named = make_container("abcd")
        assert [each["container"] for each in objects(run, station(self.STOPPED, named), "abcd")] == ["abcd"]

    def test_at_most_four_at_once(self, run: Run) -> None:
        lock, go = threading.Lock(), threading.Event()
        at_once: list[int] = []
        inside = 0

        def tell(container: Container) -> EnvironmentList:
            nonlocal inside
            with lock:
                inside += 1
                at_once.append(inside)
            assert go.wait(30)
            with lock:
                inside -= 1
            return one(container)

        def let_go() -> None:
            until(lambda: len(at_once) >= 4, timeout=30)
            go.set()

        watcher = threading.Thread(target=let_go)
        watcher.start()
        told = objects(run, station(*(f"box-{number:02}" for number in range(12)), tell=tell))
        watcher.join()
        assert len(told) == 12 and max(at_once) == 4


class TestTrouble:
    @staticmethod
    def tell(container: Container) -> EnvironmentList:
        if container.name == "broken":
            raise EngineLost("The answer broke off", "\x1b[2Jgarbage\nand more")
        if container.name == "cut":
            cut = EngineTimeout("The listing is not complete", "it took more than 5 s")
            return replace(one(container), problem=cut)
        return one(container)

    def test_is_one_line_each_and_the_others_are_printed(self, run: Run) -> None:
        code, out, err = run(station("box", "broken", "cut", "gone", tell=self.tell), "--json")
        assert code == 1
        assert [each["container"] for each in json.loads(out)] == ["box", "cut"]
        lines = err.splitlines()
        assert [line.split(":")[1].strip() for line in lines] == ["broken", "cut", "gone"]
        assert "The answer broke off" in lines[0] and "\x1b" not in err
        assert "it took more than 5 s" in lines[1]

    def test_sizes_that_fail_leave_the_rest(self, run: Run) -> None:
        code, out, err = run(station("odd", "box"), "--sizes", "--json")
        told = {each["container"]: each["size_bytes"] for each in json.loads(out)}
        assert (code, told) == (1, {"odd": None, "box": 30})
        assert err == "envtui: odd: The sizes took too long: 30 s went by\n"

    def test_what_was_read_through_the_engine_is_not_measured(self, run: Run) -> None:
        archived = station("box", tell=lambda each: replace(one(each), listed_by=ListedBy.ARCHIVE))
        (told,) = objects(run, archived, "--sizes")
        assert told["size_bytes"] is None
        assert isinstance(archived.environments, FakeEnvironments) and archived.environments.measured == []

    def test_processes_that_fail_leave_the_rest(self, run: Run) -> None:
        class Failing(FakeHostPids):
            def host_pids(self, container: Container, pids: Sequence[int]) -> Mapping[int, int] | None:
                raise Conflict("The processes can't be listed", "the container is paused")

        failing = replace(station("box", tell=lambda each: one(each, pids=(7,))), host_pids=Failing())
        code, out, err = run(failing, "--json")
        assert (code, json.loads(out)[0]["in_use_by"]) == (1, None) and "is paused" in err

    def test_a_host_without_the_ability(self, run: Run) -> None:
        code, out, err = run(replace(station("box"), environments=None))
        assert (code, out) == (1, "") and err.startswith("envtui: No environments")


class TestForPeople:
    def test_a_table(self, run: Run) -> None:
        def tell(container: Container) -> EnvironmentList:
            return one(
                container, python="3.12.9", torch="2.6.0+cpu", cuda_build="cpu", conda_packages=24,
                pip_packages=0, origin=Origin.IMAGE, frozen=True, problems=("half made",),
            )  # fmt: skip

        code, out, err = run(station("box", tell=tell), "--sizes")
        assert (code, err) == (0, "")
        title, row = out.splitlines()
        assert title.split() == [
            "CONTAINER", "ENVIRONMENT", "VERDICT", "PYTHON", "TORCH", "CUDA", "KIND", "ORIGIN", "CONDA",
            "PIP", "SIZE", "OWN", "REMARKS",
        ]  # fmt: skip
        assert "no GPU build  3.12.9  2.6.0+cpu  cpu   base  image   24     0    30 B  10 B  frozen; " in row

    def test_hostile_names_keep_to_their_line(self, run: Run) -> None:
        told = station("box", tell=lambda each: one(each, label=HOSTILE, problems=(HOSTILE,)))
        code, out, _ = run(told)
        assert code == 0 and len(out.splitlines()) == 2
        assert not {"\x1b", "\x07", "\udcff", "\u202e"} & set(out) and "분할" in out

    def test_the_prefix_stands_for_a_name_that_is_missing(self, run: Run) -> None:
        _, out, _ = run(station("box", tell=lambda each: one(each, label="", prefix="/app/.venv")))
        assert "box        /app/.venv   unknown  –       –" in out

    def test_a_note_about_the_one_that_was_named(self, run: Run) -> None:
        empty = station("box", tell=lambda each: EnvironmentList(each.id, (), note="There is none"))
        assert run(empty)[2] == ""
        code, _, err = run(empty, "box")
        assert (code, err) == (0, "envtui: box: There is none\n")


class TestOnTheDemo:
    def test_every_running_container_with_verdicts(self, run: Run) -> None:
        told = objects(run, None)
        assert {each["verdict"]["status"] for each in told} == {
            "ok", "cannot run", "no GPU build", "mixed CUDA libraries", "GPU too new for this build",
            "unknown",
        }  # fmt: skip
        assert "diffusion-train" not in {each["container"] for each in told}
        assert all(list(each) == FIELDS for each in told)

    def test_a_stopped_one(self, run: Run) -> None:
        told, _ = objects(run, None, "preprocess-dicom", "--sizes")
        assert (told["origin"], told["size_bytes"], told["writable"]) == ("layer", None, None)

    def test_sizes_of_all(self, run: Run) -> None:
        measured = {each["container"] for each in objects(run, None, "--sizes") if each["size_bytes"]}
        assert {"dl-dev", "notebook-ana"} <= measured and not {"rl-sim", "serve-embed"} & measured

    def test_a_table_of_one(self, run: Run) -> None:
        code, out, err = run(None, "dl-dev")
        assert (code, err) == (0, "") and len(out.splitlines()) == 8
        assert "two records of onnxruntime-gpu" in out
