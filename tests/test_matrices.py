"""What is chosen of a matrix to run by default is there, so that a new name does not leave a test out."""

from __future__ import annotations

from collections import defaultdict

import pytest


def test_what_runs_by_default_is_there(request: pytest.FixtureRequest) -> None:
    """Looks at the tests of this very run."""
    if request.config.option.keyword or any("::" in each for each in request.config.args):
        pytest.skip("not whole matrices are collected")
    found: defaultdict[str, set[str]] = defaultdict(set)
    marks: dict[str, pytest.Mark] = {}
    of_modules = set()
    for item in request.session.items:
        mark = item.get_closest_marker("by_default")
        if mark and hasattr(item, "callspec"):
            name = item.nodeid.partition("[")[0]
            found[name].add(item.callspec.id)
            marks[name] = mark
            if not any(each is mark for each in item.own_markers):
                of_modules.add(name)
    missing = {name: set(mark.args) - found[name] for name, mark in marks.items() if name not in of_modules}
    assert {name: ids for name, ids in missing.items() if ids} == {}
    assert [name for name in of_modules if not found[name] & set(marks[name].args)] == []
