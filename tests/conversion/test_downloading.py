"""One address to one file: whatever a server does, the file is whole or there is a reason."""

import errno
import shutil
import ssl
from collections import namedtuple
from email.utils import formatdate
from urllib.error import URLError

import pytest

from openpose_keras.conversion import downloading
from openpose_keras.conversion.downloading import discard, download, web
from openpose_keras.core.errors import DownloadError, NoSpaceError
from tests.helpers.web import Page, refuse_other_hosts, web_server

BODY = bytes(range(256)) * 8
DATE = formatdate(0, usegmt=True)


@pytest.fixture
def server(monkeypatch):
    refuse_other_hosts(monkeypatch)
    monkeypatch.setattr(downloading, "PAUSE", 0)
    with web_server() as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    """Serve a page, or several, download /file and give what came."""

    def get(page=None, **options):
        if page:
            server.pages["/file"] = page
        part = tmp_path / "file.part"
        options = {"timeout": 5, "progress": False} | options
        joined = download(f"{server.address}/file", part, **options)
        assert [path.name for path in tmp_path.iterdir()] == ["file.part"]
        return part.read_bytes(), joined

    return get


def ranges(server):
    """What each request asked for."""
    return [headers.get("Range") for _, headers in server.requests]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_whole(get, server):
    assert get(Page(BODY)) == (BODY, False)
    ((_, headers),) = server.requests
    assert "openpose-keras" in headers["User-Agent"]
    assert headers["Accept-Encoding"] == "identity"
    assert "Range" not in headers


@pytest.mark.parametrize("silent", [False, True])
def test_an_empty_file_is_refused(get, tmp_path, silent):
    with pytest.raises(DownloadError, match="empty"):
        get(Page(b"", silent=silent))
    assert names(tmp_path) == []


def test_a_size_that_is_not_said_is_no_hindrance(get):
    assert get(Page(BODY, silent=True)) == (BODY, False)


# --- resume


@pytest.mark.parametrize(
    "validator",
    [{"etag": '"x"'}, {"etag": None, "modified": DATE}, {"etag": 'W/"x"', "modified": DATE}],
)
def test_a_broken_connection_is_taken_up_where_it_broke(get, server, validator):
    assert get(Page(BODY, breaks=[700, 600], **validator)) == (BODY, True)
    assert ranges(server) == [None, "bytes=700-", "bytes=1300-"]
    expected = validator.get("modified") or validator["etag"]
    assert [headers.get("If-Range") for _, headers in server.requests[1:]] == [expected] * 2


def test_what_an_earlier_process_left_is_taken_up(get, server, tmp_path, monkeypatch):
    monkeypatch.setattr(downloading, "FRUITLESS", 1)
    server.pages["/file"] = page = Page(BODY, breaks=[700, 0])
    with pytest.raises(DownloadError, match="the connection ended after 700 of 2048"):
        get()
    assert names(tmp_path) == ["file.part", "file.part.json"]
    assert not page.breaks
    assert get() == (BODY, True)
    assert ranges(server)[2:] == ["bytes=700-"]


def test_a_whole_file_that_was_not_taken_away_is_not_asked_for_again(get, server, tmp_path):
    server.pages["/file"] = Page(BODY, breaks=[700, 0, 0, 0])
    with pytest.raises(DownloadError):
        get()
    asked = len(server.requests)
    (tmp_path / "file.part").write_bytes(BODY)
    assert get()[0] == BODY
    assert len(server.requests) == asked


def test_a_server_without_ranges_starts_from_the_beginning(get, server):
    assert get(Page(BODY, ranges=False, breaks=[700])) == (BODY, False)
    assert ranges(server) == [None, "bytes=700-"]


def test_without_a_validator_nothing_is_put_together(get, server):
    assert get(Page(BODY, etag=None, breaks=[700])) == (BODY, False)
    assert ranges(server) == [None, None]


def test_a_file_that_changed_meanwhile_is_not_put_together(get, server, tmp_path):
    server.pages["/file"] = Page(b"old" * 500, breaks=[700, 0, 0, 0])
    with pytest.raises(DownloadError):
        get()
    assert get(Page(BODY, etag='"two"')) == (BODY, False)


