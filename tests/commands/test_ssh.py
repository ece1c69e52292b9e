"""`envtui ssh`: what is named is found, arguments and status pass through, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.program import ENVTUI, on_terminal
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tests.test_walls import command, imported_by
from tui.cli import main
from tui.commands.questions import NoQuestions
from tui.commands.session_parsers import split_command
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList
from tui.model.errors import EngineTimeout
from tui.workstation import Workstation, open_demo

PATIENCE_SECONDS = 30.0
Run = Callable[..., tuple[int, str, str]]
ODD_ARGUMENTS = ["a b", "$HOME", "'\"", "line\nline", "*", "", "-x", "--", "分割", "\\", "; exit 3"]
NOTE = "envtui: not over SSH: nobody could be asked whether envtui's key may be put into it\n"


@pytest.fixture
def world() -> DemoWorld:
    return DemoWorld(clock=FrozenClock())


@pytest.fixture
def run(
    world: DemoWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Run:
    monkeypatch.setattr("tui.commands.questions.questions_here", lambda **given: NoQuestions())

    def run(*arguments: str, station: Workstation | None = None) -> tuple[int, str, str]:
        """Exit code, stdout and stderr on the make-believe workstation, where nobody can be asked."""
        station = station or open_demo(world)
        monkeypatch.setattr("tui.commands.ssh.open_workstation", lambda *given: station)
        code = main([*arguments], {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})
        said = capfd.readouterr()
        return code, said.out, said.err

    return run


def open_sessions(world: DemoWorld) -> int:
    return len(world._watchers)


class OtherEnvironments:
    """The same environments for each container."""

    def __init__(self, *found: tuple[str, str], problem: EngineTimeout | None = None) -> None:
        self.found = found
        self.problem = problem

    def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
        made = [Environment(container.id, prefix, name, EnvironmentKind.CONDA) for name, prefix in self.found]
        return EnvironmentList(container.id, tuple(made), problem=self.problem)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody should need {name}")


def with_environments(
    world: DemoWorld, *found: tuple[str, str], problem: EngineTimeout | None = None
) -> Workstation:
    return replace(open_demo(world), environments=OtherEnvironments(*found, problem=problem))


def test_other_commands_do_not_pay_for_it() -> None:
    modules = imported_by(command("ps", "--demo"))
    assert "tui.commands.session_parsers" in modules
    ours = ("tui.commands.ssh", "tui.commands.questions", "tui.commands.ending", "tui.backends.terminal")
    assert {name for name in modules if name.startswith(ours)} == set()


class TestSplitting:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("ssh box", (["ssh", "box"], None)),
            ("ssh box --", (["ssh", "box"], [])),
            ("ssh box -- a -- b --", (["ssh", "box"], ["a", "--", "b", "--"])),
            ("--host x --demo ssh box -t -- -c", (["--host", "x", "--demo", "ssh", "box", "-t"], ["-c"])),
            ("--host=x ssh box -- ls", (["--host=x", "ssh", "box"], ["ls"])),
            ("--host ssh logs -- box", (["--host", "ssh", "logs", "--", "box"], None)),
            ("--conf ssh logs -- box", (["--conf", "ssh", "logs", "--", "box"], None)),
            ("logs ssh -- x", (["logs", "ssh", "--", "x"], None)),
            ("-- ssh box", (["--", "ssh", "box"], None)),
        ],
    )
    def test_only_behind_the_first_dashes_of_ssh(
        self, line: str, expected: tuple[list[str], list[str] | None]
    ) -> None:
        assert split_command(line.split()) == expected


class TestACommand:
    def test_arguments_reach_it_unchanged(self, run: Run) -> None:
        code, out, err = run(
            "ssh", "notebook-ana", "--route", "exec", "--", "printf", "<%s>\\n", *ODD_ARGUMENTS
        )
        assert (code, err) == (0, "")
        assert out == "".join(f"<{each}>\n" for each in ODD_ARGUMENTS)

    def test_options_behind_the_dashes_are_not_ours(self, run: Run) -> None:
        assert run("ssh", "optuna-db", "--", "echo", "--help", "-t", "--user", "x", "--demo") == (
            0, "--help -t --user x --demo\n", "",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("line", "status"), [("true", 0), ("exit 7", 7), ("exit 130", 130), ("nosuch", 127)]
    )
    def test_its_status_is_ours(self, run: Run, line: str, status: int) -> None:
        assert run("ssh", "optuna-db", "--", "sh", "-c", line)[0] == status

    def test_streams_stay_apart(self, run: Run) -> None:
        assert run("ssh", "optuna-db", "--", "nosuch") == (127, "", "bash: nosuch: command not found\n")
        assert run("ssh", "optuna-db", "--", "tty")[1] == "not a tty\n"

    def test_its_environment_is_the_one_that_was_named(self, run: Run) -> None:
        for named in ("vision", "/opt/conda/envs/vision", "/opt/conda/envs/vision/"):
            code, out, _ = run("ssh", f"dl-dev/{named}", "--", "which", "python")
            assert (code, out) == (0, "/opt/conda/envs/vision/bin/python\n")

    def test_the_user_is_the_one_that_was_named(self, run: Run) -> None:
        assert run("ssh", "optuna-db", "--", "whoami")[1] == "999\n"
        assert run("ssh", "--user", "1000:1000", "optuna-db", "--", "whoami")[1] == "1000\n"

    def test_its_input_is_ours(self) -> None:
        done = subprocess.run(
            [*ENVTUI, "--demo", "ssh", "optuna-db", "--", "cat"],
            input=b"\x00\xff\r\n\x03", capture_output=True, timeout=PATIENCE_SECONDS, check=False,
            start_new_session=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"\x00\xff\r\n\x03", b"")

    def test_a_reader_that_has_enough_is_no_failure(self) -> None:
        line = 'seq 300000 | "$@" | head -n 1; echo ${PIPESTATUS[1]}'
        done = subprocess.run(
            ["bash", "-c", line, "bash", *ENVTUI, "--demo", "ssh", "optuna-db", "--", "cat"],
            capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, start_new_session=True,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("1\n0\n", "")


class TestWhatIsNamed:
    def test_a_container_by_the_beginning_of_its_id(self, run: Run, world: DemoWorld) -> None:
        made = world.find("optuna-db")
        assert run("ssh", f"/{made.id[:9]}", "--", "hostname")[:2] == (0, f"{made.id[:12]}\n")

    @pytest.mark.parametrize(
        ("target", "said"),
        [
            ("nosuch", "No such container: nosuch"),
            ("diffusion-train", "The container does not run: diffusion-train is exited"),
            ("rl-sim", "The container is paused: rl-sim"),
            ("dl-dev/nosuch", "there is no nosuch in dl-dev, but base, audio"),
            ("dl-dev//opt/nosuch", "there is no /opt/nosuch in dl-dev"),
            ("optuna-db/base", "none was found in optuna-db"),
        ],
    )
    def test_what_is_not_there_is_a_failure(self, run: Run, target: str, said: str) -> None:
        code, out, err = run("ssh", target, "--", "true")
        assert (code, out) == (1, "")
        assert err.startswith("envtui: ") and said in err and err.count("\n") == 1

    @pytest.mark.parametrize("name", ["my env", "team/vision", "分割", "-x", "a$b'c"])
    def test_names_of_all_sorts(self, run: Run, world: DemoWorld, name: str) -> None:
        station = with_environments(world, (name, "/envs/it"), ("vision", "/envs/other"))
        code, out, _ = run("ssh", f"dl-dev/{name}", "--", "which", "python", station=station)
        assert (code, out) == (0, "/envs/it/bin/python\n")

    def test_an_ambiguous_name_lists_what_it_may_be(self, run: Run, world: DemoWorld) -> None:
        station = with_environments(world, ("x", "/opt/a b/envs/x"), ("x", "/home/\x1b[2Jana/x"))
        code, out, err = run("ssh", "dl-dev/x", "--", "true", station=station)
        assert (code, out) == (2, "")
        assert err.splitlines() == [
            "envtui: Ambiguous environment: 2 in dl-dev are called x. Name one by its prefix",
            "  'dl-dev//opt/a b/envs/x'",
            "  'dl-dev//home/␛[2Jana/x'",
        ]

    def test_one_that_may_not_have_come_is_not_called_missing(self, run: Run, world: DemoWorld) -> None:
        cut = EngineTimeout("The listing is not complete", "it took more than 5 s")
        station = with_environments(world, ("other", "/envs/other"), problem=cut)
        code, _, err = run("ssh", "dl-dev/x", "--", "true", station=station)
        assert (code, err) == (1, "envtui: The listing is not complete: it took more than 5 s\n")

    @pytest.mark.parametrize(
        "arguments",
        [("dl-dev", "--"), ("dl-dev/", "--", "true"), ("dl-dev",), ("dl-dev", "-t", "--", "true")],
    )
    def test_what_can_mean_nothing_is_a_usage_error(self, run: Run, arguments: tuple[str, ...]) -> None:
        code, out, err = run("ssh", *arguments)
        assert (code, out, err.count("\n")) == (2, "", 1)

    def test_read_only_opens_nothing(self, run: Run) -> None:
        code, out, err = run("--read-only", "ssh", "dl-dev", "--", "true")
        assert (code, out) == (1, "") and err.startswith("envtui: Read-only")


class TestTheRoute:
    def test_a_better_one_that_nobody_can_be_asked_for_is_told(self, run: Run) -> None:
        assert run("ssh", "dl-dev", "--", "echo", "x") == (0, "x\n", NOTE)

    def test_nothing_is_told_where_there_is_no_better_one(self, run: Run) -> None:
        assert run("ssh", "optuna-db", "--", "echo", "x") == (0, "x\n", "")
        assert run("ssh", "--route", "exec", "dl-dev", "--", "echo", "x") == (0, "x\n", "")

    def test_a_consent_on_record_is_enough(self, run: Run, world: DemoWorld) -> None:
        world.key_consents[world.find("dl-dev").id] = True
        assert run("ssh", "--route", "ssh", "dl-dev", "--", "echo", "x") == (0, "x\n", "")

    def test_ssh_alone_fails_where_it_is_not_possible(self, run: Run) -> None:
        for name, why in (("dl-dev", "nobody could be asked"), ("optuna-db", "there is no sshd in it")):
            code, out, err = run("ssh", "--route", "ssh", name, "--", "true")
            assert (code, out, err.count("\n")) == (1, "", 1) and why in err

    def test_a_host_without_sessions(self, run: Run, world: DemoWorld) -> None:
        code, _, err = run("ssh", "dl-dev", "--", "true", station=replace(open_demo(world), shells=None))
        assert (code, err) == (1, "envtui: No sessions: this host offers none\n")


@pytest.fixture
def open_input() -> Iterator[None]:
    """Standard input from which nothing comes, and that does not end."""
    kept, (reading, writing) = os.dup(0), os.pipe()
    os.dup2(reading, 0)
    yield
    os.dup2(kept, 0)
    for descriptor in (kept, reading, writing):
        os.close(descriptor)


@pytest.mark.usefixtures("open_input")
class TestTheEnd:
    @staticmethod
    def once_open(world: DemoWorld, act: Callable[[], object]) -> threading.Thread:
        def wait_and_act() -> None:
            until(lambda: open_sessions(world))
            until(lambda: any(each.name == "session input" for each in threading.enumerate()))
            act()

        acting = threading.Thread(target=wait_and_act)
        acting.start()
        return acting

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    def test_a_signal_hangs_up(self, run: Run, world: DemoWorld, number: signal.Signals) -> None:
        before = signal.getsignal(number)
        acting = self.once_open(world, lambda: os.kill(os.getpid(), number))
        assert run("ssh", "optuna-db", "--", "cat") == (128 + number, "", "")
        acting.join(PATIENCE_SECONDS)
        assert open_sessions(world) == 0 and signal.getsignal(number) is before

    def test_a_lost_way_is_told(self, run: Run, world: DemoWorld) -> None:
        acting = self.once_open(world, lambda: world.faults.switch("session_lost", True))
        code, out, err = run("ssh", "optuna-db", "--", "cat")
        acting.join(PATIENCE_SECONDS)
        assert (code, out) == (255, "")
        assert err == "envtui: optuna-db: connection lost: the make-believe network is down\n"
        assert open_sessions(world) == 0

    def test_what_could_not_be_begun_is_an_ordinary_failure(self, run: Run, world: DemoWorld) -> None:
        world.faults.session_lost = True
        code, out, err = run("ssh", "optuna-db", "--", "cat")
        assert (code, out) == (1, "") and err.startswith("envtui: No session: ")


class TestOnATerminal:
    @staticmethod
    def says_size(shown: TerminalSession, size: str) -> bool:
        shown.send("stty size\r")
        return f"\n{size}\n" in shown.text()

    def test_a_session_from_the_question_to_the_status(self) -> None:
        with on_terminal("--demo", "ssh", "dl-dev/vision") as shown:
            before = shown.termios_attributes()
            shown.wait_for(r"one more line in /root/\.ssh/authorized_keys")
            shown.wait_for(r"Put it in\? \(y/N\)")
            shown.send("y\r")
            shown.wait_for(r"^envtui: ssh port 2222 · root@dl-dev/vision\. Enter ~\. to leave, ~\? for help")
            shown.wait_for(
                r"^envtui: ssh port 2222 · dl-dev / vision · python /opt/conda/envs/vision/bin/python"
            )
            shown.wait_for(r"\(vision\) root@dl-dev:/workspace#$")
            shown.send("stty sizf\x7fe\r")
            shown.wait_for(r"^40 120$")
            shown.resize(100, 30)
            # a size travels beside the keys, and may be overtaken
            until(lambda: self.says_size(shown, "30 100"))
            shown.send("exit 7\r")
            assert shown.wait_exit() == 7
            assert shown.termios_attributes() == before

    def test_a_no_leads_through_the_engine(self) -> None:
        with on_terminal("--demo", "ssh", "dl-dev") as shown:
            shown.wait_for(r"Put it in\?")
            shown.send("\r")
            shown.wait_for(r"^envtui: not over SSH: envtui's key may not be put into it")
            shown.wait_for(r"^envtui: engine exec · root@dl-dev\.")
            shown.wait_for(r"^root@dl-dev:/workspace#$")
            shown.send("\r~.")
            assert shown.wait_exit() == 0
            assert "envtui: dl-dev: left" in shown.text() and shown.echo and shown.canonical

    @pytest.mark.parametrize(("key", "status"), [("ctrl+c", 130), ("ctrl+d", 1)])
    def test_the_question_can_be_given_up(self, key: str, status: int) -> None:
        with on_terminal("--demo", "ssh", "dl-dev") as shown:
            before = shown.termios_attributes()
            shown.wait_for(r"Put it in\?")
            shown.press(key)
            assert shown.wait_exit() == status
            assert shown.termios_attributes() == before and "Traceback" not in shown.text()

    def test_a_signal_gives_the_terminal_back(self) -> None:
        with on_terminal("--demo", "ssh", "optuna-db") as shown:
            before = shown.termios_attributes()
            shown.wait_for(r"^999@optuna-db:/workspace\$$")
            shown.signal(signal.SIGTERM)
            assert shown.wait_exit() == 128 + signal.SIGTERM
            assert shown.termios_attributes() == before

    def test_a_command_gets_a_terminal_when_it_is_to(self) -> None:
        with on_terminal("--demo", "ssh", "optuna-db", "-t", "--", "tty") as shown:
            assert shown.wait_exit() == 0
            assert shown.raw == b"/dev/pts/1\r\n"

    def test_a_command_between_pipes_is_asked_for_on_the_terminal(self, tmp_path: Path) -> None:
        line, out = 'echo told | "$@" >"$OUT"; echo "status $?"', tmp_path / "out"
        command = ["sh", "-c", line, "sh", *ENVTUI, "--demo", "ssh", "dl-dev", "--", "cat"]
        with TerminalSession(command, env={"OUT": str(out)}) as shown:
            shown.wait_for(r"Put it in\?")
            shown.send("y\r")
            shown.wait_for(r"^status 0")
        assert out.read_bytes() == b"told\n"
