"""The images that the tests of environments run containers of."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.rig.conda_channel import CondaChannel
from tests.rig.conda_prefixes import SITE, Tree
from tests.rig.engine import PrivateEngine
from tests.rig.image import find_program
from tests.rig.tree_images import import_tree

CONDA, MICROMAMBA, PYTHON, BARE, SHELLLESS, MANY = (
    f"envtui-envs-{name}:1" for name in ("conda", "micromamba", "python", "bare", "shellless", "many")
)
#: Names that somebody could give a folder.
HOSTILE_NAMES = (
    "with space",
    'quote\'s "both"',
    "new\nline",
    "tab\there",
    "日本語",
    "\x1b[31mred\x1b[0m",
    "$HOME;*?[a]`id`",
    "-rf",
    "[bold]markup",
    "ends with backslash\\",
)
ALICE = 1000
_USERS = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "alice:x:1000:1000::/home/alice:/bin/sh\n"
    "bob:x:1001:1001::/home/bob:/bin/sh\n"
)


def make_conda(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """An installation with environments in good and in bad order, and one in another user's home."""
    tree = Tree(folder, channel)
    tree.conda("/opt/conda", ["python", "conda"])
    tree.conda(
        "/opt/conda/envs/vision", ["python", "pytorch"], {"timm": "1.0.9", "nvidia-cudnn-cu12": "9.1.0.70"}
    )
    tree.conda("/opt/conda/envs/nlp", ["python", "numpy=2.1"])
    tree.torch("/opt/conda/envs/nlp", "2.9.1+cu128", "12.8")
    tree.conda("/opt/conda/envs/untouched", ["python"])
    for name in HOSTILE_NAMES:
        tree.conda(f"/opt/conda/envs/{name}", ["libshared"])
    # broken in every way
    envs = "/opt/conda/envs"
    tree.conda(f"{envs}/no-json", ["python"])
    next(tree.real(f"{envs}/no-json/conda-meta").glob("python-*.json")).unlink()
    tree.conda(f"{envs}/corrupt", ["python", "numpy"])
    next(tree.real(f"{envs}/corrupt/conda-meta").glob("numpy-*.json")).write_text('{"name": "nu')
    tree.conda(f"{envs}/half-made", ["libshared"])
    tree.real(f"{envs}/half-made/conda-meta/history").unlink()
    tree.conda(f"{envs}/files-gone", ["python", "numpy=1.26"])
    shutil.rmtree(tree.real(f"{envs}/files-gone/{SITE}/numpy"))
    tree.conda(f"{envs}/python-gone", ["python"])
    for name in ("python", "python3"):
        tree.real(f"{envs}/python-gone/bin/{name}").unlink()
        tree.link(f"{envs}/python-gone/bin/{name}", "python3.99")
    tree.conda(f"{envs}/doubled", ["python", "numpy=1.26"], {"numpy": "2.2.0", "timm": "1.0.9"})
    tree.pip(f"{envs}/doubled", "timm", "1.0.10")
    tree.conda(f"{envs}/frozen", ["python"])
    tree.write(f"{envs}/frozen/conda-meta/frozen", "{}")
    tree.conda(f"{envs}/fifo", ["python"])
    os.mkfifo(tree.real(f"{envs}/fifo/conda-meta/pipe.json"))
    tree.real(f"{envs}/fifo/{SITE}/torch").mkdir(parents=True)
    os.mkfifo(tree.real(f"{envs}/fifo/{SITE}/torch/version.py"))
    tree.write(f"{envs}/in-the-way/lib/something", "left over")
    tree.link(f"{envs}/dangling", "/nowhere/at/all")
    tree.link(f"{envs}/looping", "looping")
    tree.link(f"{envs}/also-vision", "vision")
    # elsewhere
    tree.write("/opt/conda/.condarc", "channels:\n  - x\nenvs_dirs:\n  - '/scratch/envs'\n")
    tree.conda("/scratch/envs/elsewhere", ["python"])
    tree.conda("/odd/place", ["python"])
    tree.conda("/home/alice/.conda/envs/private", ["python", "pyyaml"])
    tree.write("/home/alice/.conda/environments.txt", "/home/alice/.conda/envs/private\n/odd/place\n/gone\n")
    tree.real("/home/bob").mkdir(parents=True)
    tree.conda("/home/bob/.conda/envs/closed", ["python"])
    for path, owner in (("/home/alice", ALICE), ("/home/bob", 1001)):
        for each in (tree.real(path), *tree.real(path).rglob("*")):
            os.lchown(each, owner, owner)
    tree.real("/home/bob").chmod(0o700)
    tree.write("/etc/passwd", _USERS)
    # a program that runs where it lies; the channel's Python is a script, whose program is its shell
    tree.copy(find_busybox(), "/opt/conda/envs/nlp/bin/sleep")
    return import_tree(engine, tree, CONDA, ("ENV CONDA_DIR=/opt/conda", "ENV PATH=/opt/conda/bin:/bin"))


