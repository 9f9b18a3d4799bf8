"""`openpose-keras fetch` asks for the licence, then prints what to do next, or one error."""

import hashlib
import io
import shutil
import sys

import pytest

from openpose_keras import cli
from openpose_keras.cli import fetch as command
from openpose_keras.conversion import catalogue, writers
from openpose_keras.conversion.catalogue import Source
from openpose_keras.networks import presets
from tests.helpers.web import Page, refuse_other_hosts, web_server

pytestmark = pytest.mark.network
GOOD = b"good weights " * 100


class Terminal(io.StringIO):
    """A keyboard that types what it is told to."""

    def isatty(self):
        return True


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server that has the hand's and the face's file; and an empty home."""
    refuse_other_hosts(monkeypatch)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(writers, "convert_file", lambda file, to, network: shutil.copy(file, to))
    monkeypatch.chdir(tmp_path)
    with web_server() as server:
        server.pages["/file"] = Page(GOOD)
        md5 = hashlib.md5(GOOD).hexdigest()
        source = Source(f"{server.address}/file", "official.bin", md5)
        monkeypatch.setitem(catalogue.SOURCES, "hand", (source,))
        monkeypatch.setitem(catalogue.SOURCES, "face", (source,))
        yield server


@pytest.mark.parametrize("flag", ["--accept-license", "--accept-licence"])
def test_result_is_where_the_preset_finds_it(server, tmp_path, capsys, flag):
    assert cli.main(["fetch", "hand", flag]) == 0
    path = presets.find_weights(presets.get_preset("hand"))
    assert path == tmp_path / "home" / "openpose_keras" / "hand.weights.h5"
    assert path.read_bytes() == GOOD
    printed = capsys.readouterr()
    assert printed.out == (f"{path} is ready. Use it: openpose-keras detect PHOTO --preset hand\n")
    assert f"trying {server.address}/file" in printed.err
    assert "checksum right" in printed.err


def test_second_call_does_nothing_and_asks_nothing(server, capsys):
    assert cli.main(["fetch", "hand", "--accept-license"]) == 0
    capsys.readouterr()
    assert cli.main(["fetch", "hand"]) == 0
    printed = capsys.readouterr()
    assert "is there already: nothing to do" in printed.out
    assert printed.err == ""
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("name", "file", "use"),
    [
        ("hand", "hand.weights.h5", "--preset hand --weights mine/deep/hand.weights.h5"),
        ("face", "face.weights.h5", '("face", weights="mine/deep/face.weights.h5")'),
    ],
)
def test_message_tells_how_to_use_another_folder(server, tmp_path, capsys, name, file, use):
    assert cli.main(["fetch", name, "--to", "mine/deep", "--accept-license"]) == 0
    assert (tmp_path / "mine" / "deep" / file).read_bytes() == GOOD
    assert use in capsys.readouterr().out


# --- the licence


@pytest.mark.parametrize("answer", ["y\n", " YES \n"])
def test_accepted_licence_downloads_the_file(server, monkeypatch, capsys, answer):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert cli.main(["fetch", "hand"]) == 0
    shown = capsys.readouterr().out
    assert "academic or non-profit, non-commercial research only" in shown
    assert command.LICENCE_ADDRESS in shown


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yesterday\n"])
def test_refused_licence_downloads_nothing(server, monkeypatch, tmp_path, capsys, answer):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert cli.main(["fetch", "hand"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the licence was not accepted")
    assert "'hand_lite'" in error
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stdin", [io.StringIO("y\n"), None])
def test_without_a_terminal_the_flag_is_required(server, monkeypatch, capsys, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(SystemExit) as caught:
        cli.main(["fetch", "hand"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "--accept-license" in error
    assert "non-commercial" in error
    assert server.requests == []


# --- what goes wrong


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("body_mobilenet", "`openpose-keras convert human"),
        ("hand_lite", "its weights ship"),
        ("x", ""),
    ],
)
def test_a_network_that_is_not_fetched_is_refused_with_its_own_way(capsys, name, mend):
    with pytest.raises(SystemExit):
        cli.main(["fetch", name])
    error = capsys.readouterr().err
    assert (
        f"expected one of hand, face, body_coco, body_mpi, body_25, body_mpi_4, got {name!r}"
        in (" ".join(error.split()))
    )
    assert mend in error


def test_one_message_tells_what_was_tried_and_what_to_do(server, capsys):
    server.pages["/file"] = Page(b"", 404)
    assert cli.main(["fetch", "hand", "--accept-license"]) == 1
    printed = capsys.readouterr()
    message = printed.err[printed.err.index("error: ") :]
    assert printed.err.count("404 Client Error") == 1
    assert "openpose-keras convert FILE" in message
    assert "'hand_lite'" in message
    assert printed.out == ""
