"""Counters from the kernel's control groups, over trees as machines have them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.making import full_id, make_container
from tui.backends.docker.cgroups import CgroupReader, CgroupRoots
from tui.model.stats import StatsSample

ID = full_id("box")
OTHER = full_id("other")
HOST_MEMORY = 16_000_000 * 1024

NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls
    lo:   99999     10    0    0    0     0          0         0    99999     10    0    0    0     0
  eth0:    1000     10    0    0    0     0          0         0     2000     10    0    0    0     0
eth1:300 10 0 0 0 0 0 0 400 10 0 0 0 0
"""
# as kernel 6.1 writes them
V2 = {
    "cpu.stat": "usage_usec 2500\nuser_usec 1500\nsystem_usec 1000\nnr_periods 0\n",
    "memory.current": "10000\n",
    "memory.max": "50000\n",
    "memory.stat": "anon 6000\nfile 4000\ninactive_anon 1\nactive_file 0\ninactive_file 4000\n",
    "pids.current": "3\n",
    "io.stat": "8:0 rbytes=4096 wbytes=100 rios=1 wios=1 dbytes=0 dios=0\n259:1 rbytes=4 wbytes=8 rios=1\n",
    "cgroup.procs": "4242\n4243\n",
}
# as kernel 5.10 writes them, by controller
V1 = {
    "cpuacct": {"cpuacct.usage": "2500000\n"},
    "memory": {
        "memory.usage_in_bytes": "10000\n",
        "memory.limit_in_bytes": "50000\n",
        "memory.stat": "cache 4000\ninactive_file 1\ntotal_cache 4000\ntotal_inactive_file 4000\n",
        "cgroup.procs": "4242\n",
    },
    "pids": {"pids.current": "3\n"},
    "blkio": {
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 4096\n8:0 Write 100\n8:0 Sync 9\n"
        "8:0 Total 4196\n259:1 Read 4\n259:1 Write 8\nTotal 4208\n"
    },
}
EXPECTED = StatsSample(
    taken_at=77.0,
    cpu_nanoseconds=2_500_000,
    memory_bytes=6000,
    memory_limit_bytes=50000,
    pids=3,
    network_rx_bytes=1300,
    network_tx_bytes=2400,
    block_read_bytes=4100,
    block_write_bytes=108,
)
V2_PLACES = {
    "cgroupfs": "docker/{id}",
    "systemd": "system.slice/docker-{id}.scope",
    "podman": "machine.slice/libpod-{id}.scope",
    "podman-cgroupfs": "libpod_parent/libpod-{id}",
    "rootless": "user.slice/user-1000.slice/user@1000.service/user.slice/docker-{id}.scope",
    "rootless-podman": "user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{id}.scope",
    "own-parent": "training.slice/training-gpu.slice/docker-{id}.scope",
}


