"""Graphs out of blocks: something is not nothing, and unknown is neither."""

from __future__ import annotations

from tui.ui import spark


def test_a_line() -> None:
    assert spark.line([0.0, 0.1, 50.0, 100.0, 300.0, None]) == " ▁▄██·"


def test_values_are_spread_over_the_time_and_the_highest_counts() -> None:
    moments = [(0.0, 99.0), (95.0, 10.0), (96.0, 30.0), (99.0, None), (110.0, 5.0), (121.0, 77.0)]
    assert spark.spread(moments, now=120.0, seconds=30.0, cells=3) == [30.0, None, 5.0]
    assert spark.spread([(120.0, 7.0)], now=120.0, seconds=30.0, cells=3) == [None, None, 7.0]
    assert spark.spread([], now=120.0, seconds=30.0, cells=2) == [None, None]


def test_a_graph_of_several_lines() -> None:
    assert spark.graph([0.0, 50.0, 75.0, 100.0, None], height=2) == ["  ▄█ ", " ███·"]
    assert spark.graph([0.01], height=3) == [" ", " ", "▁"]
