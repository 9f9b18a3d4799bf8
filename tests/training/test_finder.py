"""The training of hand_finder: where it starts, and how it is measured."""

import numpy as np
import pytest
from keras import ops

from openpose_keras.estimators.palms import palm_anchors
from openpose_keras.networks.preprocessing import normalise
from openpose_keras.networks.presets import load_network
from openpose_keras.training import finder
from openpose_keras.training.finder_data import DOUBTFUL, FinderSample
from openpose_keras.training.finder_targets import palm_values
from tests.helpers.training_fakes import open_hand, small_config

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
SIZE = 96
ANCHORS = palm_anchors(SIZE, SIZE)
NO_BOXES = np.zeros((0, 5))


class Finds:
    """A network that answers with the palms of these hands, one anchor each, in every image."""

    def __init__(self, *hands):
        self.palms = np.zeros((len(ANCHORS), 9, 2))
        self.logits = np.full((len(ANCHORS), 1), -20.0)
        for xy in hands:
            values = palm_values(xy)
            anchor = np.abs(ANCHORS - values[0]).max(axis=1).argmin()
            self.palms[anchor] = values - ANCHORS[anchor]
            self.palms[anchor, 1] = values[1]
            self.logits[anchor] = 3

    def predict(self, images, **options):
        del options
        palms = np.repeat(self.palms.reshape(1, -1, 18), len(images), axis=0)
        return {"palms": palms, "logits": np.repeat(self.logits[None], len(images), axis=0)}


def sample(*hands, doubtful=()):
    boxes = [[*box, DOUBTFUL] for box in doubtful]
    return FinderSample(
        np.zeros((SIZE, SIZE, 3), np.uint8), [*hands], np.array([*boxes]).reshape(-1, 5)
    )


def measure(network, *samples):
    return finder.validate(network, {"x": [*samples]})


def test_a_network_that_answers_right_has_no_error():
    near, far = open_hand((30, 36), 40), open_hand((70, 62), 26)
    report = measure(Finds(near, far), sample(near, far), sample(far, near))
    assert report == pytest.approx({"x_recall": 1.0, "x_error": 0.0, "x_false": 0.0}, abs=1e-3)


def test_what_is_missed_lowers_the_recall_and_what_is_elsewhere_is_false():
    near, far = open_hand((30, 36), 40), open_hand((70, 62), 26)
    report = measure(Finds(near), sample(near, far), sample(far))
    assert report["x_recall"] == pytest.approx(1 / 3)
    assert report["x_false"] == 0.5  # of the image without that hand
    assert measure(Finds(near), sample()) == {"x_false": 1.0}


def test_a_palm_of_half_the_size_or_half_a_palm_off_is_not_found():
    xy = open_hand((48, 50), 40)
    for wrong in (open_hand((48, 50), 18), xy + np.float32([16, 0])):
        report = measure(Finds(wrong), sample(xy))
        assert (report["x_recall"], report["x_false"]) == (0, 1)
        assert np.isnan(report["x_error"])
    error = np.hypot(4, 4) / palm_values(xy)[1, 1]
    assert measure(Finds(xy + 4), sample(xy))["x_error"] == pytest.approx(error, rel=0.05)


def test_what_is_found_in_a_doubtful_box_is_neither_right_nor_false():
    xy = open_hand((48, 50), 40)
    assert measure(Finds(xy), sample(doubtful=[(20, 20, 60, 60)])) == {"x_false": 0.0}


@pytest.mark.slow
def test_the_finder_starts_as_mediapipe_s_and_knows_about_whole_hands(tmp_path):
    config = small_config(tmp_path, network="hand_finder", assets=None, pretrained=True, size=SIZE)
    model, network = finder.start(config)
    image = np.random.default_rng(0).integers(0, 256, (1, SIZE, SIZE, 3), np.uint8)
    expected = load_network("mediapipe_palm")(normalise(image[0]))
    palms, logits = (ops.convert_to_numpy(expected[name]) for name in ("palms", "logits"))
    palms = palms.copy()
    palms[..., 3] *= 1.8  # the longer side of a hand
    palms[..., 16:18] = palms[..., 8:10]  # its middle is near the middle finger's first joint
    answer = ops.convert_to_numpy(model(image)["answer"])
    np.testing.assert_allclose(answer, np.concatenate([palms, logits], axis=-1), atol=1e-3)
    frozen = {layer.name.split("_")[0] for layer in network.layers if not layer.trainable}
    assert frozen == {"stem", "level2", "level4"}
