"""Opens sessions in containers: SSH to a published port, SSH through the engine, or the engine's exec."""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tui import diagnostics
from tui.backends.base import SessionQuestions, ShellChannel
from tui.backends.deadline import QUESTION_SECONDS, Deadline
from tui.backends.docker import exec as commands
from tui.backends.docker.archive import ContainerFiles
from tui.backends.docker.engine import DockerEngine
from tui.backends.docker.exec_channel import ExecChannel
from tui.backends.shells.container_facts import ContainerFacts, is_paused, look_at
from tui.backends.shells.entering import SHELL, Entry, exec_argv, start_text
from tui.backends.shells.hanging_up import hang_up
from tui.backends.shells.open_sessions import OpenSessions, own_record
from tui.model.errors import (
    AuthenticationFailed,
    ChannelRefused,
    EngineError,
    EngineRefused,
    EnvtuiError,
    NoRoute,
    SessionCancelled,
    SessionError,
    SshSilent,
)
from tui.model.sessions import Route, RouteChoice, SessionRequest

if TYPE_CHECKING:
    from tui.backends.shells.ssh_access import AccessGiver, SshAccess
    from tui.backends.ssh.connection import Connection

# Starting a shell in a container takes the engine some 50 ms; a loaded one takes seconds.
_START_SECONDS = 20.0
# Start-up files of an account may ask servers; longer ones are told about, and another route is taken.
_HANDSHAKE_SECONDS = 15.0
_HANG_UP_SECONDS = 5.0

Gate = Callable[[str], AbstractContextManager[object]]


