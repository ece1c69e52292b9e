"""`envtui gpus --json`: every figure or the reason why it is unknown, and whose every process is."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.commands.gpu_hosts import (
    FIELDS,
    FIGURES,
    GIB,
    GPU_FIELDS,
    HOSTILE,
    MIB,
    NOW,
    PATIENCE_SECONDS,
    PROCESS_FIELDS,
    Run,
    conda_base,
    fake,
    first_process,
    hostile_host,
    make_gpu,
    make_owner,
    make_process,
    make_report,
    told,
)
from tests.making import full_id
from tests.rig.waiting import until
from tui.model.containers import Container
from tui.model.environments import EnvironmentList
from tui.model.errors import EngineLost, EngineNotFound, GpuMismatch, GpuTimeout, NoGpuDriver
from tui.model.gpus import Gpu, GpuReport, LostGpu, MigInstance, ProcessType, XidEvent
from tui.model.reading import Reading, unknown
from tui.model.units import iso_time


class TestForScripts:
    def test_every_fact(self, run_gpus: Run) -> None:
        box = full_id("box")
        host = fake(
            make_report(make_process(41, memory=3 * GIB, sm=37.0, type=ProcessType.BOTH)),
            owners=[make_owner(41, box, "/opt/conda")],
            containers=["box", "other"],
        )
        found = told(run_gpus, host)
        (gpu,) = found["gpus"]
        (process,) = gpu["processes"]
        assert (list(found), list(gpu), list(process)) == (FIELDS, GPU_FIELDS, PROCESS_FIELDS)
        assert process == {
            "pid": 41, "type": "both", "memory_bytes": 3 * GIB, "sm_percent": 37.0, "user": "ana",
            "command": "python job-41.py", "started_at": iso_time(NOW - 7200), "container": "box",
            "container_id": box, "environment": "base", "prefix": "/opt/conda", "unknown": {},
        }  # fmt: skip
        del gpu["processes"]
        assert gpu == {
            "index": 0, "uuid": "GPU-0", "name": "Card 0", "utilization_percent": 71.0,
            "memory_total_bytes": 80 * GIB, "memory_used_bytes": 20 * GIB, "memory_reserved_bytes": 512 * MIB,
            "temperature_celsius": 66, "power_watts": 250.5, "power_limit_watts": 400.0, "fan_percent": 55.0,
            "sm_clock_mhz": 1410, "throttle_reasons": ["power limit", "heat (hardware)"],
            "mig_instances": [], "unknown": {},
        }  # fmt: skip
        del found["gpus"]
        assert found == {"driver_version": "550.54.15", "cuda_version": "12.4", "reason": None, "unknown": {}}
        assert process["started_at"].endswith("+00:00")
        assert host.gpus.is_closed

    @pytest.mark.parametrize("name", FIGURES)
    def test_a_figure_that_is_unknown_is_null_with_its_reason(
        self, run_gpus: Run, name: str, quick: list[float]
    ) -> None:
        (gpu,) = told(run_gpus, fake(make_report(gpus=[make_gpu(0, **{name: None})])))["gpus"]
        assert (gpu[name], gpu["unknown"]) == (None, {name: f"no {name}"})

    def test_nothing_that_is_0_or_empty_becomes_unknown(self, run_gpus: Run) -> None:
        idle = make_gpu(utilization_percent=0.0, memory_used_bytes=0, fan_percent=0.0, throttle_reasons=())
        (gpu,) = told(run_gpus, fake(make_report(make_process(41, memory=0, sm=0.0), gpus=[idle])))["gpus"]
        assert (gpu["utilization_percent"], gpu["memory_used_bytes"], gpu["throttle_reasons"]) == (0.0, 0, [])
        assert (gpu["processes"][0]["sm_percent"], gpu["processes"][0]["memory_bytes"]) == (0.0, 0)
        assert gpu["unknown"] == {}

    def test_memory_and_share_of_a_process_that_the_driver_does_not_tell(
        self, run_gpus: Run, quick: list[float]
    ) -> None:
        process = first_process(run_gpus, fake(make_report(make_process(41, memory=None, sm=None))))
        assert process["unknown"]["memory_bytes"] == "no memory"
        assert process["unknown"]["sm_percent"] == "no share"

    def test_a_process_that_nobody_can_see(self, run_gpus: Run) -> None:
        process = first_process(run_gpus, fake(make_report(make_process(41))))
        assert (process["pid"], process["memory_bytes"]) == (41, GIB)
        assert set(process["unknown"]) == set(PROCESS_FIELDS[4:11])
        assert set(process["unknown"].values()) == {"its process has ended"}

    def test_what_is_known_to_be_none_says_so(self, run_gpus: Run) -> None:
        process = first_process(run_gpus, fake(make_report(make_process(41)), owners=[make_owner(41)]))
        assert process["unknown"] == {
            "container": "outside any container", "container_id": "outside any container",
            "environment": "in no environment", "prefix": "in no environment",
        }  # fmt: skip

    def test_an_environment_without_a_name(self, run_gpus: Run) -> None:
        owner = make_owner(41, full_id("box"), "/app/.venv")
        process = first_process(
            run_gpus, fake(make_report(make_process(41)), owners=[owner], containers=["box"])
        )
        assert (process["prefix"], process["environment"]) == ("/app/.venv", None)
        assert process["unknown"] == {"environment": "it has no name"}

    def test_an_environment_that_may_not_be_looked_at(self, run_gpus: Run) -> None:
        owner = make_owner(41, full_id("box"), None)
        process = first_process(
            run_gpus, fake(make_report(make_process(41)), owners=[owner], containers=["box"])
        )
        assert process["container"] == "box"
        assert process["unknown"] == dict.fromkeys(("environment", "prefix"), "it may not be looked at")

    def test_a_container_of_another_engine(self, run_gpus: Run) -> None:
        owner = make_owner(41, full_id("strange"), "/opt/conda")
        host = fake(make_report(make_process(41)), owners=[owner], containers=["box"])
        process = first_process(run_gpus, host)
        assert process["container_id"] == full_id("strange")
        assert process["unknown"]["container"] == "it is not one of this engine's containers"
        assert host.environments.asked == []

    def test_a_container_inside_another_is_told_as_the_one_that_is_listed(self, run_gpus: Run) -> None:
        owner = make_owner(41, full_id("inner"), "/opt/conda", enclosing_ids=(full_id("box"),))
        process = first_process(
            run_gpus, fake(make_report(make_process(41)), owners=[owner], containers=["box"])
        )
        assert (process["container"], process["container_id"]) == ("box", full_id("box"))

    def test_lost_gpus_stand_among_the_others(self, run_gpus: Run) -> None:
        xid = XidEvent(79, "fell off the bus", NOW, "GPU-0")
        lost = [LostGpu(make_gpu(0), "GPU is lost", NOW, xid), LostGpu(make_gpu(2), "GPU must be reset", NOW)]
        found = told(run_gpus, fake(make_report(gpus=[make_gpu(1)], lost=tuple(lost), xids=(xid,))))
        assert [(each["index"], each["uuid"], each.get("lost")) for each in found["gpus"]] == [
            (0, "GPU-0", "Xid 79: fell off the bus"), (1, "GPU-1", None), (2, "GPU-2", "GPU must be reset"),
        ]  # fmt: skip
        first, healthy, _ = found["gpus"]
        assert list(healthy) == GPU_FIELDS and set(first) == {*GPU_FIELDS, "lost"}
        assert all(first[name] is None for name in FIGURES) and first["processes"] == []
        assert set(first["unknown"].values()) == {"lost: Xid 79: fell off the bus"}
        assert set(first["unknown"]) == {*FIGURES, "processes"}

    def test_processes_that_are_not_known_are_an_empty_list_with_a_reason(self, run_gpus: Run) -> None:
        report = make_report(processes_unknown=(("GPU-0", "processes are unknown: no permission"),))
        (gpu,) = told(run_gpus, fake(report))["gpus"]
        assert (gpu["processes"], gpu["unknown"]) == (
            [],
            {"processes": "processes are unknown: no permission"},
        )

    def test_mig_instances_and_who_is_on_them(self, run_gpus: Run) -> None:
        instances = (
            MigInstance("MIG-a", "GPU-0", 0, "1g.10gb", 3, 0, Reading(10 * GIB), Reading(GIB), Reading(0)),
            MigInstance("GPU-0/1", "GPU-0", 1, "", 5, 0, Reading(10 * GIB), unknown("refused"), Reading(0)),
        )
        gpu = replace(make_gpu(), mig_instances=instances, is_mig=Reading(True))
        on_it = make_process(41, gpu_instance_id=3, compute_instance_id=0)
        first, second = told(run_gpus, fake(make_report(on_it, make_process(42), gpus=[gpu])))["gpus"][0][
            "mig_instances"
        ]
        assert first == {
            "index": 0, "uuid": "MIG-a", "name": "1g.10gb", "memory_total_bytes": 10 * GIB,
            "memory_used_bytes": GIB, "memory_reserved_bytes": 0, "pids": [41], "unknown": {},
        }  # fmt: skip
        assert (second["pids"], set(second["unknown"])) == ([], {"uuid", "name", "memory_used_bytes"})

    def test_one_that_sleeps_is_not_called_by_its_address(self, run_gpus: Run) -> None:
        asleep = Gpu("pci:0000:01:00.0", 0, "", "0000:01:00.0", is_asleep=True)
        figures: dict[str, Any] = {name: unknown("asleep") for name in FIGURES}
        (gpu,) = told(run_gpus, fake(make_report(gpus=[replace(asleep, **figures)])))["gpus"]
        assert set(gpu["unknown"].values()) == {"asleep"} and gpu["uuid"] is None

    def test_hostile_names_come_as_they_are(self, run_gpus: Run) -> None:
        host = hostile_host()
        code, out, _ = run_gpus(host, "--json")
        assert code == 0 and out.isascii() and "\x1b" not in out
        (gpu,) = json.loads(out)["gpus"]
        (process,) = gpu["processes"]
        assert {gpu["name"], process["user"], process["command"], process["container"]} == {HOSTILE}
        assert (process["environment"], process["prefix"]) == (HOSTILE, f"/{HOSTILE}")


class TestSecondLook:
    def test_a_driver_that_says_nothing_at_first_is_asked_again_after_a_second(
        self, run_gpus: Run, quick: list[float]
    ) -> None:
        host = fake(make_report(make_process(41, sm=None)), make_report(make_process(41, sm=12.0)))
        assert first_process(run_gpus, host)["sm_percent"] == 12.0
        assert (quick, host.gpus.times) == ([1.0], 2)

    def test_what_it_still_does_not_say_is_unknown(self, run_gpus: Run, quick: list[float]) -> None:
        host = fake(make_report(gpus=[make_gpu(utilization_percent=None)]))
        (gpu,) = told(run_gpus, host)["gpus"]
        assert gpu["unknown"] == {"utilization_percent": "no utilization_percent"} and host.gpus.times == 2

    def test_one_that_says_all_is_asked_once(self, run_gpus: Run, quick: list[float]) -> None:
        host = fake(make_report(make_process(41)))
        told(run_gpus, host)
        assert (quick, host.gpus.times) == ([], 1)


class TestOwners:
    def test_only_containers_with_processes_are_asked_a_few_at_a_time(self, run_gpus: Run) -> None:
        lock, go = threading.Lock(), threading.Event()
        at_once: list[int] = []
        inside = 0

        def tell(container: Container) -> EnvironmentList:
            nonlocal inside
            with lock:
                inside += 1
                at_once.append(inside)
            assert go.wait(PATIENCE_SECONDS)
            with lock:
                inside -= 1
            return conda_base(container)

        def let_go() -> None:
            until(lambda: len(at_once) >= 4, timeout=PATIENCE_SECONDS)
            go.set()

        names = [f"box-{number:02}" for number in range(12)]
        host = fake(
            make_report(*(make_process(40 + number) for number in range(12))),
            owners=[
                make_owner(40 + number, full_id(name), "/opt/conda") for number, name in enumerate(names)
            ],
            containers=[*names, "idle"],
            tell=tell,
        )
        watcher = threading.Thread(target=let_go)
        watcher.start()
        (gpu,) = told(run_gpus, host)["gpus"]
        watcher.join()
        assert {each["environment"] for each in gpu["processes"]} == {"base"}
        assert sorted(host.environments.asked) == [(name, True) for name in names] and max(at_once) == 4

    def test_nobody_is_asked_where_there_is_no_process(self, run_gpus: Run) -> None:
        host = fake(make_report(), containers=["box"])
        told(run_gpus, host)
        assert (host.ownership.asked, host.containers.times, host.environments.asked) == ([], 0, [])

    @pytest.mark.parametrize(("option", "expected"), [((), True), (("--read-only",), False)])
    def test_read_only_runs_no_command_in_containers(
        self, run_gpus: Run, option: tuple[str, ...], expected: bool
    ) -> None:
        owner = make_owner(41, full_id("box"), "/opt/conda")
        host = fake(make_report(make_process(41)), owners=[owner], containers=["box"])
        told(run_gpus, host, *option)
        assert {each[2] for each in host.ownership.asked} == {expected}
        assert host.environments.asked == [("box", expected)]

    def test_without_an_engine_gpus_are_printed_and_owners_say_why(self, run_gpus: Run) -> None:
        owners = [
            make_owner(41, full_id("box"), "/opt/conda"),
            make_owner(42, full_id("box"), None),
            make_owner(43),
        ]
        gone = EngineNotFound("No container engine at unix:///x", "nothing listens")
        host = fake(
            make_report(*(make_process(each.pid) for each in owners)), owners=owners, engine_error=gone
        )
        (gpu,) = told(run_gpus, host)["gpus"]
        known, hidden, outside = gpu["processes"]
        why = "containers can't be listed: No container engine at unix:///x: nothing listens"
        assert (known["container_id"], known["prefix"]) == (full_id("box"), "/opt/conda")
        assert known["unknown"]["container"] == why
        assert set(hidden["unknown"].values()) == {why}
        assert outside["unknown"]["container"] == "outside any container"
        assert (known["user"], known["command"]) == ("ana", "python job-41.py")

    def test_environments_that_can_not_be_listed(self, run_gpus: Run) -> None:
        def tell(container: Container) -> EnvironmentList:
            raise EngineLost("The answer broke off", "half of it came")

        owner = make_owner(41, full_id("box"), "/opt/conda")
        process = first_process(
            run_gpus, fake(make_report(make_process(41)), owners=[owner], containers=["box"], tell=tell)
        )
        assert (process["container"], process["prefix"]) == ("box", "/opt/conda")
        why = "its container's environments can't be listed: The answer broke off: half of it came"
        assert process["unknown"] == {"environment": why}

    def test_a_host_whose_processes_can_not_be_looked_at(self, run_gpus: Run) -> None:
        station = replace(fake(make_report(make_process(41))).station(), ownership=None, environments=None)
        (process,) = told(run_gpus, station)["gpus"][0]["processes"]
        assert set(process["unknown"].values()) == {"this host's processes can't be looked at"}


class TestNoGpu:
    ABSENCE = GpuMismatch("Driver and library do not match", "550.54.15 and 570.124.06", "Reboot")

    def test_is_no_failure(self, run_gpus: Run) -> None:
        found = told(run_gpus, fake(GpuReport("550.54.15", None, taken_at=NOW, absence=self.ABSENCE)))
        reason = "Driver and library do not match: 550.54.15 and 570.124.06. Reboot"
        assert found == {
            "driver_version": "550.54.15", "cuda_version": None, "gpus": [], "reason": reason,
            "unknown": {"cuda_version": reason},
        }  # fmt: skip

    def test_people_are_told_in_one_line(self, run_gpus: Run) -> None:
        absence = NoGpuDriver("No NVIDIA driver on this machine", HOSTILE)
        code, out, err = run_gpus(fake(GpuReport(taken_at=NOW, absence=absence)))
        assert (code, err, out.count("\n")) == (0, "", 1) and "\x1b" not in out
        assert out.startswith("No NVIDIA driver on this machine: ")

    @pytest.mark.parametrize("option", ["--json", "--watch"])
    def test_an_engine_on_another_machine(self, run_gpus: Run, option: str) -> None:
        station = replace(fake(make_report()).station(), gpus=None)
        code, out, err = run_gpus(station, option)
        assert (code, err) == (0, "") and "another machine" in out

    def test_a_driver_that_hangs_is_one_line_and_a_failure(self, run_gpus: Run) -> None:
        host = fake(
            GpuTimeout("The GPU driver does not answer", "nvmlInit has not come back for 3 s", "Wait")
        )
        for arguments in ((), ("--json",), ("--watch",)):
            code, out, err = run_gpus(host, *arguments)
            assert (code, out) == (1, "")
            assert err == (
                "envtui: The GPU driver does not answer: nvmlInit has not come back for 3 s. Wait\n"
            )
        assert host.gpus.is_closed
