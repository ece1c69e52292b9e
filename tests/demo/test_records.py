"""Records of the make-believe environments, what is made from them elsewhere, and copies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.demo.desk import Desk
from tui.demo.changes import DemoPrefixCopies
from tui.demo.records import DemoRecords
from tui.demo.world import DemoWorld, FrozenClock
from tui.model.changes import (
    ChangeState,
    SourceFile,
)
from tui.model.environments import Environment, EnvironmentKind
from tui.model.errors import (
    ChangeCancelled,
    ChangeRefused,
    Conflict,
)
from tui.model.exports import ExportFormat, export
from tui.workstation import open_demo


@pytest.fixture
def desk() -> Desk:
    return Desk()


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
