"""Which references of an image are taken one by one before it is deleted by its id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.backends.docker.image_removal import untag_order

_DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("tags", "digests"),
    [((), ()), (("a:1",), ()), (("a:1",), (f"a{_DIGEST}",)), ((), (f"a{_DIGEST}", f"a{_DIGEST[:-1]}1"))],
)
def test_nothing_is_taken_where_the_id_takes_it_all(tags: tuple[str, ...], digests: tuple[str, ...]) -> None:
    order = untag_order(tags, digests)
    assert (order.first, order.last) == ((), ())


def test_a_port_is_no_tag() -> None:
    order = untag_order(("localhost:5000/a:1", "localhost:5000/a:2", "localhost:5000/b:1"), ())
    assert len(order.first) == 2 and not order.last


def test_what_has_digests_stays_to_the_end() -> None:
    order = untag_order(("b:1", "a:1", "c:1"), (f"a{_DIGEST}",))
    assert set(order.first) == {"b:1", "c:1"}
    assert order.last == ()


def test_what_cannot_be_put_back_comes_last() -> None:
    order = untag_order(("b:1", "b:2", "a:1", "a:2", "c:1"), (f"a{_DIGEST}", f"b{_DIGEST}"))
    taken_late = set(order.last)
    assert set(order.first) | taken_late < {"b:1", "b:2", "a:1", "a:2", "c:1", f"a{_DIGEST}", f"b{_DIGEST}"}
    assert len([each for each in taken_late if "@" in each]) == 1
    assert "c:1" in order.first


_REPOSITORIES = st.sampled_from(["a", "b", "registry:5000/c"])


@given(
    st.sets(st.tuples(_REPOSITORIES, st.sampled_from("123")).map(":".join)),
    st.sets(st.tuples(_REPOSITORIES, st.sampled_from("01")).map(lambda pair: f"{pair[0]}@sha256:{pair[1]}")),
)
def test_the_rest_is_one_repository_with_at_most_one_tag(tags: set[str], digests: set[str]) -> None:
    order = untag_order(sorted(tags), sorted(digests))
    taken = [*order.first, *order.last]
    rest = (tags | digests) - set(taken)
    assert len(taken) == len(set(taken)) and set(taken) <= tags | digests
    assert len({each.partition("@")[0] if "@" in each else each.rpartition(":")[0] for each in rest}) <= 1
    assert len([each for each in rest if "@" not in each]) <= 1
    assert rest or not tags | digests
    # until the late ones are taken, no repository that has digests loses its last tag
    for digest in digests:
        name = digest.partition("@")[0]
        its_tags = {each for each in tags if each.rpartition(":")[0] == name}
        assert not its_tags or its_tags - set(order.first)
