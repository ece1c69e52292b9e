"""`envtui env create … clean`: planned, agreed to, done, refused; and what scripts and people are told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands.change_hosts import Host, begin
from tui.demo.environments import DemoEnvironments
from tui.model.containers import Container
from tui.model.environments import EnvironmentKind, EnvironmentList

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
