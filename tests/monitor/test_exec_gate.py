"""Commands in a container and its pause never meet."""

from __future__ import annotations

import threading

import pytest

from tests.making import make_container
from tests.monitor.environments import ScriptedEnvironments, make_environment
from tests.rig.waiting import until
from tui.model.errors import Conflict
from tui.monitor.exec_gate import ExecGate, GatedEnvironments


def in_thread(work: object) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)  # type: ignore[arg-type]
    thread.start()
    return thread


def test_a_pause_waits_for_the_commands_of_its_container_alone() -> None:
    gate, order = ExecGate(), []

    def pause() -> None:
        with gate.held("one"):
            order.append("paused")

    with gate.command("one"):
        thread = in_thread(pause)
        until(lambda: gate.is_held("one"))
        with gate.held("other"):
            order.append("other paused")
        order.append("command ended")
    thread.join(30)
    assert order == ["other paused", "command ended", "paused"]


def test_a_command_waits_for_the_pause_and_others_do_not() -> None:
    gate, order = ExecGate(), []

    def command() -> None:
        with gate.command("one"):
            order.append("command")

    with gate.held("one"):
        thread = in_thread(command)
        with gate.command("other"):
            order.append("other")
        assert thread.is_alive()
        order.append("paused")
    thread.join(30)
    assert order == ["other", "paused", "command"]


def test_commands_do_not_wait_for_each_other() -> None:
    gate = ExecGate()
    with gate.command("one"), gate.command("one"):
        pass
    with gate.held("one"):
        pass


def test_nobody_waits_for_ever() -> None:
    gate = ExecGate(patience_seconds=0.05)
    with gate.command("one"), pytest.raises(Conflict, match="can't be paused now"), gate.held("one"):
        raise AssertionError("the command is still under way")
    assert not gate.is_held("one")
    with gate.held("one"), pytest.raises(Conflict, match="No command"), gate.command("one"):
        raise AssertionError("it is still being paused")
    with gate.command("one"):
        pass


def test_what_fails_opens_the_gate_again() -> None:
    gate = ExecGate()
    with pytest.raises(ZeroDivisionError), gate.held("one"):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), gate.command("one"):
        raise ZeroDivisionError
    with gate.held("one"):
        assert gate.is_held("one")


def test_a_walk_ends_for_somebody_who_pauses() -> None:
    gate, backend, container = ExecGate(), ScriptedEnvironments(), make_container()
    backend.may_measure.clear()
    gated = GatedEnvironments(backend, gate, ask_inside=True)
    raised: list[BaseException] = []

    def measure() -> None:
        try:
            gated.sizes(container, [make_environment()], lambda: False)
        except Conflict as error:
            raised.append(error)

    thread = in_thread(measure)
    until(lambda: backend.measured)
    with gate.held(container.id):
        assert backend.was_cancelled.is_set()
    thread.join(30)
    assert "being paused" in str(raised[0].detail)  # type: ignore[attr-defined]


def test_where_nothing_is_to_be_run_nothing_is() -> None:
    backend, container = ScriptedEnvironments(), make_container()
    gated = GatedEnvironments(backend, ExecGate(), ask_inside=False)
    gated.environments(container)
    assert backend.asked_inside == [False]
    with pytest.raises(Conflict, match="Sizes"):
        gated.sizes(container, [make_environment()], lambda: False)
    assert backend.measured == []
