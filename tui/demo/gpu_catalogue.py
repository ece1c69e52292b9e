"""The GPUs of the make-believe workstation, and what its processes do on them."""

from __future__ import annotations

from typing import NamedTuple

NAME, COMPUTE_CAPABILITY = "NVIDIA H100 80GB HBM3", "9.0"
MIB = 1 << 20
#: What such a card has, and what its driver keeps for itself.
TOTAL_BYTES, RESERVED_BYTES = 81_559 * MIB, 551 * MIB
POWER_LIMIT_WATTS, IDLE_WATTS = 700.0, 69.0
SLOWDOWN_CELSIUS, SHUTDOWN_CELSIUS = 87, 92
#: The GPU that falls off the bus when that fault is switched on.
LOST_GPU = 3
#: Who looks at this machine: other users' processes outside containers are not shown all of.
USER = "ana"


class Card(NamedTuple):
    """One GPU.

    Attributes:
        hot_celsius: what it would get to with all it can do.
        unexplained_mib: memory that no process explains.
    """

    bus_id: str
    hot_celsius: int
    corrected_errors: int = 0
    unexplained_mib: int = 0


#: By their numbers. The second one's cooler is full of dust.
CARDS = (
    Card("0000:17:00.0", 71),
    Card("0000:3d:00.0", 89),
    Card("0000:65:00.0", 69, corrected_errors=2, unexplained_mib=1433),
    Card("0000:e1:00.0", 66),
)


class Pattern(NamedTuple):
    """How a process uses a GPU as time goes by.

    Attributes:
        percent, swing: share of its processors while it works, and how far that goes up and down.
        period_seconds: after so long it begins anew.
        rest_share, rest_percent: the last part of each period, in which it does less.
        link_bytes: what it sends to other GPUs a second for each per cent.
    """

    percent: float
    swing: float
    period_seconds: float
    rest_share: float
    rest_percent: float = 0.0
    link_bytes: int = 0


# an epoch as the log of this training has it: the last part is validation and a checkpoint
_TRAINING = Pattern(95, 4, 176, 0.03, 31, 410_000_000)
_FINETUNING = Pattern(58, 5, 120, 0.06, 12, 160_000_000)
_SMOKE = Pattern(24, 9, 41, 0.3, 3)
_SERVING = Pattern(52, 38, 67, 0.3, 6)
_EMBEDDING = Pattern(9, 8, 23, 0.5)
_PLAYING = Pattern(21, 12, 240, 0.85)
_BENCHMARK = Pattern(11, 4, 90, 0.2)
_IDLE = Pattern(0, 0, 60, 0)


class Use(NamedTuple):
    """What a process does on a GPU.

    Attributes:
        container: by the name that it was made with, "" for outside all containers.
        number: of the process, as its container counts.
        gpu: by number.
        memory_mib: once it has loaded everything.
        ignores_term: it goes on when it is asked to end.
    """

    container: str
    number: int
    gpu: int
    memory_mib: int
    pattern: Pattern
    ignores_term: bool = False


USES = (
    Use("dl-dev", 5, 0, 11_694, _SMOKE),
    # of a GPU that its container was not given
    Use("dl-dev", 4, 2, 6_412, _PLAYING),
    # holds it for a day, and does nothing
    Use("notebook-ana", 3, 0, 20_480, _IDLE),
    Use("vision-train", 2, 1, 30_208, _TRAINING),
    Use("vision-train", 3, 2, 30_208, _TRAINING._replace(percent=38, rest_percent=14)),
    Use("llm-finetune", 2, 0, 34_816, _FINETUNING),
    Use("llm-finetune", 3, 2, 34_816, _FINETUNING._replace(percent=41), ignores_term=True),
    Use("serve-qwen", 3, 3, 73_400, _SERVING),
    Use("serve-embed", 1, 3, 2_662, _EMBEDDING),
    Use("rl-sim", 4, 2, 3_584, _SMOKE),
    Use("sweep-agent", 2, 0, 2_150, _SMOKE),
    Use("diffusion-train", 1, 1, 28_672, _TRAINING._replace(percent=60)),
    Use("eval-suite", 1, 1, 8_192, _SERVING),
    Use("", 3417, 0, 4_096, _BENCHMARK),
    Use("", 9188, 3, 2_048, _EMBEDDING),
)


class Outside(NamedTuple):
    """A process outside all containers.

    Attributes:
        pid: on the host.
        program: its executable.
        started_ago: seconds before the world begins.
    """

    pid: int
    parent_pid: int
    user: str
    command: str
    program: str
    started_ago: float


OUTSIDE_PROCESSES = (
    Outside(
        3417, 3390, USER, "/home/ana/miniforge3/envs/plots/bin/python bench_kernels.py --sizes 4096",
        "/home/ana/miniforge3/envs/plots/bin/python3.12", 7_500.0,
    ),
    Outside(
        9188, 9102, "dora", "python eval_fid.py --samples 50000",
        "/home/dora/venvs/fid/bin/python3.11", 28_300.0,
    ),
)  # fmt: skip

#: Users by name and number on the host.
USER_NUMBERS = {
    "root": 0, "999": 999, "jovyan": 1000, "ray": 1000, "ana": 1001, "ben": 1002, "chen": 1003, "dora": 1004,
    "mambauser": 57439,
}  # fmt: skip
