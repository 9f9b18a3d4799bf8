"""What is written into a label file is what its readers find, and nothing else gets lost."""

import json
import os

import numpy as np
import pytest

from openpose_keras.core.errors import DataError, ImageError
from openpose_keras.core.keypoints import Hand
from openpose_keras.core.skeletons import HAND
from openpose_keras.evaluation import read_samples
from openpose_keras.io.coco import add_labels, is_tip_first, load_labels, write_labels
from openpose_keras.io.images import write_image
from openpose_keras.io.labels import LabelledHand


@pytest.fixture
def photos(tmp_path):
    """Three pictures of different sizes in a folder."""
    folder = tmp_path / "photos"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(3)]
    for number, path in enumerate(paths):
        write_image(path, np.full((60 + number, 80, 3), 9, np.uint8))
    return paths


def hand(seed=0, missing=(), side=None):
    rng = np.random.default_rng(seed)
    xy, scores = rng.uniform(0, 60, (21, 2)), rng.uniform(0.1, 1, 21)
    xy[list(missing)], scores[list(missing)] = np.nan, 0
    return Hand(xy=xy, scores=scores, box=(1, 2, 70, 70), side=side)


def test_labels_come_back_as_they_were_written(tmp_path, photos):
    path = tmp_path / "labels.json"
    first, second, third = hand(0, missing=(3, 20), side="left"), hand(1), hand(2, side="right")
    write_labels(path, {photos[0]: [first, second], photos[1]: [], photos[2]: [third]})
    samples = read_samples(path)
    assert [sample.image.resolve() for sample in samples] == [photo.resolve() for photo in photos]
    assert [len(sample.hands) for sample in samples] == [2, 0, 1]
    found = [each for sample in samples for each in sample.hands]
    for mine, theirs in zip((first, second, third), found, strict=True):
        np.testing.assert_allclose(theirs.xy, mine.xy, atol=0.0051)
        assert theirs.side == mine.side
        tight = LabelledHand.from_keypoints(mine.xy).box
        assert theirs.box == pytest.approx(tight, abs=0.0051)


def test_a_labelled_hand_keeps_its_box(tmp_path, photos):
    mine = LabelledHand(hand().xy, (1, 2, 70, 60), "left")
    write_labels(tmp_path / "labels.json", {photos[0]: [mine]})
    ((theirs,),) = (sample.hands for sample in read_samples(tmp_path / "labels.json"))
    assert theirs.box == (1, 2, 70, 60)


def test_the_file_has_the_entries_that_coco_asks_for(tmp_path, photos):
    write_labels(tmp_path / "labels.json", {photos[1]: [hand(missing=(5,), side="left"), hand(1)]})
    data = load_labels(tmp_path / "labels.json")
    assert data["images"] == [{"id": 0, "file_name": "photos/1.png", "height": 61, "width": 80}]
    assert data["categories"] == [{"id": 1, "name": "hand", "keypoints": list(HAND.keypoints)}]
    first, second = data["annotations"]
    assert [first["id"], second["id"]] == [0, 1]
    assert first["category_id"] == 1
    assert first["num_keypoints"] == 20
    table = np.reshape(first["keypoints"], (21, 3))
    np.testing.assert_array_equal(table[5], 0)
    assert set(np.delete(table[:, 2], 5)) == {2}
    assert first["hand_type"] == "left"
    assert "hand_type" not in second


def test_a_hand_without_a_keypoint_is_left_out(tmp_path, photos):
    write_labels(tmp_path / "labels.json", {photos[0]: [hand(missing=range(21)), hand()]})
    assert len(read_samples(tmp_path / "labels.json")[0].hands) == 1


def test_names_lead_from_the_files_folder_to_pictures_elsewhere(tmp_path, photos, monkeypatch):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "deep" / "er" / "labels.json"
    write_labels("deep/er/labels.json", {"photos/0.png": [hand()]})
    assert load_labels(path)["images"][0]["file_name"] == "../../photos/0.png"
    monkeypatch.chdir("/")
    assert read_samples(path)[0].image.resolve() == photos[0].resolve()


