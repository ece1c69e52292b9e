"""What answers on a published port: whether it speaks HTTP, which program it is, whom it lets in."""

from __future__ import annotations

import html
import http.client
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tui.backends.deadline import Deadline
from tui.backends.docker.timed import timed_response
from tui.model.services import Address, Announcement, Finding, ServiceKind, base_of, jupyter_title

#: For all that one port is asked: what is on this machine or near it answers in milliseconds.
PROBE_SECONDS = 1.0

# Titles and marks stand at the beginning of a page.
_MOST_BYTES = 64 << 10
_BLOCK_BYTES = 16 << 10
# "/" leads to a front end, that to a login.
_MOST_REDIRECTS = 3
_LONGEST_TITLE = 200
_MODELS_PATH = "/v1/models"
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
# Every answer of a Jupyter since notebook 4 names itself and its base path here, also its refusals.
_JUPYTER_POLICY = re.compile(r"report-uri (/(?:[A-Za-z0-9._~%/+@:=,-]*/)?)api/security/csp-report")
_JUPYTER_PAGE = re.compile(
    r"jupyter-config-data|data-jupyter-api-token|<title[^>]*>\s*Jupyter", re.IGNORECASE
)
_TENSORBOARD_PAGE = re.compile(r'name="tb-relative-root"|<title[^>]*>\s*TensorBoard', re.IGNORECASE)
# What servers that speak TLS say to a request in clear text: Go, nginx, Apache, Node.
_WANTS_TLS = re.compile(rb"HTTP request to an HTTPS|sent to (?:an )?HTTPS|speaking plain HTTP", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Page:
    path: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def title(self) -> str:
        found = _TITLE.search(self.text)
        return " ".join(html.unescape(found[1]).split())[:_LONGEST_TITLE] if found else ""


def probe(
    address: Address, told: Announcement | None = None, seconds: float = PROBE_SECONDS
) -> Finding | None:
    """What answers at an address; None where nothing does, or not in HTTP.

    Nothing but GET is sent, and no token; redirects to another place are not followed.

    Args:
        address: where to ask.
        told: what its program says of it.
        seconds: for everything.
    """
    path, is_secure = (told.path, told.is_secure) if told is not None else ("/", False)
    visit = _Visit(address, is_secure, Deadline(seconds))
    try:
        page = visit.front_page(path)
    except _NoHttp:
        if is_secure:
            return None
        visit.is_secure = True
        try:
            page = visit.front_page(path)
        except _NoHttp:
            return None
    return _jupyter(visit, page, told) or _tensorboard(visit, page) or _anything(visit, page)


class _NoHttp(Exception):
    """Nothing answers, or in another language."""


class _Visit:
    """GET requests to one address until one deadline, each over a connection of its own."""

    def __init__(self, address: Address, is_secure: bool, deadline: Deadline) -> None:
        self.is_secure = is_secure
        self._address = address
        self._deadline = deadline

    def front_page(self, path: str) -> _Page:
        """What a path leads to. Raises _NoHttp."""
        page = self.get(path)
        if not self.is_secure and page.status == 400 and _WANTS_TLS.search(page.body):
            raise _NoHttp
        for _ in range(_MOST_REDIRECTS):
            onward = self._redirected(page)
            if onward is None:
                break
            try:
                page = self.get(onward)
            except _NoHttp:
                # it spoke HTTP; what it leads to came too late or broke off
                break
        return page

    def get(self, path: str) -> _Page:
        """One page, or the beginning of it. Raises _NoHttp."""
        if self._deadline.passed:
            raise _NoHttp
        connection = self._connection()
        connection.response_class = timed_response(self._deadline)
        try:
            connection.request(
                "GET", path, headers={"User-Agent": "envtui", "Accept": "text/html, */*;q=0.1"}
            )
            with connection.getresponse() as response:
                headers = {name.lower(): value for name, value in response.getheaders()}
                return _Page(path, response.status, headers, _beginning(response))
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise _NoHttp from error
        finally:
            connection.close()

    def get_json(self, path: str) -> tuple[int, Any]:
        """Status and content of a page, None for a content that is no JSON. Raises _NoHttp."""
        page = self.get(path)
        try:
            return page.status, json.loads(page.body)
        except (ValueError, RecursionError):
            return page.status, None

    def _connection(self) -> http.client.HTTPConnection:
        host, port, seconds = self._address.host, self._address.port, self._deadline.remaining()
        if not self.is_secure:
            return http.client.HTTPConnection(host, port, timeout=seconds)
        # nothing secret is sent, and whose certificate it is the browser will look at
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)

    def _redirected(self, page: _Page) -> str | None:
        """The path on the same server that a page leads to, None for none or elsewhere."""
        location = page.headers.get("location", "")
        if not 300 <= page.status < 400 or not location.isascii() or not location.isprintable():
            return None
        try:
            parts = urlsplit(location)
            is_here = not parts.netloc or (parts.hostname, parts.port) == (
                self._address.host,
                self._address.port,
            )
        except ValueError:
            return None
        if not is_here or " " in location:
            return None
        path = parts.path if parts.path.startswith("/") else f"{page.path.rpartition('/')[0]}/{parts.path}"
        return f"{path}?{parts.query}" if parts.query else path


