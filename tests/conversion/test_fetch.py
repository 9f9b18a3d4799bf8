"""From sources that fail in many ways to a complete file, or to one message."""

import hashlib
import re
import subprocess
import sys
import time

import pytest

from openpose_keras.conversion import catalogue, writers
from openpose_keras.conversion.catalogue import Source
from openpose_keras.conversion.fetch import fetch
from openpose_keras.core.errors import FetchError, LicenceError, WeightsError
from tests.helpers import ROOT
from tests.helpers.web import Page

pytestmark = pytest.mark.network
GOOD = b"good weights " * 100_000
MD5 = hashlib.md5(GOOD).hexdigest()
OFFICIAL = {"checksum": MD5}
UNKNOWN = {"file": "port.bin"}
OK = (Page(GOOD), OFFICIAL)
GONE = (Page(b"", 404), OFFICIAL)


@pytest.fixture
def sources(server, monkeypatch):
    """Let the sources of a name be pages of the server, each with facts of its `Source`."""

    def sources(*pages, name="hand"):
        table = []
        for index, (page, facts) in enumerate(pages):
            server.pages[f"/{index}"] = page
            options = {"address": f"{server.address}/{index}", "file": "official.bin"} | facts
            table.append(Source(**options))
        monkeypatch.setitem(catalogue.SOURCES, name, tuple(table))

    return sources


