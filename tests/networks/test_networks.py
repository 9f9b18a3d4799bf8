import importlib.util
import json
import math
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.core._opencv import cv2
from openpose_keras.networks import HAND_STAGES, hand, hand_lite
from tests.helpers import ROOT

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

TRUNK, STAGE_1, LATER_STAGE = 15_894_720, 77_334, 4_172_054


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


def randomise(model, seed=0):
    """Fill a network with weights that keep the size of what goes through it.

    Keras's own start shrinks it from layer to layer, so that heatmaps would be zero to 1e-4.
    """
    rng = np.random.default_rng(seed)
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


def noise(*size, seed=0, batch=1):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (batch, *size, 3)).astype(np.float32)


def run(model, batch):
    """Give a model's outputs as a list of arrays."""
    import keras

    outputs = model(batch, training=False)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in outputs]


@pytest.fixture(scope="module")
def big():
    """OpenPose's network with all stages, and random weights."""
    return randomise(hand(all_stages=True))


@pytest.fixture(scope="module")
def small():
    """hand_lite with both stages, and random weights."""
    return randomise(hand_lite(all_stages=True))


# ---------------------------------------------------------------- OpenPose's network


def test_hand_has_the_layers_of_the_prototxt_and_no_other(big):
    found = {layer.name: layer for layer in big.layers if layer.weights}
    expected = caffe_layers()
    assert set(found) == set(expected)
    for name, (kernel, inputs, outputs) in expected.items():
        weight, bias = found[name].weights
        assert tuple(weight.shape) == (kernel, kernel, inputs, outputs)
        assert tuple(bias.shape) == (outputs,)


def test_hand_has_the_parameters_of_the_caffemodel(big):
    assert big.count_params() == 36_832_324 == TRUNK + STAGE_1 + 5 * LATER_STAGE
    counts = {layer.name: layer.count_params() for layer in big.layers}
    stage_1 = ("conv6_1_CPM", "conv6_2_CPM")
    assert sum(counts[name] for name in stage_1) == STAGE_1
    for stage in range(2, 7):
        assert sum(n for name, n in counts.items() if name.endswith(f"_stage{stage}")) == (
            LATER_STAGE
        )


def test_all_six_stages_are_reachable_and_the_last_is_the_result(big):
    assert len(big.outputs) == HAND_STAGES == 6
    maps = run(big, noise(32, 32, batch=2))
    assert [m.shape for m in maps] == [(2, 4, 4, 22)] * 6
    for index in range(5):
        assert np.abs(maps[index] - maps[index + 1]).max() > 0.1


@pytest.mark.parametrize("size", [(8, 8), (9, 16), (45, 61), (7, 1), (50, 23)])
def test_size_of_the_heatmaps_is_rounded_up_as_caffe_does(big, size):
    expected = tuple(math.ceil(math.ceil(math.ceil(side / 2) / 2) / 2) for side in size)
    assert expected == tuple(math.ceil(side / 8) for side in size)
    assert all(maps.shape == (1, *expected, 22) for maps in run(big, noise(*size)))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (7, 7)])
