"""What a container was given of the GPUs, in every way that engines and the NVIDIA toolkit know."""

from __future__ import annotations

from typing import Any

import pytest

from tui.backends.docker.entitlement import from_inspect
from tui.model.entitlement import GpuEntitlement, Grant

CUDA_IMAGE = [
    "PATH=/bin",
    "NVIDIA_VISIBLE_DEVICES=all",
    "CUDA_VERSION=12.4.1",
    "NVIDIA_REQUIRE_CUDA=cuda>=12.4",
]
GPU_UUID = "GPU-3a23c669-1f69-c64e-cf85-44e9b07e7a2a"
MIG_UUID = "MIG-6f4a8f0c-2f4b-5d5e-9d53-0d1c2b3a4f5e"


def inspected(
    *environ: str, mounts: tuple[str, ...] = (), podman: bool = False, **host: Any
) -> dict[str, Any]:
    """The part of an inspect that tells it."""
    return {
        "HostConfig": host,
        "Config": {"Env": list(environ)},
        "Mounts": [{"Destination": each} for each in mounts],
        **({"OCIRuntime": "crun"} if podman else {}),
    }


def request(**told: Any) -> list[dict[str, Any]]:
    """One device request, as `--gpus` makes it."""
    whole = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}
    return [whole | told]