def convert(source, target, *, network):
    """Convert good files; write the result at once."""
    data = source.read_bytes()
    if not data.startswith(b"good"):
        raise WeightsError(f"{source} has no layers")
    target.write_bytes(data.upper())


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Fetch into an empty folder; `lines` are what was logged."""
    monkeypatch.setattr(writers, "convert_file", convert)

    def run(name="hand", *, folder=tmp_path / "to", accept_license=True):
        return fetch(name, folder=folder, accept_license=accept_license, log=run.lines.append)

    run.lines = []
    return run


def left(tmp_path):
    """The files in the folder, hidden ones too, and empty folders."""
    paths = (tmp_path / "to").rglob("*")
    return sorted(path.name for path in paths if path.is_file() or not any(path.iterdir()))


def test_first_good_source_is_checked_converted_and_stored(run, sources, server, tmp_path):
    sources(OK, GONE)
    path = run()
    assert path == tmp_path / "to" / "hand.weights.h5"
    assert path.read_bytes() == GOOD.upper()
    assert left(tmp_path) == [path.name]
    assert [asked for asked, _ in server.requests] == ["/0"]
    assert any("checksum right" in line for line in run.lines)


def test_second_call_does_nothing(run, sources, server):
    sources(OK)
    path = run()
    before = path.stat()
    assert run(accept_license=False) == path
    assert path.stat() == before
    assert len(server.requests) == 1


def test_without_the_licence_nothing_is_downloaded(run, sources, server, tmp_path):
    sources(OK)
    with pytest.raises(LicenceError, match=r"non-commercial.*accept_license=True"):
        run(accept_license=False)
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


# --- sources that fail


@pytest.mark.parametrize(
    ("page", "facts", "reason"),
    [
        (Page(b"", 404), OFFICIAL, "404"),
        (Page(b"bad weights"), OFFICIAL, "wrong checksum"),
        (Page(b"bad weights"), UNKNOWN, "has no layers"),
        (Page(GOOD), {"needs": "no_such_package"}, "no_such_package: install it first"),
    ],
)
def test_next_source_is_tried(run, sources, tmp_path, page, facts, reason):
    sources((page, facts), (Page(GOOD), OFFICIAL | {"file": "other.bin"}))
    assert run().read_bytes() == GOOD.upper()
    assert left(tmp_path) == ["hand.weights.h5"]
    assert any(reason in line for line in run.lines), run.lines


def test_one_message_tells_why_every_source_failed(run, sources, server, tmp_path):
    sources(GONE, (Page(b"bad"), OFFICIAL), (Page(b"bad"), UNKNOWN))
    with pytest.raises(FetchError) as caught:
        run()
    message = str(caught.value)
    reasons = caught.value.__cause__.exceptions
    for index, reason in enumerate(("404", "wrong checksum", "no layers")):
        assert reason in str(reasons[index])
        assert reasons[index].__notes__ == [f"{server.address}/{index}"]
        assert sum(reason in line for line in run.lines) == 1
    assert "internet" not in message
    assert (
        f"openpose-keras convert FILE --network hand --to {tmp_path / 'to' / 'hand.weights.h5'}"
        in message
    )
    assert "official.bin or port.bin" in message
    assert "'hand_lite'" in message
    assert left(tmp_path) == []
    sources(GONE, name="face")
    with pytest.raises(FetchError, match=r"convert FILE --network face --to .*face\.weights\.h5$"):
        run("face")


def test_no_answer_of_any_server_is_one_short_line_each_and_a_question(run, sources, tmp_path):
    closed = {"address": "http://127.0.0.1:9/closed"} | OFFICIAL
    sources((Page(), closed), (Page(), closed))
    with pytest.raises(FetchError, match="no server answered: is there a connection to the inter"):
        run()
    assert run.lines[1::2] == ["  no answer from 127.0.0.1: Connection refused"] * 2
    assert left(tmp_path) == []


def test_file_that_can_not_be_converted_stays(run, sources, tmp_path, monkeypatch):
    def fails(source, target, *, network):
        raise ImportError("no torch")

    sources(OK, GONE)
    monkeypatch.setattr(writers, "convert_file", fails)
    with pytest.raises(FetchError):
        run()
    assert re.search(r"no torch.*it stays: .*official\.bin", "\n".join(run.lines))
    assert left(tmp_path) == ["official.bin"]


# --- the next call continues


def test_interrupted_conversion_leaves_the_download_and_no_result(
    run, sources, server, tmp_path, monkeypatch
):
    def interrupted(source, target, *, network):
        raise KeyboardInterrupt

    sources(GONE, OK)
    with monkeypatch.context() as patch:
        patch.setattr(writers, "convert_file", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert left(tmp_path) == ["official.bin"]
    asked = len(server.requests)
    assert run().read_bytes() == GOOD.upper()
    assert len(server.requests) == asked
    assert left(tmp_path) == ["hand.weights.h5"]


SCRIPT = """
import shutil, sys
from openpose_keras.conversion import catalogue, fetch, writers
address, folder, md5 = sys.argv[1:]
writers.convert_file = lambda source, target, network: shutil.copy(source, target)
catalogue.SOURCES["face"] = (catalogue.Source(address, "face.bin", md5),)
print("ready", flush=True)
sys.stdin.readline()
fetch.fetch("face", folder=folder, accept_license=True, log=print)
"""


@pytest.fixture
def process(server, tmp_path):
    """Start processes that fetch the same file, each after a line on its stdin."""
    started = []

    def process():
        arguments = [f"{server.address}/0", str(tmp_path / "to"), MD5]
        command = [sys.executable, "-c", SCRIPT, *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        started.append(subprocess.Popen(command, text=True, cwd=ROOT, **pipes))
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield process
    for one in started:
        one.kill()
        one.communicate()


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_processes_make_one_download(process, sources, server, tmp_path):
    sources(OK, name="face")
    server.pages["/0"].pause = 0.01
    both = [process(), process()]
    for one in both:
        go(one)
    logged = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert len(server.requests) == 1
    assert sum("waiting" in text for text in logged) == 1
    assert left(tmp_path) == ["face.weights.h5"]


def test_killed_process_leaves_a_part_to_continue_and_no_lock(
    process, sources, server, run, tmp_path
):
    sources((Page(GOOD), OFFICIAL | {"file": "face.bin"}), name="face")
    server.pages["/0"].breaks = [600_000]
    server.pages["/0"].pause = 0.005
    one = process()
    go(one)
    until = time.monotonic() + 30
    while len(server.requests) < 2:  # it has connected again to continue
        assert time.monotonic() < until
        time.sleep(0.01)
    one.kill()
    one.wait()
    server.pages["/0"].pause = 0
    assert run("face").read_bytes() == GOOD.upper()
    assert server.requests[-1][1]["Range"].startswith("bytes=")
    assert left(tmp_path) == ["face.weights.h5"]
    assert not any("waiting" in line for line in run.lines)