def test_a_server_that_heeds_no_if_range_is_found_out(get, server):
    """It sends the rest of another file: its ETag tells."""

    class Careless(Page):
        etags = iter(['"one"', '"two"', '"two"'])

        @property
        def headers(self):
            return {"ETag": next(self.etags)}

        @headers.setter
        def headers(self, value):
            pass

    assert get(Careless(BODY, breaks=[700])) == (BODY, False)
    assert ranges(server) == [None, "bytes=700-", None]


@pytest.mark.parametrize("shift", [1, -1])
def test_a_part_from_another_place_is_thrown_away(get, server, shift):
    assert get(Page(BODY, wrong_range=shift, breaks=[700])) == (BODY, False)
    assert ranges(server) == [None, "bytes=700-", None]


@pytest.mark.parametrize("text", ["", "bytes 700-2047", "pages 1-2/3", "bytes 700-2047/4096"])
def test_a_part_of_who_knows_what_is_thrown_away(get, server, text):
    assert get(Page(BODY, breaks=[700], content_range=text)) == (BODY, False)
    assert ranges(server) == [None, "bytes=700-", None]


def test_bytes_of_another_address_are_not_mixed_in(get, server, tmp_path):
    server.pages["/other"] = Page(b"x" * 2048, breaks=[700, 0, 0, 0])
    with pytest.raises(DownloadError):
        download(f"{server.address}/other", tmp_path / "file.part", progress=False)
    assert get(Page(BODY)) == (BODY, False)


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"address": 3}', '{"address": "x", "more": 1}'])
def test_a_damaged_note_is_no_note(get, server, tmp_path, note):
    (tmp_path / "file.part").write_bytes(b"who knows what")
    (tmp_path / "file.part.json").write_text(note)
    assert get(Page(BODY)) == (BODY, False)


def test_a_part_longer_than_the_file_is_thrown_away(get, server, tmp_path):
    server.pages["/file"] = Page(BODY, breaks=[700, 0, 0, 0])
    with pytest.raises(DownloadError):
        get()
    (tmp_path / "file.part").write_bytes(BODY + b"more")
    assert get() == (BODY, False)


def test_a_server_that_lost_the_rest_starts_again(get, server, tmp_path):
    page = Page(BODY, silent=True, breaks=[700, 0, 0, 0])
    server.pages["/file"] = page
    assert get()[0] == BODY[:700]  # the server did not say how much there is
    (tmp_path / "file.part").unlink()
    page.silent, page.breaks = False, [700, 0, 0, 0]
    with pytest.raises(DownloadError):
        get()
    page.body = BODY[:500]
    assert get() == (BODY[:500], False)


def test_a_connection_that_always_breaks_at_the_same_place_is_given_up(get, server):
    with pytest.raises(DownloadError, match="3 times in a row"):
        get(Page(BODY, ranges=False, breaks=[700] * 9))
    assert len(server.requests) == 4


# --- refusals


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_refusal_is_told_with_its_number(get, server, tmp_path, status):
    with pytest.raises(DownloadError, match=f"the server answers {status}"):
        get(Page(b"no", status))
    assert names(tmp_path) == []
    assert len(server.requests) == 1


QUOTA = b"""<!DOCTYPE html><html><head><title>Google Drive - Quota exceeded</title></head><body>
<p class="uc-error-caption">Sorry</p><p class="uc-error-subcaption">Too many users have
<b>viewed</b> this file &amp; more</p></body></html>"""


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/octet-stream"])
@pytest.mark.parametrize(
    ("page", "says"),
    [
        (QUOTA, "Too many users have viewed this file & more"),
        (b"\n <html><TITLE>Log\n in</TITLE>", "Log in"),
        (b"<html></html>", "a web page instead of the file$"),
        (b"\xef\xbb\xbf<!doctype html>\xff\xfe<title></title>", "a web page instead of the file$"),
    ],
)
def test_a_web_page_is_no_file(get, tmp_path, kind, page, says):
    with pytest.raises(DownloadError, match=says) as caught:
        get(Page(page, headers={"Content-Type": kind}))
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == []


def test_another_size_is_refused_at_once(get, tmp_path):
    with pytest.raises(DownloadError, match="another file: it has 2048 bytes, not 2047"):
        get(Page(BODY), size=2047)
    assert names(tmp_path) == []
    assert get(size=2048) == (BODY, False)


