"""Stick people and the augmentation of people: image, keypoints and marks belong together."""

import colorsys

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.core.boxes import keypoint_extent
from openpose_keras.core.errors import ImageError
from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.training.bodies.data import (
    BodySample,
    augment_people,
    crop_people,
    flip_people,
    stick_people,
    stick_person,
)
from tests.helpers.people import standing

each_skeleton = pytest.mark.parametrize(
    "skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name
)
SIZE = (300, 420)
HUES = [
    tuple(round(255 * part) for part in colorsys.hsv_to_rgb(k / len(BODY_MPI), 1, 1))
    for k in range(len(BODY_MPI))
]


def scenes(skeleton, count=20, size=192):
    rng = np.random.default_rng(0)
    return [stick_people(rng, size, skeleton=skeleton) for _ in range(count)]


@each_skeleton
def test_limbs_are_drawn_between_their_keypoints_in_their_colours(skeleton):
    agrees = []
    for sample in scenes(skeleton):
        for xy in sample.people:
            for start, end in skeleton.edge_indices:
                x, y = np.round((xy[start] + xy[end]) / 2).astype(int)
                around = sample.image[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].astype(int)
                away = np.median(around, axis=(0, 1)) - skeleton.colors[end]
                agrees.append(np.abs(away).max() < 50)
    assert len(agrees) > 300
    assert np.mean(agrees) > 0.85  # the others are crossed by a limb that was drawn later


@each_skeleton
def test_people_lie_inside_and_apart(skeleton):
    counts = set()
    for sample in scenes(skeleton):
        counts.add(len(sample.people))
        assert (sample.image.shape, sample.people.shape[1:]) == ((192, 192, 3), (len(skeleton), 2))
        assert not sample.unlabelled.any()
        assert ((sample.people >= 0) & (sample.people <= 191)).all()
        boxes = [(xy.min(axis=0), xy.max(axis=0)) for xy in sample.people]
        for index, (low, high) in enumerate(boxes):
            for other_low, other_high in boxes[:index]:
                assert ((high < other_low) | (other_high < low)).any()
    assert counts >= {0, 1, 2}


@each_skeleton
def test_the_right_side_of_an_upright_person_is_seen_on_the_left(skeleton):
    people = np.mean(
        [stick_person(np.random.default_rng(seed), skeleton, 100.0) for seed in range(300)], axis=0
    )
    for index, name in enumerate(skeleton.keypoints):
        side = {"right": -1, "left": 1}.get(name.split("_")[0], 0)
        assert np.sign(round(people[index, 0])) == side
    assert 85 < np.ptp(people[:, 1]) < 105


def test_the_same_state_draws_the_same_pixels():
    first, second = (stick_people(np.random.default_rng(5), 96) for _ in range(2))
    other = stick_people(np.random.default_rng(6), 96)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.people, second.people)
    assert (first.image != other.image).any()


def test_the_greatest_number_of_people_is_the_caller_s():
    counts = [len(stick_people(np.random.default_rng(s), 128, most=1).people) for s in range(20)]
    assert set(counts) == {0, 1}


def dotted(*places):
    """Return people of BODY_MPI with a dot of its own colour on each keypoint, and a marked box."""
    people = np.stack([standing(BODY_MPI, middle, height) for middle, height in places])
    image = np.zeros((*SIZE, 3), np.uint8)
    for xy in people:
        for (x, y), hue in zip(xy, HUES, strict=True):
            cv2.circle(image, (round(x), round(y)), 4, hue, -1)
    unlabelled = np.zeros(SIZE, bool)
    unlabelled[200:260, 20:90] = True
    people[0, 3] = np.nan
    return BodySample(image, people, unlabelled)


def dot_of(image, hue):
    """Return the middle (x, y) of the pixels whose colour is nearly a dot's."""
    near = np.abs(image.astype(int) - hue).max(axis=2) < 25
    y, x = np.nonzero(near)
    return np.array([x.mean(), y.mean()]) if len(x) else None


def test_flipping_twice_is_identity():
    sample = dotted(((120, 140), 160), ((300, 150), 200))
    twice = flip_people(flip_people(sample, BODY_MPI), BODY_MPI)
    for found, expected in zip(twice[:3], sample[:3], strict=True):
        np.testing.assert_allclose(found, expected)


def test_in_the_mirror_image_each_keypoint_lies_on_the_dot_of_its_counterpart():
    first = np.arange(len(BODY_MPI)) == 2
    sample = dotted(((180, 150), 240))._replace(known=first, unsure=first[None])
    flipped = flip_people(sample, BODY_MPI)
    for k, other in enumerate(BODY_MPI.mirror_indices):
        dot = dot_of(flipped.image, HUES[other])
        assert np.isnan(flipped.people[0, k]).all() or np.hypot(*(flipped.people[0, k] - dot)) < 1
    assert np.isnan(flipped.people[0]).any(axis=1).nonzero()[0] == BODY_MPI.mirror_indices[3]
    for before, after in ((sample.known, flipped.known), (sample.unsure[0], flipped.unsure[0])):
        assert [*np.flatnonzero(after)] == [BODY_MPI.mirror_indices[k] for k in before.nonzero()[0]]
    assert flipped.unlabelled[200:260, 330:400].all()
    assert flipped.unlabelled.sum() == sample.unlabelled.sum()


