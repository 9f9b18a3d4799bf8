"""Folders of photos: each exactly once, whatever happens."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from openpose_keras import cli
from openpose_keras.cli import options
from openpose_keras.cli.batch import RESULTS, Batch
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco_people import read_people_labels
from openpose_keras.io.coco_results import read_results
from openpose_keras.io.openpose_json import read_openpose
from openpose_keras.io.photo_results import PhotoResults
from tests.helpers import ROOT
from tests.helpers.folders import ValueEstimator, write_photos

DETECT = ["detect", "photos", "--preset", "hand_lite", "--out", "out"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """An empty folder as the current one; the network is a fake."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "load_estimator", lambda args: ValueEstimator())
    return tmp_path


def detect(*arguments, status=0):
    assert cli.main([*DETECT, *arguments]) == status


def names(folder="out"):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*.*"))


def rows(path="out/keypoints.csv"):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def check_rows(table, numbers):
    """Each photo has the rows of its own hand, once."""
    counts = Counter(row["photo"] for row in table)
    assert counts == {f"../photos/{number:03}.png": 20 for number in numbers}
    for row in table:
        assert float(row["y"]) == int(Path(row["photo"]).stem) % 256


def test_bad_photos_end_in_a_list_and_the_others_have_results(capsys):
    bad = range(7, 1000, 20)
    write_photos("photos", 1000, bad)
    detect("--format", "json,csv", "--no-image", status=1)
    good = sorted({*range(1000)} - {*bad})
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == len(bad) == 50
    assert printed.out.splitlines()[-2:] == [
        "the results of 950 photos -> out/keypoints.csv",
        "50 of 1000 photos failed -> out/bad_photos.csv",
    ]
    check_rows(rows(), good)
    written = [name for name in names() if name.endswith("_keypoints.json")]
    assert written == [f"{number:03}_keypoints.json" for number in good]
    listed = rows("out/bad_photos.csv")
    assert [row["photo"] for row in listed] == [f"../photos/{number:03}.png" for number in bad]
    assert all(row["error"].startswith("expected JPEG, PNG") for row in listed)


def test_a_bad_photo_that_was_mended_is_found_by_the_next_run(capsys, monkeypatch):
    write_photos("photos", 3, [1])
    detect("--format", "csv", "--no-image", status=1)
    write_photos("photos", 3)
    detect("--format", "csv", "--no-image")
    check_rows(rows(), range(3))
    assert names() == ["keypoints.csv", "keypoints.jsonl"]
    monkeypatch.setattr(options, "load_estimator", None)  # nothing is left to do
    detect("--format", "csv", "--no-image")


def test_a_run_that_is_killed_goes_on_and_has_everything_once():
    write_photos("photos", 60)
    arguments = [*DETECT, "--format", "json,csv,coco"]
    code = (
        "from openpose_keras import cli\nfrom tests.helpers.folders import install\n"
        f"install(seconds=0.01)\ncli.main({arguments})"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.DEVNULL
    )
    path = Path("out", RESULTS)
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if path.exists() and path.read_bytes().count(b'{"photo"') >= 20:
            break
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    before = path.read_bytes()
    assert 20 <= before.count(b'{"photo"') < 60
    assert not Path("out/keypoints.csv").exists()
    path.write_bytes(before[:-9])  # as if it had been killed in the middle of a line
    Path("out/059_keypoints.png").write_text("half of the outputs of a photo")
    Path("out/.0123abcd.030_keypoints.json").write_text("half a file")
    detect("--format", "json,csv,coco")
    check_rows(rows(), range(60))
    detect("--format", "json,csv,coco", "--out", "whole")  # without a break
    assert names("out") == names("whole")
    assert not list(Path("out").glob(".*"))
    for name in names("whole"):
        if name != RESULTS:
            assert Path("out", name).read_bytes() == Path("whole", name).read_bytes()


@pytest.mark.parametrize("formats", ["csv", "json,csv"])
def test_the_same_command_goes_on_after_ctrl_c_before_the_results_of_a_photo(monkeypatch, formats):
    write_photos("photos", 3, [])
    interrupted = [KeyboardInterrupt]

    def add(batch, outcome):
        if interrupted:  # the image is there, and no results yet
            raise interrupted.pop()
        own(batch, outcome)

    own = Batch.add
    monkeypatch.setattr(Batch, "add", add)
    detect("--format", formats, status=options.INTERRUPTED)
    assert Path("out/000_keypoints.png").exists()
    detect("--format", formats)
    check_rows(rows(), range(3))


