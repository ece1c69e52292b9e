"""Bulk actions hit the marked rows that can be seen, and nothing else; failures are said and end nothing."""

from __future__ import annotations

from tests.engine.app import Desk, running_app
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until


async def test_stop_hits_all_marked_rows_and_no_other(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(4, "job")
    async with running_app(clean_engine.host) as desk:
        await mark(desk, "job-000", "job-002", "job-003")
        await desk.press("s")
        question = (await desk.dialog()).question
        assert question.title == "Stop 3 containers?"
        assert [line.split()[0] for line in question.lines] == ["job-000", "job-002", "job-003"]
        await desk.answer("go")
        await desk.wait(lambda: "1 running of 4" in desk.text(), "three are stopped")
    # the event of the end comes before the engine's own list tells it
    until(lambda: running(clean_engine) == {"job-001"})


async def test_marked_rows_that_a_filter_hides_are_spared(clean_engine: PrivateEngine) -> None:
    for name in ("train-a", "train-b", "serve-c", "serve-d"):
        clean_engine.run_container(name)
    async with running_app(clean_engine.host) as desk:
        await mark(desk, "train-a", "train-b", "serve-c")
        await desk.press("slash")
        await desk.write("train")
        await desk.press("enter")
        await desk.wait(lambda: not desk.pane.filtering, "the filter is kept")
        assert desk.names() == ["train-a", "train-b"]
        assert "2 marked, 1 hidden" in desk.text()
        await desk.press("s")
        lines = (await desk.dialog()).question.lines
        assert [line.split()[0] for line in lines] == ["train-a", "train-b"]
        await desk.answer("go")
        await desk.wait(lambda: "2 running of 4" in desk.text(), "two are stopped")
        told = await desk.command_log()
        assert "train-a" in told
        assert "serve-c" not in told
    until(lambda: running(clean_engine) == {"serve-c", "serve-d"})


def all_names(engine: PrivateEngine) -> list[str]:
    """Of all containers, stopped ones too."""
    return engine.docker("ps", "--all", "--format", "{{.Names}}").split()


async def test_marked_stopped_rows_that_are_hidden_are_not_removed(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("alive")
    clean_engine.run_container("asleep", start=False)
    async with running_app(clean_engine.host) as desk:
        await mark(desk, "alive", "asleep")
        await desk.press("a")
        await desk.wait(lambda: desk.names() == ["alive"], "stopped ones are hidden")
        await desk.press("d")
        lines = (await desk.dialog()).question.lines
        assert [line.split()[0] for line in lines if not line.startswith(" ")] == ["alive"]
        await desk.answer("keep")
        # its row is gone as soon as it is stopped, before it is removed
        await desk.wait(lambda: desk.names() == [] and all_names(clean_engine) == ["asleep"], "it goes")


async def test_a_range_of_rows_is_removed_at_once(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(5, "old", start=False)
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("old-001")
        await desk.press("v", "j", "j", "v")
        await desk.press("d")
        lines = (await desk.dialog()).question.lines
        told = [line.split()[0] for line in lines if not line.startswith(" ")]
        assert told == ["old-001", "old-002", "old-003"]
        await desk.answer("keep")
        await desk.wait(lambda: desk.names() == ["old-000", "old-004"], "three go")


async def test_a_container_marked_and_removed_elsewhere_is_no_longer_marked(
    clean_engine: PrivateEngine,
) -> None:
    clean_engine.create_many(3, "job")
    async with running_app(clean_engine.host) as desk:
        await mark(desk, "job-000", "job-001")
        clean_engine.docker("rm", "--force", "job-000")
        await desk.wait(lambda: " 1 marked" in desk.text(), "one is left")
        await desk.press("s")
        lines = (await desk.dialog()).question.lines
        assert [line.split()[0] for line in lines] == ["job-001"]


# -- failures


async def test_a_taken_name_is_said_with_its_holder_and_nothing_changes(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("mine")
    clean_engine.run_container("taken")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("mine")
        await desk.menu("Rename")
        await desk.press("end", "ctrl+u")
        await desk.write("taken")
        await desk.press("enter")
        await desk.wait(lambda: "Rename mine to taken: failed" in desk.messages(), "it is said")
        assert '"/taken" is already in use' in desk.messages()
        assert "is already in use" in await desk.command_log()
        await the_app_goes_on(desk, clean_engine)
    assert running(clean_engine) == {"mine", "taken", "newcomer"}


async def test_a_container_that_went_meanwhile_is_said(clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("training")
    async with running_app(clean_engine.host) as desk:
        await desk.point_at("training")
        await desk.press("s")
        await desk.dialog()
        clean_engine.docker("rm", "--force", "training")
        await desk.answer("go")
        await desk.wait(lambda: "Stop training: failed" in desk.messages(), "it is said")
        assert "No such container" in desk.messages()
        await the_app_goes_on(desk, clean_engine)


async def test_one_that_fails_does_not_keep_the_others_from_it(clean_engine: PrivateEngine) -> None:
    clean_engine.create_many(3, "job")
    async with running_app(clean_engine.host) as desk:
        await mark(desk, "job-000", "job-001", "job-002")
        await desk.press("s")
        await desk.dialog()
        clean_engine.docker("rm", "--force", "job-001")
        await desk.answer("go")
        await desk.wait(lambda: "Stop 3 containers: failed" in desk.messages(), "it is said")
        assert "job-001: " in desk.messages()
        assert "job-000: " not in desk.messages()
        await desk.wait(lambda: "0 running of 2" in desk.text(), "the others are stopped")


async def test_a_container_that_can_not_be_stopped_is_not_removed(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    proxy.override("POST", "/stop", 500, {"message": "cannot stop: the disk is on fire"})
    async with running_app(proxy.host) as desk:
        await desk.point_at("training")
        await desk.press("d")
        await desk.answer("keep")
        await desk.wait(lambda: "the disk is on fire" in desk.messages(), "the engine's words are shown")
    assert proxy.count(lambda request: request.method == "DELETE") == 0
    assert running(clean_engine) == {"training"}


async def test_an_engine_that_loses_the_action_is_said(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    async with running_app(proxy.host) as desk:
        await desk.point_at("training")
        proxy.faults_match = "^POST"
        proxy.cut_requests = True
        await desk.press("s")
        await desk.answer("go")
        await desk.wait(lambda: "Stop training: failed" in desk.messages(), "it is said")
        assert "Traceback" not in desk.text()
        await the_app_goes_on(desk, clean_engine)


async def test_an_action_that_is_under_way_is_not_done_twice(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    async with running_app(proxy.host) as desk:
        await desk.point_at("training")
        proxy.faults_match = "^POST"
        proxy.hang = True
        for _ in range(2):
            await desk.press("s")
            await desk.answer("go")
        await desk.wait(lambda: "Already under way" in desk.messages(), "the second is refused")
        assert "1 job" in desk.text()
        proxy.hang = False
        await desk.sees("training", "○ exited")
    assert proxy.count(lambda request: request.resource.endswith("/stop")) == 1


async def test_quitting_asks_while_an_action_is_under_way(
    clean_engine: PrivateEngine, proxy: EngineProxy
) -> None:
    clean_engine.run_container("training")
    async with running_app(proxy.host) as desk:
        await desk.point_at("training")
        proxy.faults_match = "^POST"
        proxy.hang = True
        await desk.press("s")
        await desk.answer("go")
        await desk.press("q")
        assert (await desk.dialog()).question.lines == ("Stop training",)
        await desk.press("enter")
        await desk.wait(lambda: desk.is_on_top, "the dialog closes")
        proxy.hang = False
        await desk.sees("training", "○ exited")


# -- what the tests do and ask


async def mark(desk: Desk, *names: str) -> None:
    """Mark these with the keys."""
    for name in names:
        await desk.point_at(name)
        await desk.press("space")
    await desk.wait(lambda: f" {len(names)} marked" in desk.text(), "the title counts them")


def running(engine: PrivateEngine) -> set[str]:
    """The names of the containers that run."""
    return set(engine.docker("ps", "--format", "{{.Names}}").split())


async def the_app_goes_on(desk: Desk, engine: PrivateEngine) -> None:
    """Keys answer and news come."""
    engine.run_container("newcomer")
    await desk.point_at("newcomer")
