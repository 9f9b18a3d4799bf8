"""A web server on 127.0.0.1 that misbehaves as it is told."""

import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What the server has under one path, and its faults.

    ranges: answers a Range. breaks: after how many bytes the next connections are cut, one entry a
    connection. pause: seconds before each hundredth. location: redirects there.
    """

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    ranges: bool = True
    breaks: list = field(default_factory=list)
    pause: float = 0
    location: str | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        page = server.pages.get(self.path, Page(b"<html>no</html>", 404))
        status, body = page.status, page.body
        headers = {"Content-Type": "application/octet-stream", "ETag": '"one"'}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if page.location:
            status, headers["Location"] = 302, page.location
        elif asked and page.ranges:
            start = int(asked[1])
            status = 206 if start < len(body) else 416
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            body = body[start:]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": len(body)} | page.headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.send_body(body, page)

    def send_body(self, body, page):
        if page.breaks:
            body = body[: page.breaks.pop(0)]
        size = len(body) // 100 + 1 if page.pause else len(body) or 1
        for at in range(0, len(body), size):
            time.sleep(page.pause)
            try:
                self.wfile.write(body[at : at + size])
            except OSError:  # the client has gone
                return


@contextmanager
def web_server():
    """Run a server with `pages`, `requests` and `address`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.block_on_close = False
    server.pages, server.requests = {}, []
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refuse_other_hosts(monkeypatch):
    """Let no test reach another machine, by name, by address or through a proxy."""
    find = socket.getaddrinfo

    def local_only(host, *args, **options):
        if host != "127.0.0.1":
            raise AssertionError(f"a test wants to reach {host}")
        return find(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
