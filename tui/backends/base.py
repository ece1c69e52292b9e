"""What a host can offer, one small protocol an ability: blocking, thread-safe, with deadlines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from tui.model.changes import ChangeJob, ChangePlan, EnvironmentChange, JobNews
from tui.model.compatibility import DriverFacts
from tui.model.containers import Container, ContainerDetails, ContainerEvent
from tui.model.disk import (
    BuildRecord,
    ContainerLayer,
    DiskImage,
    DiskMeasure,
    DiskNetwork,
    DiskVolume,
    FileSystem,
    InsideCache,
    LayerChanges,
    LogFile,
)
from tui.model.disk_items import DiskItem, Reclaimed
from tui.model.entitlement import GpuEntitlement
from tui.model.environment_records import EnvironmentRecord
from tui.model.environments import Environment, EnvironmentList, EnvironmentSize, Package
from tui.model.gpus import GpuReport
from tui.model.hosts import EngineInfo, FileSystemSpace
from tui.model.logs import LogRequest, Stream
from tui.model.operations import Step
from tui.model.owners import Ending, EndSignal, ProcessIdentity, ProcessOwner
from tui.model.processes import ProcessTable
from tui.model.services import Service
from tui.model.sessions import (
    ChannelOutcome,
    Consent,
    HostKeyQuestion,
    KeyConsent,
    Route,
    SessionRequest,
    SshDoor,
)
from tui.model.stats import StatsSample


class Engine(Protocol):
    """The engine itself. Every method raises an EngineError."""

    @property
    def address(self) -> str:
        """Where it is, as a person would write it after `--host`."""

    def identify(self) -> EngineInfo:
        """Product, version and API version; quick, no disk or container is looked at."""

    def describe(self) -> EngineInfo:
        """The same with data root, memory and processors."""

    def ping(self) -> None:
        """Ask for a sign of life."""

    def data_root_space(self, data_root: str) -> FileSystemSpace | None:
        """Room behind the engine's data root; None where it is not on this machine."""


class EventStream(Protocol):
    """An open stream of container events."""

    def __iter__(self) -> Iterator[ContainerEvent]:
        """Blocks until the next event; ends when the stream was closed, raises EngineLost at its end."""

    def close(self) -> None:
        """Ends the iteration at once, from any thread."""


class Containers(Protocol):
    """The containers of a host. Every method raises an EngineError."""

    def containers(self) -> tuple[Sequence[Container], float]:
        """All containers, stopped ones too, and the engine's clock (epoch seconds) before it looked."""

    def events(self, since: float) -> EventStream:
        """What happens to containers from `since` (engine's clock) on, if it changes what is listed."""

    def details(self, container_id: str) -> ContainerDetails:
        """What the list does not tell of one container."""

    def inspect(self, container_id: str) -> Mapping[str, Any]:
        """Everything that the engine knows of one container, as it says it."""

    def processes(self, container_id: str) -> ProcessTable:
        """The processes of a container that has some."""

    def perform(self, step: Step) -> None:
        """Do one step. Returns when it is done."""


class LogStream(Protocol):
    """An open log."""

    def messages(self) -> Iterator[Sequence[tuple[int, bytes]]]:
        """(stream, payload) in batches; ends with the log or after `close`. Raises an EngineError."""

    def close(self) -> None:
        """Ends the iteration at once, from any thread."""


class Logs(Protocol):
    """The logs of a host's containers."""

    def open(self, container_id: str, request: LogRequest) -> LogStream:
        """Ask for a log. Raises an EngineError, here or while it is read."""


class Statistics(Protocol):
    """What containers use."""

    def samples(self, containers: Sequence[Container]) -> Mapping[str, StatsSample]:
        """Counters by container id; a container that is gone is left out. Raises an EngineError."""


class Services(Protocol):
    """What containers offer over HTTP."""

    def services(self, container: Container, ask_inside: bool) -> Sequence[Service]:
        """The services of a container, within some seconds; () where it does not run.

        A command is run in the container only with `ask_inside`. Raises an EngineError.
        """


