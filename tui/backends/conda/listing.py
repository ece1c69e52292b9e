"""The environments of an engine's containers: by one command in each, or by the engine's archive calls."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from urllib.parse import quote

from tui.backends.conda import answer, facts, probe
from tui.backends.conda.archive_listing import ArchiveListing
from tui.backends.conda.origins import origins
from tui.backends.conda.packages import PackageReader
from tui.backends.conda.sizes import SizeReader
from tui.backends.deadline import Deadline
from tui.backends.docker.changes import changes
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.mounts import mounts_of
from tui.model.containers import Container, ContainerState
from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, ListedBy, Origin, Package
from tui.model.errors import EngineError, EngineRefused, EngineTimeout, NoSuchContainer

#: A probe takes 0.1 s; what takes longer hangs on a file system that does not answer, or on a busy machine.
PROBE_SECONDS = 10.0
#: The engine walks the whole writable layer for its changes.
CHANGES_SECONDS = 5.0
#: Each stopped container is read in many small questions.
ARCHIVE_SECONDS = 20.0

# 300 environments of 300 packages
_MOST_BYTES = 16 << 20
# what an engine says where it can start nothing is shorter
_MOST_NOISE_BYTES = 4096
_START, _END = b"V 4\0", b"\0Z 1\0"
_MOST_KNOWN = 500
# a file that is edited in place changes nothing that the listing itself would see
_ORIGIN_SECONDS = 60.0
_NOT_ASKED = "No command is run in containers here: read through the engine, which tells less"
_NO_SHELL = "This container has no shell: read through the engine, which tells less"
_STATES = {
    ContainerState.PAUSED: "This container is paused: read through the engine, which tells less",
}
_NOT_RUNNING = "This container does not run: read through the engine, which tells less"
_NOTHING = "There is no environment in it"


class _Placed(NamedTuple):
    """An origin, for which state of an environment, and until when it is believed."""

    fingerprint: str
    origin: Origin
    until: float


class DockerEnvironments:
    """The environments inside one engine's containers; used by several threads at once."""

    def __init__(self, engine: DockerEngine, clock: Callable[[], float] = time.time) -> None:
        """Args: engine that was or will be identified by somebody; clock in epoch seconds."""
        self._engine = engine
        self._clock = clock
        self._lock = threading.Lock()
        # of each container what was found last: where to look when no command can be run in it
        self._known: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._placed: OrderedDict[str, dict[str, _Placed]] = OrderedDict()

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        """All environments of a container, running or not.

        Nothing is written in it, and neither conda nor Python are started.

        Args:
            container: as it is listed now.
            ask_inside: whether a command may be run in it.

        Raises:
            NoSuchContainer: it is gone.
            EngineError: nothing could be found out.
        """
        self._engine.api_version()
        if container.state is ContainerState.RUNNING and not ask_inside:
            return self._through_engine(container, _NOT_ASKED)
        if container.state is ContainerState.RUNNING:
            try:
                return self._asked_inside(container)
            except probe.NoShell:
                return self._through_engine(container, _NO_SHELL)
        note = _STATES.get(container.state, _NOT_RUNNING)
        return self._through_engine(container, note)

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        """The packages of some environments of one container, in their order.

        Args:
            container: whose environments they are.
            environments: as listed.
            names_only: names and versions are enough, which opens no file.
            ask_inside: whether a command may be run in it.

        Raises:
            EngineError: they can't be read.
        """
        self._engine.api_version()
        return PackageReader(self._engine.http).packages(container, environments, names_only, ask_inside)

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        """What environments of one container take, by prefix; one that can't be measured is left out.

        Raises:
            EngineError: nothing can be run in the container.
        """
        self._engine.api_version()
        return SizeReader(self._engine.http).sizes(container, environments, is_cancelled, only)

    def _asked_inside(self, container: Container) -> EnvironmentList:
        told, run = self._probed(container.id)
        problem = _problem(told, run)
        if problem is not None and not told.found:
            raise problem
        listed = facts.environments(container.id, told)
        if told.closed_homes and told.user not in ("0", "-"):
            listed = self._with_others(container.id, listed)
        listed = self._with_origins(container.id, listed)
        self._remember(container.id, listed)
        note = "" if listed or problem else _NOTHING
        return EnvironmentList(container.id, tuple(listed), ListedBy.EXEC, self._clock(), note, problem)

    def _probed(self, container_id: str, user: str = "") -> tuple[answer.Answer, probe.Run]:
        argv = (probe.SHELL, "-c", probe.script("probe.sh"), "probe", *self._last_known(container_id))
        run = probe.run(self._engine.http, container_id, argv, PROBE_SECONDS, _MOST_BYTES, user, _is_enough)
        told = answer.read(bytes(run.output))
        if not run.has_ended and told.process_id is not None:
            probe.end(self._engine.http, container_id, told.process_id, user)
        return told, run

    def _with_others(self, container_id: str, listed: list[Environment]) -> list[Environment]:
        """With those that only root sees, in others' homes; the container's user can't change them."""
        try:
            told, _ = self._probed(container_id, probe.ROOT)
        except (EngineError, probe.NoShell):
            # not everybody's engine lets anybody be root; what the user sees is there
            return listed
        known = {each.prefix for each in listed}
        others = [
            replace(each, writable=False)
            for each in facts.environments(container_id, told)
            if each.prefix not in known
        ]
        return [*listed, *others]

    def _inspected(self, container_id: str) -> Mapping[str, Any]:
        return self._engine.http.get_json(f"/containers/{quote(container_id, safe='')}/json") or {}

    def _with_origins(self, container_id: str, listed: Sequence[Environment]) -> list[Environment]:
        """With origins, which are asked for when an environment is new or changed, and now and then.

        Many engines compare whole images for it (those without a native overlay diff), which takes seconds.
        """
        now = time.monotonic()
        with self._lock:
            placed = self._placed.get(container_id, {})
        if not all(_is_believed(each, placed.get(each.prefix), now) for each in listed):
            placed = self._placed_anew(container_id, listed, now)
            with self._lock:
                self._placed[container_id] = placed
                self._placed.move_to_end(container_id)
                while len(self._placed) > _MOST_KNOWN:
                    self._placed.popitem(last=False)
        origins_of = {prefix: each.origin for prefix, each in placed.items()}
        return [replace(each, origin=origins_of.get(each.prefix)) for each in listed]

    def _placed_anew(
        self, container_id: str, listed: Sequence[Environment], now: float
    ) -> dict[str, _Placed]:
        mounts = mounts_of(self._inspected(container_id))
        prefixes = [each.prefix for each in listed]
        try:
            found: Mapping[str, Origin] = origins(
                prefixes, mounts, changes(self._engine.http, container_id, CHANGES_SECONDS)
            )
        except NoSuchContainer:
            raise
        except (EngineTimeout, EngineRefused):
            # a layer of millions of files, or an engine that can't compare: only the mounts are certain
            found = {each: origin for each in prefixes if (origin := mounts.origin_of(each))}
        until = now + _ORIGIN_SECONDS
        return {
            each.prefix: _Placed(each.fingerprint, found[each.prefix], until)
            for each in listed
            if each.prefix in found
        }

    def _through_engine(self, container: Container, note: str) -> EnvironmentList:
        inspected = self._inspected(container.id)
        listing = ArchiveListing(self._engine.http, container.id, inspected, Deadline(ARCHIVE_SECONDS))
        told, problem = listing.read(self._last_known(container.id))
        listed = [listing.reduced(each) for each in facts.environments(container.id, told)]
        listed = self._with_origins(container.id, listed)
        self._remember(container.id, listed)
        if not listed and problem is None:
            note = f"{note.partition(':')[0]}, and no environment was found where they usually are"
        return EnvironmentList(container.id, tuple(listed), ListedBy.ARCHIVE, self._clock(), note, problem)

    def _last_known(self, container_id: str) -> tuple[str, ...]:
        with self._lock:
            return self._known.get(container_id, ())

    def _remember(self, container_id: str, listed: Sequence[Environment]) -> None:
        with self._lock:
            self._known[container_id] = tuple(each.prefix for each in listed)
            self._known.move_to_end(container_id)
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)


