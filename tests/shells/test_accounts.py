"""Whom a user of the engine is in /etc/passwd."""

from __future__ import annotations

import pytest

from tui.backends.shells.accounts import Account, find_account

PASSWD = b"""\
toor:x:0:0:other:/toor:/bin/sh
root:x:0:0:root:/root:/bin/bash
+nis::::::
# a comment
broken:x:one:1::/:/bin/sh
dev:x:1000:100:,,,:/home/dev:/usr/bin/zsh
1000:x:7:7::/home/seven:/bin/sh
bare:x:12:12:::
\xff:x:13:13::/home/\xff:/bin/sh"""
DEV = Account("dev", 1000, 100, "/home/dev", "/usr/bin/zsh")


@pytest.mark.parametrize("user", ["dev", "1000", "1000:1000", "dev:staff"])
def test_an_account_is_found_by_name_and_by_number(user: str) -> None:
    assert find_account(PASSWD, user) == DEV


def test_no_user_is_the_account_root_though_another_has_its_number() -> None:
    assert find_account(PASSWD, "") == Account("root", 0, 0, "/root", "/bin/bash")


def test_where_no_account_is_called_root_number_0_is_meant() -> None:
    found = find_account(b"admin:x:0:0::/admin:/bin/sh\n", "")
    assert found is not None and found.name == "admin"


def test_empty_fields_mean_the_root_folder_and_sh() -> None:
    assert find_account(PASSWD, "bare") == Account("bare", 12, 12, "/", "/bin/sh")


@pytest.mark.parametrize("user", ["nobody", "broken", "+nis", "4711", "\N{SUPERSCRIPT TWO}"])
def test_who_is_not_there_or_broken_is_nobody(user: str) -> None:
    assert find_account(PASSWD, user) is None


def test_bytes_of_another_encoding_do_not_hide_a_line() -> None:
    found = find_account(PASSWD, "13")
    assert found is not None and found.home.encode("utf-8", "surrogateescape") == b"/home/\xff"
