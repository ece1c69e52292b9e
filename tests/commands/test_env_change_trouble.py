"""What goes wrong while an environment is changed, and ctrl+c: said, and nothing hangs."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.commands.change_hosts import Host
from tests.rig.terminal import TerminalSession
from tests.rig.waiting import until
from tui.demo.changes import DemoChanges
from tui.demo.environments import DemoEnvironments
from tui.model.changes import ChangeJob, JobNews
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList
from tui.model.errors import ChangeError, EngineTimeout
from tui.model.operations import Operation, Step

HOSTILE = "env \x1b]0;owned\x07'\"$HOME [red]\n\u202e분할"
PLAN_KEYS = [
    "change", "is_exact", "packages", "removes", "commands", "fetch_bytes", "frees_bytes", "notes",
]  # fmt: skip


class TestFailures:
    def test_a_job_that_fails_says_why_and_what_it_printed(self, host: Host) -> None:
        code, out, err = host.run("install", "dl-dev/legacy-seg", "brokenpkg", "--yes", "--json")
        told = json.loads(out)
        assert (code, told["state"]) == (1, "failed")
        assert (told["error"]["kind"], told["error"]["exit_code"]) == ("LinkError", 1)
        assert any("Rolling back" in line for line in told["log_tail"])
        assert "could not be installed" in err and host.json("jobs") == []

    def test_the_container_is_removed_in_the_middle(self, host: Host) -> None:
        code, err = self.act(
            host, lambda target: self.perform(host, target, Operation.STOP, Operation.REMOVE)
        )
        assert code == 1 and "was removed" in err

    def test_the_container_is_stopped_in_the_middle(self, host: Host) -> None:
        code, err = self.act(host, lambda target: self.perform(host, target, Operation.STOP))
        assert code == 1 and "was stopped while it ran" in err

    def test_the_container_is_paused_in_the_middle(self, host: Host) -> None:
        code, err = self.act(host, lambda target: self.perform(host, target, Operation.PAUSE))
        assert code == 1 and "was paused" in err and "envtui env jobs dl-dev" in err

    def test_the_engine_is_gone_for_good(self, host: Host) -> None:
        code, err = self.act(host, lambda target: setattr(host.world.faults, "engine_gone", True))
        assert code == 1 and "No container engine" in err

    @staticmethod
    def perform(host: Host, target: Container, *operations: Operation) -> None:
        for each in operations:
            host.world.perform(Step(each, target.id, target.name))

    @staticmethod
    def act(host: Host, act: Callable[[Container], None]) -> tuple[int, str]:
        """Let something happen once a job runs that would never end by itself."""
        target = host.container()

        class Acting(DemoChanges):
            def start(self, *given: Any) -> ChangeJob:
                job = super().start(*given)
                host.clock.hold()
                act(target)
                return job

        host.swap(changes=Acting(host.world))
        code, _, err = host.run("create", "dl-dev/fresh", "numpy", "--yes")
        return code, err

    def test_an_engine_that_is_silent_once(self, host: Host) -> None:
        class Silent(DemoChanges):
            failures = 0

            def news(self, *given: Any) -> JobNews:
                self.failures += 1
                if self.failures <= 2:
                    raise EngineTimeout("The engine does not answer", "30 s went by")
                return super().news(*given)

        host.swap(changes=Silent(host.world))
        assert host.json("create", "dl-dev/fresh", "numpy", "--yes")["state"] == "done"

    def test_a_log_that_would_drive_the_terminal(self, host: Host) -> None:
        class Hostile(DemoChanges):
            def news(self, container: Container, job: ChangeJob, offset: int) -> JobNews:
                news = super().news(container, job, offset)
                log = f"{HOSTILE}\n 10%\r 90%\rdone\n\x1b[2J\xff\n".encode() + b"\xff\xfe no end"
                return replace(
                    news, log=log if not offset else b"", log_offset=offset,
                    job=replace(news.job, log_bytes=len(log)),
                )  # fmt: skip

        host.swap(changes=Hostile(host.world))
        code, _, err = host.run("create", "dl-dev/fresh", "numpy", "--yes")
        assert code == 0 and not {"\x1b", "\x07", "\u202e", "\r"} & set(err)
        assert "\ndone\n" in err and "10%" not in err and "no end\n" in err

    def test_hostile_names_in_a_plan(self, host: Host) -> None:
        class Hostile(DemoEnvironments):
            def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
                odd = Environment(container.id, f"/{HOSTILE}", HOSTILE, EnvironmentKind.CONDA)
                listing = super().environments(container, ask_inside)
                return replace(listing, environments=(*listing.environments, odd))

        host.swap(environments=Hostile(host.world))
        for command, *more in (("remove",), ("install", "numpy"), ("update",)):
            code, _, err = host.run(command, f"dl-dev/{HOSTILE}", *more, "--yes")
            assert code == 1 and not {"\x1b", "\x07", "\u202e"} & set(err) and err.count("\n") == 1


class TestInterrupting:
    """In this process: signals reach its main thread, which is the one that waits."""

    @staticmethod
    def interrupted(host: Host, changes: DemoChanges) -> tuple[int, str, str]:
        host.swap(changes=changes)
        return host.run("create", "dl-dev/fresh", "numpy", "--yes", "--json")

    def test_once_cancels_in_the_container(self, host: Host) -> None:
        class Interrupting(DemoChanges):
            def start(self, *given: Any) -> ChangeJob:
                host.clock.hold()
                job = super().start(*given)
                os.kill(os.getpid(), signal.SIGINT)
                return job

        code, out, err = self.interrupted(host, Interrupting(host.world))
        assert (code, json.loads(out)["state"]) == (130, "cancelled")
        assert "cancelling …" in err and "fresh" not in host.labels() and host.json("jobs") == []

    def test_twice_leaves_it_to_the_container(self, host: Host) -> None:
        never = threading.Event()

        class Stubborn(DemoChanges):
            def start(self, *given: Any) -> ChangeJob:
                host.clock.hold()
                job = super().start(*given)
                os.kill(os.getpid(), signal.SIGINT)
                return job

            def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
                os.kill(os.getpid(), signal.SIGINT)
                never.wait(30)
                return job

        code, out, err = self.interrupted(host, Stubborn(host.world))
        never.set()
        assert (code, out) == (130, "") and "`envtui env jobs dl-dev` shows it" in err
        assert [each["state"] for each in host.json("jobs")] == ["running"]

    def test_one_that_can_not_be_ended(self, host: Host) -> None:
        class Stuck(DemoChanges):
            def start(self, *given: Any) -> ChangeJob:
                job = super().start(*given)
                os.kill(os.getpid(), signal.SIGINT)
                return job

            def cancel(self, container: Container, job: ChangeJob) -> ChangeJob:
                raise ChangeError("The job can't be ended", "its process does not listen")

        code, out, err = self.interrupted(host, Stuck(host.world))
        assert (code, out) == (1, "") and "can't be ended" in err

    def test_while_the_manager_thinks(self, host: Host) -> None:
        class Thinking(DemoChanges):
            def plan(self, container: Container, change: Any, is_cancelled: Callable[[], bool]) -> Any:
                os.kill(os.getpid(), signal.SIGINT)
                until(is_cancelled, 30, "the question is called off")
                return super().plan(container, change, is_cancelled)

        code, out, err = self.interrupted(host, Thinking(host.world))
        assert (code, out, err) == (130, "", "") and host.json("jobs") == []

    def test_the_signals_are_given_back(self, host: Host) -> None:
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        host.json("create", "dl-dev/fresh", "numpy", "--yes")
        after = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
        assert before == after


class TestOnATerminal:
    """The program itself, with its own make-believe world and time."""

    @staticmethod
    def session(tmp_path: Path, *arguments: str) -> TerminalSession:
        command = [sys.executable, "-m", "tui", "--demo", "env", *arguments]
        return TerminalSession(command, env={"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)})

    def test_removing_wants_the_name(self, tmp_path: Path) -> None:
        with self.session(tmp_path, "remove", "dl-dev/next") as shown:
            shown.wait_for(r"asking conda in dl-dev what it would do")
            shown.wait_for(r"^removed: /opt/conda/envs/next")
            shown.wait_for(r"^Type next to remove it:")
            shown.send("nexd\r")
            assert shown.wait_exit() == 1 and "nothing was changed" in shown.text()
        with self.session(tmp_path, "remove", "dl-dev/next") as shown:
            shown.wait_for(r"^Type next to remove it:")
            shown.send("next\r")
            shown.wait_for(r"^envtui: Remove next in dl-dev: done")
            assert shown.wait_exit() == 0

    def test_others_want_a_y(self, tmp_path: Path) -> None:
        for keys, code in (("\r", 1), ("n\r", 1), ("\x04", 1), ("\x03", 130)):
            with self.session(tmp_path, "install", "dl-dev/vision", "tqdm") as shown:
                shown.wait_for(r"^Install tqdm into vision in dl-dev\? \(y/N\)")
                shown.send(keys)
                assert shown.wait_exit() == code and "Solving" not in shown.text()

    def test_ctrl_c_ends_the_job(self, tmp_path: Path) -> None:
        with self.session(tmp_path, "create", "dl-dev/fresh", "numpy", "--yes") as shown:
            shown.wait_for(r"^Collecting package metadata")
            shown.press("ctrl+c")
            shown.wait_for(r"cancelling …")
            assert shown.wait_exit() == 130
            assert "Create fresh in dl-dev: cancelled" in shown.text()
            assert shown.echo and shown.canonical