class ContainerSession:
    """An open session; whoever has it closes it."""

    def __init__(
        self,
        channel: ShellChannel,
        route: Route,
        words: str,
        notes: Sequence[str],
        end: Callable[[], None],
    ) -> None:
        """Args: as the attributes of a Session; ends what is left of it, once the channel is closed."""
        self.channel = channel
        self.route = route
        self.words = words
        self.notes = tuple(notes)
        self._end = end
        self._lock = threading.Lock()
        self._is_closed = False

    def close(self) -> None:
        """Close it and end what it left behind in the container; takes up to some seconds."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self.channel.close()
        try:
            self._end()
        except Exception as error:
            diagnostics.record_exception("session", error)


class ContainerShells:
    """Ways into the containers of one engine. Thread-safe."""

    def __init__(self, engine: DockerEngine, folder: Path) -> None:
        """Args: the engine; where envtui's key, what was agreed to, and open sessions are written down."""
        self._engine = engine
        self._folder = folder
        self._records = OpenSessions(folder)

    def open(
        self,
        request: SessionRequest,
        questions: SessionQuestions,
        while_starting: Gate = nullcontext,
    ) -> ContainerSession:
        """Open a session by the best way there is.

        Raises:
            NoRoute: no way of the wanted kind, with the reason of each.
            SessionError: somebody called it off.
            EngineError: the engine can't be asked, or the container does not run.
        """
        self._engine.api_version()
        self._end_left_behind(questions, while_starting)
        facts = look_at(self._engine.http, request.container.id, QUESTION_SECONDS)
        reasons: list[str] = []
        if request.route is not RouteChoice.EXEC:
            session = self._by_ssh(request, facts, questions, while_starting, reasons)
            if session is not None:
                return session
        if request.route is RouteChoice.SSH:
            raise NoRoute(
                f"No way into {facts.name} over SSH",
                "\n".join(reasons),
                f"`envtui ssh --route exec {facts.name}` goes through the engine",
            )
        return self._by_exec(request, facts, questions, while_starting, reasons)

    # -- over SSH

    def _by_ssh(
        self,
        request: SessionRequest,
        facts: ContainerFacts,
        questions: SessionQuestions,
        gate: Gate,
        reasons: list[str],
    ) -> ContainerSession | None:
        """A session over SSH; None where that does not work, with the reasons added."""
        from tui.backends.shells.ssh_access import AccessGiver

        giver = AccessGiver(self._engine, self._folder)
        try:
            access = giver.known(facts, request.container, request.user)
            if access is not None:
                session = self._through(giver, access, request, facts, questions, gate, [])
                if session is not None:
                    return session
                with _logged("not forgotten"):
                    giver.forget(facts, request.user)
            questions.progress("looking for its sshd")
            account, sshd = giver.find(facts, request.container, request.user, gate)
            access = giver.give(facts, account, sshd, questions, request.route is RouteChoice.SSH)
            session = self._through(giver, access, request, facts, questions, gate, reasons)
            if session is not None and access.key is not None:
                with _logged("not remembered"):
                    giver.remember(facts, request.user, access)
            return session
        except SessionCancelled:
            raise
        except (SessionError, EngineError) as error:
            reasons.append(_reason("ssh", error))
            return None

    def _through(
        self,
        giver: AccessGiver,
        access: SshAccess,
        request: SessionRequest,
        facts: ContainerFacts,
        questions: SessionQuestions,
        gate: Gate,
        reasons: list[str],
    ) -> ContainerSession | None:
        """A session by a published port or else by an sshd of its own; None with the reasons added."""
        ways: list[tuple[Route, str, AbstractContextManager[Connection]]] = []
        for hostname, port in access.sshd.published:
            connecting = _connecting(access, facts.name, hostname, port, questions)
            ways.append((Route.PORT, f"ssh port {port}", connecting))
        started = _starting(giver, facts, access, questions, gate)
        ways.append((Route.SSHD, "ssh through the engine", started))
        for route, words, way in ways:
            questions.progress(f"by {words} as {access.account.name}")
            try:
                return self._over(way, request, facts, access, route, words, tuple(reasons), gate)
            except SessionCancelled:
                raise
            except (SessionError, EngineError) as error:
                reasons.append(_reason(words, error))
                if _holds_everywhere(error) or (
                    access.key is None and isinstance(error, AuthenticationFailed)
                ):
                    # whoever gave up is not asked once more
                    break
        return None

    def _over(
        self,
        connecting: AbstractContextManager[Connection],
        request: SessionRequest,
        facts: ContainerFacts,
        access: SshAccess,
        route: Route,
        route_words: str,
        reasons: Sequence[str],
        gate: Gate,
    ) -> ContainerSession:
        """A session over a connection that is about to be made; it is closed where that fails."""
        from tui.backends.shells.handshake import MarkedChannel, hand_over

        tag = secrets.token_hex(16)
        entry = _entry(request, facts, route_words, tag)
        # sshd gives nothing of the image's own variables to what it starts
        entry = replace(entry, variables=_for_ssh(facts))
        with contextlib.ExitStack() as stack:
            connection = stack.enter_context(connecting)
            user = f"{access.account.uid}:{access.account.gid}"
            start = hand_over(connection, start_text(entry), _HANDSHAKE_SECONDS)
            stack.enter_context(self._cleaned(start.folder, facts.id, user, gate))
            stack.enter_context(self._recorded(tag, facts.id, user))
            line = start.line(request.terminal is not None)
            channel = connection.channel(line, request.terminal, _START_SECONDS)
            marked = MarkedChannel(channel, start.mark)
            kept = stack.pop_all()
        words = f"{route_words} as {access.account.name}"
        return ContainerSession(
            marked, route, words, reasons, lambda: self._end(kept, facts.id, tag, user, gate)
        )

    # -- by the engine's exec

    def _by_exec(
        self,
        request: SessionRequest,
        facts: ContainerFacts,
        questions: SessionQuestions,
        gate: Gate,
        reasons: Sequence[str],
    ) -> ContainerSession:
        tag = secrets.token_hex(16)
        words = "engine exec"
        shown = f"{words} as {request.user}" if request.user else words
        questions.progress(f"by {shown}")
        entry = _entry(request, facts, words, tag)
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._recorded(tag, facts.id, request.user))
            with gate(facts.id):
                channel = self._exec(request, facts, exec_argv(entry))
            kept = stack.pop_all()
        return ContainerSession(
            channel,
            Route.EXEC,
            shown,
            reasons,
            lambda: self._end(kept, facts.id, tag, request.user, gate),
        )

    def _exec(self, request: SessionRequest, facts: ContainerFacts, argv: Sequence[str]) -> ExecChannel:
        deadline = Deadline(_START_SECONDS)
        # older engines answer what can't be started with an exit status, as if it had been
        if not ContainerFiles(self._engine.http, facts.id, deadline).exists(SHELL):
            if not request.command or request.environment is not None:
                raise NoRoute(
                    f"No way into {facts.name}",
                    f"there is no shell ({SHELL}) in it",
                    "It can only be inspected",
                )
            # nothing has to be activated: no shell is needed for that
            argv = request.command
        return ExecChannel.open(
            self._engine.http,
            facts.id,
            argv,
            request.terminal,
            request.user,
            {"TERM": request.terminal.name} if request.terminal is not None else {},
            "",
            deadline,
        )

    # -- what is left

    @contextlib.contextmanager
    def _recorded(self, tag: str, container_id: str, user: str) -> Iterator[None]:
        """While a session is open it is written down: the next connection ends what a lost one left."""
        try:
            self._records.add(own_record(tag, self._engine.address, container_id, user))
        except SessionError as error:
            # a full disk keeps nobody out: what is left is hung up at the end of the session all the same
            diagnostics.logger("session").warning("not written down: %s", error.one_line())
            yield
            return
        try:
            yield
        except (EngineRefused, NoRoute, ChannelRefused):
            # nothing was begun
            self._records.remove(tag)
            raise
        except BaseException:
            # it may have been begun all the same: a late answer, a signal
            with _logged("not marked as lost"):
                self._records.mark_lost(tag)
            raise
        if not self._is_left(tag):
            self._records.remove(tag)

    @contextlib.contextmanager
    def _cleaned(self, folder: str, container_id: str, user: str, gate: Gate) -> Iterator[None]:
        """A start text that is not run is taken away again: the image's variables stand in it."""
        try:
            yield
        except BaseException:
            argv = ("/bin/sh", "-c", 'rm -f -- "$1/start"; rmdir -- "$1"', "sh", folder)
            with contextlib.suppress(EngineError), gate(container_id):
                commands.run(self._engine.http, container_id, argv, _HANG_UP_SECONDS, user=user)
            raise

    def _is_left(self, tag: str) -> bool:
        return any(each.tag == tag for each in self._records.left_behind(self._engine.address))

    def _end(self, kept: contextlib.ExitStack, container_id: str, tag: str, user: str, gate: Gate) -> None:
        """Hang up what a session left; where that can't be done now, the next connection does it."""
        with kept:
            try:
                self._hang_up(container_id, tag, user, gate)
            except EnvtuiError as error:
                diagnostics.logger("session").info("left for the next connection: %s", error.one_line())
                self._records.mark_lost(tag)

    def _hang_up(self, container_id: str, tag: str, user: str, gate: Gate) -> None:
        with gate(container_id):
            count = hang_up(self._engine.http, container_id, tag, user, _HANG_UP_SECONDS)
        if count == 0 and _stands_still(self._engine, container_id):
            raise NoRoute("Not ended", "the container is paused")

    def _end_left_behind(self, questions: SessionQuestions, gate: Gate) -> None:
        """End what sessions left whose envtui is gone, or that lost their way."""
        with _logged("not known what is left"):
            for record in self._records.left_behind(self._engine.address):
                questions.progress("ending what a lost session left")
                try:
                    self._hang_up(record.container_id, record.tag, record.user, gate)
                except EnvtuiError as error:
                    diagnostics.logger("session").info("still left: %s", error.one_line())
                    continue
                except ValueError:
                    # no tag of ours
                    diagnostics.logger("session").warning("a damaged record of a session")
                self._records.remove(record.tag)


