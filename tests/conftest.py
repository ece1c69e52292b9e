"""What holds for every test: no settings, log files or animations of the machine that they run on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Where a run decides about something, the same examples are tried each time; new ones are found by hand.
settings.register_profile("same", derandomize=True)
if os.environ.get("ENVTUI_REQUIRE_ENGINE"):
    settings.load_profile("same")

# Started with nohup, or behind a shell's `&`, they would be ignored here and in every program of the tests.
for _number in (signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.SIG_DFL)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write the screenshots anew")
    parser.addoption("--slow", action="store_true", help="run the full matrix")
    parser.addoption("--full-sessions", action="store_true", help="every shell, home and environment")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config.option, "maxworkerrestart"):
        # with -n: a process that crashed would crash again at the same test
        config.option.maxworkerrestart = "0"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        chosen = item.get_closest_marker("by_default")
        if chosen and hasattr(item, "callspec") and item.callspec.id not in chosen.args:
            item.add_marker(pytest.mark.slow)
    if not config.getoption("--slow"):
        reason = pytest.mark.skip(reason="part of the full matrix: --slow runs it")
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(reason)
    if not config.getoption("--full-sessions"):
        # not skipped: there are hundreds
        config.hook.pytest_deselected(items=[item for item in items if "full_sessions" in item.keywords])
        items[:] = [item for item in items if "full_sessions" not in item.keywords]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With -n: a file stays in one process, as its tests share what it set up, and short ones come last."""
    from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

    # files come as they are collected: the longest are those of the engine, in the middle
    config.option.loadscopereorder = False
    return LoadFileScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """With -n: a report goes to another process as UTF-8, which has no lone surrogates."""
    return _sendable((yield))


def _sendable(told: Any) -> Any:
    if isinstance(told, str):
        return told.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(told, dict):
        return {_sendable(key): _sendable(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return type(told)(map(_sendable, told))
    return told


_crashed = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """With -n: a process is gone; with an error, its tests are not all done."""
    if error:
        node.config.stash[_crashed] = True


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """No failure as any other: what a process that crashed had yet to do is nowhere told."""
    if session.config.stash.get(_crashed, False):
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


@pytest.fixture(autouse=True, scope="session")
def _own_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings, state and time zone of nobody; no engine is found unless a test names one."""
    home = tmp_path_factory.mktemp("home")
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("ENVTUI_", "DOCKER_", "XDG_"))]:
        if name != "ENVTUI_REQUIRE_ENGINE":
            del os.environ[name]
    os.environ.update(HOME=str(home), TZ="UTC", TEXTUAL_ANIMATIONS="none", COLORTERM="truecolor")
    os.environ.pop("NO_COLOR", None)
    time.tzset()
    yield home
    os.environ.clear()
    os.environ.update(kept)
    time.tzset()
