"""One question to many objects at once, on daemon threads that never keep the program from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_parallel(ask: Callable[[T], R], items: Sequence[T], limit: int, name: str) -> list[R]:
    """`ask` of each item, at most `limit` at once, in the order of the items.

    Each call must have a deadline of its own. concurrent.futures is not used: its threads are waited
    for when the program ends.

    Raises:
        Exception: the first that a call raised, after all have ended.
    """
    answers: dict[int, R] = {}
    errors: list[Exception] = []
    todo = iter(enumerate(items))
    lock = threading.Lock()

    def work() -> None:
        while not errors:
            with lock:
                entry = next(todo, None)
            if entry is None:
                return
            try:
                answers[entry[0]] = ask(entry[1])
            except Exception as error:
                # handed to the caller, who knows what it means
                errors.append(error)

    threads = [
        threading.Thread(target=work, name=f"{name}-{number}", daemon=True)
        for number in range(min(limit, len(items)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return [answers[index] for index in range(len(items))]
