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
from tui.model.errors import EngineTimeout, EnvtuiError, NoSuchContainer
from tui.monitor.poller import unexpected
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
# A frozen engine is only noticed by asking; with the ping's own deadline this makes four seconds.
_PULSE_SECONDS = 2.0
# While the engine is away: a refused connection costs nothing, and people wait for it to come back.
_FIRST_RETRY_SECONDS, _LAST_RETRY_SECONDS = 0.25, 2.0
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
    """Owns the threads `containers` (lists and applies), `events` (reads the stream) and `details`."""

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
        self._failed = False
        self._list_due: float | None = None
        self._burst_began = 0.0
        self._burst_limit = _BURST_SECONDS
        self._listed_at = 0.0
        self._details = _DetailsReader(containers, self._post)
        self._thread = threading.Thread(target=self._run, name="containers", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End; no thread is waited for."""
        self._stopping.set()
        self._post(_Stop())
        self._details.stop()
        stream = self._stream
        if stream is not None:
            stream.close()

    def refresh(self) -> None:
        """List again soon, and read all details again."""
        self._details.forget()
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

    def _disconnect(self) -> None:
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
        """Handle messages until the stream ends or somebody stops us."""
        next_pulse = self._clock() + _PULSE_SECONDS
        while not self._stopping.is_set():
            now = self._clock()
            due = min(next_pulse, self._list_due if self._list_due is not None else next_pulse)
            try:
                message = (
                    self._inbox.get(timeout=max(0.0, due - now)) if due > now else self._inbox.get_nowait()
                )
            except queue.Empty:
                message = None
            if message is not None and not self._handle_all(message):
                return
            now = self._clock()
            if self._list_due is not None and now >= self._list_due:
                self._list()
                next_pulse = self._clock() + _PULSE_SECONDS
            elif now >= next_pulse:
                self._pulse(now)
                next_pulse = self._clock() + (0.0 if self._failed else _PULSE_SECONDS)

    def _pulse(self, now: float) -> None:
        """Ask for a sign of life, or list if it is time or if the engine is just back."""
        try:
            if now - self._listed_at >= _RECONCILE_SECONDS:
                self._list()
            else:
                self._engine.ping()
                if self._failed:
                    self._list()
        except EngineTimeout as error:
            # the stream may well be intact: keep it, and go on asking
            self._fail(error)

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
        if event.action == "update" or (new is not None and old is not None and new.state is not old.state):
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
        self._failed = False
        self._publish(self._listed_at - began)
        return engine_now

    def _publish(self, duration: float = 0.0) -> None:
        self._store.put(CONTAINERS, tuple(self._known.values()), duration)

    def _fail(self, error: EnvtuiError) -> None:
        self._failed = True
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


# Ids of containers that are long gone must not add up; more than any screen shows.
_READ_LIMIT = 5000
# A page of fifty inspects takes about this long.
_POST_SECONDS = 0.25


class _DetailsReader:
    """Reads details of wanted containers once, one after the other, on the thread `details`."""

    def __init__(self, containers: Containers, post: Callable[[_Details], None]) -> None:
        self._containers = containers
        self._post = post
        self._condition = threading.Condition()
        self._wanted: tuple[str, ...] = ()
        self._read: set[str] = set()
        self._found: list[ContainerDetails] = []
        self._posted_at = 0.0
        self._stopped = False
        self._thread: threading.Thread | None = None

    def want(self, container_ids: Iterable[str]) -> None:
        with self._condition:
            self._wanted = tuple(container_ids)
            if self._thread is None and self._wanted:
                self._thread = threading.Thread(target=self._run, name="details", daemon=True)
                self._thread.start()
            self._condition.notify_all()

    def forget(self, container_id: str | None = None) -> None:
        with self._condition:
            if container_id is None:
                self._read.clear()
            else:
                self._read.discard(container_id)
            self._condition.notify_all()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    def _next(self) -> str | None:
        return next((wanted for wanted in self._wanted if wanted not in self._read), None)

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or self._next() is not None)
                wanted = self._next()
                if self._stopped or wanted is None:
                    return
                if len(self._read) > _READ_LIMIT:
                    self._read.intersection_update(self._wanted)
                self._read.add(wanted)
                is_last = self._next() is None
            try:
                self._found.append(self._containers.details(wanted))
            except NoSuchContainer:
                pass
            except EnvtuiError:
                # the watch shows why the engine can't be asked; ask again when it is wanted anew
                self._pause()
            except Exception as error:
                diagnostics.record_exception("details", error)
                self._pause()
            self._hand_over(is_last)

    def _hand_over(self, is_last: bool) -> None:
        """Post what was found: all of it at the end, or now and then; each post makes the pane look anew."""
        now = time.monotonic()
        if self._found and (is_last or now - self._posted_at >= _POST_SECONDS):
            self._post(tuple(self._found))
            self._found.clear()
            self._posted_at = now

    def _pause(self) -> None:
        with self._condition:
            self._condition.wait_for(lambda: self._stopped, 1.0)