class Environments(Protocol):
    """The Python environments inside a host's containers. Nothing is ever written in a container."""

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        """All environments of a container, running or not.

        With `ask_inside` by one command in it where it runs and has a shell, else through the engine alone.

        Raises:
            EngineError: nothing could be found out; a listing that is cut short is told in its `problem`.
        """

    def packages(
        self,
        container: Container,
        environments: Sequence[Environment],
        names_only: bool = False,
        ask_inside: bool = True,
    ) -> Sequence[Sequence[Package]]:
        """The packages of some environments of one container, in their order.

        `names_only` tells names and versions alone, and is quick; without `ask_inside`, pip's are not known.
        Raises an EngineError.
        """

    def sizes(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
        only: Collection[str] | None = None,
    ) -> Mapping[str, EnvironmentSize]:
        """What environments of one container take, by prefix; slow, ended soon after `is_cancelled` says so.

        `environments` are all of the container, as one may lie in another; with `only`, those are measured.
        A prefix that can't be measured is left out. Raises an EngineError.
        """


class EnvironmentChanges(Protocol):
    """Makes, changes and removes environments of a host's containers.

    A change is a job inside the container: it goes on when nobody looks, and is found again there. Every
    method takes a running container and raises an EngineError where it can't be asked.
    """

    def new_prefix(
        self, container: Container, name: str, environments: Sequence[Environment], user: str = ""
    ) -> EnvironmentChange:
        """A CREATE without packages: where a new environment of that name would be, and what would make it.

        Args:
            container: a running one.
            name: of the new environment, or its absolute path.
            environments: all that are known in the container; the best manager among theirs is chosen.
            user: account in the container, "" for its own.

        Raises:
            ChangeRefused: it is there already, or nothing may be written there.
            NoManager: nothing in the container makes environments.
        """

    def plan(
        self, container: Container, change: EnvironmentChange, is_cancelled: Callable[[], bool]
    ) -> ChangePlan:
        """What a change would do; nothing is changed. Asks the manager, which can take minutes.

        Raises:
            ChangeCancelled: `is_cancelled` said so; nothing of the question goes on in the container.
            ChangeError: it can't be done.
        """

    def start(self, container: Container, change: EnvironmentChange) -> ChangeJob:
        """Begin a change; returns when its process runs.

        Raises:
            ChangeUnderWay: another job is at work on one of its prefixes.
            ChangeError: it can't be begun; nothing was done.
        """

    def jobs(self, container: Container) -> Sequence[ChangeJob]:
        """The jobs that are in the container, running or over, oldest first, until they are put away."""

    def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
        """How a job is, and its log from `offset` on; quick.

        Raises:
            ChangeLost: the container knows nothing of it.
        """

    def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
        """End a job and undo what it began; returns, within a minute, when nothing of it runs.

        Raises:
            ChangeError: it can't be ended.
        """

    def put_away(self, container: Container, job: ChangeJob) -> None:
        """Remove the traces of a job that is over. One that runs is left alone."""


class EnvironmentRecords(Protocol):
    """The whole records of an environment's packages, and of its making."""

    def records(
        self, container: Container, environment: Environment, ask_inside: bool = True
    ) -> EnvironmentRecord:
        """All that an export needs. Raises an EngineError."""


class PrefixCopies(Protocol):
    """Carries whole prefixes from one container to another, without a network."""

    def copy_prefix(
        self,
        source: Container,
        prefix: str,
        target: Container,
        is_cancelled: Callable[[], bool],
        progress: Callable[[int], None],
    ) -> None:
        """Put a copy at the same path of another running container.

        Args:
            source: running or not.
            prefix: absolute path, the same in both: programs in it name it.
            target: in which nothing is at that path.
            is_cancelled: asked often; nothing of the copy is left then.
            progress: called with the bytes that were carried.

        Raises:
            ChangeRefused: something is there, or nothing can be put there.
            ChangeCancelled: `is_cancelled` said so.
            EngineError: the engine can't be asked.
        """


