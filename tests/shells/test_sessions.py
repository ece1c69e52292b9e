"""Whatever start-up files do, the shell that opens has the chosen environment, and leaves nothing."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

import pytest

from tests.shells.homes import Start, every, files_with
from tests.shells.machine import SHELLS, Home, Machine

KINDS = ("conda", "micromamba", "venv", "pixi", "unowned")
_STATUSES = (0, 7, 130)
_PRODUCT = [(shell, home, make, kind) for shell, home, make in every(list(SHELLS)) for kind in KINDS]


def _covering() -> set[tuple[str, str, str]]:
    """Every shell with every home, and with every kind; conda where start-up files work against it."""
    kinds = cycle(KINDS)
    chosen = {(shell, home, next(kinds)) for shell, home, _ in every(list(SHELLS))}
    chosen |= {
        (shell, home, "conda")
        for shell, home, _ in every(list(SHELLS))
        if home.startswith("exec") or "base" in home
    }
    return chosen | {(shell, "nothing", kind) for shell in SHELLS for kind in KINDS}


def _cases() -> list[object]:
    covering = _covering()
    return [
        pytest.param(
            shell, make, kind, _STATUSES[number % 3], id=f"{shell}-{home}-{kind}",
            marks=() if (shell, home, kind) in covering else pytest.mark.full_sessions,
        )
        for number, (shell, home, make, kind) in enumerate(_PRODUCT)
    ]  # fmt: skip


@pytest.mark.parametrize(("started", "make", "kind", "status"), _cases())
def test_the_environment_is_active(
    machine: Machine, tmp_path: Path, started: str, make: Start, kind: str, status: int
) -> None:
    home = Home(machine, tmp_path)
    make(home, started)
    environment = machine.environments[kind]
    told = home.ask(environment, started, status=status)
    assert (told.prefix, told.status) == (environment.prefix, status)
    conda, venv, from_script, mark = told.variables
    if kind == "venv":
        assert venv == environment.prefix
    else:
        assert (conda, venv, from_script) == (environment.prefix, "", "yes")
    assert mark == f"{home.tag}:{told.leader}"
    # the name of a folder below may hold what a shell's own line editor would draw anew, hence the end only
    assert told.first_line.endswith(f" · python {environment.prefix}/bin/python"), told.first_line
    assert home.left == []
    assert files_with(tmp_path, b"envtui") == []