def _stands_still(engine: DockerEngine, container_id: str) -> bool:
    try:
        return is_paused(engine.http, container_id, QUESTION_SECONDS)
    except EngineError:
        # it is gone, and everything in it
        return False


def _entry(request: SessionRequest, facts: ContainerFacts, route_words: str, tag: str) -> Entry:
    terminal = request.terminal
    return Entry(
        facts.name,
        request.environment,
        route_words,
        tag,
        command=request.command,
        is_terminal=terminal is not None,
        terminal_name=terminal.name if terminal is not None else "",
        working_directory=facts.working_directory,
    )


def _for_ssh(facts: ContainerFacts) -> dict[str, str]:
    """The image's variables, without those that belong to the account that logs in."""
    own = ("HOME", "USER", "LOGNAME", "SHELL", "TERM", "HOSTNAME", "PWD", "SHLVL")
    return {name: value for name, value in facts.variables.items() if name not in own}


def _holds_everywhere(error: EnvtuiError) -> bool:
    """The account's shell runs no commands, or takes too long: however it is reached."""
    return isinstance(error, ChannelRefused) or (isinstance(error, SshSilent) and error.step == "channel")


@contextlib.contextmanager
def _logged(what: str) -> Iterator[None]:
    """What envtui keeps for itself is no reason for a session not to open."""
    try:
        yield
    except SessionError as error:
        diagnostics.logger("session").warning("%s: %s", what, error.one_line())


def _reason(route: str, error: EnvtuiError) -> str:
    words = error.detail or error.title
    return f"{route}: {words}" if isinstance(error, NoRoute) else f"{route}: {error.title}: {words}"


@contextlib.contextmanager
def _connecting(
    access: SshAccess, container: str, hostname: str, port: int, questions: SessionQuestions
) -> Iterator[Connection]:
    from tui.backends.ssh.connection import Connection

    connection = Connection.open(access.host(container, hostname, port), questions)
    try:
        yield connection
    finally:
        connection.close()


@contextlib.contextmanager
def _starting(
    giver: AccessGiver,
    facts: ContainerFacts,
    access: SshAccess,
    questions: SessionQuestions,
    gate: Gate,
) -> Iterator[Connection]:
    from tui.backends.ssh.connection import Connection

    host = access.host(facts.name)
    with gate(facts.id):
        sock = giver.start_sshd(facts.id, access.sshd.program)
        if not host.asks_secrets:
            connection = Connection.open(host, questions, sock=sock)
    if host.asks_secrets:
        # a person who types holds up nobody who pauses the container
        connection = Connection.open(host, questions, sock=sock)
    try:
        yield connection
    finally:
        connection.close()
