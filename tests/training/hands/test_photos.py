import dataclasses
import io
import json
import math
import tarfile

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import DataError, TrainingError
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.training.hands.photos import (
    MAX_SIDE,
    MIN_SIDE,
    LabelledPhoto,
    cut_out,
    load_labelled_photos,
    load_photos,
    opaque,
    person_of,
    split_by_person,
)
from openpose_keras.training.hands.targets import hand_size
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import open_hand, write_labelled


@pytest.fixture(scope="module")
def photos():
    folder = assets_folder() / "hand_photos"
    if not folder.is_dir():
        pytest.skip(f"no labelled photos in {folder}")
    return load_photos(folder)


def fake_photo(person, image=None):
    image = np.zeros((100, 100, 3), np.uint8) if image is None else image
    return LabelledPhoto(image, open_hand((50, 50), 60), person, f"{person}.jpg")


def at_keypoints(image, xy):
    column, row = np.round(xy[np.isfinite(xy).all(axis=1)]).astype(int).T
    return image[row, column]


# The photos of the digits


def write_archive(folder, labels):
    """Write photos of one colour (red) and their labels as the files of the digits are."""
    red = cv2.imencode(".png", np.full((100, 100, 3), (0, 0, 250), np.uint8))[1].tobytes()
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for label in labels:
            entry = tarfile.TarInfo(label["file"])
            entry.size = len(red)
            archive.addfile(entry, io.BytesIO(red))
    (folder / "labels.json").write_text(json.dumps({"photos": labels}), encoding="utf8")


def label(file, presence=0.99, change=0.01):
    xy = open_hand((50, 50), 60).tolist()
    return {"file": file, "presence": presence, "change_on_rerun": change, "xy": xy}


def test_only_trusted_labels_are_loaded_and_as_rgb(tmp_path):
    labels = [
        label("0/IMG_1118.JPG"),
        label("1/IMG_1119.JPG", presence=0.9),
        label("2/IMG_1120.JPG", change=0.03),
        label("3/IMG_1131.JPG", presence=0.91, change=0.029),
    ]
    write_archive(tmp_path, labels)
    loaded = load_photos(tmp_path)
    assert [photo.file for photo in loaded] == ["0/IMG_1118.JPG", "3/IMG_1131.JPG"]
    for photo in loaded:
        assert (photo.image == np.full((100, 100, 3), (250, 0, 0), np.uint8)).all()
        assert (photo.xy.shape, photo.xy.dtype) == ((21, 2), np.float32)


@pytest.mark.parametrize("missing", ["photos.tar", "labels.json"])
def test_a_missing_file_is_named(tmp_path, missing):
    write_archive(tmp_path, [])
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing):
        load_photos(tmp_path)


def test_ten_photos_in_a_row_are_of_one_person():
    files = ("0/IMG_1118.JPG", "9/IMG_1127.JPG", "IMG_1128.JPG", "IMG_5000.JPG")
    assert [person_of(file) for file in files] == [0, 0, 1, 388]


def test_about_half_of_the_real_photos_are_trusted(photos):
    assert 800 < len(photos) < 1600
    assert len({photo.person for photo in photos}) > 150
    train, validation = split_by_person(photos)
    assert {photo.file for photo in train}.isdisjoint({photo.file for photo in validation})
    assert 0.1 < len(validation) / len(photos) < 0.2


# Label files


@pytest.mark.parametrize("size", [30, 100, 250])
def test_keypoints_lie_on_the_hand_after_cropping_and_shrinking(tmp_path, size):
    (photo,) = load_labelled_photos(write_labelled(tmp_path, [open_hand((210, 140), size)]))
    assert hand_size(photo.xy) == pytest.approx(min(size, MAX_SIDE), rel=0.01)
    assert (photo.image.dtype, photo.xy.dtype) == (np.uint8, np.float32)
    assert (at_keypoints(photo.image, photo.xy) > 100).all()


