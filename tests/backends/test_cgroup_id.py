"""The container of a process, from every form that engines write their control groups in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends.gpu.cgroup_id import ContainerGroup, container_group

A, B = "a" * 64, "0123456789abcdef" * 4
UID = "1f2e3d4c-0a0b-4c0d-8e0f-001122334455"
SYSTEMD_UID = UID.replace("-", "_")
HASH = "3c1f0a2b4d5e6f708192a3b4c5d6e7f8"
USER = "/user.slice/user-1000.slice/user@1000.service"
BURSTABLE = "/kubepods.slice/kubepods-burstable.slice"

INSIDE: dict[str, tuple[str, ContainerGroup]] = {
    "docker, cgroupfs, v1": (
        f"12:memory:/docker/{A}\n11:cpu,cpuacct:/docker/{A}\n1:name=systemd:/docker/{A}\n",
        ContainerGroup((A,), "docker"),
    ),
    "docker, cgroupfs, v1, not every controller": (
        f"9:name=systemd:/\n8:pids:/\n4:memory:/docker/{A}\n1:cpu:/\n0::/\n",
        ContainerGroup((A,), "docker"),
    ),
    "docker, cgroupfs, v2": (f"0::/docker/{A}\n", ContainerGroup((A,), "docker")),
    "docker, systemd, v1": (
        f"5:devices:/system.slice/docker-{A}.scope\n1:name=systemd:/system.slice/docker-{A}.scope\n",
        ContainerGroup((A,), "docker"),
    ),
    "docker, systemd, v2": (f"0::/system.slice/docker-{A}.scope\n", ContainerGroup((A,), "docker")),
    "docker, a parent of its own": (f"0::/ml.slice/docker-{A}.scope", ContainerGroup((A,), "docker")),
    "docker, systemd inside": (
        f"0::/system.slice/docker-{A}.scope/system.slice/nginx.service",
        ContainerGroup((A,), "docker"),
    ),
    "docker, rootless": (f"0::{USER}/app.slice/docker-{A}.scope", ContainerGroup((A,), "docker")),
    "docker, rootless, of its service": (
        f"0::{USER}/user.slice/docker-{A}.scope/init",
        ContainerGroup((A,), "docker"),
    ),
    "docker in docker, v1": (f"7:cpu:/docker/{A}/docker/{B}", ContainerGroup((A, B), "docker")),
    "docker in docker, v2": (
        f"0::/system.slice/docker-{A}.scope/docker/{B}",
        ContainerGroup((A, B), "docker"),
    ),
    "podman": (f"0::/machine.slice/libpod-{A}.scope", ContainerGroup((A,), "podman")),
    "podman, crun": (f"0::/machine.slice/libpod-{A}.scope/container", ContainerGroup((A,), "podman")),
    "podman, cgroupfs": (f"3:cpu:/libpod_parent/libpod-{A}", ContainerGroup((A,), "podman")),
    "podman, rootless": (
        f"0::{USER}/user.slice/libpod-{A}.scope/container",
        ContainerGroup((A,), "podman"),
    ),
    "podman, split": (
        f"0::/system.slice/train.service/libpod-payload-{A}",
        ContainerGroup((A,), "podman"),
    ),
    "kubernetes, cgroupfs": (
        f"4:cpu:/kubepods/besteffort/pod{UID}/{A}",
        ContainerGroup((A,), "kubernetes", UID),
    ),
    "kubernetes, cgroupfs, guaranteed": (
        f"0::/kubepods/pod{UID}/{A}",
        ContainerGroup((A,), "kubernetes", UID),
    ),
    "kubernetes, systemd, containerd": (
        f"0::{BURSTABLE}/kubepods-burstable-pod{SYSTEMD_UID}.slice/cri-containerd-{A}.scope",
        ContainerGroup((A,), "containerd", UID),
    ),
    "kubernetes, systemd, cri-o": (
        f"0::/kubepods.slice/kubepods-pod{SYSTEMD_UID}.slice/crio-{A}.scope",
        ContainerGroup((A,), "cri-o", UID),
    ),
    "kubernetes, systemd, docker": (
        f"0::{BURSTABLE}/kubepods-burstable-pod{SYSTEMD_UID}.slice/docker-{A}.scope",
        ContainerGroup((A,), "docker", UID),
    ),
    "kubernetes, static pod": (
        f"0::{BURSTABLE}/kubepods-burstable-pod{HASH}.slice/cri-containerd-{A}.scope",
        ContainerGroup((A,), "containerd", HASH),
    ),
    "kubernetes in docker": (
        f"0::/docker/{A}/kubelet/kubepods/besteffort/pod{UID}/{B}",
        ContainerGroup((A, B), "kubernetes", UID),
    ),
    "old containerd": (
        f"11:devices:/system.slice/containerd.service/kubepods-burstable-pod{SYSTEMD_UID}.slice"
        f":cri-containerd:{A}",
        ContainerGroup((A,), "containerd", UID),
    ),
    "containerd, a namespace of its own": (f"0::/default/{A}", ContainerGroup((A,), "")),
    "nerdctl": (f"0::/system.slice/nerdctl-{A}.scope", ContainerGroup((A,), "containerd")),
    "lxc": ("0::/lxc.payload.web/system.slice", ContainerGroup(("web",), "lxc")),
    "docker in lxc": (
        f"0::/lxc.payload.web/system.slice/docker-{A}.scope",
        ContainerGroup(("web", A), "docker"),
    ),
    "seen from a control group namespace": (
        f"0::/../../system.slice/docker-{A}.scope",
        ContainerGroup((A,), "docker"),
    ),
    "ended, its group removed": (f"0::/docker/{A} (deleted)", ContainerGroup((A,), "docker")),
}
OUTSIDE = {
    "root": "0::/",
    "a session": "0::/user.slice/user-1000.slice/session-2.scope",
    "a service": "0::/system.slice/ssh.service",
    "a user's program": f"0::{USER}/app.slice/app-firefox-1234.scope",
    "podman's monitor": f"0::/machine.slice/libpod-conmon-{A}.scope",
    "a mount of docker's": f"0::/system.slice/var-lib-docker-overlay2-{A}-merged.mount",
    "docker itself": "0::/system.slice/docker.service",
    "nothing": "",
    "no colon": A,
    "longer than an id": f"0::/docker/{A}0",
    "capital letters": f"0::/docker/{A.upper()}",
    "a health check's scope": f"0::/system.slice/{A}.service",
}


@pytest.mark.parametrize("form", INSIDE)
def test_the_container_is_named(form: str) -> None:
    text, expected = INSIDE[form]
    found = container_group(text)
    assert found == expected
    assert found.container_id == expected.container_ids[-1]


@pytest.mark.parametrize("form", OUTSIDE)
def test_what_is_in_no_container(form: str) -> None:
    assert container_group(OUTSIDE[form]) == ContainerGroup()
    assert container_group(OUTSIDE[form]).container_id == ""


@pytest.mark.parametrize(
    "path",
    [
        f"/kubepods.slice/kubepods-pod{SYSTEMD_UID}.slice/crio-conmon-{A}.scope",
        f"/kubepods/besteffort/pod{UID}",
    ],
)
def test_a_pod_without_a_container_is_unknown(path: str) -> None:
    found = container_group(f"0::{path}")
    assert (found.container_id, found.pod) == (None, UID)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(container_group(text), ContainerGroup)
