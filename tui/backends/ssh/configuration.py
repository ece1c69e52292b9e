"""What OpenSSH's configuration says of a host, asked of `ssh -G`: nothing here reads ssh_config itself."""

from __future__ import annotations

from dataclasses import dataclass

#: The agent that the environment names.
AGENT_OF_ENVIRONMENT = "SSH_AUTH_SOCK"
NO_AGENT = "none"


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
        proxy_command: as ssh_config has it: its tokens are not filled in (`expand` does).
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
    raise NotImplementedError(text)


def resolve(
    name: str, config_file: str | None = None, user: str | None = None, port: int | None = None
) -> SshHost:
    """What ssh would use for a host. Runs `ssh -G`, which runs the commands of `Match exec`.

    Raises:
        SshUnreachable: there is no ssh program, or it does not take the name or the configuration.
    """
    raise NotImplementedError(name, config_file, user, port)