class Disk(Protocol):
    """What takes room on a host. Nothing is changed by any of it.

    Answers may take minutes: each method looks often whether `is_cancelled`, and then raises a
    ReclaimError soon. Every method raises an EngineError where the engine can't be asked.
    """

    def images(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskImage]:
        """All images, with the nameless steps of builds that others stand on."""

    def container_layers(self, is_cancelled: Callable[[], bool]) -> Sequence[ContainerLayer]:
        """The writable layers of all containers."""

    def volumes(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskVolume]:
        """All volumes, with their sizes where the engine tells them."""

    def networks(self, is_cancelled: Callable[[], bool]) -> Sequence[DiskNetwork]:
        """All networks but those that the engine always has."""

    def build_cache(self, is_cancelled: Callable[[], bool]) -> Sequence[BuildRecord]:
        """All records of the build cache; none where the engine keeps none."""

    def logs(self, containers: Sequence[Container], is_cancelled: Callable[[], bool]) -> Sequence[LogFile]:
        """What the log files of these containers take."""

    def file_systems(
        self, containers: Sequence[Container], is_cancelled: Callable[[], bool]
    ) -> Sequence[FileSystem]:
        """Those behind the engine's data root and the bind mounts; () where the host is another machine."""

    def layer_changes(
        self, container_id: str, prefixes: Sequence[str], is_cancelled: Callable[[], bool]
    ) -> LayerChanges:
        """What a container's writable layer has that its image has not, running or not.

        Args:
            container_id: full id.
            prefixes: environments in it, to tell whether they were made or changed there.
            is_cancelled: see above.
        """

    def measure(self, is_cancelled: Callable[[], bool]) -> DiskMeasure:
        """How much there is now, by the engine's account and by the file system's."""


class InsideCaches(Protocol):
    """What package managers keep inside containers."""

    def caches(
        self,
        container: Container,
        environments: Sequence[Environment],
        is_cancelled: Callable[[], bool],
    ) -> Sequence[InsideCache]:
        """The caches in a running container, by one command in it and their managers' own dry runs.

        Args:
            container: a running one.
            environments: all that are known in it, whose managers are asked.
            is_cancelled: asked often; a ReclaimError is raised soon then, and nothing goes on inside.

        Raises:
            EngineError: it can't be asked.
        """


class Reclaiming(Protocol):
    """Removes things from a host's disk: one item, by its id, never by force."""

    def reclaim(self, item: DiskItem) -> Reclaimed:
        """Remove exactly this image, container, volume, network or build record, as it was listed.

        It is looked at again just before. Where only a part of it could be undone, that is put right again.

        Raises:
            ItemInUse, ItemChanged, ItemGone: it was left alone.
            ItemStays: the engine refused, and says why.
            EngineError: the engine was lost: whether it is gone has to be asked for (`is_there`).
        """

    def is_there(self, item: DiskItem) -> bool:
        """Whether an item is still there. Raises an EngineError."""


class Driver(Protocol):
    """What is known of a host's GPU driver without asking the driver's own library."""

    def facts(self) -> DriverFacts | None:
        """Its version and the GPUs, as far as they are known; None without a driver. Never raises."""


class Gpus(Protocol):
    """The GPUs of a host and what runs on them."""

    def report(self) -> GpuReport:
        """All figures, within some seconds; a host without a GPU is told in the report's `absence`.

        Raises:
            GpuTimeout: the driver does not answer; it is not asked again before it does.
        """

    def past(self, seconds: float, step: float) -> Iterable[GpuReport]:
        """Reports of the last `seconds`, every `step`, oldest first; none where nobody remembers."""

    def close(self) -> None:
        """No more reports are wanted. Never waits."""


class HostPids(Protocol):
    """The numbers that a container's processes have on the host."""

    def host_pids(self, container: Container, pids: Sequence[int]) -> Mapping[int, int] | None:
        """Host number by number in the container, of those that still run; None where it can't be known."""


