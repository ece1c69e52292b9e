"""An image with this machine's own shells, sshd, Python and full-screen programs, and containers of it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.rig.engine import IMAGE, PrivateEngine
from tests.rig.image import find_program

SHELL_IMAGE = "envtui-shells:1"
NETWORK = "envtui-shells"
# Of the image's ENV, which sshd does not hand to its sessions.
IMAGE_VARIABLE, IMAGE_VALUE = "RIG_VARIABLE", "of-the-image"

_NEEDED = (
    "bash", "zsh", "fish", "dash", "busybox", "ps", "top", "vim", "htop", "grep", "sed", "awk", "sshd",
    "ssh-keygen", "ssh",
)  # fmt: skip
_WELCOME = (
    "find", "xargs", "hostname", "clear", "tput", "tset", "infocmp", "less", "which", "getent", "pgrep",
    "pkill", "uptime", "free", "tar", "gzip", "cmp", "diff",
)  # fmt: skip
_PYTHON = "/usr/bin/python3.11"
_PYTHON_FOLDER = "/usr/lib/python3.11"
_PACKAGES = ("coreutils", "ncurses-base")
_FOLDERS = (
    "/usr/share/zsh/functions",
    "/usr/share/fish",
    "/usr/share/vim",
    _PYTHON_FOLDER,
    "/usr/lib/openssh",
    "/usr/lib/locale/C.utf8",
    "/etc/zsh",
    "/etc/fish",
    "/etc/skel",
    "/etc/vim",
)
# Half of all files, which make the engine slow, and nobody needs here.
_LEFT_OUT_NAMES = frozenset({"__pycache__", "test", "tests", "idlelib", "lib2to3", "pydoc_data"})
_LEFT_OUT = {
    "vim": frozenset(
        [
            "doc",
            "lang",
            "spell",
            "tutor",
            "print",
            "tools",
            "keymap",
            "macros",
            "indent",
            "ftplugin",
            "compiler",
        ]
    ),
    "fish": frozenset({"man", "completions", "tools"}),
    "zsh": frozenset({"AIX", "BSD", "Cygwin", "Darwin", "Mandriva", "Redhat", "Solaris", "X", "openSUSE"}),
}
_FILES = ("/etc/profile", "/etc/bash.bashrc", "/etc/inputrc", "/etc/debian_version", "/etc/os-release")
_MERGED = ("bin", "sbin", "lib", "lib64")

#: name, uid, home, shell
_ACCOUNTS = (
    ("root", 0, "/root", "/bin/bash"),
    ("dev", 1000, "/home/dev", "/bin/bash"),
    ("zed", 1001, "/home/zed", "/usr/bin/zsh"),
    ("fin", 1002, "/home/fin", "/usr/bin/fish"),
    ("ash", 1003, "/home/ash", "/bin/dash"),
    ("locked", 1004, "/home/locked", "/usr/sbin/nologin"),
)
_SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
HostKey /etc/ssh/ssh_host_ecdsa_key
UsePAM no
PrintMotd no
Subsystem sftp /usr/lib/openssh/sftp-server
"""
_NSSWITCH = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def why_unavailable() -> str | None:
    """Why the image can't be made on this machine, or None if it can."""
    missing = [name for name in (*_NEEDED, "dpkg", "ldd") if not find_program(name)]
    missing += [path for path in (_PYTHON, _PYTHON_FOLDER, "/usr/share/fish") if not os.path.exists(path)]
    if missing:
        packages = "openssh-server, zsh, fish, vim, htop, procps, busybox-static, python3.11"
        return f"not installed: {', '.join(missing)} (Debian: {packages})"
    return None


def build_shell_image(engine: PrivateEngine, tag: str = SHELL_IMAGE) -> str:
    """Makes the image unless it is there; gives back its tag.

    Accounts: root and dev (bash), zed (zsh), fin (fish), ash (dash), locked (nologin); nobody has a password.
    No default command.
    """
    if engine.request("GET", f"/images/{tag}/json")[0] == 200:
        return tag
    with tempfile.NamedTemporaryFile(suffix=".tar") as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            _Filling(archive).fill()
        file.flush()
        options = ("--change", f"ENV PATH={_PATH}", "--change", f"ENV {IMAGE_VARIABLE}={IMAGE_VALUE}")
        engine.docker("import", *options, file.name, tag, timeout=120.0)
    return tag


