"""The disk of engines that can't be had here, by the API's documents: what is asked, what is made of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any

from tests.backends.conftest import Serve
from tests.backends.disk_answers import answer
from tests.backends.serving import Answer, Server, reply
from tui.backends.docker.disk import DockerDisk
from tui.backends.docker.engine import DockerEngine
from tui.model.hosts import EngineInfo

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def never() -> bool:
    return False


def routes(answers: Mapping[str, Any]) -> Answer:
    """Answers each path with what stands for it, and others with 404."""

    def respond(connection: socket.socket, head: str) -> None:
        path = head.split(" ")[1]
        told = json.dumps(answers[path]) if path in answers else '{"message": "no such thing"}'
        reply(told, 200 if path in answers else 404)(connection, head)

    return respond


def disk_of(serve: Serve, version: str, answers: Mapping[str, Any]) -> tuple[Server, DockerDisk]:
    server, endpoint = serve(routes({"/containers/json?all=1": [], "/info": {}, **answers}))
    engine = DockerEngine(endpoint)
    engine._info = EngineInfo("Docker", "", version)
    return server, DockerDisk(engine)


def asked(server: Server) -> list[str]:
    return [each.split(" ")[1] for each in server.requests]


class TestVersion152:
    def test_volumes_and_build_cache(self, serve: Serve) -> None:
        told = answer("df-api-1.52-verbose")
        server, disk = disk_of(
            serve,
            "1.52",
            {
                "/system/df?type=volume&verbose=1": {"VolumeUsage": told["VolumeUsage"]},
                "/system/df?type=build-cache&verbose=1": {"BuildCacheUsage": told["BuildCacheUsage"]},
                "/system/df?verbose=1": told,
                "/volumes": answer("volumes-docker-20.10"),
            },
        )
        # the engine counts users of both that its list of containers does not show here
        found = [(each.size_bytes, each.used_by) for each in disk.volumes(never)]
        assert found == [(0, None), (5000000, None)]
        assert len(disk.build_cache(never)) == 7
        assert disk.measure(never).accounted_bytes == 18984392
        assert "/system/df" not in asked(server)

    def test_nothing_there(self, serve: Serve) -> None:
        _, disk = disk_of(
            serve,
            "1.55",
            {
                "/system/df?type=volume&verbose=1": {"VolumeUsage": {}},
                "/system/df?type=build-cache&verbose=1": {"BuildCacheUsage": {}},
                "/volumes": {"Volumes": None},
                "/images/json?all=1": None,
                "/networks": None,
            },
        )
        assert (disk.volumes(never), disk.build_cache(never)) == ((), ())
        assert (disk.images(never), disk.networks(never)) == ((), ())


class TestContainerdImageStore:
    """Sizes there count compressed copies too, and histories tell other figures."""

    ANSWERS: Mapping[str, Any] = {
        "/images/json?all=1": [
            {"Id": A, "RepoTags": ["a:1"], "Size": 140, "SharedSize": -1},
            {"Id": B, "RepoTags": ["b:1"], "Size": 560, "SharedSize": -1},
        ],
        "/images/json?shared-size=1": [
            {"Id": A, "Size": 140, "SharedSize": 100}, {"Id": B, "Size": 560, "SharedSize": 100},
        ],
        f"/images/{A.replace(':', '%3A')}/json": {"RootFS": {"Layers": ["sha256:1"]}},
        f"/images/{B.replace(':', '%3A')}/json": {"RootFS": {"Layers": ["sha256:1", "sha256:2"]}},
        f"/images/{A.replace(':', '%3A')}/history": [{"Size": 100}],
        f"/images/{B.replace(':', '%3A')}/history": [{"Size": 300}, {"Size": 100}],
    }  # fmt: skip

    def test_no_size_of_a_layer_and_the_engines_own_figure_of_what_is_shared(self, serve: Serve) -> None:
        server, disk = disk_of(serve, "1.48", self.ANSWERS)
        first, second = disk.images(never)
        assert [layer.size_bytes for layer in (*first.layers, *second.layers)] == [None] * 3
        assert first.layers[0].chain_id == second.layers[0].chain_id
        assert (first.shared_bytes, second.shared_bytes) == (100, 100)
        # the account takes long, and is not needed
        assert not [each for each in asked(server) if "/system/df" in each]

    def test_without_that_figure_it_is_not_known(self, serve: Serve) -> None:
        answers = {path: told for path, told in self.ANSWERS.items() if "shared-size" not in path}
        _, disk = disk_of(serve, "1.48", answers)
        assert [image.shared_bytes for image in disk.images(never)] == [None, None]

    def test_an_image_is_looked_into_once(self, serve: Serve) -> None:
        server, disk = disk_of(serve, "1.48", self.ANSWERS)
        disk.images(never)
        disk.images(never)
        assert sum("/history" in each for each in asked(server)) == 2

    def test_an_image_that_goes_meanwhile_is_still_listed(self, serve: Serve) -> None:
        answers = {path: told for path, told in self.ANSWERS.items() if not path.endswith("/history")}
        _, disk = disk_of(serve, "1.48", answers)
        assert [(image.id, image.layers) for image in disk.images(never)] == [(A, ()), (B, ())]