def _beginning(response: http.client.HTTPResponse) -> bytes:
    """At most so much of a page; one that comes too slowly is as long as it came."""
    body = bytearray()
    try:
        while len(body) < _MOST_BYTES and (block := response.read1(_BLOCK_BYTES)):
            body += block
    except (OSError, http.client.HTTPException):
        # its head said that it is HTTP, and the beginning is enough to know more
        pass
    return bytes(body[:_MOST_BYTES])


def _jupyter(visit: _Visit, page: _Page, told: Announcement | None) -> Finding | None:
    is_told = told is not None and told.kind is ServiceKind.JUPYTER
    policy = _JUPYTER_POLICY.search(page.headers.get("content-security-policy", ""))
    if policy is None and not is_told and not _JUPYTER_PAGE.search(page.text):
        return None
    # people who show it in a frame set a policy of their own
    base = policy[1] if policy is not None else base_of(told.path) if told is not None else "/"
    try:
        status, told = visit.get_json(f"{base}api/status")
    except _NoHttp:
        is_open = None
    else:
        # a hub sends those who are not known to its own login
        is_refused = status in (401, 403) or 300 <= status < 400
        is_open = True if status == 200 and _is_status(told) else False if is_refused else None
    title = page.title if page.title.startswith("Jupyter") else jupyter_title(page.path.partition("?")[0])
    return Finding(ServiceKind.JUPYTER, title, base, is_open, visit.is_secure)


def _is_status(told: Any) -> bool:
    return isinstance(told, dict) and "kernels" in told


def _tensorboard(visit: _Visit, page: _Page) -> Finding | None:
    if not _TENSORBOARD_PAGE.search(page.text):
        return None
    folder = page.path.partition("?")[0].rpartition("/")[0] + "/"
    try:
        _, told = visit.get_json(f"{folder}data/environment")
    except _NoHttp:
        told = None
    environment = told if isinstance(told, dict) else {}
    title = str(environment.get("window_title") or "TensorBoard")[:_LONGEST_TITLE]
    place = str(environment.get("data_location") or "")[:_LONGEST_TITLE]
    return Finding(ServiceKind.TENSORBOARD, title, folder, None, visit.is_secure, place)


def _anything(visit: _Visit, page: _Page) -> Finding:
    """Whatever it is: by its page's title, its models, or the name that its server gives itself."""
    server = page.headers.get("server", "")[:_LONGEST_TITLE] or "HTTP"
    if page.status == 404:
        models = _models(visit, server)
        if models is not None:
            return models
    is_open = False if page.status == 401 else None
    note = "" if page.status < 400 else f"answers {page.status} {http.client.responses.get(page.status, '')}"
    title = (page.title if page.status < 400 else "") or server
    return Finding(ServiceKind.HTTP, title, "/", is_open, visit.is_secure, note.rstrip())


def _models(visit: _Visit, server: str) -> Finding | None:
    """A server of models has no front page but this list (OpenAI's API: vLLM, SGLang, llama.cpp)."""
    try:
        status, told = visit.get_json(_MODELS_PATH)
    except _NoHttp:
        return None
    if status == 401:
        return Finding(ServiceKind.HTTP, server, _MODELS_PATH, False, visit.is_secure, "asks for a key")
    models = told.get("data") if isinstance(told, dict) else None
    first = models[0] if isinstance(models, list) and models else None
    if not isinstance(first, dict) or "id" not in first:
        return None
    words = " ".join(str(first[key]) for key in ("owned_by", "id") if first.get(key))
    return Finding(ServiceKind.HTTP, words[:_LONGEST_TITLE], _MODELS_PATH, None, visit.is_secure)
