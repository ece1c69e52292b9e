"""An SSH agent with one security key (sk-ssh-ed25519@openssh.com) made of software: it counts its touches.

PROTOCOL.u2f of OpenSSH says what such a key signs, draft-ietf-sshm-ssh-agent how an agent is asked.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import socket
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tui.backends.ssh.wire import string, strings

KIND, APPLICATION = b"sk-ssh-ed25519@openssh.com", b"ssh:"
LIST, LISTED, SIGN, SIGNED, FAILED = 11, 12, 13, 14, 5
USER_WAS_PRESENT = b"\x01"
WAIT_SECONDS = 30.0


class SecurityKeyAgent:
    """Answers while it is entered."""

    def __init__(self, path: Path, signs: bool = True, silent_at: str = "") -> None:
        """Args: its socket; whether it signs; "listing" or "signing" for a question without an answer."""
        self.path = str(path)
        self.touches = 0
        self._signs, self._silent_at = signs, silent_at
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.blob = string(KIND) + string(public) + string(APPLICATION)
        self._listener = socket.socket(socket.AF_UNIX)
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="security-key", daemon=True)]

    @property
    def public_line(self) -> str:
        return f"{KIND.decode()} {base64.b64encode(self.blob).decode()} device\n"

    def write_stub(self, path: Path) -> Path:
        """The file that ssh-keygen would have written for it: a handle in place of a private key."""
        check = os.urandom(4)
        private = check + check + self.blob + b"\x01" + string(b"handle") + string(b"") + string(b"device")
        private += bytes(range(1, 1 + -len(private) % 8))
        head = b"openssh-key-v1\0" + string(b"none") + string(b"none") + string(b"") + b"\0\0\0\x01"
        text = base64.encodebytes(head + string(self.blob) + string(private)).decode()
        path.write_text(f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}-----END OPENSSH PRIVATE KEY-----\n")
        path.chmod(0o600)
        return path

    def __enter__(self) -> Self:
        self._listener.bind(self.path)
        self._listener.listen()
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # close() alone does not wake up a thread that waits
        for each in (self._listener, *self._connections):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_SECONDS)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(
                target=self._serve, args=(connection,), name="security-key", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            while True:
                try:
                    request = file.read(int.from_bytes(file.read(4), "big"))
                    if not request:
                        return
                    answer = self._answer(request)
                    if answer:
                        connection.sendall(string(answer))
                except OSError:
                    return

    def _answer(self, request: bytes) -> bytes:
        step = {LIST: "listing", SIGN: "signing"}.get(request[0], "")
        if step == self._silent_at:
            return b""
        if step == "listing":
            return bytes([LISTED]) + b"\0\0\0\x01" + string(self.blob) + string(b"device")
        if step != "signing" or not self._signs:
            return bytes([FAILED])
        self.touches += 1
        _blob, data = strings(request[1:], 2)
        counter = self.touches.to_bytes(4, "big")
        digests = (hashlib.sha256(each).digest() for each in (APPLICATION, data))
        signed = self._key.sign(next(digests) + USER_WAS_PRESENT + counter + next(digests))
        return bytes([SIGNED]) + string(string(KIND) + string(signed) + USER_WAS_PRESENT + counter)
