"""Shells of the make-believe machine: opened as real ones are, believable to type in, and lost on demand."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from tests.rig.waiting import until
from tui.demo.shell_programs import split
from tui.demo.shells import DemoDoors, DemoSession, DemoShells
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container
from tui.model.environments import Environment
from tui.model.errors import Conflict, EngineNotFound, NoRoute, SessionError, SshUnreachable
from tui.model.logs import Stream
from tui.model.operations import Operation, Step
from tui.model.sessions import (
    ChannelOutcome,
    Consent,
    HostKeyQuestion,
    KeyConsent,
    Route,
    RouteChoice,
    SessionRequest,
    Terminal,
)
from tui.workstation import open_demo

PATIENCE_SECONDS = 30.0


class Somebody:
    """Says the same to every question about a key, and is asked nothing else."""

    def __init__(self, says: Consent = Consent.YES) -> None:
        self.says = says
        self.asked: list[KeyConsent] = []
        self.heard: list[str] = []

    def consent(self, question: KeyConsent) -> Consent:
        self.asked.append(question)
        return self.says

    def progress(self, words: str) -> None:
        self.heard.append(words)

    def accept_host_key(self, question: HostKeyQuestion) -> bool:
        raise AssertionError("host keys of containers are pinned")

    def passphrase(self, path: str, attempt: int) -> str | None:
        raise AssertionError("envtui's key has none")

    def password(self, account: str, attempt: int) -> str | None:
        raise AssertionError("nobody logs in with one")

    def answers(
        self, title: str, instructions: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        raise AssertionError("no server asks")


@pytest.fixture
def world() -> DemoWorld:
    return DemoWorld(clock=FrozenClock())


def container(world: DemoWorld, name: str) -> Container:
    return next(each for each in world.containers()[0] if each.name == name)


def environment(world: DemoWorld, name: str, label: str) -> Environment:
    backend = open_demo(world).environments
    assert backend is not None
    found = backend.environments(container(world, name)).environments
    return next(each for each in found if each.label == label)


def shell(
    world: DemoWorld, name: str, label: str = "", user: str = "", says: Consent = Consent.YES
) -> DemoSession:
    active = environment(world, name, label) if label else None
    request = SessionRequest(container(world, name), active, user, terminal=Terminal(columns=90, rows=20))
    return DemoShells(world).open(request, Somebody(says))


def output(session: DemoSession) -> str:
    """What it printed until its end."""
    pieces = []
    while (piece := session.channel.read()) is not None:
        assert piece[0] is Stream.STDOUT
        pieces.append(piece[1])
    return b"".join(pieces).decode()


def typed(session: DemoSession, *lines: str) -> list[str]:
    """The screen after some lines were typed, and `exit` behind them."""
    for line in (*lines, "exit"):
        session.channel.send(f"{line}\r".encode())
    return output(session).split("\r\n")


def command(world: DemoWorld, name: str, *words: str, label: str = "") -> tuple[int | None, str, str]:
    """Status and both outputs of a command without a terminal."""
    active = environment(world, name, label) if label else None
    request = SessionRequest(container(world, name), active, route=RouteChoice.EXEC, command=words)
    session = DemoShells(world).open(request, Somebody())
    said = {Stream.STDOUT: b"", Stream.STDERR: b""}
    while (piece := session.channel.read()) is not None:
        said[piece[0]] += piece[1]
    session.close()
    outcome = session.channel.outcome(PATIENCE_SECONDS)
    return outcome.status, said[Stream.STDOUT].decode(), said[Stream.STDERR].decode()


class TestTheRoute:
    @pytest.mark.parametrize(
        ("name", "route", "words"),
        [
            ("dl-dev", Route.PORT, "ssh port 2222 · root@dl-dev"),
            ("llm-finetune", Route.SSHD, "ssh through the engine · root@llm-finetune"),
            ("serve-qwen", Route.EXEC, "engine exec · root@serve-qwen"),
        ],
    )
    def test_the_best_there_is(self, world: DemoWorld, name: str, route: Route, words: str) -> None:
        session = shell(world, name)
        assert (session.route, session.words) == (route, words)
        assert bool(session.notes) is (route is Route.EXEC)
        assert (session.channel.round_trip_seconds is None) is (route is Route.EXEC)

    @pytest.mark.parametrize(("says", "route"), [(Consent.YES, Route.PORT), (Consent.NO, Route.EXEC)])
    def test_consent_is_asked_once(self, world: DemoWorld, says: Consent, route: Route) -> None:
        person, box = Somebody(says), container(world, "dl-dev")
        for _ in range(2):
            assert DemoShells(world).open(SessionRequest(box), person).route is route
        (asked,) = person.asked
        assert (asked.container_id, asked.account) == (box.id, "root")
        assert asked.path == "/root/.ssh/authorized_keys"
        assert person.heard[-1].startswith(
            "opening ssh port" if route is Route.PORT else "opening engine exec"
        )

    def test_where_nobody_is_there_somebody_can_be_asked_later(self, world: DemoWorld) -> None:
        session = shell(world, "dl-dev", says=Consent.NOBODY)
        assert session.route is Route.EXEC and "nobody could be asked" in session.notes[0]
        assert shell(world, "dl-dev").route is Route.PORT

    def test_exec_asks_nobody(self, world: DemoWorld) -> None:
        person = Somebody()
        request = SessionRequest(container(world, "dl-dev"), route=RouteChoice.EXEC)
        session = DemoShells(world).open(request, person)
        assert session.route is Route.EXEC and session.notes == () and person.asked == []

    @pytest.mark.parametrize(
        ("name", "says"), [("serve-qwen", Consent.YES), ("dl-dev", Consent.NO), ("dl-dev", Consent.NOBODY)]
    )
    def test_ssh_alone_may_not_be_possible(self, world: DemoWorld, name: str, says: Consent) -> None:
        with pytest.raises(NoRoute) as caught:
            DemoShells(world).open(
                SessionRequest(container(world, name), route=RouteChoice.SSH), Somebody(says)
            )
        assert name in caught.value.detail

    def test_it_can_be_called_off(self, world: DemoWorld) -> None:
        with pytest.raises(SessionError):
            shell(world, "dl-dev", says=Consent.CANCEL)
        assert world.key_consents == {}

    def test_no_way_leads_where_there_is_no_shell(self, world: DemoWorld) -> None:
        with pytest.raises(NoRoute, match="No way in"):
            shell(world, "serve-embed")

    @pytest.mark.parametrize("name", ["rl-sim", "diffusion-train"])
    def test_it_has_to_run(self, world: DemoWorld, name: str) -> None:
        with pytest.raises(Conflict):
            shell(world, name)


class TestTyping:
    def test_the_first_line_and_the_prompt(self, world: DemoWorld) -> None:
        assert typed(shell(world, "dl-dev", "vision")) == [
            "envtui: ssh port 2222 · dl-dev / vision · python /opt/conda/envs/vision/bin/python",
            "(vision) root@dl-dev:/workspace# exit",
            "",
        ]

    def test_without_an_environment_and_as_somebody_else(self, world: DemoWorld) -> None:
        lines = typed(shell(world, "serve-qwen", user="ana"), "whoami", "cd /", "pwd")
        assert lines[0] == "envtui: engine exec · serve-qwen"
        assert lines[1:] == [
            "ana@serve-qwen:/workspace$ whoami", "ana",
            "ana@serve-qwen:/workspace$ cd /",
            "ana@serve-qwen:/$ pwd", "/",
            "ana@serve-qwen:/$ exit", "",
        ]  # fmt: skip

    def test_keys_that_edit(self, world: DemoWorld) -> None:
        lines = typed(
            shell(world, "optuna-db"), "echo 分割\x7f\x7fab\x7f", "nonsense\x15echo b", "echo \x1b[A\x1bOBc"
        )
        assert lines[1].endswith("echo 分割" + "\b \b" * 4 + "ab\b \b") and lines[2] == "a"
        assert lines[4] == "b" and lines[6] == "c"

    def test_an_interrupt_and_the_status_of_it(self, world: DemoWorld) -> None:
        lines = typed(shell(world, "optuna-db"), "nonsense\x03echo $?")
        assert lines[1].endswith("nonsense^C") and lines[3] == "130"

    @pytest.mark.parametrize(
        ("keys", "status"),
        [("exit 7\r", 7), ("\x04", 0), ("nosuch\r\x04", 127), ("exit\r", 0), ("false\rexit\r", 1)],
    )
    def test_its_end_has_a_status(self, world: DemoWorld, keys: str, status: int) -> None:
        session = shell(world, "optuna-db")
        session.channel.send(keys.encode())
        output(session)
        assert session.channel.outcome(PATIENCE_SECONDS) == ChannelOutcome(status=status)

    def test_a_letter_may_come_in_pieces(self, world: DemoWorld) -> None:
        session = shell(world, "optuna-db")
        for byte in "echo 分\rexit\r".encode():
            session.channel.send(bytes([byte]))
        assert "\r\n分\r\n" in output(session)

    def test_the_size_is_that_of_the_terminal(self, world: DemoWorld) -> None:
        session = shell(world, "optuna-db")
        session.channel.send(b"stty size\r")
        session.channel.resize(100, 30)
        assert typed(session, "stty size")[2:5:2] == ["20 90", "30 100"]

    def test_input_ends_before_the_shell_does(self, world: DemoWorld) -> None:
        lines = typed(shell(world, "optuna-db"), "cat", "said\r\x04echo x")
        assert lines[2:4] == ["said", "said"] and "x" in lines


class TestPrograms:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("python --version", "Python 3.11.11\n"),
            ('python -c "import torch; print(torch.__version__)"', "2.6.0+cu124\n"),
            ('python -c "import torch; print(torch.cuda.is_available())"', "True\n"),
            ('python -c "import sys; print(sys.prefix)"', "/opt/conda/envs/vision\n"),
            ("which python", "/opt/conda/envs/vision/bin/python\n"),
            ("echo $CONDA_DEFAULT_ENV '$HOME' \"${HOME}\"", "vision $HOME /root\n"),
            ("pwd", "/workspace\n"),
            ("whoami", "root\n"),
        ],
    )
    def test_what_they_print(self, world: DemoWorld, line: str, expected: str) -> None:
        assert command(world, "dl-dev", "sh", "-c", line, label="vision") == (0, expected, "")

    def test_what_lists(self, world: DemoWorld) -> None:
        listed = command(world, "dl-dev", "conda", "env", "list", label="vision")[1]
        assert "vision      *  /opt/conda/envs/vision\n" in listed and "captions" not in listed
        assert listed == command(world, "dl-dev", "conda", "info", "--envs", label="vision")[1]
        packages = command(world, "dl-dev", "pip", "list", label="vision")[1]
        assert packages.startswith("Package") and "numpy" in packages
        assert command(world, "llm-finetune", "nvidia-smi", "-L")[1].count("UUID: GPU-") == 2
        assert "HF_TOKEN=" in command(world, "llm-finetune", "env")[1]
        assert "train.py\n" in command(world, "dl-dev", "ls")[1]
        assert "nvidia-smi -L" in command(world, "dl-dev", "help")[1]

    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            (("nosuch",), 127, "bash: nosuch: command not found\n"),
            (("conda", "env", "list"), 127, "bash: conda: command not found\n"),
            (("nvidia-smi", "-L"), 127, "bash: nvidia-smi: command not found\n"),
            (("python", "--version"), 127, "bash: python: command not found\n"),
            (("sh", "-c", "echo 'x"), 2, "bash: unexpected EOF"),
        ],
    )
    def test_what_is_not_there_says_so(
        self, world: DemoWorld, words: tuple[str, ...], status: int, said: str
    ) -> None:
        code, out, err = command(world, "optuna-db", *words)
        assert (code, out) == (status, "") and err.startswith(said)

    def test_a_package_that_is_not_there(self, world: DemoWorld) -> None:
        status, out, err = command(
            world, "notebook-ana", "python", "-c", "import torch; print(torch.__version__)", label="stats"
        )
        assert (status, out) == (1, "") and err.endswith("ModuleNotFoundError: No module named 'torch'\n")

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("", []), ("  a  b ", ["a", "b"]), ("''", [""]), ("a'b c'\"d $x\"e", ["ab cd 1e"]),
            (r"a\ b \$x", ["a b", "$x"]), (r'"\$x \" \\ \n"', ['$x " \\ \\n']),
            ("'$x'", ["$x"]), ("$none", [""]),
        ],
    )  # fmt: skip
    def test_lines_are_split_as_shells_do(self, line: str, words: list[str]) -> None:
        assert split(line, {"x": "1"}) == words


class TestTrouble:
    def test_a_lost_way_cuts_those_that_are_open_and_those_that_begin(self, world: DemoWorld) -> None:
        session = shell(world, "dl-dev")
        read: list[str] = []
        reading = threading.Thread(target=lambda: read.append(output(session)))
        reading.start()
        world.faults.session_lost = True
        reading.join(PATIENCE_SECONDS)
        assert not reading.is_alive() and read[0].endswith("# ")
        assert session.channel.outcome(PATIENCE_SECONDS).lost
        with pytest.raises(SessionError):
            session.channel.send(b"x")
        with pytest.raises(SshUnreachable):
            shell(world, "dl-dev")
        world.faults.session_lost = False
        assert shell(world, "dl-dev").channel.read() is not None

    def test_the_end_of_the_container_is_that_of_the_shell(self, world: DemoWorld) -> None:
        session, box = shell(world, "dl-dev"), container(world, "dl-dev")
        world.perform(Step(Operation.RESTART, box.id, box.name))
        output(session)
        assert session.channel.outcome(PATIENCE_SECONDS) == ChannelOutcome(signal="KILL")

    @pytest.mark.parametrize(
        ("name", "is_lost"), [("dl-dev", False), ("llm-finetune", True), ("serve-qwen", True)]
    )
    def test_an_engine_that_goes_takes_its_ways_with_it(
        self, world: DemoWorld, name: str, is_lost: bool
    ) -> None:
        session = shell(world, name)
        world.faults.engine_gone = True
        if not is_lost:
            session.channel.send(b"exit\r")
        output(session)
        assert bool(session.channel.outcome(PATIENCE_SECONDS).lost) is is_lost
        with pytest.raises(EngineNotFound):
            shell(world, name)

    def test_close_ends_who_reads_and_leaves_nothing(self, world: DemoWorld) -> None:
        session = shell(world, "dl-dev")
        ended = threading.Event()

        def read() -> None:
            output(session)
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        until(lambda: not session.channel._waiting)
        session.close()
        assert ended.wait(PATIENCE_SECONDS) and session not in world._watchers
        assert session.channel.outcome(0.01) == ChannelOutcome()
        session.close()


class TestDoors:
    def test_those_that_have_an_sshd_and_may_be_entered(self, world: DemoWorld) -> None:
        world.key_consents[world.find("llm-finetune").id] = False
        found = DemoDoors(world).doors(world.containers()[0], Somebody())
        doors = {each.container_name: each for each in found}
        assert set(doors) == {"dl-dev", "llm-finetune", "notebook-ana"}
        assert doors["llm-finetune"].problem and not doors["dl-dev"].problem
        assert (doors["dl-dev"].user, doors["notebook-ana"].user) == ("root", "jovyan")

    def test_nothing_is_behind_them(self, world: DemoWorld) -> None:
        with pytest.raises(NoRoute):
            DemoDoors(world).connect(world.find("dl-dev").id)
