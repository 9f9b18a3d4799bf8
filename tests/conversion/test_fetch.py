"""From sources that fail in all ways to a file whole and in its place, or to one message."""

import hashlib
import subprocess
import sys
import threading
import time
import types
from collections import namedtuple
from pathlib import Path

import pytest

from openpose_keras.conversion import downloading, mirrors
from openpose_keras.conversion import fetch as fetching
from openpose_keras.conversion.downloading import drive as drive_module
from openpose_keras.conversion.downloading import locks
from openpose_keras.conversion.downloading.locks import locked
from openpose_keras.conversion.fetch import fetch, target_path
from openpose_keras.conversion.mirrors import DRIVE, Mirror
from openpose_keras.core.errors import (
    DownloadError,
    FetchError,
    LicenceError,
    NoSpaceError,
    WeightsError,
)
from openpose_keras.networks import presets
from tests.helpers import ROOT
from tests.helpers.web import Page, refuse_other_hosts, web_server

GOOD = b"good weights " * 100
MD5 = hashlib.md5(GOOD).hexdigest()


@pytest.fixture
def server(monkeypatch):
    refuse_other_hosts(monkeypatch)
    monkeypatch.setattr(downloading, "PAUSE", 0)
    monkeypatch.setattr(locks, "_PAUSE", 0.02)
    monkeypatch.setitem(sys.modules, "gdown", None)
    with web_server() as server:
        yield server


@pytest.fixture
def sources(server, monkeypatch):
    """Say what the sources of "hand" are: pages of the server, each with facts of its mirror."""

    def sources(*pages, name="hand"):
        table = []
        for index, (page, facts) in enumerate(pages):
            server.pages[f"/{index}"] = page
            options = {"address": f"{server.address}/{index}", "file": "official.bin"} | facts
            table.append(Mirror(**options))
        monkeypatch.setitem(mirrors.MIRRORS, name, tuple(table))

    return sources


def convert(source, target):
    """A conversion that knows good files, and writes whole files."""
    data = source.read_bytes()
    if not data.startswith(b"good"):
        raise WeightsError(f"{source} has no layers")
    target.write_bytes(data.upper())


@pytest.fixture
def run(tmp_path):
    """Fetch into an empty folder; `lines` are what was told."""

    def run(name="hand", **options):
        options = {"folder": tmp_path / "to", "accept_license": True, "convert": convert} | options
        return fetch(name, progress=False, timeout=5, tell=run.lines.append, **options)

    run.lines = []
    return run


def left(tmp_path):
    """What is in the folder, hidden things too."""
    return sorted(
        path.relative_to(tmp_path / "to").as_posix() for path in tmp_path.rglob("to/**/*")
    )


OFFICIAL = {"md5": MD5}
UNKNOWN = {"file": "port.bin"}
OK = (Page(GOOD), OFFICIAL)
GONE = (Page(b"", 404), OFFICIAL)


# --- it works


def test_the_first_good_source_is_used_checked_converted_and_put_in_place(
    run, sources, server, tmp_path
):
    sources(OK, GONE)
    path = run()
    assert path == tmp_path / "to" / "hand.weights.h5"
    assert path.read_bytes() == GOOD.upper()
    assert left(tmp_path) == ["hand.weights.h5"]
    assert [asked for asked, _ in server.requests] == ["/0"]
    assert any("checksum right" in line for line in run.lines)


def test_a_second_call_does_nothing(run, sources, server):
    sources(OK)
    path = run()
    before = path.stat()
    run.lines.clear()
    assert run(accept_license=False) == path
    assert path.stat() == before
    assert len(server.requests) == 1
    assert run.lines == []


def test_the_default_place_is_where_the_presets_look(run, sources, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    sources(OK)
    assert run(folder=None) == tmp_path / "openpose_keras" / "hand.weights.h5"


def test_a_file_that_no_preset_uses_yet_is_put_in_place_as_it_is(run, sources, tmp_path):
    sources(OK, name="face")
    path = run("face")
    assert (path.name, path.read_bytes()) == ("official.bin", GOOD)
    assert left(tmp_path) == ["official.bin"]


def test_an_unknown_name_is_answered_with_the_known_ones(run):
    with pytest.raises(ValueError, match="hand, face, body_coco"):
        run("foot")


def test_by_default_files_are_converted_with_convert_file(monkeypatch, run, sources):
    calls = []
    module = types.ModuleType("openpose_keras.conversion.writers")
    module.convert_file = lambda source, target: calls.append((source.name, target.name))
    monkeypatch.setitem(sys.modules, "openpose_keras.conversion.writers", module)
    sources(OK)
    run(convert=None)
    assert calls == [("official.bin", "hand.weights.h5")]


# --- the licence


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
        (Page(b"<html><title>Quota exceeded</title></html>"), OFFICIAL, "Quota exceeded"),
        (Page(b"bad weights"), OFFICIAL, "wrong checksum: MD5"),
        (Page(GOOD), {"sha256": "0" * 64}, "wrong checksum: SHA256"),
        (Page(b"bad weights"), UNKNOWN, "has no layers"),
        (Page(GOOD), {"size": 7}, "another file"),
        (Page(GOOD), {"address": "http://127.0.0.1:9/closed"}, "refuses the connection"),
        (Page(GOOD), {"needs": "no_such_package"}, "no_such_package, which is not installed"),
        (Page(location="file:///etc/passwd"), OFFICIAL, "302"),
    ],
)
def test_the_next_source_is_tried(run, sources, tmp_path, page, facts, reason):
    sources((page, facts), (Page(GOOD), {"file": "mirror.bin", "md5": MD5}))
    assert run().read_bytes() == GOOD.upper()
    assert left(tmp_path) == ["hand.weights.h5"]
    assert any(reason in line for line in run.lines), run.lines


