"""What was said to envtui's key in a container, and which host keys its sshd has: files for later runs."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from tui.backends.shells.kept_files import KeptEntries, locked, read_kept, replace_kept
from tui.backends.ssh.fingerprints import kind_of
from tui.model.sessions import Consent

# Containers go and nobody tells; who has more than so many has long lost the oldest.
_MOST_ENTRIES = 2000
_REMEMBERED = (Consent.YES, Consent.NO)


class Consents:
    """The answers, by container. Several envtui may use the folder at once."""

    def __init__(self, folder: Path) -> None:
        """Args: folder for the file; nothing is opened yet."""
        self._entries = KeptEntries(folder / "consents.json")

    def of(self, container_id: str) -> Consent | None:
        """YES or NO; None where nothing was said yet, or where what was said is lost.

        Raises:
            SessionError: the file is there and can't be read.
        """
        told = self._entries.read().get(container_id)
        return next((each for each in _REMEMBERED if each.value == told), None)

    def remember(self, container_id: str, consent: Consent) -> None:
        """Keep an answer in place of an earlier one. Only YES and NO are answers that last.

        Raises:
            ValueError: it is neither.
            SessionError: it can't be written.
        """
        if consent not in _REMEMBERED:
            raise ValueError(consent)
        with self._entries.changing() as entries:
            entries.pop(container_id, None)
            entries[container_id] = consent.value
            for oldest in list(entries)[:-_MOST_ENTRIES]:
                del entries[oldest]


def host_key_alias(container_id: str) -> str:
    """How a container is named in the file of `write_known_hosts`."""
    return f"envtui-{container_id[:12]}"


def write_known_hosts(folder: Path, container_id: str, host_keys: Sequence[bytes]) -> Path:
    """Write a container's host keys into the folder's known_hosts in place of those it had; the file's path.

    Args:
        folder: of the file.
        container_id: full id.
        host_keys: in wire form.

    Raises:
        SessionError: it can't be read or written; the old lines are still there.
    """
    path = folder / "known_hosts"
    alias = host_key_alias(container_id).encode()
    lines = [b" ".join((alias, kind_of(key).encode(), base64.b64encode(key))) + b"\n" for key in host_keys]
    with locked(path):
        before = read_kept(path)
        kept = [line for line in before.splitlines(keepends=True) if line.split(b" ", 1)[0] != alias]
        if kept and not kept[-1].endswith(b"\n"):
            kept[-1] += b"\n"
        content = b"".join((*kept, *lines))
        if content != before:
            replace_kept(path, content)
    return path