def test_a_size_that_is_known_is_held_against_what_comes(get):
    with pytest.raises(DownloadError, match="the server does not have the rest"):
        get(Page(BODY, silent=True), size=3000)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed_with_the_range(get, server, status):
    server.pages["/real"] = Page(BODY, breaks=[700])
    assert get(Page(location="/real", status=status)) == (BODY, True)
    assert ranges(server) == [None, None, "bytes=700-", "bytes=700-"]


def test_a_redirect_that_goes_round_ends(get):
    with pytest.raises(DownloadError, match="the server answers 302") as caught:
        get(Page(location="/file"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_to_anything_but_the_web_is_refused(get, location):
    with pytest.raises(DownloadError, match=r"not safe|not allowed"):
        get(Page(location=location))


def test_a_redirect_from_https_to_http_is_refused():
    request = web.urllib.request.Request("https://127.0.0.1/file")
    handler = web._Redirects()
    with pytest.raises(URLError, match="not safe"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://127.0.0.1/file")
    assert handler.redirect_request(request, None, 302, "Found", {}, "https://127.0.0.1/b")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_only_the_web_is_opened(tmp_path, address):
    with pytest.raises(DownloadError, match="unknown url type"):
        download(address, tmp_path / "x.part", progress=False)


def test_no_server_is_told_in_words(monkeypatch, tmp_path):
    refuse_other_hosts(monkeypatch)
    with web_server() as server:
        address = server.address
    with pytest.raises(DownloadError, match="the server refuses the connection"):
        download(f"{address}/file", tmp_path / "x.part", progress=False)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (URLError(web.socket.gaierror(-2, "Name or service not known")), "no such server"),
        (URLError(TimeoutError("timed out")), "no answer in time"),
        (ConnectionResetError(104, "reset"), "the connection broke"),
        (web.http.client.IncompleteRead(b""), "the connection broke"),
        (URLError(ssl.SSLCertVerificationError(1, "bad\n certificate")), "bad certificate"),
        (web.http.client.BadStatusLine("SSH-2.0"), "SSH-2.0"),
        (OSError(), "OSError"),
    ],
)
def test_reasons_are_words_in_one_line(error, words):
    assert words in web.reason(error)
    assert "\n" not in web.reason(error)


# --- slow


def test_a_silent_server_is_left(get):
    with pytest.raises(DownloadError, match="no answer in time"):
        get(Page(BODY, pause=2), timeout=0.1)


def test_a_dripping_server_is_left_and_what_came_is_kept(get, tmp_path):
    with pytest.raises(DownloadError, match="too slow"):
        get(Page(BODY, pause=0.03), timeout=0.2)
    assert 0 < (tmp_path / "file.part").stat().st_size < 2048
    assert get(Page(BODY)) == (BODY, True)


# --- space


def space(monkeypatch, free):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 0, free))


def test_too_little_space_is_found_before_the_long_part(get, server, tmp_path, monkeypatch):
    space(monkeypatch, 4095)
    with pytest.raises(NoSpaceError, match="not enough space in"):
        get(Page(BODY), copies=2)
    assert names(tmp_path) == []
    space(monkeypatch, 4096)
    assert get(copies=2) == (BODY, False)


def test_what_is_here_already_needs_no_space(get, server, monkeypatch):
    server.pages["/file"] = Page(BODY, breaks=[2000, 0, 0, 0])
    with pytest.raises(DownloadError):
        get()
    space(monkeypatch, 48)
    assert get() == (BODY, True)


@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, NoSpaceError), (errno.EIO, OSError)]
)
def test_a_disk_that_fills_up_meanwhile_is_told(get, monkeypatch, number, expected):
    class Full:
        name = "file.part"

        def tell(self):
            return 0

        def write(self, data):
            raise OSError(number, "no")

        def __enter__(self):
            return self

        def __exit__(self, *args):
            pass

    monkeypatch.setattr(downloading, "open", lambda *args: Full(), raising=False)
    with pytest.raises(expected):
        get(Page(BODY))


# --- the rest


def test_the_bar_goes_on_where_the_last_one_stopped(get, server, capsys):
    get(Page(BODY, breaks=[1024]), progress=True)
    error = capsys.readouterr().err
    assert "file: " in error
    assert "50%" in error
    assert "2.05k/2.05k" in error


def test_no_bar_if_none_is_wanted(get, capsys):
    get(Page(BODY))
    assert capsys.readouterr() == ("", "")


def test_discarding_nothing_is_allowed(tmp_path):
    discard(tmp_path / "no.part")
