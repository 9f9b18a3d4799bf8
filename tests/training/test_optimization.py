import dataclasses

import numpy as np
import pytest
from openpose_keras.training.mediapipe_backbone import backbone_layers

from openpose_keras import networks
from openpose_keras.conversion.convert import load_converted
from openpose_keras.core.errors import TrainingError, WeightsError
from openpose_keras.networks.presets import find_weights, get_preset
from openpose_keras.training.optimization import heatmap_loss, start
from tests.helpers.assets import assets_folder, mediapipe_file
from tests.helpers.training_fakes import small_config

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


def test_loss_agrees_with_a_plain_loop():
    rng = np.random.default_rng(0)
    truth = rng.random((2, 3, 4, 22)).astype(np.float32)
    predicted = rng.normal(0, 1, truth.shape).astype(np.float32)
    found = np.asarray(heatmap_loss(truth, predicted))
    assert found.shape == (2, 3, 4)
    for index in np.ndindex(2, 3, 4):
        total = 0.0
        for channel, value in enumerate(truth[index].tolist()):
            near = 1 - value if channel == 21 else value
            total += (1 + 8 * near) * (value - float(predicted[index][channel])) ** 2
        assert found[index] == pytest.approx(total / 22, rel=1e-5)


@pytest.mark.slow
def test_the_backbone_has_its_own_learning_rate(tmp_path):
    """The first step of Adam is the rate itself, whatever the gradient."""
    import keras

    config = dataclasses.replace(
        small_config(tmp_path), backbone_rate=0.25, learning_rate=1e-3, weight_decay=0.0
    )
    model = start(config)
    assert all(layer.trainable for layer in model.layers)
    backbone = {weight.path for layer in backbone_layers(model) for weight in layer.weights}
    variables = model.trainable_variables
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    model.optimizer.apply([keras.ops.ones_like(variable) for variable in variables])
    assert len(backbone) == 90
    for variable, old in zip(variables, before, strict=True):
        step = old - keras.ops.convert_to_numpy(variable)
        expected = 1e-3 * (0.25 if variable.path in backbone else 1.0)
        np.testing.assert_allclose(step, expected, rtol=0.02, atol=1e-6, err_msg=variable.path)


@pytest.mark.slow
def test_the_rate_rises_to_its_greatest_value_and_falls_to_nearly_zero(tmp_path):
    config = small_config(tmp_path, epochs=10, steps_per_epoch=100, learning_rate=2e-3)
    optimizer = start(config).optimizer
    assert optimizer.ema_momentum == pytest.approx(1000 / 1010)  # averages the last steps
    rates = []
    for step in (0, 50, 100, 300, 550, 900, 1000, 1200):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates[:3], [0, 1e-3, 2e-3], rtol=1e-3, atol=1e-9)
    assert rates[2:7] == sorted(rates[2:7], reverse=True)
    np.testing.assert_allclose(rates[-2:], 0.002 * 2e-3, rtol=1e-2)
    middle = 0.002 * 2e-3 + 0.998 * 1e-3
    assert rates[4] == pytest.approx(middle, rel=1e-2)


@pytest.mark.slow
def test_a_pretrained_backbone_has_its_weights_and_its_first_layers_are_frozen(tmp_path):
    teacher, _ = load_converted(mediapipe_file("hand_landmark_full.tflite"))
    config = small_config(
        tmp_path, pretrained_backbone=True, assets=str(assets_folder()), steps_per_epoch=5000
    )
    model = start(config)
    assert model.optimizer.ema_momentum == 0.998
    for layer in backbone_layers(model):
        kernel, _ = teacher.get_layer(layer.name).get_weights()
        np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
    assert frozen == {
        "stem",
        *(f"block0_{part}" for part in ("depthwise", "project")),
        *(f"block1_{part}" for part in ("expand", "depthwise", "project")),
    }


@pytest.mark.slow
def test_a_run_can_start_from_the_weights_that_ship_and_needs_no_assets(tmp_path):
    config = small_config(tmp_path, assets=None, pretrained_backbone=True, weights="hand_lite")
    model, shipped = start(config), networks.hand_lite(all_stages=True)
    shipped.load_weights(find_weights(get_preset("hand_lite")))
    for ours, theirs in zip(model.get_weights(), shipped.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not model.get_layer("stem").trainable
    assert model.get_layer("heat2").trainable
    assert int(model.optimizer.iterations) == 0


@pytest.mark.slow
def test_weights_to_start_from_that_cannot_be_used_are_named(tmp_path):
    with pytest.raises(TrainingError, match="expected assets with teacher/") as caught:
        start(small_config(tmp_path, assets=None, pretrained_backbone=True))
    assert "\n" not in str(caught.value)
    (tmp_path / "none.weights.h5").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"none\.weights\.h5"):
        start(small_config(tmp_path, weights=str(tmp_path / "none.weights.h5")))
