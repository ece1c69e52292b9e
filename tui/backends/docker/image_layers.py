"""The layers of images with their sizes, found from their histories: None rather than a wrong one.

The engine tells the layers of an image (their digests, without sizes) and its history (steps with sizes,
some of which made no layer) apart. Which step made which layer is clear where it is clear from the count;
where steps of size zero leave a doubt, other images that have the same layers often settle it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.model.disk import ImageLayer

# Steps that never make a layer (docs.docker.com, Dockerfile reference): the classic builder marks them
# with "#(nop)", BuildKit writes them as they stand in the file. WORKDIR may make a folder, and so a layer.
_METADATA = re.compile(
    r"(?:/bin/sh -c #\(nop\)\s+)?"
    r"(?:ENV|LABEL|CMD|ENTRYPOINT|EXPOSE|USER|ARG|VOLUME|MAINTAINER|STOPSIGNAL|HEALTHCHECK|SHELL|ONBUILD)\b"
)


@dataclass(frozen=True, slots=True)
class HistoryStep:
    """One entry of an image's history.

    Attributes:
        size_bytes: of what it added.
        makes_no_layer: by what it says that it did.
    """

    size_bytes: int
    makes_no_layer: bool = False


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """What one image tells of its layers.

    Attributes:
        digests: of the layers, lowest first.
        steps: of its history, oldest first.
        size_bytes: of the whole image; None where not told.
        is_built: its newest step is one that only a builder makes.
    """

    digests: tuple[str, ...] = ()
    steps: tuple[HistoryStep, ...] = ()
    size_bytes: int | None = None
    is_built: bool = False

    @property
    def tells_all(self) -> bool:
        """Whether the steps come to the size.

        They don't where the history is not whole, nor where an engine counts in the size what is in no
        layer: configurations (Podman), or compressed copies (Docker with the containerd image store).
        """
        return sum(step.size_bytes for step in self.steps) == self.size_bytes


def step_from_history(created_by: str, size_bytes: int) -> HistoryStep:
    """A step from an entry of `/images/{id}/history`."""
    return HistoryStep(size_bytes, size_bytes == 0 and _METADATA.match(created_by) is not None)


def is_builders(created_by: str, comment: str) -> bool:
    """Whether a step of `/images/{id}/history` is one that only a builder makes.

    The classic builder marks what runs nothing with "#(nop)", BuildKit comments each of its steps with
    "buildkit.dockerfile.v0". A RUN of the classic builder can't be told from `docker commit` of a container
    whose command was a line for the shell (moby, `builder/dockerfile/dispatchers.go` and `daemon/commit.go`,
    where the step is the container's command).
    """
    return comment.startswith("buildkit.") or created_by.startswith("/bin/sh -c #(nop) ")


def chain_ids(digests: Sequence[str]) -> tuple[str, ...]:
    """The identity of each layer with all below it (OCI image specification, "Layer ChainID")."""
    chain: list[str] = []
    for digest in digests:
        both = f"{chain[-1]} {digest}" if chain else ""
        chain.append(f"sha256:{hashlib.sha256(both.encode()).hexdigest()}" if both else digest)
    return tuple(chain)


def layers_of(builds: Mapping[str, ImageBuild]) -> dict[str, tuple[ImageLayer, ...]]:
    """The layers of all images, by image.

    Args:
        builds: by image; the more, the fewer doubts.
    """
    chains = {image: chain_ids(build.digests) for image, build in builds.items()}
    # what a chain of layers can weigh altogether: the same in each image that has it
    weights: dict[str, frozenset[int]] = {}
    for image, build in builds.items():
        if chains[image] and build.size_bytes is not None and build.tells_all:
            _narrow(weights, chains[image][-1], {build.size_bytes})
    is_narrower = True
    while is_narrower:
        is_narrower = False
        for image, build in builds.items():
            for chain, possible in zip(chains[image], _weights(build, chains[image], weights), strict=False):
                is_narrower |= _narrow(weights, chain, possible)
    return {image: tuple(_layers(chain, weights)) for image, chain in chains.items()}


def _narrow(weights: dict[str, frozenset[int]], chain: str, possible: Iterable[int]) -> bool:
    """Take in what an image says of a chain; whether that is news. A contradiction leaves nothing."""
    known = weights.get(chain)
    found = frozenset(possible) if known is None else known & frozenset(possible)
    weights[chain] = found
    return found != known


def _layers(chain: Sequence[str], weights: Mapping[str, frozenset[int]]) -> Iterable[ImageLayer]:
    below: int | None = 0
    for each in chain:
        possible = weights.get(each, frozenset())
        total = next(iter(possible)) if len(possible) == 1 else None
        size = total - below if total is not None and below is not None else None
        yield ImageLayer(each, size if size is None or size >= 0 else None)
        below = total


def _weights(
    build: ImageBuild, chain: Sequence[str], weights: Mapping[str, frozenset[int]]
) -> list[set[int]]:
    """What each chain of an image can weigh by its history; [] where the history does not tell it all."""
    if not build.tells_all:
        return []
    steps = [step for step in build.steps if not step.makes_no_layer]
    if len(steps) < len(chain):
        # some of them made a layer, whatever they say
        steps = list(build.steps)
    if len(steps) < len(chain):
        return []
    sums = [0]
    for step in steps:
        sums.append(sums[-1] + step.size_bytes)

    def fits(layer: int, taken: int) -> bool:
        """Whether so many steps may have made the layers up to this one, with what is known of them."""
        known = weights.get(chain[layer])
        return known is None or sums[taken] in known

    # forward[n]: how many steps may have been taken when n layers are made. A step makes one layer or none,
    # and one that has a size makes one
    forward: list[set[int]] = [{0}]
    for layer in range(len(chain)):
        forward.append({at for start in forward[-1] for at in _next(steps, start) if fits(layer, at)})
    ends = {at for at in forward[-1] if sums[at] == sums[-1]}
    backward = [ends]
    for layer in range(len(chain) - 1, 0, -1):
        backward.append({at for at in forward[layer] if any(to in backward[-1] for to in _next(steps, at))})
    return [{sums[at] for at in reached} for reached in reversed(backward)]


def _next(steps: Sequence[HistoryStep], start: int) -> Iterable[int]:
    """How many steps may be behind one after the next layer was made, by how many were before it."""
    for index in range(start, len(steps)):
        yield index + 1
        if steps[index].size_bytes:
            return
