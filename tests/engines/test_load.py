"""Networks of presets in every engine: the graphs that ship, and weights from Keras's files."""

import functools
import pickle
import subprocess
import sys

import h5py
import numpy as np
import openvino
import pytest

from openpose_keras import HandEstimator, networks, read_image
from openpose_keras.core.errors import BackendError, NetworkError, WeightsError
from openpose_keras.engines import (
    LiteRtEngine,
    OnnxEngine,
    OpenVinoEngine,
    compile_model,
    export,
    load_engine,
)
from openpose_keras.engines import load as loading
from openpose_keras.engines.files import graph_path
from openpose_keras.engines.load import engine_name
from openpose_keras.engines.onnx_graph import to_onnx
from openpose_keras.networks.presets import PRESETS, find_weights, get_preset, load_network
from tests.graphs import NETWORKS, make_graph

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

ENGINES = ["onnx", "openvino", pytest.param("litert", marks=pytest.mark.slow)]
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


@pytest.fixture(scope="module", autouse=True)
def exports(tmp_path_factory):
    """Let LiteRT's files of this module go into a folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@functools.cache
def of_keras(preset, count):
    """Return the answer of Keras to noise."""
    return compile_model(load_network(preset))(noise(get_preset(preset).network, count))


@pytest.mark.parametrize("preset", SHIPPED)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree_on_the_weights_that_ship(engine, preset):
    network = load_engine(preset, engine=engine)
    for count in (1, 2):
        found = network(noise(get_preset(preset).network, count))
        for name, each in of_keras(preset, count).items():
            greatest = np.abs(each).max() if each.ndim > 1 else 1.0
            np.testing.assert_allclose(found[name], each, atol=1e-4 * greatest)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("recipe", "boxes", "tolerance"),
    # The crop of the upright pass is drawn by the first one, and rounded to 8 bits.
    [("openpose", [(72, 80, 52)], 1e-4), ("refined", None, 1e-2)],
)
def test_hands_of_all_engines_agree(engine, recipe, boxes, tolerance):
    found, expected = (hands(recipe, boxes and tuple(boxes), each) for each in (engine, "keras"))
    assert found
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.xy, other.xy, atol=0.05)
        np.testing.assert_allclose(one.scores, other.scores, atol=tolerance)


@functools.cache
def hands(recipe, boxes, engine):
    """Find the hands of a photo that ships."""
    image = read_image("notebooks/images/people.jpg")
    return HandEstimator.from_preset("hand_lite", recipe=recipe, engine=engine)(image, boxes)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_an_engine_survives_pickling(engine):
    network = load_engine("mediapipe_palm", engine=engine)
    batch = noise("mediapipe_palm")
    again = pickle.loads(pickle.dumps(network))
    assert engine_name(again) == engine
    np.testing.assert_array_equal(again(batch)["palms"], network(batch)["palms"])


def test_litert_exports_a_network_once_and_other_weights_again(tmp_path, monkeypatch):
    path = tmp_path / "own.weights.h5"
    randomised("body_tiny").save_weights(path)
    load = functools.partial(load_engine, "body_tiny", weights=path)
    batch = noise("body_tiny")
    found, expected = (load(engine=engine)(batch) for engine in ("litert", "onnx"))
    for name, each in expected.items():
        np.testing.assert_allclose(found[name], each, atol=1e-4 * np.abs(each).max())
    with monkeypatch.context() as patch:
        patch.delattr(export, "export_network")  # it is not needed again
        again = pickle.loads(pickle.dumps(load(engine="litert")))
        np.testing.assert_array_equal(again(batch)["affinity"], found["affinity"])
        networks.body_tiny().save_weights(path)
        with pytest.raises(ImportError, match="export_network"):
            load(engine="litert")


def test_weights_of_another_network_are_refused_and_a_missing_layer_too(tmp_path):
    lite = find_weights(get_preset("hand_lite"))
    for engine in ("onnx", "keras", "auto"):
        with pytest.raises(WeightsError, match=r"body_lite in .*, got those of hand_lite$"):
            load_engine("body_lite", weights=lite, engine=engine)
    path = tmp_path / "short.weights.h5"
    path.write_bytes(lite.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["layers/conv2d/vars/0"]
    with pytest.raises(WeightsError, match="layers/conv2d/vars/0"):
        load_engine("hand_lite", weights=path, engine="onnx")
    whole = lite.read_bytes()
    for content, got in [
        (whole[:1000], "cut short or damaged: copy or download it again"),
        (whole[: len(whole) // 2], "cut short or damaged: copy or download it again"),
        (b"GIF89a", "no HDF5 file; `openpose-keras inspect` shows what it is"),
        (b"", "an empty file"),
    ]:
        path.write_bytes(content)
        for engine in ("onnx", "keras"):
            with pytest.raises(WeightsError, match=rf"in .*short\.weights\.h5, got .*{got}$"):
                load_engine("hand_lite", weights=path, engine=engine)


def test_a_wrong_engine_and_what_it_cannot_do_are_told():
    with pytest.raises(ValueError, match="among auto, keras, onnx, openvino, litert, got 'torch'"):
        load_engine("hand_lite", engine="torch")
    for engine in ("onnx", "litert"):
        with pytest.raises(ValueError, match=f"float32 with the engine {engine}, got mixed_bf"):
            load_engine("hand_lite", engine=engine, dtype="mixed_bfloat16")
    assert engine_name(load_engine("hand_lite", dtype="mixed_bfloat16")) == "keras"


def test_openvino_computes_in_bfloat16_where_the_processor_can():
    load = functools.partial(load_engine, "mediapipe_palm", engine="openvino")
    batch = noise("mediapipe_palm")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(BackendError, match="this one does not"):
            load(dtype="mixed_bfloat16")
        return
    found = load(dtype="mixed_bfloat16")(batch)["palms"]
    expected = load()(batch)["palms"]
    np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())
    assert not np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("engine", "module", "package"),
    [
        ("onnx", "onnxruntime", "onnxruntime"),
        ("openvino", "openvino", "openvino"),
        ("litert", "ai_edge_litert", "ai-edge-litert"),
    ],
)
def test_a_library_that_is_missing_is_named_with_what_installs_it(
    monkeypatch, engine, module, package
):
    for name in [each for each in sys.modules if each.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BackendError, match=f'pip install "?{package}'):
        load_engine("mediapipe_hand", engine=engine)


def test_keras_computes_where_onnx_runtime_is_missing(monkeypatch):
    monkeypatch.setattr(loading, "find_spec", lambda name: None)
    assert engine_name(load_engine("mediapipe_palm")) == "keras"


@pytest.mark.parametrize("engine", [OnnxEngine, OpenVinoEngine, LiteRtEngine])
def test_a_file_that_is_no_network_is_refused(engine, tmp_path):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(BackendError, match=r"could not open .*a\.onnx"):
        engine(path)


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
        "heavy = {'keras', 'tensorflow', 'torch', 'jax', 'matplotlib', 'onnx', 'openvino'}\n"
        "print(status, heavy & set(sys.modules))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True
    )
    assert ran.stdout.endswith("0 set()\n")
    assert not ran.stderr
