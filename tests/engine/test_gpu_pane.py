"""The GPUs pane over a real engine: whose the processes on the GPUs are, shown everywhere it is asked."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.engine import environment_images as images
from tests.engine.boxes import Box
from tests.engine.owned_processes import ALICE, ENVS, PATIENCE, Host, is_gone, open_host
from tests.gpus.on_screen import GpuDesk, Machine, first, gpus_on_screen, table_rows
from tests.rig.conda_channel import CondaChannel
from tests.rig.engine import PrivateEngine
from tests.rig.nvml_scenario import GIB, ProcessLine
from tests.rig.waiting import until
from tui.backends.gpu.process_files import ENDED
from tui.model.units import format_bytes
from tui.ui.panes.environments import EnvironmentsPane


@pytest.fixture
def host(
    clean_engine: PrivateEngine, channel: CondaChannel, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    with open_host(clean_engine, channel, tmp_path_factory.mktemp("trees")) as opened:
        yield opened


class Everybody:
    """Processes in two containers and one outside, on three GPUs."""

    def __init__(self, host: Host, machine: Machine) -> None:
        self.training = host.run("training")
        self.serving = host.run("serving", "--user", str(ALICE))
        host.run("idle")
        (self.vision,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
        (self.strange,) = host.start("training", f"{ENVS}/new\nline/bin/sleep", "7002")
        (self.base,) = host.start("serving", "/opt/conda/bin/sleep", "7003")
        (self.plain,) = host.start("serving", "/bin/busybox", "sleep", "7004")
        self.outside = os.getpid()
        #: Number, GPU, memory and use of each line of the driver.
        self.lines = (
            (self.vision, 0, 4 * GIB, 30),
            (self.vision, 1, 2 * GIB, 20),
            (self.strange, 1, 8 * GIB, 10),
            (self.base, 2, 1 * GIB, 5),
            (self.plain, 2, 3 * GIB, 15),
            (self.outside, 0, 5 * GIB, 25),
        )
        alice = host.ownership._name_of_user(ALICE) or str(ALICE)
        me = host.ownership._name_of_user(os.getuid()) or str(os.getuid())
        #: Container, environment and user of each.
        self.owners = {
            self.vision: ("training", "vision", "root"),
            self.strange: ("training", "new␊line", "root"),
            self.base: ("serving", "base", alice),
            self.plain: ("serving", "(none)", alice),
            self.outside: ("(host)", None, me),
        }
        for pid, gpu, memory, sm in self.lines:
            machine.gpu(gpu).processes.append(ProcessLine(pid, memory, sm=sm, keep=False))
        for number, lines in machine.scenario.gpus.items():
            # a GiB on each that nobody explains
            lines.values["memory.used"] = GIB + sum(each[2] for each in self.lines if each[1] == number)
        machine.write()

    def is_right(self, row: dict[str, str]) -> bool:
        """Whether a process's row names its owner."""
        container, environment, user = self.owners[int(first(row))]
        return (row["container"], row["user"]) == (container, user) and environment in (
            None,
            row["environment"],
        )

    def memory_of(self, *pids: int) -> str:
        return format_bytes(sum(memory for pid, _, memory, _ in self.lines if pid in pids))

    def use_of(self, *pids: int) -> str:
        return f"{sum(sm for pid, _, _, sm in self.lines if pid in pids)}%"


def processes(desk: GpuDesk) -> list[dict[str, str]]:
    return [row for row in desk.rows() if first(row).isdigit()]


async def all_are_right(desk: GpuDesk, everybody: Everybody) -> None:
    """Wait until every line of the driver has its row, and every row its owner."""

    def told() -> bool:
        rows = processes(desk)
        return len(rows) == len(everybody.lines) and all(map(everybody.is_right, rows))

    await desk.wait(told, "every process has its owner")


def containers(desk: GpuDesk) -> dict[str, dict[str, str]]:
    """Rows of the Containers pane by name."""
    return {row["name"]: row for row in table_rows(desk.desk.pane)}


def environments(desk: GpuDesk) -> EnvironmentsPane:
    return desk.desk.main.query_one(EnvironmentsPane)


