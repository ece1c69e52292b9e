"""How envtui last got into containers over SSH: kept, as looking for an sshd takes the engine a second.

Nothing of it is believed that could let somebody else in: the host keys were read through the engine and stay
pinned to the container's id, and where anything does not fit any more, everything is looked for anew.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tui.backends.shells.accounts import Account
from tui.backends.shells.container_sshd import ContainerSshd
from tui.backends.shells.kept_files import KeptEntries

# Containers go and nobody tells; who has more than so many has long lost the oldest.
_MOST_ENTRIES = 500


class KnownAccesses:
    """Account and sshd by container and user. Several envtui may use the folder at once."""

    def __init__(self, folder: Path) -> None:
        """Args: folder for the file; nothing is opened yet."""
        self._entries = KeptEntries(folder / "accesses.json")

    def of(self, container_id: str, user: str) -> tuple[Account, ContainerSshd] | None:
        """What led in the last time; its published ports are left out, as they change with each start.

        Raises:
            SessionError: the file is there and can't be read.
        """
        told = self._entries.read().get(_key(container_id, user))
        try:
            return _read(told) if isinstance(told, dict) else None
        except (KeyError, TypeError, ValueError, binascii.Error):
            return None

    def remember(self, container_id: str, user: str, account: Account, sshd: ContainerSshd) -> None:
        """Keep it. Raises SessionError where it can't be written."""
        told = {
            "account": asdict(account),
            "program": sshd.program,
            "ports": list(sshd.ports),
            "authorized_keys": sshd.authorized_keys,
            "host_keys": [base64.b64encode(key).decode("ascii") for key in sshd.host_keys],
        }
        with self._entries.changing() as entries:
            entries[_key(container_id, user)] = told
            for key in list(entries)[:-_MOST_ENTRIES]:
                del entries[key]

    def forget(self, container_id: str, user: str) -> None:
        """It does not fit any more. Raises SessionError where that can't be written."""
        with self._entries.changing() as entries:
            entries.pop(_key(container_id, user), None)


def _key(container_id: str, user: str) -> str:
    return f"{container_id} {user}"


def _read(told: dict[str, Any]) -> tuple[Account, ContainerSshd]:
    account = told["account"]
    return (
        Account(
            str(account["name"]),
            int(account["uid"]),
            int(account["gid"]),
            str(account["home"]),
            str(account["shell"]),
        ),
        ContainerSshd(
            program=str(told["program"]),
            ports=tuple(int(port) for port in told["ports"]),
            authorized_keys=str(told["authorized_keys"]),
            host_keys=tuple(base64.b64decode(key, validate=True) for key in told["host_keys"]),
        ),
    )