def test_when_every_source_fails_one_message_says_all(run, sources, server, tmp_path):
    sources(GONE, (Page(b"bad"), OFFICIAL), (Page(b"bad"), UNKNOWN))
    with pytest.raises(FetchError) as caught:
        run()
    message = str(caught.value)
    for index, reason in enumerate(("404", "wrong checksum", "no layers")):
        (line,) = [line for line in message.splitlines() if f"{server.address}/{index}" in line]
        assert reason in line
    target = tmp_path / "to" / "hand.weights.h5"
    assert f"openpose-keras convert FILE --to {target}" in message
    assert "official.bin or port.bin" in message
    assert "'hand_lite'" in message
    assert left(tmp_path) == []


def test_a_preset_without_its_file_says_the_same_and_downloads_nothing(
    server, tmp_path, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        presets.find_weights(presets.get_preset("hand"))
    for part in ("openpose-keras fetch hand", "openpose-keras convert FILE", "'hand_lite'"):
        assert part in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_of_a_file_that_no_preset_uses_no_conversion_is_promised(run, sources, tmp_path):
    sources(GONE, name="face")
    with pytest.raises(FetchError) as caught:
        run("face")
    assert str(tmp_path / "to" / "official.bin") in str(caught.value)
    assert "hand_lite" not in str(caught.value)
    assert "convert" not in str(caught.value)


def test_a_file_that_no_checksum_protects_is_told_as_such(run, sources):
    sources((Page(GOOD), UNKNOWN))
    run()
    told = "\n".join(run.lines)
    assert "not checked by checksum" in told
    assert "all layers are there" in told


# --- resume, also across calls


def test_a_download_that_broke_is_resumed_by_the_next_call(run, sources, server, tmp_path):
    sources((page := Page(GOOD, breaks=[500, 0, 0, 0]), OFFICIAL))
    with pytest.raises(FetchError, match="the connection ended after 500 of 1300"):
        run()
    assert not page.breaks
    folder, part, note = left(tmp_path)
    assert folder == ".fetch-hand"
    assert part.startswith(".fetch-hand/official.bin.part")
    assert note == f"{part}.json"
    assert run().read_bytes() == GOOD.upper()
    assert server.requests[-1][1]["Range"] == "bytes=500-"
    assert left(tmp_path) == ["hand.weights.h5"]


def test_a_source_that_fails_takes_nothing_from_what_another_has_brought(run, sources, server):
    sources(GONE, (Page(GOOD, breaks=[500, 0, 0, 0]), OFFICIAL), GONE)
    with pytest.raises(FetchError):
        run()
    assert run().read_bytes() == GOOD.upper()
    assert server.requests[-1][1]["Range"] == "bytes=500-"


def test_pieces_that_do_not_fit_together_are_downloaded_once_more(run, sources, server):
    page = Page(b"old" * 500, breaks=[500, 0, 0, 0])
    sources((page, OFFICIAL))
    with pytest.raises(FetchError):
        run()
    page.body = GOOD + b"." * 200  # the same length and ETag, another content
    with pytest.raises(FetchError, match="wrong checksum"):
        run()
    asked = [headers.get("Range") for _, headers in server.requests[4:]]
    assert asked == ["bytes=500-", None]


def test_pieces_that_do_not_fit_together_are_mended(run, sources):
    page = Page(b"x" * len(GOOD), breaks=[500, 0, 0, 0])
    sources((page, OFFICIAL))
    with pytest.raises(FetchError):
        run()
    page.body = GOOD
    assert run().read_bytes() == GOOD.upper()
    assert any("once more from the beginning" in line for line in run.lines)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError("disk")])
