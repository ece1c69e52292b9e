"""`envtui env create … clean`: planned, agreed to, done, refused; and what scripts and people are told."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

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


class TestPlans:
    def test_for_people_with_marks(self, host: Host) -> None:
        code, out, err = host.run("install", "dl-dev/legacy-seg", "xformers", "--dry-run")
        assert (code, err) == (0, "")
        title, torch, numpy, xformers, *rest = out.splitlines()
        assert title.split() == ["PACKAGE", "WHAT", "NOW", "THEN", "FROM", "FETCH"]
        assert torch.startswith("pytorch ") and "other build" in torch and "cuda11.7" in torch
        assert numpy.startswith("numpy ") and "DOWNGRADE" in numpy
        assert "new" in xformers.split()
        assert any(line.startswith("to be fetched: ") for line in rest)
        command = "runs: /opt/conda/bin/conda install -p /opt/conda/envs/legacy-seg -y xformers"
        assert command in rest

    def test_for_scripts(self, host: Host) -> None:
        told = host.json("install", "dl-dev/legacy-seg", "xformers", "-c", "nvidia", "--dry-run")
        assert list(told) == PLAN_KEYS and told["is_exact"] is True
        assert told["change"]["verb"] == "install" and told["change"]["channels"] == ["nvidia"]
        assert told["change"]["packages"] == ["xformers"] and told["change"]["container"] == "dl-dev"
        numpy = next(each for each in told["packages"] if each["name"] == "numpy")
        assert (numpy["old"], numpy["new"], numpy["is_downgrade"]) == ("1.26.4", "1.24.4", True)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("create", "dl-dev/fresh", "numpy"),
            ("clone", "dl-dev/vision", "fresh"),
            ("rename", "dl-dev/vision", "fresh"),
            ("install", "dl-dev/vision", "tqdm", "--pip", "einops"),
            ("update", "dl-dev/vision"),
            ("remove", "dl-dev/vision", "wheel"),
            ("remove", "dl-dev/vision"),
            ("clean", "dl-dev"),
            ("copy", "dl-dev/vision", "llm-finetune"),
            ("copy", "dl-dev/vision", "llm-finetune", "--by", "archive"),
        ],
    )
    @pytest.mark.parametrize("form", [(), ("--json",)])
    def test_change_nothing(self, host: Host, arguments: Sequence[str], form: Sequence[str]) -> None:
        before = host.environments(), host.environments("llm-finetune")
        code, out, _ = host.run(*arguments, "--dry-run", *form)
        assert code == 0 and out
        if form:
            json.loads(out)
        assert host.json("jobs") == []
        assert (host.environments(), host.environments("llm-finetune")) == before


class TestDoing:
    def test_create(self, host: Host) -> None:
        told = host.json("create", "dl-dev/fresh", "numpy<2", "--python", "3.11", "--pip", "einops", "--yes")
        assert list(told) == ["job", "state", "error", "log_tail"]
        assert (told["state"], told["error"]) == ("done", None)
        assert told["job"]["change"]["prefix"] == "/opt/conda/envs/fresh"
        assert any("Executing transaction" in line for line in told["log_tail"])
        fresh = next(each for each in host.environments() if each.label == "fresh")
        assert (fresh.python, fresh.pip_packages) == ("3.11.11", 1)
        # what was told is not kept in the container
        assert host.json("jobs") == []

    def test_the_log_goes_by_on_stderr(self, host: Host) -> None:
        code, out, err = host.run("create", "dl-dev/fresh", "numpy", "--yes")
        assert code == 0
        assert "Collecting package metadata" in err and err.endswith("envtui: Create fresh in dl-dev: done\n")
        assert "PACKAGE" in out and "Collecting" not in out

    def test_clone_rename_install_update_remove(self, host: Host) -> None:
        for arguments in (
            ("clone", "dl-dev/vision", "other"),
            ("rename", "dl-dev/other", "third"),
            ("install", "dl-dev/third", "tqdm"),
            ("update", "dl-dev/third"),
            ("remove", "dl-dev/third", "tqdm"),
        ):
            assert host.json(*arguments, "--yes")["state"] == "done", arguments
        assert "third" in host.labels() and "other" not in host.labels()
        assert host.json("remove", "dl-dev//opt/conda/envs/third", "--yes")["state"] == "done"
        assert "third" not in host.labels() and "vision" in host.labels()

    def test_a_venv_is_cloned_from_its_list(self, host: Host) -> None:
        told = host.json("clone", "dl-dev//workspace/captions/.venv", "/workspace/again/.venv", "--yes")
        assert told["job"]["change"]["file"] == "packages of /workspace/captions/.venv"
        first, again = (
            next(each for each in host.environments() if each.prefix == f"/workspace/{name}/.venv")
            for name in ("captions", "again")
        )
        assert (again.kind, again.torch, again.pip_packages) == (
            EnvironmentKind.UV, first.torch, first.pip_packages,
        )  # fmt: skip

    def test_options_may_stand_anywhere(self, host: Host) -> None:
        for arguments in (
            ("install", "--dry-run", "-c", "nvidia", "dl-dev/vision", "tqdm", "--pip", "einops", "polars"),
            ("install", "dl-dev/vision", "-c", "nvidia", "tqdm", "polars", "--pip", "einops", "--dry-run"),
            ("install", "dl-dev/vision", "--dry-run", "tqdm", "--pip=einops", "-cnvidia", "--", "polars"),
        ):
            change = host.json(*arguments)["change"]
            assert (change["packages"], change["pip_packages"], change["channels"]) == (
                ["tqdm", "polars"], ["einops"], ["nvidia"],
            )  # fmt: skip

    def test_clean(self, host: Host) -> None:
        assert host.json("clean", "dl-dev", "--dry-run")["frees_bytes"] > 0
        assert host.json("clean", "dl-dev", "--yes")["state"] == "done"
        assert host.json("clean", "dl-dev/vision", "--dry-run")["frees_bytes"] == 0

    @pytest.mark.parametrize("kind", ["venv", "uv", "conda"])
    def test_of_a_kind(self, host: Host, kind: str) -> None:
        prefix = f"/data/{kind}"
        host.json("create", f"dl-dev/{prefix}", "einops", "--kind", kind, "--yes")
        found = next(each for each in host.environments() if each.prefix == prefix)
        assert found.kind.value == kind

    def test_from_a_file(self, host: Host, tmp_path: Path) -> None:
        file = tmp_path / "environment.yml"
        file.write_text("channels: [conda-forge]\ndependencies:\n  - python=3.12\n  - numpy\n")
        told = host.json("create", "dl-dev/filed", "-f", str(file), "--yes")
        assert told["job"]["change"]["file"] == "environment.yml"
        assert "filed" in host.labels()

    def test_a_faulty_file_is_told_before_the_plan(self, host: Host, tmp_path: Path) -> None:
        file = tmp_path / "environment.yml"
        file.write_text(
            "channels: [conda-forge]\ndependencies:\n  - python=3.12\n  - cudatoolkit=12.1\n  - numpy\n"
        )
        code, out, err = host.run("create", "dl-dev/filed", "-f", str(file), "--dry-run")
        lines = err.splitlines()
        assert (code, out) == (1, "")
        assert lines[0].startswith("envtui: environment.yml:4: error: ") and "cudatoolkit" in lines[0]
        assert lines[-1].startswith("envtui: There is no such package")
        assert any("env check --fix" in line for line in lines[:-1])

    @pytest.mark.parametrize("name", ["/data/my env", "/data/분할", "/data/$HOME", '/data/it\'s "so"'])
    def test_odd_paths(self, host: Host, name: str) -> None:
        assert host.json("create", f"dl-dev/{name}", "numpy", "--yes")["state"] == "done"
        assert host.json("install", f"dl-dev/{name}", "tqdm", "--yes")["state"] == "done"
        assert host.json("remove", f"dl-dev/{name}", "--yes")["state"] == "done"
        assert name not in [each.prefix for each in host.environments()]


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("install", "dl-dev/base", "numpy"), "base is never changed"),
            (("remove", "dl-dev/base"), "base is the installation itself"),
            (("rename", "dl-dev/base", "other"), "base is the installation itself"),
            (("update", "dl-dev/base"), "allow_base"),
            (("install", "notebook-chen//opt/conda", "numpy"), "base is never changed"),
            (("install", "vision-train//usr", "numpy"), "belongs to the image"),
            (("rename", "dl-dev//workspace/captions/.venv", "x"), "its programs name its path"),
            (("install", "notebook-ana/default", "numpy"), "by its own manifest"),
            (("create", "dl-dev/vision", "numpy"), "already"),
            (("create", "dl-dev/x", "nosuchpkg"), "not available from current channels: - nosuchpkg"),
            (("create", "optuna-db/x", "numpy"), "makes environments"),
            (("create", "tensorboard//x", "numpy", "--kind", "conda"), "No conda"),
            (("install", "dl-dev/nosuch", "numpy"), "there is no nosuch in dl-dev"),
            (("install", "nosuch/vision", "numpy"), "No such container"),
            (("install", "eval-suite/base", "numpy"), "does not run"),
            (("install", "rl-sim/base", "numpy"), "is paused"),
            (("remove", "dl-dev/vision", "not-there"), "missing from the target environment"),
            (("rename", "dl-dev/vision", "vision"), "Nothing would change"),
            (("rename", "dl-dev/vision", "next"), "already"),
            (("clean", "optuna-db"), "no installation of conda"),
        ],
    )
    def test_say_why(self, host: Host, arguments: Sequence[str], said: str) -> None:
        name = arguments[1].partition("/")[0]
        before = host.environments(name) if name != "nosuch" else ()
        code, out, err = host.run(*arguments, "--yes")
        assert (code, out) == (1, "") and said in err and err.count("\n") == 1
        assert name == "nosuch" or host.environments(name) == before

    def test_base_where_the_settings_allow_it(self, host: Host) -> None:
        host.settings("environments:\n  allow_base: true\n")
        assert host.json("install", "dl-dev/base", "einops", "--yes")["state"] == "done"
        code, _, err = host.run("remove", "dl-dev/base", "--yes")
        assert code == 1 and "installation itself" in err
        # a frozen one stays as it is
        code, _, err = host.run("install", "notebook-chen/base", "einops", "--yes")
        assert code == 1 and "frozen" in err

    @pytest.mark.parametrize(
        "arguments",
        [
            ("install", "dl-dev/vision"),
            ("install", "dl-dev", "numpy"),
            ("install", "dl-dev/", "numpy"),
            ("create", "dl-dev", "numpy"),
            ("create", "dl-dev/a b", "numpy"),
            ("create", "dl-dev/x\x1b[2J", "numpy"),
            ("create", "dl-dev/x", "numpy", "--kind", "venv"),
            ("install", "dl-dev/vision", "a\nb"),
            ("install", "dl-dev/vision", ""),
            ("install", "dl-dev/vision", "numpy", "--user=-x"),
            ("install", "dl-dev/vision", "numpy", "-c", ""),
            ("copy", "dl-dev/vision", "dl-dev"),
            ("copy", "dl-dev/vision", "llm-finetune/other", "--by", "archive"),
        ],
    )
    def test_mistakes_on_the_command_line(self, host: Host, arguments: Sequence[str]) -> None:
        code, out, err = host.run(*arguments, "--yes")
        assert (code, out, err.count("\n")) == (2, "", 1) and "\x1b" not in err

    def test_options_that_pass_for_packages(self, host: Host) -> None:
        code, _, err = host.run("install", "dl-dev/vision", "--yes", "--", "--prefix=/")
        assert code == 2 and "No package" in err

    def test_packages_and_a_file(self, host: Host, tmp_path: Path) -> None:
        file = tmp_path / "requirements.txt"
        file.write_text("numpy\n")
        for arguments in (("create", "dl-dev/x", "numpy"), ("update", "dl-dev/vision", "numpy")):
            code, _, err = host.run(*arguments, "-f", str(file), "--yes")
            assert code == 2 and "one of both" in err

    @pytest.mark.parametrize("content", [b"\xff\xfe", b"a\0b", None])
    def test_files_that_are_none(self, host: Host, tmp_path: Path, content: bytes | None) -> None:
        file = tmp_path / "environment.yml"
        if content is not None:
            file.write_bytes(content)
        code, out, err = host.run("create", "dl-dev/x", "-f", str(file), "--yes")
        assert (code, out, err.count("\n")) == (1, "", 1)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("create", "dl-dev/x", "numpy"), ("remove", "dl-dev/vision"), ("clean", "dl-dev"),
            ("copy", "dl-dev/vision", "llm-finetune"), ("install", "dl-dev/vision", "tqdm", "--dry-run"),
            ("jobs",), ("cancel", "dl-dev", "abc"),
        ],
    )  # fmt: skip
    def test_read_only(self, host: Host, arguments: Sequence[str]) -> None:
        before = host.environments()
        more = () if arguments[0] in ("jobs", "cancel") else ("--yes",)
        code, out, err = host.run(*arguments, *more, "--read-only")
        assert (code, out) == (1, "") and err.startswith("envtui: Read-only: ")
        assert host.environments() == before

    def test_nobody_who_could_agree(self, host: Host) -> None:
        before = host.environments()
        for arguments in (("remove", "dl-dev/vision"), ("create", "dl-dev/x", "numpy")):
            code, out, err = host.run(*arguments)
            assert (code, out) == (2, "") and "needs --yes" in err
        assert host.environments() == before

    def test_a_host_without_the_ability(self, host: Host) -> None:
        host.swap(changes=None)
        code, _, err = host.run("remove", "dl-dev/vision", "--yes")
        assert code == 1 and err.startswith("envtui: No changes")

    def test_a_second_job_on_one_environment(self, host: Host) -> None:
        job = begin(host, "install", "dl-dev/vision", "tqdm")
        code, _, err = host.run("remove", "dl-dev/vision", "--yes")
        assert code == 1 and "at work" in err and job["id"] in err


def begin(host: Host, *arguments: str) -> dict[str, Any]:
    """Begin a job that stands still, and leave it, as somebody does whose terminal is gone."""

    class Leaving(DemoChanges):
        def start(self, *given: Any) -> ChangeJob:
            host.clock.hold()
            job = super().start(*given)
            os.kill(os.getpid(), signal.SIGTERM)
            return job

    before = host.station
    host.swap(changes=Leaving(host.world))
    code, _, err = host.run(*arguments, "--yes")
    host.use(before)
    assert code == 128 + signal.SIGTERM and "goes on in" in err and "envtui env jobs" in err
    (job,) = host.json("jobs", arguments[1].partition("/")[0])
    assert isinstance(job, dict)
    return job


class TestAmbiguity:
    def test_candidates_are_told(self, host: Host) -> None:
        class Twice(DemoEnvironments):
            def environments(self, container: Container, ask_inside: bool = True) -> EnvironmentList:
                listing = super().environments(container, ask_inside)
                twin = replace(listing.environments[-2], prefix="/data/\x1b[2Jvision")
                return replace(listing, environments=(*listing.environments, twin))

        host.swap(environments=Twice(host.world))
        code, out, err = host.run("remove", "dl-dev/vision", "--yes")
        assert (code, out) == (2, "") and "\x1b" not in err
        assert "dl-dev//opt/conda/envs/vision" in err and "/data/␛[2Jvision" in err
        assert "vision" in host.labels()


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


class TestCopy:
    def test_by_packages(self, host: Host) -> None:
        told = host.json("copy", "dl-dev/legacy-seg", "llm-finetune", "--yes")
        assert told["state"] == "done" and told["job"]["change"]["container"] == "llm-finetune"
        code, out, err = host.run_diff("dl-dev/legacy-seg", "llm-finetune/legacy-seg")
        assert (code, out, err) == (0, "", "")

    def test_with_pip_packages_under_another_name(self, host: Host) -> None:
        told = host.json("copy", "dl-dev/vision", "llm-finetune/seeing", "--yes")
        assert told["state"] == "done"
        assert host.run_diff("dl-dev/vision", "llm-finetune/seeing")[0] == 0

    def test_a_venv_becomes_one(self, host: Host) -> None:
        host.json("copy", "dl-dev//workspace/captions/.venv", "llm-finetune", "--yes")
        found = next(
            each for each in host.environments("llm-finetune") if each.prefix == "/workspace/captions/.venv"
        )
        assert found.kind is EnvironmentKind.VENV and found.torch == "2.6.0+cu124"

    def test_what_is_not_carried_is_named(self, host: Host) -> None:
        _, out, _ = host.run("copy", "serve-embed//opt/server/.venv", "llm-finetune", "--dry-run")
        assert "note: not carried: text-embeddings-server" in out

    def test_without_a_network_the_other_way_is_named(self, host: Host) -> None:
        host.world.faults.no_network = True
        code, _, err = host.run("copy", "dl-dev/vision", "llm-finetune", "--yes")
        assert code == 1 and "--by archive" in err and "vision" not in host.labels("llm-finetune")
        told = host.json("copy", "dl-dev/vision", "llm-finetune", "--by", "archive", "--yes")
        assert list(told) == ["by", "source", "prefix", "target", "bytes", "state", "error"]
        assert (told["state"], told["bytes"]) == ("done", 7420 << 20)
        assert "vision" in host.labels("llm-finetune")

    def test_by_archive_onto_something(self, host: Host) -> None:
        code, out, err = host.run("copy", "dl-dev/base", "llm-finetune", "--by", "archive", "--yes", "--json")
        assert code == 1 and json.loads(out)["state"] == "failed" and "there" in err

    def test_from_a_stopped_one(self, host: Host) -> None:
        assert host.json("copy", "eval-suite/base", "llm-finetune/old", "--yes")["state"] == "done"

    @pytest.mark.parametrize("target", ["eval-suite", "optuna-db", "nosuch"])
    def test_where_nothing_can_be_made(self, host: Host, target: str) -> None:
        code, out, err = host.run("copy", "dl-dev/vision", target, "--yes")
        assert (code, out) == (1, "") and err.count("\n") == 1


class TestJobs:
    def test_one_that_runs_is_found_and_cancelled(self, host: Host) -> None:
        job = begin(host, "create", "dl-dev/fresh", "numpy")
        assert (job["state"], job["change"]["verb"]) == ("running", "create")
        assert isinstance(job["pid"], int) and job["started_at"].startswith("2026-")
        code, out, err = host.run("jobs")
        assert (code, err) == (0, "")
        assert out.splitlines()[1].startswith(f"dl-dev     {job['id']}  running  Create fresh in dl-dev")
        told = host.json("cancel", "dl-dev", job["id"][:6])
        assert (told["id"], told["state"]) == (job["id"], "cancelled")
        assert host.json("jobs") == [] and "fresh" not in host.labels()

    def test_one_that_is_over_is_listed_until_it_is_forgotten(self, host: Host) -> None:
        job = begin(host, "create", "dl-dev/fresh", "numpy")
        host.clock.go_on()
        until(lambda: "fresh" in host.labels(), 30, "the job ends")
        assert host.json("jobs", "dl-dev")[0]["state"] == "done"
        code, _, err = host.run("cancel", "dl-dev", job["id"])
        assert code == 1 and "is over" in err
        assert host.json("jobs", "dl-dev", "--forget")[0]["id"] == job["id"]
        assert host.json("jobs", "dl-dev") == []

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("jobs", "nosuch"), "No such container"),
            (("jobs", "eval-suite"), "does not run"),
            (("cancel", "dl-dev", "abc"), "No such job"),
            (("cancel", "dl-dev", ""), "No such job"),
        ],
    )
    def test_what_is_not_there(self, host: Host, arguments: Sequence[str], said: str) -> None:
        code, out, err = host.run(*arguments)
        assert (code, out) == (1, "") and said in err

    def test_a_container_that_can_not_be_asked(self, host: Host) -> None:
        class Failing(DemoChanges):
            def jobs(self, container: Container) -> Sequence[ChangeJob]:
                if container.name == "dl-dev":
                    raise EngineTimeout("The engine does not answer", "\x1b[2J")
                return super().jobs(container)

        host.swap(changes=Failing(host.world))
        code, out, err = host.run("jobs", "--json")
        assert (code, json.loads(out)) == (1, []) and err.startswith("envtui: dl-dev: ")
        assert "\x1b" not in err


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
