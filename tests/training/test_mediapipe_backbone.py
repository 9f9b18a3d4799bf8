import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.core.errors import WeightsError
from openpose_keras.training.mediapipe_backbone import (
    backbone_layers,
    load_mediapipe_backbone,
    read_convolutions,
)
from tests.helpers.assets import assets_folder

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


@pytest.fixture(scope="module")
def folder():
    pytest.importorskip("tflite", reason="the PyPI package tflite reads MediaPipe's file")
    folder = assets_folder() / "teacher"
    if not folder.is_dir():
        pytest.skip(f"no MediaPipe network in {folder}")
    return folder


@pytest.fixture(scope="module")
def path(folder):
    return folder / "hand_landmark_full.tflite"


@pytest.fixture(scope="module")
def image():
    """An image of noise at three sizes, in [0, 1], as MediaPipe's network expects it."""
    rng, size = np.random.default_rng(0), 224
    return np.mean(
        [rng.random((1, n, n, 3)).repeat(size // n, 1).repeat(size // n, 2) for n in (7, 28, 224)],
        axis=0,
    ).astype(np.float32)


@pytest.fixture(scope="module")
def interpreted(path, image):
    """Kernel, bias and output of each convolution, from LiteRT's interpreter."""
    lite = pytest.importorskip("ai_edge_litert.interpreter", reason="ai_edge_litert runs the file")
    runner = lite.Interpreter(
        str(path),
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=lite.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runner.allocate_tensors()
    runner.set_tensor(runner.get_input_details()[0]["index"], image)
    runner.invoke()
    return [
        [runner.get_tensor(index) for index in (*step["inputs"][1:], *step["outputs"])]
        for step in runner._get_ops_details()
        if step["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D")
    ]


@pytest.fixture(scope="module")
def network(path):
    network = networks.hand_lite()
    load_mediapipe_backbone(network, path)
    return network


def test_kernels_and_biases_are_those_of_the_file(path, interpreted):
    found = read_convolutions(path)
    assert len(found) == len(interpreted) == 47
    for (kernel, bias), (their_kernel, their_bias, _) in zip(found, interpreted, strict=True):
        assert kernel.dtype == bias.dtype == np.float32
        np.testing.assert_array_equal(np.moveaxis(kernel, -1, 0), their_kernel)
        np.testing.assert_array_equal(bias, their_bias)


def test_the_backbone_is_the_stem_and_fifteen_blocks(network):
    names = [layer.name for layer in backbone_layers(network)]
    assert names[:4] == ["stem", "block0_depthwise", "block0_project", "block1_expand"]
    assert len(names) == 1 + 2 + 14 * 3  # block0 does not expand
    assert names[-1] == "block14_project"


def test_all_features_agree_with_the_interpreter(network, image, interpreted):
    import keras

    layers = backbone_layers(network)
    probe = keras.Model(network.input, [layer.output for layer in layers])
    features = probe.predict(image - 0.5, verbose=0)
    for layer, found, (_, _, expected) in zip(layers, features, interpreted, strict=False):
        if not layer.name.endswith("_project"):
            found = np.clip(found, 0, 6)  # the file's convolutions have their ReLU6 within
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=layer.name)
        assert np.abs(expected).max() > 0.1


def test_only_the_backbone_is_loaded(path):
    network = networks.hand_lite()
    backbone = {weight.path for layer in backbone_layers(network) for weight in layer.weights}
    before = {weight.path: weight.numpy() for weight in network.weights}
    load_mediapipe_backbone(network, path)
    for weight in network.weights:
        assert (weight.numpy() == before[weight.path]).all() == (weight.path not in backbone)


@pytest.mark.parametrize("content", [None, b"", b"TFL3", b"PK\x03\x04 a zip"])
def test_a_file_that_is_missing_or_another_one_says_where_to_get_it(tmp_path, content):
    if content is not None:
        (tmp_path / "hand.tflite").write_bytes(content)
    with pytest.raises(WeightsError, match=r"@mediapipe/hands 0\.4\.1675469240.*hand\.tflite"):
        read_convolutions(tmp_path / "hand.tflite")


@pytest.mark.parametrize("fraction", [0.000002, 0.001, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, tmp_path, fraction):
    data = path.read_bytes()
    (tmp_path / "hand.tflite").write_bytes(data[: max(8, int(fraction * len(data)))])
    with pytest.raises(WeightsError, match=r"hand\.tflite, got ") as caught:
        read_convolutions(tmp_path / "hand.tflite")
    assert "\n" not in str(caught.value)


def test_another_network_is_refused_and_nothing_is_loaded(folder):
    network = networks.hand_lite()
    before = network.get_weights()
    with pytest.raises(WeightsError, match="with kernels"):
        load_mediapipe_backbone(network, folder / "palm_detection_full.tflite")
    for array, expected in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(array, expected)
