"""A registry of images on this machine, just big enough that an engine can push to it and gets digests."""

from __future__ import annotations

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

_BLOB = re.compile(r"/v2/(?P<name>.+)/blobs/(?P<digest>sha256:[0-9a-f]{64})$")
_UPLOAD = re.compile(r"/v2/(?P<name>.+)/blobs/uploads/(?P<id>\w*)$")
_MANIFEST = re.compile(r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)$")


class Registry:
    """Takes what is pushed (OCI distribution specification, push and pull), and keeps it in memory.

    Attributes:
        address: what stands before a repository's name.
    """

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="registry", daemon=True)

    def __enter__(self) -> Self:
        self._server.content = {}  # type: ignore[attr-defined]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    @property
    def _content(self) -> dict[str, tuple[str, bytes]]:
        """Type and bytes by digest, by `name:reference`, and by the id of an upload."""
        content: dict[str, tuple[str, bytes]] = self.server.content  # type: ignore[attr-defined]
        return content

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/v2/":
            self._answer(200)
            return
        found = _BLOB.match(path)
        named = _MANIFEST.match(path)
        key = found["digest"] if found else f"{named['name']}:{named['reference']}" if named else ""
        kept = self._content.get(key)
        self._answer(404) if kept is None else self._answer(200, kept[1], {"Content-Type": kept[0]})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self._body()
        self._uploading(_UPLOAD.match(self.path.partition("?")[0]), f"u{len(self._content)}")

    def do_PATCH(self) -> None:
        found = _UPLOAD.match(self.path.partition("?")[0])
        key = found["id"] if found else ""
        before = self._content.get(key, ("", b""))[1]
        self._content[key] = ("", before + self._body())
        self._uploading(found, key)

    def do_PUT(self) -> None:
        path = self.path.partition("?")[0]
        body = self._body()
        named, found = _MANIFEST.match(path), _UPLOAD.match(path)
        if found:
            body = self._content.pop(found["id"], ("", b""))[1] + body
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        kind = self.headers.get("Content-Type") if named else ""
        self._content[digest] = (kind or "application/octet-stream", body)
        if named:
            for reference in (named["reference"], digest):
                self._content[f"{named['name']}:{reference}"] = self._content[digest]
        self._answer(201, headers={"Docker-Content-Digest": digest, "Location": path})

    def _uploading(self, found: re.Match[str] | None, key: str) -> None:
        if found is None:
            self._answer(404)
            return
        size = len(self._content.setdefault(key, ("", b""))[1])
        where = {"Location": f"/v2/{found['name']}/blobs/uploads/{key}", "Range": f"0-{max(0, size - 1)}"}
        self._answer(202, headers=where)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body and "Docker-Content-Digest" not in (headers or {}):
            self.send_header("Docker-Content-Digest", f"sha256:{hashlib.sha256(body).hexdigest()}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