def test_a_window_that_reaches_outside_pools_what_it_has(big, size):
    import keras

    plane = np.random.default_rng(0).normal(-3, 1, (1, *size, 64)).astype(np.float32)
    for name in ("pool1_stage1", "pool2_stage1", "pool3_stage1"):
        found = keras.ops.convert_to_numpy(big.get_layer(name)(plane))
        rows, columns = (math.ceil(side / 2) for side in size)
        assert found.shape == (1, rows, columns, 64)
        for y in range(rows):
            for x in range(columns):
                window = plane[0, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                np.testing.assert_array_equal(found[0, y, x], window.max((0, 1)))


def test_each_stage_sees_heatmaps_before_features(big):
    """Feed each stage's first convolution by hand, in the right order and in the wrong one."""
    import keras

    probe = keras.Model(
        big.input,
        [big.get_layer("conv5_3_CPM").output, *big.outputs]
        + [big.get_layer(f"Mconv1_stage{stage}").output for stage in range(2, 7)],
    )
    features, *rest = run(probe, noise(32, 32))
    heatmaps, firsts = rest[:6], rest[6:]
    for stage, first in enumerate(firsts, start=2):
        layer = big.get_layer(f"Mconv1_stage{stage}")
        pair = [heatmaps[stage - 2], features]
        right, wrong = (
            keras.ops.convert_to_numpy(layer(np.concatenate(order, axis=-1)))
            for order in (pair, pair[::-1])
        )
        np.testing.assert_allclose(first, right, atol=1e-4)
        assert np.abs(first - wrong).max() > 0.1


def test_a_stage_blind_for_heatmaps_forgets_the_stages_before(big):
    """With its kernel's first 22 channels at zero, stage 3 sees features alone."""
    layer = big.get_layer("Mconv1_stage3")
    kernel, bias = layer.get_weights()
    blind = kernel.copy()
    blind[:, :, :22] = 0
    before = run(big, noise(32, 32))
    head = big.get_layer("Mconv7_stage2")
    head_weights = head.get_weights()
    try:
        layer.set_weights([blind, bias])
        first = run(big, noise(32, 32))
        head.set_weights([2 * head_weights[0], head_weights[1] + 1])
        second = run(big, noise(32, 32))
    finally:
        layer.set_weights([kernel, bias])
        head.set_weights(head_weights)
    assert np.abs(first[1] - second[1]).max() > 0.5
    assert np.abs(first[2] - before[2]).max() > 0.01
    for stage in range(2, 6):
        np.testing.assert_array_equal(first[stage], second[stage])


def test_heads_of_hand_are_linear(big):
    maps = run(big, noise(32, 32))
    for name, output in zip(
        ["conv6_2_CPM", *(f"Mconv7_stage{stage}" for stage in range(2, 7))], maps, strict=True
    ):
        layer = big.get_layer(name)
        assert layer.activation.__name__ == "linear"
        assert output.min() < 0 < output.max()
    others = [layer for layer in big.layers if layer.weights and layer.filters != 22]
    assert all(layer.activation.__name__ == "relu" for layer in others)


@pytest.mark.parametrize("size", [(32, 40), (45, 61)], ids=["whole", "odd"])
def test_hand_agrees_with_torch_pooling_in_ceil_mode(big, size):
    """Another library builds the prototxt's graph, with Caffe's rule of pooling by its name."""
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    functional = torch.nn.functional

    def conv(x, name, *, relu=True):
        kernel, bias = (torch.from_numpy(w) for w in big.get_layer(name).get_weights())
        x = functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=kernel.shape[0] // 2)
        return x.relu() if relu else x

    image = noise(*size)
    x = torch.from_numpy(image.transpose(0, 3, 1, 2))
    for name in list(caffe_layers())[:15]:
        if name in ("conv2_1", "conv3_1", "conv4_1"):
            x = functional.max_pool2d(x, 2, 2, ceil_mode=True)
        x = conv(x, name)
    features = x
    stages = [conv(conv(features, "conv6_1_CPM"), "conv6_2_CPM", relu=False)]
    for stage in range(2, 7):
        x = torch.cat([stages[-1], features], dim=1)
        for index in range(1, 7):
            x = conv(x, f"Mconv{index}_stage{stage}")
        stages.append(conv(x, f"Mconv7_stage{stage}", relu=False))
    for found, expected in zip(run(big, image), stages, strict=True):
        assert np.std(found) > 0.05
        np.testing.assert_allclose(found, expected.numpy().transpose(0, 2, 3, 1), atol=1e-4)


# ---------------------------------------------------------------- hand_lite


def test_hand_lite_is_small(small):
    assert small.count_params() <= 3_000_000
    assert 4 * small.count_params() <= 12_000_000


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (160, 32), (224, 224)])
def test_hand_lite_has_two_stages_at_stride_4(small, size):
    maps = run(small, noise(*size))
    assert len(maps) == networks.LITE_STAGES == 2
    for output in maps:
        assert output.shape == (1, size[0] // 4, size[1] // 4, 22)
        assert output.dtype == np.float32
        assert output.min() < 0 < output.max()


def test_hand_lite_treats_each_picture_of_a_batch_alone(small):
    batch = noise(64, 64, batch=3)
    together = run(small, batch)
    for index in range(3):
        alone = run(small, batch[index : index + 1])
        for maps, expected in zip(alone, together, strict=True):
            np.testing.assert_allclose(maps[0], expected[index], atol=1e-4)


def test_heads_of_hand_lite_are_linear(small):
    for stage, name in enumerate(("heat1", "heat2")):
        layer = small.get_layer(name)
        kernel, bias = layer.get_weights()
        before = run(small, noise(32, 32))[stage]
        layer.set_weights([kernel, bias - 100])
        after = run(small, noise(32, 32))[stage]
        layer.set_weights([kernel, bias])
        np.testing.assert_allclose(after, before - 100, atol=1e-3)


def test_stage_1_is_doubled_with_half_pixel_centres(small):
    import keras

    probe = keras.Model(small.input, [small.get_layer("heat1").output, small.outputs[0]])
    coarse, doubled = run(probe, noise(64, 96))
    planes = [cv2.resize(coarse[0, ..., k], None, fx=2, fy=2) for k in range(22)]  # linear
    np.testing.assert_allclose(doubled[0], np.stack(planes, axis=-1), atol=1e-4)


@pytest.mark.parametrize("axis", [1, 2], ids=["down", "across"])
def test_a_shifted_picture_gives_shifted_heatmaps(small, axis):
    """32 px are 8 cells, wherever the border is too far away to be seen."""
    size = (1184, 32) if axis == 1 else (32, 1184)
    picture = cv2.resize(noise(148, 4, seed=1)[0], (32, 1184))
    picture = np.ascontiguousarray(picture if axis == 1 else picture.swapaxes(0, 1))[None]
    assert picture.shape == (1, *size, 3)
    whole, shifted = (
        run(small, picture.take(range(first, first + 1152), axis=axis))[-1] for first in (0, 32)
    )
    middle = shifted.take(range(140, 148), axis=axis)
    np.testing.assert_allclose(middle, whole.take(range(148, 156), axis=axis), atol=1e-4)
    assert np.abs(middle - whole.take(range(140, 148), axis=axis)).max() > 0.05


def test_stage_2_sees_stage_1(small):
    layer = small.get_layer("heat1")
    kernel, bias = layer.get_weights()
    before = run(small, noise(32, 32))[1]
    layer.set_weights([-kernel, bias])
    after = run(small, noise(32, 32))[1]
    layer.set_weights([kernel, bias])
    assert np.abs(after - before).max() > 0.01


# ---------------------------------------------------------------- precision


@pytest.mark.parametrize("build", [hand, hand_lite])
def test_heatmaps_are_float32_also_in_mixed_precision(build, big, small):
    import keras

    full = big if build is hand else small
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build(all_stages=True)
    finally:
        keras.config.set_dtype_policy(before)
    mixed.set_weights(full.get_weights())
    layer = mixed.get_layer("conv1_1" if build is hand else "stem")
    assert layer.compute_dtype == "bfloat16"
    for found, expected in zip(run(mixed, noise(32, 32)), run(full, noise(32, 32)), strict=True):
        assert found.dtype == np.float32
        assert 0 < np.abs(found - expected).max() < 0.3 * np.abs(expected).max()


# ---------------------------------------------------------------- weight files


def names_by_key(path):
    """Give the layer's name that Keras noted beside each group of arrays in a weight file."""
    names = {}
    with h5py.File(path) as file:
        for key, group in file["layers"].items():
            if len(group["vars"]):
                names[key] = group["vars"].attrs["name"]
    return names


@pytest.mark.parametrize("build", [hand, hand_lite])
def test_weights_of_all_stages_fit_the_network_of_one(build, big, small, tmp_path):
    """So weights ship. Keras's keys are counted by class; here they mean the same layers."""
    full, single = (big if build is hand else small), build()
    path = tmp_path / "all.weights.h5"
    full.save_weights(path)
    single.load_weights(path)
    path.unlink()  # up to 147 MB
    for layer in single.layers:
        for array, expected in zip(
            layer.get_weights(), full.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(array, expected)
    (found,) = run(single, noise(64, 64))
    np.testing.assert_allclose(found, run(full, noise(64, 64))[-1], atol=1e-5)


def test_weight_files_note_the_name_of_each_layer(small, tmp_path):
    small.save_weights(tmp_path / "all.weights.h5")
    hand_lite().save_weights(tmp_path / "one.weights.h5")
    names = names_by_key(tmp_path / "all.weights.h5")
    assert sorted(names.values()) == sorted(layer.name for layer in small.layers if layer.weights)
    assert names == names_by_key(tmp_path / "one.weights.h5")


def test_the_shipped_weights_name_the_layers_that_they_fill(small, tmp_path):
    shipped = ROOT / "weights" / "hand_lite.weights.h5"
    if not shipped.is_file():
        pytest.skip(f"no weights in {shipped}")
    small.save_weights(tmp_path / "ours.weights.h5")
    assert names_by_key(shipped) == names_by_key(tmp_path / "ours.weights.h5")


# ---------------------------------------------------------------- backends

BACKENDS = ("tensorflow", "jax", "torch")
SCRIPT = """
import json, sys
import numpy as np
files = json.loads(sys.argv[1])
import keras
# The random start is overwritten; JAX would compile it for 20 s.
keras.initializers.GlorotUniform.__call__ = lambda self, shape, dtype=None: (
    keras.ops.convert_to_tensor(np.zeros(shape, "float32"))
)
from openpose_keras import networks
assert keras.backend.backend() == files["backend"]
results = {}
for name in ("hand", "hand_lite"):
    model = getattr(networks, name)(all_stages=True)
    model.load_weights(files[name])
    for stage, maps in enumerate(model(np.load(files["image"]), training=False), start=1):
        results[f"{name} {stage}"] = keras.ops.convert_to_numpy(maps)
np.savez(files["out"], **results)
"""


@pytest.fixture(scope="module")
def files(big, small, tmp_path_factory):
    """Both networks' weights, an image, and what this process's backend makes of it."""
    folder = tmp_path_factory.mktemp("backends")
    image, results = noise(64, 64), {}
    np.save(folder / "image.npy", image)
    for name, model in (("hand", big), ("hand_lite", small)):
        model.save_weights(folder / f"{name}.weights.h5")
        for stage, maps in enumerate(run(model, image), start=1):
            results[f"{name} {stage}"] = maps
    yield folder, results
    for name in ("hand", "hand_lite"):
        (folder / f"{name}.weights.h5").unlink()


@pytest.mark.parametrize("backend", BACKENDS)
def test_backends_give_the_same_heatmaps(files, backend):
    import keras

    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    if backend == keras.backend.backend():
        pytest.skip(f"{backend} is this process's own backend, what the others are held against")
    folder, expected = files
    arguments = {
        "backend": backend,
        "image": str(folder / "image.npy"),
        "out": str(folder / f"{backend}.npz"),
        **{name: str(folder / f"{name}.weights.h5") for name in ("hand", "hand_lite")},
    }
    environment = {
        **os.environ,
        "KERAS_BACKEND": backend,
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(ROOT),
    }
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr[-2000:]
    with np.load(folder / f"{backend}.npz") as found:
        assert set(found.files) == set(expected)
        for key, maps in expected.items():
            assert found[key].dtype == np.float32
            assert np.std(maps) > 0.05
            np.testing.assert_allclose(found[key], maps, atol=1e-4, err_msg=key)
