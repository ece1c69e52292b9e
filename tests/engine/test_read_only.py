"""With --read-only nothing is changed on the engine, whatever is pressed; a proxy sees every request."""

from __future__ import annotations

import string
from collections.abc import Mapping

import pytest

from tests.engine.app import Desk, running_app
from tests.engine.program import on_terminal
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy, Request
from tui.model.errors import ReadOnlyRefusal
from tui.model.operations import Operation, plan
from tui.monitor.topics import JOBS
from tui.ui.everywhere import EVERYWHERE_ACTIONS
from tui.ui.keymap import key_name
from tui.ui.panes import PANES

QUITS = {"q", "ctrl+c", "ctrl+q"}
SPECIAL = ("enter", "space", "tab", "shift+tab", "backspace", "delete", "insert", "home", "end")
REGISTRY = {
    key_name(key)
    for actions in (EVERYWHERE_ACTIONS, *(pane.ACTIONS for pane in PANES))
    for action in actions
    for key in action.keys
}
TYPED = set(map(key_name, string.ascii_letters + string.digits + string.punctuation + "äß€λ"))
EVERY_KEY = sorted((REGISTRY | TYPED | set(SPECIAL)) - QUITS)
# What means something in the pane itself.
PANE_KEYS = sorted({key_name(key) for pane in PANES for action in pane.ACTIONS for key in action.keys})


@pytest.fixture
def front(proxy: EngineProxy, clean_engine: PrivateEngine) -> EngineProxy:
    """A recording proxy in front of a container that runs, one that is paused, and one that does not run."""
    clean_engine.run_container("a-runs")
    clean_engine.run_container("b-stands")
    clean_engine.docker("pause", "b-stands")
    clean_engine.run_container("c-made", start=False)
    proxy.clear()
    return proxy


def changes(front: EngineProxy) -> list[Request]:
    """The requests that are more than questions."""
    return [request for request in front.requests() if request.method not in ("GET", "HEAD")]


async def press_and_insist(desk: Desk, key: str) -> None:
    """Press a key, say yes to what opens, and come back to the whole list."""
    await desk.press(key)
    if not desk.is_on_top:
        await desk.press("tab", "enter")
    for _ in range(10):
        if desk.is_on_top and not desk.pane.filtering and desk.main.focused_pane is desk.pane:
            break
        await desk.press("escape")
    assert desk.is_on_top, f"{key} leads somewhere that esc does not lead back from"
    if desk.main.focused_pane is not desk.pane:
        # a pane that was gone to by its number or in turn
        await desk.press(str(desk.pane.NUMBER))
    if desk.pane.hides_stopped:
        await desk.press("a")
    if desk.pane.bridge.frozen:
        await desk.press("!")


@pytest.mark.parametrize(
    ("name", "keys"), [("a-runs", EVERY_KEY), ("b-stands", PANE_KEYS), ("c-made", PANE_KEYS)]
)
async def test_no_key_changes_anything(
    front: EngineProxy, clean_engine: PrivateEngine, name: str, keys: list[str]
) -> None:
    before = states(clean_engine)
    async with running_app(front.host, read_only=True) as desk:
        await desk.sees(name)
        for key in keys:
            if desk.cursor_name != name:
                await desk.point_at(name)
            await press_and_insist(desk, key)
        lists = front.count(is_list)
        await desk.press("R")
        await desk.wait(lambda: front.count(is_list) > lists, "the list is read anew")
        assert not desk.monitor.store.value(JOBS)
    assert changes(front) == []
    assert states(clean_engine) == before
    # they did something: the processes of what has some were asked for
    assert front.count(lambda request: request.resource.endswith("/top")) == (name != "c-made")


async def test_without_it_the_same_keys_change_something(front: EngineProxy) -> None:
    async with running_app(front.host) as desk:
        await desk.point_at("a-runs")
        await press_and_insist(desk, "p")
        await desk.sees("a-runs", "‖ paused")
    # commands that look for environments come before, and change nothing
    done = [request.resource.rpartition("/")[2] for request in changes(front) if "exec" not in request.path]
    assert done == ["pause"]


async def test_what_changes_something_is_not_offered(front: EngineProxy) -> None:
    async with running_app(front.host, read_only=True) as desk:
        await desk.sees("a-runs")
        assert "READ-ONLY" in desk.lines()[0]
        for word in ("stop/start", "restart", "pause", "delete"):
            assert f" {word} " not in desk.lines()[-1]
        await desk.press("x")
        await desk.wait(lambda: "Inspect" in desk.text() and not desk.is_on_top, "the menu opens")
        for word in ("Stop", "Restart", "Pause", "Delete", "Kill", "Rename"):
            assert word not in desk.text()


@pytest.mark.parametrize("operation", [each for each in Operation if each is not Operation.RENAME])
async def test_the_jobs_refuse_too(front: EngineProxy, operation: Operation) -> None:
    async with running_app(front.host, read_only=True) as desk:
        await desk.sees("a-runs")
        assert desk.pane.current is not None
        with pytest.raises(ReadOnlyRefusal):
            desk.monitor.submit(plan(operation, (desk.pane.current.container,)))
        assert not desk.monitor.store.value(JOBS)
    assert changes(front) == []


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(("--read-only",), {}), ((), {"ENVTUI_READ_ONLY": "true"})],
    ids=["option", "variable"],
)
def test_it_can_be_asked_for(
    front: EngineProxy, arguments: tuple[str, ...], env: Mapping[str, str | None]
) -> None:
    with on_terminal("--host", front.host, *arguments, env=env) as terminal:
        terminal.wait_for(r"^> ● running +a-runs ")
        terminal.wait_for("READ-ONLY")
        # the inspect screen comes only after both dialogs that don't
        terminal.press("s", "p", "i")
        terminal.wait_for("Inspect a-runs")
        terminal.press("q")
        terminal.wait_for(r"^> ● running +a-runs ")
        terminal.press("q")
        assert terminal.wait_exit() == 0
    assert changes(front) == []


def is_list(request: Request) -> bool:
    """Whether it asks for the list of containers."""
    return request.resource == "/containers/json"


def states(engine: PrivateEngine) -> dict[str, str]:
    """The state of each container by its name, from the engine itself."""
    lines = engine.docker("ps", "--all", "--format", "{{.Names}} {{.State}}").splitlines()
    return dict(line.split(" ", 1) for line in lines)
