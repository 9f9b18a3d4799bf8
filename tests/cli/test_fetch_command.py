"""`openpose-keras fetch`: the licence first, then one line of what to do next, or one message."""

import hashlib
import io
import shutil
import subprocess
import sys

import pytest

from openpose_keras import cli
from openpose_keras.cli import fetch as command
from openpose_keras.conversion import downloading, mirrors
from openpose_keras.conversion.mirrors import Mirror
from openpose_keras.core.errors import WeightsError
from openpose_keras.networks import presets
from tests.helpers.web import Page, refuse_other_hosts, web_server

GOOD = b"good weights " * 100


class Terminal(io.StringIO):
    """A keyboard that types what it is told to."""

    def isatty(self):
        return True


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server that has the hand's and the face's file; and an empty home."""
    refuse_other_hosts(monkeypatch)
    monkeypatch.setattr(downloading, "PAUSE", 0)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(command, "_convert", shutil.copy)
    monkeypatch.chdir(tmp_path)
    with web_server() as server:
        server.pages["/file"] = Page(GOOD)
        facts = {"file": "official.bin", "md5": hashlib.md5(GOOD).hexdigest()}
        mirror = Mirror(address=f"{server.address}/file", **facts)
        monkeypatch.setitem(mirrors.MIRRORS, "hand", (mirror,))
        monkeypatch.setitem(mirrors.MIRRORS, "face", (mirror,))
        yield server


@pytest.fixture
def keyboard(monkeypatch):
    def keyboard(text):
        monkeypatch.setattr(sys, "stdin", Terminal(text))

    return keyboard


@pytest.mark.parametrize("flag", ["--accept-license", "--accept-licence"])
def test_the_result_is_where_the_preset_finds_it(server, tmp_path, capsys, flag):
    assert cli.main(["fetch", "hand", flag]) == 0
    path = presets.find_weights(presets.get_preset("hand"))
    assert path == tmp_path / "home" / "openpose_keras" / "hand.weights.h5"
    assert path.read_bytes() == GOOD
    printed = capsys.readouterr()
    assert printed.out == (f"{path} is ready. Use it: openpose-keras detect PHOTO --preset hand\n")
    assert f"trying {server.address}/file" in printed.err
    assert "checksum right" in printed.err


def test_a_second_call_does_nothing_and_asks_nothing(server, capsys):
    assert cli.main(["fetch", "hand", "--accept-license"]) == 0
    capsys.readouterr()
    assert cli.main(["fetch", "hand"]) == 0
    printed = capsys.readouterr()
    assert "is there already: nothing to do" in printed.out
    assert printed.err == ""
    assert len(server.requests) == 1


def test_of_a_folder_of_ones_own_it_is_said_how_to_use_it(server, capsys):
    assert cli.main(["fetch", "hand", "--to", "mine/deep", "--accept-license"]) == 0
    assert "--preset hand --weights mine/deep/hand.weights.h5" in capsys.readouterr().out


def test_a_file_to_come_is_said_to_be_of_no_use_yet(server, tmp_path, capsys):
    assert cli.main(["fetch", "face", "--to", "mine", "--accept-license"]) == 0
    assert (tmp_path / "mine" / "official.bin").read_bytes() == GOOD
    assert "does not use it yet" in capsys.readouterr().out


# --- the licence


@pytest.mark.parametrize("answer", ["y\n", " YES \n"])
def test_who_accepts_the_licence_gets_the_file(server, keyboard, capsys, answer):
    keyboard(answer)
    assert cli.main(["fetch", "hand"]) == 0
    shown = capsys.readouterr().out
    assert "academic or non-profit, non-commercial research only" in shown
    assert command.LICENCE_ADDRESS in shown


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yesterday\n"])
def test_who_does_not_gets_nothing(server, keyboard, tmp_path, capsys, answer):
    keyboard(answer)
    assert cli.main(["fetch", "hand"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: the licence was not accepted")
    assert "'hand_lite'" in error
    assert server.requests == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stdin", [io.StringIO("y\n"), None])
def test_where_nobody_can_be_asked_the_flag_is_asked_for(server, monkeypatch, capsys, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(SystemExit) as caught:
        cli.main(["fetch", "hand"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "--accept-license" in error
    assert "non-commercial" in error
    assert server.requests == []


def test_an_interrupted_question_is_an_interrupt(server, monkeypatch, capsys):
    class Interrupted(Terminal):
        def readline(self, *args):
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Interrupted())
    assert cli.main(["fetch", "hand"]) == 130
    assert server.requests == []


# --- what goes wrong


def test_one_message_says_what_was_tried_and_what_to_do(server, capsys):
    server.pages["/file"] = Page(b"", 404)
    assert cli.main(["fetch", "hand", "--accept-license"]) == 1
    printed = capsys.readouterr()
    message = printed.err[printed.err.index("error: ") :]
    assert f"  {server.address}/file: the server answers 404 Not Found" in message.splitlines()
    assert "openpose-keras convert FILE" in message
    assert "'hand_lite'" in message
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_folder_that_can_not_be_written_to_is_one_line(server, tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    assert cli.main(["fetch", "hand", "--to", "mine", "--accept-license"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


def test_an_interrupted_conversion_is_taken_up_by_the_next_call(server, monkeypatch, capsys):
    def interrupted(source, target):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(command, "_convert", interrupted)
        assert cli.main(["fetch", "hand", "--accept-license"]) == 130
    with pytest.raises(WeightsError):
        presets.find_weights(presets.get_preset("hand"))
    assert cli.main(["fetch", "hand", "--accept-license"]) == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize("arguments", [[], ["foot"], ["hand", "face"], ["hand", "--to"]])
def test_usage_errors_end_with_status_2(server, capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["fetch", *arguments])
    assert caught.value.code == 2
    assert "usage: openpose-keras" in capsys.readouterr().err
    assert server.requests == []


def test_help_names_all_files_and_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from openpose_keras import cli\n"
        "try:\n"
        "    cli.main(['fetch', '--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "heavy = {'numpy', 'cv2', 'keras', 'tqdm', 'gdown', 'urllib.request', 'torch'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for name in mirrors.MIRRORS:
        assert name in text
    assert "--accept-license" in text
