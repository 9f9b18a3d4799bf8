import numpy as np
import pytest
from numpy.testing import assert_allclose

from openpose_keras.core.skeletons import BODY_25
from openpose_keras.training.synthesis import raster
from openpose_keras.training.synthesis.meshes import box
from openpose_keras.training.synthesis.people.assets import load_people_assets
from openpose_keras.training.synthesis.people.render import (
    HIDDEN,
    UNLABELLED,
    VISIBLE,
    label,
    render_people,
)
from openpose_keras.training.synthesis.people.stage import NOBODY, Stage
from openpose_keras.training.synthesis.raster import Camera
from tests.helpers.assets import people_folder

slow = pytest.mark.slow
SIZE = (240, 192)
LENS = Camera(100.0, (49.5, 49.5))
SHAPE = (100, 100)
NOSE, LEFT_EAR, RIGHT_WRIST = (BODY_25.index(n) for n in ("nose", "left_ear", "right_wrist"))
TOWARDS = np.diag([1.0, -1, -1])  # a head that faces the camera


@pytest.fixture(scope="module")
def assets():
    return load_people_assets(people_folder())


@pytest.fixture(scope="module")
def scenes(assets):
    return [render_people(assets, np.random.default_rng(seed), size=SIZE) for seed in range(16)]


@slow
def test_the_same_state_leads_to_the_same_pixels_and_labels(assets, scenes):
    again = render_people(assets, np.random.default_rng(3), size=SIZE)
    np.testing.assert_array_equal(again.rgba, scenes[3].rgba)
    for found, expected in zip(again.labels, scenes[3].labels, strict=True):
        np.testing.assert_array_equal(found, expected)


@slow
def test_numbers_of_people_vary_and_can_be_chosen(assets, scenes):
    assert len({len(scene.labels.keypoints) for scene in scenes}) > 2
    scene = render_people(assets, np.random.default_rng(0), size=SIZE, people=2)
    assert scene.labels.keypoints.shape == (2, 25, 3)
    assert scene.labels.hands.shape == (2, 2, 21, 3)
    assert scene.labels.masks.shape == (2, *SIZE)
    with pytest.raises(ValueError, match="expected a size of 1 pixel or more and 1 to 6 people"):
        render_people(assets, np.random.default_rng(0), people=7)


@slow
def test_visible_keypoints_lie_on_their_person(scenes):
    on = []
    for scene in scenes:
        for keypoints, mask in zip(scene.labels.keypoints, scene.labels.masks, strict=True):
            column, row = np.round(keypoints[keypoints[:, 2] == 2, :2]).astype(int).T
            on += mask[row.clip(0, SIZE[0] - 1), column.clip(0, SIZE[1] - 1)].tolist()
    assert len(on) > 100
    assert np.mean(on) > 0.85  # noses and toes lie on the outline


@slow
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


def block(x, y, z, half):
    return box(np.array(half), np.eye(3), np.array([x, y, z]))


def staged(things, face=TOWARDS, **points):
    """Return the labels of one person, a slab at 4 m, with keypoints at its front."""
    keypoints = np.tile([0.0, 0, 3.98], (1, 25, 1))
    for name, point in points.items():
        keypoints[0, BODY_25.index(name)] = point
    meshes = [block(0, 0, 4.02, (0.5, 0.9, 0.04)), *things]
    owners = np.array([0] + [NOBODY] * len(things), np.int16)
    hands = np.tile([0.0, 0, 3.98], (1, 2, 21, 1))
    stage = Stage(meshes, owners, keypoints, hands, face[None], np.array([1.7]), LENS, None)
    return label(stage, raster.rasterise(meshes, LENS, SHAPE), LENS, 1)


def test_keypoints_on_the_surface_are_visible_where_the_lens_projects_them():
    labels = staged([], right_wrist=(0.4, -0.5, 3.98))
    assert_allclose(labels.keypoints[0, RIGHT_WRIST], (59.55, 36.94, VISIBLE), atol=0.01)
    assert labels.hands[0, :, :, 2].min() == VISIBLE
    assert labels.fractions[0] == pytest.approx(1, abs=0.03)


def test_a_thing_before_a_keypoint_hides_it_and_what_is_far_from_all_that_is_seen():
    labels = staged(
        [block(0.3, 0, 3.0, (0.3, 1.0, 0.05))],
        right_wrist=(0.02, -0.5, 3.98), right_knee=(0.45, 0.5, 3.98), nose=(-0.4, -0.8, 3.98),
    )  # fmt: skip
    seen = dict(zip(BODY_25.keypoints, labels.keypoints[0, :, 2], strict=True))
    assert (seen["nose"], seen["right_wrist"], seen["right_knee"]) == (VISIBLE, HIDDEN, UNLABELLED)
    assert labels.fractions[0] == pytest.approx(0.5, abs=0.05)
    assert labels.masks[0].sum() == pytest.approx(25 * 45 / 2, rel=0.1)


def test_keypoints_outside_the_image_are_not_labelled():
    labels = staged([], right_wrist=(2.1, 0, 3.98), left_wrist=(0, 0, -1))
    assert labels.keypoints[0, RIGHT_WRIST, 2] == UNLABELLED
    assert labels.keypoints[0, BODY_25.index("left_wrist"), 2] == UNLABELLED


@pytest.mark.parametrize(("turn", "nose", "ear"), [(0, 2, 2), (90, 2, 2), (-90, 2, 0), (180, 0, 2)])
def test_what_the_head_turns_away_is_not_labelled(turn, nose, ear):
    angle = np.radians(turn)
    about = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    keypoints = staged([], face=about @ TOWARDS).keypoints[0]
    assert (keypoints[NOSE, 2], keypoints[LEFT_EAR, 2]) == (nose, ear)


def test_a_person_of_whom_nearly_nothing_is_seen_is_not_labelled():
    labels = staged([block(0, 0.02, 3.0, (0.5, 1.0, 0.05))])
    assert labels.keypoints[..., 2].max() == UNLABELLED
    assert labels.hands[..., 2].max() == UNLABELLED
