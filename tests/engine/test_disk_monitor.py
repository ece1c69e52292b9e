"""The disk behind the screen, on a real engine: read, planned, carried out, and lost in between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.change_box import ROOT, ChangeBox
from tests.rig.engine import PrivateEngine
from tests.rig.manager_image import TRAIN, VENV
from tests.rig.proxy import EngineProxy
from tests.rig.waiting import until
from tui.model.disk import DiskPart
from tui.model.disk_items import DiskItem, DiskKind, ItemKey, OutcomeState, ReclaimPlan, ReclaimReport
from tui.model.errors import EnvtuiError, ReadOnlyRefusal
from tui.model.losses import ContainerLosses
from tui.monitor.disk_keeper import DiskKeeper
from tui.monitor.known_disk import KnownDisk, PartState
from tui.monitor.monitor import Monitor
from tui.monitor.topics import COMMANDS, CONTAINERS, DISK, RECLAIM
from tui.workstation import open_local

_SLOW = 120.0
# in the image's folder of wheels
_WHEEL = "einops"


class Desk:
    """A monitor of an engine, with its disk shown."""

    def __init__(self, host: str, read_only: bool = False) -> None:
        self.monitor = Monitor(open_local(host, {}), read_only=read_only)
        self.monitor.start()
        until(lambda: self.monitor.store.value(CONTAINERS) is not None)
        assert self.monitor.disk is not None
        self.disk: DiskKeeper = self.monitor.disk

    @property
    def known(self) -> KnownDisk:
        return self.monitor.store.value(DISK) or KnownDisk()

    @property
    def items(self) -> dict[ItemKey, DiskItem]:
        return {each.key: each for each in self.known.items}

    def named(self, kind: DiskKind, name: str) -> DiskItem:
        return next(each for each in self.known.items if each.kind is kind and name in (each.name, each.id))

    def state(self, part: DiskPart) -> PartState:
        return self.known.parts.get(part, PartState())

    def read(self) -> None:
        self.disk.show(True)
        until(lambda: self.known.parts and self.disk.is_at_rest, _SLOW, lambda: str(self.known.parts))

    def plan(self, *keys: ItemKey) -> ReclaimPlan:
        plans: list[ReclaimPlan] = []
        errors: list[EnvtuiError] = []
        self.disk.plan(keys, plans.append, errors.append)
        until(lambda: plans or errors, _SLOW)
        assert plans, errors[0].one_line()
        return plans[0]

    def carry_out(self, plan: ReclaimPlan) -> ReclaimReport:
        self.disk.begin(plan)
        until(lambda: not self.disk.is_running, _SLOW)
        report = self.monitor.store.value(RECLAIM)
        assert report is not None and report.is_over
        return report

    def losses(self) -> dict[str, ContainerLosses]:
        containers = self.monitor.store.value(CONTAINERS) or ()
        told: list[dict[str, ContainerLosses]] = []
        self.disk.losses(containers, lambda each: told.append(dict(each)), lambda _: None)
        until(lambda: told, _SLOW)
        return {each.name: told[0][each.id] for each in containers}


@pytest.fixture
def desk(proxy: EngineProxy) -> Iterator[Desk]:
    made = Desk(proxy.host)
    yield made
    made.monitor.stop()


def words(report: ReclaimReport) -> dict[str, str]:
    return {each.item.name: f"{each.state.value}: {each.reason}" for each in report.outcomes}


def test_read_only_nothing_but_questions_reach_the_engine(
    proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    clean_engine.run_container("runs")
    clean_engine.run_container("stopped", start=False)
    clean_engine.docker("network", "create", "spare")
    clean_engine.docker("volume", "create", "kept")
    proxy.clear()
    desk = Desk(proxy.host, read_only=True)
    try:
        desk.read()
        desk.disk.refresh()
        until(lambda: desk.disk.is_at_rest, _SLOW)
        assert set(desk.losses()) == {"runs", "stopped"}
        plan = desk.plan(*desk.items)
        assert {each.kind for each in plan.items} >= {DiskKind.NETWORK, DiskKind.CONTAINER}
        with pytest.raises(ReadOnlyRefusal):
            desk.disk.begin(plan)
    finally:
        desk.monitor.stop()
    assert proxy.count() > 10
    assert {each.method for each in proxy.requests()} <= {"GET", "HEAD"}


def test_what_is_listed_goes_and_nothing_else(desk: Desk, clean_engine: PrivateEngine) -> None:
    clean_engine.run_container("stopped", start=False)
    clean_engine.run_container("stays", start=False)
    clean_engine.docker("network", "create", "spare")
    clean_engine.docker("network", "create", "other")
    until(lambda: {each.name for each in desk.monitor.store.value(CONTAINERS) or ()} == {"stopped", "stays"})
    desk.read()
    plan = desk.plan(desk.named(DiskKind.CONTAINER, "stopped").key, desk.named(DiskKind.NETWORK, "spare").key)
    report = desk.carry_out(plan)
    assert {each.state for each in report.outcomes} == {OutcomeState.REMOVED}, words(report)
    assert clean_engine.docker("ps", "-a", "--format", "{{.Names}}").split() == ["stays"]
    networks = clean_engine.docker("network", "ls", "--format", "{{.Name}}").split()
    assert "other" in networks and "spare" not in networks
    assert report.free_before_bytes and report.free_after_bytes
    lines = [each.command for each in desk.monitor.store.value(COMMANDS) or ()]
    assert sorted(lines) == ["docker network rm spare", "docker rm stopped"]
    # what it touched is read again
    until(lambda: not any(each.name in ("spare", "stopped") for each in desk.known.items), _SLOW)


def test_an_answer_that_takes_long_leaves_the_others_and_can_be_called_off(
    desk: Desk, proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    clean_engine.docker("network", "create", "spare")
    proxy.delay_seconds, proxy.faults_match = 60.0, r"GET /system/df"
    desk.disk.show(True)
    others = (DiskPart.NETWORKS, DiskPart.FILE_SYSTEMS, DiskPart.LOGS, DiskPart.LAYERS, DiskPart.INSIDE)
    until(lambda: all(desk.state(each).taken_at for each in others), 30)
    assert desk.named(DiskKind.NETWORK, "spare")
    assert desk.state(DiskPart.VOLUMES).reading_since is not None
    desk.disk.cancel_reading()
    until(lambda: desk.disk.is_at_rest, 20, lambda: str(desk.known.parts))
    volumes = desk.state(DiskPart.VOLUMES)
    assert volumes.was_cancelled and volumes.error is None and desk.known.facts.volumes is None
    proxy.delay_seconds = 0.0
    desk.disk.refresh()
    until(lambda: desk.known.facts.volumes is not None and desk.disk.is_at_rest, _SLOW)
    assert not desk.state(DiskPart.VOLUMES).was_cancelled


def test_a_connection_that_is_cut_leaves_no_doubt(
    desk: Desk, proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    clean_engine.docker("network", "create", "first")
    clean_engine.docker("network", "create", "second")
    desk.read()
    plan = desk.plan(*(desk.named(DiskKind.NETWORK, each).key for each in ("first", "second")))
    proxy.cut_requests, proxy.faults_match = True, r"DELETE "
    report = desk.carry_out(plan)
    # they never reached the engine, which is there all the time
    assert {each.state for each in report.outcomes} == {OutcomeState.FAILED}, words(report)
    assert all("still there" in each.reason for each in report.outcomes)


def test_an_engine_that_ends_in_the_middle_and_comes_back(desk: Desk, clean_engine: PrivateEngine) -> None:
    for each in ("a", "b"):
        clean_engine.docker("network", "create", each)
    desk.read()
    plan = desk.plan(*(desk.named(DiskKind.NETWORK, each).key for each in ("a", "b")))
    clean_engine.kill()
    desk.disk.begin(plan)
    until(lambda: (desk.monitor.store.value(RECLAIM) or ReclaimReport(plan, ())).outcomes)
    clean_engine.start()
    until(lambda: not desk.disk.is_running, _SLOW)
    report = desk.monitor.store.value(RECLAIM)
    assert report is not None and report.is_over
    left = clean_engine.docker("network", "ls", "--format", "{{.Name}}").split()
    for outcome in report.outcomes:
        assert outcome.state in (OutcomeState.REMOVED, OutcomeState.FAILED), words(report)
        assert (outcome.item.name in left) == (outcome.state is OutcomeState.FAILED), words(report)


def test_caches_and_environments_inside_containers_go_by_their_managers(
    change_box: ChangeBox, proxy: EngineProxy
) -> None:
    box = change_box
    container = box.run()
    fill = 'mkdir -p "$1/http/a" && head -c 200000 /dev/zero | tr "\\0" x >"$1/http/a/page"'
    box.shell(container, fill, "/root/.cache/pip")
    made = "/opt/venvs/made"
    other = "/opt/venvs/other"
    for each in (made, other):
        box.shell(container, 'cp -a "$1" "$2"', VENV, each)
    desk = Desk(proxy.host)
    try:
        desk.read()
        assert desk.state(DiskPart.INSIDE).error is None
        baked = desk.items[DiskKind.CACHE, f"{container.id}:{ROOT}/pkgs"]
        assert baked.why_not is not None and "image" in baked.why_not
        frozen = desk.items[DiskKind.ENVIRONMENT, f"{container.id}:{TRAIN}"]
        assert frozen.why_not is not None
        keys = (
            (DiskKind.CACHE, f"{container.id}:/root/.cache/pip"),
            (DiskKind.ENVIRONMENT, f"{container.id}:{made}"),
            (DiskKind.ENVIRONMENT, f"{container.id}:{other}"),
        )
        plan = desk.plan(*keys)
        assert {each.key for each in plan.items} == set(keys), plan.skipped
        # somebody works in one of them between the plan and its turn
        box.shell(container, '"$1/bin/python" -m pip install --no-deps "$2"', other, _WHEEL)
        report = desk.carry_out(plan)
        states = {each.item.id.partition(":")[2]: each.state for each in report.outcomes}
        assert states.pop(other) is OutcomeState.CHANGED, words(report)
        assert set(states.values()) == {OutcomeState.REMOVED}, words(report)
        assert box.has(container, other)
        assert not box.has(container, made) and not box.has(container, "/root/.cache/pip/http/a/page")
        assert box.has(container, VENV)
        assert box.processes(container) == [] and box.traces(container) == []
        until(lambda: keys[1] not in desk.items, _SLOW)
    finally:
        desk.monitor.stop()
