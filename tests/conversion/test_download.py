"""Whatever a server does, the file is complete and right, or there is a reason in one line."""

import hashlib
import sys

import pytest

from openpose_keras.conversion.catalogue import Source
from openpose_keras.conversion.fetch import download
from openpose_keras.core.errors import DownloadError
from tests.helpers.web import Page

pytestmark = pytest.mark.network
PIECE = 1 << 19  # what gdown keeps is a multiple of this
BODY = bytes(range(256)) * (3 * PIECE // 256)
MD5 = hashlib.md5(BODY).hexdigest()


@pytest.fixture
def get(server, tmp_path):
    """Serve a page, download it and return the bytes."""

    def get(page=None, address=f"{server.address}/file", checksum=MD5):
        if page:
            server.pages["/file"] = page
        path = tmp_path / "file"
        download(Source(address, "file", checksum), path)
        assert list(tmp_path.iterdir()) == [path]
        return path.read_bytes()

    return get


def ranges(server):
    """What each request asked for."""
    return [headers.get("Range") for _, headers in server.requests]


def test_file_comes_complete(get, server):
    assert get(Page(BODY)) == BODY
    assert ranges(server) == [None]


def test_file_that_is_there_with_the_right_checksum_is_not_requested(get, server):
    assert get(Page(BODY)) == get() == BODY
    assert len(server.requests) == 1


def test_broken_connection_is_continued_where_it_broke(get, server):
    assert get(Page(BODY, breaks=[PIECE + 700, PIECE + 600])) == BODY
    assert ranges(server) == [None, f"bytes={PIECE}-", f"bytes={2 * PIECE}-"]


def test_part_of_an_earlier_call_is_continued(get, server, tmp_path):
    with pytest.raises(
        DownloadError,
        match=f"incomplete: received {PIECE} bytes but the server announced {3 * PIECE} bytes$",
    ):
        get(Page(BODY, breaks=[PIECE + 700, 0, 0, 0]))
    (part,) = tmp_path.iterdir()
    assert part.stat().st_size == PIECE
    assert get() == BODY
    assert ranges(server)[-1] == f"bytes={PIECE}-"


def test_server_without_ranges_starts_from_the_beginning(get, server):
    assert get(Page(BODY, ranges=False, breaks=[PIECE + 700])) == BODY
    assert ranges(server)[-1] is None


@pytest.mark.parametrize("part", [b"other bytes", BODY], ids=["other", "complete"])
def test_part_that_does_not_fit_is_no_dead_end(get, tmp_path, part):
    (tmp_path / "file12345678.part").write_bytes(part)
    (tmp_path / "file").write_bytes(b"damaged meanwhile")
    assert get(Page(BODY)) == BODY


def test_without_a_checksum_nothing_is_continued(get, server, tmp_path):
    (tmp_path / "file12345678.part").write_bytes(b"other bytes")
    assert get(Page(BODY), checksum=None) == BODY
    assert ranges(server) == [None]


@pytest.mark.parametrize(
    ("page", "facts", "reason"),
    [
        (Page(b"no", 404), {}, "404"),
        (Page(b"no", 503), {}, "503"),
        (Page(b"bad"), {}, f"wrong checksum: expected {MD5}, got MD5"),
        (Page(BODY), {"checksum": "0" * 64}, "wrong checksum: expected 0"),
        (Page(location="/file"), {}, "redirects"),
        (Page(location="file:///etc/passwd"), {}, "file:///etc/passwd"),
        (Page(), {"address": "http://127.0.0.1:9/closed"}, "refused"),
    ],
)
def test_failure_is_a_reason_in_one_line(get, tmp_path, page, facts, reason):
    with pytest.raises(DownloadError) as caught:
        get(page, **facts)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_silent_server_is_given_up_after_the_timeout(get, monkeypatch):
    monkeypatch.setattr("openpose_keras.conversion.fetch._RETRIES", 0)
    monkeypatch.setattr("openpose_keras.conversion.fetch._SECONDS", 0.1)
    with pytest.raises(DownloadError, match="timed out"):
        get(Page(BODY, pause=1))


def test_reason_of_google_drive_is_passed_on(get, server, monkeypatch):
    """The page itself is read by gdown, from an address that it knows as Google Drive's."""
    quota = b'<p class="uc-error-subcaption">Too many users have viewed this file</p>'
    server.pages["/uc?id=some-id"] = Page(quota, headers={"Content-Type": "text/html"})
    session = sys.modules["gdown.download"].requests.Session
    ask = session.get
    monkeypatch.setattr(
        session,
        "get",
        lambda self, url, **o: ask(
            self, url.replace("https://drive.google.com", server.address), **o
        ),
    )
    with pytest.raises(DownloadError, match="Too many users have viewed this file"):
        get(address="https://drive.google.com/file/d/some-id/view", checksum=None)


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_bar_is_shown_in_a_terminal(get, monkeypatch, capsys, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    get(Page(BODY))
    assert ("1.57M/1.57M" in capsys.readouterr().err) is terminal