GIVEN: dict[str, tuple[dict[str, Any], GpuEntitlement]] = {
    "--gpus all": (
        inspected(DeviceRequests=request(Count=-1)),
        GpuEntitlement(Grant.ALL, (), "--gpus"),
    ),
    "--gpus 2": (
        inspected(DeviceRequests=request(Count=2)),
        GpuEntitlement(Grant.SOME, ("0", "1"), "--gpus"),
    ),
    "--gpus device=1,GPU-…": (
        inspected(DeviceRequests=request(DeviceIDs=["1", GPU_UUID])),
        GpuEntitlement(Grant.SOME, ("1", GPU_UUID), "--gpus"),
    ),
    "--gpus device=0:1 (MIG)": (
        inspected(DeviceRequests=request(DeviceIDs=["0:1"], Driver="nvidia")),
        GpuEntitlement(Grant.SOME, ("0:1",), "--gpus"),
    ),
    "compose": (
        inspected(DeviceRequests=request(Driver="nvidia", Count=1, Capabilities=[["gpu", "utility"]])),
        GpuEntitlement(Grant.SOME, ("0",), "--gpus"),
    ),
    "--gpus 0": (inspected(DeviceRequests=request(Count=0)), GpuEntitlement(Grant.NONE, (), "--gpus")),
    "another vendor's request": (
        inspected(DeviceRequests=request(Driver="acme", Count=-1, Capabilities=[["tpu"]])),
        GpuEntitlement(Grant.NONE),
    ),
    "CDI, one": (
        inspected(DeviceRequests=request(Driver="cdi", DeviceIDs=["nvidia.com/gpu=0"], Capabilities=None)),
        GpuEntitlement(Grant.SOME, ("nvidia.com/gpu=0",), "CDI"),
    ),
    "CDI, all": (
        inspected(DeviceRequests=request(Driver="cdi", DeviceIDs=["nvidia.com/gpu=all"], Capabilities=None)),
        GpuEntitlement(Grant.ALL, (), "CDI"),
    ),
    "CDI, another vendor's": (
        inspected(DeviceRequests=request(Driver="cdi", DeviceIDs=["acme.com/nic=0"], Capabilities=None)),
        GpuEntitlement(Grant.NONE),
    ),
    "CDI by Podman": (
        inspected(Devices=[{"PathOnHost": "nvidia.com/gpu=1"}], podman=True),
        GpuEntitlement(Grant.SOME, ("nvidia.com/gpu=1",), "--device"),
    ),
    "the request goes before the image's variable": (
        inspected(*CUDA_IMAGE, Runtime="nvidia", DeviceRequests=request(DeviceIDs=["3"])),
        GpuEntitlement(Grant.SOME, ("3",), "--gpus", is_cuda_image=True),
    ),
    "runtime nvidia, all": (
        inspected(*CUDA_IMAGE, Runtime="nvidia"),
        GpuEntitlement(Grant.ALL, (), "NVIDIA_VISIBLE_DEVICES", is_cuda_image=True),
    ),
    "runtime nvidia, a list": (
        inspected(f"NVIDIA_VISIBLE_DEVICES=0, {GPU_UUID},{MIG_UUID},", Runtime="nvidia"),
        GpuEntitlement(Grant.SOME, ("0", GPU_UUID, MIG_UUID), "NVIDIA_VISIBLE_DEVICES", is_cuda_image=True),
    ),
    "runtime nvidia-cdi": (
        inspected("NVIDIA_VISIBLE_DEVICES=nvidia.com/gpu=all", Runtime="nvidia-cdi"),
        GpuEntitlement(Grant.ALL, (), "NVIDIA_VISIBLE_DEVICES", is_cuda_image=True),
    ),
    "runtime nvidia, none": (
        inspected("NVIDIA_VISIBLE_DEVICES=none", Runtime="nvidia"),
        GpuEntitlement(Grant.NONE, is_cuda_image=True, is_withheld=True),
    ),
    "runtime nvidia, void": (
        inspected("NVIDIA_VISIBLE_DEVICES=void", "CUDA_VERSION=12.4.1", Runtime="nvidia"),
        GpuEntitlement(Grant.NONE, is_cuda_image=True, is_withheld=True),
    ),
    "runtime nvidia, empty": (
        inspected("NVIDIA_VISIBLE_DEVICES=", Runtime="nvidia"),
        GpuEntitlement(Grant.NONE, is_cuda_image=True),
    ),
    "runtime nvidia, no variable": (inspected("PATH=/bin", Runtime="nvidia"), GpuEntitlement(Grant.NONE)),
    "runtime nvidia, an old image": (
        inspected("CUDA_VERSION=8.0.61", Runtime="nvidia"),
        GpuEntitlement(Grant.ALL, (), "NVIDIA_VISIBLE_DEVICES", is_cuda_image=True),
    ),
    "another runtime reads no variable": (
        inspected(*CUDA_IMAGE, Runtime="runc"),
        GpuEntitlement(Grant.NONE, is_cuda_image=True),
    ),
    "by a mount": (
        inspected(
            "NVIDIA_VISIBLE_DEVICES=/var/run/nvidia-container-devices",
            mounts=("/data", "/var/run/nvidia-container-devices/1"),
            Runtime="nvidia",
        ),
        GpuEntitlement(Grant.SOME, ("1",), "a mount", is_cuda_image=True),
    ),
    "--device /dev/nvidia0": (
        inspected(
            Devices=[{"PathOnHost": each} for each in ("/dev/nvidia0", "/dev/nvidiactl", "/dev/nvidia-uvm")]
        ),
        GpuEntitlement(Grant.SOME, ("/dev/nvidia0",), "--device"),
    ),
    "--privileged": (inspected(Privileged=True), GpuEntitlement(Grant.ALL, (), "--privileged")),
    "nothing at all": ({}, GpuEntitlement(Grant.NONE)),
    "null everywhere": (
        {"HostConfig": {"DeviceRequests": None, "Devices": None, "Runtime": None}, "Config": {"Env": None}},
        GpuEntitlement(Grant.NONE),
    ),
}


@pytest.mark.parametrize("way", GIVEN)
def test_what_it_was_given(way: str) -> None:
    told, expected = GIVEN[way]
    assert from_inspect(told) == expected


def test_podman_does_not_tell_whether_a_hook_gives_what_the_image_asks_for() -> None:
    found = from_inspect(inspected(*CUDA_IMAGE, podman=True, Runtime="oci"))
    assert (found.grant, found.is_cuda_image) == (Grant.UNKNOWN, True)
    assert "hook" in found.reason
