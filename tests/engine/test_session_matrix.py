"""Shells, environments and routes with each other: the chosen environment is active, and nothing is left."""

from __future__ import annotations

import re
from itertools import combinations, product

import pytest

from tests.engine.session_environments import ACCOUNTS, PREFIXES, ROUTES, Field, Person
from tests.rig.waiting import until
from tui.model.sessions import Route, Terminal

_STATUSES = (0, 7, 130)
_ALL = tuple(product(ACCOUNTS, PREFIXES, ROUTES, _STATUSES))
# As few as there are shells by routes, with each pair of values at least once.
_COVERING = frozenset(
    (shell, tuple(PREFIXES)[(row + column) % 3], route, _STATUSES[(row + 2 * column) % 3])
    for (row, shell), (column, route) in product(enumerate(ACCOUNTS), enumerate(ROUTES))
)
_WORDS = {Route.PORT: r"ssh port \d+", Route.SSHD: "ssh through the engine", Route.EXEC: "engine exec"}
_ASK_PYTHON = "python -c 'import sys; print(sys.prefix)'"


def _cases() -> list[object]:
    return [
        pytest.param(*case, marks=() if case in _COVERING else pytest.mark.full_sessions) for case in _ALL
    ]


def test_every_run_has_each_pair_of_values() -> None:
    for first, second in combinations(range(4), 2):
        wanted = {(case[first], case[second]) for case in _ALL}
        assert {(case[first], case[second]) for case in _COVERING} == wanted


@pytest.mark.parametrize(("shell", "kind", "route", "status"), _cases())
def test_the_chosen_environment_is_active(
    field: Field, shell: str, kind: str, route: Route, status: int
) -> None:
    environment = field.environment(route, kind)
    name = re.escape(field.container(route).name)
    ask_variable = "echo $VIRTUAL_ENV" if kind == "venv" else "echo $CONDA_PREFIX"
    field.forget_what_was_typed(route, shell)
    typed = (_ASK_PYTHON, ask_variable, f"exit {status}")
    with Person(field.open(route, environment, ACCOUNTS[shell], terminal=Terminal(columns=200))) as person:
        # the first of all lines
        person.sees(
            rf"\A\s*envtui: {_WORDS[route]} · {name} / {re.escape(environment.label)} · "
            rf"python {environment.prefix}/bin/python\n"
        )
        for number, line in enumerate(typed[:2], 1):
            person.types(line)
            # the answer ends a line, which neither what was typed nor the first line does
            person.sees(rf"({environment.prefix}\n[\s\S]*){{{number}}}")
        assert person.leaves(typed[2]) == status
    until(lambda: not field.traces(route, shell).processes, message=lambda: str(field.traces(route, shell)))
    traces = field.traces(route, shell)
    assert traces.files == ()
    # what a person typed and no line of ours
    assert traces.typed == (typed if shell != "dash" else ())
