"""The environment of a process, from what its program, its command line and its variables say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.making import full_id
from tui.model.environments import Environment, EnvironmentKind, EnvironmentList
from tui.model.owners import (
    NO_ENVIRONMENT,
    OUTSIDE,
    Clues,
    ProcessIdentity,
    ProcessOwner,
    environment_of,
    name_of,
    not_seen,
    placed,
    prefix_of,
)
from tui.model.reading import Reading

BOX = full_id("box")
VISION, VENV, UV, MINE = "/opt/conda/envs/vision", "/work/.venv", "/app/.venv", "/srv/mine"
UV_PYTHON = "/root/.local/share/uv/python/cpython-3.12.4-linux-x86_64-gnu/bin/python3.12"


def environment(
    prefix: str, kind: EnvironmentKind = EnvironmentKind.CONDA, name: str = "", root: str | None = None
) -> Environment:
    return Environment(BOX, prefix, name, kind, root_prefix=root)


LISTED = (
    environment("/opt/conda", EnvironmentKind.BASE, "base", "/opt/conda"),
    environment(VISION, name="vision", root="/opt/conda"),
    environment(VENV, EnvironmentKind.VENV, root=VISION),
    # what it says of its Python may be a link to the folder that it really lies in
    environment(UV, EnvironmentKind.UV, root="/root/.local/share/uv/python/cpython-3.12-linux-x86_64-gnu"),
    environment(MINE, name="mine"),
    environment("/usr", EnvironmentKind.SYSTEM, root="/usr"),
)
SYSTEM = "/usr/bin/python3.11"

#: Name: clues, prefix with a listing, prefix without one.
CASES: dict[str, tuple[Clues, str, str]] = {
    "an environment's Python": (Clues(f"{VISION}/bin/python3.11"), VISION, VISION),
    "its program wins over what is active": (
        Clues(f"{VISION}/bin/python3.11", conda_prefix="/opt/conda", virtual_env=MINE),
        VISION,
        VISION,
    ),
    "the innermost, not the installation around it": (
        Clues(f"{VISION}/bin/tool", conda_prefixes=("/opt/conda", VISION)),
        VISION,
        VISION,
    ),
    "base": (Clues("/opt/conda/bin/python3.11"), "/opt/conda", "/opt/conda"),
    "removed while it runs": (Clues(f"{VISION}/bin/python3.11 (deleted)"), VISION, VISION),
    "an environment that was made since": (
        Clues("/opt/conda/envs/new/bin/python3.11", conda_prefixes=("/opt/conda", "/opt/conda/envs/new")),
        "/opt/conda/envs/new",
        "/opt/conda/envs/new",
    ),
    "a program deep inside": (
        Clues(f"{VISION}/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet"),
        VISION,
        VISION,
    ),
    "one where nobody looks for it": (Clues(f"{MINE}/bin/serve", conda_prefixes=(MINE,)), MINE, MINE),
    "a venv, called by its path": (
        Clues(f"{VISION}/bin/python3.11", f"{VENV}/bin/python", venvs=(VENV,)),
        VENV,
        VENV,
    ),
    "a venv by name, active": (
        Clues(f"{VISION}/bin/python3.11", virtual_env=VENV, conda_prefix=VISION),
        VENV,
        VISION,
    ),
    "a venv by name, active, seen": (
        Clues(SYSTEM, virtual_env=VENV, venvs=(VENV,)),
        VENV,
        VENV,
    ),
    "a venv of uv's Python": (Clues(UV_PYTHON, f"{UV}/bin/python", venvs=(UV,)), UV, UV),
    "another environment's Python, called by its path while a venv is active": (
        Clues(f"{VISION}/bin/python3.11", f"{VISION}/bin/python", virtual_env=VENV, venvs=(VENV,)),
        VISION,
        VISION,
    ),
    "an environment that was activated on top of a venv": (
        Clues(
            f"{MINE}/bin/python3.11",
            conda_prefix=MINE,
            virtual_env=VENV,
            conda_prefixes=(MINE,),
            venvs=(VENV,),
        ),
        MINE,
        MINE,
    ),
    "the system's Python, called by its path": (
        Clues(SYSTEM, SYSTEM, conda_prefix=VISION, virtual_env=VENV),
        "/usr",
        "/usr",
    ),
    "a program of the system's in an active environment": (
        Clues("/usr/bin/bash", conda_prefix=VISION),
        VISION,
        VISION,
    ),
    "of two that are active, the venv, as base often is": (
        Clues("/workspace/build/train", conda_prefix="/opt/conda", virtual_env=VENV),
        VENV,
        VENV,
    ),
    "a script whose interpreter is elsewhere": (
        Clues("/bin/busybox", f"{VISION}/bin/serve", conda_prefix="/opt/conda", conda_prefixes=(VISION,)),
        VISION,
        VISION,
    ),
    "a folder of a package that is only called so": (
        Clues("/opt/conda/lib/python3.11/site-packages/gym/envs/box2d/sim", conda_prefixes=("/opt/conda",)),
        "/opt/conda",
        "/opt/conda",
    ),
    "no environment": (Clues("/usr/local/bin/tritonserver"), NO_ENVIRONMENT, NO_ENVIRONMENT),
    "a relative variable": (Clues("/bin/sh", conda_prefix="envs/x"), NO_ENVIRONMENT, NO_ENVIRONMENT),
    "only the command line is known": (Clues(first_word=f"{VISION}/bin/python"), VISION, VISION),
    "one that the listing does not know yet, whose name only begins alike": (
        Clues("/opt/conda/envs/vision-2/bin/tool"),
        "/opt/conda/envs/vision-2",
        "/opt/conda/envs/vision-2",
    ),
    "nothing": (Clues(), NO_ENVIRONMENT, NO_ENVIRONMENT),
}


@pytest.mark.parametrize("case", CASES)
def test_the_prefix_of_a_process(case: str) -> None:
    clues, with_listing, without = CASES[case]
    assert prefix_of(clues, LISTED) == with_listing
    assert prefix_of(clues) == without


def test_the_name_of_its_environment() -> None:
    assert name_of(VISION, Clues(), LISTED) == "vision"
    assert name_of("/opt/conda", Clues(), LISTED) == "base"
    assert name_of(VENV, Clues(), LISTED) == ""
    assert name_of(VISION, Clues()) == "vision"
    assert name_of(MINE, Clues(conda_prefix=MINE, conda_name="mine")) == "mine"
    # conda calls one without a name by its path
    assert name_of(MINE, Clues(conda_prefix=MINE, conda_name=MINE)) == ""
    assert name_of(MINE, Clues(conda_prefix=VISION, conda_name="vision")) == ""


def owner(clues: Clues, container_id: str | None = BOX, prefix: str | None = "?") -> ProcessOwner:
    return replace(
        not_seen(7, "refused"),
        container_id=Reading(container_id),
        clues=clues,
        prefix=Reading(prefix, "refused"),
    )


class TestPlaced:
    listing = EnvironmentList(BOX, LISTED)

    def test_a_listing_knows_prefix_and_name(self) -> None:
        found = placed(owner(Clues(f"{MINE}/bin/serve")), self.listing)
        assert (found.prefix.value, found.environment.value, found.environment_label) == (
            MINE,
            "mine",
            "mine",
        )
        assert environment_of(found, self.listing) is LISTED[4]

    def test_without_a_name_the_prefix_is_shown(self) -> None:
        found = placed(owner(Clues(SYSTEM, f"{VENV}/bin/python")), self.listing)
        assert (found.prefix.value, found.environment_label) == (VENV, VENV)

    def test_another_containers_listing_changes_nothing(self) -> None:
        other = owner(Clues(f"{MINE}/bin/serve"), full_id("other"))
        assert placed(other, self.listing) is other
        assert placed(other, None) is other
        assert environment_of(other, self.listing) is None

    def test_what_was_not_looked_at_stays_unknown(self) -> None:
        refused = owner(Clues(first_word="/usr/local/bin/serve"), prefix=None)
        assert placed(refused, self.listing).prefix == Reading(None, "refused")
        assert placed(owner(Clues(), prefix=None), self.listing).environment_label is None


def test_the_container_that_the_engine_knows_is_the_innermost_of_them() -> None:
    nested = replace(owner(Clues(), "inner"), enclosing_ids=("outermost", "outer"))
    assert nested.container_among(["inner", "outer"]) == "inner"
    assert nested.container_among(["outermost", "outer"]) == "outer"
    assert nested.container_among(["another"]) is None
    assert owner(Clues(), OUTSIDE).container_among(["", "x"]) is None


def test_identity_and_what_is_unknown_of_one_that_is_gone() -> None:
    gone = not_seen(7, "its process has ended")
    assert gone.identity is None
    assert not gone.is_outside
    assert {gone.user.reason, gone.container_id.reason, gone.prefix.reason} == {"its process has ended"}
    assert replace(gone, start_ticks=5, container_id=Reading("")).identity == ProcessIdentity(7, 5, "")
    assert replace(gone, container_id=Reading("")).is_outside
