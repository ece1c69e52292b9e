"""What an OpenSSH server's configuration says, for one account; sshd_config(5)."""

from __future__ import annotations

import fnmatch
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from tui.backends.shells.accounts import Account
from tui.model.printable import printable

_DEFAULT_PORT = 22
_DEFAULT_HOST_KEYS = tuple(f"/etc/ssh/ssh_host_{kind}_key" for kind in ("rsa", "ecdsa", "ed25519"))
_DEFAULT_KEYS_FILE = ".ssh/authorized_keys"
_LINE = re.compile(r"\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)")
_TOKEN = re.compile(r"%([hHuU%])")
# What envtui's key is.
_KEY_KIND = "ssh-ed25519"
_ROOT_WITHOUT_KEYS = ("no", "forced-commands-only")
_NO_LOGIN_SHELLS = ("nologin", "false")


_Values = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class SshdSettings:
    """Values by keyword in small letters, in the order in which they stand."""

    values: _Values = field(default_factory=dict)

    def first(self, keyword: str, default: str = "") -> str:
        """The one that counts for most keywords."""
        return (self.values.get(keyword) or [default])[0]

    def words(self, keyword: str) -> list[str]:
        """All words of all lines, for the keywords that may stand more than once."""
        return [word for line in self.values.get(keyword, ()) for word in line.split()]

    @property
    def ports(self) -> tuple[int, ...]:
        """TCP ports that it listens on."""
        named = {int(word) for word in self.words("port") if word.isascii() and word.isdigit()}
        for address in self.words("listenaddress"):
            port = address.rpartition(":")[2]
            # an IPv6 address without brackets has no port behind it
            if port.isdigit() and (address.count(":") == 1 or "]:" in address):
                named.add(int(port))
        return tuple(sorted(named)) or (_DEFAULT_PORT,)

    @property
    def host_keys(self) -> tuple[str, ...]:
        """Paths of the private halves."""
        return tuple(path for path in self.words("hostkey") if path != "none") or _DEFAULT_HOST_KEYS

    def authorized_keys(self, account: Account) -> str:
        """Absolute path of the first file of keys; "" where there is none."""
        words = self.words("authorizedkeysfile") or [_DEFAULT_KEYS_FILE]
        if words[0].lower() == "none":
            return ""
        meaning = {"h": account.home, "H": account.home, "u": account.name, "U": str(account.uid), "%": "%"}
        path = _TOKEN.sub(lambda found: meaning[found[1]], words[0])
        return path if path.startswith("/") else f"{account.home.rstrip('/')}/{path}"


def parse_effective(text: str) -> SshdSettings:
    """The output of `sshd -T`."""
    settings = SshdSettings()
    for keyword, value in _lines(text):
        settings.values.setdefault(keyword, []).append(value)
    return settings


def parse_configuration(
    text: str, account: Account, groups: Sequence[str], included: Callable[[str], Sequence[str]]
) -> SshdSettings:
    """A configuration file, with the blocks that are for the account.

    Blocks that ask for anything but user and group do not count: who comes from where is not known.

    Args:
        text: of the file.
        account: that is logged into.
        groups: names of its groups.
        included: contents of the files that an Include's pattern means, in order; their own are not followed.
    """
    everywhere, in_blocks = _both_parts(text, account, groups, included)
    # what stands in a block comes before what stands outside of all
    return SshdSettings({**everywhere, **in_blocks})


def _both_parts(
    text: str, account: Account, groups: Sequence[str], included: Callable[[str], Sequence[str]]
) -> tuple[_Values, _Values]:
    """What stands outside of blocks, and in those that are for the account."""
    everywhere: _Values = {}
    in_blocks: _Values = {}
    in_block, counts = False, True
    for keyword, value in _lines(text):
        if keyword == "match":
            in_block, counts = True, _matches(value, account, groups)
        elif not counts:
            continue
        elif keyword == "include":
            for content in (each for pattern in _split(value) for each in included(pattern)):
                # a block in it ends with it
                outside, inside = _both_parts(content, account, groups, lambda _: ())
                _add(in_blocks if in_block else everywhere, outside)
                _add(in_blocks, inside)
        else:
            (in_blocks if in_block else everywhere).setdefault(keyword, []).append(value)
    return everywhere, in_blocks


