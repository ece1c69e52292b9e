"""What jobs in containers tell, which may be anybody's text, and the words for how they ended."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from tui.backends.conda.change_text import change_from, change_text
from tui.backends.conda.container_jobs import ContainerJobs, JobOrder
from tui.backends.conda.job_answers import ToldJob, jobs_in, results_in, start_in
from tui.backends.conda.job_ends import ended
from tui.backends.conda.manager_commands import Command, CommandResult
from tui.backends.docker.endpoint import find
from tui.backends.docker.engine import DockerEngine
from tui.model.changes import ChangeState, ChangeVerb, EnvironmentChange, FileFormat, SourceFile
from tui.model.environments import EnvironmentKind
from tui.model.errors import ChangeCancelled, ChangeFailed, ChangeLost, ChangeRefused

CHANGE = EnvironmentChange(
    ChangeVerb.CREATE,
    "c" * 64,
    "lab",
    "/opt/conda/envs/it's new\n学\udcff",
    EnvironmentKind.CONDA,
    "/opt/conda/bin/conda",
    "/opt/conda",
    "new",
    ("numpy>=2", "a b"),
    ("einops",),
    ("conda-forge",),
    True,
    SourceFile(FileFormat.YML, "secret: text\n", "my.yml"),
    python="3.12",
    user="ann",
)
TOLD = ToldJob("a" * 16, "/tmp/x", "0", False, False, 7, 1.0, 10, "", 0, 0, False, CHANGE)


def test_a_change_comes_back_as_it_was_without_its_file() -> None:
    text = change_text(CHANGE)
    assert text.isascii() and "secret" not in text
    assert CHANGE.file is not None
    assert change_from(text) == replace(CHANGE, file=replace(CHANGE.file, text=""))
    plain = replace(CHANGE, file=None, verb=ChangeVerb.RENAME, new_prefix="/x")
    assert change_from(change_text(plain)) == plain


@pytest.mark.parametrize("name", [each.name for each in fields(EnvironmentChange)])
@pytest.mark.parametrize("value", [1, None, {"a": 1}, [1], [["x"]], "\x1b"], ids=repr)
def test_a_description_of_another_kind_is_none(name: str, value: object) -> None:
    told = json.loads(change_text(CHANGE))
    told[name] = value
    if name == "only_channels" or (value == "\x1b" and name not in (
        "verb", "kind", "packages", "pip_packages", "channels", "file", "prefix", "seen_pids",
    )):  # fmt: skip
        assert change_from(json.dumps(told)) is not None
    else:
        assert change_from(json.dumps(told)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "[" * 100_000, '{"verb": "create"}', "\udcff"])
def test_a_text_that_is_no_description_is_none(text: str) -> None:
    assert change_from(text) is None


def test_jobs_that_nobody_of_us_has_begun_are_left_out() -> None:
    good = b"\0".join(
        (b"job", b"/tmp/envtui-jobs-0/" + b"a" * 16, b"0", b"c", b"7", b"100", b"5", b"", b"{}", b"")
    )
    bad = [
        good.replace(b"a" * 16, b"a" * 15),
        good.replace(b"a" * 16, b"A" * 16),
        good.replace(b"a" * 16, b"a" * 14 + b"$x"),
        good.replace(b"\x007\0", b"\0x\0"),
        good.replace(b"100", b"1e9"),
        good.replace(b"100", b"inf"),
    ]
    found = [job for job, _ in jobs_in(b"".join([*bad, good, b"job\0cut"]))]
    assert [(job.id, job.is_alive, job.is_ending, job.pid, job.since) for job in found] == [
        ("a" * 16, True, True, 7, 100.0)
    ]


def test_outputs_of_plans_are_cut_where_they_say() -> None:
    told = b"result\0001\0000\0006\0003\0out\0utERRresult\0002\0007\0000\0004\0boomend\0"
    assert results_in(told) == [CommandResult(0, b"out\0ut", b"ERR"), CommandResult(7, b"", b"boom")]
    assert results_in(b"result\0001\0x\0006\0003\0") == [] == results_in(b"end\0")


def test_a_beginning_comes_in_pieces_or_is_a_complaint() -> None:
    assert start_in(iter((b"star", b"ted\x007\x00100\0/tmp", b"/x\0"))).details == ("7", "100", "/tmp/x")
    assert start_in(iter((b"refused\0absent\0/a b\0",))).details == ("absent", "/a b")
    complaint = start_in(iter((b"\0sh: not", b" today\n")))
    assert (complaint.answer, complaint.details) == ("", ("sh: not today",))
    assert start_in(iter(())).answer == ""


@pytest.mark.parametrize(
    "order",
    [
        JobOrder(CHANGE, (Command(("conda", "a\0b")),)),
        JobOrder(replace(CHANGE, packages=("x" * 2000,) * 60), ()),
    ],
)
def test_what_no_command_line_holds_is_refused_before_anything_is_asked(order: JobOrder) -> None:
    http = DockerEngine(find("unix:///nonexistent/engine.sock", {})).http
    with pytest.raises(ChangeRefused):
        ContainerJobs(http, "c" * 64).start("a" * 16, order)


def test_states() -> None:
    for told, state, kind in (
        (replace(TOLD, is_alive=True), ChangeState.RUNNING, type(None)),
        (replace(TOLD, is_alive=True, is_ending=True), ChangeState.CANCELLING, type(None)),
        (TOLD, ChangeState.LOST, ChangeLost),
        (replace(TOLD, result="done"), ChangeState.DONE, type(None)),
        (replace(TOLD, result="cancelled"), ChangeState.CANCELLED, ChangeCancelled),
        (replace(TOLD, result="failed", exit_code=1), ChangeState.FAILED, ChangeFailed),
        (replace(TOLD, result="\x1bfoo"), ChangeState.FAILED, ChangeFailed),
    ):
        found, error = ended(told, CHANGE, b"")
        assert found is state and isinstance(error, kind)


def test_what_is_left_is_said() -> None:
    rename = replace(CHANGE, verb=ChangeVerb.RENAME, prefix="/e/old", new_prefix="/e/new", file=None)
    install = replace(CHANGE, verb=ChangeVerb.INSTALL, prefix="/e/old", file=None)
    cancelled, failed = replace(TOLD, result="cancelled"), replace(TOLD, result="failed", exit_code=1)

    def said(told: ToldJob, change: EnvironmentChange) -> str:
        error = ended(told, change, b"pip failed")[1]
        assert error is not None and error.one_line().isprintable()
        return error.one_line()

    assert "nothing of it is left" in said(cancelled, CHANGE) and "nothing of it is left" in said(
        failed, CHANGE
    )
    assert "could not be removed" in said(replace(cancelled, is_kept=True), CHANGE)
    assert "/e/old until then may be there" in said(cancelled, install)
    assert "half removed" in said(cancelled, replace(install, verb=ChangeVerb.REMOVE))
    for told in (cancelled, failed):
        assert "/e/new is there, and what is left of /e/old" in said(replace(told, is_kept=True), rename)
    half = said(replace(failed, is_kept=True), replace(CHANGE, prefix="/e/it's"))
    assert "half made" in half
    assert """/opt/conda/bin/conda remove -p '/e/it'"'"'s' --all -y""" in half
    venv = replace(CHANGE, kind=EnvironmentKind.VENV, manager="", prefix="/e/v", file=None)
    assert "rm -rf -- /e/v" in said(replace(failed, is_kept=True), venv)
