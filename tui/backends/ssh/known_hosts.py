"""Whether a host's key is the right one: what known_hosts says, and who is asked where it says nothing."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tui.backends.base import SessionQuestions
from tui.backends.ssh.configuration import SshHost
from tui.backends.ssh.fingerprints import fingerprint, kind_of, randomart
from tui.backends.ssh.keys import RSA_ALGORITHMS
from tui.backends.ssh.known_keys import REVOKED, SSH_PORT, KnownKey, append, known_name, read
from tui.model.errors import HostKeyChanged, HostKeyError, HostKeyRevoked, HostKeyUnknown
from tui.model.printable import printable
from tui.model.sessions import HostKeyQuestion

# What ssh calls a host that is known by these words alone.
_ASK, _ACCEPT_NEW, _NEVER_CHECK = "ask", "accept-new", "no"
_DANGER = "Somebody may stand between you and the host, or it was set up anew"


class Verdict(StrEnum):
    """What known_hosts says of a key that a host has."""

    KNOWN = "known"
    #: nothing of this host
    UNKNOWN = "unknown"
    #: keys of other kinds, and none of this one: a changed key, but for the words
    OTHER_KIND = "other kind"
    #: keys of this kind, and not this one
    CHANGED = "changed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and the lines that led to it."""

    verdict: Verdict
    keys: tuple[KnownKey, ...] = ()


def judge(keys: Sequence[KnownKey], name: str, blob: bytes) -> Judgement:
    """What lines of known_hosts say of a host's plain key; those of authorities count for certificates only.

    Args:
        keys: as `read` gives them.
        name: of the host, as known_hosts has it.
        blob: the host's key in wire form.
    """
    mine = [key for key in keys if key.is_for(name)]
    revoked = [key for key in mine if key.marker == REVOKED and key.blob == blob]
    if revoked:
        return Judgement(Verdict.REVOKED, tuple(revoked))
    plain = [key for key in mine if not key.marker]
    same = [key for key in plain if key.blob == blob]
    if same:
        return Judgement(Verdict.KNOWN, tuple(same))
    of_kind = [key for key in plain if key.kind == kind_of(blob)]
    if of_kind:
        return Judgement(Verdict.CHANGED, tuple(of_kind))
    return Judgement(Verdict.OTHER_KIND if plain else Verdict.UNKNOWN, tuple(plain))


def preferred_algorithms(host: SshHost) -> tuple[str, ...]:
    """Key algorithms to ask a host for first: those of its known keys, so that they can be compared.

    () where none is known. Raises a HostKeyError where known_hosts can't be read.
    """
    if host.pinned_keys:
        kinds = [kind_of(blob) for blob in host.pinned_keys]
    else:
        names = _names(host)
        keys = [key for key in read(_files(host)) if not key.marker]
        # a line with the port counts before one without
        kinds = [key.kind for name in names for key in keys if key.is_for(name)]
    algorithms = (each for kind in kinds for each in (RSA_ALGORITHMS if kind == "ssh-rsa" else (kind,)))
    return tuple(dict.fromkeys(algorithms))


def check_host_key(host: SshHost, kind: str, blob: bytes, questions: SessionQuestions) -> None:
    """Return if a host may be talked to; a key that somebody accepted is written down.

    Args:
        host: the one that was connected to.
        kind: of its key, such as `ssh-ed25519`.
        blob: the key in wire form.
        questions: who is asked about a key that is not known.

    Raises:
        HostKeyUnknown: none is known, and nobody accepted this one.
        HostKeyChanged: another is known, whatever the configuration says about checking.
        HostKeyRevoked: it must not be used.
        HostKeyError: known_hosts can't be read.
    """
    if host.pinned_keys:
        _check_pinned(host, kind, blob)
        return
    judgement = _judgement(host, blob)
    if judgement.verdict is Verdict.KNOWN:
        return
    if judgement.verdict is Verdict.REVOKED:
        raise _revoked(host, kind, blob, judgement.keys)
    if judgement.keys:
        # a key of another kind, too, as ssh does: else whoever stands between would only have to offer one
        raise _changed(host, kind, blob, judgement)
    if host.strict_host_key == _NEVER_CHECK:
        return
    if host.strict_host_key != _ACCEPT_NEW:
        _ask(host, kind, blob, questions)
    _write_down(host, blob, questions)


