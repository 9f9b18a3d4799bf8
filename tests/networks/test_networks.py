"""The networks against the prototxt's description and a plain NumPy Pose Machine."""

import math
import os
import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.networks import face_lite, first_stage, hand, hand_lite
from tests.helpers import ROOT
from tests.helpers.backends import mark_backends

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

STAGES = 3  # of the hand network, for half the time


def caffe_layers():
    """Kernel, inputs and outputs of each convolution, from the description of OpenPose's prototxt.

    The trunk is VGG-19's, whose blocks of 64, 128, 256 and 512 channels are parted by pools; each
    later stage sees 22 heatmaps and 128 features.
    """
    layers = {}
    channels = 3
    for block, widths in enumerate(([64] * 2, [128] * 2, [256] * 4, [512] * 4, [512] * 2), start=1):
        for index, width in enumerate(widths, start=1):
            layers[f"conv{block}_{index}"] = (3, channels, width)
            channels = width
    layers["conv5_3_CPM"] = (3, 512, 128)
    layers["conv6_1_CPM"] = (1, 128, 512)
    layers["conv6_2_CPM"] = (1, 512, 22)
    for stage in range(2, 7):
        layers[f"Mconv1_stage{stage}"] = (7, 22 + 128, 128)
        for index in range(2, 6):
            layers[f"Mconv{index}_stage{stage}"] = (7, 128, 128)
        layers[f"Mconv6_stage{stage}"] = (1, 128, 128)
        layers[f"Mconv7_stage{stage}"] = (1, 128, 22)
    return layers


def randomise(model):
    """Fill a network with weights that keep the size of what goes through it.

    Keras's own start shrinks it from layer to layer, so that heatmaps would be zero to 1e-4.
    """
    rng = np.random.default_rng(0)
    for layer in model.layers:
        arrays = [rng.normal(0, 0.1, weight.shape) for weight in layer.weights]
        if type(layer).__name__ == "BatchNormalization":
            arrays[0] += 1  # scale
            arrays[3] = rng.uniform(0.5, 1.5, arrays[3].shape)  # variance
        elif arrays:
            depthwise = type(layer).__name__ == "DepthwiseConv2D"
            fan_in = np.prod(arrays[0].shape[: 2 if depthwise else 3])
            arrays[0] *= 10 * np.sqrt(2 / fan_in)
        layer.set_weights(arrays)
    return model


def noise(*size, batch=1):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (batch, *size, 3)).astype(np.float32)


def run(model, batch):
    """The outputs as a list of arrays; of named ones the heatmaps."""
    outputs = model(batch, training=False)
    outputs = [outputs["keypoints"]] if isinstance(outputs, dict) else outputs
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in outputs]


@pytest.fixture(scope="module")
def machine():
    """A short hand network with all stages, and random weights."""
    return randomise(hand(stages=STAGES, all_stages=True))


@pytest.fixture(scope="module")
def lite():
    """hand_lite with both stages, and random weights."""
    return randomise(hand_lite(all_stages=True))


def build(name, **options):
    return hand_lite(**options) if name == "lite" else hand(stages=STAGES, **options)


# ---------------------------------------------------------------- OpenPose's network


def test_hand_has_the_layers_of_the_prototxt_and_no_other():
    model = hand()
    found = {
        layer.name: [tuple(weight.shape) for weight in layer.weights]
        for layer in model.layers
        if layer.weights
    }
    assert found == {
        name: [(kernel, kernel, inputs, outputs), (outputs,)]
        for name, (kernel, inputs, outputs) in caffe_layers().items()
    }
    assert model.count_params() == 36_832_324


