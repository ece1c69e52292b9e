"""Images from trees of files, on top of the rig's own or on nothing."""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
from collections.abc import Sequence

from tests.rig.conda_prefixes import Tree
from tests.rig.engine import PrivateEngine
from tests.rig.image import image_archive


def import_tree(
    engine: PrivateEngine, tree: Tree, tag: str, changes: Sequence[str] = (), has_shell: bool = True
) -> str:
    """An image of a tree, owners as they are on this machine; its tag.

    Args:
        engine: that gets it.
        tree: of files.
        tag: of the image.
        changes: lines of a Dockerfile that the engine's import knows (ENV, USER, WORKDIR).
        has_shell: whether the rig's busybox lies below it.
    """
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            if has_shell:
                with tarfile.open(fileobj=io.BytesIO(image_archive())) as below:
                    for member in below:
                        if os.path.lexists(tree.real(member.name)):
                            continue
                        archive.addfile(member, below.extractfile(member) if member.isfile() else None)
            for path in sorted(tree.folder.iterdir()):
                archive.add(path, path.name)
        file.flush()
        options = [word for each in ("ENV PATH=/bin", *changes) for word in ("--change", each)]
        engine.docker("import", *options, file.name, tag)
    return tag
