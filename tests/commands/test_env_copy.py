"""`envtui env copy`: by packages, by archive, and where neither is possible."""

from __future__ import annotations

import pytest

from tests.commands.change_hosts import Host
from tui.model.environments import EnvironmentKind

HOSTILE = "env \x1b]0;owned\x07'\"$HOME [red]\n\u202e분할"
PLAN_KEYS = [
    "change", "is_exact", "packages", "removes", "commands", "fetch_bytes", "frees_bytes", "notes",
]  # fmt: skip


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
        host.json("copy", "dl-dev/vision", "llm-finetune", "--by", "archive", "--yes")
        for more in ("--yes", "--dry-run"):
            code, out, err = host.run(
                "copy", "dl-dev/vision", "llm-finetune", "--by", "archive", more, "--json"
            )
            assert (code, out) == (1, "") and "there" in err

    def test_base_is_not_carried(self, host: Host) -> None:
        code, out, err = host.run("copy", "dl-dev/base", "serve-qwen", "--by", "archive", "--yes", "--json")
        assert (code, out) == (1, "") and "base" in err

    def test_from_a_stopped_one(self, host: Host) -> None:
        assert host.json("copy", "eval-suite/base", "llm-finetune/old", "--yes")["state"] == "done"

    @pytest.mark.parametrize("target", ["eval-suite", "optuna-db", "nosuch"])
    def test_where_nothing_can_be_made(self, host: Host, target: str) -> None:
        code, out, err = host.run("copy", "dl-dev/vision", target, "--yes")
        assert (code, out) == (1, "") and err.count("\n") == 1
