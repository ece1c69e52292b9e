"""Keeps the list of containers true: one list, then the engine's events, then a list behind each burst.

An event is applied at once to what is known; the list that follows a burst of events adds what events
do not tell (ports, for one). So a start shows within milliseconds, and fifty events cost two lists.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.model.containers import (
    Container,
    ContainerDetails,
    ContainerEvent,
    apply_event,
    with_details,
)
from tui.model.errors import EnvtuiError
from tui.monitor.details_reader import DetailsReader
from tui.monitor.poller import unexpected
from tui.monitor.pulse import Pulse
from tui.monitor.store import Store
from tui.monitor.topics import CONTAINERS, ENGINE

if TYPE_CHECKING:
    from tui.backends.base import Containers, Engine, EventStream
    from tui.model.hosts import EngineInfo

# A list follows when no event came for this long …
_QUIET_SECONDS = 0.3
# … or a burst lasts this long; doubled at each list while the burst goes on, up to the second figure.
_BURST_SECONDS, _LONGEST_BURST_SECONDS = 2.0, 16.0
# A list without a cause, in case an event was lost on the way.
_RECONCILE_SECONDS = 60.0
# While the engine is away: a refused connection costs nothing, and people wait for it to come back.
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.25, 2.0
# Also where the state stays as it was: the stream begins with what happened in the second of the list.
_OUTDATE_DETAILS = ("start", "die", "update")
# Events wait here while a list is read; beyond this the stream itself waits, and the engine buffers.
_INBOX_LIMIT = 10_000


@dataclass(frozen=True, slots=True)
class _Ended:
    stream: EventStream
    error: EnvtuiError | None


class _Refresh:
    """Somebody wants a list now."""


class _Stop:
    """The end."""


_Details = tuple[ContainerDetails, ...]
_Message = ContainerEvent | _Details | _Ended | _Refresh | _Stop


class ContainerWatch:
    """Owns the threads `containers` (lists and applies) and `events` (reads the stream)."""

    def __init__(
        self,
        engine: Engine,
        containers: Containers,
        store: Store,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: backends, the store to write to, a clock in monotonic seconds."""
        self._engine = engine
        self._backend = containers
        self._store = store
        self._clock = clock
        self._inbox: queue.Queue[_Message] = queue.Queue(_INBOX_LIMIT)
        self._stopping = threading.Event()
        self._stream: EventStream | None = None
        self._known: dict[str, Container] = {}
        self._identity: EngineInfo | None = None
        self._list_due: float | None = None
        self._burst_began = 0.0
        self._burst_limit = _BURST_SECONDS
        self._listed_at = 0.0
        self._details = DetailsReader(containers, self._post)
        self._pulse = Pulse(engine.ping, self._fail, self.list_soon)
        self._thread = threading.Thread(target=self._run, name="containers", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()
        self._pulse.start()

    def stop(self) -> None:
        """End; no thread is waited for."""
        self._stopping.set()
        self._post(_Stop())
        self._details.stop()
        self._pulse.stop()
        stream = self._stream
        if stream is not None:
            stream.close()

    def refresh(self) -> None:
        """List again soon, and read all details again."""
        self._details.forget()
        self.list_soon()

    def list_soon(self) -> None:
        """List again without waiting for a cause."""
        self._post(_Refresh())

    def want_details(self, container_ids: Iterable[str]) -> None:
        """Details of these are shown: read those that are not known yet, newest wish wins."""
        self._details.want(container_ids)

    def _post(self, message: _Message) -> None:
        try:
            self._inbox.put(message, timeout=0 if isinstance(message, _Refresh | _Stop) else 5.0)
        except queue.Full:
            # only a watch that hangs in a list gets here; the list that follows makes up for it
            diagnostics.logger("containers").warning("a message was dropped: the inbox is full")

    def _run(self) -> None:
        retry = _FIRST_RETRY_SECONDS
        while not self._stopping.is_set():
            try:
                self._connect()
                retry = _FIRST_RETRY_SECONDS
                self._follow()
            except EnvtuiError as error:
                self._fail(error)
            except Exception as error:
                diagnostics.record_exception("containers", error)
                self._fail(unexpected(error))
            self._disconnect()
            self._wait_to_retry(retry)
            retry = min(retry * 2, _LAST_RETRY_SECONDS)

    def _wait_to_retry(self, seconds: float) -> None:
        """Wait, unless somebody wants a list now; messages of the lost stream are thrown away."""
        end = self._clock() + seconds
        while not self._stopping.is_set() and (left := end - self._clock()) > 0:
            try:
                message = self._inbox.get(timeout=left)
            except queue.Empty:
                return
            if isinstance(message, _Refresh | _Stop):
                return

    def _connect(self) -> None:
        identity = self._engine.identify()
        engine_now = self._list()
        if identity != self._identity:
            self._identity = identity
            known = self._store.value(ENGINE)
            if known is None or (known.product, known.version) != (identity.product, identity.version):
                self._store.put(ENGINE, identity)
        # `since` the list, by the engine's own clock: nothing falls between the list and the stream
        stream = self._backend.events(engine_now)
        self._stream = stream
        if self._stopping.is_set():
            stream.close()
        threading.Thread(target=self._read_events, args=(stream,), name="events", daemon=True).start()
        self._pulse.connect(True)

    def _disconnect(self) -> None:
        self._pulse.connect(False)
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        self._list_due = None
        # the engine may come back with other containers of other times
        self._details.forget()

    def _read_events(self, stream: EventStream) -> None:
        error: EnvtuiError | None = None
        try:
            for event in stream:
                self._post(event)
        except EnvtuiError as ended:
            error = ended
        except Exception as failure:
            diagnostics.record_exception("events", failure)
            error = unexpected(failure)
        self._post(_Ended(stream, error))

    def _follow(self) -> None:
        """Handle messages, and list when it is time, until the stream ends or somebody stops us."""
        while not self._stopping.is_set():
            reconcile = self._listed_at + _RECONCILE_SECONDS
            due = reconcile if self._list_due is None else min(reconcile, self._list_due)
            try:
                message = self._inbox.get(timeout=max(0.0, due - self._clock()))
            except queue.Empty:
                self._list()
                continue
            if not self._handle_all(message):
                return

    def _handle_all(self, message: _Message | None) -> bool:
        """Handle what is in the inbox, publish once; False when the connection is to be made anew."""
        changed = False
        while message is not None:
            if isinstance(message, _Stop):
                return False
            if isinstance(message, _Ended):
                if message.stream is self._stream:
                    if message.error is not None:
                        raise message.error
                    return False
            elif isinstance(message, _Refresh):
                self._list_due = self._clock()
            elif isinstance(message, ContainerEvent):
                changed = self._apply(message) or changed
            else:
                for details in message:
                    changed = self._merge(details) or changed
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                message = None
        if changed:
            self._publish()
        return True

    def _apply(self, event: ContainerEvent) -> bool:
        old = self._known.get(event.container_id)
        new = apply_event(old, event)
        if new is None:
            self._known.pop(event.container_id, None)
        else:
            self._known[event.container_id] = new
        if event.action in _OUTDATE_DETAILS or (new and old and new.state is not old.state):
            # only an inspect tells the process after a start, or that the end was for want of memory
            self._details.forget(event.container_id)
        if not event.action.startswith("health_status"):
            self._expect_list()
        return new != old

    def _merge(self, details: ContainerDetails) -> bool:
        old = self._known.get(details.id)
        if old is None:
            return False
        self._known[details.id] = with_details(old, details)
        return self._known[details.id] != old

    def _expect_list(self) -> None:
        now = self._clock()
        if self._list_due is None:
            self._burst_began = now
            still_going = now - self._listed_at < 1.0
            self._burst_limit = (
                min(self._burst_limit * 2, _LONGEST_BURST_SECONDS) if still_going else _BURST_SECONDS
            )
        self._list_due = min(now + _QUIET_SECONDS, self._burst_began + self._burst_limit)

    def _list(self) -> float:
        """List, keep what only details and events told, publish; gives back the engine's clock."""
        self._list_due = None
        began = self._clock()
        listed, engine_now = self._backend.containers()
        self._listed_at = self._clock()
        before = self._known
        self._known = {new.id: carried_over(before.get(new.id), new) for new in listed}
        for container_id in self._known.keys() & before.keys():
            if self._known[container_id].state is not before[container_id].state:
                self._details.forget(container_id)
        self._publish(self._listed_at - began)
        return engine_now

    def _publish(self, duration: float = 0.0) -> None:
        self._store.put(CONTAINERS, tuple(self._known.values()), duration)

    def _fail(self, error: EnvtuiError) -> None:
        self._store.fail(CONTAINERS, error)


def carried_over(old: Container | None, new: Container) -> Container:
    """A newly listed container with what is known of it that lists do not tell."""
    if old is None:
        return new
    lasting = replace(new, restart_policy=old.restart_policy, memory_limit_bytes=old.memory_limit_bytes)
    if old.state is not new.state:
        return lasting
    return replace(
        lasting,
        started_at=old.started_at,
        finished_at=old.finished_at,
        exit_code=new.exit_code if new.exit_code is not None else old.exit_code,
        process_id=old.process_id,
        out_of_memory=old.out_of_memory,
    )