def _files(host: SshHost) -> tuple[str, ...]:
    return host.user_known_hosts + host.global_known_hosts


def _names(host: SshHost) -> tuple[str, ...]:
    """Under which names its keys stand, the one that is written first."""
    if host.host_key_alias:
        return (host.host_key_alias.lower(),)
    names = (known_name(host.hostname, host.port), known_name(host.hostname))
    return names if host.port != SSH_PORT else names[:1]


def _judgement(host: SshHost, blob: bytes) -> Judgement:
    keys = read(_files(host))
    first, *others = (judge(keys, name, blob) for name in _names(host))
    for other in others:
        # a line without the port may speak for the host or against its key, but not of another service's key
        if other.verdict is Verdict.REVOKED:
            return other
        if other.verdict is Verdict.KNOWN and first.verdict is Verdict.UNKNOWN:
            return other
    return first


def _check_pinned(host: SshHost, kind: str, blob: bytes) -> None:
    if blob in host.pinned_keys:
        return
    known = tuple(fingerprint(each) for each in host.pinned_keys)
    raise HostKeyChanged(
        f"{printable(host.alias)}: what answers has another key",
        f"It has {fingerprint(blob)} ({printable(kind)}), expected is {' or '.join(known)}",
        "Something else answers in its place, or its key was made anew since it was looked at",
        offered=fingerprint(blob),
        known=known,
    )


def _ask(host: SshHost, kind: str, blob: bytes, questions: SessionQuestions) -> None:
    name, offered = printable(_names(host)[0]), fingerprint(blob)
    has_asked = host.strict_host_key == _ASK
    if has_asked and questions.accept_host_key(
        HostKeyQuestion(name, printable(kind), offered, randomart(blob))
    ):
        return
    raise HostKeyUnknown(
        f"{name}: the host's key is not known",
        f"It has {offered} ({printable(kind)}), and "
        + ("nobody accepted it" if has_asked else "StrictHostKeyChecking takes no new ones"),
        "Compare it with the host's own (`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` there)"
        + (", then accept it" if has_asked else f", then `ssh -o StrictHostKeyChecking=ask {_target(host)}`"),
        offered=offered,
    )


def _write_down(host: SshHost, blob: bytes, questions: SessionQuestions) -> None:
    if not host.user_known_hosts:
        return
    try:
        append(host.user_known_hosts[0], _names(host)[0], blob, host.hash_known_hosts)
    except HostKeyError as error:
        # it was accepted: that it can't be remembered is worth a word, and no reason to turn back
        questions.progress(error.one_line())


def _changed(host: SshHost, kind: str, blob: bytes, judgement: Judgement) -> HostKeyChanged:
    name, keys = _names(host)[0], judgement.keys
    files = dict.fromkeys(key.file for key in keys)
    remedies = [f"`ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(file)}`" for file in files]
    return HostKeyChanged(
        f"{printable(name)}: the host's key "
        + (
            "has changed"
            if judgement.verdict is Verdict.CHANGED
            else "is of another kind than the known ones"
        ),
        f"It has {fingerprint(blob)} ({printable(kind)}), known is {_told(keys)}. {_DANGER}",
        f"Only if it was, forget the old key: {printable(' and '.join(remedies))}",
        offered=fingerprint(blob),
        known=tuple(fingerprint(key.blob) for key in keys),
        lines=_places(keys),
    )


def _revoked(host: SshHost, kind: str, blob: bytes, keys: Sequence[KnownKey]) -> HostKeyRevoked:
    return HostKeyRevoked(
        f"{printable(_names(host)[0])}: the host's key is revoked",
        f"{fingerprint(blob)} ({printable(kind)}) must not be used any more, says {', '.join(_places(keys))}",
        "Ask whoever wrote that line; the host needs a new key",
        offered=fingerprint(blob),
        known=tuple(fingerprint(key.blob) for key in keys),
        lines=_places(keys),
    )


def _told(keys: Sequence[KnownKey]) -> str:
    return ", ".join(f"{fingerprint(key.blob)} ({key.kind}, {printable(key.place)})" for key in keys)


def _places(keys: Sequence[KnownKey]) -> tuple[str, ...]:
    return tuple(printable(key.place) for key in keys)


def _target(host: SshHost) -> str:
    return printable(shlex.quote(host.alias))