def make_micromamba(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """A root that is not on the PATH, made by micromamba, a user who isn't root, and a project of pixi."""
    tree = Tree(folder, channel)
    tree.write("/bin/micromamba", "#!/bin/sh\nexit 0\n", 0o755)
    command = "/bin/micromamba create"
    tree.conda("/opt/conda", ["python"], command=command)
    tree.conda("/opt/conda/envs/train", ["python", "numpy"], command=command)
    tree.conda("/workspace/project/.pixi/envs/default", ["python"])
    tree.write("/workspace/project/.pixi/envs/default/conda-meta/pixi", "{}")
    tree.write("/workspace/project/.pixi/envs/default/conda-meta/history", "")
    for each in (tree.real("/opt/conda"), *tree.real("/opt/conda").rglob("*")):
        os.lchown(each, ALICE, ALICE)
    tree.write("/etc/passwd", _USERS)
    return import_tree(engine, tree, MICROMAMBA, ("ENV MAMBA_ROOT_PREFIX=/opt/conda", "USER 1000"))


def make_python(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """This machine's Python with its libraries, and uv, so that real environments can be made with both."""
    tree = Tree(folder, channel)
    version = "python3.11"
    program = Path("/usr/bin") / version
    programs = [program, *Path(f"/usr/lib/{version}/lib-dynload").glob("*.so")]
    uv = find_uv()
    if uv:
        programs.append(Path(uv))
        tree.copy(Path(uv), "/usr/local/bin/uv")
    tree.copy(program, f"/usr/bin/{version}")
    tree.link("/usr/bin/python3", version)
    skipped = shutil.ignore_patterns("test", "tests", "__pycache__", "config-*", "idlelib", "lib2to3")
    shutil.copytree(f"/usr/lib/{version}", tree.real(f"/usr/lib/{version}"), ignore=skipped, symlinks=True)
    for library in _libraries(programs):
        tree.copy(Path(os.path.realpath(library)), library)
    tree.write("/usr/lib/python3/dist-packages/six-1.16.0.dist-info/INSTALLER", "debian\n")
    own = f"/usr/local/lib/{version}/dist-packages"
    tree.write(f"{own}/einops-0.8.0.dist-info/INSTALLER", "pip\n")
    tree.write(
        f"{own}/einops-0.8.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: einops\nVersion: 0.8.0\n"
    )
    tree.write(f"/usr/lib/{version}/EXTERNALLY-MANAGED", "[externally-managed]\n")
    tree.write("/etc/passwd", _USERS)
    return import_tree(engine, tree, PYTHON, ("ENV PATH=/usr/local/bin:/usr/bin:/bin", "WORKDIR /work"))


def make_bare(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """busybox and nothing else."""
    return import_tree(engine, Tree(folder, channel), BARE)


def make_shellless(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """An environment, and one static program that is no shell."""
    tree = Tree(folder, channel)
    tree.copy(find_busybox(), "/sleep")
    tree.conda("/opt/conda", ["python", "conda"])
    tree.conda("/opt/conda/envs/served", ["python", "pytorch"])
    return import_tree(engine, tree, SHELLLESS, ("ENV CONDA_DIR=/opt/conda",), has_shell=False)


def make_many(engine: PrivateEngine, folder: Path, channel: CondaChannel) -> str:
    """Ten environments of 100 to 300 packages."""
    tree = Tree(folder, channel)
    for number in range(10):
        prefix = f"/opt/conda/envs/env{number}" if number else "/opt/conda"
        tree.plain(prefix, records=70 + 14 * number, dists=30 + 8 * number)
    return import_tree(engine, tree, MANY, ("ENV CONDA_DIR=/opt/conda",))


def find_busybox() -> Path:
    """The machine's static busybox, which is any program by its name."""
    busybox = find_program("busybox")
    assert busybox is not None
    return Path(busybox)


def find_uv() -> str | None:
    """uv beside this Python, or on the PATH."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


def has_python() -> bool:
    """Whether this machine has the Python that `make_python` packs."""
    return Path("/usr/bin/python3.11").exists() and Path("/usr/lib/python3.11/os.py").exists()


def _libraries(programs: list[Path]) -> list[str]:
    told = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    words = {word for line in told.splitlines() for word in line.split() if word.startswith("/")}
    return sorted(each for each in words if not each.endswith(":"))
