"""The Environments pane over a real engine: when it asks, what it shows, what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from textual.widgets import Static

from tests.engine import environment_images as images
from tests.engine.app import Desk, running_app
from tests.engine.boxes import Box
from tests.rig.conda_prefixes import SITE
from tests.rig.engine import PrivateEngine
from tests.rig.proxy import EngineProxy
from tui.ui.panes.environments import EnvironmentsPane
from tui.ui.screens.package_search import PackageSearchScreen
from tui.ui.screens.packages import PackagesScreen
from tui.ui.widgets.line_bar import LineBar

WIDE = (150, 60)


def pane(desk: Desk) -> EnvironmentsPane:
    return desk.main.query_one(EnvironmentsPane)


def labels(desk: Desk) -> list[str]:
    return [item.environment.label for item in pane(desk).items]


def cells(desk: Desk, name: str) -> tuple[str, ...]:
    return next((row.cells for row in pane(desk).table.rows if row.cells[0].removeprefix("▲ ") == name), ())


def notice(desk: Desk) -> str:
    shown = pane(desk).query_one(".pane-notice", Static)
    return str(shown.render()) if pane(desk).has_class("-empty") else ""


def bar(desk: Desk, name: str) -> str:
    return pane(desk).query_one(name, LineBar).text


async def sees(desk: Desk, predicate: Callable[[], object], what: str) -> None:
    await desk.wait(
        predicate, f"{what}\n{labels(desk)}\n{bar(desk, '.pane-title')}\n{bar(desk, '.pane-banner')}"
    )


async def point_at(desk: Desk, name: str) -> None:
    """Move the cursor to an environment, with the keys."""
    rows = [row.cells[0].removeprefix("▲ ") for row in pane(desk).table.rows]
    await desk.press("g", *("j" for _ in range(rows.index(name))))


async def test_an_environment_that_changes_is_seen_and_nothing_is_written(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda)
    before = box.changes(container)
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("training")
        await desk.press("enter")
        await sees(desk, lambda: cells(desk, "nlp")[1:4] == ("3.11.9", "2.9.1+cu128", "12.8"), "it is listed")
        assert cells(desk, "nlp")[6] == "image"
        await sees(desk, lambda: "B" in cells(desk, "nlp")[8], "it is measured")
        assert {"half-made", "doubled", "python-gone"} <= {
            item.environment.name for item in pane(desk).items if item.problems
        }
        await sees(desk, lambda: "missing files" in str(pane(desk).items), "the walk finds missing files")
        assert box.changes(container) == before

        box.engine.docker("exec", container.id, "mkdir", f"/opt/conda/envs/nlp/{SITE}/peft-1.0.dist-info")
        await desk.press("R")
        await sees(desk, lambda: cells(desk, "nlp")[6] == "layer", "it is of the layer now")
        await point_at(desk, "nlp")
        assert "it dies with it" in bar(desk, ".pane-detail")


async def test_hostile_names_stay_in_their_cells(box: Box) -> None:
    box.run(images.CONDA, images.make_conda)
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("training")
        await desk.press("enter", "+")
        await sees(desk, lambda: set(images.HOSTILE_NAMES) <= set(labels(desk)), "all are listed")
        column = pane(desk).table.render_line(0).text.index("PYTHON")
        drawn = [pane(desk).table.render_line(y).text for y in range(1, len(labels(desk)) + 1)]
        assert not any("\x1b" in line or "\n" in line or "\t" in line for line in drawn)
        for name in ("[bold]markup", "new␊line", "␛[31mred␛[0m", "$HOME;*?[a]`id`"):
            line = next(line for line in drawn if name in line)
            assert line[column : column + 1] in "–3"


async def test_a_container_that_starts_is_looked_into(box: Box) -> None:
    box.image(images.MICROMAMBA, images.make_micromamba)
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.wait(lambda: "There is no container" in desk.text(), "it is empty")
        box.run(images.MICROMAMBA, images.make_micromamba, "mm")
        await desk.point_at("mm")
        await sees(
            desk, lambda: labels(desk) == ["base", "train", "default"], "they are listed by themselves"
        )
        await desk.sees("mm", " 3 ")


async def test_a_container_that_stops_keeps_what_was_known_and_an_unknown_one_is_read(box: Box) -> None:
    container = box.run(images.CONDA, images.make_conda, "known")
    other = box.run(images.MICROMAMBA, images.make_micromamba, "unknown")
    box.engine.docker("stop", "--time", "0", other.id)
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("known")
        await sees(desk, lambda: cells(desk, "vision"), "it is listed")
        pip = cells(desk, "vision")[7]
        box.engine.docker("stop", "--time", "0", container.id)
        await sees(desk, lambda: pane(desk).items[0].is_old, "it is old")
        assert cells(desk, "vision")[7] == pip == "6+2"
        assert "as of" in bar(desk, ".pane-title")
        await desk.point_at("unknown")
        await sees(desk, lambda: "train" in labels(desk), "it is read through the engine")
        assert "does not run" in bar(desk, ".pane-title")
        assert cells(desk, "train")[7] == "2+–"


async def test_the_odd_ones_say_what_they_are(box: Box) -> None:
    box.run(images.BARE, images.make_bare, "a-bare")
    box.run(images.SHELLLESS, images.make_shellless, "b-shellless")
    strange = box.run(images.BARE, images.make_bare, "c-strange")
    shell = "#!/bin/busybox sh\necho noise\n"
    script = '/bin/busybox rm /bin/sh; printf %s "$1" > /bin/sh; /bin/busybox chmod +x /bin/sh'
    box.engine.docker("exec", strange.id, "/bin/busybox", "sh", "-c", script, "sh", shell)
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("a-bare")
        await sees(desk, lambda: "There is no environment in it" in notice(desk), "the bare one")
        await desk.point_at("b-shellless")
        await sees(desk, lambda: labels(desk) == ["base", "served"], "the one without a shell")
        assert "no shell" in bar(desk, ".pane-title")
        await desk.point_at("c-strange")
        await sees(desk, lambda: "answers something else" in notice(desk), "the strange one")
        await desk.sees("a-bare", " 0 ")


async def test_a_container_that_is_removed_while_it_is_asked(box: Box) -> None:
    box.run(images.CONDA, images.make_conda, "stays")
    gone = box.run(images.CONDA, images.make_conda, "goes")
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("goes")
        box.engine.docker("rm", "--force", gone.id)
        await desk.wait(lambda: desk.names() == ["stays"], "it is gone")
        await desk.wait(lambda: desk.monitor.is_at_rest, "nothing is asked any more")
        await sees(desk, lambda: "vision" in labels(desk), "the other one is listed")


async def test_packages_and_where_they_are(box: Box) -> None:
    box.run(images.CONDA, images.make_conda, "one")
    box.run(images.MICROMAMBA, images.make_micromamba, "two")
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("one")
        await sees(desk, lambda: "vision" in labels(desk), "it is listed")
        await desk.press("enter")
        await point_at(desk, "vision")
        await desk.press("i")
        await desk.opened(PackagesScreen)
        await desk.wait(lambda: "timm" in desk.text_screen(), "its packages")
        for word in ("py3.11_cuda12.1_cudnn8.9.2_0", "conda-forge", "asked for"):
            assert word in desk.text_screen()
        await desk.press("escape")
        await desk.wait(lambda: desk.is_on_top)
        await desk.wait(lambda: desk.monitor.is_at_rest, "both are listed")
        await desk.press("W")
        screen = await desk.opened(PackageSearchScreen)
        await desk.wait(lambda: not screen._is_asking and screen.query("Input").first().has_focus)
        await desk.write("^numpy$")
        await desk.wait(lambda: "train" in desk.text_screen(), "it is found in the other one")
        found = {tuple(line.split()[3:5]) for line in desk.text_screen().splitlines()[1:]}
        assert {("one", "nlp"), ("one", "doubled"), ("two", "train")} <= found


async def test_a_pause_by_key_never_meets_a_listing(box: Box) -> None:
    """A pause that meets a command that is just being started hangs Docker 20.10, hence twenty tries."""
    container = box.run(images.CONDA, images.make_conda)
    async with running_app(box.engine.host, size=WIDE) as desk:
        await desk.point_at("training")
        for _ in range(20):
            watch = desk.monitor._environment_watch
            assert watch is not None
            watch.list_soon(container.id)
            await desk.press("p")
            await desk.answer("go")
            await desk.sees("training", "paused")
            await desk.press("p")
            await desk.sees("training", "running")
        assert box.engine.request("GET", f"/containers/{container.id}/json")[0] == 200


async def test_twenty_containers_are_asked_once_each(
    box: Box, proxy: EngineProxy, clean_engine: PrivateEngine
) -> None:
    box.image(images.MANY, images.make_many)
    for number in range(20):
        clean_engine.run_container(f"many-{number:02d}", ("idle",), ("--network", "none"), images.MANY)
    async with running_app(proxy.host, size=WIDE) as desk:
        await desk.sees("many-00")
        await desk.wait(
            lambda: all(
                desk.shows(name, " 10 ") for name in desk.names()[: len(desk.pane.table.visible_keys())]
            ),
            "all are listed",
        )
        await desk.wait(lambda: desk.monitor.is_at_rest)
        # the selected one is measured, too
        others = [item.container.id for item in desk.pane.items if item.container.name != desk.cursor_name]
        for container_id in others:
            assert [request.resource for request in proxy.requests()].count(
                f"/containers/{container_id}/exec"
            ) == 1, "one command each"
        assert labels(desk)[0] == "base" and len(labels(desk)) == 10


async def test_by_read_only_no_command_is_run(box: Box, proxy: EngineProxy) -> None:
    box.run(images.MICROMAMBA, images.make_micromamba, "mm")
    async with running_app(proxy.host, size=WIDE, read_only=True) as desk:
        await desk.point_at("mm")
        await sees(desk, lambda: "train" in labels(desk), "it is read through the engine")
        await desk.press("enter", "i")
        await desk.opened(PackagesScreen)
        await desk.wait(lambda: "python" in desk.text_screen(), "packages, too")
    assert proxy.count(lambda request: request.method not in ("GET", "HEAD")) == 0


def test_of_a_command_line_that_is_read_only_too(box: Box, proxy: EngineProxy, tmp_path: Path) -> None:
    from tui.cli import main

    box.run(images.MICROMAMBA, images.make_micromamba, "mm")
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    assert main(["--host", proxy.host, "--read-only", "envs", "mm"], environ) == 0
    assert proxy.count(lambda request: request.method not in ("GET", "HEAD")) == 0
