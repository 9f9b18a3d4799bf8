import io
import json
import subprocess
import sys
import types
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

import openpose_keras
from openpose_keras import cli
from openpose_keras.cli import detect as detect_command
from openpose_keras.cli import evaluate as evaluate_command
from openpose_keras.cli.paths import InputError, expand, output_stems
from openpose_keras.core.errors import ImageError, OpenPoseKerasError
from openpose_keras.core.files import PHOTO_SUFFIXES
from openpose_keras.core.keypoints import Hand
from openpose_keras.io.images import read_image, write_image
from openpose_keras.io.openpose_json import read_openpose


def photo(height=90, width=120, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


class FakeEstimator:
    """Stands for the network: a hand for each box, or one of its own when it searches."""

    def __init__(self, hands=1):
        self.hands, self.calls = hands, []

    def __call__(self, image, boxes=None, sides=None):
        self.calls.append((boxes, sides))
        positions = [(10.0, 10.0, 60.0, 60.0)] * self.hands if boxes in (None, "whole") else boxes
        sides = [None] * len(positions) if sides is None else [sides] * len(positions)
        hands = []
        for box, side in zip(positions, sides, strict=True):
            if min(box[0] + box[2], box[1] + box[3]) <= 0 or box[0] >= image.shape[1]:
                raise ImageError(f"the box {box} lies wholly outside the image")
            steps = np.linspace(0.1, 0.9, 21)
            xy = np.column_stack([box[0] + steps * box[2], box[1] + steps * box[3]])
            hands.append(Hand(xy=xy, scores=np.full(21, 0.75), box=box, side=side or "left"))
        return hands

    def estimate(self, image, boxes=None, sides=None):
        hands = self(image, boxes, sides)
        return [
            types.SimpleNamespace(hand=hand, heatmaps=partial(heatmaps, hand)) for hand in hands
        ]


def heatmaps(hand):
    """Maps that cover more than the hand's box, as with a recipe of several scales."""
    x, y, width, height = hand.box
    frame = types.SimpleNamespace(box=(x - 5, y - 5, width + 10, height + 10))
    return np.full((12, 12, 22), 0.5, np.float32), frame


@pytest.fixture
def estimator(monkeypatch):
    """Put the fake instead of the real one; no Keras is imported."""
    fake = FakeEstimator()
    monkeypatch.setattr(detect_command, "load_estimator", lambda args: fake)
    monkeypatch.setattr(evaluate_command, "load_estimator", lambda args: fake)
    return fake


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a folder with one photo, as the current folder."""
    monkeypatch.chdir(tmp_path)
    write_image("hand.png", photo())
    return tmp_path


def names(folder):
    return sorted(entry.name for entry in Path(folder).iterdir())


# --- what is written


def test_picture_and_json_are_written_into_the_current_folder(estimator, folder, capsys):
    assert cli.main(["detect", "hand.png"]) == 0
    assert names(folder) == ["hand.png", "hand_keypoints.json", "hand_keypoints.png"]
    drawn = read_image("hand_keypoints.png")
    assert drawn.shape == (90, 120, 3)
    assert (drawn != photo()).any()
    (hand,) = read_openpose("hand_keypoints.json")
    assert hand.side == "left"
    assert hand.found.all()
    out = capsys.readouterr().out
    assert out.startswith("hand.png: left hand 0.75 -> ")
    assert out.count("\n") == 1
    assert estimator.calls == [(None, None)]


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ([], ["_keypoints.json", "_keypoints.png"]),
        (["--json"], ["_keypoints.json", "_keypoints.png"]),
        (["--no-json"], ["_keypoints.png"]),
        (["--no-image"], ["_keypoints.json"]),
        (["--heatmaps"], ["_heatmaps.png", "_keypoints.json", "_keypoints.png"]),
        (["--heatmaps", "--no-json", "--no-image"], ["_heatmaps.png"]),
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


def test_boxes_and_side_reach_the_estimator(estimator, folder):
    assert cli.main(["detect", "hand.png", "--box", "10,20,30", "--box=-5,2.5,40"]) == 0
    boxes, _ = estimator.calls[0]
    assert boxes == [(10, 20, 30, 30), (-5, 2.5, 40, 40)]
    assert len(read_openpose("hand_keypoints.json")) == 2


def test_whole_photo_is_one_hand(estimator, folder):
    assert cli.main(["detect", "hand.png", "--box", "whole", "--side", "right"]) == 0
    assert estimator.calls[0][0] == "whole"
    assert read_openpose("hand_keypoints.json")[0].side == "right"


@pytest.mark.parametrize(
    "options",
    [
        ["--box", "1,2"],
        ["--box", "1,2,3,4"],
        ["--box", "a,b,c"],
        ["--box", "1,2,0"],
        ["--box", "1,2,-3"],
        ["--box", "nan,2,3"],
        ["--box", "inf,2,3"],
        ["--box", ""],
        ["--box", "whole", "--box", "1,2,3"],
        ["--side", "both"],
        ["--preset", "foot"],
        ["--recipe", "soup"],
        ["--no-json", "--no-image"],
    ],
)
def test_usage_errors_end_with_status_2_and_no_traceback(estimator, folder, capsys, options):
    with pytest.raises(SystemExit) as caught:
        cli.main(["detect", "hand.png", *options])
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert "usage: openpose-keras detect" in error
    assert "openpose-keras detect: error: " in error
    assert "Traceback" not in error
    assert names(folder) == ["hand.png"]
    assert estimator.calls == []


def test_box_outside_the_image_fails_for_that_photo_only(estimator, folder, capsys):
    write_image("wide.png", photo(90, 400))
    assert cli.main(["detect", "hand.png", "wide.png", "--box", "300,0,50"]) == 1
    error = capsys.readouterr().err
    assert "error: hand.png: the box" in error
    assert names(folder)[-2:] == ["wide_keypoints.json", "wide_keypoints.png"]


# --- bad files


def test_bad_files_are_told_in_one_line_each_and_the_rest_goes_on(estimator, folder, capsys):
    Path("text.jpg").write_text("I am no photo")
    Path("empty.png").touch()
    Path("cut.png").write_bytes(Path("hand.png").read_bytes()[:200])
    bad = ["missing.jpg", "text.jpg", "empty.png", "cut.png"]
    assert cli.main(["detect", *bad, "hand.png", "--out", "out"]) == 1
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if line.startswith("error: ")]
    assert [name for name in bad if any(name in line for line in lines)] == bad
    assert len(lines) == len(bad)
    assert "Traceback" not in printed.err
    assert printed.out.startswith("hand.png: ")
    assert names("out") == ["hand_keypoints.json", "hand_keypoints.png"]


@pytest.mark.parametrize("argument", ["missing.jpg", "empty", "*.gif", "no/such/*.png"])
def test_argument_without_a_photo_fails_before_the_network_is_loaded(
    folder, monkeypatch, capsys, argument
):
    Path("empty").mkdir()
    monkeypatch.setattr(detect_command, "load_estimator", lambda args: pytest.fail("loaded"))
    assert cli.main(["detect", argument]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert argument in error
    assert error.count("\n") == 1


def test_error_of_the_estimator_is_one_line(folder, monkeypatch, capsys):
    def fail(args):
        raise OpenPoseKerasError("the weights are not here:\n  fetch them")

    monkeypatch.setattr(detect_command, "load_estimator", fail)
    assert cli.main(["detect", "hand.png"]) == 1
    assert capsys.readouterr().err == "error: the weights are not here: fetch them\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (cv2.error("OpenCV: (-215:Assertion failed)\n in remap"), "error: OpenCV: (-215:"),
        (MemoryError(), "MemoryError: no message"),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unforeseen_errors_are_told_by_kind_in_a_line_and_the_rest_goes_on(
    estimator, folder, monkeypatch, capsys, error, line
):
    write_image("two.png", photo(seed=1))
    call = FakeEstimator.__call__

    def fail_once(self, image, *options):
        if (image == photo()).all():
            raise error
        return call(self, image, *options)

    monkeypatch.setattr(FakeEstimator, "__call__", fail_once)
    assert cli.main(["detect", "hand.png", "two.png"]) == 1
    printed = capsys.readouterr()
    (told,) = (text for text in printed.err.splitlines() if text.startswith("error: "))
    assert told.startswith("error: hand.png: unexpected ")
    assert line in told
    assert printed.out.startswith("two.png: ")


@pytest.mark.parametrize("out", ["hand.png", "hand.png/sub"])
def test_out_that_is_no_folder_fails(estimator, folder, capsys, out):
    assert cli.main(["detect", "hand.png", "--out", out]) == 1
    assert capsys.readouterr().err.startswith(f"error: --out {out}: ")
    assert estimator.calls == []


# --- never overwrite


def test_nothing_is_overwritten_without_force(estimator, folder, capsys):
    Path("hand_keypoints.json").write_text("precious")
    assert cli.main(["detect", "hand.png"]) == 1
    assert Path("hand_keypoints.json").read_text() == "precious"
    assert "hand_keypoints.json exists" in capsys.readouterr().err
    assert not Path("hand_keypoints.png").exists()
    assert estimator.calls == []
    assert cli.main(["detect", "hand.png", "--force"]) == 0
    assert len(read_openpose("hand_keypoints.json")) == 1


def test_photo_is_not_overwritten_even_with_force(estimator, folder, capsys):
    write_image("hand_keypoints.png", photo(seed=1))
    assert cli.main(["detect", "hand.png", "hand_keypoints.png", "--force"]) == 1
    np.testing.assert_array_equal(read_image("hand_keypoints.png"), photo(seed=1))
    assert "is one of the photos" in capsys.readouterr().err


def test_photos_of_one_name_do_not_overwrite_each_other(estimator, folder):
    for place in ("left", "right"):
        Path(place).mkdir()
        write_image(f"{place}/a.png", photo())
    assert cli.main(["detect", "left/a.png", "right/a.png", "hand.png", "--out", "out"]) == 0
    assert names("out") == [
        f"{stem}_keypoints.{suffix}"
        for stem in ("hand", "left_a", "right_a")
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


@pytest.mark.parametrize("argument", [".", "*", "*.png", "hand*", "**/*.png"])
def test_results_of_an_earlier_run_are_not_taken_for_photos(estimator, folder, argument):
    assert cli.main(["detect", argument, "--heatmaps"]) == 0
    before = names(folder)
    assert cli.main(["detect", argument, "--heatmaps", "--force"]) == 0
    assert names(folder) == before


def test_folders_hold_photos_of_every_suffix_and_no_hidden_ones(folder):
    photos = [f"photo{suffix}" for suffix in PHOTO_SUFFIXES]
    for name in (*photos, "photo.heic", "._photo.jpg"):
        Path(name).touch()
    assert names(folder) != photos
    assert [path.name for path in expand(".")] == ["hand.png", *photos]
    assert Path("._photo.jpg") not in expand("*photo*")
    Path("phone").mkdir()
    with pytest.raises(InputError, match="convert HEIC to JPEG"):
        expand("phone")


@pytest.mark.parametrize("pattern", ["emp [1]/**/*.png", "emp [1]/sub/*.png", "emp*/**/*.png"])
def test_folders_named_like_patterns_are_folders(folder, pattern):
    Path("emp [1]/sub").mkdir(parents=True)
    Path("emp [1]/sub/a.png").touch()
    assert expand(pattern) == [Path("emp [1]/sub/a.png")]


def test_circular_links_end(folder):
    for name in ("one", "two"):
        Path(name).symlink_to(".")
    assert expand("**/*.png") == [Path("hand.png")]


def test_a_name_that_the_terminal_cannot_print_does_not_end_the_run(estimator, folder, monkeypatch):
    write_image("\N{HEAVY BLACK HEART}.png", photo())
    write_image("zz.png", photo())
    out = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["detect", ".", "--out", "out"]) == 0
    out.flush()
    assert b"\\u2764.png: left hand" in out.buffer.getvalue()
    assert "zz_keypoints.png" in names("out")


def test_a_result_is_taken_when_it_is_named(folder):
    Path("hand_keypoints.png").touch()
    assert expand("hand_keypoints.png") == [Path("hand_keypoints.png")]
    with pytest.raises(InputError, match="leaving out earlier results"):
        expand("*_keypoints.png")


def test_file_whose_name_looks_like_a_pattern_is_the_file(folder):
    Path("a[1].png").touch()
    Path("a1.png").touch()
    assert expand("a[1].png") == [Path("a[1].png")]
    with pytest.raises(InputError, match="as a pattern it matches none"):
        expand("b[1].png")


@pytest.mark.parametrize(
    ("photos", "stems"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png"], ["a_jpg", "a_png"]),
        (["x/a.jpg", "y/a.jpg", "y/a.png"], ["x_a", "y_a", "a_png"]),
        (["x/a.jpg", "x/A.jpg"], ["x_a_jpg", "x_A_jpg_2"]),
        (["p/x/a.jpg", "q/x/a.jpg", "r/b.jpg"], ["x_a_jpg", "x_a_jpg_2", "b"]),
        ([], []),
    ],
)
def test_each_photo_has_a_stem_of_its_own(photos, stems):
    assert output_stems([Path(photo) for photo in photos]) == stems


def test_progress_bar_is_on_stderr_and_only_for_several_photos(estimator, folder, capsys):
    write_image("two.png", photo())
    assert cli.main(["detect", "hand.png", "--out", "one"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.main(["detect", "hand.png", "two.png", "--out", "two"]) == 0
    printed = capsys.readouterr()
    assert "2/2" in printed.err
    assert "photo" not in printed.out


# --- ends


def test_interrupt_ends_cleanly(estimator, folder, monkeypatch, capsys):
    def interrupt(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeEstimator, "__call__", interrupt)
    assert cli.main(["detect", "hand.png"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
    assert names(folder) == ["hand.png"]


def test_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"openpose-keras {openpose_keras.__version__}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from openpose_keras import cli\n"
        "try:\n"
        "    cli.main(['detect', '--help'])\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "heavy = {'numpy', 'cv2', 'keras', 'tensorflow', 'jax', 'torch', 'tqdm', 'scipy'}\n"
        "loaded = heavy & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: openpose-keras" in done.stdout


def test_module_is_the_command():
    command = [sys.executable, "-m", "openpose_keras", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (
        0,
        ["openpose-keras", openpose_keras.__version__],
    )


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
    argv = ["evaluate", "labels.json", "--images", ".", "--out", "report.json"]
    assert cli.main([*argv, "--crop-factor", "1.25"]) == 0
    assert "PCK@0.1" in capsys.readouterr().out
    report = json.loads(Path("report.json").read_text())
    assert report["pck"]["0.1"]["value"] == 1
    assert report["options"]["preset"] == "hand_lite"
    assert report["options"]["weights"] is None
    boxes, sides = estimator.calls[0]
    assert boxes[0] == pytest.approx((10, 10, 60, 60))
    assert sides is None


def test_evaluate_measures_the_finder(estimator, labels, capsys):
    assert cli.main(["evaluate", "labels.json", "--images", ".", "--search"]) == 0
    assert "recall" in capsys.readouterr().out


def test_evaluate_overwrites_nothing_without_force(estimator, labels, capsys):
    Path("report.json").write_text("precious")
    argv = ["evaluate", "labels.json", "--images", ".", "--out", "report.json"]
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == 2
    assert Path("report.json").read_text() == "precious"
    assert cli.main([*argv, "--force"]) == 0
    with pytest.raises(SystemExit):
        cli.main([*argv[:-1], "no/such/folder/report.json"])
    assert "there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("data", "images", "message"),
    [
        ("no.json", ".", "no.json"),
        ("hand.png", ".", "is not a JSON file"),
        ("labels.json", "elsewhere", "images of labels.json are missing"),
    ],
)
def test_evaluate_tells_bad_data_in_one_line(estimator, labels, capsys, data, images, message):
    assert cli.main(["evaluate", data, "--images", images]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "options", [["--crop-factor", "0"], ["--limit", "0"], ["--order", "coco"], ["--limit", "x"]]
)
def test_evaluate_refuses_senseless_options(labels, capsys, options):
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", "labels.json", "--images", ".", *options])
    assert caught.value.code == 2
