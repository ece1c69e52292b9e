"""How long each kind of call may take before it is given up, for the screen and the command line alike."""

from __future__ import annotations

import time

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


class Patience(Deadline):
    """A deadline that begins anew with each sign of life: for what takes long, but must go on."""

    def renew(self) -> None:
        """There was one."""
        self._end = time.monotonic() + self.seconds
