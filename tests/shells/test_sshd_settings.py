"""What an sshd's configuration says of an account."""

from __future__ import annotations

import pytest

from tui.backends.shells.accounts import Account
from tui.backends.shells.sshd_settings import (
    SshdSettings,
    parse_configuration,
    parse_effective,
    why_no_key_login,
)

ROOT = Account("root", 0, 0, "/root", "/bin/bash")
DEV = Account("dev", 1000, 1000, "/home/dev", "/bin/bash")
GROUPS = ("dev", "staff")


def configured(text: str, account: Account = DEV, files: dict[str, list[str]] | None = None) -> SshdSettings:
    return parse_configuration(
        text, account, ("dev", "staff"), lambda pattern: (files or {}).get(pattern, [])
    )


def why(text: str, account: Account = DEV, is_locked: bool = False) -> str:
    return why_no_key_login(configured(text, account), account, GROUPS, is_locked)


def test_an_empty_file_means_openssh_defaults() -> None:
    settings = configured("")
    assert settings.ports == (22,)
    assert settings.authorized_keys(DEV) == "/home/dev/.ssh/authorized_keys"
    assert settings.host_keys[-1] == "/etc/ssh/ssh_host_ed25519_key"
    assert not why("") and not why("", ROOT)


@pytest.mark.parametrize(
    "text",
    ["port 2222\n", "PORT=2222", '  Port "2222"  ', "Port 2222 # not 22", "ListenAddress 0.0.0.0:2222"],
)
def test_a_port_is_read_in_each_way_to_write_it(text: str) -> None:
    assert configured(text).ports == (2222,)


def test_several_ports_and_addresses_without_one() -> None:
    assert configured("Port 22\nPort 2222\nListenAddress ::1\nListenAddress [::1]:23").ports == (22, 23, 2222)


def test_the_first_value_counts() -> None:
    assert (
        configured("PubkeyAuthentication no\nPubkeyAuthentication yes").first("pubkeyauthentication") == "no"
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (".ssh/keys .ssh/more", "/home/dev/.ssh/keys"),
        ("%h/keys", "/home/dev/keys"),
        ("/etc/ssh/keys/%u-%U-%%", "/etc/ssh/keys/dev-1000-%"),
        ("none", ""),
    ],
)
def test_the_file_of_keys(value: str, path: str) -> None:
    assert configured(f"AuthorizedKeysFile {value}").authorized_keys(DEV) == path


def test_a_block_for_the_account_comes_before_what_stands_outside() -> None:
    text = "PubkeyAuthentication yes\nMatch User zed,d?v\nPubkeyAuthentication no\n"
    assert configured(text).first("pubkeyauthentication") == "no"


@pytest.mark.parametrize("criteria", ["User zed", "User *,!dev", "Group wheel", "Address 10.0.0.0/8", "User"])
def test_a_block_for_others_or_for_who_knows_whom_does_not_count(criteria: str) -> None:
    assert configured(f"Match {criteria}\nPubkeyAuthentication no").first("pubkeyauthentication") == ""


def test_a_block_for_everybody_ends_the_one_before() -> None:
    assert configured("Match User zed\nMatch all\nForceCommand x").first("forcecommand") == "x"


def test_an_included_file_stands_where_it_is_included_and_its_block_ends_with_it() -> None:
    files = {"sshd_config.d/*.conf": ["Port 2200\nMatch User zed\nPermitTTY no\n", "X11Forwarding no"]}
    settings = configured(
        "Include sshd_config.d/*.conf\nX11Forwarding yes\nPasswordAuthentication no", DEV, files
    )
    assert settings.ports == (2200,)
    assert settings.first("x11forwarding") == "no"
    assert settings.first("permittty") == ""
    assert settings.first("passwordauthentication") == "no"


def test_the_effective_settings_are_read() -> None:
    settings = parse_effective(
        "port 22\nport 2222\npermitrootlogin without-password\nauthorizedkeysfile .ssh/a .ssh/b\n"
        "hostkey /etc/ssh/one\nhostkey /etc/ssh/two\npubkeyacceptedalgorithms ssh-ed25519,rsa-sha2-512\n"
    )
    assert settings.ports == (22, 2222)
    assert settings.host_keys == ("/etc/ssh/one", "/etc/ssh/two")
    assert settings.authorized_keys(ROOT) == "/root/.ssh/a"
    assert not why_no_key_login(settings, ROOT, ("root",), is_locked=False)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("PubkeyAuthentication no", "takes no keys"),
        ("AllowUsers zed root", "AllowUsers"),
        ("DenyUsers d*", "DenyUsers"),
        ("AllowGroups wheel", "AllowGroups"),
        ("DenyGroups staff", "DenyGroups"),
        ("AuthenticationMethods publickey,password", "more than a key"),
        ("PubkeyAcceptedAlgorithms rsa-sha2-512", "ssh-ed25519"),
        ("ForceCommand /bin/date", "ForceCommand"),
        ("ChrootDirectory %h", "ChrootDirectory"),
        ("PermitTTY no", "PermitTTY"),
        ("AuthorizedKeysFile none", "no file of keys"),
    ],
)
def test_why_an_account_does_not_get_in(text: str, word: str) -> None:
    assert word in why(text)


@pytest.mark.parametrize(
    "text",
    [
        "AllowUsers dev@10.*",
        "DenyUsers dev@10.*",
        "AllowGroups st*",
        "AuthenticationMethods any",
        "AuthenticationMethods publickey password",
        "PubkeyAcceptedAlgorithms +ssh-rsa",
        "PubkeyAcceptedAlgorithms ssh-ed25519*,rsa*",
        "PermitRootLogin no",
    ],
)
def test_what_does_not_keep_it_out(text: str) -> None:
    assert not why(text)


@pytest.mark.parametrize("value", ["no", "forced-commands-only"])
def test_root_may_be_kept_out(value: str) -> None:
    assert "PermitRootLogin" in why(f"PermitRootLogin {value}", ROOT)


@pytest.mark.parametrize("value", ["yes", "prohibit-password", "without-password"])
def test_root_may_come_in_by_key(value: str) -> None:
    assert not why(f"PermitRootLogin {value}", ROOT)


def test_a_locked_account_gets_in_with_pam_only() -> None:
    assert "locked" in why("UsePAM no", is_locked=True)
    assert not why("UsePAM yes", is_locked=True)


@pytest.mark.parametrize("shell", ["/usr/sbin/nologin", "/bin/false"])
def test_a_shell_that_lets_nobody_in(shell: str) -> None:
    assert "lets nobody in" in why("", Account("dev", 1, 1, "/", shell))