def convolve(model, x, name, *, relu=True):
    """A convolution (h, w, c) with same padding, by NumPy."""
    kernel, bias = model.get_layer(name).get_weights()
    reach, side = len(kernel) // 2, len(kernel)
    padded = np.pad(x, ((reach, reach), (reach, reach), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(0, 1))
    result = np.tensordot(windows, kernel.transpose(2, 0, 1, 3), 3) + bias
    return np.maximum(result, 0) if relu else result


def pool(x):
    """The maxima of 2 x 2 cells; a window that reaches outside takes the cells that it has."""
    height, width, channels = x.shape
    x = np.pad(x, ((0, height % 2), (0, width % 2), (0, 0)), constant_values=-np.inf)
    return x.reshape(-(-height // 2), 2, -(-width // 2), 2, channels).max(axis=(1, 3))


@pytest.mark.parametrize("size", [(16, 24), (13, 21), (7, 1)], ids=str)
def test_pose_machine_agrees_with_numpy(machine, size):
    image = noise(*size)
    x = image[0]
    for name in list(caffe_layers())[:15]:
        if name in ("conv2_1", "conv3_1", "conv4_1"):
            x = pool(x)
        x = convolve(machine, x, name)
    features = x
    stages = [convolve(machine, convolve(machine, x, "conv6_1_CPM"), "conv6_2_CPM", relu=False)]
    for stage in range(2, 4):
        x = np.concatenate([stages[-1], features], axis=-1)
        for index in range(1, 7):
            x = convolve(machine, x, f"Mconv{index}_stage{stage}")
        stages.append(convolve(machine, x, f"Mconv7_stage{stage}", relu=False))
    assert features.shape[:2] == tuple(math.ceil(side / 8) for side in size)
    for found, expected in zip(run(machine, image), stages, strict=True):
        assert np.std(found) > 0.05
        np.testing.assert_allclose(found[0], expected, atol=1e-4)


# ---------------------------------------------------------------- hand_lite


@pytest.mark.parametrize("size", [(32, 32), (64, 96)])
def test_hand_lite_has_two_stages_at_stride_4(lite, size):
    maps = run(lite, noise(*size))
    assert len(maps) == 2
    for output in maps:
        assert output.shape == (1, size[0] // 4, size[1] // 4, 22)
        assert output.dtype == np.float32
        assert output.min() < 0 < output.max()


@pytest.fixture(scope="module")
def whole():
    """hand_lite with all its answers, and random weights."""
    return randomise(hand_lite())


@pytest.mark.parametrize("size", [(224, 224), (160, 160), (96, 128)])
def test_hand_lite_has_four_answers_for_any_size(whole, size):
    found = whole(noise(*size, batch=2), training=False)
    assert {name: tuple(array.shape) for name, array in found.items()} == {
        "keypoints": (2, size[0] // 4, size[1] // 4, 22),
        "points": (2, 21, 3),
        "presence": (2,),
        "right": (2,),
    }
    for name in ("presence", "right"):
        probability = keras.ops.convert_to_numpy(found[name])
        assert ((probability >= 0) & (probability <= 1)).all()
    assert whole.count_params() <= 3_000_000


def test_hand_lite_s_heatmaps_are_those_of_its_second_stage(lite, whole):
    for layer in lite.layers:
        layer.set_weights(whole.get_layer(layer.name).get_weights() if layer.weights else [])
    image = noise(32, 64)
    first = keras.Model(whole.input, first_stage(whole))(image)
    stages = [keras.ops.convert_to_numpy(first), *run(whole, image)]
    for found, expected in zip(run(lite, image), stages, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_face_lite_has_three_answers_and_few_weights():
    model = randomise(face_lite())
    found = model(noise(192, 192, batch=2), training=False)
    assert {name: tuple(array.shape) for name, array in found.items()} == {
        "keypoints": (2, 48, 48, 71),
        "points": (2, 70, 2),
        "presence": (2,),
    }
    assert ((found["presence"] >= 0) & (found["presence"] <= 1)).numpy().all()
    assert model.count_params() <= 2_500_000  # 8 MB hold two million float32


def test_stage_1_is_doubled_with_half_pixel_centres(lite):
    probe = keras.Model(lite.input, [lite.get_layer("heat1").output, lite.outputs[0]])
    coarse, doubled = run(probe, noise(64, 96))
    planes = [cv2.resize(coarse[0, ..., k], None, fx=2, fy=2) for k in range(22)]  # linear
    np.testing.assert_allclose(doubled[0], np.stack(planes, axis=-1), atol=1e-4)


def test_stage_2_sees_stage_1(lite):
    layer = lite.get_layer("heat1")
    kernel, bias = layer.get_weights()
    before = run(lite, noise(32, 32))[1]
    layer.set_weights([-kernel, bias])
    after = run(lite, noise(32, 32))[1]
    layer.set_weights([kernel, bias])
    assert np.abs(after - before).max() > 0.01


# ---------------------------------------------------------------- Keras's settings


@pytest.mark.parametrize("name", ["machine", "lite"])
def test_heatmaps_are_float32_also_in_mixed_precision(name, request):
    full = request.getfixturevalue(name)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build(name, all_stages=True)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(full.get_weights())
    assert mixed.get_layer("stem" if name == "lite" else "conv1_1").compute_dtype == "bfloat16"
    for found, expected in zip(run(mixed, noise(32, 32)), run(full, noise(32, 32)), strict=True):
        assert found.dtype == np.float32
        assert 0 < np.abs(found - expected).max() < 0.3 * np.abs(expected).max()


@pytest.mark.parametrize("name", ["machine", "lite"])
def test_channels_first_in_the_settings_changes_nothing(name, request):
    full = request.getfixturevalue(name)
    keras.config.set_image_data_format("channels_first")
    try:
        model = build(name)
        for layer in full.layers:
            if layer.weights:
                model.get_layer(layer.name).set_weights(layer.get_weights())
        [found] = run(model, noise(32, 32))
    finally:
        keras.config.set_image_data_format("channels_last")
    np.testing.assert_allclose(found, run(full, noise(32, 32))[-1], atol=1e-5)


# ---------------------------------------------------------------- weight files


def names_by_key(path):
    """The layer's name that Keras noted with each group of arrays in a weight file."""
    with h5py.File(path) as file:
        groups = file["layers"].items()
        return {key: group["vars"].attrs["name"] for key, group in groups if len(group["vars"])}


def test_weights_of_all_stages_fit_the_network_of_one(machine, tmp_path):
    single, path = build("machine"), tmp_path / "all.weights.h5"
    machine.save_weights(path)
    single.load_weights(path)  # Keras counts its keys by class; here they mean the same layers
    for layer in single.layers:
        arrays = zip(layer.get_weights(), machine.get_layer(layer.name).get_weights(), strict=True)
        for array, expected in arrays:
            np.testing.assert_array_equal(array, expected)
    assert sorted(names_by_key(path).values()) == sorted(
        layer.name for layer in machine.layers if layer.weights
    )


def test_shipped_weights_name_the_layers_that_they_fill(whole, tmp_path):
    whole.save_weights(tmp_path / "ours.weights.h5")
    shipped = ROOT / "weights" / "hand_lite.weights.h5"
    assert names_by_key(shipped) == names_by_key(tmp_path / "ours.weights.h5")


# ---------------------------------------------------------------- backends

SCRIPT = """
import sys
import keras, numpy as np
# The random start is overwritten; JAX would compile it for 20 s.
keras.initializers.GlorotUniform.__call__ = lambda self, shape, dtype=None: (
    keras.ops.convert_to_tensor(np.zeros(shape, "float32"))
)
from tests.networks.test_networks import build, noise, run
for name in ("machine", "lite"):
    model = build(name, all_stages=True)
    model.load_weights(f"{sys.argv[1]}/{name}.weights.h5")
    np.savez(f"{sys.argv[1]}/{name}.npz", *run(model, noise(32, 32)))
print(keras.backend.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", mark_backends("jax", "torch"))
def test_backends_compute_the_same_heatmaps(machine, lite, backend, tmp_path):
    models = {"machine": machine, "lite": lite}
    for name, model in models.items():
        model.save_weights(tmp_path / f"{name}.weights.h5")
    environment = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    environment |= {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.split() == [backend], done.stderr[-2000:]
    for name, model in models.items():
        with np.load(tmp_path / f"{name}.npz") as found:
            for maps, expected in zip(found.values(), run(model, noise(32, 32)), strict=True):
                assert maps.dtype == np.float32
                assert np.std(expected) > 0.05
                np.testing.assert_allclose(maps, expected, atol=1e-4, err_msg=name)
