"""What a machine's GPUs go through, as the GPUs pane shows it: each has its face, and all come back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import pytest

from tests.gpus.on_screen import GpuDesk, Machine, gpus_on_screen
from tests.gpus.test_absence import missing_library
from tests.rig.nvml_scenario import GIB, InstanceLine, ProcessLine, Scenario, full_gpu
from tui.model.gpu_rows import LineKind
from tui.ui.screens.gpu_details import GpuDetailsScreen
from tui.ui.widgets.line_view import LineView

MakeMachine = Callable[..., Machine]
HANG = "delay.nvmlDeviceGetPowerUsage"


@pytest.fixture
def host(tmp_path: Path) -> str:
    """An engine that is not there: GPUs have no need of one."""
    return f"unix://{tmp_path}/absent.sock"


@pytest.fixture
def make(compiler: None, tmp_path: Path) -> Iterator[MakeMachine]:
    made: list[Machine] = []

    def make(
        scenario: Scenario | None = None, level: int = 550, load: Callable[[], ModuleType] | None = None
    ) -> Machine:
        folder = tmp_path / f"machine{len(made)}"
        folder.mkdir()
        made.append(Machine(folder, scenario, level, load))
        return made[-1]

    yield make
    for machine in made:
        machine.gpus.close()


@contextmanager
def sleepers(count: int, *argv: str) -> Iterator[list[int]]:
    """Real processes of this machine."""
    words = list(argv) or ["sleep"]
    running = [subprocess.Popen([*words, "7001"], executable="/bin/sleep") for _ in range(count)]
    try:
        yield [each.pid for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()


def sums(desk: GpuDesk) -> dict[str, int | None]:
    """Memory of each GPU's rows, added up; None where any part is unknown."""
    told: dict[str, int | None] = {}
    for line in desk.pane.all_lines:
        if line.kind in (LineKind.PROCESS, LineKind.REST) and line.gpu is not None:
            before, more = told.get(line.gpu.uuid, 0), line.memory_bytes.value
            told[line.gpu.uuid] = None if before is None or more is None else before + more
    return told


def used(desk: GpuDesk) -> dict[str, int | None]:
    return {
        line.gpu.uuid: line.memory_bytes.value
        for line in desk.pane.all_lines
        if line.kind is LineKind.GPU and line.gpu is not None
    }


@pytest.mark.by_default("470", "535", "615")
@pytest.mark.parametrize("level", [450, 470, 535, 550, 615])
async def test_each_figure_in_its_cell_at_every_driver_level(
    make: MakeMachine, host: str, level: int
) -> None:
    machine = make(Scenario({0: full_gpu(0), 1: full_gpu(1)}, driver=f"{level}.10.01"), level)
    with sleepers(1) as (pid,):
        machine.gpu(1).processes = [ProcessLine(pid, 3 * GIB, sm=37, keep=False)]
        machine.write()
        async with gpus_on_screen(machine, host) as desk:
            # without the second form of the call the driver counts what it reserves as used
            part = 0.5 if level < 510 else 0.0
            for number in (0, 1):
                await desk.sees(
                    f"GPU {number}",
                    use=f"{70 + number}%",
                    memory=f"{20 + number + part:.1f}/80.0 GiB",
                    user=f"{60 + number}°C",
                    container="250/400 W",
                    age=f"{55 + number}%",
                    command="NVIDIA A100-SXM4-80GB  ▲ power limit",
                )
            await desk.sees(str(pid), use="37%", memory="3.00 GiB", container="(host)")
            assert f"driver {level}.10.01 CUDA 12.4" in desk.status
            desk.assert_aligned()


