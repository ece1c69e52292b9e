"""The GPUs pane as a person uses it, on the make-believe workstation."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from tests.ui.desk import Desk, desk, settle
from tui.demo.world import DemoWorld
from tui.model.gpu_rows import LineKind
from tui.model.operations import Operation
from tui.monitor.topics import GPU_OWNERS, GPUS
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.panes.gpus import GpusPane
from tui.ui.screens.confirm import ConfirmScreen
from tui.ui.screens.gpu_details import GpuDetailsScreen
from tui.ui.screens.main import MainScreen
from tui.ui.widgets.line_bar import LineBar

WIDE = (150, 44)


def pane(at: Desk) -> GpusPane:
    return at.main.query_one(GpusPane)


def rows(at: Desk) -> list[tuple[str, ...]]:
    return [row.cells for row in pane(at).table.rows]


def row_of(at: Desk, command: str) -> tuple[str, ...]:
    return next(cells for cells in rows(at) if command in cells[-1])


def bar(at: Desk, name: str) -> str:
    return pane(at).query_one(name, LineBar).text


def notice(at: Desk) -> str:
    shown = pane(at).query_one(".pane-notice", Static)
    return str(shown.render()) if pane(at).has_class("-empty") else ""


async def open_pane(at: Desk) -> None:
    await at.press("3", "+")
    await at.until(lambda: bool(rows(at)) and at.monitor.is_at_rest)
    await at.until(lambda: at.monitor.store.value(GPU_OWNERS) is not None)
    await at.until(lambda: all(line.holder is None or line.holder.owner for line in pane(at).all_lines))
    await settle(at.pilot)


async def point_at(at: Desk, command: str) -> None:
    row = next(row for row in pane(at).table.rows if command in row.cells[-1])
    pane(at).table.move_to_key(row.key)
    await settle(at.pilot)


class TestRows:
    async def test_gpus_with_their_processes_below(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            firsts = [cells[0].strip() for cells in rows(at)]
            assert [each for each in firsts if each.startswith("GPU")] == ["GPU 0", "GPU 1", "GPU 2", "GPU 3"]
            assert firsts[0] == "GPU 0" and firsts[1].isdecimal()
            gpu = rows(at)[0]
            assert gpu[1].endswith("%") and "/79.6 GiB" in gpu[2] and "°C" in gpu[3] and "/700 W" in gpu[4]
            train = row_of(at, "train.py --config r101")
            assert train[3:6] == ("root", "vision-train", "/usr")

    async def test_largest_memory_first_below_each_gpu(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            held: dict[str, list[int]] = {}
            for line in (item.line for item in (pane(at)._shown[row.key] for row in pane(at).table.rows)):
                if line.kind is LineKind.PROCESS:
                    held.setdefault(line.group, []).append(line.memory_bytes.value or 0)
            assert len(held) == 4
            assert all(each == sorted(each, reverse=True) for each in held.values())

    async def test_numbers_add_up(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            for head in (line for line in pane(at).all_lines if line.kind is LineKind.GPU):
                below = [
                    line.memory_bytes.value or 0
                    for line in pane(at).all_lines
                    if line.group == head.group and line.kind in (LineKind.PROCESS, LineKind.REST)
                ]
                assert sum(below) == head.memory_bytes.value
            assert any(line.kind is LineKind.REST for line in pane(at).all_lines)

    async def test_what_is_odd_is_said(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            assert "▲ idle" in row_of(at, "ipykernel_launcher")[-1]
            assert any("▲ not its GPU" in cells[-1] for cells in rows(at))
            assert any("▲ heat (hardware)" in cells[-1] for cells in rows(at))
            assert any(cells[4] == "(host)" for cells in rows(at))
            assert "idle holder" in bar(at, ".pane-title") and "outside any container" in bar(
                at, ".pane-title"
            )

    async def test_a_graph_of_the_last_ten_minutes(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            assert set(rows(at)[0][5]) <= set("▁▂▃▄▅▆▇█") and len(rows(at)[0][5]) == 10

    async def test_the_chosen_containers_processes_are_marked(self) -> None:
        async with desk(size=WIDE) as at:
            await at.go_to("llm-finetune")
            await open_pane(at)
            marked = [cells for cells in rows(at) if "▸" in cells[0]]
            assert marked and {cells[4] for cells in marked} == {"llm-finetune"}

    async def test_the_lines_tell_the_chain_and_every_reason(self) -> None:
        async with desk(size=(200, 50)) as at:
            await open_pane(at)
            await point_at(at, "train.py --config r101")
            told = bar(at, ".pane-detail")
            assert "user root → container vision-train, PID" in told and "environment /usr" in told
            pane(at).table.move_first()
            await settle(at.pilot)
            assert "fan – (it has no fan of its own)" in bar(at, ".pane-detail")
            assert "slows at 87°C" in bar(at, ".pane-detail")

    async def test_the_header_names_driver_and_cuda(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            at.main.update_status()
            assert "driver 550.163.01 CUDA 12.4" in at.bar("#status-bar")


class TestGroups:
    async def test_by_container_environment_and_user(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            total = sum(line.memory_bytes.value or 0 for line in pane(at).all_lines if line.key == line.group)
            seen = []
            for _ in range(3):
                await at.press("u")
                seen.append([cells[0] for cells in rows(at) if not cells[0].startswith(" ")])
                heads = [line for line in pane(at).all_lines if line.key == line.group]
                assert sum(line.memory_bytes.value or 0 for line in heads) == total
            containers, environments, users = seen
            assert {"llm-finetune", "vision-train", "outside any container"} <= set(containers)
            assert "base, llm-finetune" in environments
            assert {"ana", "root"} <= set(users)
            await at.press("u")
            assert rows(at)[0][0] == "GPU 0"

    async def test_a_filter_keeps_the_heads_of_what_it_shows(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await at.press("/")
            await at.write("vision-train")
            await at.press("enter")
            shown = [cells[0].strip() for cells in rows(at)]
            assert [each for each in shown if each.startswith("GPU")] == ["GPU 1", "GPU 2"]
            assert len(shown) == 4
            await at.press("escape", "/")
            await at.write("GPU 3")
            await at.press("enter")
            assert len(rows(at)) > 2 and rows(at)[0][0] == "GPU 3"

    async def test_sorting_stays_below_the_heads(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await at.press(">")
            await at.press(">")
            assert "CONTAINER/W▲" in pane(at).table.render_line(0).text
            assert rows(at)[0][0] == "GPU 0"
            names = []
            for cells in rows(at)[1:]:
                if cells[0].startswith("GPU"):
                    break
                names.append(cells[4])
            assert names == sorted(names)


class TestOwners:
    async def test_enter_goes_to_container_and_environment(self) -> None:
        async with desk(size=WIDE) as at:
            await at.go_to("tensorboard")
            await open_pane(at)
            await point_at(at, "/opt/conda/envs/vision/bin/python")
            await at.press("enter")
            environments = at.main.query_one(EnvironmentsPane)
            await at.until(
                lambda: environments.current is not None and environments.current.environment.name == "vision"
            )
            assert at.main.focused_pane.NAME == "environments"
            assert at.cursor == "dl-dev"
            await at.press("escape")
            assert at.main.focused_pane.NAME == "gpus"

    async def test_also_where_a_filter_hides_the_container(self) -> None:
        async with desk(size=WIDE) as at:
            await at.press("/")
            await at.write("tensorboard")
            await at.press("enter")
            await open_pane(at)
            await point_at(at, "ipykernel_launcher")
            await at.press("enter")
            await at.until(lambda: at.cursor == "notebook-ana")

    async def test_a_process_of_the_host_has_no_container_to_go_to(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            row = next(row for row in pane(at).table.rows if row.cells[4] == "(host)")
            pane(at).table.move_to_key(row.key)
            await settle(at.pilot)
            await at.press("enter")
            assert "outside any container" in at.toasts[-1][1]

    async def test_containers_and_environments_show_their_gpus(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await at.press("escape", "1")
            await at.until(lambda: at.cell("llm-finetune", "gpu") == "0,2")
            assert at.cell("optuna-db", "gpu") == ""
            assert at.cell("notebook-chen", "gpu") == "none▲"
            await at.go_to("notebook-chen")
            told = at.pane.query_one(".pane-detail", LineBar).text
            assert "its image is made for a GPU, and it was given none" in told
            await at.go_to("dl-dev")
            environments = at.main.query_one(EnvironmentsPane)
            await at.until(lambda: any("0,2" in row.cells for row in environments.table.rows))


class TestEnding:
    async def test_the_dialog_names_what_dies_and_cancel_has_the_focus(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await point_at(at, "ipykernel_launcher")
            await at.press("K")
            screen = await at.on(ConfirmScreen)
            told = "\n".join(screen.question.lines)
            for word in ("ipykernel_launcher", "GPU 0: 20.0 GiB", "runs for", "container notebook-ana",
                         "environment base", "user jovyan"):  # fmt: skip
                assert word in told
            await at.press("enter")
            await at.on(MainScreen)
            assert row_of(at, "ipykernel_launcher")

    async def test_that_a_container_ends_with_its_first_process_is_said(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await point_at(at, "text-embeddings-router")
            await at.press("K")
            screen = await at.on(ConfirmScreen)
            assert "the whole container ends with it" in screen.question.lines[-1]

    async def test_it_ends_and_what_was_freed_is_told(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await point_at(at, "ipykernel_launcher")
            await at.press("K", "tab", "enter")
            await at.until(lambda: any("freed on GPU 0" in message for _, message in at.toasts))
            await at.until(lambda: not any(cells[4] == "notebook-ana" for cells in rows(at)))

    async def test_one_that_stays_can_be_killed(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            stubborn = next(
                line.key
                for line in pane(at).all_lines
                if line.gpu is not None
                and line.gpu.index == 2
                and line.holder is not None
                and line.holder.container is not None
                and line.holder.container.name == "llm-finetune"
            )
            pane(at).table.move_to_key(stubborn)
            await settle(at.pilot)
            await at.press("K", "tab", "enter")
            await at.until(lambda: isinstance(at.app.screen, ConfirmScreen))
            screen = await at.on(ConfirmScreen)
            assert screen.question.title.startswith("Kill process")
            await at.press("tab", "enter")
            await at.until(lambda: stubborn not in [row.key for row in pane(at).table.rows])

    async def test_read_only_ends_nothing(self) -> None:
        async with desk(size=WIDE, read_only=True) as at:
            await open_pane(at)
            await point_at(at, "ipykernel_launcher")
            await at.press("K")
            assert isinstance(at.app.screen, MainScreen)
            assert "gpus.end" not in {action.id for action in at.main.pane_actions()}

    async def test_a_gpu_can_not_be_ended(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            await at.press("K")
            assert "no process is chosen" in at.toasts[-1][1]


class TestFaces:
    async def test_no_driver(self) -> None:
        def without(world: DemoWorld) -> None:
            world.faults.switch("no_gpu_driver", True)

        async with desk(size=WIDE, prepare=without) as at:
            await at.press("3")
            await at.until(lambda: at.monitor.store.value(GPUS))
            await settle(at.pilot)
            assert "No NVIDIA driver" in notice(at) or "driver" in notice(at)
            assert at.cell("dl-dev", "gpu") == ""
            at.world.faults.switch("no_gpu_driver", False)
            await at.press("R")
            await at.until(lambda: rows(at))

    async def test_a_driver_that_hangs_greys_the_pane_and_nothing_else(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            at.world.faults.switch("gpu_hangs", True)
            await at.until(lambda: pane(at).stale_error is not None)
            await settle(at.pilot)
            assert {row.tone for row in pane(at).table.rows} == {"stale"}
            assert "does not answer" in bar(at, ".pane-banner")
            assert at.pane.stale_error is None
            at.world.faults.switch("gpu_hangs", False)
            await at.until(lambda: pane(at).stale_error is None)

    async def test_a_gpu_that_is_lost_and_comes_back(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            at.world.faults.switch("gpu_lost", True)
            await at.until(lambda: any(cells[0].startswith("✗ GPU") for cells in rows(at)))
            lost = next(cells for cells in rows(at) if cells[0].startswith("✗ GPU"))
            assert "lost: Xid 79" in lost[-1]
            assert "1 lost" in bar(at, ".pane-title") and "▲ Xid 79" in bar(at, ".pane-title")
            at.world.faults.switch("gpu_lost", False)
            await at.until(lambda: not any(cells[0].startswith("✗") for cells in rows(at)))

    async def test_a_container_that_stops_leaves_the_gpus(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            at.happen(Operation.STOP, "vision-train")
            await at.until(lambda: not any(cells[4] == "vision-train" for cells in rows(at)))


class TestDetails:
    @pytest.mark.parametrize("command", ["", "ipykernel_launcher"])
    async def test_everything_about_a_gpu(self, command: str) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            if command:
                await point_at(at, command)
            await at.press("i")
            await at.on(GpuDetailsScreen)
            await at.until(lambda: "power limit" in at.text)
            for word in ("GPU-", "use, last ten minutes", "memory, last ten minutes", "NVIDIA H100",
                         "PCIe lanes", "ECC errors", "Errors of the driver (Xid)"):  # fmt: skip
                assert word in at.text
            assert "█" in at.text
            await at.press("escape")
            await at.on(MainScreen)

    async def test_errors_are_listed_with_their_words(self) -> None:
        async with desk(size=WIDE) as at:
            await open_pane(at)
            at.world.faults.switch("gpu_lost", True)
            await at.until(lambda: any(cells[0].startswith("✗ GPU") for cells in rows(at)))
            row = next(row for row in pane(at).table.rows if row.cells[0].startswith("✗ GPU"))
            pane(at).table.move_to_key(row.key)
            await settle(at.pilot)
            await at.press("i")
            await at.on(GpuDetailsScreen)
            await at.until(lambda: "Xid 79" in at.text)
            assert "✗ lost" in at.text