@dataclass(frozen=True, slots=True)
class SshdContainer:
    """A container whose sshd runs, and the port on 127.0.0.1 that leads to it."""

    id: str
    port: int


def run_with_sshd(engine: PrivateEngine, name: str = "shells", args: Sequence[str] = ()) -> SshdContainer:
    """A container of the image with sshd as its first process, published on 127.0.0.1."""
    if engine.request("GET", f"/networks/{NETWORK}")[0] != 200:
        engine.docker("network", "create", NETWORK)
    options = ("--network", NETWORK, "--publish", "127.0.0.1::22", *args)
    key = engine.run_container(name, ("/usr/sbin/sshd", "-D", "-e"), options, SHELL_IMAGE)
    published = engine.docker("port", name, "22/tcp").splitlines()[0]
    return SshdContainer(key, int(published.rpartition(":")[2]))


def run_without_running_sshd(engine: PrivateEngine, name: str = "shells", args: Sequence[str] = ()) -> str:
    """A container of the image in which sshd is there and does not run; its id."""
    return engine.run_container(name, ("sleep", "infinity"), ("--network", "none", *args), SHELL_IMAGE)


def run_without_any_sshd(engine: PrivateEngine, name: str = "shells", args: Sequence[str] = ()) -> str:
    """A container of the rig's small image, which has no sshd; its id."""
    return engine.run_container(name, args=("--network", "none", *args), image=IMAGE)