@pytest.mark.parametrize(("x", "width"), [(200, 192), (30, 30 + 96)])
def test_a_photo_leaves_room_to_rotate_the_hand_and_ends_where_its_image_ends(tmp_path, x, width):
    (photo,) = load_labelled_photos(write_labelled(tmp_path, [open_hand((x, 150), 60)]))
    assert photo.image.shape[:2] == pytest.approx((192, width), abs=2)
    assert (at_keypoints(photo.image, photo.xy) > 100).all()


@pytest.mark.parametrize(("side", "right"), [("right", 1.0), ("left", 0.0), (None, math.nan)])
def test_a_hand_has_the_side_that_its_file_names(tmp_path, side, right):
    path = write_labelled(tmp_path, [open_hand((200, 150), 60)])
    hand = LabelledHand.from_keypoints(open_hand((200, 150), 60), side=side)
    write_labels(path, {tmp_path / "0.png": [hand]}, force=True)
    [photo] = load_labelled_photos(path)
    for drawn in (photo, opaque(photo), cut_out(dataclasses.replace(drawn_hand(), right=right))):
        np.testing.assert_equal(drawn.right, right)


def test_hands_of_one_image_stay_together(tmp_path):
    pair = [open_hand((100, 150), 60), open_hand((300, 150), 60)]
    photos = load_labelled_photos(write_labelled(tmp_path, *[pair] * 12))
    assert [photo.person for photo in photos[:4]] == [0, 0, 1, 1]
    train, validation = split_by_person(photos)
    assert {photo.file for photo in train}.isdisjoint({photo.file for photo in validation})
    assert (len(train), len(validation)) == (20, 4)  # a seventh: two images of twelve


def test_keypoints_without_a_label_stay_without(tmp_path):
    xy = open_hand((200, 150), 100)
    xy[[3, 20]] = np.nan
    (photo,) = load_labelled_photos(write_labelled(tmp_path, [xy]))
    np.testing.assert_array_equal(np.isnan(photo.xy).any(axis=1), np.isnan(xy).any(axis=1))


def test_hands_of_too_few_keypoints_or_pixels_are_left_out(tmp_path):
    few = open_hand((100, 150), 60)
    few[10:] = np.nan
    small = open_hand((300, 60), MIN_SIDE - 2)
    good = open_hand((300, 200), 60)
    assert len(load_labelled_photos(write_labelled(tmp_path, [few, small, good], [few]))) == 1
    (tmp_path / "labels.json").unlink()
    with pytest.raises(TrainingError, match=r"expected a hand .*labels\.json"):
        load_labelled_photos(write_labelled(tmp_path, [few, small]))


def test_label_files_that_are_not_valid_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.json"):
        load_labelled_photos(tmp_path / "no.json")
    with pytest.raises(TrainingError, match=r"outside of .*0\.png"):
        load_labelled_photos(write_labelled(tmp_path, [open_hand((900, 900), 60)]))
    (tmp_path / "0.png").unlink()
    with pytest.raises(DataError, match=r"0\.png"):
        load_labelled_photos(tmp_path / "labels.json")


# Splitting


@pytest.mark.parametrize("count", [2, 3, 9, 100])
def test_a_split_separates_people_and_loses_no_photo(count):
    photos = [fake_photo(person) for person in range(count) for _ in range(3)]
    train, validation = split_by_person(photos)
    assert {photo.person for photo in train}.isdisjoint({photo.person for photo in validation})
    assert len(train) + len(validation) == len(photos)
    assert 0.05 < len(validation) / len(photos) < 0.6
    assert split_by_person(photos) == (train, validation)  # always the same people


def test_neighbouring_numbers_stay_together():
    photos = [fake_photo(person) for person in range(160)]
    held_out = sorted(photo.person for photo in split_by_person(photos)[1])
    runs = np.count_nonzero(np.diff(held_out) > 1) + 1
    assert runs <= 3
    assert len(held_out) / runs >= 8


def test_fewer_than_two_people_cannot_be_split():
    for photos in ([], [fake_photo(1), fake_photo(1)]):
        with pytest.raises(TrainingError, match="at least two people"):
            split_by_person(photos)


# Cutting out


