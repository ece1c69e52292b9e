"""Many small questions to the engine, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tui.backends.deadline import DESCRIBE_SECONDS, CancellableDeadline
from tui.model.errors import EngineRefused, ReclaimError

Key = TypeVar("Key")
Answer = TypeVar("Answer")

# A remote engine answers as many at once in the time of one; more would only queue up inside it.
_THREADS = 4


def ask_each(
    ask: Callable[[Key, CancellableDeadline], Answer],
    keys: Iterable[Key],
    is_cancelled: Callable[[], bool],
) -> dict[Key, Answer]:
    """What is answered about each key. One that the engine refuses is left out: it may be gone by now.

    Args:
        ask: one question, with its own deadline.
        keys: of the questions.
        is_cancelled: asked often.

    Raises:
        ReclaimError: it was called off.
        EngineError: the engine can't be asked; the other questions are called off.
    """
    failed = threading.Event()

    def one(key: Key) -> tuple[Key, Answer] | None:
        deadline = CancellableDeadline(DESCRIBE_SECONDS, lambda: failed.is_set() or is_cancelled())
        try:
            deadline.check()
            return key, ask(key, deadline)
        except EngineRefused:
            return None
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(_THREADS, thread_name_prefix="disk questions") as pool:
        questions = [pool.submit(one, key) for key in keys]
    errors = [error for each in questions if (error := each.exception()) is not None]
    if errors:
        # the first to fail called the others off: its reason is the one that counts
        raise next((each for each in errors if not isinstance(each, ReclaimError)), errors[0])
    return dict(found for each in questions if (found := each.result()) is not None)