@pytest.mark.parametrize("angle", [0.0, 0.6, -2.0])
@pytest.mark.parametrize("side", [260, 400])
def test_keypoints_and_marks_follow_the_image(angle, side):
    sample = dotted(((180, 150), 240))
    before = [array.copy() for array in sample[:3]]
    crop = crop_people(sample, (30, 10, side, side), 320, angle=angle)
    seen = 0
    for xy, hue in zip(crop.people[0], HUES, strict=True):
        dot = dot_of(crop.image, hue)
        if dot is not None and (np.abs(xy - 159.5) < 150).all():
            assert np.hypot(*(dot - xy)) < 1.5
            seen += 1
    assert seen > 7
    white = np.where(sample.unlabelled[..., None], np.uint8(255), sample.image)
    white = crop_people(sample._replace(image=white), (30, 10, side, side), 320, angle=angle)
    assert ((white.image.min(axis=2) > 127) == crop.unlabelled).mean() > 0.999
    assert 500 < crop.unlabelled.sum() < 6000
    for array, copy in zip(sample[:3], before, strict=True):
        np.testing.assert_array_equal(array, copy)


def similarity(before, after):
    """Return scale and degrees of the rotation that maps people on others, None in a mirror."""
    old, new = ((xy - xy.mean(axis=0)) @ np.array([1, 1j]) for xy in (before[0], after[0]))
    factor = np.vdot(old, new) / np.vdot(old, old)
    is_similar = np.abs(factor * old - new).max() < 0.1
    return (abs(factor), np.degrees(np.angle(factor))) if is_similar else None


def test_the_person_is_shown_at_the_sizes_and_angles_of_the_reference():
    sample = dotted(((180, 150), 220))
    sample.people[0, 3] = 150, 110
    middle, extent = keypoint_extent(sample.people[0])
    rng = np.random.default_rng(0)
    found, away, flips = [], [], 0
    for _ in range(300):
        shown = augment_people(rng, sample, BODY_MPI, 160)
        assert (shown.image.shape, shown.unlabelled.shape) == ((160, 160, 3), (160, 160))
        flipped = flip_people(shown, BODY_MPI)
        is_flipped = similarity(sample.people, shown.people) is None
        flips += is_flipped
        people = flipped.people if is_flipped else shown.people
        scale, degrees = similarity(sample.people, people)
        found.append((scale * extent.max() / 160, degrees))
        turn = np.exp(1j * np.radians(degrees)) * scale
        to_middle = turn * ((middle - np.mean(sample.people[0], axis=0)) @ np.array([1, 1j]))
        shift = np.mean(people[0], axis=0) - 79.5
        away.append(abs(shift @ np.array([1, 1j]) + to_middle))
    sizes, angles = np.transpose(found)
    assert (sizes.min(), sizes.max()) == pytest.approx((0.30, 0.66), abs=0.01)
    assert (angles.min(), angles.max()) == pytest.approx((-40, 40), abs=1)
    assert max(away) == pytest.approx(160 * 40 / 368 * np.sqrt(2), rel=0.06)
    assert 120 < flips < 180


def test_without_labels_any_part_of_the_image_is_shown():
    sample = dotted(((100, 140), 100))
    sample = sample._replace(people=np.full((1, 15, 2), np.nan), image=sample.image + 9)
    rng, parts = np.random.default_rng(0), []
    for _ in range(60):
        shown = augment_people(rng, sample, BODY_MPI, 96)
        assert np.isnan(shown.people).all()
        parts.append((shown.image.max(axis=2) > 0).mean())
    assert min(parts) > 0.05
    assert max(parts) > 0.9
    nobody = sample._replace(people=np.zeros((0, 15, 2)))
    assert augment_people(rng, nobody, BODY_MPI, 96).people.shape == (0, 15, 2)


def test_a_single_keypoint_is_a_person():
    sample = dotted(((100, 140), 100))
    people = np.full((1, 15, 2), np.nan)
    people[0, 4] = 200.0, 100.0
    shown = augment_people(np.random.default_rng(0), sample._replace(people=people), BODY_MPI, 96)
    assert np.isfinite(shown.people).all(axis=2).sum() == 1


def test_a_box_beside_the_image_is_refused():
    with pytest.raises(ImageError, match="lies wholly outside the image"):
        crop_people(dotted(((100, 140), 100)), (-900, 0, 100, 100), 64)
