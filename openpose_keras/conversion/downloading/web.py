"""What a download needs of HTTP: opening, and reading the headers that matter."""

import contextlib
import errno
import html
import http.client
import re
import socket
import urllib.request
from typing import IO
from urllib.error import URLError
from urllib.parse import urlsplit

from openpose_keras.core.errors import DownloadError

USER_AGENT = "openpose-keras (fetch; Python urllib)"
_PAGE_STARTS = (b"<!doctype", b"<html", b"<?xml", b"<head")
_MOST_OF_A_PAGE = 1 << 16


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but not from https to what anybody on the way could change."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Give the next request."""
        schemes = ("https",) if req.type == "https" else ("http", "https")
        if urlsplit(newurl).scheme not in schemes:
            raise URLError(f"it redirects to {newurl}, which is not safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_address(address: str, headers: dict[str, str], timeout: float) -> http.client.HTTPResponse:
    """Open an address; settings of a proxy in the environment are heeded.

    Args:
        address: http:// or https://.
        headers: To send beside the User-Agent; those without a value are left out.
        timeout: Seconds to wait for the server, each time.

    Returns:
        The response; the caller closes it.

    Raises:
        HTTPError: The server answers with a status of 400 or more.
        URLError: There is no connection, or no such server.
        OSError: The connection breaks.
        HTTPException: What answers does not speak HTTP.
    """
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.UnknownHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        _Redirects,
    ):
        opener.add_handler(handler())
    sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
    opener.addheaders = []
    request = urllib.request.Request(address, headers={k: v for k, v in sent.items() if v})
    return opener.open(request, timeout=timeout)


def validator(response: http.client.HTTPResponse) -> str | None:
    """Give what names this state of the server's file: a strong ETag, or else its date."""
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return response.headers.get("Last-Modified")


def content_length(response: http.client.HTTPResponse) -> int | None:
    """Give the size of the body, if the server says one."""
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def content_range(response: http.client.HTTPResponse) -> tuple[int | None, int | None]:
    """Give where the body begins in the file, and the file's size; None for what isn't said."""
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if not match:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def refuse_page(response: http.client.HTTPResponse) -> None:
    """Raise for a web page where a file was expected.

    Raises:
        DownloadError: With what the page says: a quota that is used up, a log-in.
    """
    if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
        text = b""
        with contextlib.suppress(OSError, http.client.HTTPException):
            text = response.read(_MOST_OF_A_PAGE)
        refuse_page_text(text, certainly=True)


def refuse_page_text(data: bytes, *, certainly: bool = False) -> None:
    """Raise for bytes that are the beginning of a web page.

    Args:
        data: The first bytes of a file.
        certainly: The server has said that it is one.

    Raises:
        DownloadError: With the page's title or what Google Drive says on it.
    """
    start = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not certainly and not start[:16].lower().startswith(_PAGE_STARTS):
        return
    text = start[:_MOST_OF_A_PAGE].decode("utf-8", "replace")
    for pattern in (r'class="uc-error-subcaption">(.*?)</p>', r"<title[^>]*>(.*?)</title>"):
        match = re.search(pattern, text, re.DOTALL | re.IGNORECASE)
        said = " ".join(html.unescape(re.sub(r"<[^>]+>", "", match[1])).split()) if match else ""
        if said:
            raise DownloadError(f"a web page instead of the file: {said[:200]!r}")
    raise DownloadError("a web page instead of the file")


def is_no_space(error: BaseException) -> bool:
    """Tell whether an error is that of a full disk or a used-up quota."""
    full = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
    return isinstance(error, OSError) and error.errno in full


def reason(error: BaseException) -> str:
    """Say in words why there was no connection, or why it broke."""
    if isinstance(error, URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "no such server, or no network"
    if isinstance(error, ConnectionRefusedError):
        return "the server refuses the connection"
    if isinstance(error, (http.client.IncompleteRead, ConnectionError)):
        return "the connection broke"
    text = error.reason if isinstance(error, URLError) else getattr(error, "strerror", None)
    return " ".join(str(text or error).split()) or type(error).__name__
