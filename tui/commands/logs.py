"""`envtui logs`: what a container wrote; byte for byte into pipes, harmless on terminals, or as JSON."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from tui.commands.options import load_settings, open_workstation
from tui.model.containers import ContainerDetails, ContainerState
from tui.model.errors import EngineError, EngineLost, EnvtuiError, NoSuchContainer, UsageError
from tui.model.escapes import runs
from tui.model.logs import (
    TIME_BYTES,
    Batch,
    LineAssembler,
    LogRequest,
    Stream,
    plain_text,
    text_of,
    written_time,
)
from tui.model.moments import ACCEPTED, moment_from

if TYPE_CHECKING:
    import argparse

    from tui.backends.base import LogStream
    from tui.workstation import Workstation

# As many bytes as a pipe holds (pipe(7)).
_WRITE_BYTES = 64 << 10
# What the engine takes as a name (moby, daemon/names): anything else would be another address of its API.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")
_COUNT = re.compile(r"[0-9]{1,18}")
_TIME = re.compile(rb"(?!0001-)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z")
_NO_TIME = written_time(None)
_STREAM_NAMES = {Stream.STDOUT: "stdout", Stream.STDERR: "stderr"}

#: Makes the bytes to print of a kept line and its stream.
Render = Callable[[bytes, int], bytes]


def add_parser(commands: Any, common: argparse.ArgumentParser) -> None:
    """Register the subcommand."""
    parser = commands.add_parser(
        "logs",
        parents=[common],
        help="what a container wrote",
        description="Print what a container wrote, its stdout to stdout, its stderr to stderr: byte for byte "
        "into files and pipes; on a terminal with its colours and without anything else that would drive the "
        "terminal, progress bars as they stood in the end.",
        epilog=f"T is {ACCEPTED}.",
    )
    parser.add_argument("container", metavar="CONTAINER", help="name, id, or the beginning of one id")
    parser.add_argument(
        "--follow", "-f", action="store_true", help="go on with what it writes, until the container ends"
    )
    parser.add_argument("--tail", "-n", metavar="N", default="all",
                        help="only the last N lines; of a long one, each 16 KiB count as one")  # fmt: skip
    parser.add_argument("--since", metavar="T", help="only from then on")
    parser.add_argument("--until", metavar="T", help="only up to then")
    parser.add_argument("--timestamps", "-t", action="store_true", help="with the time of each line, in UTC")
    parser.add_argument("--json", action="store_true", help="one object a line: time, stream, text; of a "
                        "progress bar, the text behind its last carriage return")  # fmt: skip
    parser.set_defaults(command=run)


def run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print the log. Raises an EnvtuiError."""
    # the engine's own answers write names with a slash in front
    container = options.container.removeprefix("/")
    if not _NAME.fullmatch(container):
        raise _no_such(container)
    settings = load_settings(options, environ)
    workstation = open_workstation(options, settings, environ)
    if workstation.logs is None:
        raise EnvtuiError("No logs", "this host offers none")
    now_ns = int(workstation.now() * 1e9)
    out = _Output(sys.stdout)
    # one file for both, a terminal or 2>&1: only one buffer keeps the order
    err = out if os.path.sameopenfile(out.descriptor, sys.stderr.fileno()) else _Output(sys.stderr)
    request = LogRequest(
        follow=options.follow,
        tail=_tail(options.tail),
        since_ns=_moment("--since", options.since, now_ns),
        until_ns=_moment("--until", options.until, now_ns),
        # a line can only be put together where each part has its time
        timestamps=options.timestamps or options.json or out.is_terminal,
    )
    printer = _printer(options, request, out, err)
    try:
        _print_log(workstation, container, request, printer)
    except NoSuchContainer as error:
        raise _no_such(container) from error
    except EngineLost as error:
        raise EngineLost("The log broke off", error.detail, "What came is not all of it") from error
    return 1 if printer.engine_spoke else 0


def _print_log(workstation: Workstation, container: str, request: LogRequest, printer: LogPrinter) -> None:
    assert workstation.logs is not None
    before = workstation.containers.details(container) if request.follow else None
    # the same container at the beginning and at the end, whoever has its name by then
    identity = container if before is None else before.id
    with contextlib.closing(workstation.logs.open(identity, request)) as stream:
        _print_stream(stream, printer, at_once=request.follow)
    if before is not None and (request.until_ns is None or workstation.now() * 1e9 < request.until_ns):
        _check_end(workstation, before)


def _print_stream(stream: LogStream, printer: LogPrinter, at_once: bool) -> None:
    try:
        for messages in stream.messages():
            printer.take(messages)
            if at_once:
                printer.flush()
    except EngineError:
        # what came stands before the reason why no more did
        printer.end()
        raise
    printer.end()


def _check_end(workstation: Workstation, before: ContainerDetails) -> None:
    """A log that is followed ends with its container; nothing in the stream tells that from a lost engine."""
    try:
        now = workstation.containers.details(before.id)
    except NoSuchContainer:
        return
    if now.state in (ContainerState.RUNNING, ContainerState.PAUSED) and now.started_at == before.started_at:
        raise EngineLost("The log broke off", "the engine ended it while the container runs")


