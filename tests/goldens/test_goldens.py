"""What OpenPose's own code computes, where the shared file of goldens is at hand."""

import copy
import gzip
import json

import pytest

from tests.goldens.__main__ import check, load, load_scenes, main
from tests.goldens.sections import SECTIONS
from tests.helpers import ROOT

FOLDER = ROOT.parent / "shared" / "goldens"
FILE = FOLDER / "goldens_dev.json"


@pytest.fixture(scope="module")
def goldens():
    if not FILE.is_file():
        pytest.skip(f"no {FILE}, the answers of OpenPose's own code")
    return load(FILE)


@pytest.mark.parametrize("section", SECTIONS)
def test_answers_are_those_of_openpose(goldens, section):
    scenes = load_scenes(FOLDER / "body_scenes.py")
    answers = check({section: goldens[section]}, scenes)[section]
    assert len(answers) >= len(goldens[section])
    assert [each for each in answers if each.must and not each.agrees] == []
    assert sum(each.must for each in answers) > 0.9 * len(answers)


def test_a_gzipped_file_is_read_and_what_differs_is_named(goldens, tmp_path, capsys):
    few = {"top": copy.deepcopy(goldens["top"][:2])}
    script = str(FOLDER / "body_scenes.py")
    path = tmp_path / "few.json.gz"
    path.write_bytes(gzip.compress(json.dumps(few).encode()))
    assert main([str(path), "--scenes", script]) == 0
    assert "number_people_max: 14 of 14 agree" in capsys.readouterr().out
    few["top"][1]["kept"]["2"] = [0]
    path.write_text(json.dumps(few))
    assert main([str(path), "--scenes", script]) == 1
    seed = few["top"][1]["seed"]
    assert f"13 of 14 agree\n    differs: {seed}, 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        (b'{"top": [', "JSON or gzipped JSON: Expecting value"),
        (gzip.compress(b'[""]', mtime=0)[:-9], "JSON or gzipped JSON: Compressed file ended"),
        (b"\x1f\x8b\x08" + bytes(7) + b"\xff" * 20, "JSON or gzipped JSON: Error -3"),
        (b"[]", "an object with some of people, "),
        (b"{}", "an object with some of people, "),
        (b'{"top": []}', "a Python file that rebuilds the inputs, got"),
    ],
)
def test_a_file_that_holds_no_goldens_is_refused_in_a_line(content, message, tmp_path, capsys):
    path = tmp_path / "goldens.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SystemExit) as caught:
        main([str(path)])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert str(tmp_path) in line


def test_inputs_that_are_rebuilt_otherwise_are_refused(goldens, tmp_path):
    few = {"top": copy.deepcopy(goldens["top"][:1])}
    few["top"][0]["digest"] = "0" * 16
    path = tmp_path / "few.json"
    path.write_text(json.dumps(few))
    with pytest.raises(SystemExit, match="not rebuilt as they were"):
        main([str(path), "--scenes", str(FOLDER / "body_scenes.py")])