def environment_rows(desk: GpuDesk) -> dict[str, dict[str, str]]:
    """Rows of the Environments pane by name."""
    return {row["name"].removeprefix("▲ "): row for row in table_rows(environments(desk))}


def chosen_prefix(desk: GpuDesk) -> str | None:
    """Of the environment under the cursor of its pane."""
    current = environments(desk).current
    return current.environment.prefix if current is not None else None


async def test_every_row_names_its_owner_in_every_grouping(host: Host, machine: Machine) -> None:
    everybody = Everybody(host, machine)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await all_are_right(desk, everybody)
        drawn = desk.desk.text()
        assert all(str(pid) in drawn for pid in everybody.owners)
        assert [first(row) for row in desk.below("GPU 0")] == [
            str(everybody.outside), str(everybody.vision), "?"
        ]  # fmt: skip
        assert [row["memory"] for row in desk.below("GPU 1")] == ["8.00 GiB", "2.00 GiB", "1.00 GiB"]
        assert [row["memory"] for row in desk.below("GPU 2")] == ["3.00 GiB", "1.00 GiB", "1.00 GiB"]
        rest = ("memory that no process explains", "3.00 GiB", "–")
        trained, served = (everybody.vision, everybody.strange), (everybody.base, everybody.plain)

        def heads() -> list[tuple[str, str, str]]:
            rows = [row for row in desk.rows() if not row["gpu"].startswith(" ")]
            return [(row["gpu"], row["memory"], row["use"]) for row in rows]

        def group(label: str, *pids: int) -> tuple[str, str, str]:
            return label, everybody.memory_of(*pids), everybody.use_of(*pids)

        await desk.desk.press("u")
        assert heads() == [
            group("serving", *served), group("training", *trained),
            group("outside any container", everybody.outside), rest,
        ]  # fmt: skip
        assert {first(row) for row in desk.below("training")} == {str(pid) for pid in trained}
        await all_are_right(desk, everybody)
        await desk.desk.press("u")
        assert heads()[:4] == [
            group("no environment, serving", everybody.plain), group("base, serving", everybody.base),
            group("new␊line, training", everybody.strange), group("vision, training", everybody.vision),
        ]  # fmt: skip
        assert heads()[-1] == rest
        await all_are_right(desk, everybody)
        await desk.desk.press("u")
        users: dict[str, list[int]] = {}
        for pid, (_, _, user) in everybody.owners.items():
            users.setdefault(user, []).append(pid)
        assert heads() == [*(group(user, *pids) for user, pids in sorted(users.items())), rest]
        await all_are_right(desk, everybody)
        desk.assert_aligned()
        await desk.desk.press("u")
        assert [name for name, _, _ in heads()] == ["GPU 0", "GPU 1", "GPU 2"]


async def test_the_columns_of_the_other_panes_say_which_gpus(host: Host, machine: Machine) -> None:
    everybody = Everybody(host, machine)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await all_are_right(desk, everybody)
        assert {name: row["gpu"] for name, row in containers(desk).items()} == {
            "training": "0-1", "serving": "2", "idle": ""
        }  # fmt: skip
        await desk.desk.press("1")
        await desk.desk.point_at("training")
        await desk.wait(lambda: "vision" in environment_rows(desk), "its environments are listed")
        assert {name: row["gpu"] for name, row in environment_rows(desk).items()} == {
            "base": "", "vision": "0-1", "new␊line": "1"
        }  # fmt: skip
        await desk.desk.point_at("serving")
        await desk.wait(
            lambda: environment_rows(desk).get("base", {}).get("gpu") == "2", "the other one's, too"
        )
        # the lines of the selected container are marked
        await desk.wait(lambda: desk.row(str(everybody.base))["gpu"].startswith(" ▸"))
        assert not desk.row(str(everybody.vision))["gpu"].startswith(" ▸")


