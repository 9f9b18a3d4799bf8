import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.conversion.convert import load_converted
from openpose_keras.core.errors import WeightsError
from openpose_keras.training.mediapipe_backbone import backbone_layers, load_mediapipe_backbone
from tests.helpers.assets import mediapipe_file

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


def test_the_backbone_has_the_files_weights_and_the_rest_stays():
    path = mediapipe_file("hand_landmark_full.tflite")
    network = networks.hand_lite()
    backbone = {layer.name for layer in backbone_layers(network)}
    before = {layer.name: layer.get_weights() for layer in network.layers}
    load_mediapipe_backbone(network, path)
    teacher, _ = load_converted(path)
    assert len(backbone) == 1 + 2 + 14 * 3  # the stem; block0 does not expand
    for layer in network.layers:
        expected = teacher.get_layer(layer.name).get_weights() if layer.name in backbone else None
        expected = before[layer.name] if expected is None else expected
        for array, other in zip(layer.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(array, other, err_msg=layer.name)


def test_another_network_is_refused_and_nothing_is_loaded(tmp_path):
    network = networks.hand_lite()
    before = network.get_weights()
    for path in (mediapipe_file("palm_detection_full.tflite"), tmp_path / "hand.tflite"):
        with pytest.raises(WeightsError, match=r"@mediapipe/hands 0\.4\.1675469240") as caught:
            load_mediapipe_backbone(network, path)
        assert "\n" not in str(caught.value)
    for array, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)
