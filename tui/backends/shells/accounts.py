"""Whom a container's /etc/passwd knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

# passwd(5): what stands for an empty field
_DEFAULT_SHELL, _DEFAULT_HOME = "/bin/sh", "/"
_FIELDS = 7


@dataclass(frozen=True, slots=True)
class Account:
    """One line of /etc/passwd.

    Attributes:
        uid, gid: as the container counts.
        home, shell: absolute paths, which need not be there.
    """

    name: str
    uid: int
    gid: int
    home: str
    shell: str


def find_account(passwd: bytes, user: str) -> Account | None:
    """The account that a user is, as the engine looks for it: the first of that name or number.

    Args:
        passwd: content of /etc/passwd; lines that are none are skipped.
        user: name, `uid`, either with `:group` behind it, or "" for root. The group is of no account: who
            logs in gets the one of /etc/passwd.
    """
    wanted = user.partition(":")[0]
    accounts = list(_accounts(passwd))
    if not wanted:
        named_root = (each for each in accounts if each.name == "root" and each.uid == 0)
        return next(named_root, next((each for each in accounts if each.uid == 0), None))
    number = int(wanted) if wanted.isascii() and wanted.isdigit() else None
    return next((each for each in accounts if each.name == wanted or each.uid == number), None)


def _accounts(passwd: bytes) -> Iterator[Account]:
    for line in passwd.decode("utf-8", "surrogateescape").split("\n"):
        fields = line.rstrip("\r").split(":")
        # "+" and "-" are lines of NIS
        if len(fields) != _FIELDS or not fields[0] or fields[0][0] in "+-#":
            continue
        uid, gid = fields[2], fields[3]
        if not (uid.isascii() and uid.isdigit() and gid.isascii() and gid.isdigit()):
            continue
        yield Account(fields[0], int(uid), int(gid), fields[5] or _DEFAULT_HOME, fields[6] or _DEFAULT_SHELL)
