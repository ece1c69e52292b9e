"""TLS apart from its socket, so that one thread may read while another sends; imports ssl, which is slow."""

from __future__ import annotations

import contextlib
import ssl
import threading

from tui.backends.docker.endpoint import TlsFiles

_READ_BYTES = 64 << 10


def context_of(files: TlsFiles) -> ssl.SSLContext:
    """What an endpoint's files mean. Raises OSError where one can't be read."""
    context = ssl.create_default_context(cafile=files.ca)
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.certificate:
        context.load_cert_chain(files.certificate, files.key)
    return context


class TlsLayer:
    """Turns plain bytes into records and back; what goes over the wire is the owner's business.

    OpenSSL lets no two threads into one connection, and a thread that waits in it would keep the other out.
    """

    def __init__(self, files: TlsFiles, host: str) -> None:
        """Args: files of the endpoint, and the name that its certificate must hold. Raises OSError."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._object = context_of(files).wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._lock = threading.Lock()
        self._plain = bytearray()

    def shake_hands(self) -> tuple[bytes, bool]:
        """One step of the handshake: what to send now, and whether it is done. Raises ssl.SSLError."""
        with self._lock:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return self._outgoing.read(), False
            return self._outgoing.read(), True

    def encrypt(self, data: bytes) -> bytes:
        """What to send for these bytes. Raises ssl.SSLError."""
        with self._lock:
            self._object.write(data)
            return self._outgoing.read()

    def end(self) -> bytes:
        """What to send to say that no more comes; what the other side sends can still be read.

        Raises:
            ssl.SSLError: the connection is broken.
        """
        with self._lock:
            # OpenSSL's second step would trip over data that waits: it is taken out first
            while block := self._read(_READ_BYTES):
                self._plain += block
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):
                self._object.unwrap()
            return self._outgoing.read()

    def decrypt(self, most_bytes: int) -> bytes | None:
        """Plain bytes that came; b"" at the end, None where more has to be fed. Raises ssl.SSLError."""
        with self._lock:
            if self._plain:
                taken = bytes(self._plain[:most_bytes])
                del self._plain[:most_bytes]
                return taken
            # an answer to a change of keys waits in the BIO: it goes out in front of what is sent next
            return self._read(most_bytes)

    def feed(self, block: bytes) -> None:
        """What came over the wire; b"" for its end."""
        with self._lock:
            if block:
                self._incoming.write(block)
            else:
                self._incoming.write_eof()

    def _read(self, most_bytes: int) -> bytes | None:
        try:
            return self._object.read(most_bytes)
        except ssl.SSLWantReadError:
            return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
