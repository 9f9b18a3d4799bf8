import numpy as np
import pytest

from openpose_keras.engines.keras import stages_model
from openpose_keras.networks import HAND_CHANNELS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
]


def test_stages_of_our_networks_are_theirs_with_the_same_weights():
    import keras

    from openpose_keras import networks

    network = networks.hand_lite()
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if not weight.path.endswith("variance"):
            weight.assign(rng.normal(0, 0.05, weight.shape))
    batch = rng.uniform(-0.5, 0.5, (1, 32, 32, 3)).astype(np.float32)
    found, expected = (
        {name: keras.ops.convert_to_numpy(each) for name, each in model(batch).items()}
        for model in (stages_model(network), network)
    )
    first, last = np.split(found["keypoints"], [HAND_CHANNELS], axis=-1)
    for name, each in expected.items():
        np.testing.assert_allclose(last if name == "keypoints" else found[name], each, atol=1e-5)
    assert first.shape == last.shape
    assert np.abs(first - last).max() > 1e-4


def test_another_network_of_the_same_name_has_one_stage():
    import keras

    layers = [keras.Input((None, None, 3)), keras.layers.Conv2D(HAND_CHANNELS, 1)]
    assert stages_model(keras.Sequential(layers, name="hand_lite")) is None
