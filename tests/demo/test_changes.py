"""Changes of the make-believe environments: planned, done by the clock, cancelled."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.demo.desk import LONG_ENOUGH, Desk
from tui.demo.changes import DemoChanges
from tui.demo.requests import NO_SUCH_PACKAGE
from tui.model.change_making import clone_of
from tui.model.changes import (
    ChangeState,
    ChangeVerb,
    FileFormat,
    SourceFile,
)
from tui.model.environments import EnvironmentKind, Origin
from tui.model.errors import (
    ChangeCancelled,
    ChangeFailed,
    ChangeLost,
)


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestPlans:
    def test_a_downgrade_and_another_build_come_first(self, desk: Desk) -> None:
        plan = desk.plan(desk.change(ChangeVerb.INSTALL, "legacy-seg", "xformers"))
        torch, numpy, xformers = plan.packages
        assert (torch.name, torch.old_version) == ("pytorch", torch.new_version)
        assert torch.old_build != torch.new_build and not torch.is_downgrade
        assert (numpy.name, numpy.is_downgrade) == ("numpy", True)
        assert (xformers.name, xformers.old_version) == ("xformers", None)
        assert plan.fetch_bytes == sum(each.fetch_bytes or 0 for each in plan.packages) > 0

    def test_the_same_by_pip(self, desk: Desk) -> None:
        plan = desk.plan(desk.change(ChangeVerb.INSTALL, "/workspace/captions/.venv", "xformers"))
        torch, numpy, _ = plan.packages
        assert (torch.old_version, torch.new_version) == ("2.6.0+cu124", "2.5.1+cu121")
        assert torch.is_downgrade and numpy.is_downgrade and numpy.owner == "pip"
        # pip does not tell how much it fetches
        assert plan.fetch_bytes is None

    def test_nothing_is_changed_by_one(self, desk: Desk) -> None:
        before = desk.all()
        desk.plan(desk.change(ChangeVerb.INSTALL, "legacy-seg", "xformers"))
        desk.plan(desk.change(ChangeVerb.REMOVE, "vision"))
        desk.clock.advance(LONG_ENOUGH)
        assert desk.all() == before and desk.changes.jobs(desk.container()) == ()

    def test_the_same_each_time(self) -> None:
        plans = []
        for _ in range(2):
            desk = Desk()
            plans.append(desk.plan(desk.new("x", "nobody-knows-this", "scikit-image>=0.20")))
        assert plans[0] == plans[1]
        assert {"nobody-knows-this", "scikit-image", "python"} <= {each.name for each in plans[0].packages}

    @pytest.mark.parametrize("spec", ["numpy=1.26", "numpy<2", "numpy==1.26.4", "conda-forge::numpy 1.26.*"])
    def test_a_constraint_is_kept(self, desk: Desk, spec: str) -> None:
        packages = {each.name: each.new_version for each in desk.plan(desk.new("x", spec)).packages}
        assert packages["numpy"] == "1.26.4"

    def test_a_python(self, desk: Desk) -> None:
        job = desk.do(replace(desk.new("x", "numpy"), python="3.11"))
        assert job.state is ChangeState.DONE
        assert desk.find("x").python == "3.11.11" == desk.versions("x")["python"]

    @pytest.mark.parametrize(
        ("label", "name", "kind", "words"),
        [
            (
                "legacy-seg",
                "dl-dev",
                "PackagesNotFoundInChannelsError",
                "not available from current channels",
            ),
            ("stats", "notebook-ana", "UnsatisfiableError", "does not exist (perhaps a typo"),
            ("/workspace/captions/.venv", "dl-dev", "", "was not found in the package registry"),
            ("/workspace/eval/.venv", "llm-finetune", "", "No matching distribution found"),
        ],
    )
    def test_a_package_that_does_not_exist(
        self, desk: Desk, label: str, name: str, kind: str, words: str
    ) -> None:
        change = desk.change(ChangeVerb.INSTALL, label, NO_SUCH_PACKAGE, name=name)
        with pytest.raises(ChangeFailed) as caught:
            desk.plan(change)
        assert (caught.value.kind, caught.value.exit_code) == (kind, 1)
        assert words in caught.value.detail and NO_SUCH_PACKAGE in caught.value.detail

    def test_a_toolkit_that_nobody_builds_any_more(self, desk: Desk) -> None:
        with pytest.raises(ChangeFailed, match="no such package"):
            desk.plan(desk.new("x", "cudatoolkit=12.1"))
        assert desk.plan(desk.new("x", "cudatoolkit=11.8")).packages

    def test_without_a_network(self, desk: Desk) -> None:
        desk.world.faults.no_network = True
        with pytest.raises(ChangeFailed) as caught:
            desk.plan(desk.new("x", "numpy"))
        assert caught.value.kind == "CondaHTTPError"
        # what is here already needs none
        assert desk.plan(clone_of(desk.find("vision"), desk.new("y"))).packages
        desk.world.faults.no_network = False
        assert desk.plan(desk.new("x", "numpy")).packages

    def test_called_off(self, desk: Desk) -> None:
        with pytest.raises(ChangeCancelled):
            desk.changes.plan(desk.container(), desk.new("x", "numpy"), lambda: True)

    def test_what_conda_would_lay_over_pip(self, desk: Desk) -> None:
        notes = desk.plan(desk.change(ChangeVerb.INSTALL, "vision", "numpy<2")).notes
        assert any("pip put numpy there" in note for note in notes)

    def test_removing_names_what_runs_out_of_it(self, desk: Desk) -> None:
        vision = desk.find("vision")
        plan = desk.plan(desk.change(ChangeVerb.REMOVE, "vision"))
        assert plan.removes == (vision.prefix,) and plan.frees_bytes == 6980 << 20
        assert any(str(vision.pids[0]) in note for note in plan.notes)


class TestJobs:
    def test_a_new_environment_is_there_at_the_end(self, desk: Desk) -> None:
        change = desk.new("fresh", "python=3.12", "numpy", "scipy")
        planned = {each.name: each.new_version for each in desk.plan(change).packages}
        job = desk.start(change)
        assert job.state is ChangeState.RUNNING and "fresh" not in desk.labels()
        desk.clock.advance(LONG_ENOUGH)
        assert desk.news(job).job.state is ChangeState.DONE
        fresh = desk.find("fresh")
        assert (fresh.kind, fresh.origin, fresh.manager) == (
            EnvironmentKind.CONDA, Origin.LAYER, "/opt/conda/bin/conda",
        )  # fmt: skip
        assert desk.versions("fresh") == planned and fresh.conda_packages == len(planned)
        assert desk.labels() == sorted(
            desk.labels(), key=lambda each: (each != "base", desk.find(each).prefix)
        )

    def test_its_log_grows_in_condas_phases(self, desk: Desk) -> None:
        job = desk.start(desk.new("fresh", "numpy"))
        log = b""
        stages: list[str] = []
        while not job.is_over:
            desk.clock.advance(0.25)
            news = desk.news(job, len(log))
            assert news.log_offset == len(log)
            log, job = log + news.log, news.job
            if not stages or stages[-1] != job.progress.stage:
                stages.append(job.progress.stage)
        assert job.log_bytes == len(log)
        text = log.decode()
        phases = [
            "Collecting package metadata", "Solving environment", "## Package Plan ##", "Downloading and",
                  "Preparing transaction",
                  "Verifying transaction", "Executing transaction"]  # fmt: skip
        places = [text.index(phase) for phase in phases]
        assert places == sorted(places)
        assert [each for each in stages if each in ("solving", "downloading", "linking")] == [
            "solving", "downloading", "linking",
        ]  # fmt: skip

    def test_mamba_names_each_package(self, desk: Desk) -> None:
        job = desk.do(desk.new("tools", "python=3.12", "numpy", name="notebook-ana"))
        log = desk.news(job).log.decode()
        assert log.count("Linking ") == job.progress.total == job.progress.done > 10
        assert "Linking numpy-" in log and "Transaction finished" in log

    def test_installing_changes_packages_size_and_fingerprint(self, desk: Desk) -> None:
        before, size = desk.find("legacy-seg"), self.size(desk, "legacy-seg")
        assert (
            desk.do(desk.change(ChangeVerb.INSTALL, "legacy-seg", "scikit-image")).state is ChangeState.DONE
        )
        after = desk.find("legacy-seg")
        assert after.fingerprint != before.fingerprint and after.modified_at == desk.clock.now()
        assert (after.conda_packages or 0) > (before.conda_packages or 0)
        assert self.size(desk, "legacy-seg") > size
        assert (after.torch, after.cuda_build) == (before.torch, before.cuda_build)

    def test_another_build_of_torch_is_seen(self, desk: Desk) -> None:
        desk.do(desk.change(ChangeVerb.INSTALL, "legacy-seg", "xformers"))
        assert (desk.find("legacy-seg").torch, desk.find("legacy-seg").cuda_build) == ("1.13.1", "11.6")
        desk.do(desk.change(ChangeVerb.INSTALL, "/workspace/captions/.venv", "xformers"))
        assert desk.find("/workspace/captions/.venv").cuda_build == "12.1"

    @staticmethod
    def size(desk: Desk, label: str) -> int:
        found = desk.find(label)
        return desk.backend.sizes(desk.container(), [found], lambda: False)[found.prefix].size_bytes

    def test_clone_rename_uninstall_update_remove(self, desk: Desk) -> None:
        vision = desk.versions("vision")
        assert desk.do(clone_of(desk.find("vision"), desk.new("copy"))).state is ChangeState.DONE
        assert desk.versions("copy") == vision
        renamed = desk.change(ChangeVerb.RENAME, "copy", new_prefix="/opt/conda/envs/other")
        assert desk.do(renamed).state is ChangeState.DONE
        assert "other" in desk.labels() and "copy" not in desk.labels()
        desk.do(desk.change(ChangeVerb.UNINSTALL, "other", "wheel"))
        assert "wheel" not in desk.versions("other")
        desk.do(desk.change(ChangeVerb.UPDATE, "other"))
        assert desk.versions("other")["ca-certificates"] == "2026.1.4"
        assert desk.versions("other")["python"].startswith("3.11.")
        desk.do(desk.change(ChangeVerb.REMOVE, "other"))
        assert "other" not in desk.labels() and desk.versions("vision") == vision

    def test_cleaning_frees_what_it_says_once(self, desk: Desk) -> None:
        change = desk.change(ChangeVerb.CLEAN, "base")
        assert (desk.plan(change).frees_bytes or 0) > 0
        assert desk.do(change).state is ChangeState.DONE
        assert desk.plan(change).frees_bytes == 0

    def test_the_text_of_a_file_is_not_told_again(self, desk: Desk) -> None:
        file = SourceFile(FileFormat.YML, "dependencies: [python=3.12, numpy, {pip: [einops]}]", "x.yml")
        job = desk.do(replace(desk.new("filed"), file=file))
        assert job.change.file == SourceFile(FileFormat.YML, "", "x.yml")
        assert {"numpy", "einops", "python"} <= set(desk.versions("filed"))

    def test_one_is_found_again_and_put_away_when_it_is_over(self, desk: Desk) -> None:
        job = desk.start(desk.new("fresh", "numpy"))
        (found,) = DemoChanges(desk.world).jobs(desk.container())
        assert (found.id, found.pid) == (job.id, job.pid) and found.id.isalnum()
        desk.changes.put_away(desk.container(), job)
        assert desk.changes.jobs(desk.container())
        desk.clock.advance(LONG_ENOUGH)
        desk.changes.put_away(desk.container(), job)
        assert desk.changes.jobs(desk.container()) == ()
        with pytest.raises(ChangeLost):
            desk.news(job)


class TestCancelling:
    @pytest.mark.parametrize("seconds", [0.0, 0.5, 1.5, 3.0, 4.6, 5.4, 6.2])
    def test_leaves_everything_as_it_was(self, desk: Desk, seconds: float) -> None:
        before = desk.all()
        job = desk.start(desk.new("fresh", "numpy"))
        desk.clock.advance(seconds)
        ended = desk.changes.cancel(desk.container(), job)
        desk.clock.advance(LONG_ENOUGH)
        assert ended.state is ChangeState.CANCELLED == desk.news(job).job.state
        assert desk.all() == before
        assert desk.start(desk.new("fresh", "numpy")).state is ChangeState.RUNNING

    def test_within_a_transaction_it_is_rolled_back(self, desk: Desk) -> None:
        job = desk.start(desk.new("fresh", "numpy"))
        desk.clock.advance(1.0)
        assert b"Rolling back" not in desk.news(job).log
        while desk.news(job).job.progress.stage != "linking":
            desk.clock.advance(0.2)
        desk.changes.cancel(desk.container(), job)
        news = desk.news(job)
        assert news.log.endswith(b"Rolling back transaction: done\n") and news.job.log_bytes == len(news.log)

    def test_one_that_is_over_stays_as_it_is(self, desk: Desk) -> None:
        job = desk.do(desk.new("fresh", "numpy"))
        assert desk.changes.cancel(desk.container(), job).state is ChangeState.DONE
        assert "fresh" in desk.labels()
