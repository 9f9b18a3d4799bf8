"""Hands of a label file become photos that training can use, with their keypoints on them."""

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import DataError, TrainingError
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.io.images import write_image
from openpose_keras.training.labelled_photos import MAX_SIDE, MIN_SIDE, load_labelled
from openpose_keras.training.photos import split_by_person
from openpose_keras.training.target_heatmaps import hand_size
from tests.helpers.training_fakes import open_hand


def write(folder, *pictures, shape=(300, 400)):
    """Write pictures with a white dot on each keypoint, and their label file."""
    hands = {}
    for number, found in enumerate(pictures):
        image = np.zeros((*shape, 3), np.uint8)
        for xy in found:
            for x, y in xy[np.isfinite(xy).all(axis=1)]:
                cv2.circle(image, (round(x), round(y)), 3, (255, 255, 255), -1)
        write_image(folder / f"{number}.png", image)
        hands[folder / f"{number}.png"] = [LabelledHand.from_keypoints(xy) for xy in found]
    write_labels(folder / "labels.json", hands)
    return folder / "labels.json"


@pytest.mark.parametrize("size", [30, 100, 250])
def test_keypoints_lie_on_the_hand_after_cutting_and_shrinking(tmp_path, size):
    (photo,) = load_labelled(write(tmp_path, [open_hand((210, 140), size)]))
    assert hand_size(photo.xy) == pytest.approx(min(size, MAX_SIDE), rel=0.01)
    assert photo.image.dtype == np.uint8
    assert photo.xy.dtype == np.float32
    column, row = np.round(photo.xy).astype(int).T
    assert (photo.image[row, column] > 100).all()


def test_a_photo_shows_enough_to_turn_the_hand_and_no_more(tmp_path):
    (photo,) = load_labelled(write(tmp_path, [open_hand((200, 150), 60)]))
    assert photo.image.shape[:2] == pytest.approx((135, 135), abs=1)


def test_a_photo_ends_where_the_picture_ends(tmp_path):
    (photo,) = load_labelled(write(tmp_path, [open_hand((30, 150), 60)]))
    assert photo.image.shape[1] == pytest.approx(30 + 67, abs=2)
    column, row = np.round(photo.xy).astype(int).T
    assert (photo.image[row, column] > 100).all()


def test_a_photo_shows_no_other_labelled_hand_where_that_is_possible(tmp_path):
    near = [open_hand((100, 150), 80), open_hand((200, 150), 80)]
    for photo in load_labelled(write(tmp_path, near)):
        column, row = np.round(photo.xy).astype(int).T
        dots = photo.image[..., 0] > 100
        blank = photo.image[..., 0].copy()
        for x, y in zip(column.tolist(), row.tolist(), strict=True):
            cv2.circle(blank, (x, y), 6, 0, -1)
        assert dots.any()
        assert not (blank > 100).any()


def test_hands_of_one_picture_stay_together(tmp_path):
    pair = [open_hand((100, 150), 60), open_hand((300, 150), 60)]
    photos = load_labelled(write(tmp_path, *[pair] * 12))
    assert len(photos) == 24
    assert [photo.person for photo in photos[:4]] == [0, 0, 1, 1]
    shown, held = split_by_person(photos)
    assert {photo.file for photo in shown}.isdisjoint({photo.file for photo in held})
    assert len(held) == 4  # a seventh: two pictures of twelve


def test_hidden_keypoints_stay_hidden(tmp_path):
    xy = open_hand((200, 150), 100)
    xy[[3, 20]] = np.nan
    (photo,) = load_labelled(write(tmp_path, [xy]))
    np.testing.assert_array_equal(np.isnan(photo.xy).any(axis=1), np.isnan(xy).any(axis=1))


def test_hands_of_too_few_keypoints_or_pixels_are_left_out(tmp_path):
    few = open_hand((100, 150), 60)
    few[10:] = np.nan
    small = open_hand((300, 60), MIN_SIDE - 2)
    good = open_hand((300, 200), 60)
    photos = load_labelled(write(tmp_path, [few, small, good], [few]))
    assert len(photos) == 1
    (tmp_path / "labels.json").unlink()
    with pytest.raises(TrainingError, match=r"expected a hand .*labels\.json"):
        load_labelled(write(tmp_path, [few, small]))


def test_a_hand_outside_its_picture_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"outside of its picture .*0\.png"):
        load_labelled(write(tmp_path, [open_hand((900, 900), 60)]))


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.json"):
        load_labelled(tmp_path / "no.json")
    path = write(tmp_path, [open_hand((200, 150), 60)])
    (tmp_path / "0.png").unlink()
    with pytest.raises(DataError, match=r"0\.png"):
        load_labelled(path)
