"""Ways into the make-believe containers: which there are, who is asked on them, and what opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from tui.demo.environment_catalogue import WITHOUT_SHELL
from tui.demo.life import DemoContainer
from tui.demo.shell_channel import DemoShellChannel
from tui.demo.shell_programs import Programs
from tui.demo.world import DemoWorld
from tui.model.containers import Container, ContainerState
from tui.model.errors import Conflict, NoRoute, SessionCancelled, SshUnreachable
from tui.model.sessions import Consent, KeyConsent, Route, RouteChoice, SessionRequest, SshDoor
from tui.paths import state_folder

if TYPE_CHECKING:
    from tui.backends.base import DoorStream, SessionQuestions

# Where an sshd program is, by the name that the container was made with; the port where it is published.
_SSHD_PORTS: dict[str, int | None] = {"dl-dev": 2222, "llm-finetune": None, "notebook-ana": None}
_KEY_COMMENT = "envtui@demo"
# As over a loopback device.
_ROUND_TRIP_SECONDS = 0.0006
_LOST = "the make-believe network is down"
_NO_SSHD, _NOBODY = "there is no sshd in it", "nobody could be asked whether envtui's key may be put into it"
_REFUSED = "envtui's key may not be put into it"


class DemoSession:
    """A session in a make-believe container, until it is closed, lost, or its container ends."""

    def __init__(
        self,
        world: DemoWorld,
        made: DemoContainer,
        channel: DemoShellChannel,
        route: Route,
        words: str,
        notes: Sequence[str],
    ) -> None:
        """Args: as the attributes of a Session, and the container's world."""
        self.channel = channel
        self.route = route
        self.words = words
        self.notes = notes
        self._world = world
        self._made = made
        self._run = made.runs
        world.watch(self)
        # it may have changed between the question and here
        self.look_again()

    def look_again(self) -> None:
        """Something is different in the world."""
        if self._world.faults.session_lost:
            self.channel.lose(_LOST)
        elif not self._made.has_processes or self._made.runs != self._run:
            self.channel.kill()

    def break_off(self) -> None:
        """The engine went away."""
        if self.route is not Route.PORT:
            self.channel.lose("the engine is gone")

    def close(self) -> None:
        """Leave nothing behind."""
        self.channel.close()
        self._world.unwatch(self)