def test_outputs_of_a_run_that_was_killed_are_known_without_tables_too(capsys, monkeypatch):
    class Copying(ValueEstimator):
        def estimate(self, image, **_):
            shutil.copy(f"out/{RESULTS}", "kept")  # what a run that is killed leaves there
            return super().estimate(image)

    monkeypatch.setattr(options, "load_estimator", lambda args: Copying())
    write_photos("photos", 3)
    detect()
    whole = names()
    assert RESULTS not in whole
    Path("out/001_keypoints.json").unlink()
    detect(status=1)  # the image may be somebody else's
    assert "001_keypoints.png exists" in capsys.readouterr().err
    shutil.copy("kept", f"out/{RESULTS}")
    detect()
    assert names() == whole


def test_results_of_other_options_are_not_mixed(capsys):
    write_photos("photos", 2)
    detect("--format", "csv", "--no-image")
    detect("--format", "csv", "--no-image", "--min-presence", "0.9", status=1)
    assert "were found with other options (--min-presence): --force" in capsys.readouterr().err
    check_rows(rows(), range(2))
    detect("--format", "csv", "--no-image", "--min-presence", "0.9", "--force")
    check_rows(rows(), range(2))


def test_a_table_that_is_wanted_later_is_refused_in_one_line(capsys):
    write_photos("photos", 3)
    detect("--quiet")
    before = names()
    write_photos("photos", 4)
    detect("--format", "json,csv", status=1)
    [line] = capsys.readouterr().err.splitlines()
    assert "out has photos that were found without --format csv: --force" in line
    assert names() == before
    detect("--format", "json,csv", "--force")
    check_rows(rows(), range(4))


def test_json_files_of_other_options_are_refused(capsys, monkeypatch):
    write_photos("photos", 2)
    detect()
    before = json.loads(Path("out/000_keypoints.json").read_text())
    assert before["openpose_keras"]["preset"] == "hand_lite"
    detect("--no-image")  # the same people
    other = ["--recipe", "fast", "--threshold", "0.5"]
    write_photos("photos", 3)
    detect(*other, status=1)
    error = capsys.readouterr().err
    assert error.startswith("error: out/000_keypoints.json was found with other options (--recipe,")
    assert error.count("\n") == 1
    detect(*other, "--out", "new", status=0)
    detect(*other, "--force")
    monkeypatch.setattr(options, "load_estimator", None)  # nothing is left to do
    detect(*other)
    Path("out/000_keypoints.json").write_text('{"people": []}')  # nothing is remembered
    Path("out/001_keypoints.json").write_text("[]")
    detect("--threshold", "0.2", status=1)
    assert "out/002" in capsys.readouterr().err
    Path("photos/002.png").unlink()
    detect("--threshold", "0.2")
    monkeypatch.setitem(sys.modules, "openvino", None)
    capsys.readouterr()
    for broken in (["--weights", "no.h5"], ["--engine", "openvino"], ["--preset", "hand"]):
        detect(*broken, status=1)
        assert "other options" not in capsys.readouterr().err


def test_a_recipe_of_a_file_is_remembered(capsys):
    write_photos("photos", 1)
    for sigma, status in ((1.5, 0), (1.5, 0), (2.5, 1)):
        Path("mine.json").write_text(json.dumps({"name": "mine", "sigma": sigma}))
        detect("--recipe", "mine.json", "--no-image", status=status)
    assert "with other options (--recipe): --force" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        detect("--recipe", "photos.json")
    assert capsys.readouterr().err.count("photos.json: No such file") == 1


def test_files_of_others_are_not_replaced(capsys, monkeypatch):
    monkeypatch.setattr(options, "load_estimator", None)  # it is told before a network is loaded
    write_photos("photos", 2)
    for name in ("keypoints.csv", RESULTS, "bad_photos.csv"):
        Path("out").mkdir(exist_ok=True)
        Path("out", name).write_text("mine")
        detect("--format", "csv", status=1)
        assert capsys.readouterr().err.count("\n") == 1
        assert names() == [name]
        assert Path("out", name).read_text() == "mine"
        Path("out", name).unlink()


def test_two_runs_do_not_write_into_one_folder(capsys):
    write_photos("photos", 2)
    Path("out").mkdir()
    with PhotoResults(Path("out", RESULTS), {}):
        detect(status=1)
    assert "another run writes into out" in capsys.readouterr().err