class Machine:
    """A folder that looks like /sys/fs/cgroup and /proc, with a clock."""

    def __init__(self, folder: Path) -> None:
        self.roots = CgroupRoots(folder / "cgroup", folder / "proc")
        self.now = 77.0
        self.write(self.roots.proc, {"meminfo": "MemTotal:       16000000 kB\nMemFree: 1 kB\n"})
        self.write(self.roots.proc / "4242" / "net", {"dev": NET_DEV})

    def write(self, folder: Path, files: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content)

    def group(self, place: str = V2_PLACES["systemd"], container_id: str = ID, **files: str) -> Path:
        """A group of version 2, and what makes the whole tree one."""
        self.write(self.roots.cgroup, {"cgroup.controllers": "cpu io memory pids\n"})
        folder = self.roots.cgroup / place.format(id=container_id)
        self.write(folder, V2 | files)
        return folder

    def group_v1(self, place: str) -> Path:
        for controller, files in V1.items():
            self.write(self.roots.cgroup / controller / place.format(id=ID), files)
        return self.roots.cgroup / "memory" / place.format(id=ID)

    def reader(self) -> CgroupReader:
        return CgroupReader(self.roots, clock=lambda: self.now)

    def sample(self) -> StatsSample | None:
        return self.reader().sample(make_container("box"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


class TestVersion2:
    @pytest.mark.parametrize("place", V2_PLACES.values(), ids=V2_PLACES)
    def test_the_group_is_found_where_engines_put_it(self, machine: Machine, place: str) -> None:
        machine.group(place, OTHER)
        machine.group(place)
        assert machine.sample() == EXPECTED

    def test_podmans_monitor_is_not_taken_for_the_container(self, machine: Machine) -> None:
        machine.group("user.slice/user-1000.slice/libpod-conmon-{id}.scope")
        assert machine.sample() is None

    def test_processes_in_groups_below(self, machine: Machine) -> None:
        """crun's `container` and a systemd inside the container leave the group itself empty."""
        folder = machine.group(**{"cgroup.procs": ""})
        machine.write(folder / "empty.slice", {"cgroup.procs": ""})
        machine.write(folder / "container" / "init.scope", {"cgroup.procs": "4242\n"})
        assert machine.sample() == EXPECTED

    def test_no_limit_is_the_machines_memory(self, machine: Machine) -> None:
        machine.group(**{"memory.max": "max\n"})
        sample = machine.sample()
        assert sample is not None
        assert sample.memory_limit_bytes == HOST_MEMORY

    def test_cache_larger_than_what_is_in_use_is_not_subtracted(self, machine: Machine) -> None:
        machine.group(**{"memory.stat": "inactive_file 10001\n"})
        sample = machine.sample()
        assert sample is not None
        assert sample.memory_bytes == 10000

    def test_nothing_read_or_written_is_zero(self, machine: Machine) -> None:
        machine.group(**{"io.stat": ""})
        sample = machine.sample()
        assert sample is not None
        assert (sample.block_read_bytes, sample.block_write_bytes) == (0, 0)

    def test_what_is_not_delegated_is_unknown_with_a_reason(self, machine: Machine) -> None:
        folder = machine.group()
        for file in ("io.stat", "memory.current", "pids.current"):
            (folder / file).unlink()
        sample = machine.sample()
        assert sample is not None
        assert (sample.memory_bytes, sample.pids, sample.block_read_bytes) == (None, None, None)
        assert "kernel" in sample.why("block_read_bytes")
        assert sample.cpu_nanoseconds == 2_500_000


class TestVersion1:
    @pytest.mark.parametrize("place", ["docker/{id}", "system.slice/docker-{id}.scope", "a/b/{id}"])
    def test_cgroupfs_systemd_and_elsewhere(self, machine: Machine, place: str) -> None:
        machine.group_v1(place)
        assert machine.sample() == EXPECTED

    def test_no_limit_is_the_machines_memory(self, machine: Machine) -> None:
        machine.group_v1("docker/{id}").joinpath("memory.limit_in_bytes").write_text("9223372036854771712\n")
        sample = machine.sample()
        assert sample is not None
        assert sample.memory_limit_bytes == HOST_MEMORY

    def test_only_a_total_of_zero(self, machine: Machine) -> None:
        machine.group_v1("docker/{id}")
        file = machine.roots.cgroup / "blkio" / "docker" / ID / "blkio.throttle.io_service_bytes_recursive"
        file.write_text("Total 0\n")
        sample = machine.sample()
        assert sample is not None
        assert (sample.block_read_bytes, sample.block_write_bytes) == (0, 0)

    def test_a_controller_that_is_not_there(self, machine: Machine) -> None:
        machine.group_v1("docker/{id}")
        shutil.rmtree(machine.roots.cgroup / "blkio")
        shutil.rmtree(machine.roots.cgroup / "pids")
        sample = machine.sample()
        assert sample is not None
        assert (sample.block_write_bytes, sample.pids, sample.memory_bytes) == (None, None, 6000)


class TestNetwork:
    def test_the_hosts_network_is_unknown_with_a_reason(self, machine: Machine) -> None:
        machine.group()
        sample = machine.reader().sample(make_container("box", network_mode="host"))
        assert sample is not None
        assert (sample.network_rx_bytes, sample.network_tx_bytes) == (None, None)
        assert sample.why("network_tx_bytes") == "uses the host's network"

    def test_a_process_that_can_not_be_seen(self, machine: Machine) -> None:
        machine.group(**{"cgroup.procs": "1\n"})
        sample = machine.sample()
        assert sample is not None
        assert sample.why("network_rx_bytes") == "not readable by this user"

    def test_no_network_at_all_is_zero(self, machine: Machine) -> None:
        machine.group()
        machine.write(
            machine.roots.proc / "4242" / "net", {"dev": "\n".join(NET_DEV.splitlines()[:3]) + "\n"}
        )
        sample = machine.sample()
        assert sample is not None
        assert (sample.network_rx_bytes, sample.network_tx_bytes) == (0, 0)


class TestGone:
    @pytest.mark.parametrize("version", [1, 2])
    def test_a_container_that_ended(self, machine: Machine, version: int) -> None:
        machine.group() if version == 2 else machine.group_v1("docker/{id}")
        reader = machine.reader()
        assert reader.sample(make_container("box")) == EXPECTED
        shutil.rmtree(machine.roots.cgroup)
        machine.write(machine.roots.cgroup, {"cgroup.controllers": ""} if version == 2 else {})
        assert reader.sample(make_container("box")) is None

    def test_one_that_comes_back_elsewhere(self, machine: Machine) -> None:
        folder = machine.group()
        reader = machine.reader()
        assert reader.sample(make_container("box")) is not None
        shutil.rmtree(folder)
        assert reader.sample(make_container("box")) is None
        machine.group("docker/{id}")
        assert reader.sample(make_container("box")) == EXPECTED

    def test_an_empty_machine(self, machine: Machine) -> None:
        assert machine.sample() is None

    def test_the_whole_tree_is_searched_seldom(self, machine: Machine) -> None:
        machine.group(container_id=OTHER)
        reader = machine.reader()
        assert reader.sample(make_container("box")) is None
        machine.group(V2_PLACES["own-parent"])
        machine.now += 29
        assert reader.sample(make_container("box")) is None
        machine.now += 2
        assert reader.sample(make_container("box")) is not None

    def test_a_usual_place_is_looked_at_each_time(self, machine: Machine) -> None:
        machine.group(container_id=OTHER)
        reader = machine.reader()
        assert reader.sample(make_container("box")) is None
        machine.group()
        assert reader.sample(make_container("box")) == EXPECTED

    def test_a_machine_that_hides_its_memory(self, machine: Machine) -> None:
        (machine.roots.proc / "meminfo").unlink()
        machine.group(**{"memory.max": "max\n"})
        sample = machine.sample()
        assert sample is not None
        assert sample.memory_limit_bytes is None
