"""Stick people: drawn where their labels say."""

import numpy as np
import pytest

from openpose_keras.core.skeletons import BODY_25, BODY_COCO, BODY_MPI
from openpose_keras.training.bodies.stick_people import stick_people, stick_person

each_skeleton = pytest.mark.parametrize(
    "skeleton", [BODY_25, BODY_COCO, BODY_MPI], ids=lambda each: each.name
)


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
