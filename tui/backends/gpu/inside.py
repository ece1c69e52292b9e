"""Asks a container what its own processes run in, all of them with one command, where `/proc` refuses it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tui.backends.conda import probe
from tui.backends.docker.http import EngineHttp
from tui.backends.gpu.process_files import NotSeen, parse_stat, text_of, variables
from tui.model.owners import Clues

#: A hundred processes take half a second; what takes longer hangs on a file system that does not answer.
INSIDE_SECONDS = 5.0

# a thousand processes with their variables
_MOST_BYTES = 16 << 20
_FIELDS = 8


@dataclass(frozen=True, slots=True)
class Wanted:
    """A process to be asked for.

    Attributes:
        pid: on the host.
        start_ticks: as the host says.
        numbers: its PIDs, from the host's to the innermost. Which of them the container knows it by depends
            on how deep it nests: each is tried, and its answer says whether it is the right one.
    """

    pid: int
    start_ticks: int
    numbers: tuple[int, ...]


@cache
def script() -> str:
    """The text that lies beside this module."""
    return (files("tui.backends.gpu") / "inside.sh").read_text("utf-8")


def ask(
    http: EngineHttp, container_id: str, user: str, wanted: Sequence[Wanted], seconds: float = INSIDE_SECONDS
) -> Mapping[int, Clues]:
    """Clues by number on the host; a process that is not found, or is not the same any more, is left out.

    Args:
        http: the engine's, identified.
        container_id: of a running container.
        user: number of user and group in the container, which must be those that the processes run as.
        wanted: processes in it.
        seconds: for everything; what was told by then counts.

    Raises:
        NoShell: the container has none.
        EngineError: the command can't be run.
    """
    token = secrets.token_hex(16)
    numbers = dict.fromkeys(str(number) for each in wanted for number in each.numbers)
    end = f"{token}\0Z\0".encode()
    run = probe.run(
        http,
        container_id,
        (probe.SHELL, "-c", script(), "inside", token, *numbers),
        seconds,
        _MOST_BYTES,
        user,
        lambda output: output.endswith(end),
    )
    answer = read(bytes(run.output), token)
    if not run.has_ended and answer.process_id is not None:
        probe.end(http, container_id, answer.process_id, user)
    return matched(answer.processes, wanted)


@dataclass(frozen=True, slots=True)
class Told:
    """What was told of one number.

    Attributes:
        start_ticks: before and after everything else was read, the same.
        numbers: of the process, from the container's to its innermost.
    """

    start_ticks: int
    numbers: tuple[int, ...]
    clues: Clues


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run has told: the shell's own number, and processes by their number inside."""

    process_id: int | None
    processes: Mapping[int, Told]


def read(output: bytes, token: str) -> Answer:
    """The answer in what was printed, as far as it came."""
    process_id = None
    first: dict[int, Told] = {}
    proven: dict[int, Told] = {}
    # what follows the last NUL was cut off
    for record in output[: output.rfind(b"\0") + 1].split(f"{token}\0".encode())[1:]:
        tag, _, rest = record.partition(b"\0")
        try:
            if tag == b"V":
                process_id = int(rest.rstrip(b"\0"))
            elif tag == b"R":
                number, told = _process(rest)
                first[number] = told
            elif tag == b"S":
                word, stat = rest.split(b"\0")[:2]
                number = int(word)
                if number in first and parse_stat(stat).start_ticks == first[number].start_ticks:
                    proven[number] = first[number]
        except (ValueError, NotSeen):
            # of a process that ended meanwhile, or of a shell that prints something else
            continue
    return Answer(process_id, proven)


def matched(processes: Mapping[int, Told], wanted: Iterable[Wanted]) -> dict[int, Clues]:
    """Clues by number on the host, of those that are beyond doubt the processes that were asked for."""
    found = {}
    for each in wanted:
        for position, number in enumerate(each.numbers):
            told = processes.get(number)
            if told is not None and (told.start_ticks, told.numbers) == (
                each.start_ticks,
                each.numbers[position:],
            ):
                found[each.pid] = told.clues
                # the container's own first process may look like that of a numbering further inside
                break
    return found


def _process(record: bytes) -> tuple[int, Told]:
    fields = record.split(b"\0", _FIELDS - 1)
    number, stat, numbers, program, word, prefix, venv, rest = fields
    around = []
    while True:
        place, has_more, rest = rest.partition(b"\0")
        if not has_more:
            raise ValueError("cut off")
        if not place:
            break
        around.append(text_of(place))
    own_prefix, name, own_venv = variables(rest)
    clues = Clues(
        text_of(program),
        text_of(word),
        _unlinked(own_prefix, prefix),
        name,
        _unlinked(own_venv, venv),
        tuple(each[1:] for each in around if each[0] == "c"),
        tuple(each[1:] for each in around if each[0] == "v"),
    )
    return int(number), Told(parse_stat(stat).start_ticks, tuple(map(int, numbers.split()[1:])), clues)


def _unlinked(value: str, real: bytes) -> str:
    """A variable's path without links; the shell saw only the first line of it."""
    return text_of(real) if value and real and "\n" not in value else value
