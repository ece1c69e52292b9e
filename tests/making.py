"""Makes containers, events and samples for tests from the few fields that matter to each."""

from __future__ import annotations

import hashlib
from typing import Any

from tui.model.containers import Container, ContainerDetails, ContainerEvent, ContainerState
from tui.model.stats import StatsSample


def full_id(name: str) -> str:
    """64 hexadecimal digits, always the same for a name."""
    return hashlib.sha256(name.encode()).hexdigest()


def make_container(
    name: str = "box", state: ContainerState = ContainerState.RUNNING, **fields: Any
) -> Container:
    """A container with this name and the id that belongs to it."""
    return Container(
        id=fields.pop("id", full_id(name)),
        name=name,
        image=fields.pop("image", "busybox:1.36"),
        image_id=fields.pop("image_id", "sha256:0"),
        state=state,
        **fields,
    )


def make_event(action: str, name: str = "box", at: float = 1000.0, **attributes: str) -> ContainerEvent:
    """An event about the container of this name."""
    return ContainerEvent(action, full_id(name), at, {"name": name, "image": "busybox:1.36", **attributes})


def make_details(
    name: str = "box", state: ContainerState = ContainerState.RUNNING, **fields: Any
) -> ContainerDetails:
    """Details of the container of this name: started at 500, process 42, unless said otherwise."""
    told: dict[str, Any] = {
        "health": None,
        "started_at": 500.0,
        "finished_at": None,
        "exit_code": None,
        "process_id": 42,
        "network_mode": "bridge",
        "restart_policy": "always",
        "memory_limit_bytes": 1 << 30,
        "out_of_memory": False,
    }
    return ContainerDetails(id=full_id(name), state=state, **(told | fields))


def make_sample(taken_at: float, **counters: Any) -> StatsSample:
    """A sample with every counter at 0 but those given."""
    told: dict[str, Any] = {
        "cpu_nanoseconds": 0,
        "memory_bytes": 0,
        "memory_limit_bytes": 1 << 30,
        "pids": 1,
        "network_rx_bytes": 0,
        "network_tx_bytes": 0,
        "block_read_bytes": 0,
        "block_write_bytes": 0,
    }
    return StatsSample(taken_at=taken_at, **(told | counters))