def why_no_key_login(settings: SshdSettings, account: Account, groups: Sequence[str], is_locked: bool) -> str:
    """Why sshd lets the account not in by a key of envtui's, as a sentence without its end; "" if it does.

    Args:
        settings: for this account.
        account: that is to be logged into.
        groups: names of its groups.
        is_locked: whether its password field begins with "!".
    """
    name = printable(account.name)
    if account.shell.rpartition("/")[2] in _NO_LOGIN_SHELLS:
        return f"the shell of {name} lets nobody in ({printable(account.shell)})"
    if settings.first("pubkeyauthentication", "yes").lower() == "no":
        return "its sshd takes no keys (PubkeyAuthentication no)"
    root = settings.first("permitrootlogin", "prohibit-password").lower()
    if account.uid == 0 and root in _ROOT_WITHOUT_KEYS:
        return f"its sshd does not let root in (PermitRootLogin {root})"
    if is_locked and settings.first("usepam", "no").lower() != "yes":
        return f"{name} is locked: its password begins with ! in /etc/shadow, and sshd does not use PAM"
    refusing = _refusing_list(settings, account, groups)
    if refusing:
        return f"its sshd does not let {name} in ({refusing})"
    if not settings.authorized_keys(account):
        return "its sshd reads no file of keys (AuthorizedKeysFile none)"
    return _narrowed(settings)


def _narrowed(settings: SshdSettings) -> str:
    """What makes a login by key useless, or needs more than it."""
    methods = settings.words("authenticationmethods")
    if methods and not any(method in ("any", "publickey") for method in methods):
        return f"its sshd wants more than a key (AuthenticationMethods {printable(methods[0])})"
    kinds = settings.first("pubkeyacceptedalgorithms")
    if kinds and kinds[0] not in "+-^" and not _is_among((_KEY_KIND,), kinds.split(",")):
        return f"its sshd takes no keys of the kind {_KEY_KIND} (PubkeyAcceptedAlgorithms)"
    if settings.first("forcecommand", "none").lower() != "none":
        return "its sshd runs a command of its own (ForceCommand)"
    if settings.first("chrootdirectory", "none").lower() != "none":
        return "its sshd shows another tree of files (ChrootDirectory)"
    if settings.first("permittty", "yes").lower() == "no":
        return "its sshd gives no terminal (PermitTTY no)"
    return ""


def _refusing_list(settings: SshdSettings, account: Account, groups: Sequence[str]) -> str:
    """The keyword by which an account is kept out; where from it comes counts in its favour."""
    denied = [word for word in settings.words("denyusers") if "@" not in word]
    if _is_among((account.name,), denied):
        return "DenyUsers"
    allowed = [word.partition("@")[0] for word in settings.words("allowusers")]
    if allowed and not _is_among((account.name,), allowed):
        return "AllowUsers"
    if _is_among(groups, settings.words("denygroups")):
        return "DenyGroups"
    allowed_groups = settings.words("allowgroups")
    return "AllowGroups" if allowed_groups and not _is_among(groups, allowed_groups) else ""


def _is_among(names: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether a name fits a pattern, and none of those with `!` in front."""
    fits = False
    for pattern in patterns:
        if any(_fits(pattern.removeprefix("!"), name) for name in names):
            if pattern.startswith("!"):
                return False
            fits = True
    return fits


def _fits(pattern: str, name: str) -> bool:
    """OpenSSH's patterns have `*` and `?`, and brackets mean themselves."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _matches(criteria: str, account: Account, groups: Sequence[str]) -> bool:
    words = _split(criteria)
    while words:
        what = words.pop(0).lower()
        if what == "all":
            continue
        if not words or what not in ("user", "group"):
            return False
        names = (account.name,) if what == "user" else groups
        if not _is_among(names, words.pop(0).split(",")):
            return False
    return True


def _add(values: _Values, more: _Values) -> None:
    for keyword, each in more.items():
        values.setdefault(keyword, []).extend(each)


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        found = _LINE.fullmatch(line.rstrip())
        if found:
            # one word in quotes is the word
            value = found[2].strip()
            quoted = len(value) > 1 and value[0] == value[-1] == '"' and '"' not in value[1:-1]
            yield found[1].lower(), value[1:-1] if quoted else value.partition(" #")[0].rstrip()


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:
        return text.split()
