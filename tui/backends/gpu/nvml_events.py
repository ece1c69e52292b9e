"""Errors that the driver reports of GPUs (Xid), asked for between other calls, never waited for."""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from tui.backends.gpu.nvml_calls import GPU_IS_LOST, RESET_REQUIRED, SUCCESS, TIMEOUT, Door, Target
from tui.model.gpu_words import xid_words
from tui.model.gpus import XidEvent

# `nvmlEventTypeXidCriticalError` in nvml.h
_XID = 0x8
# A GPU that breaks reports a few; hundreds a second would keep all other questions waiting.
_MOST_AT_ONCE = 64
_MOST_KEPT = 200


class XidEvents:
    """What happened to GPUs since we watch, oldest first.

    Attributes:
        events: the newest, bounded.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        """Args: epoch seconds."""
        self.events: deque[XidEvent] = deque(maxlen=_MOST_KEPT)
        self._now = now
        self._set: Any = None
        # of the GPUs that we listen to, by the address of the handle
        self._uuids: dict[int, str] = {}

    def begin(self, door: Door) -> None:
        """Of a driver that was initialized anew; one that reports nothing is no error."""
        self._uuids = {}
        self._set = door.attempt("nvmlEventSetCreate", door.nvml.nvmlEventSetCreate).value

    def watch(self, door: Door, target: Target) -> None:
        """Hear of a GPU from now on."""
        address = address_of(target.handle)
        if self._set is None or address in self._uuids:
            return
        self._uuids[address] = target.key
        register = door.nvml.nvmlDeviceRegisterEvents
        door.attempt("nvmlDeviceRegisterEvents", lambda: register(target.handle, _XID, self._set))

    def take(self, door: Door) -> bool:
        """Take in what was reported; whether anything was."""
        has_new = False
        for _ in range(_MOST_AT_ONCE if self._set is not None else 0):
            answer = door.attempt("nvmlEventSetWait", lambda: door.nvml.nvmlEventSetWait_v2(self._set, 0))
            if answer.code == SUCCESS:
                code = int(answer.value.eventData)
                uuid = self._uuids.get(address_of(answer.value.device), "")
                self.events.append(XidEvent(code, xid_words(code), self._now(), uuid))
                has_new = True
                continue
            if answer.code in (GPU_IS_LOST, RESET_REQUIRED):
                # whoever asks the GPUs themselves finds out which; the others are listened to anew
                old = self._set
                self.begin(door)
                door.attempt("nvmlEventSetFree", partial(door.nvml.nvmlEventSetFree, old))
                has_new = True
            elif answer.code != TIMEOUT:
                # this driver reports nothing
                self._set = None
            break
        return has_new

    def last_of(self, uuid: str) -> XidEvent | None:
        """The newest event of a GPU."""
        return next((event for event in reversed(self.events) if event.gpu_uuid == uuid), None)


def address_of(handle: Any) -> int:
    """What tells NVML's handles apart."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