def test_an_interrupted_conversion_leaves_the_download_and_no_result(
    run, sources, server, tmp_path, error
):
    def interrupted(source, target):
        raise error

    sources(GONE, OK)
    with pytest.raises(error if isinstance(error, type) else type(error)):
        run(convert=interrupted)
    assert left(tmp_path) == [".fetch-hand", ".fetch-hand/official.bin"]
    asked = len(server.requests)
    assert run().read_bytes() == GOOD.upper()
    assert len(server.requests) == asked
    assert left(tmp_path) == ["hand.weights.h5"]


def test_a_download_that_was_damaged_meanwhile_is_not_used(run, sources, tmp_path):
    (tmp_path / "to" / ".fetch-hand").mkdir(parents=True)
    (tmp_path / "to" / ".fetch-hand" / "official.bin").write_bytes(b"bad")
    sources(OK)
    assert run().read_bytes() == GOOD.upper()


def test_a_right_file_that_can_not_be_converted_stays_and_others_are_tried(run, sources, tmp_path):
    def fails(source, target):
        if source.name == "official.bin":
            raise ImportError("no torch")
        convert(source, target)

    sources(OK, (Page(b"bad"), UNKNOWN))
    with pytest.raises(FetchError, match=r"no torch.*it stays: .*official\.bin"):
        run(convert=fails)
    assert left(tmp_path) == [".fetch-hand", ".fetch-hand/official.bin"]


# --- space and folders


def test_too_little_space_ends_it_at_once(run, sources, server, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(1, 1, 2 * len(GOOD) - 1)
    monkeypatch.setattr(downloading.shutil, "disk_usage", lambda path: usage)
    sources(OK, OK)
    with pytest.raises(NoSpaceError, match="not enough space"):
        run()
    assert len(server.requests) == 1
    assert left(tmp_path) == []
    sources(OK, name="face")  # is not converted, so it takes half the space
    assert run("face").read_bytes() == GOOD


def test_a_folder_that_is_a_file_is_an_os_error(run, sources, tmp_path):
    (tmp_path / "to").write_text("")
    sources(OK)
    with pytest.raises(OSError, match="to"):
        run()


# --- two at once


def test_of_two_at_once_one_works_and_the_other_takes_the_result(run, sources, server, tmp_path):
    sources((Page(GOOD, pause=0.002), OFFICIAL))
    done = []
    threads = [threading.Thread(target=lambda: done.append(run())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [tmp_path / "to" / "hand.weights.h5"] * 2
    assert len(server.requests) == 1
    assert any("waiting" in line for line in run.lines)
    assert left(tmp_path) == ["hand.weights.h5"]


SCRIPT = """
import sys
from pathlib import Path
from openpose_keras import fetching, mirrors
address, folder, md5 = sys.argv[1:]
mirrors.MIRRORS["face"] = (mirrors.Mirror(address=address, file="face.bin", md5=md5),)
print("ready", flush=True)
sys.stdin.readline()
fetching.fetch("face", folder=folder, accept_license=True, progress=False, tell=print)
"""


@pytest.fixture
def process(server, tmp_path):
    """Start processes that fetch the same file, each after a line on its stdin."""
    server.pages["/face"] = Page(GOOD, pause=0.002)
    started = []

    def process():
        arguments = [f"{server.address}/face", str(tmp_path / "to"), MD5]
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", SCRIPT, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
            )
        )
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield process
    for one in started:
        one.kill()
        one.communicate()


def test_two_processes_at_once_share_one_download(process, server, tmp_path):
    both = [process(), process()]
    for one in both:
        one.stdin.write("go\n")
        one.stdin.flush()
    told = [one.communicate(timeout=60)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert len(server.requests) == 1
    assert sum("waiting" in text for text in told) == 1
    assert (tmp_path / "to" / "face.bin").read_bytes() == GOOD
    assert left(tmp_path) == ["face.bin"]


def test_a_killed_process_leaves_a_lock_that_holds_nobody_up(
    process, server, tmp_path, run, sources
):
    server.pages["/face"].pause = 0.05
    one = process()
    one.stdin.write("go\n")
    one.stdin.flush()
    folder = tmp_path / "to" / ".fetch-face"
    until = time.monotonic() + 30
    while not any(path.stat().st_size for path in folder.glob("*.part-????????")):
        assert time.monotonic() < until
        time.sleep(0.02)
    one.kill()
    one.wait()
    assert (tmp_path / "to" / ".fetch-face.lock").exists()
    server.pages["/face"].pause = 0
    address = f"{server.address}/face"
    sources(
        (server.pages["/face"], {"address": address, "file": "face.bin", "md5": MD5}), name="face"
    )
    assert run("face").read_bytes() == GOOD
    assert server.requests[-1][1]["Range"].startswith("bytes=")
    assert left(tmp_path) == ["face.bin"]
    assert not any("waiting" in line for line in run.lines)


def test_a_lock_is_held_by_one_and_gone_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "_PAUSE", 0.001)
    inside, most = [], []

    def work():
        for _ in range(20):
            with locked(tmp_path / "lock"):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 80
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_its_last_owner_removes_meanwhile_is_not_taken(tmp_path, monkeypatch):
    """Another process could lock the next file of that name, and both would work."""
    path, try_lock, calls = tmp_path / "lock", locks._try_lock, []

    def removed_meanwhile(file):
        if not calls:
            path.unlink()
        calls.append(file)
        return try_lock(file)

    monkeypatch.setattr(locks, "_try_lock", removed_meanwhile)
    monkeypatch.setattr(locks, "_PAUSE", 0)
    with locked(path):
        assert path.exists()
    assert len(calls) == 2


def test_a_lock_is_given_back_after_an_error(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyError), locked(tmp_path / "lock"):
            raise KeyError
    assert list(tmp_path.iterdir()) == []


# --- Google Drive


class FakeDrive(types.ModuleType):
    """Stands for gdown: writes what it is told to, or raises."""

    def __init__(self, content):
        super().__init__("gdown")
        self.content, self.calls = content, []

    def download(self, id=None, output=None, quiet=False, use_cookies=True, timeout=None):
        self.calls.append((id, quiet, use_cookies, timeout))
        if isinstance(self.content, BaseException):
            Path(f"{output}.part").write_bytes(b"half")
            raise self.content
        if self.content is not None:
            Path(output).write_bytes(self.content)


class OldFakeDrive(FakeDrive):
    def download(self, id=None, output=None, quiet=False, use_cookies=True):
        super().download(id, output, quiet, use_cookies)


@pytest.fixture
def drive(sources, monkeypatch):
    def drive(content, kind=FakeDrive):
        fake = kind(content)
        monkeypatch.setitem(sys.modules, "gdown", fake)
        sources((Page(), {"address": f"{DRIVE}some-id", "file": "port.h5"}))
        return fake

    return drive


@pytest.mark.parametrize(("kind", "timeout"), [(FakeDrive, 5), (OldFakeDrive, None)])
def test_google_drive_goes_through_gdown(run, drive, tmp_path, kind, timeout):
    fake = drive(GOOD, kind)
    assert run().read_bytes() == GOOD.upper()
    assert fake.calls == [("some-id", True, False, timeout)]
    assert left(tmp_path) == ["hand.weights.h5"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (RuntimeError("Too many users\n\n\thave viewed"), "gdown: Too many users have viewed"),
        (ConnectionResetError(104, "reset"), "gdown: .*reset"),
        (ValueError(), "gdown: ValueError"),
        (b"<html><title>Google Drive - Quota exceeded</title>", "Google Drive - Quota exceeded"),
        (None, "gdown: it brought no file"),
        (b"bad", "no layers"),
    ],
)
def test_what_gdown_meets_is_a_reason_like_any_other(run, drive, tmp_path, content, reason):
    drive(content)
    with pytest.raises(FetchError, match=reason):
        run()
    assert any("https://drive.google.com/file/d/some-id/view" in line for line in run.lines)
    assert left(tmp_path) == []


