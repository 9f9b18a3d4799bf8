"""The training of the finder of hands: where it starts, and how it is measured."""

import numpy as np
import pytest

from openpose_keras.estimators.palms import palm_anchors
from openpose_keras.networks.presets import load_network
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.finder.data import DOUBTFUL, FinderSample, finder_batch
from openpose_keras.training.finder.targets import palm_values
from openpose_keras.training.finder.task import start, validate
from tests.helpers.training_fakes import open_hand

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")
SIZE = 96


def sample(hands, boxes=()):
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    return FinderSample(image, hands, np.reshape(np.array(boxes, np.float64), (-1, 5)))


class Oracle:
    """Answers each sample with given hands, each at the anchor of its own number."""

    def __init__(self, found):
        self.found = found

    def predict(self, images, **_):
        anchors = palm_anchors(SIZE, SIZE)
        palms = np.zeros((len(images), len(anchors), 18), np.float32)
        logits = np.full((len(images), len(anchors), 1), -9.0, np.float32)
        for row, hands in enumerate(self.found):
            for index, xy in enumerate(hands):
                values = palm_values(xy) - anchors[index]
                values[1] += anchors[index]
                palms[row, index], logits[row, index] = values.ravel(), 9.0
        return {"palms": palms, "logits": logits}


def test_validation_counts_palms_that_are_right_missed_and_false():
    first, second, third = open_hand((30, 30), 40), open_hand((70, 60), 30), open_hand((20, 75), 24)
    samples = [sample([first, second]), sample([third])]
    right = validate(Oracle([[first, second], [third]]), {"photo": samples})
    assert right == pytest.approx({"photo_recall": 1, "photo_error": 0, "photo_false": 0}, abs=1e-5)
    worse = validate(Oracle([[first, third], []]), {"photo": samples})
    assert worse["photo_recall"] == pytest.approx(1 / 3)
    assert worse["photo_false"] == pytest.approx(1 / 2)
    doubtful = [sample([], [[5, 60, 30, 30, DOUBTFUL]])]
    assert validate(Oracle([[third]]), {"drawn": doubtful}) == {"drawn_false": 0}


def test_a_run_starts_at_the_palm_detector_and_keeps_its_first_layers():
    config = TrainConfig(network="hand_finder", out="none", size=SIZE, batch_size=1)
    model, network = start(config)
    images, _ = finder_batch([sample([open_hand((48, 48), 60)])])
    images += np.random.default_rng(0).integers(0, 256, images.shape, dtype=np.uint8)
    palm = load_network("mediapipe_palm").predict(images / np.float32(256) - 0.5, verbose=0)
    answer = model.predict(images, verbose=0)["answer"]
    np.testing.assert_allclose(answer[..., 18:], palm["logits"], atol=1e-3)
    np.testing.assert_allclose(answer[..., :3], palm["palms"][..., :3], atol=1e-2)
    np.testing.assert_allclose(answer[..., 3], 1.8 * palm["palms"][..., 3], atol=2e-2)
    np.testing.assert_allclose(answer[..., 16:18], palm["palms"][..., 8:10], atol=1e-2)
    learning = {layer.name for layer in network.layers if layer.trainable_weights}
    assert {"palms8", "logits16", "level8_down_project"} <= learning
    assert not any(name.startswith(("stem", "level2_", "level4_")) for name in learning)
