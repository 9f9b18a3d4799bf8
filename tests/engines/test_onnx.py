"""Networks in ONNX Runtime: the graphs that ship, weights from Keras's files, and whole files."""

import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest

from openpose_keras import HandEstimator, networks, read_image
from openpose_keras.conversion.onnx_graph import to_onnx
from openpose_keras.conversion.writers import convert_file
from openpose_keras.core.errors import BackendError, NetworkError, WeightsError
from openpose_keras.engines import OnnxEngine, compile_model, load_engine
from openpose_keras.engines import load as loading
from openpose_keras.engines.load import engine_name
from openpose_keras.engines.onnx import graph_path
from openpose_keras.networks.presets import PRESETS, find_weights, get_preset, load_network
from tests.graphs import NETWORKS, make_graph

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

SHIPPED = sorted(name for name, preset in PRESETS.items() if preset.sha256)


def randomised(network):
    """Build a network whose weights all matter: of unit gain, with statistics."""
    model = getattr(networks, network)()
    rng = np.random.default_rng(5)
    weights = []
    for variable in model.weights:
        values = rng.normal(0, 0.2, variable.shape)
        if len(variable.shape) == 4:
            alone = variable.shape[3] == 1
            count = np.prod(variable.shape[: 2 if alone else 3])
            values = rng.normal(0, (2 / count) ** 0.5, variable.shape)
        elif "variance" in variable.name or "gamma" in variable.name:
            values = rng.uniform(0.5, 1.5, variable.shape)
        weights.append(values.astype(np.float32))
    model.set_weights(weights)
    return model


def noise(network, count=2):
    """Return input of a preset's size, or where that is open of odd multiples, not square."""
    spec = next(each.spec for each in PRESETS.values() if each.network == network)
    least = max(spec.multiple, spec.stride)
    fixed = spec.multiple > 100 or network == "mediapipe_iris"
    size = (spec.box_size, spec.box_size) if fixed else (3 * least, 5 * least)
    return np.random.default_rng(1).uniform(-0.5, 0.5, (count, *size, 3)).astype(np.float32)


@pytest.mark.parametrize("network", NETWORKS)
def test_the_graph_that_ships_is_the_networks_and_computes_what_keras_does(network, tmp_path):
    model = randomised(network)
    graph, places = make_graph(model)
    assert graph_path(network).read_bytes() == graph, "python -m tests.graphs --write"
    assert graph_path(network).with_suffix(".json").read_text("utf8") == places
    path = tmp_path / "random.weights.h5"
    model.save_weights(path)
    engine = OnnxEngine(graph_path(network), path)
    assert engine.name == model.name
    batch = noise(network)
    expected = compile_model(model)(batch)
    found = engine(batch)
    assert found.keys() == expected.keys()
    for name, each in expected.items():
        assert found[name].shape == each.shape
        largest = max(np.abs(each).max(), 0.1)
        np.testing.assert_allclose(found[name], each, atol=2e-5 * largest)


@pytest.mark.parametrize("preset", SHIPPED)
def test_engines_agree_on_the_weights_that_ship(preset):
    batch = noise(get_preset(preset).network, count=1)
    found = load_engine(preset, engine="onnx")(batch)
    for name, each in compile_model(load_network(preset))(batch).items():
        np.testing.assert_allclose(found[name], each, atol=1e-5 * np.abs(each).max())


@pytest.mark.parametrize(
    ("recipe", "boxes", "tolerance"),
    # The crop of the upright pass is drawn by the first one, and rounded to 8 bits.
    [("openpose", [(72, 80, 52)], 1e-4), ("refined", None, 1e-2)],
)
def test_hands_of_both_engines_agree(recipe, boxes, tolerance):
    image = read_image("notebooks/images/people.jpg")
    found, expected = (
        HandEstimator.from_preset("hand_lite", recipe=recipe, engine=engine)(image, boxes)
        for engine in ("onnx", "keras")
    )
    assert found
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.xy, other.xy, atol=0.05)
        np.testing.assert_allclose(one.scores, other.scores, atol=tolerance)


