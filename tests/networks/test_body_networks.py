"""OpenPose's other networks against OpenCV's importer of Caffe's files, at full size."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.conversion.caffe.caffemodel import write_caffemodel
from openpose_keras.conversion.caffe.graph import to_caffe
from openpose_keras.conversion.caffe.prototxt import read_prototxt, write_prototxt
from openpose_keras.conversion.convert import load_converted
from openpose_keras.conversion.layouts import to_caffe_layout
from openpose_keras.conversion.parity import compare, layer_outputs, opencv_outputs, random_batch
from openpose_keras.core.errors import WeightsError
from tests.helpers import ROOT
from tests.helpers.backends import mark_backends
from tests.helpers.weight_files import write_keras2, write_pth

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]

# Parameters, and channels of keypoints and of fields, as OpenPose's prototxts have them.
NETWORKS = {
    "face": (38_425_706, 71, 0),
    "body_25": (26_166_084, 26, 52),
    "body_coco": (52_311_446, 19, 38),
    "body_mpi": (51_481_032, 16, 28),
    "body_mpi_4": (34_240_880, 16, 28),
}
STAGES = {"face": 6, "body_25": 6, "body_coco": 6, "body_mpi": 6, "body_mpi_4": 4}


def randomise(model):
    """Fill a network with weights that keep the size of what goes through it."""
    rng = np.random.default_rng(1)
    for layer in model.layers:
        shapes = [tuple(weight.shape) for weight in layer.weights]
        if len(shapes) == 1:  # PReLU
            layer.set_weights([rng.uniform(-0.3, 0.4, shapes[0])])
        elif shapes:
            scale = np.sqrt(2 / np.prod(shapes[0][:3]))
            kernel = scale * rng.standard_normal(shapes[0], np.float32)
            layer.set_weights([kernel, rng.uniform(-0.1, 0.1, shapes[1])])
    return model


@pytest.fixture(scope="module", params=NETWORKS)
def network(request):
    """A network of full size and random weights."""
    return randomise(getattr(networks, request.param)())


def test_parameters_and_outputs_are_openposes(network):
    parameters, keypoints, fields = NETWORKS[network.name]
    assert network.count_params() == parameters
    outputs = network(random_batch((29, 44)), training=False)
    outputs = outputs if isinstance(outputs, dict) else {"keypoints": outputs}
    expected = {"keypoints": (1, 4, 6, keypoints), "affinity": (1, 4, 6, fields)}
    assert {name: tuple(maps.shape) for name, maps in outputs.items()} == {
        name: shape for name, shape in expected.items() if shape[-1]
    }


@pytest.mark.parametrize("name", NETWORKS)
def test_all_stages_are_reachable(name):
    model = getattr(networks, name)(all_stages=True)
    _, keypoints, fields = NETWORKS[name]
    channels = [
        {kind: maps.shape[-1] for kind, maps in stage.items()}
        if isinstance(stage, dict)
        else {"keypoints": stage.shape[-1]}
        for stage in model.output
    ]
    whole = {"keypoints": keypoints} | ({"affinity": fields} if fields else {})
    if name == "body_25":  # fields first
        assert channels == [{"affinity": fields}] * 4 + [{"keypoints": keypoints}] * 2
    else:
        assert channels == [whole] * STAGES[name]


@pytest.fixture(scope="module")
def caffe_files(network, tmp_path_factory):
    """The network as Caffe's two files."""
    folder = tmp_path_factory.mktemp(network.name)
    files = folder / "net.prototxt", folder / "net.caffemodel"
    write_prototxt(files[0], to_caffe(network))
    write_caffemodel(files[1], to_caffe(network))
    yield files
    files[1].unlink()  # 100 to 200 MB


