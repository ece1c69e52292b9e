"""`envtui gpus` for people, again each second, as a shell starts it, and on the make-believe machine."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.commands.gpu_hosts import (
    FIGURES,
    GIB,
    MIB,
    NOW,
    PATIENCE_SECONDS,
    Run,
    fake,
    hostile_host,
    make_gpu,
    make_owner,
    make_process,
    make_report,
    told,
)
from tests.engine.program import ENVTUI, on_terminal
from tests.making import full_id, make_container
from tests.rig.waiting import until
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container
from tui.model.errors import EngineNotFound, GpuTimeout
from tui.model.gpus import LostGpu, MigInstance, XidEvent
from tui.model.reading import Reading
from tui.workstation import open_demo


class TestForPeople:
    def test_a_line_each_and_processes_below(self, run_gpus: Run) -> None:
        box = full_id("box")
        host = fake(
            make_report(
                make_process(41, memory=2 * GIB), make_process(42, memory=12 * GIB),
                make_process(43, 1, 20 * GIB),
                gpus=[make_gpu(0, fan_percent=None, throttle_reasons=("heat (hardware)", "sync boost")),
                      make_gpu(1, throttle_reasons=("idle",))],
            ),
            owners=[make_owner(41), make_owner(42, box, "/opt/conda"), make_owner(43, box, "/app/.venv")],
            containers=["box"],
        )  # fmt: skip
        code, out, err = run_gpus(host)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            "Driver 550.54.15, CUDA 12.4",
            "",
            "GPU  USE  MEMORY         TEMP  POWER      FAN  SM CLOCK  NAME    REMARKS",
            "  PID          MEMORY    SM   USER  CONTAINER  ENVIRONMENT  AGE  TYPE     COMMAND",
            "0    71%  20.0/80.0 GiB  66°C  250/400 W  –    1410 MHz  Card 0  slowed by heat (hardware)",
            "  42           12.0 GiB  40%  ana   box        base         2h   compute  python job-42.py",
            "  41           2.00 GiB  40%  ana   (host)     (none)       2h   compute  python job-41.py",
            "  unexplained  6.00 GiB",
            "1    71%  20.0/80.0 GiB  66°C  250/400 W  55%  1410 MHz  Card 1",
            "  43           20.0 GiB  40%  ana   box        /app/.venv   2h   compute  python job-43.py",
        ]

    def test_what_is_unknown_is_a_dash(self, run_gpus: Run, quick: list[float]) -> None:
        none: dict[str, Any] = dict.fromkeys(FIGURES)
        host = fake(make_report(make_process(41, memory=None, sm=None), gpus=[make_gpu(**none)]))
        lines = run_gpus(host)[1].splitlines()
        assert lines[4].split() == ["0", "–", "–/–", "–", "–", "–", "–", "Card", "0"]
        assert lines[5].split() == ["41", *"––––––", "compute", "–"] and len(lines) == 6

    def test_memory_that_can_not_be_explained_says_why(self, run_gpus: Run) -> None:
        lines = run_gpus(fake(make_report(make_process(41, memory=None))))[1].splitlines()
        assert lines[-1].split(maxsplit=2) == [
            "unexplained", "–", "memory of process 41 is unknown: no memory",
        ]  # fmt: skip

    def test_lost_ones_and_instances(self, run_gpus: Run) -> None:
        lost = LostGpu(make_gpu(0), "GPU is lost", NOW, XidEvent(79, "fell off the bus", NOW, "GPU-0"))
        instance = MigInstance(
            "MIG-a", "GPU-1", 0, "MIG 1g.10gb", 3, 0, Reading(10 * GIB), Reading(512 * MIB), Reading(0)
        )
        gpu = replace(make_gpu(1, memory_used_bytes=0), mig_instances=(instance,))
        lines = run_gpus(fake(make_report(gpus=[gpu], lost=(lost,))))[1].splitlines()
        assert lines[4].startswith("0    –") and lines[4].endswith("Card 0  lost: Xid 79: fell off the bus")
        assert lines[6].split() == ["MIG", "0", "512", "MiB/10.0", "GiB", "MIG", "1g.10gb"]

    def test_processes_that_are_not_known_are_remarked(self, run_gpus: Run) -> None:
        report = make_report(processes_unknown=(("GPU-0", "processes are unknown: no permission"),))
        assert "; processes are unknown: no permission\n" in run_gpus(fake(report))[1]

    def test_hostile_names_keep_to_their_line(self, run_gpus: Run) -> None:
        code, out, _ = run_gpus(hostile_host())
        assert code == 0 and len(out.splitlines()) == 7
        assert not {"\x1b", "\x07", "\udcff", "\u202e"} & set(out) and "분할" in out

    def test_an_engine_that_is_down_is_told_below(self, run_gpus: Run) -> None:
        host = fake(
            make_report(make_process(41)),
            owners=[make_owner(41, full_id("box"), "/opt/conda")],
            engine_error=EngineNotFound("No container engine", "nothing listens"),
        )
        code, out, err = run_gpus(host)
        lines = out.splitlines()
        assert (code, err) == (0, "") and full_id("box")[:12] in lines[5] and "/opt/conda" in lines[5]
        assert lines[-2:] == ["", "Containers have no names: No container engine: nothing listens"]

    def test_one_that_nobody_needs_is_not(self, run_gpus: Run) -> None:
        host = fake(
            make_report(make_process(41)),
            owners=[make_owner(41)],
            engine_error=EngineNotFound("No container engine", "nothing listens"),
        )
        assert "engine" not in run_gpus(host)[1]


class TestWatch:
    def test_json_is_an_object_a_line_until_interrupted(self, run_gpus: Run, quick: list[float]) -> None:
        reports = [make_report(gpus=[make_gpu(utilization_percent=float(use))]) for use in (1, 2, 3)]
        host = fake(*reports, KeyboardInterrupt())
        code, out, err = run_gpus(host, "--watch", "--json")
        assert (code, err) == (130, "")
        lines = [json.loads(line) for line in out.splitlines()]
        assert [each["gpus"][0]["utilization_percent"] for each in lines] == [1.0, 2.0, 3.0]
        assert ": " not in out and host.gpus.is_closed
        assert len(quick) == 3 and all(each <= 1.0 for each in quick)

    def test_tables_follow_each_other_in_a_pipe(self, run_gpus: Run, quick: list[float]) -> None:
        code, out, err = run_gpus(fake(make_report(), make_report(), KeyboardInterrupt()), "--watch")
        assert (code, err) == (130, "") and "\x1b" not in out
        assert out.count("Driver 550.54.15") == 2 and "\n\nDriver" in out

    def test_a_driver_that_hangs_meanwhile_is_told_once_and_waited_for(
        self, run_gpus: Run, quick: list[float]
    ) -> None:
        hang = GpuTimeout("The GPU driver does not answer", "for 3 s")
        host = fake(make_report(), hang, hang, make_report(), hang, KeyboardInterrupt())
        code, out, err = run_gpus(host, "--watch", "--json")
        assert (code, len(out.splitlines())) == (130, 2)
        assert err == 2 * "envtui: The GPU driver does not answer: for 3 s\n"

    def test_containers_are_asked_for_what_is_new_only(self, run_gpus: Run, quick: list[float]) -> None:
        box, other = full_id("box"), full_id("other")
        one, two = make_process(41), make_process(42)
        owners = [make_owner(41, box, "/opt/conda"), make_owner(42, other, "/opt/conda")]
        reports = [make_report(*each) for each in ((one,), (one,), (one, two), (two,), (one, two))]
        host = fake(*reports, KeyboardInterrupt(), owners=owners, containers=["box", "other"])
        code, out, _ = run_gpus(host, "--watch", "--json")
        names = [
            [each["environment"] for each in json.loads(line)["gpus"][0]["processes"]]
            for line in out.splitlines()
        ]
        assert (code, names) == (130, [["base"], ["base"], ["base", "base"], ["base"], ["base", "base"]])
        # forgotten when its last process went
        assert [name for name, _ in host.environments.asked] == ["box", "other", "box"]
        assert host.containers.times == 1

    def test_a_container_that_was_made_meanwhile_is_looked_for_once(
        self, run_gpus: Run, quick: list[float]
    ) -> None:
        owner = make_owner(41, full_id("new"), "/opt/conda")
        host = fake(make_report(), *[make_report(make_process(41))] * 4, KeyboardInterrupt(), owners=[owner])
        code, _, _ = run_gpus(host, "--watch", "--json")
        assert (code, host.containers.times) == (130, 2)
        host = fake(make_report(make_process(41)), KeyboardInterrupt(), owners=[owner])
        listed = host.containers.containers

        def made_after_the_first_look() -> tuple[Sequence[Container], float]:
            found = listed()
            host.containers.listed = [make_container("new")]
            return found

        host.containers.containers = made_after_the_first_look  # type: ignore[method-assign]
        code, out, _ = run_gpus(host, "--watch", "--json")
        (process,) = json.loads(out)["gpus"][0]["processes"]
        assert (process["container"], process["environment"]) == ("new", "base")


class TestTheProgram:
    """As a shell starts it, on the make-believe workstation."""

    @staticmethod
    def started(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*ENVTUI, "--demo", "gpus", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def test_an_interrupt_ends_it_quietly(self) -> None:
        with self.started("--watch", "--json") as program:
            assert program.stdout is not None and program.stderr is not None
            lines = [program.stdout.readline() for _ in range(2)]
            program.send_signal(signal.SIGINT)
            assert program.wait(PATIENCE_SECONDS) == 130
            assert program.stderr.read() == ""
        first, second = (json.loads(line) for line in lines)
        assert len(first["gpus"]) == len(second["gpus"]) == 4

    def test_a_reader_that_has_enough_ends_it_quietly(self) -> None:
        with self.started("--watch", "--json") as program:
            assert program.stdout is not None and program.stderr is not None
            program.stdout.readline()
            program.stdout.close()
            assert program.wait(PATIENCE_SECONDS) == 0
            assert program.stderr.read() == ""

    @pytest.mark.parametrize("columns", [40, 80, 200])
    def test_a_table_fits_its_terminal(self, columns: int) -> None:
        with on_terminal("--demo", "gpus", columns=columns, rows=40) as terminal:
            assert terminal.wait_exit(PATIENCE_SECONDS) == 0
            lines = [line for line in terminal.text().splitlines() if line.strip()]
        assert len(lines) == 20 and lines[0].startswith("Driver 550.163.01")
        is_cut = [line.rstrip().endswith("…") for line in lines]
        assert any(is_cut) == (columns < 200) and is_cut[2] == (columns < 100)

    def test_a_watched_table_stays_where_it_is(self) -> None:
        with on_terminal("--demo", "gpus", "--watch", columns=100, rows=12) as terminal:
            terminal.wait_for("more lines", timeout=PATIENCE_SECONDS)
            before = terminal.text()
            until(lambda: terminal.text() != before, PATIENCE_SECONDS, "it goes on")
            lines = terminal.text().splitlines()
            assert lines[0].startswith("Driver 550.163.01") and lines[10].startswith("… 11 more lines")
            terminal.press("ctrl+c")
            assert terminal.wait_exit(PATIENCE_SECONDS) == 130


class TestOnTheDemo:
    def test_everything_adds_up(self, run_gpus: Run) -> None:
        found = told(run_gpus, None)
        assert [each["index"] for each in found["gpus"]] == [0, 1, 2, 3]
        containers = {each["container"] for gpu in found["gpus"] for each in gpu["processes"]}
        assert {"dl-dev", "vision-train", "serve-qwen", "notebook-ana", None} <= containers
        left = [
            gpu["memory_used_bytes"] - sum(each["memory_bytes"] for each in gpu["processes"])
            for gpu in found["gpus"]
        ]
        assert left[:2] == [0, 0] and left[2] > GIB and left[3] == 0

    def test_environments_and_prefixes(self, run_gpus: Run) -> None:
        found = told(run_gpus, None)
        pairs = {
            (each["container"], each["environment"], each["prefix"])
            for gpu in found["gpus"]
            for each in gpu["processes"]
        }
        assert {
            ("dl-dev", "vision", "/opt/conda/envs/vision"), ("llm-finetune", "base", "/opt/conda"),
            ("serve-qwen", None, "/usr"), (None, "plots", "/home/ana/miniforge3/envs/plots"),
        } <= pairs  # fmt: skip

    def test_the_engines_faults_leave_the_gpus(self, run_gpus: Run) -> None:
        world = DemoWorld(clock=FrozenClock())
        world.faults.engine_gone = True
        found = told(run_gpus, open_demo(world))
        whys = [each["unknown"].get("container") for gpu in found["gpus"] for each in gpu["processes"]]
        assert len(found["gpus"]) == 4 and any("No container engine at demo" in (why or "") for why in whys)

    def test_the_gpus_faults(self, run_gpus: Run) -> None:
        world = DemoWorld(clock=FrozenClock())
        world.faults.gpu_lost = True
        assert told(run_gpus, open_demo(world))["gpus"][3]["lost"] == "Xid 79: fell off the bus"
        world.faults.no_gpu_driver = True
        assert told(run_gpus, open_demo(world))["reason"].startswith("No NVIDIA driver")
        world.faults.gpu_hang_seconds = 0.01
        world.faults.gpu_hangs = True
        code, out, err = run_gpus(open_demo(world))
        assert (code, out, err.count("\n")) == (1, "", 1)
