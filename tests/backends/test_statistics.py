"""Counters from the engine's answers, and where they are taken from."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.backends.conftest import Serve
from tests.backends.serving import reply
from tests.backends.test_cgroups import EXPECTED, Machine
from tests.making import full_id, make_container
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.stats import DockerStatistics, from_engine
from tui.backends.parallel import in_parallel
from tui.model.containers import ContainerState
from tui.model.errors import EngineRefused
from tui.model.stats import StatsSample

V1: dict[str, Any] = {
    "read": "2026-03-02T09:30:00.1Z",
    "precpu_stats": {},
    "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000, "percpu_usage": [1, 2]}, "online_cpus": 2},
    "memory_stats": {
        "usage": 10000,
        "limit": 50000,
        "stats": {"cache": 9999, "total_inactive_file": 4000, "inactive_file": 1},
    },
    "pids_stats": {"current": 3},
    "networks": {"eth0": {"rx_bytes": 1000, "tx_bytes": 2000}, "eth1": {"rx_bytes": 300, "tx_bytes": 400}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "op": "Read", "value": 4096},
            {"major": 8, "op": "Write", "value": 100},
            {"major": 8, "op": "Total", "value": 4196},
            {"major": 259, "op": "Read", "value": 4},
            {"major": 259, "op": "Write", "value": 8},
        ]
    },
}
V2 = V1 | {
    "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000}, "online_cpus": 2},
    "memory_stats": {"usage": 10000, "limit": 50000, "stats": {"inactive_file": 4000, "file": 9999}},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "op": "read", "value": 4100},
            {"major": 8, "op": "write", "value": 108},
        ]
    },
}
# what the engine sends for a container that does not run
STOPPED: dict[str, Any] = {
    "read": "0001-01-01T00:00:00Z",
    "pids_stats": {},
    "blkio_stats": {"io_service_bytes_recursive": None},
    "cpu_stats": {"cpu_usage": {"total_usage": 0}, "online_cpus": 0},
    "memory_stats": {},
}


class TestFromEngine:
    @pytest.mark.parametrize("told", [V1, V2], ids=["v1", "v2"])
    def test_both_versions_of_cgroups_give_the_same(self, told: dict[str, Any]) -> None:
        assert from_engine(told, 77.0) == EXPECTED

    def test_a_stopped_container_has_no_counters(self) -> None:
        assert from_engine(STOPPED, 1.0) is None

    @pytest.mark.parametrize("told", [{}, {"memory_stats": None}, {"memory_stats": {"usage": None}}])
    def test_nothing_told(self, told: dict[str, Any]) -> None:
        assert from_engine(told, 1.0) is None

    def test_without_networks_it_is_unknown_and_not_zero(self) -> None:
        told = dict(V2)
        del told["networks"]
        sample = from_engine(told, 1.0)
        assert sample is not None
        assert sample.network_rx_bytes is None
        assert "host's network" in sample.why("network_rx_bytes")
        assert sample.block_read_bytes == 4100

    @pytest.mark.parametrize("blocks", [None, {}, {"io_service_bytes_recursive": None}])
    def test_without_block_counters_it_is_unknown_and_not_zero(self, blocks: object) -> None:
        sample = from_engine(V2 | {"blkio_stats": blocks}, 1.0)
        assert sample is not None
        assert sample.block_write_bytes is None
        assert "does not count" in sample.why("block_write_bytes")

    def test_an_empty_list_of_blocks_is_zero(self) -> None:
        sample = from_engine(V2 | {"blkio_stats": {"io_service_bytes_recursive": []}}, 1.0)
        assert sample is not None
        assert sample.block_read_bytes == 0

    def test_nulls_below(self) -> None:
        told = {
            "memory_stats": {"usage": 5, "limit": 0, "stats": None},
            "cpu_stats": None,
            "pids_stats": None,
            "networks": {"eth0": {"rx_bytes": None}},
            "blkio_stats": {"io_service_bytes_recursive": [{"op": None, "value": 7}]},
        }
        assert from_engine(told, 1.0) == StatsSample(
            1.0,
            memory_bytes=5,
            network_rx_bytes=0,
            network_tx_bytes=0,
            block_read_bytes=0,
            block_write_bytes=0,
        )

    def test_cache_larger_than_what_is_in_use_is_not_subtracted(self) -> None:
        sample = from_engine(V2 | {"memory_stats": {"usage": 5, "stats": {"inactive_file": 6}}}, 1.0)
        assert sample is not None
        assert sample.memory_bytes == 5


class TestSources:
    HEADERS = ("Api-Version: 1.47",)

    def test_the_engine_is_asked_once_and_at_once(self, serve: Serve) -> None:
        server, endpoint = serve(reply(json.dumps(V2), headers=self.HEADERS))
        statistics = DockerStatistics(DockerEngine(endpoint), None, clock=lambda: 77.0)
        assert statistics.samples([make_container("box")]) == {full_id("box"): EXPECTED}
        assert "one-shot=1" in server.requests[-1]
        assert "stream=0" in server.requests[-1]

    def test_the_kernel_is_read_without_the_engine(self, serve: Serve, tmp_path: Path) -> None:
        server, endpoint = serve(reply("", 500))
        machine = Machine(tmp_path)
        machine.group()
        statistics = DockerStatistics(DockerEngine(endpoint), machine.reader())
        assert statistics.samples([make_container("box")]) == {full_id("box"): EXPECTED}
        assert server.requests == []

    def test_the_engine_is_asked_for_those_that_the_kernel_does_not_show(
        self, serve: Serve, tmp_path: Path
    ) -> None:
        server, endpoint = serve(reply(json.dumps(V1), headers=self.HEADERS))
        machine = Machine(tmp_path)
        machine.group()
        statistics = DockerStatistics(DockerEngine(endpoint), machine.reader(), clock=lambda: 77.0)
        found = statistics.samples([make_container("box"), make_container("far")])
        assert found == {full_id("box"): EXPECTED, full_id("far"): EXPECTED}
        assert sum("/stats" in request for request in server.requests) == 1

    @pytest.mark.parametrize("state", list(ContainerState))
    def test_only_what_runs_or_is_paused_is_asked_for(self, serve: Serve, state: ContainerState) -> None:
        server, endpoint = serve(reply(json.dumps(V2), headers=self.HEADERS))
        found = DockerStatistics(DockerEngine(endpoint), None).samples([make_container("box", state)])
        expected = state in (ContainerState.RUNNING, ContainerState.PAUSED)
        assert (bool(found), bool(server.requests)) == (expected, expected)

    def test_one_that_is_gone_is_left_out(self, serve: Serve) -> None:
        good = reply(json.dumps(V2), headers=self.HEADERS)
        gone = reply('{"message": "No such container: x"}', 404)

        def answer(connection: socket.socket, head: str) -> None:
            (gone if full_id("gone") in head else good)(connection, head)

        _, endpoint = serve(answer)
        statistics = DockerStatistics(DockerEngine(endpoint), None)
        assert set(statistics.samples([make_container("gone"), make_container("box")])) == {full_id("box")}

    def test_a_broken_engine_is_told(self, serve: Serve) -> None:
        def answer(connection: socket.socket, head: str) -> None:
            reply("[]", 200 if "_ping" in head else 500, self.HEADERS)(connection, head)

        _, endpoint = serve(answer)
        with pytest.raises(EngineRefused):
            DockerStatistics(DockerEngine(endpoint), None).samples([make_container("box")])


class TestInParallel:
    def test_answers_come_in_the_order_of_the_items(self) -> None:
        barrier = threading.Barrier(4)

        def ask(number: int) -> int:
            barrier.wait(10)
            return number * number

        assert in_parallel(ask, range(8), 4, "ask") == [number * number for number in range(8)]

    def test_never_more_than_the_limit_at_once(self) -> None:
        lock, counts = threading.Lock(), [0, 0]
        both = threading.Barrier(2)

        def ask(number: int) -> None:
            with lock:
                counts[0] += 1
                counts[1] = max(counts)
            both.wait(10)
            with lock:
                counts[0] -= 1

        in_parallel(ask, range(20), 2, "ask")
        assert counts == [0, 2]

    def test_an_error_is_raised_after_all_have_ended(self) -> None:
        ended: list[int] = []
        began, failed = threading.Event(), threading.Event()

        def ask(number: int) -> None:
            if number == 0:
                began.wait(10)
                failed.set()
                raise ValueError("zero")
            began.set()
            failed.wait(10)
            ended.append(number)

        with pytest.raises(ValueError, match="zero"):
            in_parallel(ask, [0, 1], 2, "ask")
        assert ended == [1]

    def test_after_an_error_nothing_new_is_begun(self) -> None:
        asked: list[int] = []

        def ask(number: int) -> None:
            asked.append(number)
            raise ValueError(number)

        with pytest.raises(ValueError, match="0"):
            in_parallel(ask, range(100), 1, "ask")
        assert asked == [0]

    def test_nothing_to_ask(self) -> None:
        assert in_parallel(str, [], 4, "ask") == []