def test_a_full_disk_under_gdown_ends_it(run, drive, tmp_path):
    drive(OSError(28, "No space left on device"))
    with pytest.raises(NoSpaceError, match="the disk is full"):
        run()
    assert left(tmp_path) == []


def test_an_interrupt_under_gdown_is_an_interrupt(run, drive):
    drive(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        run()


def test_without_gdown_the_plain_address_is_used(run, sources, server, monkeypatch, tmp_path):
    monkeypatch.setattr(drive_module, "PLAIN_ADDRESS", server.address + "/drive?id={}")
    sources((Page(), {"address": f"{DRIVE}some-id", "file": "port.h5"}))
    server.pages["/drive?id=some-id"] = Page(GOOD, breaks=[500])
    assert run().read_bytes() == GOOD.upper()
    assert server.requests[-1][1]["Range"] == "bytes=500-"
    assert drive_module.PLAIN_ADDRESS.startswith(server.address)


# --- the rest


def test_every_name_has_a_place_and_a_licence(tmp_path):
    for name in mirrors.MIRRORS:
        assert target_path(name, tmp_path).parent == tmp_path
        assert "non-commercial" in fetching.LICENCES[name]
    assert target_path("hand", tmp_path).name == "hand.weights.h5"
    assert target_path("face", tmp_path).name == "pose_iter_116000.caffemodel"


def test_errors_of_fetching_are_errors_of_weights():
    for error in (DownloadError, FetchError, LicenceError, NoSpaceError):
        assert issubclass(error, WeightsError)
