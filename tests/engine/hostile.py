"""Text that would drive a terminal, pass for markup or shift columns, put wherever an engine takes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.rig.engine import IDLE, PrivateEngine
from tests.rig.terminal import TerminalSession

#: One of each kind, by a word that names it.
TEXTS = {
    "markup": "[/x][red]boom[/] [@click=app.quit]x[/] \\[b]",
    "clipboard": "\x1b]52;c;ZXZpbA==\x07",
    "title": "\x1b]0;OWNED\x1b\\",
    "clear": "\x1b[2J\x1b[33;77H",
    "mode": "\x1b[?1049l\x1b[?25h\x1bc",
    "c1": "\x9b2J\x9d0;OWNED\x9c",
    "controls": "a\x00\x07\x08\x08b\x0e\x7f",
    "newlines": "one\ntwo\r\nthree\tfour\x0b\x0c\x85\u2028",
    "cjk": "模型训练 データ 학습",
    "family": "\N{WOMAN}\u200d\N{WOMAN}\u200d\N{GIRL}\u200d\N{BOY}",
    "flags": "\U0001f1e9\U0001f1ea\U0001f1ef\U0001f1f5",
    "tones": "\N{THUMBS UP SIGN}\U0001f3fd\N{WAVING HAND SIGN}\U0001f3ff",
    "presentation": "\N{HEAVY BLACK HEART}\ufe0f\N{BLACK TELEPHONE}\ufe0e#\ufe0f\u20e3",
    "direction": "\u202egnp.exe\u202c\u200f\u2067abc\u2069",
    "arabic": "نموذج שלום",
    "hangul": "\u1112\u1161\u11ab\u1100\u1173\u11af \u1161\u1160\ud7b0",
    "devanagari": "प्रशिक्षण कि",
    "symbols": "☰ ䷀ 𝌀",
    "marks": "e\u0301\u0301\u0301Z\u0335\u0336\u0337\u20dd",
    "invisible": "a\u200bb\u2060c\ufeffd\u00ade\U000e0041\u3164",
    "unassigned": "\ue000\U0010fffd\u0378",
    "lone": "\ud800x",
}

#: Bytes that none of the above may get through to a terminal: sequences first, then single characters.
FORBIDDEN = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        "\x1b]52", "\x1b]0;", "\x1b[2J", "\x1b[33;77H", "\x1bc", "\x07", "\x08", "\x0e", "\x7f", "\x85",
        "\x9b", "\x9c", "\x9d", "\u200b", "\u200d", "\u200f", "\u2028", "\u202e", "\u202c", "\u2060",
        "\u2067", "\u2069", "\ufe0e", "\ufe0f", "\ufeff", "\u0301", "\u20dd", "\u20e3", "\u0335", "\u00ad",
        "\U0001f1e9", "\U0001f3fd", "\U000e0041", "\ue000", "\ud800", "\u0378",
    )
)  # fmt: skip


def make_containers(engine: PrivateEngine) -> None:
    """One running container a text, which stands wherever the engine takes it, and a plain one."""
    engine.run_container("plain")
    for word, text in TEXTS.items():
        # neither JSON's readers nor the kernel take these two in
        safe = text.replace("\x00", "").encode("utf-8", "replace").decode()
        body = {
            "Image": "envtui-rig:1",
            "Cmd": [*IDLE, safe],
            "Env": [f"WORDS={safe}", f"{safe.replace('=', '')}=1"],
            "Labels": {"com.docker.compose.project": safe, f"label {safe}": safe},
            "WorkingDir": f"/tmp/{safe.replace('/', '')}",
            "HostConfig": {
                "NetworkMode": "none",
                "Mounts": [{"Type": "tmpfs", "Target": f"/mnt/{safe.replace('/', '').replace(',', '')}"}],
            },
        }
        status, answer = engine.request("POST", f"/containers/create?name=h-{word}", body)
        assert status == 201, (word, answer)
        status, answer = engine.request("POST", f"/containers/{answer['Id']}/start")
        assert status == 204, (word, answer)


def rename_all(method: str, path: str, body: bytes) -> bytes:
    """A proxy's rewrite: names and images of containers become what the engine itself would never allow."""
    if "/containers/" not in path or method != "GET":
        return body
    told = json.loads(body)
    if told is None:
        # a container in which nothing was changed
        return body
    for entry in told if isinstance(told, list) else [told]:
        _rename(entry)
    # as an engine writes it: characters, not escapes; a lone surrogate can only be an escape
    return json.dumps(told, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _rename(entry: dict[str, Any]) -> None:
    names = entry.get("Names") or [entry.get("Name") or ""]
    text = TEXTS.get(str(names[0]).removeprefix("/h-"))
    if text is None:
        return
    named = f"/h-{text}"
    if "Names" in entry:
        entry["Names"], entry["Image"] = [named], f"{text}:{text}"
    else:
        entry["Name"] = named
        entry["Config"]["Image"] = f"{text}:{text}"


def assert_nothing_interpreted(terminal: TerminalSession, since: int = 0) -> None:
    """No forbidden byte reached the terminal since a length of `raw`."""
    # Textual itself says which pointer it wants (OSC 22)
    raw = re.sub(rb"\x1b\]22;[a-z-]*\x07", b"", terminal.raw[since:])
    found = [each for each in FORBIDDEN if each in raw]
    assert not found, [(each, raw[max(0, raw.index(each) - 60) :][:120]) for each in found]


def columns_of(terminal: TerminalSession, titles: tuple[str, ...]) -> tuple[int, dict[str, int]]:
    """The row of the table's header, and the cell behind the last one of each title in it."""
    for number, line in enumerate(terminal.lines()):
        if all(title in line for title in titles):
            return number, {title: line.index(title) + len(title) for title in titles}
    raise AssertionError(f"no header with {titles}\n{terminal.dump()}")


def cells(terminal: TerminalSession, row: int, first: int, end: int) -> str:
    """What stands in these cells, a wide character's second cell left out."""
    return "".join(terminal.cell(row, column).char for column in range(first, end))


def rows_where(terminal: TerminalSession, header: int, is_row: Callable[[str], bool]) -> list[int]:
    """The rows below the header that are rows of the table."""
    lines = terminal.lines()
    return [number for number in range(header + 1, len(lines)) if is_row(lines[number])]
