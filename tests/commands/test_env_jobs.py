"""`envtui env jobs` and `cancel`: jobs are found, listed, ended."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.commands.change_hosts import Host, begin
from tests.rig.waiting import until
from tui.demo.changes import DemoChanges
from tui.model.changes import ChangeJob
from tui.model.containers import Container
from tui.model.errors import EngineTimeout

HOSTILE = "env \x1b]0;owned\x07'\"$HOME [red]\n\u202e분할"
PLAN_KEYS = [
    "change", "is_exact", "packages", "removes", "commands", "fetch_bytes", "frees_bytes", "notes",
]  # fmt: skip


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
