"""A web server on loopback that misbehaves on purpose, one way for each path."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Behaviour = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing the server waits for its threads

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviours: dict[str, Behaviour] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.closing = threading.Event()

    def on(self, path: str, behaviour: Behaviour) -> str:
        """Behave like this on ``path``; returns its address."""
        self.behaviours[path] = behaviour
        return f"http://127.0.0.1:{self.server_port}{path}"

    def ranges(self) -> list[str | None]:
        """The Range header of each request so far."""
        return [headers.get("Range") for _, headers in self.requests]


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        self.server.requests.append((self.path, dict(self.headers.items())))
        # The client may hang up: that is what many of the tests are about.
        with contextlib.suppress(ConnectionError):
            self.server.behaviours[self.path](self)

    def answer(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Connection", "close")
        self.end_headers()

    def offset(self) -> int:
        return int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextlib.contextmanager
def running() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            server.shutdown()
            thread.join()


def well(body: bytes, etag: str | None = '"1"') -> Behaviour:
    """As a good server does: ranges, If-Range, ETag."""

    def behave(handler: Handler) -> None:
        headers = {"ETag": etag} if etag else {}
        offset = handler.offset()
        if handler.headers.get("If-Range") not in (None, etag):
            offset = 0
        if offset >= len(body):
            handler.answer(416, 0, Content_Range=f"bytes */{len(body)}")
        elif offset:
            content_range = f"bytes {offset}-{len(body) - 1}/{len(body)}"
            handler.answer(206, len(body) - offset, Content_Range=content_range, **headers)
            handler.wfile.write(body[offset:])
        else:
            handler.answer(200, len(body), **headers)
            handler.wfile.write(body)

    return behave


def status(code: int, **headers: str) -> Behaviour:
    return lambda handler: handler.answer(code, 0, **headers)


def whole(body: bytes, length: int | None, code: int = 200, **headers: str) -> Behaviour:
    """Send all of ``body``, whatever was asked, and say it is ``length`` bytes long."""

    def behave(handler: Handler) -> None:
        handler.answer(code, length, **headers)
        handler.wfile.write(body)

    return behave


def cut_off(body: bytes, pieces: int, etag: str | None = '"1"', ranges: bool = True) -> Behaviour:
    """Hang up after every ``len(body) / pieces`` bytes; without ``ranges`` always from the start."""
    step = -(-len(body) // pieces)

    def behave(handler: Handler) -> None:
        offset = handler.offset() if ranges else 0
        headers = {"ETag": etag} if etag else {}
        if offset:
            headers["Content_Range"] = f"bytes {offset}-{len(body) - 1}/{len(body)}"
        handler.answer(206 if offset else 200, len(body) - offset, **headers)
        handler.wfile.write(body[offset : offset + step])

    return behave


def drip(body: bytes, seconds: float, code: int = 200, **headers: str) -> Behaviour:
    """Send a byte at a time, without end."""

    def behave(handler: Handler) -> None:
        handler.answer(code, 1 << 20, **headers)
        for i in range(1 << 20):
            handler.wfile.write(body[i % len(body) :][:1])
            if handler.server.closing.wait(seconds):
                return

    return behave


def silence(handler: Handler) -> None:
    """Never answer."""
    handler.server.closing.wait(30)


def babble(handler: Handler) -> None:
    """Answer, but not in HTTP."""
    handler.wfile.write(b"220 ftp.example.org ready\r\n\r\n")


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One behaviour for each request; the last one for all that follow."""
    left = list(behaviours)
    return lambda handler: (left.pop(0) if len(left) > 1 else left[0])(handler)