async def test_the_rows_of_a_gpu_add_up_to_what_is_used(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({0: full_gpu(0), 1: full_gpu(1)}))
    with sleepers(3) as pids:
        machine.gpu(0).processes = [ProcessLine(pid, (4 + place) * GIB + 7) for place, pid in enumerate(pids)]
        machine.gpu(1).values["memory.used"] = 4 * GIB
        machine.gpu(1).processes = [ProcessLine(pids[0], 4 * GIB)]
        machine.write()
        async with gpus_on_screen(machine, host) as desk:
            await desk.wait(lambda: len(desk.rows()) == 7)
            shown = [row["memory"] for row in desk.below("GPU 0")]
            assert shown == ["6.00 GiB", "5.00 GiB", "4.00 GiB", "5.00 GiB"]
            assert desk.below("GPU 0")[-1]["command"] == "memory that no process explains"
            assert [row["memory"] for row in desk.below("GPU 1")] == ["4.00 GiB"]
            assert sums(desk) == used(desk)


async def test_a_gpu_that_is_lost_and_comes_back(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({0: full_gpu(0), 1: full_gpu(1)}))
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 1", use="71%")
        machine.gpu(1).values["lost"] = 1
        machine.scenario.xids.append((1, 1, 79))
        machine.write()
        await desk.sees("GPU 1", command="lost: Xid 79: fell off the bus", user="61°C")
        assert desk.row("GPU 1")["gpu"] == "✗ GPU 1"
        assert "1 and 1 lost" in desk.bar(".pane-title") and "▲ Xid 79 <1m ago" in desk.bar(".pane-title")
        await desk.sees("GPU 0", use="70%")
        await desk.point_at("GPU 1")
        await desk.desk.press("i")
        screen = await desk.desk.opened(GpuDetailsScreen)
        text = screen.query_one(LineView).text
        assert "Xid 79, fell off the bus" in text and "Xid 79: fell off the bus" in text
        await desk.desk.press("escape")
        del machine.gpu(1).values["lost"]
        machine.gpu(1).values["utilization"] = 12
        machine.write()
        await desk.sees("GPU 1", use="12%")
        assert "lost" not in desk.bar(".pane-title")


async def test_a_hung_driver_greys_the_pane_and_nothing_else(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({0: full_gpu(0), 1: full_gpu(1)}))
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 1", use="71%")
        machine.scenario.rules[HANG] = 600_000
        machine.write()
        await desk.wait(lambda: desk.pane.has_class("-stale"), "it is grey", 6.0)
        assert "does not answer" in desk.bar(".pane-banner") and "STALE" in desk.status
        assert {row.tone for row in desk.pane.table.rows} == {"stale"}
        assert desk.row("GPU 1")["use"] == "71%"
        for number in (1, 0):
            # keys answer
            await desk.point_at(f"GPU {number}")
        await desk.desk.press("question_mark")
        await desk.wait(lambda: not desk.desk.is_on_top, "help opens")
        await desk.desk.press("escape")
        await desk.wait(lambda: desk.desk.is_on_top, "help closes")
        del machine.scenario.rules[HANG]
        machine.gpu(1).values["utilization"] = 12
        machine.write()
        await desk.sees("GPU 1", use="12%")
        assert not desk.pane.has_class("-stale")


async def test_quitting_does_not_wait_for_a_hung_driver(make: MakeMachine, host: str) -> None:
    machine = make()
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 0", use="70%")
        machine.scenario.rules[HANG] = 600_000
        machine.write()
        await desk.wait(lambda: desk.pane.has_class("-stale"), "it is grey")
        await desk.desk.press("q")
        await desk.wait(lambda: not desk.desk.app.is_running, "it ends")
    machine.scenario.rules.clear()
    machine.write()


def module_missing(machine: Machine) -> None:
    machine.scenario.init = 9


def mismatch(machine: Machine) -> None:
    machine.kernel.load_module("550.54.15")
    machine.scenario.rules["library"] = "570.124.06"
    machine.scenario.init = 18


def no_permission(machine: Machine) -> None:
    machine.scenario.init = 4


