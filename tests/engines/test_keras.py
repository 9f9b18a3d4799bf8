"""Pictures through a network: batches, checks, and Keras on each backend."""

import os
import subprocess
import sys

import numpy as np
import pytest

from openpose_keras.core.errors import NetworkError, OpenPoseKerasError
from openpose_keras.engines import keras as engine
from openpose_keras.engines.keras import is_model, run_batches
from openpose_keras.networks.input_spec import InputSpec

SPEC = InputSpec(box_size=16, stride=8)


def answer(batch):
    """Maps of the mean of each picture."""
    rows, columns = (-(-side // 8) for side in batch.shape[1:3])
    return np.tile(batch.mean(axis=(1, 2, 3))[:, None, None, None], (1, rows, columns, 22))


def run(images, forward=answer, batch_size=2, order="rgb"):
    return run_batches(forward, images, spec=SPEC, channel_order=order, batch_size=batch_size)


def test_answers_come_in_order_though_sizes_are_mixed():
    sizes = [(16, 16), (24, 16), (16, 16), (17, 16), (16, 16), (24, 16)]
    images = [np.full((*size, 3), 10 * n, np.uint8) for n, size in enumerate(sizes)]
    answers = run(images)
    for n, (size, maps) in enumerate(zip(sizes, answers, strict=True)):
        assert maps.shape == (-(-size[0] // 8), 2, 22) and maps.dtype == np.float32
        np.testing.assert_allclose(maps, 10 * n / 256 - 0.5)


def test_each_batch_is_of_one_size_and_bounded():
    shapes = []

    def forward(batch):
        shapes.append(batch.shape[:3])
        return answer(batch)

    run([np.zeros((16, 16, 3), np.uint8), np.zeros((24, 16, 3), np.uint8)] * 3, forward)
    assert shapes == [(2, 16, 16), (1, 16, 16), (2, 24, 16), (1, 24, 16)]


def test_a_batch_has_at_most_the_pixels_of_the_largest_input(monkeypatch):
    monkeypatch.setattr(engine, "LARGEST_INPUT", 3 * 16 * 16)
    counts = []

    def forward(batch):
        counts.append(len(batch))
        return answer(batch)

    images = [np.full((16, 16, 3), n, np.uint8) for n in range(7)]
    answers = run(images, forward, batch_size=8)
    assert counts == [3, 3, 1]
    np.testing.assert_allclose([maps[0, 0, 0] for maps in answers], np.arange(7) / 256 - 0.5)
    counts.clear()
    run([np.zeros((80, 80, 3), np.uint8)] * 2, forward, batch_size=8)
    assert counts == [1, 1]  # larger than the budget, and one at a time


@pytest.mark.parametrize("count", range(1, 20))
def test_parts_of_a_batch_for_jax_are_falling_powers_of_two(count):
    sizes = np.diff([0, *engine._power_ends(count), count])
    assert sizes.sum() == count and (np.diff(sizes) < 0).all()
    assert all(size & (size - 1) == 0 and size > 0 for size in sizes.tolist())


def test_the_network_is_given_float32_in_the_order_asked_for():
    seen = []

    def forward(batch):
        seen.append(batch)
        return answer(batch)

    image = np.zeros((16, 16, 3), np.uint8) + np.array([0, 128, 255], np.uint8)
    run([image], forward, order="bgr")
    assert seen[0].dtype == np.float32 and seen[0].shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(seen[0][0, 0, 0], np.float32([255 / 256 - 0.5, 0, -0.5]))


def test_no_pictures_no_call():
    assert run([], forward=None) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    with pytest.raises(NetworkError, match="NaN or infinity"):
        run([np.zeros((16, 16, 3), np.uint8)], lambda batch: answer(batch) * bad)


@pytest.mark.parametrize("crop", [np.s_[:, :1], np.s_[..., :21], np.s_[:0], np.s_[0]])
def test_other_shapes_are_refused(crop):
    with pytest.raises(NetworkError, match=r"expected heatmaps \(1, 2, 2, 22\)"):
        run([np.zeros((16, 16, 3), np.uint8)], lambda batch: answer(batch)[crop])


def test_the_error_is_one_of_ours():
    assert issubclass(NetworkError, OpenPoseKerasError) and issubclass(NetworkError, ValueError)


def test_a_function_is_no_model():
    assert not is_model(answer)


PROGRAM = """
import warnings
import keras, numpy as np
from openpose_keras.estimators.hand import HandEstimator, compile_call

x = keras.Input((None, None, 3))
first = keras.layers.Conv2D(22, 8, strides=8, padding="same")(x)
norm = keras.layers.BatchNormalization()(first)
model = keras.Model(x, [first, norm])
rng = np.random.default_rng(0)
call = compile_call(model)
for shape in ((1, 64, 64, 3), (3, 64, 64, 3), (1, 96, 120, 3)):
    batch = rng.normal(size=shape).astype("float32")
    kernel, bias = model.layers[1].get_weights()
    blocks = batch.reshape(shape[0], shape[1] // 8, 8, shape[2] // 8, 8, 3)
    expected = np.einsum("nhiwjc,ijck->nhwk", blocks, kernel) / np.sqrt(1 + 1e-3)
    answer = call(batch)
    assert type(answer) is np.ndarray and answer.dtype == np.float32
    np.testing.assert_allclose(answer, expected, atol=1e-4)
    model.layers[1].set_weights([2 * kernel, bias])  # new weights count, without a new compilation
hand = HandEstimator(model)(np.full((99, 99, 3), 200, np.uint8), [(0, 0, 99)])[0]
assert hand.side_scores
print("ok")
"""


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_keras_model_is_compiled_on_every_backend(backend):
    pytest.importorskip("keras" if backend == "tensorflow" else backend, exc_type=ImportError)
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
