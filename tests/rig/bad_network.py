"""A network that stalls, resets or cuts: a relay on loopback between a client and a server."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading

# A thread that waits in recv() keeps its socket alive, and no reset goes out: it looks up this often.
_LOOK_SECONDS = 0.05


class BadNetwork:
    """Relays 127.0.0.1:port to a port of this machine, until told to misbehave."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._flows = threading.Event()
        self._flows.set()
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, name="bad-network", daemon=True).start()

    def stall(self) -> None:
        """A cable is pulled: nothing goes through, nobody is told."""
        self._flows.clear()

    def resume(self) -> None:
        """It is plugged in again."""
        self._flows.set()

    def reset(self) -> None:
        """Somebody on the way has forgotten the connections: both ends get a reset."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for sock in pair:
                _reset(sock)

    def close(self) -> None:
        """No more of it."""
        with contextlib.suppress(OSError):
            self._listener.close()
        self._flows.set()
        self.reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            with self._lock:
                self._pairs.append((client, server))
            for ends in ((client, server), (server, client)):
                threading.Thread(target=self._relay, args=ends, name="bad-network-way", daemon=True).start()

    def _relay(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while True:
                while not select.select([source], [], [], _LOOK_SECONDS)[0]:
                    continue
                data = source.recv(65536)
                self._flows.wait()
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
        except (OSError, ValueError):
            return

    def __enter__(self) -> BadNetwork:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _reset(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
