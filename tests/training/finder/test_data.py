"""Samples of the finder of hands: where the labels lie, and what must not be in them."""

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.training.finder.data import (
    DOUBTFUL,
    KINDS,
    NOT_A_HAND,
    FinderComposer,
    decode_photos,
    finder_batch,
    part_without_hands,
    view_photo,
)
from openpose_keras.training.hands.render_cache import DrawnHand
from tests.helpers.training_fakes import dotted_photo, fake_hand, fake_hands


def blueness(image, xy):
    """Return by how much blue exceeds red around points."""
    x, y = np.round(xy).astype(int).T
    blurred = cv2.blur(image, (3, 3)).astype(int)
    return blurred[y, x, 2] - blurred[y, x, 0]


@pytest.mark.parametrize("seed", range(12))
def test_labels_stay_on_the_hands_of_a_photo_however_it_is_shown(seed):
    [decoded] = decode_photos([dotted_photo()])
    view = view_photo(np.random.default_rng(seed), decoded, (160, 128))
    assert view.image.shape == (128, 160, 3)
    for xy in view.hands:
        inside = ((xy > 1) & (xy < (158, 126))).all(axis=1)
        if np.ptp(xy, axis=0).max() > 40:  # smaller dots fade
            assert (blueness(view.image, xy[inside]) > 40).all()


def test_boxes_move_with_the_photo_and_keep_their_meaning():
    box = (90 - 30, 100 - 30, 60, 60)  # around the hand
    [decoded] = decode_photos([dotted_photo(doubtful=[box], not_hands=[box])])
    for seed in range(8):
        view = view_photo(np.random.default_rng(seed), decoded, (160, 160))
        assert view.boxes[:2, 4].tolist() == [DOUBTFUL, NOT_A_HAND]
        for xy in view.hands:
            low, size = view.boxes[0, :2], view.boxes[0, 2:4]
            assert (low - 2 <= xy.min(axis=0)).all()
            assert (xy.max(axis=0) <= low + size + 2).all()


def test_a_part_without_hands_shows_neither_hands_nor_doubtful_ones():
    [decoded] = decode_photos(
        [dotted_photo(hands=[(60, 60, 50), (150, 120, 40)], doubtful=[(0, 150, 9, 9)])]
    )
    rng = np.random.default_rng(0)
    parts = [part_without_hands(rng, decoded) for _ in range(40)]
    shown = [part for part in parts if part is not None]
    assert len(shown) > 5
    assert max(part[..., 2].max() for part in shown) < 60


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_generator_draws_the_same_sample(kind):
    photos = decode_photos([dotted_photo(), dotted_photo(hands=[(100, 90, 80)])])
    composer = FinderComposer(fake_hands(3), photos, [], size=96)
    first, again = (composer(np.random.default_rng(5), kind=kind) for _ in range(2))
    np.testing.assert_array_equal(first.image, again.image)
    assert first.image.shape == (96, 96, 3)
    assert len(first.hands) == len(again.hands)
    if kind == "negative":
        assert not first.hands
        assert not len(first.boxes)


def test_a_sample_labels_each_of_two_hands_that_touch():
    hand = fake_hand(np.random.default_rng(0))
    second = hand.xyz * [1, 1, 0] + [3, 2, 0]
    composer = FinderComposer([DrawnHand(*hand[:3], second.astype(np.float32))], [], [], size=96)
    rng = np.random.default_rng(1)
    counts = [len(composer(rng, kind="drawn").hands) for _ in range(10)]
    assert all(count % 2 == 0 for count in counts)
    assert max(counts) >= 2


def test_a_batch_holds_bytes_and_one_row_a_hand_or_box():
    composer = FinderComposer(fake_hands(3), decode_photos([dotted_photo()]), [], size=64)
    rng = np.random.default_rng(0)
    samples = [composer(rng, kind="photo") for _ in range(3)]
    images, truth = finder_batch(samples)
    assert (images.dtype, images.shape) == (np.uint8, (3, 64, 64, 3))
    assert (truth.dtype, truth.shape) == (np.float32, (3, 36, 18))
