"""The program of the terminal tests: bridges its terminal with a program here, and tells what came of it.

`python -m tests.terminal.bridged REPORT [--option …] -- PROGRAM…`; the report is JSON, in a file, so that
the terminal holds nothing that a session would not put there.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import threading
from typing import Any

from tests.rig.local_channel import LocalChannel
from tui.backends.terminal.bridge import bridge
from tui.backends.terminal.modes import this_terminal
from tui.backends.terminal.pipes import pump
from tui.model.sessions import SessionEnd


class _Faulty(LocalChannel):
    """Breaks the protocol's word after the first output."""

    has_printed = False

    def read(self) -> Any:
        if self.has_printed:
            raise RuntimeError("broken by a test")
        piece = super().read()
        self.has_printed = piece is not None and b"break now" in piece[1]
        return piece


def main() -> None:
    split = sys.argv.index("--")
    parser = argparse.ArgumentParser()
    parser.add_argument("report")
    parser.add_argument("--pump", action="store_true")
    parser.add_argument("--faulty", action="store_true")
    parser.add_argument("--nonblocking", action="store_true")
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--input", type=int, default=0)
    parser.add_argument("--lose-on", type=int, default=0)
    options = parser.parse_args(sys.argv[1:split])
    heard: list[int] = []
    if options.loop:
        asyncio.run(_in_loop(options, sys.argv[split + 1 :], heard))
    else:
        _session(options, sys.argv[split + 1 :], heard)


async def _in_loop(options: argparse.Namespace, argv: list[str], heard: list[int]) -> None:
    """As inside an app: an event loop that handles the signal, and stands still meanwhile."""
    ended = asyncio.Event()

    def end() -> None:
        heard.append(signal.SIGTERM)
        ended.set()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    report = _session(options, argv, heard)
    async with asyncio.timeout(30):
        await ended.wait()
    for _ in range(5):
        # were it sent twice, it would be heard twice now
        await asyncio.sleep(0)
    _write(options.report, {**report, "heard": heard})


def _session(options: argparse.Namespace, argv: list[str], heard: list[int]) -> dict[str, Any]:
    kind = _Faulty if options.faulty else LocalChannel
    terminal = this_terminal(0, 1, os.environ)
    channel = kind(argv, not options.pump, terminal.columns, terminal.rows)
    if options.nonblocking:
        os.set_blocking(1, False)
    if options.lose_on:
        signal.signal(options.lose_on, lambda *_: channel.lose("the cable is out"))
    _write(options.report + ".begun", {"pid": channel.process.pid})
    before = threading.active_count(), len(os.listdir("/proc/self/fd"))
    end = pump(channel, options.input) if options.pump else bridge(channel)
    after = threading.active_count(), len(os.listdir("/proc/self/fd"))
    channel.tidy_up()
    report = {
        **_words(end),
        "left": [name - earlier for name, earlier in zip(after, before, strict=True)],
        "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
        "sizes": channel.sizes,
        "closed": channel.is_closed,
    }
    if not options.loop:
        _write(options.report, report)
        sys.exit(end.exit_code)
    return report


def _words(end: SessionEnd) -> dict[str, Any]:
    return {
        "reason": end.reason.value,
        "status": end.status,
        "signal": end.signal,
        "detail": end.detail,
        "code": end.exit_code,
        "sent": end.sent_bytes,
        "received": end.received_bytes,
    }


def _write(path: str, report: dict[str, Any]) -> None:
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.rename(path + ".new", path)


if __name__ == "__main__":
    main()