def drawn_hand(colour=(220, 170, 140), background=(60, 70, 90)):
    """A photo of a drawn hand whose keypoints are known, with a little grain."""
    image = np.full((100, 100, 3), background, np.uint8)
    xy = open_hand((50, 45), 60)
    points = np.round(xy).astype(np.int32)
    for first, second in HAND.edge_indices:
        cv2.line(image, points[first].tolist(), points[second].tolist(), colour, 9)
    cv2.fillConvexPoly(image, points[[0, 5, 9, 13, 17]], colour)
    cv2.line(image, points[0].tolist(), (int(points[0, 0]), 99), colour, 18)
    grain = np.random.default_rng(0).integers(-6, 7, image.shape)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    for array in (image, xy):
        array.setflags(write=False)
    return LabelledPhoto(image, xy, 0, "drawn.png")


def test_a_drawn_hand_is_cut_out_of_its_background():
    photo = drawn_hand()
    rgba, xyz, *_ = cut_out(photo)
    xy = xyz[:, :2]
    assert rgba.shape == (200, 200, 4)
    assert rgba.dtype == np.uint8
    assert np.isnan(xyz[:, 2]).all()  # no photo's labels have a depth
    np.testing.assert_allclose(xy, (photo.xy + 0.5) * 2 - 0.5, atol=1e-5)
    truth = cv2.resize(photo.image, (200, 200)).astype(int).sum(-1) > 400
    alpha = rgba[..., 3] > 127
    assert (alpha & truth).sum() / (alpha | truth).sum() > 0.85
    assert (at_keypoints(rgba[..., 3], xy) > 200).all()
    np.testing.assert_array_equal(cut_out(photo)[0], rgba)  # GrabCut draws from a fixed seed


def test_a_hand_before_stripes_is_not_cut_out():
    photo = drawn_hand()
    hand = photo.image.astype(int).sum(-1, keepdims=True) > 400
    stripes = np.uint8(127 + 80 * np.sin(np.arange(100) / 2))[None, :, None]
    striped = np.where(hand, photo.image, stripes)
    assert cut_out(LabelledPhoto(striped, photo.xy, 0, "striped.png")) is None


@pytest.mark.parametrize("hidden", [(9,), (3, 6, 14), (5, 9, 13, 17)])
def test_a_hand_with_hidden_keypoints_is_cut_out_whole(hidden):
    photo, some = drawn_hand(), drawn_hand().xy.copy()
    some[list(hidden)] = np.nan
    rgba, xyz, *_ = cut_out(LabelledPhoto(photo.image, some, 0, "drawn.png"))
    xy = xyz[:, :2]
    np.testing.assert_array_equal(np.isnan(xy), np.isnan(some))
    assert (at_keypoints(rgba[..., 3], xy) > 200).all()


@pytest.mark.parametrize("hidden", [(0,), (0, 8, 12), (4, 8, 12, 16, 20), range(1, 12)])
def test_a_hand_that_would_lose_a_part_is_not_cut_out(hidden):
    """The fingers beyond the known keypoints have more detail than a background."""
    photo, some = drawn_hand(), drawn_hand().xy.copy()
    some[list(hidden)] = np.nan
    assert cut_out(LabelledPhoto(photo.image, some, 0, "drawn.png")) is None


def test_a_large_photo_is_cut_out_at_its_own_size():
    photo = drawn_hand()
    large = cv2.resize(photo.image, (300, 300), interpolation=cv2.INTER_CUBIC)
    rgba, xyz, *_ = cut_out(LabelledPhoto(large, (photo.xy + 0.5) * 3 - 0.5, 0, "large.png"))
    assert rgba.shape == (300, 300, 4)
    np.testing.assert_allclose(xyz[:, :2], (photo.xy + 0.5) * 3 - 0.5, atol=1e-4)


@pytest.mark.slow
def test_real_hands_are_cut_out_with_their_keypoints(photos):
    picked = [photos[i] for i in np.random.default_rng(0).permutation(len(photos))[:12]]
    cuts = [cut for cut in map(cut_out, picked) if cut is not None]
    assert len(cuts) >= 10
    inside = [
        (at_keypoints(cut.rgba[..., 3], cut.xyz[:, :2].clip(0, 199)) > 64).mean() for cut in cuts
    ]
    assert np.mean(inside) > 0.95
    assert min(inside) > 0.8
