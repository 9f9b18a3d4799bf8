"""A web server of the tests' own on 127.0.0.1, which misbehaves as it is told."""

import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """What the server has under one path, and its vices.

    body; status; headers: sent as they are, over the server's own.
    ranges: heed Range and If-Range. etag, modified: validators.
    breaks: after how many bytes the next connections are cut, one entry a connection.
    wrong_range: begin a part so many bytes too late. pause: seconds before each piece of 10 bytes.
    silent: say no Content-Length. location: redirect there. content_range: what a part says it is.
    """

    body: bytes = b""
    status: int = 200
    headers: dict = field(default_factory=dict)
    ranges: bool = True
    etag: str | None = '"one"'
    modified: str | None = None
    breaks: list = field(default_factory=list)
    wrong_range: int = 0
    pause: float = 0
    silent: bool = False
    location: str | None = None
    content_range: str | None = None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"

    def log_message(self, *args):
        pass

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, dict(self.headers)))
        page = server.pages.get(self.path, Page(b"<html>no</html>", 404))
        status, start, body = page.status, 0, page.body
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        valid = self.headers.get("If-Range") in (None, page.etag, page.modified)
        if page.location:
            status = 302 if status == 200 else status
        elif asked and page.ranges and valid:
            start = int(asked[1]) + page.wrong_range
            status = 206 if start < len(body) else 416
        self.send_response(status)
        headers = {"Content-Type": "application/octet-stream", "Location": page.location}
        headers |= {"ETag": page.etag, "Last-Modified": page.modified}
        if status == 206:
            said = f"bytes {start}-{len(body) - 1}/{len(body)}"
            headers["Content-Range"] = said if page.content_range is None else page.content_range
        body = body[start:] if status != 416 else b""
        if not page.silent:
            headers["Content-Length"] = str(len(body))
        for name, value in (headers | page.headers).items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        self.send_body(body, page)

    def send_body(self, body, page):
        if page.breaks:
            body = body[: page.breaks.pop(0)]
        size = 10 if page.pause else len(body) or 1
        for at in range(0, len(body), size):
            time.sleep(page.pause)
            try:
                self.wfile.write(body[at : at + size])
            except OSError:  # the client has gone
                return


@contextmanager
def web_server():
    """Give a running server with `pages`, `requests` and `address`."""
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
    import socket

    connect = socket.create_connection

    def local_only(address, *args, **options):
        if address[0] != "127.0.0.1":
            raise AssertionError(f"a test wants to reach {address}")
        return connect(address, *args, **options)

    monkeypatch.setattr(socket, "create_connection", local_only)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
