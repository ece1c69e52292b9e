"""Carries an archive out of one container straight into another, in blocks: nothing of it is kept here."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator

from tui.backends.deadline import Patience
from tui.backends.docker import hijack, refusals
from tui.backends.docker.hijack import BLOCK_BYTES, HijackedSocket
from tui.backends.docker.http import EngineHttp, lost, timed_out
from tui.model.errors import EngineError, EngineLost, EngineRefused

# Between two blocks, and after the last one until the engine has everything on its disk.
_PATIENCE_SECONDS = 120.0
# How often somebody may be asked whether it is still wanted.
_LOOK_SECONDS = 0.1
# The engine stops unpacking at once when no more comes; what it got by then it has in memory.
_BREAK_OFF_SECONDS = 15.0
# Two empty blocks end an archive (POSIX, pax interchange format).
_END_BYTES = 1024


class Cancelled(Exception):
    """Somebody called it off; what came before lies where it was put."""


def carry(
    engine: EngineHttp,
    get_path: str,
    put_path: str,
    is_cancelled: Callable[[], bool],
    progress: Callable[[int], None],
    patience_seconds: float = _PATIENCE_SECONDS,
    break_off_seconds: float = _BREAK_OFF_SECONDS,
) -> None:
    """Put an archive that the engine gives out into another place of it.

    When this raises, the engine has stopped unpacking, if it answers at all.

    Args:
        engine: the connection.
        get_path: of the archive, with its query, without the version prefix.
        put_path: of the folder that it is unpacked in, likewise.
        is_cancelled: asked often, from another thread.
        progress: gets the bytes that were carried by now, in all.
        patience_seconds: how long nothing may happen.
        break_off_seconds: how long the engine may take to stop, once nothing more comes.

    Raises:
        Cancelled: `is_cancelled` said so.
        EngineTimeout: nothing happened for so long.
        EngineRefused: the archive can't be given out or taken in, or its end is missing.
        EngineError: whatever else went wrong, by its kind.
    """
    patience = Patience(patience_seconds)
    with contextlib.ExitStack() as stack:
        source = engine.connect(patience)
        stack.callback(source.close)
        sink = engine.connect(patience)
        stack.callback(sink.close)
        watch = _Watch(source, sink, patience, is_cancelled, break_off_seconds)
        stack.callback(watch.over.set)
        threading.Thread(target=watch.run, name="archive-watch", daemon=True).start()
        try:
            _carry(engine, (source, get_path), (sink, put_path), patience, progress, watch)
        except (EngineError, TimeoutError, OSError, http.client.HTTPException) as error:
            if watch.cancelled.is_set():
                raise Cancelled from error
            if isinstance(error, TimeoutError) or watch.timed_out.is_set():
                raise timed_out(engine.endpoint, patience.seconds) from error
            if isinstance(error, EngineError):
                raise
            raise lost(engine.endpoint) from error


class _Watch:
    """Ends both connections when it is called off, or when nothing happens any more."""

    def __init__(
        self,
        source: HijackedSocket,
        sink: HijackedSocket,
        patience: Patience,
        is_cancelled: Callable[[], bool],
        break_off_seconds: float,
    ) -> None:
        self._source, self._sink = source, sink
        self.break_off_seconds = break_off_seconds
        self._patience = patience
        self._is_cancelled = is_cancelled
        self.over = threading.Event()
        self.cancelled = threading.Event()
        self.timed_out = threading.Event()

    def refuse_if_cancelled(self) -> None:
        """Raises Cancelled."""
        if self.cancelled.is_set():
            raise Cancelled

    def run(self) -> None:
        while not self.over.wait(_LOOK_SECONDS):
            if self._patience.passed:
                self.timed_out.set()
            elif self._is_cancelled():
                self.cancelled.set()
            else:
                continue
            # whoever waits for a block goes on, and breaks the other side off in good order
            self._source.close()
            if self.timed_out.is_set() or not self.over.wait(self.break_off_seconds):
                self._sink.close()
            return


def _carry(
    engine: EngineHttp,
    source: tuple[HijackedSocket, str],
    sink: tuple[HijackedSocket, str],
    patience: Patience,
    progress: Callable[[int], None],
    watch: _Watch,
) -> None:
    out, put_path = sink
    blocks = _blocks(engine, *source, patience)
    # the engine says here already that there is nothing to give out
    first = next(blocks, b"")
    headers = {"Content-Type": "application/x-tar", "Transfer-Encoding": "chunked"}
    out.send_all(hijack.head_of("PUT", f"{engine.prefix}{put_path}", headers))
    count, tail = 0, b""
    try:
        block = first
        while block:
            _send(out, b"%x\r\n%b\r\n" % (len(block), block), patience)
            patience.renew()
            count += len(block)
            tail = (tail + block)[-_END_BYTES:]
            progress(count)
            watch.refuse_if_cancelled()
            block = next(blocks, b"")
        watch.refuse_if_cancelled()
        if len(tail) < _END_BYTES or tail.strip(b"\0"):
            # the engine has no way to say in the middle of an archive that it can't go on
            raise EngineRefused("The engine's archive is cut off", f"its end is missing after {count} bytes")
    except BaseException:
        _break_off(out, watch.break_off_seconds)
        raise
    _send(out, b"0\r\n\r\n", patience)
    _finish(out, patience)


def _send(out: HijackedSocket, data: bytes, patience: Patience) -> None:
    try:
        out.send_all(data)
    except EngineLost:
        # it may have said why it takes no more: a full disk
        _finish(out, patience)
        raise


def _blocks(engine: EngineHttp, stream: HijackedSocket, path: str, patience: Patience) -> Iterator[bytes]:
    with hijack.ask(stream, "GET", f"{engine.prefix}{path}", {}, b"", patience) as response:
        if response.status >= 300:
            raise refusals.from_status(response.status, refusals.message_in(response.read()))
        while block := response.read1(BLOCK_BYTES):
            yield block
        if response.length:
            # http.client takes an answer that is too short for the end of it
            raise http.client.IncompleteRead(b"", response.length)


def _finish(out: HijackedSocket, patience: Patience) -> None:
    """Wait for what the engine says to all of it. Raises an EngineError where it refuses."""
    patience.renew()
    with hijack.answer(out, "PUT", patience) as response:
        content = response.read()
    if response.status >= 300:
        raise refusals.from_status(response.status, refusals.message_in(content))


def _break_off(out: HijackedSocket, seconds: float) -> None:
    """Send no more and wait until the engine is done with what it got."""
    with contextlib.suppress(EngineError, OSError, http.client.HTTPException):
        out.end_input()
        _finish(out, Patience(seconds))