class _Filling:
    """Fills an archive with the image's files."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._names: set[str] = set()
        self._binaries: list[str] = []

    def fill(self) -> None:
        for folder in ("usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "etc/ssh", "etc/ssl"):
            self._folder(folder)
        for name in ("root", "home", "var", "run", "run/sshd", "dev", "proc", "sys", "usr/local/bin"):
            self._folder(name, 0o700 if name == "root" else 0o755)
        for name in ("tmp", "var/tmp"):
            self._folder(name, 0o1777)
        for name in _MERGED:
            self._link(name, f"usr/{name}")
        self._programs()
        for path in _FOLDERS:
            self._tree(path)
        for modules in Path("/usr/lib").glob("*/zsh"):
            self._tree(str(modules))
        self._libraries()
        for path in _FILES:
            self._copy(path)
        self._accounts()
        self._sshd()

    def _programs(self) -> None:
        listed = subprocess.run(["dpkg", "-L", *_PACKAGES], capture_output=True, text=True, check=True).stdout
        places = ("/bin/", "/sbin/", "/terminfo/")
        installed = [path for path in listed.split("\n") if any(place in path for place in places)]
        named = (find_program(name) for name in (*_NEEDED, *_WELCOME))
        for path in (*installed, *filter(None, named), _PYTHON, "/usr/sbin/nologin"):
            if os.path.isfile(path):
                self._copy(path, keeps_links="/terminfo/" in path)
        self._link("usr/bin/sh", "dash")
        self._link("usr/bin/vi", "vim")
        self._link("usr/bin/python3", "python3.11")

    def _libraries(self) -> None:
        """What all programs and modules so far are linked with, as the loader of this machine finds it."""
        # it complains of what is static, with a status
        told = subprocess.run(["ldd", *self._binaries], capture_output=True, text=True, check=False).stdout
        paths = {word for line in told.splitlines() for word in line.split() if word.startswith("/")}
        for path in sorted(paths):
            if not path.endswith(":") and os.path.isfile(path):
                self._copy(path)

    def _accounts(self) -> None:
        lines = [f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}" for name, uid, home, shell in _ACCOUNTS]
        lines.append("sshd:x:110:65534::/run/sshd:/usr/sbin/nologin")
        self._text("etc/passwd", "\n".join(lines) + "\n")
        groups = [f"{name}:x:{uid}:" for name, uid, _, _ in _ACCOUNTS]
        self._text("etc/group", "\n".join((*groups, "tty:x:5:", "nogroup:x:65534:")) + "\n")
        # "*" lets keys in and no password; "!" would keep everybody out where PAM is not used
        names = [*(name for name, *_ in _ACCOUNTS), "sshd"]
        self._text("etc/shadow", "".join(f"{name}:*:19000:0:99999:7:::\n" for name in names), 0o640)
        self._text("etc/shells", "/bin/sh\n/bin/bash\n/bin/dash\n/usr/bin/zsh\n/usr/bin/fish\n")
        self._text("etc/nsswitch.conf", _NSSWITCH)
        skeleton = [
            path for path in (Path("/etc/skel/.bashrc"), Path("/etc/skel/.profile")) if path.is_file()
        ]
        for name, uid, home, _ in _ACCOUNTS:
            if name != "root":
                self._folder(home[1:], 0o755, uid)
            for path in skeleton if name in ("root", "dev") else ():
                self._text(f"{home[1:]}/{path.name}", path.read_text("utf-8"), 0o644, uid)
        # without one zsh begins with a menu of questions
        self._text("home/zed/.zshrc", "PROMPT='%n %~ %# '\n", 0o644, 1001)

    def _sshd(self) -> None:
        self._text("etc/ssh/sshd_config", _SSHD_CONFIG)
        program = find_program("ssh-keygen") or "ssh-keygen"
        with tempfile.TemporaryDirectory() as folder:
            for kind in ("ed25519", "ecdsa"):
                path = Path(folder) / f"ssh_host_{kind}_key"
                command = [program, "-q", "-N", "", "-t", kind, "-C", "root@shells", "-f", str(path)]
                subprocess.run(command, check=True, timeout=60)
                self._text(f"etc/ssh/{path.name}", path.read_text("ascii"), 0o600)
                self._text(f"etc/ssh/{path.name}.pub", path.with_suffix(".pub").read_text("ascii"))

    def _tree(self, top: str) -> None:
        """A folder with all that it holds, links as they are."""
        for folder, folders, files in os.walk(top):
            left_out = _LEFT_OUT_NAMES | next(
                (names for part, names in _LEFT_OUT.items() if f"/share/{part}" in folder), frozenset()
            )
            folders[:] = sorted(
                name for name in folders if name not in left_out and not name.startswith("config-3")
            )
            for name in folders:
                if os.path.islink(f"{folder}/{name}"):
                    self._link(_inside(f"{folder}/{name}"), os.readlink(f"{folder}/{name}"))
            for name in files:
                self._copy(f"{folder}/{name}", keeps_links=True)

    def _copy(self, path: str, keeps_links: bool = False) -> None:
        name = _inside(path)
        if name in self._names:
            return
        if os.path.islink(path) and (keeps_links or not os.path.exists(path)):
            self._link(name, os.readlink(path))
            return
        real = os.path.realpath(path)
        status = os.stat(real)
        member = tarfile.TarInfo(name)
        member.size, member.mode = status.st_size, status.st_mode & 0o7777
        with open(real, "rb") as file:
            if file.read(4) == b"\x7fELF":
                self._binaries.append(real)
            file.seek(0)
            self._add(member, file)

    def _text(self, name: str, text: str, mode: int = 0o644, uid: int = 0) -> None:
        content = text.encode()
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.uid, member.gid = len(content), mode, uid, uid
        self._add(member, io.BytesIO(content))

    def _folder(self, name: str, mode: int = 0o755, uid: int = 0) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.mode, member.uid, member.gid = tarfile.DIRTYPE, mode, uid, uid
        self._add(member)

    def _link(self, name: str, target: str) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        self._add(member)

    def _add(self, member: tarfile.TarInfo, content: io.IOBase | None = None) -> None:
        if member.name not in self._names:
            self._names.add(member.name)
            self._archive.addfile(member, content)


def _inside(path: str) -> str:
    """A path of this machine as one of the image, in which /bin, /lib and so on are links into /usr."""
    parts = path.strip("/").split("/")
    return "/".join(["usr", *parts] if parts[0] in _MERGED else parts)
