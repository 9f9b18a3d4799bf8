import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pytest

from openpose_keras import cli
from openpose_keras.cli import options
from openpose_keras.io.images import write_image
from openpose_keras.io.openpose_json import read_people
from openpose_keras.io.video import VideoReader, write_video
from tests.helpers.clips import clip, crossing, square_estimator

pytest.importorskip("av")
COUNT = 8


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a clip of two hands, as the current folder; the network is a fake."""
    monkeypatch.chdir(tmp_path)
    with write_video("clip.mp4") as add:
        for frame in clip(crossing(COUNT)):
            add(frame.image, frame.seconds)
    monkeypatch.setattr(options, "load_estimator", lambda args: square_estimator())
    return tmp_path


def run(*arguments, status=0):
    assert cli.main(["video", *arguments, "--preset", "hand_lite"]) == status


def error_line(capsys, *arguments):
    run(*arguments, status=1)
    captured = capsys.readouterr()
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def names(folder="."):
    return sorted(path.name for path in Path(folder).iterdir())


def test_the_drawn_video_json_and_table_are_written(folder, capsys):
    run("clip.mp4", "--json", "json", "--table", "table.csv")
    assert names() == ["clip.mp4", "clip_keypoints.mp4", "json", "table.csv"]
    assert names("json") == [f"clip_{n:012d}_keypoints.json" for n in range(COUNT)]
    before, after = VideoReader("clip.mp4"), VideoReader("clip_keypoints.mp4")
    for frame, drawn in zip(before, after, strict=True):
        assert frame.seconds == pytest.approx(drawn.seconds, abs=1e-4)
        assert np.abs(frame.image.astype(int) - drawn.image).mean() > 1
    with Path("table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == COUNT * 2 * 21
    for number, path in enumerate(sorted(Path("json").iterdir())):
        people = {person.id: person.hands[0] for person in read_people(path)}
        assert set(people) == {0, 1}
        mine = [row for row in rows if int(row["frame"]) == number]
        for row in mine:
            x, y, score = people[int(row["person"])][row["keypoint"]]
            values = [float(row[key]) for key in ("x", "y", "score")]
            np.testing.assert_allclose(values, (x, y, score), atol=0.006)
    out = capsys.readouterr().out
    assert out.startswith(f"clip.mp4: {COUNT} frames, 2 ids, ")
    assert out.endswith(" frames/s -> clip_keypoints.mp4, json, table.csv\n")


def test_smoothing_changes_the_drawn_video_alone(folder):
    run("clip.mp4", "--json", "a", "--out", "a.mp4")
    run("clip.mp4", "--json", "b", "--out", "b.mp4", "--smooth", "9")
    for one, other in zip(sorted(Path("a").iterdir()), sorted(Path("b").iterdir()), strict=True):
        assert one.read_text() == other.read_text()
    assert Path("a.mp4").read_bytes() != Path("b.mp4").read_bytes()


def test_ids_are_written_above_the_hands_unless_one_asks_for_none(folder):
    run("clip.mp4", "--out", "a.mp4")
    run("clip.mp4", "--out", "b.mp4", "--no-ids")
    for one, other in zip(VideoReader("a.mp4"), VideoReader("b.mp4"), strict=True):
        changed = np.abs(one.image - other.image.astype(int)).max(axis=-1) > 100
        assert 10 < changed.sum() < one.image[..., 0].size / 10  # letters alone


def test_a_folder_of_frames_gives_a_video(folder):
    Path("frames").mkdir()
    for frame in clip(crossing(COUNT))[:3]:
        write_image(f"frames/{frame.index}.png", frame.image)
    run("frames")
    assert len(list(VideoReader("frames_keypoints.mp4"))) == 3
    Path("frames/3.dng").touch()
    with pytest.warns(UserWarning, match="frames: left out: 1 raw photo") as told:
        run("frames", "--force")
    [warning] = told
    place = (warning.category, warning.filename, warning.lineno)
    assert warnings.formatwarning(warning.message, *place) == f"warning: {warning.message}\n"


def test_after_an_interruption_the_frames_so_far_are_kept(folder, capsys, monkeypatch):
    monkeypatch.setattr(options, "load_estimator", lambda args: square_estimator(interrupt_at=9))
    run("clip.mp4", "--table", "table.csv", "--json", "json", status=options.INTERRUPTED)
    done = len(list(VideoReader("clip_keypoints.mp4")))
    assert 0 < done < COUNT
    line = f"interrupted after {done} of {COUNT} frames; the same command begins again\n"
    assert capsys.readouterr().err.endswith(line)
    assert len(names("json")) == done
    last = Path("table.csv").read_text().splitlines()[-1]
    assert last.startswith(f"{done - 1},")
    assert not [name for name in names() if name.startswith(".")]


def test_an_interruption_before_the_first_frame_leaves_nothing(folder, monkeypatch):
    monkeypatch.setattr(options, "load_estimator", lambda args: square_estimator(interrupt_at=1))
    run("clip.mp4", "--table", "table.csv", status=options.INTERRUPTED)
    assert names() == ["clip.mp4"]


def test_what_exists_is_refused_before_a_network_is_loaded(folder, capsys, monkeypatch):
    monkeypatch.setattr(options, "load_estimator", None)  # a call would fail
    Path("clip_keypoints.mp4").touch()
    Path("table.csv").touch()
    Path("json").mkdir()
    Path("json/clip_000000000003_keypoints.json").touch()
    for arguments in (
        ("clip.mp4",),
        ("clip.mp4", "--out", "new.mp4", "--table", "table.csv"),
        ("clip.mp4", "--out", "new.mp4", "--json", "json"),
    ):
        assert "exists: choose another" in error_line(capsys, *arguments)
    assert "is the input" in error_line(capsys, "clip.mp4", "--out", "clip.mp4", "--force")
    assert "ends in .mp4" in error_line(capsys, "clip.mp4", "--out", "clip.avi")
    assert "it is a file" in error_line(
        capsys, "clip.mp4", "--out", "new.mp4", "--json", "table.csv"
    )
    assert "no folder" in error_line(capsys, "clip.mp4", "--out", "none/new.mp4")
    assert len(names()) == 4


def test_results_are_replaced_where_one_asks_for_it(folder):
    Path("clip_keypoints.mp4").touch()
    run("clip.mp4", "--force")
    assert len(list(VideoReader("clip_keypoints.mp4"))) == COUNT


def test_the_same_command_replaces_what_it_wrote_and_no_other_does(folder, capsys, monkeypatch):
    outputs = ("--json", "json", "--table", "table.csv")
    monkeypatch.setattr(options, "load_estimator", lambda args: square_estimator(interrupt_at=9))
    run("clip.mp4", *outputs, status=options.INTERRUPTED)
    monkeypatch.setattr(options, "load_estimator", lambda args: square_estimator())
    capsys.readouterr()
    run("clip.mp4", *outputs, "--smooth", "1")
    assert "clip_keypoints.mp4: replacing what an earlier run" in capsys.readouterr().err
    assert len(list(VideoReader("clip_keypoints.mp4"))) == len(names("json")) == COUNT
    monkeypatch.setattr(options, "load_estimator", lambda args: square_estimator(interrupt_at=9))
    run("clip.mp4", *outputs, status=options.INTERRUPTED)
    assert len(list(VideoReader("clip_keypoints.mp4"))) == len(names("json")) < COUNT
    capsys.readouterr()
    Path("other").mkdir()
    Path("clip.mp4").rename("other/clip.mp4")
    assert "exists: choose another" in error_line(capsys, "other/clip.mp4", *outputs)
    Path("clip_keypoints.mp4").write_bytes(Path("other/clip.mp4").read_bytes())
    assert "exists: choose another" in error_line(capsys, "other/clip.mp4")


def test_videos_and_images_lead_to_each_other(folder, capsys):
    write_image("photo.png", np.zeros((20, 20, 3), np.uint8))
    assert "`openpose-keras detect photo.png`" in error_line(capsys, "photo.png")
    Path("text.png").write_text("no image")
    assert "got a damaged image or another file" in error_line(capsys, "text.png")
    assert cli.main(["detect", "clip.mp4"]) == 1
    assert "`openpose-keras video clip.mp4`" in capsys.readouterr().err


def test_damaged_frames_are_told(folder, capsys):
    Path("frames").mkdir()
    Path("frames/2.png").touch()
    write_image("frames/1.png", clip(crossing(COUNT))[0].image)
    run("frames")
    assert capsys.readouterr().err == "frames: 1 damaged frames were left out\n"


@pytest.mark.parametrize(
    ("source", "name"),
    [("a/b.mov", "b"), ("3", "webcam3"), ("rtsp://host/live.sdp", "live"), ("rtsp://host", "host")],
)
def test_outputs_are_named_after_the_source(source, name):
    assert cli.video._name(source) == name


@pytest.mark.parametrize("option", [("--smooth", "-1"), ("--smooth", "x"), ("--search-every", "0")])
def test_wrong_options_are_usage_errors(folder, option):
    with pytest.raises(SystemExit) as caught:
        run("clip.mp4", *option)
    assert caught.value.code == 2


def test_the_json_is_that_of_openpose(folder):
    run("clip.mp4", "--json", "json")
    data = json.loads(Path("json/clip_000000000000_keypoints.json").read_text())
    assert data["version"] == 1.3
    assert [person["person_id"] for person in data["people"]] == [[0], [1]]