class DemoShells:
    """Ways into the containers of a DemoWorld. What somebody said of envtui's key is kept in the world."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def open(
        self,
        request: SessionRequest,
        questions: SessionQuestions,
        while_starting: Callable[[str], AbstractContextManager[object]] = nullcontext,
    ) -> DemoSession:
        """Open a session by the best way there is.

        Raises:
            NoRoute: no way of the wanted kind.
            SshUnreachable: the way to it is gone.
            SessionError: somebody called it off.
            EngineError: as the world's faults say; Conflict where the container does not run.
        """
        self._world.faults.pass_question()
        made = self._world.find(request.container.id)
        _check_runs(made)
        user = request.user.partition(":")[0] or _image_user(made)
        route, notes = self._route(made, user, request.route, questions)
        if self._world.faults.session_lost:
            raise SshUnreachable("No session", _LOST, "Switch the fault off")
        words = _route_words(made, route)
        questions.progress(f"opening {words}")
        with while_starting(made.id):
            channel = self._channel(made, request, user, route, words)
        return DemoSession(self._world, made, channel, route, f"{words} · {user}@{request.target}", notes)

    def _route(
        self, made: DemoContainer, user: str, choice: RouteChoice, questions: SessionQuestions
    ) -> tuple[Route, Sequence[str]]:
        """The best way of the wanted kind, and why none that is better."""
        why_not = "" if choice is not RouteChoice.EXEC else "it was asked for"
        if not why_not and made.blueprint.name not in _SSHD_PORTS:
            why_not = _NO_SSHD
        if not why_not:
            why_not = ask_consent(self._world, made, user, questions)
        if not why_not:
            is_published = _SSHD_PORTS[made.blueprint.name] is not None
            return (Route.PORT if is_published else Route.SSHD), ()
        if choice is RouteChoice.SSH:
            raise NoRoute("No way in over SSH", f"{made.name}: {why_not}", "Leave --route out")
        if made.blueprint.name in WITHOUT_SHELL:
            raise NoRoute(
                "No way in", f"{made.name}: ssh: {why_not}; exec: there is no shell in it", "Look at its log"
            )
        return Route.EXEC, () if choice is RouteChoice.EXEC else (f"not over SSH: {why_not}",)

    def _channel(
        self, made: DemoContainer, request: SessionRequest, user: str, route: Route, words: str
    ) -> DemoShellChannel:
        terminal = request.terminal
        prefixes = partial(self._world.prefixes, made)
        programs = Programs(made, request.environment, user, self._world.seed, prefixes, terminal is not None)
        if terminal is not None:
            programs.columns, programs.rows = terminal.columns, terminal.rows
        round_trip = None if route is Route.EXEC else _ROUND_TRIP_SECONDS
        if request.command:
            channel = DemoShellChannel(programs, round_trip_seconds=round_trip)
            channel.begin(request.command)
            return channel
        environment = request.environment
        where = " / ".join([made.name, *([environment.label] if environment else [])])
        python = f" · python {programs.python}" if environment else ""
        active = f"({environment.label}) " if environment else ""
        mark = "#" if user in ("root", "0") else "$"

        def prompt() -> str:
            return f"{active}{user}@{made.name}:{programs.folder}{mark} "

        return DemoShellChannel(programs, prompt, f"envtui: {words} · {where}{python}", round_trip)


class DemoDoors:
    """What other SSH clients would need to get into the containers of a DemoWorld."""

    def __init__(self, world: DemoWorld) -> None:
        """Args: world that they belong to."""
        self._world = world

    def doors(self, containers: Sequence[Container], questions: SessionQuestions) -> Sequence[SshDoor]:
        """The doors of those that have an sshd program. Raises what the world's faults say."""
        self._world.faults.pass_question()
        found = [self._world.find(each.id) for each in containers]
        with_sshd = (made for made in found if made.has_processes and made.blueprint.name in _SSHD_PORTS)
        return [self._door(made, questions) for made in with_sshd]

    def connect(self, container_id: str, user: str = "") -> DoorStream:
        """Nobody: there is no SSH in a make-believe container. Raises NoRoute, or as the faults say."""
        self._world.faults.pass_question()
        made = self._world.find(container_id)
        _check_runs(made)
        raise NoRoute("No way in over SSH", f"{made.name} is make-believe", f"Try: envtui ssh {made.name}")

    def _door(self, made: DemoContainer, questions: SessionQuestions) -> SshDoor:
        user = _image_user(made)
        why_not = ask_consent(self._world, made, user, questions)
        if why_not:
            return SshDoor(made.name, made.id, problem=why_not)
        folder = state_folder() / "demo"
        known_hosts = str(folder / "known_hosts")
        return SshDoor(
            made.name, made.id, user, f"envtui-{made.id[:12]}", str(folder / "id_ed25519"), known_hosts
        )


def ask_consent(world: DemoWorld, made: DemoContainer, user: str, questions: SessionQuestions) -> str:
    """Why envtui's key may not be put into a container, "" where it may; asked once.

    Raises SessionError where somebody called it all off.
    """
    if made.id not in world.key_consents:
        home = "/root" if user in ("root", "0") else f"/home/{user}"
        path = f"{home}/.ssh/authorized_keys"
        consent = questions.consent(KeyConsent(made.id, made.name, user, path, _KEY_COMMENT))
        if consent is Consent.CANCEL:
            raise SessionCancelled("Not opened", "you called it off")
        if consent is Consent.NOBODY:
            return _NOBODY
        world.key_consents[made.id] = consent is Consent.YES
    return "" if world.key_consents[made.id] else _REFUSED


def _check_runs(made: DemoContainer) -> None:
    if made.state is not ContainerState.RUNNING:
        raise Conflict(
            "The engine refuses", f"container {made.id} is {made.state}", "A session needs one that runs", 409
        )


def _image_user(made: DemoContainer) -> str:
    return made.blueprint.processes[0][0]


def _route_words(made: DemoContainer, route: Route) -> str:
    port = _SSHD_PORTS.get(made.blueprint.name)
    words = {Route.PORT: f"ssh port {port}", Route.SSHD: "ssh through the engine", Route.EXEC: "engine exec"}
    return words[route]
