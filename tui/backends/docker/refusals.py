"""The engine's error answers as our own errors, with what to do about each."""

from __future__ import annotations

import json
from typing import Any

from tui.model.errors import Conflict, EngineLost, EngineRefused, NoSuchContainer


def message_in(body: bytes) -> str:
    """The sentence in an error answer: JSON with `message`, or plain text."""
    try:
        message = json.loads(body)["message"]
    except (ValueError, KeyError, TypeError):
        message = body.decode("utf-8", "replace")
    # 2000 characters are more than any screen shows; a proxy's error page may be longer
    return str(message).strip()[:2000]


def from_status(status: int, message: str) -> EngineRefused:
    """The error for an answer with an HTTP status of 400 or more."""
    if status == 404 and "container" in message.lower():
        return NoSuchContainer(
            "No such container", message, "It was removed meanwhile; the list follows by itself", status
        )
    if status == 409:
        return Conflict("The engine refuses", message, "Change what it names, then try again", status)
    return EngineRefused(
        "The engine reports an error", message or f"HTTP status {status}", "Its own log says more", status
    )


def parse_json(body: bytes) -> Any:
    """Parsed JSON; an answer that is none counts as a broken connection."""
    try:
        return json.loads(body)
    except ValueError as error:
        raise EngineLost(
            "The engine's answer can't be read",
            f"it is not JSON: {error}",
            "Is another program listening on this address?",
        ) from error
