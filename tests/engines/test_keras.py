"""Keras models as engines, on each backend."""

import os
import subprocess
import sys

import numpy as np
import pytest

from openpose_keras.engines import keras as engine
from openpose_keras.engines.keras import is_model
from tests.helpers.backends import mark_backends


@pytest.mark.parametrize("count", range(1, 20))
def test_parts_of_a_batch_for_jax_are_falling_powers_of_two(count):
    sizes = np.diff([0, *engine._power_ends(count), count])
    assert sizes.sum() == count
    assert (np.diff(sizes) < 0).all()
    assert all(size & (size - 1) == 0 and size > 0 for size in sizes.tolist())


def test_a_function_is_no_model():
    assert not is_model(print)


PROGRAM = """
import warnings
import keras, numpy as np
from openpose_keras.engines.keras import compile_model
from openpose_keras.estimators.hand import HandEstimator

x = keras.Input((None, None, 3))
first = keras.layers.Conv2D(22, 8, strides=8, padding="same")(x)
norm = keras.layers.BatchNormalization()(first)
model = keras.Model(x, [first, norm])
rng = np.random.default_rng(0)
call = compile_model(model)
for shape in ((1, 64, 64, 3), (3, 64, 64, 3), (1, 96, 120, 3)):
    batch = rng.normal(size=shape).astype("float32")
    kernel, bias = model.layers[1].get_weights()
    blocks = batch.reshape(shape[0], shape[1] // 8, 8, shape[2] // 8, 8, 3)
    expected = np.einsum("nhiwjc,ijck->nhwk", blocks, kernel) / np.sqrt(1 + 1e-3)
    answer = call(batch)["keypoints"]
    assert type(answer) is np.ndarray and answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=1e-4)
    model.layers[1].set_weights([2 * kernel, bias])  # new weights count, without a new compilation
hand = HandEstimator(model)(np.full((99, 99, 3), 200, np.uint8), [(0, 0, 99)])[0]
assert hand.side_scores
named = keras.Model(x, {"keypoints": norm, "presence": keras.layers.GlobalMaxPooling2D()(norm)})
maps = compile_model(named)(batch)
assert sorted(maps) == ["keypoints", "presence"] and maps["presence"].shape == (1, 22)
if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
    from openpose_keras.core.errors import BackendError
    try:
        with tf.Graph().as_default():  # as after tf.compat.v1.disable_eager_execution()
            compile_model(model)
    except BackendError as error:
        assert "execute eagerly" in str(error)
    else:
        raise AssertionError("expected an error")
print("ok")
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", mark_backends("tensorflow", "jax", "torch"))
def test_a_keras_model_is_compiled_on_every_backend(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.stdout.strip() == "ok", ran.stderr
