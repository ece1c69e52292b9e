"""How long each kind of call may take before it is given up, for the screen and the command line alike."""

from __future__ import annotations

import time
from collections.abc import Callable

from tui.model.errors import ReclaimError
from tui.model.operations import STOP_GRACE_SECONDS, Operation, Step

#: Connect, and questions that an idle engine answers in milliseconds. A loaded one may need seconds.
QUESTION_SECONDS = 10.0
#: A sign of life: short, because a frozen engine must be told from a busy one while somebody looks.
PING_SECONDS = 2.0
#: Counters of one container: engines before 23 wait for their own next sample, a second away.
STATS_SECONDS = 5.0
#: The engine walks its containers for `/info`, which took seconds on hosts with hundreds.
DESCRIBE_SECONDS = 20.0
#: All figures of all GPUs, which take milliseconds. A hung driver must be told within 3 seconds.
GPU_SECONDS = 2.5
#: What takes room on a disk: the engine walks every file of every container and volume, which took minutes
#: on big hosts (moby#31719). It can be called off at any time.
DISK_SECONDS = 900.0
#: The removal of one thing: deleting hundreds of thousands of files takes minutes on slow disks.
REMOVAL_SECONDS = 600.0
#: The engine's part of an action, beyond what the container itself may take.
ACTION_SECONDS = 30.0


def of_step(step: Step) -> float:
    """Seconds that one step may take: stopping waits for the container, removing for the disk."""
    if step.operation in (Operation.STOP, Operation.RESTART):
        return STOP_GRACE_SECONDS + ACTION_SECONDS
    # writable layers of many gigabytes take minutes to delete on slow disks
    return 300.0 if step.operation is Operation.REMOVE else ACTION_SECONDS


class Deadline:
    """A moment after which a call made of many reads is given up."""

    def __init__(self, seconds: float) -> None:
        """Args: seconds from now."""
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left, never less than a millisecond: 0 would mean "do not wait" to a socket."""
        return max(0.001, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return time.monotonic() >= self._end

    @property
    def step_seconds(self) -> float | None:
        """How long a wait may last before `check` is due again; None for up to its end."""
        return None

    def check(self) -> None:
        """Raises a TimeoutError when it has passed."""
        if self.passed:
            raise TimeoutError


class CancellableDeadline(Deadline):
    """A deadline of something that can be called off while it is waited for."""

    def __init__(self, seconds: float, is_cancelled: Callable[[], bool]) -> None:
        """Args: seconds from now; whether nobody wants it any more, asked often."""
        super().__init__(seconds)
        self._is_cancelled = is_cancelled

    @property
    def step_seconds(self) -> float:
        """See there."""
        # nobody feels a tenth of a second, and ten looks a second cost nothing
        return 0.1

    def check(self) -> None:
        """Raises a TimeoutError when it has passed, a ReclaimError when it was called off."""
        if self._is_cancelled():
            raise ReclaimError("Called off", "nobody waits for this answer any more", "")
        super().check()


class Patience(Deadline):
    """A deadline that begins anew with each sign of life: for what takes long, but must go on."""

    def renew(self) -> None:
        """There was one."""
        self._end = time.monotonic() + self.seconds
