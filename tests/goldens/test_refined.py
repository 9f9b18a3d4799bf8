"""How near refined candidates come to what OpenPose's own code finds, scene by scene.

Pieces of people are not joined here, and three keypoints are a person, as in OpenPose.
"""

from dataclasses import replace

import numpy as np
import pytest

from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.recipes import BODY_RECIPES
from tests.goldens.__main__ import load, load_scenes
from tests.goldens.sections import SKELETONS
from tests.goldens.test_goldens import FILE, FOLDER


def no_network(batch):
    raise AssertionError("the goldens' maps are given")


def find_refined(golden, scenes):
    """Return the people (n, K, 3) of a golden's maps, 0 where missing."""
    skeleton = SKELETONS[golden["model"]]
    recipe = replace(BODY_RECIPES["refined"], reach=0.0, keypoints=0)
    estimator = BodyEstimator(no_network, skeleton=skeleton, recipe=recipe)
    count = len(skeleton) + 1
    scales = [
        np.moveaxis(each, 0, 2)
        for each in scenes.make_scene(golden["model"], golden["seed"])["maps"]
    ]
    maps = [{"keypoints": each[..., :count], "affinity": each[..., count:]} for each in scales]
    size = golden["image_size"][::-1]
    bodies = estimator.decode(estimator.merge(maps), size, scales=maps)
    tables = [np.column_stack([body.xy, body.scores]) for body in bodies]
    return np.nan_to_num(np.array(tables).reshape(-1, len(skeleton), 3))


def compare(golden, scenes, pixels):
    """Return how many keypoints there are, how many of them are found near, and the people over."""
    ours = find_refined(golden, scenes)
    theirs = np.array(golden["default_gpu"]["people"]).reshape(-1, *ours.shape[1:])
    distances = np.linalg.norm(theirs[:, None, :, :2] - ours[None, ..., :2], axis=3)
    near = distances <= pixels * golden["scale_net_to_image"]
    near &= (theirs[:, None, :, 2] > 0) & (ours[None, ..., 2] > 0)
    found = near.sum(axis=2).max(axis=1, initial=0)
    return (theirs[..., 2] > 0).sum(), found.sum(), abs(len(ours) - len(theirs))


@pytest.fixture(scope="module")
def scenes_of():
    """Return the golden scenes without strong noise, those of one scale or those of several."""
    if not FILE.is_file():
        pytest.skip(f"no {FILE}, the answers of OpenPose's own code")
    scenes = load_scenes(FOLDER / "body_scenes.py")
    goldens = load(FILE)["people"]

    def choose(several):
        return [
            (golden, scenes)
            for golden in goldens
            if golden["category"] not in ("noisy", "random_maps")
            and (len(golden["net_sizes"]) > 1) == several
        ]

    return choose


@pytest.mark.parametrize("several", [False, True])
def test_nearly_all_keypoints_lie_where_openpose_has_them(scenes_of, several):
    there, near, over = np.sum([compare(*each, 0.5) for each in scenes_of(several)], axis=0)
    assert there > 200
    assert near > 0.997 * there
    assert over == 0
