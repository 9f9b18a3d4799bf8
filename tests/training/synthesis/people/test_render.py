import numpy as np
import pytest

from openpose_keras.core.skeletons import BODY_25
from openpose_keras.training.synthesis.people.assets import load_people_assets
from openpose_keras.training.synthesis.people.render import render_people
from tests.helpers.assets import people_folder

pytestmark = pytest.mark.slow
SIZE = (240, 192)


@pytest.fixture(scope="module")
def assets():
    return load_people_assets(people_folder())


@pytest.fixture(scope="module")
def scenes(assets):
    return [render_people(assets, np.random.default_rng(seed), size=SIZE) for seed in range(16)]


def test_the_same_state_leads_to_the_same_pixels_and_labels(assets, scenes):
    again = render_people(assets, np.random.default_rng(3), size=SIZE)
    np.testing.assert_array_equal(again.rgba, scenes[3].rgba)
    for found, expected in zip(again.labels, scenes[3].labels, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_numbers_of_people_vary_and_can_be_chosen(assets, scenes):
    assert len({len(scene.labels.keypoints) for scene in scenes}) > 2
    scene = render_people(assets, np.random.default_rng(0), size=SIZE, people=2)
    assert scene.labels.keypoints.shape == (2, 25, 3)
    assert scene.labels.hands.shape == (2, 2, 21, 3)
    assert scene.labels.masks.shape == (2, *SIZE)
    with pytest.raises(ValueError, match="expected a size of 1 pixel or more and 1 to 6 people"):
        render_people(assets, np.random.default_rng(0), people=7)


def test_visible_keypoints_lie_on_their_person(scenes):
    on = []
    for scene in scenes:
        for keypoints, mask in zip(scene.labels.keypoints, scene.labels.masks, strict=True):
            column, row = np.round(keypoints[keypoints[:, 2] == 2, :2]).astype(int).T
            on += mask[row.clip(0, SIZE[0] - 1), column.clip(0, SIZE[1] - 1)].tolist()
    assert len(on) > 100
    assert np.mean(on) > 0.85  # noses and toes lie on the outline


def test_left_and_right_are_the_persons_own(scenes):
    """Of a face that is seen, the left eye lies on the image's right, seen with the nose below."""
    left, right, nose = (BODY_25.index(name) for name in ("left_eye", "right_eye", "nose"))
    signs = []
    for keypoints in np.concatenate([scene.labels.keypoints for scene in scenes]):
        if (keypoints[[left, right, nose], 2] == 2).all():
            across = keypoints[left, :2] - keypoints[right, :2]
            down = keypoints[nose, :2] - keypoints[[left, right], :2].mean(0)
            signs.append(across[0] * down[1] - across[1] * down[0] > 0)
    assert len(signs) > 3
    assert np.mean(signs) > 0.9
