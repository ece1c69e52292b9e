"""Which layer takes how much: right, or not told at all."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backends.disk_answers import answer
from tui.backends.docker.disk_entries import images, shared_bytes
from tui.backends.docker.image_layers import (
    HistoryStep,
    ImageBuild,
    chain_ids,
    is_builders,
    layers_of,
    step_from_history,
)


def build(digests: str, *sizes: int, total: int | None = None) -> ImageBuild:
    steps = tuple(HistoryStep(size) for size in sizes)
    return ImageBuild(tuple(digests), steps, sum(sizes) if total is None else total)


def sizes(builds: dict[str, ImageBuild], image: str) -> list[int | None]:
    return [layer.size_bytes for layer in layers_of(builds)[image]]


def recorded() -> dict[str, ImageBuild]:
    listed = {entry["Id"]: entry["Size"] for entry in answer("images-docker-20.10")}
    told: dict[str, Any] = answer("histories-docker-20.10")
    return {
        image: ImageBuild(
            tuple(each["layers"]),
            tuple(step_from_history(step["CreatedBy"], step["Size"]) for step in reversed(each["history"])),
            listed[image],
        )
        for image, each in told.items()
    }


@pytest.mark.parametrize(
    ("created_by", "comment", "is_built"),
    [
        ("RUN /bin/sh -c make # buildkit", "buildkit.dockerfile.v0", True),
        ('/bin/sh -c #(nop)  CMD ["sh"]', "", True),
        ("/bin/sh -c make", "", False),
        ("python train.py", "", False),
        ("python train.py", "epoch 30", False),
        ("python train.py # buildkit", "", False),
        ("sh -c echo #(nop)", "", False),
        ("", "Imported from -", False),
        ("", "", False),
    ],
)
def test_a_builders_step_is_one_that_nothing_else_makes(
    created_by: str, comment: str, is_built: bool
) -> None:
    assert is_builders(created_by, comment) is is_built


class TestChains:
    def test_as_the_specification_has_it(self) -> None:
        # OCI image specification: ChainID(L0) = DiffID(L0), then a digest of "chain diff"
        second = f"sha256:{hashlib.sha256(b'sha256:a sha256:b').hexdigest()}"
        assert chain_ids(["sha256:a", "sha256:b"]) == ("sha256:a", second)


class TestSizes:
    def test_recorded_images_come_out_as_they_were_built(self) -> None:
        entries = answer("images-docker-20.10")
        found = {image.tags: image for image in images(entries, layers_of(recorded()), frozenset(), ())}
        own = {tags: [layer.size_bytes for layer in image.layers] for tags, image in found.items() if tags}
        assert own == {
            ("envtui-rig:1",): [1984227],
            ("kit:1", "kit:2"): [1984227, 3000000, 2000000, 1000000],
            ("classic:1",): [1984227, 3000000, 2000000, 1000000],
            # the container's mount points made a layer without a byte
            ("committed:1",): [1984227, 3000000, 2000000, 1000000, 0],
        }

    def test_what_is_shared_is_what_the_engine_says(self) -> None:
        told = shared_bytes(answer("df-docker-20.10")["Images"])
        found = images(answer("images-docker-20.10"), layers_of(recorded()), frozenset(), ())
        assert {image.id: image.shared_bytes for image in found if image.tags} == told

    def test_steps_without_a_layer_leave_no_doubt_between_layers_with_a_size(self) -> None:
        assert sizes({"a": build("xyz", 10, 0, 20, 0, 0, 30)}, "a") == [10, 20, 30]

    def test_an_empty_layer_that_may_be_in_two_places_is_not_told_nor_its_neighbours(self) -> None:
        assert sizes({"a": build("xyz", 10, 0, 20, 0)}, "a") == [10, None, None]

    def test_another_image_on_the_same_layers_settles_it(self) -> None:
        both = {"a": build("xyz", 10, 0, 20, 0), "b": build("xy", 10, 0)}
        assert sizes(both, "a") == [10, 0, 20]

    def test_steps_that_never_make_a_layer_settle_it(self) -> None:
        steps = (
            step_from_history("COPY a /a # buildkit", 10),
            step_from_history("ENV A=1", 0),
            step_from_history("COPY b /b # buildkit", 20),
            step_from_history('/bin/sh -c #(nop)  CMD ["sh"]', 0),
            step_from_history("WORKDIR /c", 0),
        )
        assert sizes({"a": ImageBuild(tuple("xyz"), steps, 30)}, "a") == [10, 20, 0]

    def test_a_history_that_does_not_tell_all_is_not_believed(self) -> None:
        assert sizes({"a": build("xy", 10, 20, total=35)}, "a") == [None, None]
        assert sizes({"a": build("xyz", 30, 5)}, "a") == [None, None, None]
        assert sizes({"a": build("xy", total=7)}, "a") == [None, None]

    def test_sizes_that_count_more_than_layers_are_not_believed(self) -> None:
        # as with the containerd image store: 10 and 30 bytes of layers, and compressed copies of them
        both = {"a": build("x", 10, total=14), "b": build("xy", 10, 30, total=56)}
        assert (sizes(both, "a"), sizes(both, "b")) == ([None], [None, None])

    def test_two_images_that_contradict_each_other_tell_nothing(self) -> None:
        both = {"a": build("xy", 10, 20), "b": build("x", 12)}
        assert sizes(both, "a")[0] is None

    def test_an_image_that_is_not_told_anything_of(self) -> None:
        assert layers_of({"a": ImageBuild()}) == {"a": ()}

    @given(st.data())
    def test_never_wrong(self, data: st.DataObject) -> None:
        """Images that stand on each other, of layers with and without a size, and steps without a layer."""
        tree: list[list[tuple[str, int]]] = [[]]
        histories: list[list[HistoryStep]] = [[]]
        for number in range(data.draw(st.integers(1, 5))):
            base = data.draw(st.integers(0, len(tree) - 1))
            layers, steps = list(tree[base]), list(histories[base])
            for index in range(data.draw(st.integers(1, 4))):
                if data.draw(st.booleans()):
                    steps.append(HistoryStep(0, data.draw(st.booleans())))
                size = data.draw(st.integers(0, 3))
                layers.append((f"{number}.{index}", size))
                steps.append(HistoryStep(size))
            tree.append(layers)
            histories.append(steps)
        builds = {
            str(number): ImageBuild(
                tuple(digest for digest, _ in layers), tuple(steps), sum(size for _, size in layers)
            )
            for number, (layers, steps) in enumerate(zip(tree, histories, strict=True))
        }
        for image, found in layers_of(builds).items():
            for layer, (_, size) in zip(found, tree[int(image)], strict=True):
                assert layer.size_bytes in (None, size)
