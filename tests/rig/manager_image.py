"""An image with conda, micromamba, venv, pip and uv that really make environments, without a network."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import rattler
import typing_extensions
import yaml

from tests.engine.environment_images import _libraries, find_uv
from tests.rig import manager_channel
from tests.rig.conda_prefixes import Tree
from tests.rig.engine import PrivateEngine
from tests.rig.manager_channel import PYTHON_LIBRARY, PYTHON_PROGRAM, make_manager_channel, make_wheels
from tests.rig.tree_images import import_tree

MANAGER_IMAGE = "envtui-managers:1"
CONDA = "/opt/conda/bin/conda"
MICROMAMBA = "/opt/mamba/bin/micromamba"
#: Not on the PATH, so that the listing does not find it.
MAMBA = "/opt/rig/bin/mamba"
UV = "/usr/local/bin/uv"
CHANNEL = "/channel"
#: Environments that are there: with a package of pip's; frozen; of micromamba; a venv, one by uv; half made.
TRAIN = "/opt/conda/envs/train"
FROZEN = "/opt/conda/envs/frozen"
MAMBA_ENVIRONMENT = "/opt/mamba/envs/lab"
VENV = "/opt/venvs/plain"
HALF_MADE = "/opt/conda/envs/half-made"

_PARTS = ("standin_manager.py", "standin_packages.py", "standin_words.py", "standin_workings.py")
_RIG = Path(__file__).parent
_LIBRARY = "/opt/rig/lib"
# rattler's HTTP client is not made without one, though nothing is asked over the network
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_SKIPPED = shutil.ignore_patterns(
    "test", "tests", "config-*", "idlelib", "lib2to3", "pydoc_data", "turtledemo"
)
PROGRAM = f"""#!{PYTHON_PROGRAM}
import os, sys
sys.path.insert(0, {_LIBRARY!r})
from tests.rig.standin_manager import main
code = main()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)  # threads of rattler do not survive the interpreter's own end
"""


def why_unavailable() -> str | None:
    """Why the image can't be made on this machine, or None if it can."""
    if not find_uv():
        return "not installed: uv"
    if not _CERTIFICATES.exists():
        return f"not installed: {_CERTIFICATES} (Debian: ca-certificates)"
    return manager_channel.why_unavailable()


def manager_image(engine: PrivateEngine) -> str:
    """Makes the image unless it is there; its name. The user is root, nothing runs by itself."""
    if engine.request("GET", f"/images/{MANAGER_IMAGE}/json")[0] == 200:
        return MANAGER_IMAGE
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "tree"
        program = PROGRAM.encode()
        channel = make_manager_channel(folder / CHANNEL.lstrip("/"), {"bin/conda": program})
        tree = Tree(folder, channel)
        _add_python(tree)
        add_standin(tree.real(_LIBRARY))
        for path in (MICROMAMBA, MAMBA):
            tree.write(path, program, 0o755)
        _add_environments(tree)
        changes = (
            "ENV PATH=/opt/conda/bin:/usr/local/bin:/usr/bin:/bin",
            "ENV CONDA_DIR=/opt/conda",
            "ENV HOME=/root",
        )
        return import_tree(engine, tree, MANAGER_IMAGE, changes)


def add_standin(library: Path) -> None:
    """The stand-in manager and what it imports, for any Python 3.11 that has the folder in its path."""
    rig = library / "tests/rig"
    rig.mkdir(parents=True)
    for name in _PARTS:
        shutil.copy2(_RIG / name, rig / name)
    for package in (library / "tests", rig):
        (package / "__init__.py").touch()
    for module in (rattler, yaml):
        source = Path(module.__file__ or "").parent
        shutil.copytree(source, library / source.name, ignore=_SKIPPED)
    shutil.copy2(typing_extensions.__file__, library)
    # a manager is run often, mostly by an account that could not keep what it compiled
    manager_channel.compile_folder(library)