def test_an_engine_survives_pickling():
    engine = load_engine("mediapipe_palm", engine="onnx")
    batch = noise("mediapipe_palm")
    again = pickle.loads(pickle.dumps(engine))
    np.testing.assert_array_equal(again(batch)["palms"], engine(batch)["palms"])


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float16", 2e-2)])
def test_a_whole_onnx_file_runs_and_float16_takes_half_the_size(tmp_path, dtype, tolerance):
    source = find_weights(get_preset("hand_lite"))
    path = tmp_path / "hand_lite.onnx"
    convert_file(source, path, network="hand_lite", dtype=dtype)
    assert path.stat().st_size < (13e6 if dtype == "float32" else 7e6)
    batch = noise("hand_lite")
    found, expected = OnnxEngine(path)(batch), load_engine("hand_lite")(batch)
    largest = np.abs(expected["keypoints"]).max()
    np.testing.assert_allclose(found["keypoints"], expected["keypoints"], atol=tolerance * largest)


def test_weights_of_another_network_are_refused_and_a_missing_layer_too(tmp_path):
    lite = find_weights(get_preset("hand_lite"))
    with pytest.raises(WeightsError, match=r"weights of this network in .*: other layers"):
        load_engine("body_lite", weights=lite, engine="onnx")
    with pytest.raises(WeightsError, match="body_lite"):
        load_engine("body_lite", weights=lite)
    path = tmp_path / "short.weights.h5"
    path.write_bytes(lite.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d/vars/0"]
    with pytest.raises(WeightsError, match="layers/conv2d/vars/0"):
        load_engine("hand_lite", weights=path, engine="onnx")
    path.write_bytes(lite.read_bytes()[:1000])
    with pytest.raises(WeightsError, match=r"short\.weights\.h5"):
        load_engine("hand_lite", weights=path, engine="onnx")


def test_a_wrong_engine_and_what_it_cannot_do_are_told():
    with pytest.raises(ValueError, match="an engine among auto, keras, onnx, got 'torch'"):
        load_engine("hand_lite", engine="torch")
    with pytest.raises(ValueError, match="float32 with engine=\"onnx\", got 'mixed_bfloat16'"):
        load_engine("hand_lite", engine="onnx", dtype="mixed_bfloat16")
    assert engine_name(load_engine("hand_lite", dtype="mixed_bfloat16")) == "keras"


def test_keras_computes_where_onnx_runtime_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(BackendError, match="pip install onnxruntime"):
        load_engine("mediapipe_palm", engine="onnx")
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    assert engine_name(load_engine("mediapipe_palm")) == "keras"


def test_a_file_that_is_no_onnx_is_refused(tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"could not open .*a\.onnx"):
        OnnxEngine(path)


def test_a_layer_that_has_no_writer_is_named():
    import keras

    image = keras.Input((None, None, 3), name="image")
    for layer in (
        keras.layers.Conv2D(22, 3, activation="tanh", name="odd"),
        keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="odd"),
        keras.layers.AveragePooling2D(2, name="odd"),
    ):
        with pytest.raises(NetworkError, match="odd"):
            to_onnx(keras.Model(image, layer(image)))
    with pytest.raises(NetworkError, match="without all_stages"):
        to_onnx(networks.hand_lite(all_stages=True))


def test_people_are_found_without_keras_and_tensorflow(tmp_path):
    code = (
        "import sys\n"
        "from openpose_keras import cli\n"
        "status = cli.main(['detect', 'notebooks/images/people.jpg', '--out', sys.argv[1]])\n"
        "heavy = {'keras', 'tensorflow', 'torch', 'jax', 'matplotlib', 'onnx'}\n"
        "print(status, heavy & set(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert ran.stdout.endswith("0 set()\n")
    assert not ran.stderr
