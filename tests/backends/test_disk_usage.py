"""The engine's own account of its disk: every form comes to the same, and what is absent is not known."""

from __future__ import annotations

import socket
import threading

import pytest

from tests.backends.conftest import Serve
from tests.backends.disk_answers import answer
from tests.backends.serving import hold, reply
from tests.rig.waiting import until
from tui.backends.docker.disk_entries import accounted_bytes
from tui.backends.docker.disk_usage import DiskUsage, SharedUsage, count_of, from_answer
from tui.backends.docker.endpoint import Endpoint
from tui.backends.docker.engine import DockerEngine
from tui.model.errors import EngineRefused, ReclaimError
from tui.model.hosts import EngineInfo

FORMS = ("df-docker-20.10", "df-api-1.44", "df-api-1.52-verbose", "df-api-1.52-both")


def never() -> bool:
    return False


class TestForms:
    @pytest.mark.parametrize("name", FORMS)
    def test_every_form_tells_the_same(self, name: str) -> None:
        usage = from_answer(answer(name))
        assert usage.layers_bytes == 10984227
        assert [len(each or ()) for each in (usage.images, usage.containers, usage.volumes)] == [4, 2, 2]
        assert {entry["ID"] for entry in usage.build_cache or ()} == {
            entry["ID"] for entry in answer("df-docker-20.10")["BuildCache"]
        }
        # layers 10984227, volumes 5000000, cache that no image shares 3000165
        assert accounted_bytes(usage) == 18984392

    def test_the_new_form_leaves_an_empty_list_out(self) -> None:
        usage = from_answer({"VolumeUsage": {}, "BuildCacheUsage": {"TotalCount": 0}})
        assert (usage.volumes, usage.build_cache) == ([], [])

    def test_totals_without_items_tell_no_items(self) -> None:
        usage = from_answer({"VolumeUsage": {"TotalCount": 3, "TotalSize": 10}})
        assert usage.volumes is None

    def test_an_old_list_of_nothing_is_null(self) -> None:
        assert from_answer({"BuildCache": None, "Volumes": None}).build_cache == []

    @pytest.mark.parametrize("told", [None, [], "", {}, {"Images": 3}, {"ImageUsage": "x"}])
    def test_strange_answers_tell_nothing(self, told: object) -> None:
        usage = from_answer(told)
        assert usage.layers_bytes is None and usage.volumes is None
        assert accounted_bytes(usage) is None

    def test_podman_counts_no_layers(self) -> None:
        usage = from_answer(answer("df-podman-4.3"))
        assert usage.images and accounted_bytes(usage) is None

    def test_minus_one_is_not_known(self) -> None:
        assert [count_of(each) for each in (-1, 0, 7, None, "7", True)] == [None, 0, 7, None, None, None]


def engine_at(endpoint: Endpoint, version: str = "1.41") -> DockerEngine:
    engine = DockerEngine(endpoint)
    engine._info = EngineInfo("Docker", "", version)
    return engine


class Asker(threading.Thread):
    """Asks in a thread of its own."""

    def __init__(self, usage: SharedUsage, kind: str = "") -> None:
        super().__init__(daemon=True)
        self.cancelled = threading.Event()
        self.came: DiskUsage | Exception | None = None
        self._usage, self._kind = usage, kind
        self.start()

    def run(self) -> None:
        try:
            self.came = self._usage.usage(self._kind, self.cancelled.is_set)
        except Exception as error:
            self.came = error

    def ended(self) -> DiskUsage | Exception | None:
        """What came of it."""
        self.join(20)
        assert not self.is_alive()
        return self.came


def noticed_wait(usage: SharedUsage) -> threading.Event:
    """Set when somebody waits for the only question that is under way."""
    waits = threading.Event()
    (flight,) = usage._flights.values()

    class Ended(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.set()
            return super().wait(timeout)

    flight.ended = Ended()
    return waits


class TestAsking:
    def test_each_type_by_itself_where_the_engine_can(self, serve: Serve) -> None:
        server, endpoint = serve(reply("{}"))
        usage = SharedUsage(engine_at(endpoint, "1.52"))
        usage.usage("volume", never)
        usage.usage("", never)
        assert server.requests == [
            "GET /system/df?type=volume&verbose=1 HTTP/1.1",
            "GET /system/df?verbose=1 HTTP/1.1",
        ]

    def test_those_who_ask_at_the_same_time_share_one_answer(self, serve: Serve) -> None:
        go_on = threading.Event()

        def slow(connection: socket.socket, head: str) -> None:
            go_on.wait(20)
            reply('{"Volumes": [{"Name": "a"}]}')(connection, head)

        server, endpoint = serve(slow)
        usage = SharedUsage(engine_at(endpoint))
        first = Asker(usage, "volume")
        until(lambda: server.requests, 20, "the first one asked")
        waits = noticed_wait(usage)
        # an engine before 1.42 has one answer for all kinds
        second = Asker(usage, "build-cache")
        assert waits.wait(20)
        go_on.set()
        assert first.ended() is second.ended()
        assert len(server.requests) == 1

    def test_who_waits_asks_by_itself_when_the_first_one_calls_it_off(
        self, serve: Serve, stop: threading.Event
    ) -> None:
        answers = [hold(stop), reply('{"Volumes": []}')]
        server, endpoint = serve(lambda connection, head: answers.pop(0)(connection, head))
        usage = SharedUsage(engine_at(endpoint))
        first = Asker(usage)
        until(lambda: server.requests, 20, "the first one asked")
        waits = noticed_wait(usage)
        second = Asker(usage)
        assert waits.wait(20)
        first.cancelled.set()
        assert isinstance(first.ended(), ReclaimError)
        ended = second.ended()
        assert isinstance(ended, DiskUsage) and ended.volumes == []

    def test_who_waits_may_call_it_off(self, serve: Serve, stop: threading.Event) -> None:
        server, endpoint = serve(hold(stop))
        usage = SharedUsage(engine_at(endpoint))
        first = Asker(usage)
        until(lambda: server.requests, 20, "the first one asked")
        second = Asker(usage)
        second.cancelled.set()
        assert isinstance(second.ended(), ReclaimError)
        assert first.came is None
        first.cancelled.set()
        assert isinstance(first.ended(), ReclaimError)

    def test_an_engine_that_counts_for_another_program_is_asked_again(self, serve: Serve) -> None:
        busy = reply('{"message": "a disk usage operation is already running"}', 500)
        answers = [busy, busy, reply('{"Volumes": []}')]
        server, endpoint = serve(lambda connection, head: answers.pop(0)(connection, head))
        assert SharedUsage(engine_at(endpoint)).usage("", never).volumes == []
        assert len(server.requests) == 3

    def test_another_refusal_is_told(self, serve: Serve) -> None:
        _, endpoint = serve(reply('{"message": "no room"}', 500))
        with pytest.raises(EngineRefused) as refused:
            SharedUsage(engine_at(endpoint)).usage("", never)
        assert refused.value.detail == "no room"
