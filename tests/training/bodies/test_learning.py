"""A tiny network of bodies learns to find stick people within a minute, from nothing."""

import numpy as np
import pytest

from openpose_keras import cli, networks
from openpose_keras.core.skeletons import BODY_MPI
from openpose_keras.estimators.body import BodyEstimator
from openpose_keras.estimators.recipes import BodyRecipe
from openpose_keras.training.bodies.data import stick_people
from openpose_keras.training.bodies.task import square_estimator, validate
from tests.helpers import ROOT

pytestmark = [
    pytest.mark.slow,
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
SIZE = 128
BAR = {"ap": 0.3, "ap50": 0.9, "ar": 0.35}  # measured: 0.41, 0.98 and 0.46


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The network that the config that ships trains, in 40 to 55 seconds of CPU."""
    folder = tmp_path_factory.mktemp("run")
    assert cli.main(["train", str(ROOT / "weights" / "body_tiny.json"), "--out", str(folder)]) == 0
    network = networks.body_tiny()
    network.load_weights(folder / "body_tiny.weights.h5")
    return network


@pytest.fixture(scope="module")
def scenes():
    rng = np.random.default_rng(99)
    return [stick_people(rng, SIZE) for _ in range(60)]


def test_most_stick_people_of_new_images_are_found_and_hardly_anything_else(trained, scenes):
    found = validate(square_estimator(trained, SIZE), scenes)
    assert all(found[name] > least for name, least in BAR.items()), found


def test_an_untrained_network_finds_nobody(scenes):
    assert validate(square_estimator(networks.body_tiny(), SIZE), scenes)["ar"] < 0.1


def test_keypoints_lie_where_they_were_drawn(trained, scenes):
    estimator = square_estimator(trained, SIZE)
    errors = []
    for sample in scenes:
        for body in estimator(sample.image):
            away = np.linalg.norm(sample.people - body.xy, axis=2)
            errors += [*np.nan_to_num(away, nan=np.inf)[np.nanmean(away, axis=1).argmin()]]
    assert np.median(errors) < 4  # pixels: half a cell


def test_people_are_found_in_an_image_of_another_shape(trained):
    rng = np.random.default_rng(7)
    left, right = (stick_people(rng, SIZE, most=1) for _ in range(2))
    while not (len(left.people) and len(right.people)):
        left, right = right, stick_people(rng, SIZE, most=1)
    estimator = BodyEstimator(trained, recipe=BodyRecipe(resolution=(SIZE, 2 * SIZE)))
    bodies = estimator(np.hstack([left.image, right.image]))
    truth = np.concatenate([left.people, right.people + np.array([SIZE, 0])])
    assert len(bodies) == 2
    for xy in truth:
        away = [np.nanmedian(np.linalg.norm(body.xy - xy, axis=1)) for body in bodies]
        assert min(away) < 8  # the image is shown smaller, as it is wider than 16:9
    assert estimator.skeleton is BODY_MPI
