"""What can go wrong with the make-believe engine, GPUs and sessions, as switches to turn on and off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from tui.model.errors import (
    EngineNotFound,
    EnginePermission,
    EngineRefused,
    EngineTimeout,
    GpuTimeout,
    ReclaimError,
)

#: How long a call waits for a frozen engine before it gives up.
FROZEN_SECONDS = 2.0
#: The same for a GPU driver that hangs.
GPU_HANG_SECONDS = 1.0
#: The same for a count of what takes room: longer, for it can be called off.
DF_HANG_SECONDS = 60.0
# Shorter than with real ones: somebody is watching, and the answer is known.

# How often somebody who waits looks whether it is called off.
_LOOK_SECONDS = 0.05


class _Switch:
    """A boolean attribute of Faults; setting it tells everybody who waits."""

    def __set_name__(self, owner: type[Faults], name: str) -> None:
        self._name = name

    def __get__(self, faults: Faults, owner: type[Faults]) -> bool:
        return faults.is_on(self._name)

    def __set__(self, faults: Faults, on: bool) -> None:
        faults.switch(self._name, on)


class Faults:
    """Faults of engine, GPUs and sessions, all off at first. Thread-safe; turning one off heals it.

    Attributes:
        engine_gone: nothing listens, and streams that were open break off.
        no_permission: the socket lets nobody in; streams that were open go on.
        frozen_engine: calls wait, for `frozen_seconds` at most, and streams are silent.
        refuse_actions: everything that changes something is answered with status 500.
        gpu_lost: one GPU falls off the bus.
        gpu_hangs: the GPU driver takes a call, and does not come back from it.
        no_gpu_driver: there is no GPU driver.
        df_hangs: the engine's count of what takes room does not come back, for `df_hang_seconds` at most.
        items_in_use: somebody uses whatever is to be removed from the disk, since just now.
        removal_lost: the engine removes what it is told from the disk, and is lost before it says so.
        no_network: nothing can be fetched inside containers: no package, no index.
        session_lost: the way to sessions is gone: to those that are open, and to those that begin.
        frozen_seconds: after this long a call to a frozen engine gives up.
        gpu_hang_seconds: and one to a driver that hangs.
        df_hang_seconds: and a count that hangs.
    """

    engine_gone = _Switch()
    no_permission = _Switch()
    frozen_engine = _Switch()
    refuse_actions = _Switch()
    gpu_lost = _Switch()
    gpu_hangs = _Switch()
    no_gpu_driver = _Switch()
    df_hangs = _Switch()
    items_in_use = _Switch()
    removal_lost = _Switch()
    no_network = _Switch()
    session_lost = _Switch()

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        """Args: on_change is called after a switch was set, without any lock held."""
        self.frozen_seconds = FROZEN_SECONDS
        self.gpu_hang_seconds = GPU_HANG_SECONDS
        self.df_hang_seconds = DF_HANG_SECONDS
        self._on: set[str] = set()
        self._changed = threading.Condition()
        self._on_change = on_change

    def is_on(self, name: str) -> bool:
        """Whether the fault of that name is switched on."""
        with self._changed:
            return name in self._on

    def switch(self, name: str, on: bool) -> None:
        """Switch the fault of that name."""
        with self._changed:
            if on:
                self._on.add(name)
            else:
                self._on.discard(name)
            self._changed.notify_all()
        self._on_change()

    def pass_question(self) -> None:
        """Let a call through, or fail it as the faults that are on say. Raises an EngineError."""
        with self._changed:
            thawed = self._changed.wait_for(lambda: "frozen_engine" not in self._on, self.frozen_seconds)
            on = frozenset(self._on)
        if not thawed:
            raise EngineTimeout(
                "The engine does not answer",
                f"demo took the request and said nothing for {self.frozen_seconds:g} s",
                "Wait, or look at the engine: systemctl status docker",
            )
        if "engine_gone" in on:
            raise EngineNotFound(
                "No container engine at demo",
                "nothing listens on demo: the engine is not running",
                "Start it (sudo systemctl start docker), or name another with --host",
            )
        if "no_permission" in on:
            raise EnginePermission(
                "No permission on demo",
                "the engine's socket does not let this user in",
                "Join its group (sudo usermod -aG docker $USER, then log in again), or run a rootless engine",
            )

    def pass_action(self) -> None:
        """The same for a call that changes something. Raises an EngineError."""
        self.pass_question()
        if self.refuse_actions:
            raise EngineRefused(
                "The engine reports an error",
                "error while moving mount: write /var/lib/docker: input/output error",
                "Its own log says more",
                500,
            )

    def pass_count(self, is_cancelled: Callable[[], bool]) -> None:
        """Let a count of what takes room through.

        Raises:
            ReclaimError: `is_cancelled` said so.
            EngineError: see `pass_question`; EngineTimeout where it hangs for too long.
        """
        self.pass_question()
        until = time.monotonic() + self.df_hang_seconds
        while True:
            if is_cancelled():
                raise ReclaimError("Called off", "it was not counted to its end")
            if not self.df_hangs:
                return
            if time.monotonic() > until:
                raise EngineTimeout(
                    "The engine does not answer",
                    f"demo counts what takes room for {self.df_hang_seconds:g} s already",
                    "Big volumes take long; ask again later",
                )
            with self._changed:
                self._changed.wait_for(lambda: "df_hangs" not in self._on, _LOOK_SECONDS)

    def pass_gpu_question(self) -> None:
        """Let a call to the GPU driver through. Raises GpuTimeout where it hangs for too long."""
        with self._changed:
            is_back = self._changed.wait_for(lambda: "gpu_hangs" not in self._on, self.gpu_hang_seconds)
        if not is_back:
            raise GpuTimeout(
                "The GPU driver does not answer",
                f"demo's driver has not come back for {self.gpu_hang_seconds:g} s",
                "It is asked again when this call is back. If it stays so, the kernel's log says more: "
                "dmesg | grep NVRM",
            )
