"""Channels of conda: the word that stands for an address, and an address without its secrets."""

from __future__ import annotations

import re

# Anaconda's own channels, which conda knows together as `defaults`.
_DEFAULTS = re.compile(
    r"(?:https?://repo\.(?:anaconda|continuum)\.(?:com|io)/)?pkgs/(?:main|r|free|msys2|pro)"
)
_ON_ANACONDA_ORG = re.compile(r"https?://conda\.anaconda\.org/(?P<name>[^?#]+)")
_PLATFORM = re.compile(r"/(?:noarch|(?:linux|osx|win|emscripten|wasi|freebsd|zos)-[a-z0-9]+)/?$")
# what conda writes where it knows none
_NONE = ("", "<unknown>", "unknown", "@", "pypi")
_PASSWORD = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/@\s]*)@")
# anaconda.org and its likes take a token in the path
_TOKEN = re.compile(r"/t/[A-Za-z0-9-]+(?=/)")


def channel_of(channel: str) -> str:
    """A channel as a record writes it, without platform; "" where the record doesn't know it."""
    plain = _PLATFORM.sub("", channel.strip()).rstrip("/")
    return "" if plain.lower() in _NONE else plain


def channel_word(channel: str) -> str:
    """What stands for a channel on a command line and in a file: "conda-forge", "defaults", or its address.

    A token or password in the address is left out.
    """
    plain, _ = without_secrets(channel_of(channel))
    if _DEFAULTS.fullmatch(plain):
        return "defaults"
    named = _ON_ANACONDA_ORG.fullmatch(plain)
    return named["name"] if named else plain


def without_secrets(url: str) -> tuple[str, bool]:
    """An address without password and token, and whether it had any.

    The user of an address of SSH ("git@") is none.
    """
    found = _PASSWORD.match(url)
    plain = url
    if found and (":" in found["user"] or "http" in found["scheme"]):
        plain = f"{found['scheme']}://{url[found.end() :]}"
    plain = _TOKEN.sub("", plain)
    return plain, plain != url
