"""What a session left in a container is hung up, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.engine.exec_box import ExecBox, printed, read_until
from tests.rig.engine import PrivateEngine
from tests.rig.waiting import until
from tui.backends.docker.exec_channel import ExecChannel
from tui.backends.shells.hanging_up import hang_up
from tui.model.sessions import Terminal

TAG, OTHER_TAG = "a1b2c3d4", "e5f6a7b8"
SECONDS = 30.0
USER = "12:34"


@pytest.fixture(scope="module")
def shared(engine: PrivateEngine) -> ExecBox:
    """One container for all."""
    engine.recover()
    engine.remove_all()
    return ExecBox(engine)


@pytest.fixture
def box(shared: ExecBox) -> ExecBox:
    """It, without what an earlier test left in it."""
    shared.engine.docker("restart", "--time", "0", shared.id)
    return shared


def enter(box: ExecBox, script: str, tag: str = TAG, user: str = "") -> ExecChannel:
    """A session of a terminal whose marked shell, with job control, runs a script and then what is typed."""
    marked = f'export ENVTUI_SESSION={tag}:$$; exec sh -c "$0"'
    channel = box.open("sh", "-c", marked, f"set -m\n{script}\necho ready; while read x; do eval $x; done",
                       terminal=Terminal(), user=user)  # fmt: skip
    read_until(channel, b"ready\r\n")
    return channel


def running(box: ExecBox, *seconds: int) -> Sequence[int]:
    """Which of these `sleep` are there."""
    told = box.says("ps", "-o", "args").splitlines()
    return [each for each in seconds if f"sleep {each}" in told]


def test_a_shell_that_was_left_goes_with_what_runs_in_it(box: ExecBox) -> None:
    channel = enter(box, "")
    channel.send(b"sleep 777\n")
    until(lambda: running(box, 777))
    channel.close()
    assert hang_up(box.http, box.id, TAG, "", SECONDS) == 2
    assert not running(box, 777)
    assert TAG not in box.says("sh", "-c", "cat /proc/[0-9]*/environ")


def test_what_was_left_in_the_background_goes(box: ExecBox) -> None:
    channel = enter(box, "sleep 778 & sleep 779 >/dev/null &")
    channel.send(b"exit\n")
    printed(channel)
    assert running(box, 778, 779) == [778, 779]
    assert hang_up(box.http, box.id, TAG, "", SECONDS) == 2
    assert not running(box, 778, 779)


def test_a_job_that_is_stopped_goes(box: ExecBox) -> None:
    channel = enter(box, "sleep 780 & kill -s STOP $!")
    channel.close()
    hang_up(box.http, box.id, TAG, "", SECONDS)
    assert not running(box, 780)


def test_what_has_a_session_of_its_own_or_ignores_the_signal_stays(box: ExecBox) -> None:
    ignoring = "sh -c 'trap \"\" HUP; exec sleep 782' &"
    channel = enter(box, f"setsid sleep 781 & {ignoring} sleep 783 &")
    channel.close()
    until(lambda: len(running(box, 781, 782, 783)) == 3)
    hang_up(box.http, box.id, TAG, "", SECONDS)
    assert running(box, 781, 782, 783) == [781, 782]


def test_another_session_stays(box: ExecBox) -> None:
    mine, other = enter(box, "sleep 784 &"), enter(box, "sleep 785 &", OTHER_TAG)
    mine.close()
    hang_up(box.http, box.id, TAG, "", SECONDS)
    assert running(box, 784, 785) == [785]
    other.send(b"echo still here\n")
    read_until(other, b"here\r\nstill here")
    other.close()


def test_a_session_that_is_over_means_nobody(box: ExecBox) -> None:
    # the mark lives on in a process whose own session is another
    channel = enter(box, "setsid sleep 786 &")
    channel.send(b"exit\n")
    printed(channel)
    until(lambda: running(box, 786))
    assert hang_up(box.http, box.id, TAG, "", SECONDS) == 0
    assert running(box, 786)


def test_the_session_of_another_user(box: ExecBox) -> None:
    enter(box, "sleep 787 &", user=USER).close()
    assert hang_up(box.http, box.id, TAG, USER, SECONDS) == 2
    assert not running(box, 787)


def test_what_became_another_users_goes_with_it(box: ExecBox) -> None:
    # as sudo does: in the same session, and its environment can't be read
    box.says("sh", "-c", "cp /bin/busybox /tmp/su; chmod 4755 /tmp/su")
    box.says("sh", "-c", "mkdir -p /etc; echo root::0:0::/:/bin/sh >/etc/passwd")
    channel = enter(box, "/tmp/su -c 'sleep 788' &", user=USER)
    until(lambda: running(box, 788))
    channel.close()
    assert hang_up(box.http, box.id, TAG, USER, SECONDS) == 2
    assert not running(box, 788)


def test_names_with_blanks_and_brackets_are_read(box: ExecBox) -> None:
    name = "/tmp/a) S 1 1"
    box.says("sh", "-c", f"printf '#!/bin/sh\nwhile :; do sleep 789; done\n' >'{name}'; chmod 755 '{name}'")
    channel = enter(box, f"'{name}' &")
    until(lambda: running(box, 789))
    channel.close()
    assert hang_up(box.http, box.id, TAG, "", SECONDS) == 3
    assert name not in box.says("ps", "-o", "args")
    assert not running(box, 789)


def test_nothing_to_hang_up_in_what_has_no_shell_or_does_not_run(box: ExecBox) -> None:
    assert hang_up(box.http, box.id, TAG, "", SECONDS) == 0
    other = box.engine.run_container("bare")
    box.engine.docker("exec", other, "mv", "/bin/sh", "/bin/no-sh")
    assert hang_up(box.http, other, TAG, "", SECONDS) == 0
    box.engine.docker("kill", other)
    assert hang_up(box.http, other, TAG, "", SECONDS) == 0
    box.engine.docker("rm", other)
    assert hang_up(box.http, other, TAG, "", SECONDS) == 0