def _add_python(tree: Tree) -> None:
    """This machine's Python with venv, pip and uv, which find wheels in a folder and nothing else."""
    tree.copy(PYTHON_PROGRAM, str(PYTHON_PROGRAM))
    tree.link("/usr/bin/python3", PYTHON_PROGRAM.name)
    shutil.copytree(PYTHON_LIBRARY, tree.real(str(PYTHON_LIBRARY)), ignore=_SKIPPED, symlinks=True)
    shutil.copytree(manager_channel.WHEELS, tree.real(str(manager_channel.WHEELS)))
    uv = find_uv()
    assert uv is not None
    tree.copy(Path(uv), UV)
    programs = [PYTHON_PROGRAM, Path(uv), *PYTHON_LIBRARY.glob("lib-dynload/*.so")]
    programs += Path(rattler.__file__).parent.glob("*.so")
    for library in _libraries(programs):
        tree.copy(Path(os.path.realpath(library)), library)
    tree.copy(_CERTIFICATES, str(_CERTIFICATES))
    make_wheels(tree.real("/wheels"))
    tree.write("/etc/pip.conf", "[global]\nno-index = true\nfind-links = /wheels\n")
    tree.write("/etc/uv/uv.toml", 'no-index = true\nfind-links = ["/wheels"]\npython-downloads = "never"\n')
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n")
    tree.write("/root/.keep")
    tree.real("/home/ann").mkdir(parents=True)
    os.chown(tree.real("/home/ann"), 1000, 1000)
    tree.real("/tmp").mkdir()
    tree.real("/tmp").chmod(0o1777)


def _add_environments(tree: Tree) -> None:
    address = f"file://{CHANNEL}"

    def conda(prefix: str, *specs: str, cache: str = "/opt/conda/pkgs") -> None:
        tree.conda(prefix, specs, cache=cache, channel=address)
        history = tree.real(f"{prefix}/conda-meta/history")
        history.write_text(f"{history.read_text()}# update specs: {list(specs)!r}\n")

    conda("/opt/conda", "python", "conda", "pip")
    conda(TRAIN, "python", "pip", "numpy=2")
    tree.pip(TRAIN, "einops", "0.7.0")
    conda(FROZEN, "python")
    tree.write(f"{FROZEN}/conda-meta/frozen", "{}")
    conda(HALF_MADE, "rig-part00")
    tree.real(f"{HALF_MADE}/conda-meta/history").unlink()
    conda(MAMBA_ENVIRONMENT, "python", "pip", cache="/opt/mamba/pkgs")
    # both write it into each cache of theirs; what installs here does not
    for root in ("/opt/conda", "/opt/mamba"):
        tree.write(f"{root}/pkgs/urls.txt", "")
    for lock in (*tree.real("/opt").glob("*/pkgs/*.lock"), *tree.real("/opt").glob("*/pkgs/.cache.lock")):
        lock.unlink(missing_ok=True)
    for record in tree.real("/opt").glob("**/conda-meta/*.json"):
        record.chmod(0o644)
    tree.write("/root/.conda/environments.txt", f"{TRAIN}\n{FROZEN}\n{MAMBA_ENVIRONMENT}\n")
    _add_venv(tree, VENV)


def _add_venv(tree: Tree, prefix: str) -> None:
    """As `python3 -m venv` leaves it, with pip from its wheel."""
    tree.write(
        f"{prefix}/pyvenv.cfg", f"{manager_channel.BESIDE}version = {manager_channel.python_version()}\n"
    )
    for name in ("python", "python3", "python3.11"):
        tree.link(f"{prefix}/bin/{name}", str(PYTHON_PROGRAM) if name == "python3" else "python3")
    site = tree.real(f"{prefix}/lib/python3.11/site-packages")
    for wheel in manager_channel.WHEELS.glob("pip-*.whl"):
        shutil.unpack_archive(wheel, site, "zip")
    next(site.glob("pip-*.dist-info")).joinpath("INSTALLER").write_text("pip\n")
