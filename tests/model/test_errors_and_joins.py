"""Errors as one line, readings, room on a disk, and snapshots joined into rows."""

from __future__ import annotations

import pytest

from tests.making import full_id, make_container, make_sample
from tui.model import errors
from tui.model.containers import Container, ContainerState
from tui.model.errors import EngineRefused, EnvtuiError
from tui.model.hosts import FileSystemSpace
from tui.model.joins import container_rows
from tui.model.reading import unknown
from tui.model.stats import figures

NOW = 100_000.0


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (EnvtuiError("Title"), "Title"),
        (EnvtuiError("Title", "detail"), "Title: detail"),
        (EnvtuiError("Title", "", "hint"), "Title: hint"),
        (EnvtuiError("Title", "Detail.", "Hint."), "Title: Detail. Hint"),
        (EngineRefused("Title", "detail", "hint", 409), "Title: detail. hint"),
    ],
)
def test_an_error_as_one_line(error: EnvtuiError, line: str) -> None:
    assert error.one_line() == line
    assert str(error) == "Title"


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn = {word for word in (errors.__doc__ or "").split() if word[0].isupper() and word.isidentifier()}
    classes = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert drawn >= classes
    assert all(issubclass(getattr(errors, name), EnvtuiError) for name in classes)


def test_unknown_has_a_reason_and_no_value() -> None:
    reading = unknown("no driver")  # type: ignore[var-annotated]
    assert (reading.value, reading.reason, reading.taken_at) == (None, "no driver", 0.0)


def test_used_percent_counts_what_an_ordinary_user_can_have() -> None:
    # 10 of 100 are reserved for root
    assert FileSystemSpace("/", 100, used_bytes=45, free_bytes=45).used_percent == 50.0


def test_used_percent_of_a_file_system_without_room() -> None:
    assert FileSystemSpace("/proc", 0, 0, 0).used_percent == 0.0


class TestContainerRows:
    def test_figures_join_by_id(self) -> None:
        stats = figures(None, make_sample(1.0, memory_bytes=5))
        rows = container_rows(
            [make_container("a"), make_container("b")], {full_id("b"): stats, full_id("gone"): stats}, NOW
        )
        assert [(row.container.name, row.stats) for row in rows] == [("a", None), ("b", stats)]

    def test_figures_of_one_that_stopped_are_left_out(self) -> None:
        stats = figures(None, make_sample(1.0))
        (row,) = container_rows([make_container("a", ContainerState.EXITED)], {full_id("a"): stats}, NOW)
        assert row.stats is None

    @pytest.mark.parametrize(
        ("container", "age"),
        [
            (make_container(started_at=NOW - 3600, created_at=NOW - 9e4), "1h"),
            (make_container(created_at=NOW - 9e4), ""),
            (make_container(state=ContainerState.EXITED, finished_at=NOW - 120, created_at=NOW - 9e4), "2m"),
            (make_container(state=ContainerState.EXITED, created_at=NOW - 3 * 3600), "3h"),
            (make_container(state=ContainerState.CREATED), ""),
            (make_container(started_at=NOW + 500), "<1m"),
        ],
        ids=["up", "up-unknown", "ended", "ended-unknown", "nothing-known", "clock-behind"],
    )
    def test_age_is_how_long_it_is_what_it_is(self, container: Container, age: str) -> None:
        (row,) = container_rows([container], {}, NOW)
        assert row.age == age
