"""What a run is fed with, its first weights, and the rates at which its layers learn."""

import dataclasses

import keras
import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.core.errors import WeightsError
from openpose_keras.networks.presets import find_weights, get_preset, load_network
from openpose_keras.training.hands import task as hand_task
from openpose_keras.training.task import batches, load_first_weights, make_optimizer
from tests.helpers.training_fakes import fake_composer, small_config

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


def compose(rng):
    return hand_task.collate([fake_composer(size=32)(rng) for _ in range(2)])


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path, steps_per_epoch=3)


def test_a_batch_is_what_its_own_generator_composes(config):
    dataset = batches(compose, config, first_epoch=3)
    assert len(dataset) == 3
    images, targets = dataset[1]
    expected = compose(np.random.default_rng((config.seed, 3, 1)))
    np.testing.assert_array_equal(images, expected[0])
    np.testing.assert_equal(targets, expected[1])


def test_a_batch_depends_only_on_seed_epoch_and_number(config):
    dataset = batches(compose, config)
    second, first = dataset[1][0], dataset[0][0]
    np.testing.assert_array_equal(dataset[0][0], first)
    dataset.on_epoch_end()
    np.testing.assert_array_equal(batches(compose, config, first_epoch=1)[0][0], dataset[0][0])
    other = batches(compose, dataclasses.replace(config, seed=2))
    for different in (second, dataset[0][0], other[0][0]):
        assert (different != first).any()


def test_processes_compose_the_same_batches_in_the_same_order(config):
    def fitted(processes):
        """Return what a model saw of each step of two epochs."""
        seen = []

        def loss(truth, predicted):
            seen.append(np.asarray(truth).mean())
            return keras.ops.mean(predicted)

        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile("sgd", loss=loss, run_eagerly=True)
        data = batches(numbers, dataclasses.replace(config, processes=processes))
        model.fit(data, epochs=2, shuffle=False, verbose=0)
        return seen

    alone = fitted(0)
    assert len(set(alone)) == 6
    assert fitted(2) == alone


def numbers(rng):
    return np.ones((4, 1), np.float32), rng.random((4, 1), np.float32)


@pytest.fixture
def two_layers():
    """A network of two layers: what an optimizer needs of one."""
    layers = [keras.Input((3,)), keras.layers.Dense(2, name="old"), keras.layers.Dense(2)]
    return keras.Sequential(layers)


def test_pretrained_weights_have_their_own_learning_rate(tmp_path, two_layers):
    """The first step of Adam is the rate itself, whatever the gradient."""
    config = small_config(
        tmp_path, pretrained_rate=0.25, learning_rate=1e-3, weight_decay=0.0, steps_per_epoch=1
    )
    variables = two_layers.trainable_variables
    kernel, bias = two_layers.get_layer("old").weights
    half = np.array([[True, False]] * 3)
    slow = {kernel.path: half, bias.path: True}
    optimizer = make_optimizer(two_layers, dataclasses.replace(config, epochs=1), slow)
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    optimizer.apply([keras.ops.ones_like(variable) for variable in variables])
    for variable, old in zip(variables, before, strict=True):
        step = old - keras.ops.convert_to_numpy(variable)
        expected = 1e-3 * np.where(slow.get(variable.path, False), 0.25, 1.0)
        expected = np.broadcast_to(expected, step.shape)
        np.testing.assert_allclose(step, expected, rtol=0.02, atol=1e-6, err_msg=variable.path)


def test_the_rate_rises_to_its_greatest_value_and_falls_to_nearly_zero(tmp_path, two_layers):
    config = small_config(tmp_path, epochs=10, steps_per_epoch=100, learning_rate=2e-3)
    optimizer = make_optimizer(two_layers, config, {})
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
    long = dataclasses.replace(config, steps_per_epoch=5000)
    assert make_optimizer(two_layers, long, {}).ema_momentum == 0.998


@pytest.mark.slow
def test_pretrained_layers_are_mediapipe_s_and_the_decoder_is_not(tmp_path):
    network, teacher = networks.hand_lite(), load_network("mediapipe_hand")
    decoder = network.get_layer("heat2").get_weights()[0]
    slow = load_first_weights(network, small_config(tmp_path, assets=None, pretrained=True))
    named = {layer.name: layer for layer in teacher.layers if layer.weights}
    taken = [layer for layer in network.layers if layer.weights and layer.name in named]
    assert slow == {variable.path: True for layer in taken for variable in layer.weights}
    assert named.keys() - {layer.name for layer in taken} == {"world"}
    for layer in taken:
        arrays = zip(layer.get_weights(), named[layer.name].get_weights(), strict=True)
        for ours, theirs in arrays:
            np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(network.get_layer("heat2").get_weights()[0], decoder)


@pytest.mark.slow
def test_a_run_can_start_from_the_weights_that_ship_and_keeps_its_first_layers(tmp_path):
    config = small_config(tmp_path, assets=None, pretrained=True, weights="hand_lite")
    shipped = networks.hand_lite()
    shipped.load_weights(find_weights(get_preset("hand_lite")))
    model, network = hand_task.start(config)
    for ours, theirs in zip(network.get_weights(), shipped.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert int(model.optimizer.iterations) == 0
    frozen = {layer.name for layer in network.layers if layer.weights and not layer.trainable}
    assert frozen == {
        "stem",
        *(f"block0_{part}" for part in ("depthwise", "project")),
        *(f"block1_{part}" for part in ("expand", "depthwise", "project")),
    }


def test_a_run_can_train_some_layers_alone(tmp_path):
    config = small_config(tmp_path, pretrained=False, layers="presence,right")
    _, network = hand_task.start(config)
    assert {each.path for each in network.trainable_variables} == {
        "presence/kernel",
        "presence/bias",
        "right/kernel",
        "right/bias",
    }


def test_weights_to_start_from_that_cannot_be_used_are_named(tmp_path, two_layers):
    (tmp_path / "none.weights.h5").write_bytes(b"no weights")
    config = small_config(tmp_path, weights=str(tmp_path / "none.weights.h5"))
    with pytest.raises(WeightsError, match=r"none\.weights\.h5") as caught:
        load_first_weights(two_layers, config)
    assert "\n" not in str(caught.value)