@pytest.mark.parametrize(
    ("happens", "words"),
    [
        (module_missing, ("not loaded",)),
        (mismatch, ("570.124.06", "550.54.15", "Reboot")),
        (no_permission, ("No permission", "/dev/nvidiactl")),
    ],
)
async def test_no_gpu_says_why_and_goes_away(
    make: MakeMachine, host: str, happens: Callable[[Machine], None], words: tuple[str, ...]
) -> None:
    machine = make()
    happens(machine)
    machine.write()
    async with gpus_on_screen(machine, host) as desk:
        await desk.wait(lambda: all(word in desk.notice for word in words), str(words))
        assert desk.rows() == []
        # keys find nothing to act on, and say so
        await desk.desk.press("enter", "K", "i")
        assert desk.desk.is_on_top and "no process is chosen" in desk.desk.messages()
        machine.scenario.init = 0
        machine.write()
        await desk.sees("GPU 0", use="70%")


async def test_no_library_and_it_is_installed_later(make: MakeMachine, host: str) -> None:
    is_there: list[ModuleType] = []
    machine = make(load=lambda: is_there[0] if is_there else missing_library())
    async with gpus_on_screen(machine, host) as desk:
        await desk.wait(lambda: "No NVIDIA driver on this machine" in desk.notice)
        assert "driver" not in desk.status
        is_there.append(machine.double.nvml())
        await desk.sees("GPU 0", use="70%")
        assert "driver 550.54.15 CUDA 12.4" in desk.status


async def test_mig_instances_with_their_processes(make: MakeMachine, host: str) -> None:
    machine = make()
    gpu = machine.gpu()
    gpu.values |= {"mig": 1, "utilization": None, "memory.used": 6 * GIB}
    gpu.instances = [
        InstanceLine(0, "MIG-aaaa", 3, used_bytes=4 * GIB),
        InstanceLine(1, "MIG-bbbb", 5, used_bytes=0),
    ]
    with sleepers(1) as (pid,):
        gpu.processes = [ProcessLine(pid, 4 * GIB, sm=None, gpu_instance=3, compute_instance=0, keep=False)]
        machine.write()
        async with gpus_on_screen(machine, host) as desk:
            await desk.sees("MIG 0:0", memory="4.0/10.0 GiB", use="–")
            await desk.sees(str(pid), use="–", memory="4.00 GiB")
            assert desk.names() == ["GPU 0", "?", "MIG 0:0", str(pid), "MIG 0:1"]
            assert desk.row("GPU 0")["use"] == "–"
            desk.assert_aligned()
            # the one that is not used goes
            gpu.instances = gpu.instances[:1]
            machine.write()
            await desk.wait(lambda: "MIG 0:1" not in desk.names())
            assert sums(desk) == used(desk)


async def test_process_memory_that_nobody_tells(make: MakeMachine, host: str) -> None:
    machine = make()
    with sleepers(2) as pids:
        machine.gpu().processes = [
            ProcessLine(pids[0], None, sm=None, keep=False),
            ProcessLine(pids[1], GIB, keep=False),
        ]
        machine.write()
        async with gpus_on_screen(machine, host) as desk:
            await desk.sees(str(pids[0]), memory="–", use="–")
            await desk.point_at("?")
            assert desk.row("?")["memory"] == "–"
            assert f"memory of process {pids[0]} is unknown" in desk.bar(".pane-detail")
            assert sums(desk) == dict.fromkeys(used(desk))
            desk.assert_aligned()
            await desk.desk.press("u")
            await desk.sees("outside any container", memory="–")


async def test_a_gpu_that_is_added_and_one_that_is_removed(make: MakeMachine, host: str) -> None:
    machine = make()
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 0")
        machine.scenario.gpus[1] = full_gpu(1)
        machine.write()
        await desk.sees("GPU 1", use="71%")
        await desk.point_at("GPU 1")
        del machine.scenario.gpus[1]
        machine.write()
        await desk.wait(lambda: desk.names() == ["GPU 0", "?"])
        assert desk.pane.current is not None


async def test_all_gpus_are_taken_away(make: MakeMachine, host: str) -> None:
    machine = make()
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 0")
        del machine.scenario.gpus[0]
        machine.write()
        await desk.wait(lambda: "GPU" in desk.notice and not desk.rows())
        machine.scenario.gpus[0] = full_gpu(0)
        machine.write()
        await desk.sees("GPU 0", use="70%")