def _no_such(container: str) -> NoSuchContainer:
    return NoSuchContainer("No such container", container, "`envtui ps --all` lists them")


def _tail(text: str) -> int | None:
    if text == "all":
        return None
    if not _COUNT.fullmatch(text):
        raise UsageError(f"--tail {text!r}", "it must be a number of lines, or all")
    return int(text)


def _moment(option: str, text: str | None, now_ns: int) -> int | None:
    if text is None:
        return None
    moment = moment_from(text, now_ns)
    if moment is None:
        raise UsageError(f"{option} {text!r}", f"it must be {ACCEPTED}")
    return moment


# -- printing


def _printer(options: argparse.Namespace, request: LogRequest, out: _Output, err: _Output) -> LogPrinter:
    if options.json:
        return LogPrinter((out, out, out, err), (), _as_json, request.timestamps)
    ours = ((Stream.STDOUT, out), (Stream.STDERR, err))
    copied = [stream for stream, output in ours if not output.is_terminal]

    def shown(raw: bytes, stream: int) -> bytes:
        time = _time(raw) if options.timestamps else None
        return _for_terminal(raw, time, (err if stream == Stream.STDERR else out).encoding)

    return LogPrinter(
        (out, out, err, err), copied, shown, request.timestamps, request.timestamps and not options.timestamps
    )


class _Output:
    """One of our outputs: bytes gather until there are enough for a write.

    Not Python's own buffer: what that holds is written at exit, which after ctrl+c would wait for a reader
    that stopped reading, a pager for example.
    """

    def __init__(self, stream: TextIO) -> None:
        """Args: stream whose file it writes to."""
        self.descriptor = stream.fileno()
        self.is_terminal = stream.isatty()
        self.encoding = stream.encoding
        self._data = bytearray()

    def add(self, data: bytes) -> None:
        """More to write."""
        self._data += data
        if len(self._data) >= _WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what there is. Raises an OSError."""
        rest = memoryview(bytes(self._data))
        self._data.clear()
        while rest:
            rest = rest[os.write(self.descriptor, rest) :]


class LogPrinter:
    """Takes a log's messages as they come to where each of its streams goes.

    Attributes:
        engine_spoke: there were words of the engine's own in the log, which it only has of what went wrong.
    """

    def __init__(
        self,
        outputs: Sequence[_Output],
        copied: Collection[int],
        render: Render,
        is_timed: bool,
        drops_times: bool = False,
    ) -> None:
        """Where what goes.

        Args:
            outputs: one for each stream.
            copied: streams whose bytes are written as they come; the lines of all others are rendered.
            render: makes of a line what is printed.
            is_timed: each message has its time in front.
            drops_times: nobody asked for the times of what is copied.
        """
        self.engine_spoke = False
        self._outputs = outputs
        self._copied = frozenset(copied)
        self._render = render
        self._is_timed = is_timed
        self._drops_times = drops_times
        self._assembler = LineAssembler()

    def take(self, messages: Sequence[tuple[int, bytes]]) -> None:
        """Print what is complete of these messages."""
        if self._copied:
            messages = self._copy(messages)
        self._print(self._assembler.feed(messages))

    def end(self) -> None:
        """The log is over: print what was not complete, and see that all is written."""
        self._print(self._assembler.end())
        self.flush()

    def flush(self) -> None:
        """See that all is written."""
        for output in self._outputs:
            output.flush()

    def _copy(self, messages: Sequence[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        """Write what is to be copied; gives back the rest, with a time."""
        rest = []
        for stream, payload in messages:
            if stream in self._copied:
                self._outputs[stream].add(payload.partition(b" ")[2] if self._drops_times else payload)
            else:
                rest.append((stream, payload if self._is_timed else _NO_TIME + payload))
        return rest

    def _print(self, batch: Batch) -> None:
        # of one container, a tag is a stream
        for raw, stream in zip(batch.raws, batch.tags, strict=True):
            if stream == Stream.ENGINE:
                self.engine_spoke = True
                self._outputs[stream].add(f"envtui: the engine says: {plain_text(raw)}\n".encode())
            else:
                self._outputs[stream].add(self._render(raw, stream))


def _as_json(raw: bytes, stream: int) -> bytes:
    told = {"time": _time(raw), "stream": _STREAM_NAMES[Stream(stream)], "text": text_of(raw)}
    # the one control character that JSON would leave as it is
    return json.dumps(told).replace("\x7f", "\\u007f").encode("ascii") + b"\n"


def _for_terminal(raw: bytes, time: str | None, encoding: str) -> bytes:
    found = runs(text_of(raw))
    text = "".join(f"\x1b[{colours}m{text}" if colours else text for colours, text in found)
    front = f"{time} " if time else ""
    reset = "\x1b[m" if any(colours for colours, _ in found) else ""
    return f"{front}{text}{reset}\n".encode(encoding, "replace")


def _time(raw: bytes) -> str | None:
    """The time of a kept line as the engine wrote it; None where there is none."""
    written = raw[: TIME_BYTES - 1]
    return written.decode("ascii") if _TIME.fullmatch(written) else None
