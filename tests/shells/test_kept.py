"""What is kept from run to run: consents, host keys of containers, open sessions."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tui import diagnostics
from tui.backends.shells import kept_files
from tui.backends.shells.consents import Consents, host_key_alias, write_known_hosts
from tui.backends.shells.open_sessions import OpenSessions, own_record, start_ticks_of
from tui.backends.ssh.known_keys import read
from tui.model.errors import SessionError
from tui.model.sessions import Consent

ONE, OTHER = "1" * 64, "2" * 64
ENGINE = "unix:///run/docker.sock"


def blob(letter: bytes) -> bytes:
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + letter * 32


# -- consents


def test_nothing_is_known_before_something_was_said(tmp_path: Path) -> None:
    assert Consents(tmp_path).of(ONE) is None
    assert not list(tmp_path.iterdir())


def test_an_answer_is_there_in_the_next_run_and_can_change(tmp_path: Path) -> None:
    Consents(tmp_path).remember(ONE, Consent.YES)
    Consents(tmp_path).remember(OTHER, Consent.YES)
    Consents(tmp_path).remember(OTHER, Consent.NO)
    assert (Consents(tmp_path).of(ONE), Consents(tmp_path).of(OTHER)) == (Consent.YES, Consent.NO)


def test_the_file_is_for_this_user_alone(tmp_path: Path) -> None:
    Consents(tmp_path / "state").remember(ONE, Consent.YES)
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()} == {0o600}
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("consent", [Consent.NOBODY, Consent.CANCEL])
def test_only_yes_and_no_last(tmp_path: Path, consent: Consent) -> None:
    with pytest.raises(ValueError):
        Consents(tmp_path).remember(ONE, consent)


@pytest.mark.parametrize("damage", [b'{"1', b"[1]", b"\xff\0", b"[" * 100_000])
def test_a_damaged_file_means_nothing_and_is_set_aside_with_the_next_answer(
    tmp_path: Path, damage: bytes
) -> None:
    (tmp_path / "consents.json").write_bytes(damage)
    assert Consents(tmp_path).of(ONE) is None
    Consents(tmp_path).remember(ONE, Consent.NO)
    assert Consents(tmp_path).of(ONE) is Consent.NO
    assert (tmp_path / "consents.json.damaged").read_bytes() == damage


def test_the_log_names_a_file_that_was_set_aside_and_nothing_of_what_it_held(
    tmp_path: Path,
) -> None:
    (tmp_path / "open_sessions.json").write_bytes(b'{"something": "private')
    log = tmp_path / "log" / "envtui.log"
    diagnostics.start(log)
    try:
        OpenSessions(tmp_path).remove("any")
    finally:
        diagnostics.stop()
    told = log.read_text("utf-8")
    assert "open_sessions.json.damaged" in told and "private" not in told


def test_an_entry_that_is_no_answer_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "consents.json").write_text(json.dumps({ONE: ["yes"], OTHER: "yes"}), "utf-8")
    assert (Consents(tmp_path).of(ONE), Consents(tmp_path).of(OTHER)) == (None, Consent.YES)


def test_answers_of_several_envtuis_and_threads_are_all_kept(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, threading; from tui.backends.shells.consents import Consents;"
        "from tui.model.sessions import Consent; c = Consents(pathlib.Path(sys.argv[1]));"
        "go = lambda n: c.remember(sys.argv[2] + str(n), Consent.YES);"
        "ts = [threading.Thread(target=go, args=(n,)) for n in range(8)];"
        "[t.start() for t in ts]; [t.join() for t in ts]"
    )
    several = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), letter]) for letter in ("a", "b", "c")
    ]
    assert [each.wait(60) for each in several] == [0, 0, 0]
    assert len(json.loads((tmp_path / "consents.json").read_bytes())) == 24


def test_a_lock_that_somebody_keeps_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_files, "_LOCK_SECONDS", 0.1)
    with open(tmp_path / "consents.json.lock", "wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(SessionError, match="locked"):
            Consents(tmp_path).remember(ONE, Consent.YES)


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Consents(tmp_path).remember(ONE, Consent.YES)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SessionError, match="written"):
        Consents(tmp_path).remember(ONE, Consent.NO)
    assert Consents(tmp_path).of(ONE) is Consent.YES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["consents.json", "consents.json.lock"]


# -- host keys


def test_known_hosts_has_the_keys_by_the_containers_alias(tmp_path: Path) -> None:
    path = write_known_hosts(tmp_path, ONE, (blob(b"a"), blob(b"b")))
    assert path == tmp_path / "known_hosts" and path.stat().st_mode & 0o777 == 0o600
    keys = read((str(path),))
    assert {key.blob for key in keys if key.is_for("envtui-111111111111")} == {blob(b"a"), blob(b"b")}


def test_other_keys_take_the_place_of_the_containers_old_ones_only(tmp_path: Path) -> None:
    write_known_hosts(tmp_path, ONE, (blob(b"a"),))
    write_known_hosts(tmp_path, OTHER, (blob(b"b"),))
    path = write_known_hosts(tmp_path, ONE, (blob(b"c"),))
    found = {key.names: key.blob for key in read((str(path),))}
    assert found == {host_key_alias(OTHER): blob(b"b"), host_key_alias(ONE): blob(b"c")}


def test_foreign_lines_stay_as_they_are_even_without_an_end(tmp_path: Path) -> None:
    foreign = b"# mine\n|1|abc= ssh-rsa AAAA\n\xff\xfe"
    (tmp_path / "known_hosts").write_bytes(foreign)
    path = write_known_hosts(tmp_path, ONE, (blob(b"a"),))
    line = f"envtui-111111111111 ssh-ed25519 {base64.b64encode(blob(b'a')).decode()}\n"
    assert path.read_bytes() == foreign + b"\n" + line.encode()


def test_the_same_keys_again_write_nothing(tmp_path: Path) -> None:
    before = write_known_hosts(tmp_path, ONE, (blob(b"a"),)).stat()
    assert write_known_hosts(tmp_path, ONE, (blob(b"a"),)).stat().st_ino == before.st_ino


# -- open sessions


def test_a_session_of_a_running_envtui_is_not_left_behind(tmp_path: Path) -> None:
    OpenSessions(tmp_path).add(own_record("tag", ENGINE, ONE, "dev"))
    assert OpenSessions(tmp_path).left_behind(ENGINE) == []


def test_a_session_of_an_ended_envtui_is_left_behind(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait(30)
    record = replace(own_record("tag", ENGINE, ONE, "dev"), pid=ended.pid)
    OpenSessions(tmp_path).add(record)
    assert OpenSessions(tmp_path).left_behind(ENGINE) == [record]


def test_a_number_that_another_process_has_now_does_not_hide_it(tmp_path: Path) -> None:
    own = own_record("tag", ENGINE, ONE, "")
    OpenSessions(tmp_path).add(replace(own, start_ticks=own.start_ticks - 1))
    assert [each.tag for each in OpenSessions(tmp_path).left_behind(ENGINE)] == ["tag"]


def test_a_lost_session_is_left_behind_though_its_envtui_runs(tmp_path: Path) -> None:
    sessions = OpenSessions(tmp_path)
    sessions.add(own_record("one", ENGINE, ONE, ""))
    sessions.add(own_record("two", ENGINE, ONE, ""))
    sessions.mark_lost("one")
    sessions.mark_lost("nobody's")
    assert [each.tag for each in sessions.left_behind(ENGINE)] == ["one"]


def test_a_removed_session_and_one_of_another_engine_or_machine_are_not_told(tmp_path: Path) -> None:
    sessions = OpenSessions(tmp_path)
    for tag in ("removed", "elsewhere", "here"):
        sessions.add(replace(own_record(tag, ENGINE, ONE, ""), start_ticks=0))
    sessions.remove("removed")
    sessions.remove("never there")
    path = tmp_path / "open_sessions.json"
    entries = json.loads(path.read_bytes())
    entries["elsewhere"]["machine"] = "another"
    path.write_text(json.dumps(entries), "utf-8")
    assert [each.tag for each in sessions.left_behind(ENGINE)] == ["here"]
    assert sessions.left_behind("unix:///other.sock") == []


def test_entries_that_are_no_records_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "open_sessions.json").write_text('{"a": 1, "b": {"tag": 2}, "c": null}', "utf-8")
    assert OpenSessions(tmp_path).left_behind(ENGINE) == []


def test_the_start_of_a_process_with_brackets_in_its_name_is_read(tmp_path: Path) -> None:
    program = tmp_path / ") 7 (x"
    program.symlink_to("/bin/sleep")
    child = subprocess.Popen([program, "60"])
    try:
        ticks, own = start_ticks_of(child.pid), start_ticks_of(os.getpid())
        assert ticks is not None and own is not None and ticks >= own
    finally:
        child.kill()
        child.wait(30)
    assert start_ticks_of(child.pid) is None