def _is_believed(environment: Environment, placed: _Placed | None, now: float) -> bool:
    return placed is not None and placed.fingerprint == environment.fingerprint and now < placed.until


def _is_enough(output: bytearray) -> bool:
    """The last record is there, its tag and the NUL behind its field; or too much that is no answer."""
    if not output.startswith(_START):
        return len(output) > _MOST_NOISE_BYTES
    at = output.rfind(_END)
    return at >= 0 and output.endswith(b"\0") and len(output) > at + len(_END)


def _problem(told: answer.Answer, run: probe.Run) -> EngineError | None:
    """Why an answer is not whole, None where it is."""
    if told.is_complete and not told.is_garbage:
        return None
    if told.is_garbage:
        return EngineRefused(
            "The container's shell answers something else",
            run.first_error or "it printed what no shell prints",
            "Look at its /bin/sh",
        )
    if not run.has_ended:
        many = len(run.output) > _MOST_BYTES
        detail = (
            "it printed more than could be read" if many else f"it took longer than {PROBE_SECONDS:.0f} s"
        )
        return EngineTimeout(
            "Not all environments could be listed",
            detail,
            "A file system in the container may not answer; press R to try again",
        )
    code = "" if run.exit_code is None else f"ended with {run.exit_code}"
    return EngineRefused(
        "The listing in the container broke off",
        " ".join(filter(None, (code, run.first_error))) or "without a word",
        "Press R to try again",
    )
