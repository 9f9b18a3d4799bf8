import io
import json
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

import openpose_keras
from openpose_keras import cli
from openpose_keras.cli import explore as explore_command
from openpose_keras.cli import options as cli_options
from openpose_keras.cli.paths import InputError, expand, output_stems
from openpose_keras.core.errors import ImageError, OpenPoseKerasError
from openpose_keras.core.files import photo_suffixes
from openpose_keras.core.keypoints import Body, Hand, Person
from openpose_keras.core.skeletons import BODY_25
from openpose_keras.estimators import base
from openpose_keras.io.coco_people import LabelledPeople, LabelledPerson, write_people_labels
from openpose_keras.io.images import read_image, write_image
from openpose_keras.io.openpose_json import read_openpose, read_people
from tests.helpers import ROOT
from tests.helpers.heic import encode_heic

HEAVY = {"numpy", "cv2", "keras", "tensorflow", "tqdm", "scipy"}


def photo(height=90, width=120, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class FakeEstimator:
    """Stands for the network: a hand for each box, or `hands` of its own when it searches."""

    def __init__(self):
        self.hands, self.calls, self.limits, self.error = 1, [], [], None

    def __call__(self, image, boxes=None, sides=None, **limits):
        return [estimate.hand for estimate in self.estimate(image, boxes, sides, **limits)]

    def estimate(self, image, boxes=None, sides=None, *, min_presence=0.5, max_hands=None):
        self.calls.append((boxes, sides))
        self.limits.append((min_presence, max_hands))
        if self.error and (image == photo()).all():
            raise self.error
        boxes = [(10, 10, 60, 60)] * self.hands if boxes in (None, "whole") else boxes
        return [self.estimate_one(box, sides or "left") for box in boxes]

    def estimate_one(self, box, side):
        """A hand along the diagonal of the box, and maps that cover 5 pixels more than the box."""
        x, y, width, height = box
        steps = np.linspace(0.1, 0.9, 21)
        xy = np.column_stack([x + steps * width, y + steps * height])
        hand = Hand(xy=xy, scores=np.full(21, 0.75), box=box, side=side)
        frame = types.SimpleNamespace(box=(x - 5, y - 5, width + 10, height + 10))
        maps = np.full((12, 12, 22), 0.5, np.float32)
        return types.SimpleNamespace(hand=hand, heatmaps=lambda: (maps, frame))


@pytest.fixture
def estimator(monkeypatch):
    """Put the fake instead of the real one, for hands alone; no Keras is imported."""
    fake = FakeEstimator()
    monkeypatch.setattr(cli_options, "default_preset", lambda args: "hand_lite")
    monkeypatch.setattr(cli_options, "load_estimator", lambda args: fake)
    monkeypatch.setattr(cli_options, "find_weights", lambda *_: None)
    return fake


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with one photo, as the current folder."""
    monkeypatch.chdir(tmp_path)
    write_image("hand.png", photo())
    return tmp_path


def error_line(capsys, *argv, status=1):
    """Run a command that fails, and return the one line that it prints on stderr."""
    assert cli.main(argv) == status
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def names(folder):
    return sorted(entry.name for entry in Path(folder).iterdir())


# --- what is written


def test_image_and_json_are_written_into_the_current_folder(estimator, folder, capsys):
    assert cli.main(["detect", "hand.png"]) == 0
    assert names(folder) == ["hand.png", "hand_keypoints.json", "hand_keypoints.png"]
    drawn = read_image("hand_keypoints.png")
    assert drawn.shape == (90, 120, 3)
    assert (drawn != photo()).any()
    (hand,) = read_openpose("hand_keypoints.json")
    assert hand.side == "left"
    assert hand.found.all()
    out, error = capsys.readouterr()
    assert out == "hand.png: left hand (score 0.75) -> hand_keypoints.png, hand_keypoints.json\n"
    assert error == ""


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ([], ["_keypoints.json", "_keypoints.png"]),
        (["--format", "none"], ["_keypoints.png"]),
        (["--no-image"], ["_keypoints.json"]),
        (["--heatmaps"], ["_heatmaps.png", "_keypoints.json", "_keypoints.png"]),
        (["--heatmaps", "--format", "none", "--no-image"], ["_heatmaps.png"]),
    ],
)
def test_options_choose_what_is_written(estimator, folder, options, kinds):
    assert cli.main(["detect", "hand.png", "--out", "out", *options]) == 0
    assert names("out") == [f"hand{kind}" for kind in kinds]


@pytest.mark.parametrize(("options", "drawn"), [([], True), (["--threshold", "0.8"], False)])
def test_the_threshold_says_what_is_drawn(estimator, folder, options, drawn):
    assert cli.main(["detect", "hand.png", "--box", "10,10,60", *options]) == 0
    changed = (read_image("hand_keypoints.png") != photo()).any()
    assert changed == drawn
    assert len(json.loads(Path("hand_keypoints.json").read_text())["people"]) == 1


def test_no_hand_is_no_error_and_one_line_says_so(estimator, folder, capsys):
    estimator.hands = 0
    assert cli.main(["detect", "hand.png", "--heatmaps"]) == 0
    assert "hand.png: no hand found -> " in capsys.readouterr().out
    np.testing.assert_array_equal(read_image("hand_keypoints.png"), photo())
    np.testing.assert_array_equal(read_image("hand_heatmaps.png"), photo())
    assert json.loads(Path("hand_keypoints.json").read_text())["people"] == []


def test_heatmaps_are_laid_over_what_they_cover(estimator, folder):
    assert cli.main(["detect", "hand.png", "--heatmaps", "--box", "10,20,30"]) == 0
    changed = (read_image("hand_heatmaps.png") != photo()).any(axis=-1)
    assert changed[15:55, 5:45].mean() > 0.9
    changed[15:55, 5:45] = False
    assert not changed.any()


# --- boxes and sides


@pytest.mark.parametrize(
    ("options", "call"),
    [
        ([], (None, None)),
        (["--box", "10,20,30", "--box=-5,2.5,40"], ([(10, 20, 30, 30), (-5, 2.5, 40, 40)], None)),
        (["--box", "-5,-2.5,40"], ([(-5, -2.5, 40, 40)], None)),
        (["--box", "1, 2, 30", "--box", "-1, 2, 30,40"], ([(1, 2, 30, 30), (-1, 2, 30, 40)], None)),
        (["--box", "whole", "--side", "right"], ("whole", "right")),
    ],
)
def test_boxes_and_side_reach_the_estimator(estimator, folder, options, call):
    assert cli.main(["detect", "hand.png", *options]) == 0
    assert estimator.calls == [call]
    assert {hand.side for hand in read_openpose("hand_keypoints.json")} == {call[1] or "left"}


def test_the_limits_of_a_search_reach_the_estimator(estimator, folder):
    for options in ([], ["--min-presence", "0.8", "--max-hands", "2"]):
        assert cli.main(["detect", "hand.png", "--force", *options]) == 0
    assert estimator.limits == [(0.5, None), (0.8, 2)]


def test_the_size_of_the_smallest_hand_needs_a_preset_with_a_detector(folder, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["detect", "hand.png", "--preset", "hand", "--smallest", "1/20"])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "which hand is not: choose hand_lite or mediapipe_hand" in error


@pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
def test_a_network_that_knows_the_side_tells_it_to_the_file(tmp_path):
    image = read_image(ROOT / "notebooks/images/open_hand.jpg")
    for side, pixels in (("right", image), ("left", image[:, ::-1])):
        path = tmp_path / f"{side}.png"
        write_image(path, pixels)
        options = ["--preset", "mediapipe_hand", "--no-image", "--out", str(tmp_path)]
        assert cli.main(["detect", str(path), *options]) == 0
        [hand] = read_openpose(tmp_path / f"{side}_keypoints.json")
        assert hand.side == side


DETECT = ["detect", "hand.png"]
EVALUATE = ["evaluate", "labels.json", "--images", "."]


@pytest.mark.parametrize(
    "argv",
    [
        *([*DETECT, "--box", box] for box in ("1,", "1,2,3,4,5", "a,b,c", "1,2,0", "nan,2,3", "")),
        *([*DETECT, "--box", box] for box in ("1,2,3,0", "-5,2", "-5")),
        [*DETECT, "--box", "whole", "--box", "1,2,3"],
        [*DETECT, "--side", "both"],
        [*DETECT, "--preset", "mediapipe_palm"],
        *([*DETECT, "--min-presence", number] for number in ("-0.1", "1.1", "nan", "x")),
        [*DETECT, "--max-hands", "0"],
        *([*DETECT, "--smallest", text] for text in ("0", "1", "12", "1/0", "1/2/3", "1/", "x")),
        [*DETECT, "--preset", "foot"],
        [*DETECT, "--recipe", "soup"],
        [*DETECT, "--format", "none", "--no-image"],
        *([*DETECT, "--format", text] for text in ("yaml", "json,none", "")),
        *([*DETECT, "--threshold", text] for text in ("-0.1", "1.5", "x")),
        [*DETECT, "--workers", "2", "--scheduler", "tcp://a:1"],
        [*EVALUATE, "--crop-factor", "0"],
        [*EVALUATE, "--order", "coco"],
        *([*EVALUATE, "--limit", limit] for limit in ("0", "x", "1.5")),
    ],
)
def test_usage_errors_end_with_status_2_and_no_traceback(estimator, folder, capsys, argv):
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith(f"openpose-keras {argv[0]}: error: ")
    assert error.count("\n") == 1
    assert "invalid parse" not in error  # a function's name says nothing to a user
    assert names(folder) == ["hand.png"]
    assert estimator.calls == []


@pytest.mark.parametrize(
    ("argv", "meant"),
    [
        (["detekt", "a.jpg"], "detect"),
        ([*DETECT, "--recipe", "refind"], "refined"),
        ([*DETECT, "--preset", "hand_light"], "hand_lite"),
        ([*DETECT, "--preset", "litee"], "lite"),
        ([*DETECT, "--treshold", "0.3"], "--threshold"),
        (["fetch", "hnd"], "hand"),
    ],
)
def test_usage_errors_say_what_was_probably_meant(capsys, argv, meant):
    with pytest.raises(SystemExit):
        cli.main(argv)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"did you mean '{meant}'?" in error


@pytest.mark.parametrize("argv", [[], ["help"], ["help", "detect"]])
def test_help_is_printed_for_help_and_for_nothing(capsys, argv):
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: openpose-keras {'detect' * len(argv[1:])}")


def test_explore_starts_jupyterlab_with_a_notebook_of_the_photos(tmp_path, monkeypatch):
    shown = []

    def run(command, **_):
        notebook = json.loads(Path(command[3]).read_text(encoding="utf-8"))
        shown.append((command[:3], "".join(notebook["cells"][0]["source"])))
        return types.SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(explore_command, "find_spec", lambda name: name)
    write_image(tmp_path / "a.png", photo())
    assert cli.main(["explore", str(tmp_path), "--preset", "lite", "--no-browser"]) == 0
    [(command, source)] = shown
    assert command == [sys.executable, "-m", "jupyterlab"]
    assert f"explore([{str(tmp_path / 'a.png')!r}], preset='lite')" in source


def test_explore_names_the_packages_that_are_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(explore_command, "find_spec", lambda name: name != "anywidget" or None)
    write_image(tmp_path / "a.png", photo())
    assert cli.main(["explore", str(tmp_path / "a.png")]) == 1
    assert "pip install anywidget" in capsys.readouterr().err


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_learns_the_commands_and_their_options(capsys, shell):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--print-completion", shell])
    assert caught.value.code == 0
    script = capsys.readouterr().out
    assert all(word in script for word in ("detect", "evaluate", "--min-presence"))


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([*DETECT, "--dtype", "mixed_bfloat16", "--engine", "onnx"], "take the engine keras"),
        ([*DETECT, "--preset", "lite,hand_lite"], "take it alone"),
        ([*DETECT, "--parts", "face"], 'take --parts "body,face"'),
        ([*DETECT, "--smallest", "0.0001"], "a number from 0.01 to 1"),
        (["render", "bare", "--out", "a", "--assets", "b", "--count", "0"], "above 0"),
        (["average", "hand_lite", "--to", "a.weights.h5", "--shares", "a,b"], "not 'a'"),
    ],
)
def test_values_that_make_no_sense_are_usage_errors(capsys, argv, told):
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error


@pytest.mark.parametrize(
    ("command", "name", "told"),
    [
        ("video", "labels.json", "`openpose-keras evaluate` and `openpose-keras train`"),
        ("train", "hand.png", "`openpose-keras detect`"),
        ("inspect", "hand.png", "`openpose-keras detect`"),
        ("train", "a.h5", "`openpose-keras convert`"),
    ],
)
def test_a_wrong_file_is_told_with_the_command_that_takes_it(folder, capsys, command, name, told):
    if not Path(name).exists():
        Path(name).write_bytes(b"\xff\xfe\x00")
    assert cli.main([command, name]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert told in error


# --- bad files


def test_bad_files_are_told_in_one_line_each_and_the_rest_goes_on(estimator, folder, capsys):
    Path("text.jpg").write_text("I am no photo")
    Path("empty.png").touch()
    Path("cut.png").write_bytes(Path("hand.png").read_bytes()[:200])
    for name in ("labels.json", "pose.caffemodel"):
        Path(name).touch()
    bad = ["missing.jpg", "text.jpg", "empty.png", "cut.png", "labels.json", "pose.caffemodel"]
    assert cli.main(["detect", *bad, "hand.png", "--out", "out"]) == 1
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert [name for name in bad if any(name in line for line in lines)] == bad
    assert len(lines) == len(bad)
    for name, command in (("labels.json", "evaluate"), ("pose.caffemodel", "convert")):
        assert any(name in line and f"`openpose-keras {command}`" in line for line in lines)
    assert "Traceback" not in printed.err
    assert printed.out.startswith("hand.png: ")
    assert names("out") == ["bad_photos.csv", "hand_keypoints.json", "hand_keypoints.png"]


@pytest.mark.parametrize("argument", ["missing.jpg", "empty", "*.gif", "no/such/*.png"])
def test_argument_without_a_photo_fails_before_the_network_is_loaded(
    estimator, folder, capsys, argument
):
    Path("empty").mkdir()
    error = error_line(capsys, "detect", argument)
    assert error.startswith("error: ")
    assert argument in error
    assert estimator.calls == []


def test_error_of_the_estimator_is_one_line(folder, monkeypatch, capsys):
    def fail(args):
        raise OpenPoseKerasError("the weights are not here:\n  fetch them")

    monkeypatch.setattr(cli_options, "load_estimator", fail)
    error = error_line(capsys, "detect", "hand.png", "--preset", "hand_lite")
    assert error == "error: the weights are not here: fetch them\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ImageError("the box lies outside"), "hand.png: the box lies outside"),
        (cv2.error("OpenCV: (-215:\n in remap"), "hand.png: unexpected error: OpenCV: (-215: in"),
        (MemoryError(), "hand.png: unexpected MemoryError: no message"),
    ],
    ids=["foreseen", "opencv", "no message"],
)
def test_errors_of_one_photo_are_told_in_a_line_and_the_rest_goes_on(
    estimator, folder, capsys, error, line
):
    write_image("two.png", photo(seed=1))
    estimator.error = error
    assert cli.main(["detect", "hand.png", "two.png"]) == 1
    printed = capsys.readouterr()
    (told,) = (text for text in printed.err.splitlines() if text.startswith("error: "))
    assert told.startswith(f"error: {line}")
    assert printed.out.startswith("two.png: ")
    assert names(folder)[-2:] == ["two_keypoints.json", "two_keypoints.png"]
    assert names(folder)[0] == "bad_photos.csv"


@pytest.mark.parametrize(
    ("out", "reason"),
    [("hand.png", "it is a file"), ("hand.png/sub", "can't make"), ("/sys", "can't be written")],
)
def test_out_that_is_no_folder_fails(estimator, folder, capsys, out, reason):
    error = error_line(capsys, "detect", "hand.png", "--out", out)
    assert error.startswith(f"error: --out {out}: ")
    assert reason in error
    assert estimator.calls == []


# --- never overwrite


def test_nothing_is_overwritten_without_force(estimator, folder, capsys, monkeypatch):
    Path("hand_keypoints.json").write_text("precious")
    with monkeypatch.context() as patch:
        patch.delattr(cli_options, "load_estimator")  # it is told before a network is loaded
        assert cli.main(["detect", "hand.png"]) == 1
    assert Path("hand_keypoints.json").read_text() == "precious"
    assert "hand_keypoints.json exists" in capsys.readouterr().err
    assert not Path("hand_keypoints.png").exists()
    assert estimator.calls == []
    assert cli.main(["detect", "hand.png", "--force"]) == 0
    assert len(read_openpose("hand_keypoints.json")) == 1


def test_a_second_run_leaves_out_what_has_its_results(estimator, folder, capsys):
    assert cli.main(["detect", "hand.png"]) == 0
    calls, before = len(estimator.calls), Path("hand_keypoints.json").stat().st_mtime_ns
    write_image("two.png", photo(seed=2))
    assert cli.main(["detect", "hand.png", "two.png"]) == 0
    assert len(estimator.calls) == calls + 1  # of the other photo
    assert Path("hand_keypoints.json").stat().st_mtime_ns == before
    assert "hand.png has its results of an earlier run; --force" in capsys.readouterr().out
    assert cli.main(["detect", "hand.png", "two.png"]) == 0
    assert len(estimator.calls) == calls + 1
    Path("two_keypoints.png").unlink()
    assert cli.main(["detect", "two.png"]) == 1  # one of its files may be somebody else's


def test_photo_is_not_overwritten_even_with_force(estimator, folder, capsys):
    write_image("hand_keypoints.png", photo(seed=1))
    assert cli.main(["detect", "hand.png", "hand_keypoints.png", "--force"]) == 1
    np.testing.assert_array_equal(read_image("hand_keypoints.png"), photo(seed=1))
    assert "is one of the photos" in capsys.readouterr().err


def test_photos_of_one_name_do_not_overwrite_each_other(estimator, folder):
    for side in ("left", "right"):
        Path(side).mkdir()
        write_image(f"{side}/a.png", photo())
    assert cli.main(["detect", "left/a.png", "right/a.png", "hand.png", "--out", "out"]) == 0
    assert names("out") == [
        f"{stem}_keypoints.{suffix}"
        for stem in ("hand", "left_a_png", "right_a_png")
        for suffix in ("json", "png")
    ]


# --- inputs


def test_folders_and_patterns_are_expanded_and_each_photo_is_taken_once(estimator, folder, capsys):
    Path("more/deep").mkdir(parents=True)
    for name in ("more/b.png", "more/a.JPG", "more/deep/c.png"):
        write_image(name, photo())
    Path("more/notes.txt").write_text("no photo")
    assert cli.main(["detect", "more", "more/*.png", "hand.*", "more/**/c.png", "--out", "o"]) == 0
    lines = capsys.readouterr().out.splitlines()
    photos = [Path(line.split(": ")[0]).as_posix() for line in lines]
    assert photos == ["more/a.JPG", "more/b.png", "hand.png", "more/deep/c.png"]


@pytest.mark.parametrize("argument", [".", "*", "**/*.png"])
def test_results_of_an_earlier_run_are_not_taken_for_photos(estimator, folder, argument):
    assert cli.main(["detect", argument, "--heatmaps"]) == 0
    before = names(folder)
    assert cli.main(["detect", argument, "--heatmaps", "--force"]) == 0
    assert names(folder) == before


def test_folders_hold_photos_of_every_suffix_and_no_hidden_ones(folder):
    photos = [f"photo{suffix}" for suffix in sorted(photo_suffixes())]
    for name in (*photos, "photo.dng", "._photo.jpg"):
        Path(name).touch()
    Path("link").symlink_to(".")  # without an end
    assert [path.name for path in expand(".")] == ["hand.png", *photos]
    assert [path.name for path in expand("**/*photo.jp*")] == [
        name for name in photos if name.startswith("photo.jp")
    ]
    Path("phone").mkdir()
    with pytest.raises(InputError, match=r"no photo in this folder \(expected [^;]*\)$"):
        expand("phone")
    for url in ("https://a.org/b.jpg", "hand.png,two.png", "[1].png"):
        with pytest.raises(InputError) as caught:
            expand(url)
        assert ("download it first" in str(caught.value)) == ("://" in url)
        assert ("pattern" in str(caught.value)) == ("[" in url)


def test_photos_that_are_not_read_are_counted_in_a_line(estimator, folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # it cannot be imported
    Path("phone/deep").mkdir(parents=True)
    unread = ("b.HEIC", "c.heif", "d.jxl", "e.cr2", "f.MOV", "a_keypoints.mp4", "._b.heic", "n.txt")
    for name in (*unread, "deep/g.heic"):
        Path("phone", name).touch()
    left = (
        "left out: 2 HEIC photos (pip install pillow-heif), 1 JPEG XL photo (save as JPEG first), "
        "1 raw photo (save as JPEG first), 1 video "
    )
    assert cli.main(["detect", "phone"]) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert left in line
    assert "no photo in this folder" in line
    write_image("phone/a.png", photo())
    assert cli.main(["detect", "phone"]) == 0
    told, inside = capsys.readouterr().err, "; 1 subfolder not looked into: --recursive"
    assert told == f"phone: {left}(for `openpose-keras video`){inside}\n"
    assert cli.main(["detect", "phone", "--recursive"]) == 0
    assert capsys.readouterr().err == told.replace("2 HEIC", "3 HEIC").replace(inside, "")
    assert cli.main(["detect", ".", "--out", "phone"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["detect", "phone", "--quiet"]) == 0
    assert capsys.readouterr().err == ""


def test_photos_of_iphones_and_avif_are_photos(estimator, folder, capsys, monkeypatch):
    Path("phone").mkdir()
    for suffix in ("HEIC", "heif", "hif"):
        Path(f"phone/{suffix}.{suffix}").write_bytes(encode_heic(photo()))
    PIL.Image.fromarray(photo()).save("phone/android.avif")
    assert cli.main(["detect", "phone"]) == 0
    written = capsys.readouterr()
    assert written.out.count(" -> ") == 4
    assert not written.err
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    line = error_line(capsys, "detect", "phone/HEIC.HEIC", "--force")
    assert "HEIC.HEIC: HEIC needs pillow-heif" in line


@pytest.mark.parametrize("pattern", ["emp [1]/**/*.png", "emp*/**/*.png"])
def test_folders_named_like_patterns_are_folders(folder, pattern):
    Path("emp [1]/sub").mkdir(parents=True)
    Path("emp [1]/sub/a.png").touch()
    assert expand(pattern) == [Path("emp [1]/sub/a.png")]


def test_a_name_that_the_terminal_cannot_print_does_not_end_the_run(estimator, folder, monkeypatch):
    write_image("\N{HEAVY BLACK HEART}.png", photo())
    write_image("zz.png", photo())
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["detect", ".", "--out", "out"]) == 0
    out.flush()
    assert b"\\u2764.png: left hand" in out.buffer.getvalue()
    assert "zz_keypoints.png" in names("out")


def test_what_is_named_is_taken_even_if_it_looks_like_a_pattern_or_a_result(folder):
    for name in ("a[1].png", "a1.png", "hand_keypoints.png"):
        Path(name).touch()
        assert expand(name) == [Path(name)]
    for pattern in ("b[1].png", "*_keypoints.png"):
        with pytest.raises(InputError, match="matches none, leaving out earlier results"):
            expand(pattern)


@pytest.mark.parametrize(
    ("photos", "stems"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["x/a.jpg", "y/a.jpg", "y/a.png"], ["x_a_jpg", "y_a_jpg", "y_a_png"]),
        (["x/a.jpg", "x/A.jpg"], ["x_a_jpg", "x_A_jpg_2"]),
        (["p/x/a.jpg", "q/x/a.jpg", "r/b.jpg"], ["x_a_jpg", "x_a_jpg_2", "b"]),
    ],
)
def test_each_photo_has_a_stem_of_its_own(photos, stems):
    assert output_stems([Path(photo) for photo in photos]) == stems


@pytest.mark.parametrize("is_terminal", [True, False])
def test_progress_bar_is_on_stderr_of_a_terminal(
    estimator, folder, capsys, monkeypatch, is_terminal
):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    write_image("two.png", photo())
    assert cli.main(["detect", "hand.png", "two.png"]) == 0
    printed = capsys.readouterr()
    assert ("2/2" in printed.err) == is_terminal
    assert "2/2" not in printed.out


# --- ends


def test_a_run_that_may_write_nothing_leaves_no_table_behind(estimator, folder, capsys):
    assert cli.main(["detect", "hand.png"]) == 0
    before = set(Path().iterdir())
    assert "without --format csv" in error_line(
        capsys, "detect", "hand.png", "--format", "json,csv"
    )
    assert set(Path().iterdir()) == before
    assert cli.main(["detect", "hand.png", "--recipe", "fast", "--force"]) == 0


def test_the_demo_finds_people_in_the_photo_that_ships_and_opens_nothing(
    people, folder, capsys, monkeypatch
):
    shown = []
    monkeypatch.setattr(PIL.Image.Image, "show", lambda image: shown.append(image.size))
    assert cli.main(["demo", "--out", "o"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert "people.jpg: 1 body, 1 hand -> " in first
    assert names("o") == ["people_keypoints.json", "people_keypoints.png"]
    assert "  openpose-keras detect PHOTO" in rest
    assert not shown
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    assert cli.main(["demo", "--out", "o", "--show"]) == 0
    assert "there is no display here" in capsys.readouterr().err
    assert not shown
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli.main(["demo", "--out", "o", "--show"]) == 0
    assert shown == [read_image("o/people_keypoints.png").shape[1::-1]]


def test_boxes_are_drawn_where_they_are_asked_for(estimator, folder):
    assert cli.main(["detect", "hand.png", "--out", "plain"]) == 0
    assert cli.main(["detect", "hand.png", "--out", "boxes", "--draw", "boxes"]) == 0
    plain, boxed = (read_image(f"{name}/hand_keypoints.png") for name in ("plain", "boxes"))
    assert (plain != boxed).any()
    texts = [Path(name, "hand_keypoints.json").read_text() for name in ("plain", "boxes")]
    first, second = map(json.loads, texts)
    options, others = first.pop("openpose_keras"), second.pop("openpose_keras")
    assert others == {**options, "draw": "boxes"}
    assert first == second
    assert first["people"]


@pytest.mark.parametrize("option", [["--show"], ["--draw", "boxes"]], ids=str)
def test_what_is_of_the_annotated_image_needs_one(option, estimator, folder, capsys):
    with pytest.raises(SystemExit):
        cli.main(["detect", "hand.png", "--no-image", *option])
    assert "leave out --no-image" in capsys.readouterr().err


def test_show_refuses_to_open_a_window_for_each_of_many_photos(estimator, folder, capsys):
    for number in range(9):
        write_image(f"{number}.png", np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(SystemExit):
        cli.main(["detect", ".", "--show"])
    assert "at most 8 images, got 10 photos" in capsys.readouterr().err


@pytest.mark.parametrize("option", [("--max-hands", "1"), ("--smallest", "0.2")])
def test_options_of_a_search_are_refused_beside_boxes(estimator, folder, capsys, option):
    with pytest.raises(SystemExit):
        cli.main(["detect", "hand.png", "--box", "10,10,50", *option])
    assert f"{option[0]} is of a search, and --box says" in capsys.readouterr().err


def test_a_box_without_a_hand_is_told(estimator, folder, capsys, monkeypatch):
    own = estimator.estimate_one
    monkeypatch.setattr(
        estimator,
        "estimate_one",
        lambda *box: types.SimpleNamespace(hand=replace(own(*box).hand, presence=0.004)),
    )
    assert cli.main(["detect", "hand.png", "--box", "10,10,50", "--no-image"]) == 0
    assert "left hand (presence 0.00, probably no hand) -> " in capsys.readouterr().out


def test_an_unknown_option_names_the_help_of_its_command(estimator, folder, capsys):
    with pytest.raises(SystemExit):
        cli.main(["detect", "hand.png", "--colour", "red"])
    error = capsys.readouterr().err
    assert "unrecognized arguments: --colour red; see openpose-keras detect --help" in error
    with pytest.raises(SystemExit):
        cli.main(["detect", "hand.png", "--csv"])
    assert "--csv; --format csv asks for it; see" in capsys.readouterr().err


def test_interrupt_ends_cleanly(estimator, folder, capsys):
    estimator.error = KeyboardInterrupt()
    assert error_line(capsys, "detect", "hand.png", status=130) == (
        "interrupted after 0 of 1 photos; the same command goes on\n"
    )
    assert names(folder) == ["hand.png"]


def test_help_imports_nothing_heavy():
    code = (
        "import atexit, sys\n"
        "from openpose_keras import cli\n"
        f"atexit.register(lambda: print(set(sys.modules) & {HEAVY}))\n"
        "cli.main(['detect', '--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: openpose-keras detect")
    assert done.stdout.endswith("set()\n")


def test_module_is_the_command():
    command = [sys.executable, "-m", "openpose_keras", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"openpose-keras {openpose_keras.__version__}\n"


# --- evaluate


@pytest.fixture
def labels(folder):
    """Write a file of labels whose hands are where the fake estimator finds them."""
    steps = np.linspace(0.1, 0.9, 21)
    points = np.column_stack([10 + 60 * steps, 10 + 60 * steps, np.ones(21)])
    side = 60 * 0.8
    annotation = {"image_id": 1, "bbox": [16, 16, side, side], "keypoints": points.tolist()}
    data = {"images": [{"id": 1, "file_name": "hand.png"}], "annotations": [annotation]}
    Path("labels.json").write_text(json.dumps(data))
    return folder / "labels.json"


def test_evaluate_prints_a_table_and_writes_json(estimator, labels, capsys):
    assert cli.main([*EVALUATE, "--out", "report.json", "--crop-factor", "1.25"]) == 0
    table = capsys.readouterr().out
    assert "PCK@0.1" in table
    assert "interval over images; over fewer than 10 it says little\n" in table
    report = json.loads(Path("report.json").read_text())
    assert report["pck"]["0.1"]["value"] == 1
    assert report["options"]["preset"] == "hand_lite"
    assert report["options"]["weights"] is None
    boxes, sides = estimator.calls[0]
    assert boxes[0] == pytest.approx((10, 10, 60, 60))
    assert sides is None


def test_evaluate_measures_the_search(estimator, labels, capsys):
    assert cli.main([*EVALUATE, "--search", "--min-presence", "0"]) == 0
    assert "recall" in capsys.readouterr().out
    assert estimator.limits == [(0.0, None)]


def test_evaluate_overwrites_nothing_without_force(estimator, labels, capsys):
    Path("report.json").write_text("precious")
    assert "report.json exists" in error_line(capsys, *EVALUATE, "--out", "report.json")
    assert Path("report.json").read_text() == "precious"
    assert "there is no folder" in error_line(capsys, *EVALUATE, "--out", "no/such/report.json")
    assert estimator.calls == []
    assert cli.main([*EVALUATE, "--out", "report.json", "--force"]) == 0


@pytest.mark.parametrize(
    ("data", "images", "message"),
    [
        ("no.json", ".", "no.json"),
        ("hand.png", ".", "is not a JSON file"),
        ("labels.json", "elsewhere", "images of labels.json are missing"),
        ("people.json", ".", "people need a network of bodies, such as --preset body_25"),
    ],
)
def test_evaluate_tells_bad_data_in_one_line(estimator, labels, capsys, data, images, message):
    person = LabelledPerson(np.full((17, 2), 40.0), np.full(17, 2), (0, 0, 90, 90), 5000)
    write_people_labels("people.json", [LabelledPeople(Path("hand.png"), (person,), 1)])
    error = error_line(capsys, "evaluate", data, "--images", images)
    assert error.startswith("error: ")
    assert message in error


# --- people


class FakePeople:
    """Stands for the networks: a body with one hand, or nobody."""

    def __init__(self):
        self.parts, self.people, self.presence = None, 1, None

    def __call__(self, image, *, min_presence=0.5):
        xy = np.column_stack([np.linspace(20, 90, 25), np.linspace(10, 80, 25)])
        body = Body(xy, np.full(25, 0.3), skeleton=BODY_25)
        steps = np.linspace(16, 64, 21)
        hand = Hand(np.column_stack([steps, steps]), np.full(21, 0.9), side="left")
        hand = replace(hand, presence=self.presence)
        return [Person(body, left_hand=hand)] * self.people


@pytest.fixture
def people(monkeypatch):
    """Put the fake instead of the real ones; no Keras is imported."""
    fake = FakePeople()

    def load(args, parts):
        fake.parts = parts
        return fake

    monkeypatch.setattr(cli_options, "load_people_estimator", load)
    monkeypatch.setattr(cli_options, "find_weights", lambda *_: None)
    return fake


def test_people_are_drawn_and_written(people, folder, capsys):
    assert cli.main(["detect", "hand.png", "--preset", "openpose"]) == 0
    assert people.parts == ("body", "face", "hand")
    (person,) = read_people("hand_keypoints.json")
    assert person.body.skeleton is BODY_25
    assert person.left_hand.found.all()
    assert (read_image("hand_keypoints.png") != photo()).any()
    outputs = "hand_keypoints.png, hand_keypoints.json"
    assert capsys.readouterr().out == f"hand.png: 1 body, 1 hand -> {outputs}\n"
    people.presence, people.people = 0.796, 2
    assert cli.main(["detect", "hand.png", "--preset", "openpose", "--force"]) == 0
    line = f"hand.png: 2 bodies, 2 hands (presence at least 0.79) -> {outputs}\n"
    assert capsys.readouterr().out == line
    people.people = 0
    assert cli.main(["detect", "hand.png", "--preset", "body_25", "--force"]) == 0
    assert capsys.readouterr().out == f"hand.png: nobody found -> {outputs}\n"


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (
            ["--preset", "hand_lite", "--recipe", "openpose_cpu"],
            2,
            "expected a recipe of hand, openpose, pytorch_openpose,",
        ),
        (["--preset", "body_25", "--recipe", "mmittek"], 2, "of body, openpose, openpose_cpu, ref"),
        (["--preset", "body_25,hand_lite"], 1, "the weights of 'body_25' are not on this machine"),
        (["--weights", "no.h5"], 1, "expected weights for hand_lite: there is no file no.h5"),
        (["--weights", "."], 1, "expected weights for hand_lite: . is a folder"),
        (["--preset", "body_tiny", "--weights", "no.h5"], 1, "there is no file no.h5"),
        (["--preset", "body_tiny"], 1, "`openpose-keras train weights/body_tiny.json`"),
    ],
)
def test_a_wrong_recipe_and_missing_weights_are_told_before_keras_starts(
    folder, capsys, monkeypatch, options, status, message
):
    monkeypatch.setenv("KERAS_HOME", str(folder))
    monkeypatch.delattr(base, "load_engine")
    try:
        found = cli.main(["detect", "hand.png", *options])
    except SystemExit as stop:
        found = stop.code
    assert found == status
    assert message in capsys.readouterr().err


def test_presets_are_named_in_any_case_and_with_spaces(people, folder):
    assert cli.main(["detect", "hand.png", "--preset", "BODY_25, hand_lite"]) == 0
    assert people.parts == ("body", "hand")


@pytest.mark.parametrize(
    ("options", "parts", "preset"),
    [
        ([], ("body", "face", "hand"), "lite"),
        (["--parts", "body"], ("body",), "lite"),
        (["--recipe", "refined"], ("body", "face", "hand"), "lite"),
        (["--parts", "hands"], (), "lite"),
        (["--max-hands", "2"], (), "hand_lite"),
        (["--box", "1,2,3"], (), "hand_lite"),
        (["--weights", "own.weights.h5"], (), "hand_lite"),
    ],
)
def test_people_are_found_unless_an_option_is_of_hands(folder, monkeypatch, options, parts, preset):
    calls = []
    for name in ("load_estimator", "load_people_estimator"):
        monkeypatch.setattr(
            cli_options, name, lambda args, *parts: calls.append((args.preset, *parts)) or print
        )
    Path("own.weights.h5").touch()
    cli.main(["detect", "hand.png", *options])
    assert calls == [(preset, parts) if parts else (preset,)]


def test_help_of_detect_names_presets_sets_and_recipes(capsys):
    with pytest.raises(SystemExit):
        cli.main(["detect", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    for part in (
        "body_mobilenet",
        "openpose (body_25,face,hand)",
        "refined, but openpose for bodies of other networks than body_lite",
    ):
        assert part in text


def test_the_threshold_counts_for_all_parts(people, folder):
    assert cli.main(["detect", "hand.png", "--preset", "body_25", "--threshold", "0.95"]) == 0
    np.testing.assert_array_equal(read_image("hand_keypoints.png"), photo())


@pytest.mark.parametrize(
    ("parts", "expected"),
    [("body", ("body",)), ("hands,bodies", ("body", "hand")), ("face,body", ("body", "face"))],
)
def test_parts_are_a_choice_of_what_the_presets_find(people, folder, parts, expected):
    argv = ["detect", "hand.png", "--preset", "body_25,face,hand_lite", "--parts", parts]
    assert cli.main(argv) == 0
    assert people.parts == expected


def test_hands_alone_take_the_options_of_hands(estimator, folder):
    options = ["--preset", "openpose", "--parts", "hands", "--max-hands", "2"]
    assert cli.main(["detect", "hand.png", *options]) == 0
    assert estimator.limits == [(0.5, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "hand_lite", "--parts", "body"], "hand_lite finds hand, not body"),
        (["--preset", "face"], "take a --preset of bodies too, such as lite"),
        (
            ["--preset", "body_25,hand", "--box", "1,2,3"],
            "--box: only for hands alone; add --parts",
        ),
        (
            ["--preset", "body_25", "--heatmaps"],
            "--heatmaps: only for hands alone; take a --preset",
        ),
        (["--preset", "body_25", "--max-hands", "1"], "--max-hands: only for hands alone"),
        (["--preset", "foot"], "there is no preset 'foot'"),
        (["--preset", "body_25,body_mpi"], "body_mpi finds the body again"),
        (["--parts", "feet"], 'expected some of "body,face,hands"'),
    ],
)
def test_parts_and_presets_that_do_not_fit_are_refused(people, folder, capsys, options, message):
    try:
        status = cli.main(["detect", "hand.png", *options])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert names(folder) == ["hand.png"]


def test_evaluate_measures_the_hands_of_people_as_a_search(people, labels):
    argv = [*EVALUATE, "--preset", "body_25,face,hand_lite", "--search", "--out", "figures.json"]
    for count, expected in ((1, 1), (0, 0)):
        people.people = count
        assert cli.main([*argv, "--force"]) == 0
        figures = json.loads(Path("figures.json").read_text())
        assert figures["recall"]["value"] == expected
        assert figures["false_hands_per_image"]["value"] == 0
    assert people.parts == ("body", "hand")
    assert figures["options"]["preset"] == "body_25,face,hand_lite"


def test_evaluate_measures_people_with_a_preset_of_bodies(people, folder, capsys):
    person = LabelledPerson(np.full((17, 2), 40.0), np.full(17, 2), (0, 0, 90, 90), 5000)
    write_people_labels("people.json", [LabelledPeople(Path("hand.png"), (person,), 1)])
    argv = ["evaluate", "people.json", "--images", ".", "--preset", "body_25,hand_lite"]
    assert cli.main([*argv, "--out", "figures.json"]) == 0
    assert people.parts == ("body",)
    printed = capsys.readouterr()
    assert "ap_large" in printed.out
    assert printed.err == "body_25,hand_lite: only the bodies are measured\n"
    figures = json.loads(Path("figures.json").read_text())
    assert (figures["ap"], figures["ap_large"]) == (0, None)
    assert figures["options"]["preset"] == "body_25,hand_lite"
    no_bodies = (["--preset", "face,hand_lite"], "no bodies")
    of_hands = (["--preset", "face", "--search"], "--search: only")
    alone = (["--preset", "body_25", "--search"], "--search: only")
    of_crops = (["--search", "--use-sides"], "--use-sides: only")
    for more, message in (alone, of_crops, no_bodies, of_hands):
        with pytest.raises(SystemExit):
            cli.main([*argv, *more])
        assert message in capsys.readouterr().err
