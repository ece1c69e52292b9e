"""What a real engine tells of the GPUs that its containers were given; none need be started, or have any."""

from __future__ import annotations

import pytest

from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.entitlement import DockerEntitlements
from tui.model.entitlement import GpuEntitlement, Grant, lacks_gpu
from tui.model.errors import NoSuchContainer

CUDA_IMAGE = ("--env", "NVIDIA_VISIBLE_DEVICES=all", "--env", "CUDA_VERSION=12.4.1")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--gpus", "all"), GpuEntitlement(Grant.ALL, (), "--gpus")),
        (("--gpus", "2"), GpuEntitlement(Grant.SOME, ("0", "1"), "--gpus")),
        (("--gpus", '"device=1,GPU-3a23c669"'), GpuEntitlement(Grant.SOME, ("1", "GPU-3a23c669"), "--gpus")),
        (
            ("--gpus", "device=0:1", *CUDA_IMAGE),
            GpuEntitlement(Grant.SOME, ("0:1",), "--gpus", is_cuda_image=True),
        ),
        (("--device", "/dev/nvidia3"), GpuEntitlement(Grant.SOME, ("/dev/nvidia3",), "--device")),
        (("--privileged",), GpuEntitlement(Grant.ALL, (), "--privileged")),
        (CUDA_IMAGE, GpuEntitlement(Grant.NONE, is_cuda_image=True)),
        ((), GpuEntitlement(Grant.NONE)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_was_asked_for(
    clean_engine: PrivateEngine, options: tuple[str, ...], expected: GpuEntitlement
) -> None:
    key = clean_engine.run_container("box", args=("--network", "none", *options), start=False)
    found = DockerEntitlements(DockerEngine(find(clean_engine.host, {}))).entitlement(key)
    assert found == expected
    assert lacks_gpu(found) is (options is CUDA_IMAGE)


def test_an_engine_is_asked_once_for_each_container(clean_engine: PrivateEngine, proxy: EngineProxy) -> None:
    key = clean_engine.run_container("box", start=False)
    entitlements = DockerEntitlements(DockerEngine(find(proxy.host, {})))
    assert entitlements.entitlement(key) == entitlements.entitlement(key)
    assert proxy.count(lambda request: request.resource == f"/containers/{key}/json") == 1
    with pytest.raises(NoSuchContainer):
        entitlements.entitlement("0" * 64)
