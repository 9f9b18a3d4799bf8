"""The body network on MobileNet's trunk; tests/conversion/test_openvino.py has its oracle."""

import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.conversion.convert import load_converted

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


@pytest.mark.parametrize("size", [(64, 96), (61, 90), (8, 8)])
def test_both_stages_have_all_maps_at_stride_8(size):
    batch = np.random.default_rng(0).uniform(-0.5, 0.5, (2, *size, 3)).astype(np.float32)
    cells = -(-size[0] // 8), -(-size[1] // 8)
    shapes = {"keypoints": (2, *cells, 19), "affinity": (2, *cells, 38)}
    stages = networks.body_mobilenet(all_stages=True)
    last = networks.body_mobilenet()
    last.set_weights(stages.get_weights())
    found = stages(batch)
    assert [{kind: tuple(maps.shape) for kind, maps in each.items()} for each in found] == [
        shapes,
        shapes,
    ]
    for kind, maps in last(batch).items():
        np.testing.assert_array_equal(maps, found[-1][kind])
        assert np.abs(maps - found[0][kind]).max() > 0


def test_a_weight_file_of_its_own_is_recognised(tmp_path):
    network = networks.body_mobilenet()
    assert network.count_params() == 4_099_058
    network.save_weights(tmp_path / "own.weights.h5")
    model, record = load_converted(tmp_path / "own.weights.h5")
    assert (model.name, record.channel_order) == ("body_mobilenet", "rgb")
    for ours, theirs in zip(model.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