@pytest.mark.parametrize("hidden", [False, True], ids=["shown", "hidden by filters"])
async def test_enter_goes_to_the_owner(host: Host, machine: Machine, hidden: bool) -> None:
    everybody = Everybody(host, machine)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await all_are_right(desk, everybody)
        if hidden:
            for pane, text in (("1", "serving"), ("2", "base")):
                await desk.desk.press(pane, "slash")
                await desk.desk.write(text)
                await desk.desk.press("enter")
            await desk.wait(lambda: list(containers(desk)) == ["serving"], "only one is shown")
            await desk.wait(lambda: list(environment_rows(desk)) == ["base"], "only one is shown")
        for pid, container, prefix in (
            (everybody.strange, "training", f"{ENVS}/new\nline"),
            (everybody.base, "serving", "/opt/conda"),
            (everybody.vision, "training", f"{ENVS}/vision"),
        ):
            await desk.desk.press("3")
            await desk.point_at(str(pid))
            await desk.desk.press("enter")
            await desk.wait(lambda: desk.desk.cursor_name == container, f"{container} is chosen")  # noqa: B023
            await desk.wait(lambda: chosen_prefix(desk) == prefix, f"{prefix} is chosen")  # noqa: B023
            assert desk.desk.main.focused_pane is environments(desk)
        await desk.desk.press("3")
        await desk.point_at(str(everybody.outside))
        await desk.desk.press("enter")
        assert "it runs outside any container" in desk.desk.messages()
        assert desk.desk.cursor_name == "training"


async def test_one_that_is_killed_from_outside_is_gone_at_once(host: Host, machine: Machine) -> None:
    everybody = Everybody(host, machine)
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await all_are_right(desk, everybody)
        os.kill(everybody.vision, 9)
        await desk.wait(lambda: str(everybody.vision) not in desk.names(), "it is gone", 2.0)
        await desk.wait(lambda: containers(desk)["training"]["gpu"] == "1", "and out of the columns", 2.0)
        # what it held is unexplained as long as the driver counts it
        await desk.wait(lambda: desk.below("GPU 0")[-1]["memory"] == "5.00 GiB")


async def test_one_that_only_the_driver_still_lists_has_no_owner(host: Host, machine: Machine) -> None:
    host.run("training")
    (pid,) = host.start("training", f"{ENVS}/vision/bin/sleep", "7001")
    machine.gpu().processes = [ProcessLine(pid, GIB, keep=True)]
    machine.write()
    async with gpus_on_screen(machine, host.rig.host) as desk:
        await desk.sees(str(pid), container="training", environment="vision")
        os.kill(pid, 9)
        until(lambda: is_gone(pid), PATIENCE)
        await desk.sees(str(pid), container="–", environment="–", user="–", command="–", age="–")
        await desk.point_at(str(pid))
        assert ENDED in desk.bar(".pane-detail")
        assert containers(desk)["training"]["gpu"] == ""
        for key in ("enter", "K"):
            await desk.desk.press(key)
            assert desk.desk.is_on_top and ENDED in desk.desk.messages()


async def test_verdicts_rest_on_what_the_driver_itself_says(
    clean_engine: PrivateEngine,
    channel: CondaChannel,
    tmp_path_factory: pytest.TempPathFactory,
    machine: Machine,
) -> None:
    box = Box(clean_engine, channel, tmp_path_factory)
    box.run(images.CONDA, images.make_conda)
    # by /proc alone, its driver is too old for the build
    machine.kernel.load_module("450.80.02")
    machine.scenario.init = 9
    machine.write()

    def verdict(desk: GpuDesk) -> str:
        return environment_rows(desk).get("nlp", {}).get("verdict", "")

    async with gpus_on_screen(machine, clean_engine.host) as desk:
        await desk.desk.press("1")
        await desk.desk.point_at("training")
        await desk.wait(lambda: verdict(desk) == "✗ cannot run", "judged by /proc")
        assert "driver 450.80.02" in desk.status
        machine.scenario.init = 0
        machine.scenario.driver = "570.124.06"
        machine.write()
        await desk.wait(lambda: verdict(desk) == "● ok", "judged by the driver's own word")
        assert "driver 570.124.06 CUDA 12.4" in desk.status
        for lines in machine.scenario.gpus.values():
            lines.values["compute_capability"] = "3.5"
        for number in range(3):
            # the GPUs are taken away and others put in their places
            machine.scenario.gpus[number].values["uuid"] = f"GPU-old-{number}"
        machine.write()
        await desk.wait(lambda: verdict(desk) == "✗ GPU too old for this build", "by the GPUs it lists")