def test_nothing_is_overwritten_without_force(tmp_path, photos):
    path = tmp_path / "labels.json"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"labels\.json"):
        write_labels(path, {photos[0]: [hand()]})
    assert path.read_text() == "mine"
    write_labels(path, {photos[0]: [hand()]}, force=True)
    assert len(read_samples(path)) == 1


def test_an_interrupted_writing_spares_the_file_before(tmp_path, photos, monkeypatch):
    path = tmp_path / "labels.json"
    write_labels(path, {photos[0]: [hand()]})
    before = path.read_bytes()

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        add_labels(path, photos[1], [hand()])
    assert path.read_bytes() == before
    assert {item.name for item in tmp_path.iterdir()} == {"photos", "labels.json"}


def test_missing_places_are_named(tmp_path, photos):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_labels(tmp_path / "nowhere" / "labels.json", {photos[0]: [hand()]})
    with pytest.raises(ImageError, match=r"no\.png"):
        write_labels(tmp_path / "labels.json", {tmp_path / "no.png": [hand()]})
    assert not (tmp_path / "labels.json").exists()


def test_added_hands_take_the_place_of_those_of_their_picture_only(tmp_path, photos):
    path = tmp_path / "labels.json"
    write_labels(path, {photos[0]: [hand(0)], photos[1]: [hand(1), hand(2)]})
    corrected = hand(5, side="right")
    add_labels(path, photos[1], [corrected])
    add_labels(path, photos[2], [hand(7)])
    first, second, third = read_samples(path)
    np.testing.assert_allclose(first.hands[0].xy, hand(0).xy, atol=0.0051)
    (found,) = second.hands
    np.testing.assert_allclose(found.xy, corrected.xy, atol=0.0051)
    assert found.side == "right"
    assert third.image.name == "2.png"
    data = load_labels(path)
    for key in ("images", "annotations"):
        numbers = [entry["id"] for entry in data[key]]
        assert len(set(numbers)) == len(numbers)


def test_adding_the_same_twice_changes_nothing(tmp_path, photos, monkeypatch):
    path = tmp_path / "labels.json"
    add_labels(path, photos[0], [hand(0)])
    monkeypatch.chdir(tmp_path)
    add_labels("labels.json", "photos/../photos/0.png", [hand(0)])
    assert [len(sample.hands) for sample in read_samples(path)] == [1]


def test_adding_keeps_what_the_writer_does_not_know(tmp_path, photos):
    path = tmp_path / "labels.json"
    write_labels(path, {photos[0]: [hand(0)]})
    data = load_labels(path) | {"licenses": [{"id": 4}]}
    data["annotations"][0]["note"] = "a tattoo"
    path.write_text(json.dumps(data))
    add_labels(path, photos[1], [hand(1)])
    again = load_labels(path)
    assert again["licenses"] == [{"id": 4}]
    assert again["annotations"][0] == data["annotations"][0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"info": {"description": "RHD"}}, "from tip to base"),
        ({"annotations": [{"image_id": 0, "lefthand_kpts": []}]}, "by the person"),
        ({"annotations": [{}]}, "not readable"),
        ({"images": [{"id": 0}]}, "not readable"),
        ({"images": None}, "no list"),
    ],
)
def test_files_of_another_kind_are_left_alone(tmp_path, photos, content, message):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"images": [], "annotations": [], **content}))
    before = path.read_bytes()
    with pytest.raises(DataError, match=message):
        add_labels(path, photos[0], [hand()])
    assert path.read_bytes() == before


def test_our_own_file_is_never_taken_for_one_from_tip_to_base(tmp_path, photos):
    path = tmp_path / "labels.json"
    write_labels(path, {photos[0]: [hand()]}, description="my rendered hands")
    assert not is_tip_first(load_labels(path))


def test_arguments_are_not_written_into(tmp_path, photos):
    given = {photos[0]: (hand(),)}
    write_labels(tmp_path / "labels.json", given)
    np.testing.assert_array_equal(given[photos[0]][0].xy, hand().xy)