def test_formats_say_the_same(capsys):
    parquet = pytest.importorskip("pyarrow.parquet")
    write_photos("photos", 5)
    detect("--format", "csv,parquet,coco,json", "--no-image")
    table = parquet.read_table("out/keypoints.parquet").to_pylist()
    assert len(table) == len(rows()) == 5 * 20
    for row, text in zip(table, rows(), strict=True):
        assert list(row) == list(text)
        assert (row["part"], row["side"], row["presence"]) == ("left_hand", "left", 0.875)
        assert [row[f"box_{name}"] for name in ("x", "y", "width", "height")] == [0, 0, 8, 8]
        for name in ("person", "keypoint", "photo"):
            assert str(row[name]) == text[name]
        for name in ("x", "y", "score", "presence", "box_width"):
            assert row[name] == pytest.approx(float(text[name]), abs=0.005)
    images = read_people_labels("out/keypoints_coco.json", "out", skeleton=None)
    results = json.loads(Path("out/keypoints_coco.json").read_text())["annotations"]
    Path("results.json").write_text(json.dumps(results))
    found = read_results("results.json", skeleton=images[0].people[0].skeleton)
    for number, image in enumerate(images):
        assert image.image.resolve() == Path(f"photos/{number:03}.png").resolve()
        (hand,) = read_openpose(f"out/{number:03}_keypoints.json")
        (person,), (result,) = image.people, found[image.image_id]
        left = slice(-2 * len(HAND), -len(HAND))
        np.testing.assert_allclose(person.xy[left], hand.xy)
        np.testing.assert_allclose(result.xy[left], hand.xy)
        assert not person.labelled[: -2 * len(HAND)].any()


def test_the_label_file_is_one_of_pycocotools(capsys):
    coco = pytest.importorskip("pycocotools.coco")
    write_photos("photos", 3)
    detect("--format", "coco", "--no-image", "--quiet")
    truth = coco.COCO("out/keypoints_coco.json")
    found = truth.loadRes(list(truth.anns.values()))
    assert len(found.anns) == len(truth.imgs) == 3


def test_photos_of_folders_in_folders_lie_in_folders_of_the_same_names(capsys):
    for place in ("a", "b/deep", ".hidden"):
        write_photos(f"photos/{place}", 1)
    detect(status=1)
    assert "2 subfolders not looked into: --recursive" in capsys.readouterr().err
    detect("--recursive", "--format", "csv")
    assert names() == [
        "a/000_keypoints.png",
        "b/deep/000_keypoints.png",
        "keypoints.csv",
        "keypoints.jsonl",
    ]
    assert {row["photo"] for row in rows()} == {"../photos/a/000.png", "../photos/b/deep/000.png"}


def test_quiet_prints_errors_alone(capsys):
    write_photos("photos", 3, [1])
    detect("--quiet", "--format", "csv", status=1)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: photos/001.png: expected JPEG")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("package", "arguments", "extra"),
    [
        ("distributed", ["--workers", "2"], "distributed"),
        ("pyarrow", ["--format", "parquet"], "pyarrow"),
    ],
)
def test_a_missing_extra_is_named_in_a_line(capsys, monkeypatch, package, arguments, extra):
    monkeypatch.setitem(sys.modules, package, None)
    write_photos("photos", 1)
    detect(*arguments, status=1)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"pip install {extra}" in error
    assert not names()


def test_a_full_disk_ends_the_run_in_one_line(capsys, monkeypatch):
    write_photos("photos", 3)

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("openpose_keras.cli.finders.write_openpose", fail)
    detect(status=1)
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device\n"


def test_a_scheduler_that_is_not_there_is_told_in_a_line(capsys, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(
        distributed, "Client", lambda *_, **__: (_ for _ in ()).throw(OSError("timed out"))
    )
    write_photos("photos", 1)
    detect("--scheduler", "tcp://127.0.0.1:1", status=1)
    assert capsys.readouterr().err == "error: --scheduler tcp://127.0.0.1:1: timed out\n"


@pytest.mark.slow
@pytest.mark.network
@pytest.mark.filterwarnings("ignore")  # of Dask, about a worker that is lost
def test_a_worker_that_is_killed_is_survived(capsys):
    distributed = pytest.importorskip("distributed")
    write_photos("photos", 40, [5])
    # Each process of a worker, also one in place of another that died, begins with this code.
    preload = "from tests.helpers.folders import install\n"
    preload += f"install(kill={str(Path('dead').resolve())!r})"
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        dashboard_address=None,
        memory_limit=0,
        silence_logs="CRITICAL",
        preload=preload,
        env={"PYTHONPATH": str(ROOT)},
    ) as cluster:
        detect("--scheduler", cluster.scheduler_address, "--format", "csv,json", status=1)
    assert Path("dead").exists()
    good = sorted({*range(40)} - {5})
    check_rows(rows(), good)
    for number in good:
        (hand,) = read_openpose(f"out/{number:03}_keypoints.json")
        assert hand["wrist"][1] == number
    printed = capsys.readouterr()
    assert printed.err.startswith("error: photos/005.png: expected JPEG")
    assert printed.err.count("\n") == 1
    assert printed.out.count("photos/") == 39
