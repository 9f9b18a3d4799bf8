"""What a run is fed with: the same batches, whoever composes them."""

import dataclasses

import keras
import numpy as np
import pytest

from openpose_keras.training.hands.task import collate
from openpose_keras.training.task import batches
from tests.helpers.training_fakes import fake_composer, small_config

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


def compose(rng):
    return collate([fake_composer(size=32)(rng) for _ in range(2)])


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
