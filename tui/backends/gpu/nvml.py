"""The GPUs of this machine by NVIDIA's own library, on one thread that a hung driver may keep for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import ModuleType

from tui import diagnostics
from tui.backends import deadline
from tui.backends.gpu.absence import KernelRoots
from tui.backends.gpu.nvml_reader import NvmlReader, Periods, load_pynvml
from tui.model.errors import GpuDriverError, GpuTimeout
from tui.model.gpus import GpuReport


class NvmlGpus:
    """Reports by NVML. Thread-safe; only the thread "nvml" ever calls the library.

    A call that hangs can't be ended: whoever waits for it is told so after the deadline, and the driver is
    asked nothing more before it comes back.
    """

    def __init__(
        self,
        load: Callable[[], ModuleType] = load_pynvml,
        roots: KernelRoots | None = None,
        periods: Periods | None = None,
        deadline_seconds: float = deadline.GPU_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Nothing is loaded before the first report. Args: other libraries, files and clocks for tests."""
        self._reader = NvmlReader(load, roots or KernelRoots(), periods or Periods(), clock, now, pause)
        self._deadline_seconds = deadline_seconds
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_wanted = self._is_closed = False
        # readings are numbered; the one that answers a question began after it was asked
        self._begun = self._done = self._given = 0
        self._result: GpuReport | Exception | None = None

    def report(self) -> GpuReport:
        """All figures, within some seconds; a host without a GPU is told in the report's `absence`.

        Raises:
            GpuTimeout: the driver does not answer; it is not asked again before it does.
            GpuDriverError: no more reports are given.
        """
        with self._condition:
            self._start()
            needed = self._begun + 1
            self._is_wanted = True
            self._condition.notify_all()
            self._condition.wait_for(lambda: self._done >= needed or self._is_closed, self._deadline_seconds)
            if self._is_closed:
                raise _closed()
            # a driver whose every call comes back, but slowly: what was read since the last report is news
            if self._done < needed and self._done == self._given:
                raise self._timeout()
            result, self._given = self._result, self._done
        if isinstance(result, Exception):
            raise result
        assert result is not None
        return result

    def past(self, seconds: float, step: float) -> tuple[GpuReport, ...]:
        """The driver remembers nothing that could be compared with reports."""
        return ()

    def close(self) -> None:
        """No more reports are wanted. Never waits; the library is given up when it is idle."""
        with self._condition:
            self._is_closed = True
            self._condition.notify_all()

    def _start(self) -> None:
        if self._is_closed:
            raise _closed()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="nvml", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while self._wait_for_turn():
            result: GpuReport | Exception
            try:
                result = self._reader.report()
            except Exception as error:
                # handed to whoever asked; the thread must live on, as there may be only this one
                diagnostics.record_exception("nvml", error)
                result = error
            with self._condition:
                self._result, self._done = result, self._begun
                self._condition.notify_all()
        self._reader.end()

    def _wait_for_turn(self) -> bool:
        with self._condition:
            self._condition.wait_for(lambda: self._is_wanted or self._is_closed)
            self._is_wanted = False
            self._begun += 1
            return not self._is_closed

    def _timeout(self) -> GpuTimeout:
        asking = self._reader.asking
        detail = f"No answer within {self._deadline_seconds:g} s"
        if asking is not None:
            name, began = asking
            detail = f"{name} has not come back for {time.monotonic() - began:.0f} s"
        return GpuTimeout(
            "The GPU driver does not answer",
            detail,
            "It is asked again when this call is back. If it stays so, the kernel's log says more: "
            "dmesg | grep NVRM",
        )


def _closed() -> GpuDriverError:
    return GpuDriverError("The GPUs are no longer watched")