class Ownership(Protocol):
    """Whose the processes of this host are."""

    def owners(
        self,
        pids: Collection[int],
        containers: Sequence[Container],
        ask_inside: bool = True,
        while_asking: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Mapping[int, ProcessOwner]:
        """An owner for each number, with whatever could be found out; never raises.

        Args:
            pids: numbers of the host.
            containers: all that the engine lists.
            ask_inside: whether a command may be run in a container, where `/proc` does not tell enough.
            while_asking: entered with a container's id around the command in it; may raise an EngineError,
                then there is none.
        """


class ProcessEnding(Protocol):
    """Ends processes of this host."""

    def end(
        self,
        process: ProcessIdentity,
        signal: EndSignal,
        seconds: float,
        container: Container | None = None,
    ) -> Ending:
        """Send a signal to exactly this process and wait until it is gone.

        Args:
            process: it is looked at again just before; whatever differs, nothing is sent.
            signal: TERM or KILL.
            seconds: to wait for its end.
            container: the one that it runs in, as it is listed now. Where the kernel refuses, its engine is
                asked to send the signal; None never asks it.

        Raises:
            ProcessChanged: it is another process by now.
            ProcessPermission: this user may not.
            ProcessStays: it is still there after so many seconds.
            EngineError: the engine was asked, and failed.
        """


class Entitlements(Protocol):
    """Which GPUs containers may use."""

    def entitlement(self, container_id: str) -> GpuEntitlement:
        """What one container may use. Raises an EngineError."""


class ShellChannel(Protocol):
    """The two directions of a shell or command that runs elsewhere; read and written by different threads."""

    def read(self) -> tuple[Stream, bytes] | None:
        """What it prints next; blocks; None at its end, after `close`, and when the way to it is lost.

        Never raises. With a terminal everything comes as standard output.
        """

    def send(self, data: bytes) -> None:
        """Send all of it; blocks while the far side takes nothing. Raises a SessionError or EngineError."""

    def send_end(self) -> None:
        """No more will be sent. Raises as `send` does."""

    def resize(self, columns: int, rows: int, width_pixels: int = 0, height_pixels: int = 0) -> None:
        """The terminal has another size. Never waits for an answer and never raises."""

    def outcome(self, seconds: float) -> ChannelOutcome:
        """How it ended, once `read` gave None; waits no longer than this for the far side to tell."""

    def close(self) -> None:
        """Give it up, from any thread, without waiting; a `read` that waits ends."""

    @property
    def round_trip_seconds(self) -> float | None:
        """Of the last sign of life; None where none was measured."""

    @property
    def silent_seconds(self) -> float:
        """Since when a sign of life is waited for; 0.0 where none is."""


class SessionQuestions(Protocol):
    """Who is asked while a session is opened. Called from the thread that opens it; may block for long."""

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        """Whether a key that is not known may be written down as the host's."""

    def passphrase(self, path: str, attempt: int) -> str | None:
        """Of a key file, attempt 1 first; None gives it up."""

    def password(self, account: str, attempt: int) -> str | None:
        """Of `user@host`, attempt 1 first; None gives it up."""

    def answers(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """To what the server asks, each with whether the answer may be seen; None gives it up."""

    def consent(self, question: KeyConsent) -> Consent:
        """Whether envtui's key may be put into a container."""

    def progress(self, words: str) -> None:
        """What is being done now."""


class Session(Protocol):
    """A session that was opened."""

    @property
    def channel(self) -> ShellChannel:
        """Its two directions."""

    @property
    def route(self) -> Route:
        """The way that was taken."""

    @property
    def words(self) -> str:
        """The route, the account and where it leads, in a few words."""

    @property
    def notes(self) -> Sequence[str]:
        """Why no better route was taken, and what else is worth a word."""

    def close(self) -> None:
        """Close it and end what it left behind in the container; takes up to some seconds. Never raises."""


class Shells(Protocol):
    """Ways into the containers of a host."""

    def open(
        self,
        request: SessionRequest,
        questions: SessionQuestions,
        while_starting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> Session:
        """Open a session by the best way there is.

        Args:
            request: what to open.
            questions: who is asked on the way.
            while_starting: entered with the container's id around everything that is started in it; may
                raise an EngineError.

        Raises:
            NoRoute: no way of the wanted kind, with the reason of each.
            SessionError: the only way that was wanted fails, or somebody said no.
            EngineError: the engine can't be asked.
        """


class DoorStream(Protocol):
    """A stream of bytes as a socket has it; read and written by different threads."""

    def recv(self, most_bytes: int, /) -> bytes:
        """What came; blocks; b"" at its end and after `close`. Raises an OSError or EnvtuiError."""

    def sendall(self, data: bytes, /) -> None:
        """Send all of it; blocks while the far side takes nothing. Raises an OSError or EnvtuiError."""

    def close(self) -> None:
        """Give it up, from any thread; a `recv` that waits ends."""


class SshDoors(Protocol):
    """What other SSH clients need to get into the containers of a host."""

    def doors(self, containers: Sequence[Container], questions: SessionQuestions) -> Sequence[SshDoor]:
        """The doors of those among some running containers that have an sshd program, in their order.

        Puts envtui's key into each that has none yet and may have one, for which `questions` are asked; where
        that is not possible or not wanted, the door's `problem` says so. Raises an EngineError.
        """

    def connect(self, container_id: str, user: str = "") -> DoorStream:
        """A stream to an sshd that is started in the container for it alone.

        Args:
            container_id: full id, or the beginning of one.
            user: account that starts it, who needs to be root to let others in; "" for root.

        Raises:
            NoRoute: there is no sshd in it.
            EngineError: the engine can't be asked.
        """
