"""The one door to NVML: every call goes through it, and comes back as a reading or as a known exception."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

from tui import diagnostics
from tui.model.reading import Reading, unknown

T = TypeVar("T")
U = TypeVar("U")

# Return codes of nvml.h, those that mean something to us.
SUCCESS = 0
UNINITIALIZED = 1
NOT_SUPPORTED = 3
NO_PERMISSION = 4
NOT_FOUND = 6
INSUFFICIENT_SIZE = 7
DRIVER_NOT_LOADED = 9
TIMEOUT = 10
LIBRARY_NOT_FOUND = 12
FUNCTION_NOT_FOUND = 13
GPU_IS_LOST = 15
RESET_REQUIRED = 16
LIBRARY_MISMATCH = 18
NO_DATA = 21
DEPRECATED = 26
GPU_NOT_FOUND = 28
UNKNOWN_ERROR = 999

TOO_OLD = "the driver is too old for it"
_WORDS = {
    2: "the driver does not know this figure",
    NOT_SUPPORTED: "not supported on this GPU",
    NO_PERMISSION: "no permission",
    NOT_FOUND: "the driver has no such thing",
    FUNCTION_NOT_FOUND: TOO_OLD,
    GPU_IS_LOST: "GPU is lost",
    RESET_REQUIRED: "GPU must be reset",
    17: "the operating system has blocked the access",
    NO_DATA: "no data yet",
    DEPRECATED: "the driver does not tell it any more",
    GPU_NOT_FOUND: "GPU is gone",
    UNKNOWN_ERROR: "unknown driver error",
}
# A question that is answered so is not asked again: 2 is what drivers say to fields that came after them.
_FINAL = frozenset({2, NOT_SUPPORTED, NO_PERMISSION, DEPRECATED})
_DRIVER_GONE = frozenset({UNINITIALIZED, DRIVER_NOT_LOADED, LIBRARY_MISMATCH})
# Of single calls on working cards, the slowest that was seen took 5 ms.
_SLOW_SECONDS = 0.5


class DriverTrouble(Exception):
    """The driver as a whole does not answer any more, or never did.

    Attributes:
        code: NVML's.
    """

    def __init__(self, code: int) -> None:
        """Args: NVML's return code."""
        super().__init__(words_of(code))
        self.code = code


class GpuLost(Exception):
    """The GPU that was asked does not answer any more.

    Attributes:
        code: GPU_IS_LOST, RESET_REQUIRED, or GPU_NOT_FOUND where it was taken away.
    """

    def __init__(self, code: int) -> None:
        """Args: NVML's return code."""
        super().__init__(words_of(code))
        self.code = code


@dataclass(slots=True)
class Target:
    """Whom a question is for: a GPU or an instance of one.

    Attributes:
        key: the same as long as it is the same; refusals are remembered by it.
        handle: NVML's.
    """

    key: str
    handle: Any


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back from a call: a value, or the code of an error."""

    value: Any
    code: int = SUCCESS


Question = tuple[object, ...]


class Door:
    """NVML on one thread, from its initialization to its end.

    Attributes:
        nvml: the module pynvml.
        asking: the call that runs now and when it began, in monotonic seconds; None between calls. May be
            looked at by any thread.
    """

    def __init__(self, nvml: ModuleType, clock: Callable[[], float] = time.monotonic) -> None:
        """Args: an initialized pynvml; clock in monotonic seconds."""
        self.nvml: Any = nvml
        self.asking: tuple[str, float] | None = None
        self._clock = clock
        self._missing: set[Question] = set()
        self._refusals: dict[tuple[str, Question], str] = {}

    def attempt(self, name: str, call: Callable[[], Any]) -> Answer:
        """One call, whatever comes of it; `name` is for whoever wonders what takes so long."""
        began = time.monotonic()
        self.asking = (name, began)
        try:
            return Answer(call())
        except self.nvml.NVMLError as error:
            return Answer(None, error.value)
        except self.nvml.NVMLLibraryMismatchError:
            # not an NVMLError: what pynvml says of a missing function that it has no version of
            return Answer(None, FUNCTION_NOT_FOUND)
        except UnicodeDecodeError as error:
            # drivers under WSL tell names in other encodings than pynvml expects
            return Answer(error.object.decode("utf-8", "replace"))
        finally:
            self.asking = None
            if time.monotonic() - began > _SLOW_SECONDS:
                diagnostics.logger("gpu").warning("%s took %.1f s", name, time.monotonic() - began)

    def system(self, function: str, *arguments: Any) -> Answer:
        """A call that is about no GPU, or gives the handle of one. Raises DriverTrouble."""
        answer = self.attempt(function, lambda: getattr(self.nvml, function)(*arguments))
        if answer.code in _DRIVER_GONE:
            raise DriverTrouble(answer.code)
        return answer

    def ask(self, target: Target, function: str, *arguments: Any) -> Reading[Any]:
        """What pynvml's `function` tells of a target. Raises GpuLost or DriverTrouble."""
        asked = getattr(self.nvml, function, None)
        if asked is None:
            return unknown(TOO_OLD)
        return self.run(target, (function, *arguments), lambda: asked(target.handle, *arguments))

    def first(self, target: Target, *questions: Question) -> Reading[Any]:
        """The first of several questions that gets an answer, or what was said to the first.

        Each is a function of pynvml with its arguments, newest first; those that the driver does not have
        are not tried again.
        """
        refused: Reading[Any] | None = None
        for function, *arguments in questions:
            reading = self.ask(target, str(function), *arguments)
            if reading.value is not None:
                return reading
            if refused is None or refused.reason == TOO_OLD:
                refused = reading
        return refused if refused is not None else unknown(TOO_OLD)

    def run(self, target: Target, question: Question, call: Callable[[], T]) -> Reading[T]:
        """`call`, unless it is known that it will be refused. Raises GpuLost or DriverTrouble."""
        if question in self._missing:
            return unknown(TOO_OLD)
        refusal = self.refusal(target, question)
        if refusal is not None:
            return unknown(refusal)
        answer = self.attempt(str(question[0]), call)
        if answer.code == SUCCESS:
            return Reading(answer.value, "", self._clock())
        if answer.code in _DRIVER_GONE:
            raise DriverTrouble(answer.code)
        if answer.code in (GPU_IS_LOST, RESET_REQUIRED, GPU_NOT_FOUND):
            raise GpuLost(answer.code)
        if answer.code == FUNCTION_NOT_FOUND:
            self._missing.add(question)
        self.refuse(target, question, answer.code)
        return unknown(words_of(answer.code))

    def refusal(self, target: Target, question: Question) -> str | None:
        """Why a question is not asked, None where it may be."""
        return self._refusals.get((target.key, question))

    def refuse(self, target: Target, question: Question, code: int) -> None:
        """Remember what was said to a question, if it will be said again."""
        if code in _FINAL:
            self._refusals[target.key, question] = words_of(code)

    def forget(self, key: str | None = None) -> None:
        """Ask again what was refused, by one target or by all."""
        if key is None:
            self._refusals.clear()
        for known in [known for known in self._refusals if known[0] == key]:
            del self._refusals[known]


def words_of(code: int) -> str:
    """A return code, as the reason why a figure is unknown."""
    return _WORDS.get(code, f"driver error {code}")


def converted(reading: Reading[T], convert: Callable[[T], U]) -> Reading[U]:
    """The same reading with another value."""
    if reading.value is None:
        return unknown(reading.reason)
    return Reading(convert(reading.value), "", reading.taken_at)