async def test_many_processes_on_many_gpus(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({number: full_gpu(number) for number in range(8)}))
    with sleepers(200) as pids:
        for place, pid in enumerate(pids):
            line = ProcessLine(pid, GIB // 4, sm=place % 90, keep=False)
            machine.gpu(place % 8).processes.append(line)
        machine.write()
        async with gpus_on_screen(machine, host) as desk:
            await desk.wait(lambda: len(desk.rows()) == 8 + 200 + 8, "all rows are there")
            assert sums(desk) == used(desk)
            desk.assert_aligned()
            await desk.desk.press("G")
            assert desk.pane.table.cursor_index == len(desk.rows()) - 1
            desk.assert_aligned()
            for head in ("outside any container", None, None, "GPU 0"):
                await desk.desk.press("u")
                assert head is None or head in desk.names()
                desk.assert_aligned()
            for gpu in machine.scenario.gpus.values():
                gpu.processes = []
            machine.write()
            await desk.wait(lambda: len(desk.rows()) == 16, "they are gone")


async def test_more_memory_used_than_there_is(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({0: full_gpu(0, memory__used=96 * GIB, fan=130, utilization=250)}))
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 0", memory="96.0/80.0 GiB", age="130%")
        desk.assert_aligned()
        await desk.desk.press("g", "i")
        await desk.desk.opened(GpuDetailsScreen)
        machine.gpu().values["memory.used"] = GIB
        machine.write()
        await desk.wait(lambda: "memory used               1.00 GiB" in desk.desk.text_screen())


async def test_a_name_that_is_no_text(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({0: full_gpu(0, name=b"NVIDIA \xff\xfe\x1b[31m [bold]RTX")}))
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 0", use="70%")
        name = desk.row("GPU 0")["command"]
        assert name.startswith("NVIDIA ") and "[bold]RTX" in name and "\x1b" not in name
        desk.assert_aligned()


@pytest.mark.by_default("\\x1b[31mred\\x1b]0;title\\x07", "[bold]markup[/]")
@pytest.mark.parametrize(
    "word", ["\x1b[31mred\x1b]0;title\x07", "[bold]markup[/]", "new\nline", "日本語 \u202egnp.exe", "\udcff"]
)
async def test_hostile_command_lines_stay_in_their_cells(make: MakeMachine, host: str, word: str) -> None:
    machine = make()
    with sleepers(1, word) as (pid,):
        machine.gpu().processes = [ProcessLine(pid, GIB, keep=False)]
        machine.write()
        async with gpus_on_screen(machine, host) as desk:
            await desk.sees(str(pid), container="(host)")
            for _ in range(4):
                desk.assert_aligned()
                row = desk.row(str(pid))
                assert row["command"].endswith("7001") and row["command"].isprintable()
                await desk.desk.press("u")
            await desk.point_at(str(pid))
            await desk.desk.press("K")
            dialog = await desk.desk.dialog()
            assert not {"\x1b", "\x07", "\u202e"} & set(desk.desk.text())
            assert f"{pid}" in "\n".join(dialog.question.lines)
            await desk.desk.press("enter")
            await desk.wait(lambda: desk.desk.is_on_top)
    assert not os.path.exists(f"/proc/{pid}/exe")


async def test_what_the_driver_refuses_has_its_reason_in_the_details(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({0: full_gpu(0, fan=None, power=None, temperature=None, utilization=None)}))
    async with gpus_on_screen(machine, host) as desk:
        await desk.sees("GPU 0", use="–", user="–", container="–", age="")
        await desk.point_at("GPU 0")
        assert "not supported on this GPU" in desk.bar(".pane-detail")
        await desk.desk.press("i")
        await desk.desk.opened(GpuDetailsScreen)
        text = desk.desk.text_screen()
        assert "power                     –  not supported on this GPU" in text


async def test_the_pane_fits_a_small_terminal(make: MakeMachine, host: str) -> None:
    machine = make(Scenario({number: full_gpu(number) for number in range(4)}))
    async with gpus_on_screen(machine, host, size=(80, 24)) as desk:
        await desk.sees("GPU 3", use="73%")
        desk.assert_aligned()
