"""News that come together are drawn once, and what is said already is not laid out again."""

from __future__ import annotations

import pytest
from textual.widgets import Static

from tests.ui.desk import desk
from tui.monitor.topics import CONTAINERS, STATISTICS, Topic
from tui.ui.panes.containers import ContainersPane


async def test_topics_that_change_together_make_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as made:
        store = made.monitor.store
        turns: list[ContainersPane] = []
        monkeypatch.setattr(ContainersPane, "update_rows", lambda self: turns.append(self))
        store.put(CONTAINERS, store.value(CONTAINERS) or ())
        store.put(STATISTICS, store.value(STATISTICS) or {})
        made.pane.bridge.drain()
        assert turns == [made.pane]


async def test_a_turn_that_fails_keeps_no_other_from_its_news(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as made:
        bridge = made.pane.bridge
        called: list[str] = []
        # one that nobody else puts anything into meanwhile
        topic: Topic[int] = Topic("of a test")

        def fail() -> None:
            raise ValueError("on purpose")

        def read(_: object) -> None:
            bridge.when_told(fail)
            bridge.when_told(lambda: called.append("other"))

        bridge.read(topic, read)
        called.clear()
        made.monitor.store.put(topic, 1)
        bridge.drain()
        assert called == ["other"]
        await made.until(lambda: "on purpose" in str(made.toasts))
        # outside of a burst there is nothing to wait for
        bridge.when_told(lambda: called.append("at once"))
        assert called == ["other", "at once"]


async def test_the_same_notice_again_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk() as made:
        said: list[object] = []
        monkeypatch.setattr(Static, "update", lambda self, text, **_: said.append(text))
        for text in ("one", "one", "two", "one"):
            made.pane.show_notice(text)
        assert said == ["one", "two", "one"]
