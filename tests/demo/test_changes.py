"""Changes of the make-believe environments: planned, done by the clock, cancelled, refused, found broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tui.demo.changes import DemoChanges, DemoPrefixCopies
from tui.demo.environments import DemoEnvironments
from tui.demo.records import DemoRecords
from tui.demo.requests import BROKEN_PACKAGE, NO_SUCH_PACKAGE
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.change_making import change_of, clone_of
from tui.model.changes import (
    ChangeJob,
    ChangePlan,
    ChangeState,
    ChangeVerb,
    EnvironmentChange,
    FileFormat,
    JobNews,
    SourceFile,
)
from tui.model.containers import Container
from tui.model.environments import Environment, EnvironmentKind, Origin
from tui.model.errors import (
    ChangeCancelled,
    ChangeFailed,
    ChangeLost,
    ChangeRefused,
    ChangeUnderWay,
    Conflict,
    EngineNotFound,
    EngineRefused,
    NoManager,
)
from tui.model.exports import ExportFormat, export
from tui.model.operations import Operation, Step
from tui.workstation import open_demo

# Longer than any job here.
LONG_ENOUGH = 60.0


class Desk:
    """A world with everything that a test asks it."""

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.world = DemoWorld(clock=self.clock)
        self.changes = DemoChanges(self.world)
        self.backend = DemoEnvironments(self.world)

    def container(self, name: str = "dl-dev") -> Container:
        return next(each for each in self.world.containers()[0] if each.name == name)

    def all(self, name: str = "dl-dev") -> tuple[Environment, ...]:
        return self.backend.environments(self.container(name)).environments

    def labels(self, name: str = "dl-dev") -> list[str]:
        return [each.label for each in self.all(name)]

    def find(self, label: str, name: str = "dl-dev") -> Environment:
        return next(each for each in self.all(name) if each.label == label)

    def versions(self, label: str, name: str = "dl-dev") -> dict[str, str]:
        (found,) = self.backend.packages(self.container(name), [self.find(label, name)])
        return {each.name: each.version for each in found}

    def change(
        self, verb: ChangeVerb, label: str, *packages: str, name: str = "dl-dev", new_prefix: str = ""
    ) -> EnvironmentChange:
        return change_of(verb, self.find(label, name), name, packages=packages, new_prefix=new_prefix)

    def new(self, label: str, *packages: str, name: str = "dl-dev") -> EnvironmentChange:
        made = self.changes.new_prefix(self.container(name), label, self.all(name))
        return replace(made, packages=packages)

    def plan(self, change: EnvironmentChange) -> ChangePlan:
        return self.changes.plan(self.container(change.container_name), change, lambda: False)

    def start(self, change: EnvironmentChange) -> ChangeJob:
        return self.changes.start(self.container(change.container_name), change)

    def news(self, job: ChangeJob, offset: int = 0) -> JobNews:
        return self.changes.news(self.container(job.change.container_name), job, offset)

    def do(self, change: EnvironmentChange) -> ChangeJob:
        job = self.start(change)
        self.clock.advance(LONG_ENOUGH)
        return self.news(job).job


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


class TestWhatGoesWrong:
    def test_conda_rolls_back_what_can_not_be_linked(self, desk: Desk) -> None:
        before = desk.find("legacy-seg")
        job = desk.do(desk.change(ChangeVerb.INSTALL, "legacy-seg", BROKEN_PACKAGE))
        assert job.state is ChangeState.FAILED and isinstance(job.error, ChangeFailed)
        assert job.error.kind == "LinkError" and "Rolling back" in desk.news(job).log.decode()
        assert desk.find("legacy-seg") == before

    def test_pip_that_fails_leaves_a_half_made_one(self, desk: Desk) -> None:
        change = replace(desk.new("half", "python=3.12"), pip_packages=("einops", BROKEN_PACKAGE))
        job = desk.do(change)
        assert job.state is ChangeState.FAILED
        assert any("half made" in problem for problem in desk.find("half").problems)
        assert "einops" not in desk.versions("half") and "python" in desk.versions("half")

    def test_a_container_that_stops_takes_its_jobs_along(self, desk: Desk) -> None:
        target, before = desk.container(), desk.labels()
        job = desk.start(desk.new("fresh", "numpy"))
        desk.world.perform(Step(Operation.STOP, target.id, target.name))
        with pytest.raises(Conflict):
            desk.news(job)
        desk.world.perform(Step(Operation.START, target.id, target.name))
        found = desk.news(job).job
        assert found.state is ChangeState.LOST and isinstance(found.error, ChangeLost)
        assert desk.labels() == before

    def test_a_paused_container_holds_its_jobs(self, desk: Desk) -> None:
        target = desk.container()
        job = desk.start(desk.new("fresh", "numpy"))
        desk.world.perform(Step(Operation.PAUSE, target.id, target.name))
        desk.clock.advance(LONG_ENOUGH)
        with pytest.raises(Conflict, match="can be run"):
            desk.news(job)
        desk.world.perform(Step(Operation.UNPAUSE, target.id, target.name))
        assert desk.news(job).job.state is ChangeState.RUNNING
        desk.clock.advance(LONG_ENOUGH)
        assert desk.news(job).job.state is ChangeState.DONE

    def test_where_nothing_can_be_run(self, desk: Desk) -> None:
        for name in ("eval-suite", "rl-sim", "serve-embed"):
            with pytest.raises(Conflict):
                desk.changes.new_prefix(desk.container(name), "x", desk.all(name))
        # no job can have begun where there is no shell
        assert desk.changes.jobs(desk.container("serve-embed")) == ()

    def test_what_the_faults_say(self, desk: Desk) -> None:
        change = desk.new("fresh", "numpy")
        desk.world.faults.refuse_actions = True
        assert desk.plan(change).packages
        with pytest.raises(EngineRefused):
            desk.start(change)
        desk.world.faults.engine_gone = True
        with pytest.raises(EngineNotFound):
            desk.changes.jobs(desk.container())


class TestRefusals:
    @pytest.mark.parametrize(
        ("verb", "label", "name"),
        [
            (ChangeVerb.REMOVE, "base", "dl-dev"),
            (ChangeVerb.RENAME, "base", "dl-dev"),
            (ChangeVerb.INSTALL, "base", "notebook-chen"),
            (ChangeVerb.INSTALL, "/usr", "vision-train"),
            (ChangeVerb.REMOVE, "/usr", "tensorboard"),
            (ChangeVerb.RENAME, "/workspace/captions/.venv", "dl-dev"),
            (ChangeVerb.INSTALL, "default", "notebook-ana"),
            (ChangeVerb.UPDATE, "/workspace/captions/.venv", "dl-dev"),
            (ChangeVerb.CLEAN, "/workspace/captions/.venv", "dl-dev"),
        ],
    )
    def test_what_must_not_be_changed(self, desk: Desk, verb: ChangeVerb, label: str, name: str) -> None:
        packages = ("numpy",) if verb is ChangeVerb.INSTALL else ()
        change = desk.change(verb, label, *packages, name=name, new_prefix="/opt/conda/envs/z")
        before = desk.all(name)
        for ask in (desk.plan, desk.start):
            with pytest.raises(ChangeRefused):
                ask(change)
        assert desk.all(name) == before

    def test_a_second_job_on_one_environment(self, desk: Desk) -> None:
        desk.start(desk.change(ChangeVerb.INSTALL, "vision", "tqdm"))
        other: Callable[[EnvironmentChange], object]
        for other in (desk.plan, desk.start):
            with pytest.raises(ChangeUnderWay, match="at work"):
                other(desk.change(ChangeVerb.REMOVE, "vision"))
            with pytest.raises(ChangeUnderWay):
                other(clone_of(desk.find("vision"), desk.new("copy")))
        assert desk.start(desk.change(ChangeVerb.INSTALL, "next", "tqdm")).state is ChangeState.RUNNING
        desk.clock.advance(LONG_ENOUGH)
        assert desk.start(desk.change(ChangeVerb.REMOVE, "vision")).state is ChangeState.RUNNING

    def test_what_is_there_and_what_is_not(self, desk: Desk) -> None:
        with pytest.raises(ChangeRefused, match="already"):
            desk.new("vision")
        gone = replace(desk.change(ChangeVerb.INSTALL, "next", "tqdm"), prefix="/nowhere")
        with pytest.raises(ChangeRefused, match="no such environment"):
            desk.start(gone)
        onto = desk.change(ChangeVerb.RENAME, "next", new_prefix=desk.find("vision").prefix)
        with pytest.raises(ChangeRefused, match="already"):
            desk.start(onto)

    def test_nothing_that_makes_environments(self, desk: Desk) -> None:
        with pytest.raises(NoManager):
            desk.new("x", name="optuna-db")
        stats = desk.change(ChangeVerb.RENAME, "stats", name="notebook-ana", new_prefix="/home/jovyan/z")
        with pytest.raises(NoManager, match="can't rename"):
            desk.plan(stats)

    @pytest.mark.parametrize("name", ["", "/", ".", "..", "a/b", "nul\0"])
    def test_names_that_are_none(self, desk: Desk, name: str) -> None:
        with pytest.raises(ChangeRefused, match="No name"):
            desk.new(name)

    @pytest.mark.parametrize("name", ["my env", "分割 2", "$HOME", "it's", 'a"b', "line\nbreak"])
    def test_names_that_are_odd(self, desk: Desk, name: str) -> None:
        assert desk.do(desk.new(name, "numpy")).state is ChangeState.DONE
        assert name in desk.labels()


class TestRecordsAndCopies:
    def test_what_a_record_holds(self, desk: Desk) -> None:
        records = DemoRecords(desk.world)
        told = records.records(desk.container(), desk.find("vision"))
        python = next(each for each in told.conda if each.name == "python")
        assert (python.channel, python.requested_spec) == (
            "https://conda.anaconda.org/conda-forge", "python=3.11",
        )  # fmt: skip
        assert python.url.startswith(f"{python.channel}/{python.subdir}/python-3.11.11-")
        assert (len(python.md5), len(python.sha256)) == (32, 64)
        assert told.channels == ("conda-forge",) and "python=3.11" in told.history_specs
        assert told.variables and told.kind is EnvironmentKind.CONDA
        served = records.records(desk.container("serve-embed"), desk.all("serve-embed")[0])
        assert [each.name for each in served.pip if each.editable] == ["text-embeddings-server"]

    @pytest.mark.parametrize(
        ("label", "form"),
        [
            ("legacy-seg", ExportFormat.YML),
            ("legacy-seg", ExportFormat.HISTORY),
            ("legacy-seg", ExportFormat.EXPLICIT),
            ("vision", ExportFormat.YML),
            ("audio", ExportFormat.YML),
            ("/workspace/captions/.venv", ExportFormat.YML),
        ],
    )
    def test_made_elsewhere_from_an_export_it_is_the_same(
        self, desk: Desk, label: str, form: ExportFormat
    ) -> None:
        records = DemoRecords(desk.world)
        source = records.records(desk.container(), desk.find(label))
        made = export(source, form)
        change = replace(
            desk.changes.new_prefix(desk.container("llm-finetune"), "/data/same", desk.all("llm-finetune")),
            file=SourceFile(made.file_format, made.text),
        )
        if not source.is_of_conda:
            change = replace(change, kind=EnvironmentKind.VENV, manager="", root_prefix="")
        job = desk.do(change)
        assert job.state is ChangeState.DONE, job.error
        copy = records.records(desk.container("llm-finetune"), self.at(desk, "llm-finetune", "/data/same"))
        if form is ExportFormat.HISTORY:
            assert {"pytorch", "pytorch-cuda", "torchvision"} <= {each.name for each in copy.conda}
            return
        assert [(each.name, each.version) for each in copy.conda] == [
            (each.name, each.version) for each in source.conda
        ]
        if form is ExportFormat.EXPLICIT:
            assert [each.url for each in copy.conda] == [each.url for each in source.conda]
        carried = {each.name for each in source.pip if not (each.editable or each.url)}
        if label != "audio":
            assert {each.name for each in copy.pip} == carried

    @staticmethod
    def at(desk: Desk, name: str, prefix: str) -> Environment:
        return next(each for each in desk.all(name) if each.prefix == prefix)

    def test_a_prefix_is_carried_over(self, desk: Desk) -> None:
        copies, told = DemoPrefixCopies(desk.world), list[int]()
        vision = desk.find("vision")
        target = desk.container("llm-finetune")
        copies.copy_prefix(desk.container(), vision.prefix, target, lambda: False, told.append)
        assert told == sorted(told) and told[-1] == 7420 << 20
        assert desk.versions("vision", "llm-finetune") == desk.versions("vision")
        assert desk.find("vision", "llm-finetune").ephemeral is True
        with pytest.raises(ChangeRefused, match="there"):
            copies.copy_prefix(desk.container(), vision.prefix, target, lambda: False, told.append)

    def test_a_copy_that_is_called_off_leaves_nothing(self, desk: Desk) -> None:
        answers = iter([False, False, True])
        before = desk.all("llm-finetune")
        with pytest.raises(ChangeCancelled):
            DemoPrefixCopies(desk.world).copy_prefix(
                desk.container(), desk.find("vision").prefix, desk.container("llm-finetune"),
                lambda: next(answers), lambda count: None,
            )  # fmt: skip
        assert desk.all("llm-finetune") == before

    def test_a_copy_into_a_stopped_one(self, desk: Desk) -> None:
        with pytest.raises(Conflict):
            DemoPrefixCopies(desk.world).copy_prefix(
                desk.container(), desk.find("vision").prefix, desk.container("eval-suite"),
                lambda: False, lambda count: None,
            )  # fmt: skip


def test_the_workstation_has_all_of_it() -> None:
    workstation = open_demo(DemoWorld(clock=FrozenClock()))
    assert workstation.changes is not None and workstation.records is not None
    assert workstation.copies is not None
