"""What OpenSSH's configuration says of a host, asked of `ssh -G`: nothing here reads ssh_config itself."""

from __future__ import annotations

import getpass
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from tui.model.errors import SshSilent, SshUnreachable
from tui.model.printable import printable

#: The agent that the environment names.
AGENT_OF_ENVIRONMENT = "SSH_AUTH_SOCK"
NO_AGENT = "none"

# A look at files takes milliseconds; `Match exec` and names that are looked up may take seconds.
_RESOLVE_SECONDS = 20.0
_CONNECT_SECONDS, _ALIVE_SECONDS, _ALIVE_GRACE_SECONDS = 15.0, 5.0, 15.0
# ssh prints the values of this option both as words and as a boolean, by version.
_STRICT = {"true": "yes", "false": "no", "off": "no"}
# It separates paths with a blank and does not quote those in them: each begins in one of these ways.
_NEXT_PATH = re.compile(r" (?=[/~$%]|none$)")
# What a shell would read as more than a name; names come from the command line and end in ProxyCommand.
_NOT_IN_NAMES = re.compile(r"[\s'\"`$\\;&<>|(){}*?!#~\x00-\x1f\x7f]")
_TOKEN = re.compile(r"%(.)|\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class SshHost:
    """A host as it is connected to: the names of its fields are those of ssh_config(5).

    Attributes:
        alias: as somebody wrote it.
        hostname: name or address that is connected to.
        user: "" for the name of whoever runs envtui.
        identity_files, certificate_files: paths, `~` and tokens filled in; they need not exist.
        identity_agent: path of a socket, SSH_AUTH_SOCK for the one the environment names, "none" for none.
        proxy_jump: hosts on the way, nearest first, each as `parse_jump` reads it.
        proxy_command: a line for the shell, tokens filled in.
        strict_host_key: "yes", "ask", "accept-new" or "no".
        user_known_hosts, global_known_hosts: paths; a key that is accepted is written to the first one.
        host_key_alias: the name under which its key is known, instead of hostname and port.
        connect_seconds: for each step of connecting.
        alive_seconds: between two signs of life that are asked for.
        alive_grace_seconds: without an answer, after which the connection is given up.
        pinned_keys: public keys in wire form; where there are some, exactly these are right, and
            known_hosts is neither read nor written.
        asks_secrets: whether passphrases, passwords and codes may be asked for.
    """

    alias: str
    hostname: str
    port: int = 22
    user: str = ""
    identity_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    identity_agent: str = AGENT_OF_ENVIRONMENT
    proxy_jump: tuple[str, ...] = ()
    proxy_command: str | None = None
    strict_host_key: str = "ask"
    user_known_hosts: tuple[str, ...] = ()
    global_known_hosts: tuple[str, ...] = ()
    host_key_alias: str | None = None
    hash_known_hosts: bool = False
    connect_seconds: float = 15.0
    alive_seconds: float = 5.0
    alive_grace_seconds: float = 15.0
    pinned_keys: tuple[bytes, ...] = ()
    asks_secrets: bool = True


def parse_jump(text: str) -> tuple[str, str, int | None]:
    """User ("" for none), host and port (None for the usual one) of one host of ProxyJump.

    Raises:
        SshUnreachable: it is none.
    """
    rest = text.strip().removeprefix("ssh://").rstrip("/")
    user, _, place = rest.rpartition("@")
    found = re.fullmatch(r"(?:\[([^\[\]]+)\]|([^\[\]:]+))(?::(\d+))?", place)
    # an IPv6 address without brackets has no port
    name = (found[1] or found[2]) if found else place if place.count(":") > 1 else ""
    port = int(found[3]) if found and found[3] else None
    is_name = name and not name.startswith("-") and not re.search(r"[\s/\[\]]", name)
    if not is_name or (port is not None and not 0 < port < 1 << 16):
        hint = "Look at ProxyJump in ~/.ssh/config"
        raise _unusable(text, "It is no host of the form user@host:port", hint)
    return user, name, port


def resolve(
    name: str, config_file: str | None = None, user: str | None = None, port: int | None = None
) -> SshHost:
    """What ssh would use for a host. Runs `ssh -G`, which runs the commands of `Match exec`.

    Raises:
        SshUnreachable: there is no ssh program, or it does not take the name or the configuration.
        SshSilent: it does not end.
    """
    if not name or name.startswith("-"):
        # getopt would read it as an option, and some of those run commands
        raise _unusable(name, "A host's name does not begin with `-`" if name else "It is empty")
    program = shutil.which("ssh")
    if program is None:
        raise _unusable(
            name,
            "There is no ssh program here, which reads ~/.ssh/config",
            "Install OpenSSH's client: `apt install openssh-client` or `dnf install openssh-clients`",
        )
    argv = [program, "-G"]
    argv += ["-F", config_file] if config_file else []
    argv += ["-l", user] if user else []
    argv += ["-p", str(port)] if port else []
    return _host(name, _values(_output(name, [*argv, "--", name])))


def _output(name: str, argv: list[str]) -> str:
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="surrogateescape",
        start_new_session=True,
    ) as process:
        try:
            output, complaints = process.communicate(timeout=_RESOLVE_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise SshSilent(
                f"{printable(name)}: ssh does not say how to reach it",
                f"`ssh -G` has not ended within {_RESOLVE_SECONDS:.0f} s",
                "Look at `Match exec` in ~/.ssh/config",
                step="resolve",
            ) from error
        finally:
            if process.returncode is None:
                # with what `Match exec` started, which holds its outputs open
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        # the last line counts the mistakes, the ones before tell them
        lines = [printable(line) for line in complaints.splitlines() if line.strip()]
        told = [line for line in lines if "terminating," not in line]
        raise _unusable(name, (told or lines or [f"`ssh -G` ended with {process.returncode}"])[-1])
    return output


def _values(output: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, _, value = line.partition(" ")
        values.setdefault(key.lower(), []).append(value)
    return values


def _host(name: str, values: Mapping[str, list[str]]) -> SshHost:
    def one(key: str, default: str = "") -> str:
        return values.get(key, [default])[0]

    def number(key: str) -> float:
        return float(one(key)) if one(key).isdigit() else 0.0

    hostname, user, port = one("hostname", name), one("user") or getpass.getuser(), int(one("port", "22"))
    alias = one("hostkeyalias")
    tokens = _tokens(one("host", name), hostname, user, port, "" if alias == "none" else alias)
    interval = number("serveraliveinterval")
    strict = one("stricthostkeychecking", "ask")
    takes_keys = one("pubkeyauthentication", "yes") not in ("no", "false")
    agent = one("identityagent", AGENT_OF_ENVIRONMENT)
    jumps = [jump for jump in one("proxyjump").split(",") if jump and jump != "none"]
    return SshHost(
        alias=name,
        hostname=hostname,
        port=port,
        user=user,
        identity_files=_paths(values.get("identityfile", []), tokens) if takes_keys else (),
        certificate_files=_paths(values.get("certificatefile", []), tokens) if takes_keys else (),
        identities_only=one("identitiesonly") == "yes",
        identity_agent=_agent(agent, tokens) if takes_keys else NO_AGENT,
        proxy_jump=tuple(jumps),
        proxy_command=_command(name, one("proxycommand", "none"), tokens),
        strict_host_key=_STRICT.get(strict, strict),
        user_known_hosts=_paths(_NEXT_PATH.split(one("userknownhostsfile")), tokens),
        global_known_hosts=_paths(_NEXT_PATH.split(one("globalknownhostsfile")), tokens),
        host_key_alias=alias if alias and alias != "none" else None,
        hash_known_hosts=one("hashknownhosts") == "yes",
        connect_seconds=number("connecttimeout") or _CONNECT_SECONDS,
        # asking more often does no harm; when to give up is the user's to say
        alive_seconds=min(interval or _ALIVE_SECONDS, _ALIVE_SECONDS),
        alive_grace_seconds=interval * (number("serveralivecountmax") or 3) or _ALIVE_GRACE_SECONDS,
        asks_secrets=one("batchmode", "no") != "yes",
    )


def _tokens(host: str, hostname: str, user: str, port: int, alias: str) -> dict[str, str]:
    """The tokens of ssh_config(5) that paths and commands use, but for %C and %j, which name sockets."""
    own = socket.gethostname()
    return {
        "%": "%", "h": hostname, "n": host, "p": str(port), "r": user, "k": alias or host, "d": _home(),
        "u": getpass.getuser(), "i": str(os.getuid()), "l": own, "L": own.partition(".")[0],
    }  # fmt: skip


def _home() -> str:
    """Of this user as ssh knows it: HOME does not move it."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")


def _filled_in(text: str, tokens: Mapping[str, str], environment: bool = True) -> str:
    """Tokens and `${NAME}`; what is not known stays as it is."""

    def value(found: re.Match[str]) -> str:
        if found[1] is not None:
            return tokens.get(found[1], found[0])
        return os.environ.get(found[2], found[0]) if environment else found[0]

    return _TOKEN.sub(value, text)


def _path(text: str, tokens: Mapping[str, str]) -> str:
    text = _filled_in(text, tokens)
    if text == "~" or text.startswith("~/"):
        return _home() + text[1:]
    return os.path.expanduser(text)


def _paths(texts: list[str], tokens: Mapping[str, str]) -> tuple[str, ...]:
    # newer versions of ssh fill most of it in, but no version does so for key files
    return tuple(dict.fromkeys(_path(text, tokens) for text in texts if text and text != "none"))


def _agent(text: str, tokens: Mapping[str, str]) -> str:
    if text in (AGENT_OF_ENVIRONMENT, NO_AGENT):
        return text
    if text.startswith("$") and not text.startswith("${"):
        return os.environ.get(text[1:], "") or NO_AGENT
    return _path(text, tokens)


def _command(name: str, command: str, tokens: Mapping[str, str]) -> str | None:
    if command == "none":
        return None
    for token in "hnr":
        if f"%{token}" in command and _NOT_IN_NAMES.search(tokens[token]):
            raise _unusable(name, "A name with such characters is not given to the shell of ProxyCommand")
    # ${NAME} is the shell's own affair there
    return _filled_in(command, tokens, environment=False)


def _unusable(name: str, detail: str, hint: str = "") -> SshUnreachable:
    error = SshUnreachable(f"{printable(name) or 'No host'}: it is not known how to reach it", detail, hint)
    error.step = "resolve"
    return error
