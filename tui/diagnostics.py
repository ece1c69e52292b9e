"""Our own rotating log file: what went wrong is written there, never to the terminal."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # at run time `logging` and its `handlers` are imported where they are used: together 15 ms, which a
    # command that has nothing to log should not pay
    import logging
    from logging.handlers import RotatingFileHandler

# Three files of 1 MB hold weeks of warnings, and are read by a person within minutes.
_FILE_BYTES, _OLDER_FILES = 1_000_000, 2
# One record must not push all others out: this is 200 lines of a traceback.
_MOST_CHARACTERS = 16_000

_undo: list[Callable[[], object]] = []


def start(log_file: Path) -> None:
    """Send diagnostics to `log_file`, which is opened with the first record. Never raises.

    Where the file can't be written, diagnostics go nowhere. Python's warnings, and what other libraries
    log from WARNING on, go there, too: they would be printed into the window otherwise.
    """
    import logging

    stop()
    handler = _deferred_file(log_file)
    own, root = _own(), logging.getLogger()
    own.setLevel(logging.INFO)
    own.addHandler(handler)
    root.addHandler(handler)
    logging.captureWarnings(True)
    hooks = threading.excepthook, sys.unraisablehook
    threading.excepthook = _on_thread_exception
    sys.unraisablehook = _on_unraisable

    def undo() -> None:
        threading.excepthook, sys.unraisablehook = hooks
        logging.captureWarnings(False)
        root.removeHandler(handler)
        own.removeHandler(handler)
        handler.close()

    _undo.append(undo)


def stop() -> None:
    """Close the file and put back the hooks that `start` replaced."""
    while _undo:
        _undo.pop()()


def logger(name: str) -> logging.Logger:
    """The logger of one part of envtui: `logger("monitor")`."""
    return _own().getChild(name)


def record_exception(where: str, error: BaseException) -> None:
    """Write down an exception with its traceback; `where` says what was being done."""
    _own().error("%s", where, exc_info=(type(error), error, error.__traceback__))


def _own() -> logging.Logger:
    """The root of our loggers, which prints nothing, also where nobody called `start`."""
    import logging

    own = logging.getLogger("envtui")
    if own.propagate:
        own.propagate = False
        own.addHandler(logging.NullHandler())
    return own


def _on_thread_exception(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
        name = told.thread.name if told.thread is not None else "unknown"
        record_exception(f"thread {name} ended", told.exc_value)


def _on_unraisable(told: sys.UnraisableHookArgs) -> None:
    if told.exc_value is not None:
        record_exception(told.err_msg or "an exception that nobody can catch", told.exc_value)


def _deferred_file(path: Path) -> logging.Handler:
    """A handler that opens, and imports what it needs for that, with its first record."""
    import logging

    class DeferredFile(logging.Handler):
        _file: RotatingFileHandler | None = None

        def emit(self, record: logging.LogRecord) -> None:
            try:
                if self._file is None:
                    self._file = _rotating_file(path)
                self._file.emit(record)
            except Exception:
                # there is no third place where a failure to log could be told
                self.handleError(record)

        def handleError(self, record: logging.LogRecord) -> None:
            """Says nothing: the inherited one prints."""

        def close(self) -> None:
            if self._file is not None:
                self._file.close()
            super().close()

    return DeferredFile()


def _rotating_file(path: Path) -> RotatingFileHandler:
    import logging
    from logging.handlers import RotatingFileHandler

    class LineFormatter(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return _format(record)

    class PrivateFile(RotatingFileHandler):
        def _open(self) -> Any:
            """Open it for this user alone: host names and command lines are nobody else's business."""
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            os.fchmod(descriptor, 0o600)
            return open(descriptor, "a", encoding="utf-8")

        def handleError(self, record: logging.LogRecord) -> None:
            """Says nothing (disk full, folder gone): the inherited one prints."""

    handler = PrivateFile(path, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, delay=True)
    handler.setFormatter(LineFormatter())
    return handler


def _format(record: logging.LogRecord) -> str:
    """One line, and the traceback below it with a margin that no message can forge."""
    try:
        message = record.getMessage()
    except Exception as error:
        message = (
            f"({record.pathname}:{record.lineno} logged what can't be formatted: {type(error).__name__})"
        )
    if len(message) > _MOST_CHARACTERS:
        message = f"{message[:_MOST_CHARACTERS]} (and {len(message) - _MOST_CHARACTERS} characters more)"
    moment = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(record.created))}.{int(record.msecs):03d}"
    head = f"{moment} {record.levelname} {record.name} [{record.threadName}] {message}"
    lines = [_printable(head)]
    if record.exc_info and record.exc_info[0] is not None:
        import traceback

        text = "".join(traceback.format_exception(*record.exc_info))
        if len(text) > _MOST_CHARACTERS:
            # the end names the exception and the place where it was raised
            text = f"({len(text) - _MOST_CHARACTERS} characters before)\n{text[-_MOST_CHARACTERS:]}"
        lines += [f"  | {_printable(line)}" for line in text.splitlines()]
    return "\n".join(lines)


def _printable(text: str) -> str:
    """Text without anything that a terminal obeys when somebody reads the file with `cat`."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )
