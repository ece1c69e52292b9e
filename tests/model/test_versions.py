"""Versions in conda's order, held against rattler's; constraints, held against rattler's and packaging's."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version as PipVersion

from tui.model.versions import compare_versions, order_key, satisfies

rattler = pytest.importorskip("rattler")

_numbers = st.integers(0, 30).map(str)
_tails = st.sampled_from(
    ["", "", "", "a", "a1", "b2", "rc1", "dev", "dev3", "post1", ".post2", ".dev1", "_1", "alpha", "_"]
)
_locals = st.sampled_from(["", "", "", "+cu128", "+cpu", "+1", "+0.2", "+g1a2"])
_epochs = st.sampled_from(["", "", "", "", "1!"])
_conda_versions = st.builds(
    lambda epoch, numbers, tail, local: f"{epoch}{'.'.join(numbers)}{tail}{local}",
    _epochs,
    st.lists(_numbers, min_size=1, max_size=4),
    _tails,
    _locals,
)
_pip_versions = st.builds(
    lambda epoch, numbers, tail, local: f"{epoch}{'.'.join(numbers)}{tail}{local}",
    _epochs,
    st.lists(_numbers, min_size=1, max_size=4),
    st.sampled_from(["", "", "", "a1", "b2", "rc1", ".post2", ".dev1"]),
    st.sampled_from(["", "", "+cu128", "+cpu"]),
)


def _rattlers(a: str, b: str) -> int:
    left, right = rattler.Version(a), rattler.Version(b)
    return -1 if left < right else 1 if right < left else 0


@given(_conda_versions, _conda_versions)
@example("1.0.1_", "1.0.1a")
@example("1.0", "1")
@example("1.0.0-rc1", "1.0.0rc1")
def test_two_versions_are_ordered_as_rattler_orders_them(a: str, b: str) -> None:
    assert compare_versions(a, b) == _rattlers(a, b)


@given(_conda_versions, st.sampled_from([".0", ".0.0", ""]))
def test_zeros_behind_make_no_other_version(version: str, zeros: str) -> None:
    assume(version[-1].isdigit() and "+" not in version and not any(map(str.isalpha, version)))
    assume("_" not in version)
    assert order_key(version) == order_key(version + zeros)
    assert hash(order_key(version)) == hash(order_key(version + zeros))


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
@example("9" * 5000, "1\n", "\x1b[2J")
@example("٣", "²", "1")
def test_any_text_has_a_place_in_one_order(a: str, b: str, c: str) -> None:
    one, two, three = sorted((a, b, c), key=order_key)
    assert compare_versions(one, two) <= 0
    assert compare_versions(two, three) <= 0
    assert compare_versions(one, three) <= 0
    assert compare_versions(a, b) == -compare_versions(b, a)


@given(st.text(max_size=40), st.text(max_size=60), st.booleans())
@example("1", "=" * 3000, False)
@example("1", "\ud800", True)
def test_no_text_breaks_the_check_of_a_constraint(version: str, constraint: str, is_pip: bool) -> None:
    assert satisfies(version, constraint, is_pip) in (True, False, None)


@given(
    _conda_versions,
    st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">="]),
    _conda_versions,
)
@example("1.2.3", "=", "1.2")
@example("1.20", "=", "1.2")
def test_a_constraint_of_conda_is_judged_as_rattler_judges_it(
    version: str, operator: str, wanted: str
) -> None:
    # rattler reads `1.0_` at the end of a constraint in a way of its own
    assume(not wanted.endswith("_") and "_+" not in wanted)
    try:
        spec = rattler.VersionSpec(f"{operator}{wanted}")
    except Exception:
        assume(False)
    # rattler leaves local parts out of some comparisons, conda does not
    assume("+" not in version + wanted)
    # conda compares the text at the end of "=1.0a" letter by letter, rattler whole
    assume(not (operator == "=" and wanted[-1:].isalpha()))
    assert satisfies(version, f"{operator}{wanted}") == spec.matches(rattler.Version(version))


@pytest.mark.parametrize(
    ("version", "is_one"),
    [("1.4.2", True), ("1.4.9", True), ("1.5", False), ("1.4.1", False), ("2.4.2", False), ("1.4.2.1", True)],
)
def test_a_compatible_release_of_conda(version: str, is_one: bool) -> None:
    assert satisfies(version, "~=1.4.2") is is_one
    assert rattler.VersionSpec("~=1.4.2").matches(rattler.Version(version)) is is_one


@given(_pip_versions, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~="]), _pip_versions)
@example("2.9.1+cu128", "==", "2.9.1")
@example("2.0rc1", "<", "2")
@example("1.0.post1", ">", "1")
def test_a_constraint_of_pip_is_judged_as_pip_judges_it(version: str, operator: str, wanted: str) -> None:
    try:
        spec = SpecifierSet(f"{operator}{wanted}", prereleases=True)
    except ValueError:
        assume(False)
    # PEP 440 puts "1.0.dev1" before "1.0a1", conda behind it
    assume(".dev" not in version and ".dev" not in wanted)
    assert satisfies(version, f"{operator}{wanted}", is_pip=True) == spec.contains(PipVersion(version))


@pytest.mark.parametrize(
    ("version", "constraint", "is_allowed"),
    [
        ("2.9.1", "", True),
        ("2.9.1", "*", True),
        ("2.9.1", "=2.9", True),
        ("2.9.1", "2.9.*", True),
        ("2.9.1", "=2.9.*", True),
        ("2.9.1", "==2.9.*", True),
        ("2.9.1", "2.9", False),
        ("2.9.0", "2.9", True),
        ("2.10", "2.1*", False),
        ("1.26.4", ">=1.26,<3", True),
        ("3.0", ">=1.26,<3", False),
        ("1.4", "1.2|1.4", True),
        ("1.4", ">=1.2,<1.3|>=1.4,<1.5", True),
        ("1.4", "!=1.4.*", False),
        ("1.4.2", "~=1.4", True),
        ("2.0", "~=1.4", False),
        ("1.4", ">=1.2.*", True),
        ("1.4", "=>1.2", None),
        ("1.4", "^1.4$", None),
        ("1.4", "1.*.3", None),
        ("1.4", "(1.4|1.5)", None),
        ("1.4", ",", None),
        ("1.4", ">=1.2 <3\n", None),
    ],
)
def test_constraints_that_people_write_for_conda(
    version: str, constraint: str, is_allowed: bool | None
) -> None:
    assert satisfies(version, constraint) is is_allowed


@pytest.mark.parametrize(
    ("version", "constraint", "is_allowed"),
    [
        ("2.9.1+cu128", "==2.9.1", True),
        ("2.9.1+cu128", "==2.9.1+cpu", False),
        ("2.9.1+cu128", "==2.9.*", True),
        ("2.9.1", "===2.9.1", True),
        ("2.9.1", "=2.9.1", None),
        ("2.9.1", "==2.9.1|==3", None),
        ("2.9.1", "==2.9.1; python_version<'3'", None),
    ],
)
def test_constraints_that_people_write_for_pip(
    version: str, constraint: str, is_allowed: bool | None
) -> None:
    assert satisfies(version, constraint, is_pip=True) is is_allowed