@pytest.mark.slow
def test_a_caffemodel_is_recognised_and_converted_back(network, caffe_files):
    model, record = load_converted(caffe_files[1])
    assert (model.name, record.network) == (network.name, network.name)
    for ours, theirs in zip(model.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    written = read_prototxt(caffe_files[0])
    is_body = network.name.startswith("body")
    assert (written.layers[-1].name == "net_output") == is_body


@pytest.mark.slow
def test_the_mpi_file_serves_the_faster_network_too(tmp_path):
    network = randomise(networks.body_mpi())
    write_caffemodel(tmp_path / "net.caffemodel", to_caffe(network))
    model, record = load_converted(tmp_path / "net.caffemodel", network="body_mpi_4")
    assert record.network == model.name == "body_mpi_4"
    for layer in (each for each in model.layers if each.weights):
        whole = network.get_layer(layer.name).get_weights()
        for ours, theirs in zip(layer.get_weights(), whole, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(WeightsError, match="expected weights of hand, got those of body_mpi"):
        load_converted(tmp_path / "net.caffemodel", network="hand")
    with pytest.raises(ValueError, match=r"a network among .*body_mpi_4,.* got 'foot'"):
        load_converted(tmp_path / "net.caffemodel", network="foot")


@pytest.mark.parametrize(
    ("write", "first_stage"),
    [
        pytest.param(write_keras2, r"Mconv\1_stage1_", marks=pytest.mark.slow),
        pytest.param(write_pth, r"conv5_\1_CPM_", marks=pytest.mark.backend("torch")),
    ],
)
def test_files_of_the_ports_are_converted(tmp_path, write, first_stage):
    """The Keras port names the first stage's layers as the others'; PyTorch's as Caffe does."""
    network = randomise(networks.body_coco())
    arrays = {}
    for layer in (each for each in network.layers if each.weights):
        name = re.sub(r"conv5_(\d)_CPM_", first_stage, layer.name)
        arrays[name] = to_caffe_layout([np.array(each) for each in layer.get_weights()])
    assert first_stage.replace(r"\1", "5") + "L2" in arrays
    write(tmp_path / "file", arrays)
    model, record = load_converted(tmp_path / "file", channel_order="bgr")
    assert record.network == "body_coco"
    for ours, theirs in zip(model.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.backend("opencv4")
@pytest.mark.parametrize("size", [(40, 56), (45, 61), (64, 64)], ids=str)
def test_every_layer_agrees_with_opencv(network, caffe_files, size):
    batch = random_batch(size)
    expected = opencv_outputs(*caffe_files, batch[..., ::-1])
    report = compare(layer_outputs(network, batch), expected)
    others = {"net_output"} if network.name.startswith("body") else set()
    assert {row.name for row in report.rows} == set(expected) - others
    assert report.first_failing_layer is None
    assert max(row.relative for row in report.rows) < 1e-4
    assert all(row.magnitude > 0.1 for row in report.rows)


SCRIPT = """
import sys, numpy as np, keras
from openpose_keras import networks
from openpose_keras.conversion.layouts import to_caffe_layout
from openpose_keras.conversion.parity import random_batch
name, folder = sys.argv[1:]
model = getattr(networks, name)()
model.load_weights(f"{folder}/net.weights.h5")
outputs = model(random_batch((45, 61)), training=False)
outputs = {k: keras.ops.convert_to_numpy(v) for k, v in outputs.items()}
np.savez(f"{folder}/maps.npz", **outputs)
print(keras.backend.backend())
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", mark_backends("jax", "torch"))
@pytest.mark.parametrize("name", ["body_25", "body_coco"])
def test_backends_compute_the_same_maps(name, backend, tmp_path):
    model = randomise(getattr(networks, name)())
    model.save_weights(tmp_path / "net.weights.h5")
    environment = {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, name, str(tmp_path)],
        env=os.environ | environment | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.stdout.split() == [backend], done.stderr[-2000:]
    expected = model(random_batch((45, 61)), training=False)
    with np.load(tmp_path / "maps.npz") as found:
        assert set(found) == set(expected)
        for kind, maps in found.items():
            theirs = np.asarray(expected[kind])
            assert np.abs(maps - theirs).max() < 1e-4 * np.abs(theirs).max()
