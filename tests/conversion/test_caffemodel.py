import numpy as np
import pytest

from openpose_keras.conversion.caffe.caffemodel import read_caffemodel, write_caffemodel
from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.conversion.caffe.prototxt import (
    format_prototxt,
    parse_prototxt,
    read_prototxt,
)
from openpose_keras.core.errors import WeightsError
from tests.helpers.caffe_files import blob, caffemodel, field, hand_prototxt, varint

ARRAYS = {
    "conv1": (
        np.random.default_rng(0).normal(size=(5, 3, 3, 3)).astype(np.float32),
        np.linspace(-1, 1, 5, dtype=np.float32),
    ),
    "conv2": (np.full((2, 5, 1, 1), 0.1, np.float32), np.array([1e-38, -3e38], np.float32)),
}


def read(tmp_path, data):
    path = tmp_path / "net.caffemodel"
    path.write_bytes(data)
    return read_caffemodel(path)


# ---------------------------------------------------------------- reading weights


@pytest.mark.parametrize("old", [False, True], ids=["layer", "layers"])
@pytest.mark.parametrize("double", [False, True], ids=["float", "double"])
@pytest.mark.parametrize("old_shape", [False, True], ids=["shape", "dims"])
def test_every_format_of_weights_is_read(tmp_path, old, double, old_shape):
    data = caffemodel(ARRAYS, old=old, double=double, old_shape=old_shape)
    network = read(tmp_path, data)
    assert network.name == "net"
    assert [layer.name for layer in network.layers] == list(ARRAYS)
    for layer in network.layers:
        assert layer.type == "Convolution"
        for found, expected in zip(layer.blobs, ARRAYS[layer.name], strict=True):
            assert found.dtype == np.float32
            assert found.shape == (1,) * (4 * old_shape - expected.ndim) + expected.shape
            np.testing.assert_array_equal(found.reshape(expected.shape), expected)


def test_fields_that_are_not_weights_are_skipped(tmp_path):
    gradient = field(6, np.ones(5, "<f4").tobytes())
    layer = field(1, "a") + field(10, 1) + field(7, blob(ARRAYS["conv1"][1]) + gradient)
    network = read(tmp_path, field(100, layer + field(117, field(1, 7))) + field(7, 0))
    np.testing.assert_array_equal(network.layers[0].blobs[0], ARRAYS["conv1"][1])


def test_doubles_win_over_floats_as_in_caffe(tmp_path):
    both = blob(np.array([1.0]), double=True) + field(5, np.zeros(1, "<f4").tobytes())
    network = read(tmp_path, field(100, field(1, "a") + field(7, both)))
    assert network.layers[0].blobs[0].tolist() == [1.0]


SHAPE = field(7, field(1, varint(2) + varint(3)))
SIX = np.arange(6, dtype="<f4")
BAD_BLOBS = {
    "too few numbers": SHAPE + field(5, SIX[:5].tobytes()),
    "too many numbers": SHAPE + field(5, SIX.tobytes() * 2),
    "no numbers": SHAPE,
    "half a number": SHAPE + field(5, SIX.tobytes()[:-2]),
    "no shape": field(5, SIX.tobytes()),
    "negative shape": field(7, field(1, varint(-2) + varint(-3))) + field(5, SIX.tobytes()),
    "empty shape": field(7, field(1, varint(0) + varint(3))),
    "huge shape": field(7, field(1, varint(2**62) * 4)) + field(5, SIX.tobytes()),
    "far too many sides": field(7, field(1, varint(1) * 33)) + field(5, SIX[:1].tobytes()),
}


@pytest.mark.parametrize("bad", BAD_BLOBS.values(), ids=BAD_BLOBS)
def test_blob_that_does_not_fill_its_shape_is_refused(tmp_path, bad):
    with pytest.raises(WeightsError, match=r"net\.caffemodel is not a .caffemodel, or damaged"):
        read(tmp_path, field(100, field(1, "a") + field(7, bad)))


BAD_FILES = {
    "empty": b"",
    "text": b"version https://git-lfs.github.com/spec/v1\n",
    "no blob": field(1, "net") + field(100, field(1, "a")),
    "cut": caffemodel(ARRAYS)[:-1],
    "bad text": field(100, field(1, b"\xff\xfe") + field(7, blob(SIX))),
    "number for a layer": field(100, 7),
    "unknown old type": field(2, field(5, 99) + field(6, blob(SIX))),
    "endless number": b"\xff" * 1000,
    "far too many layers": field(100, b"") * 2000,
}


@pytest.mark.parametrize("data", BAD_FILES.values(), ids=BAD_FILES)
def test_other_bytes_are_refused_in_one_line(tmp_path, data):
    with pytest.raises(WeightsError, match=r"net\.caffemodel") as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", [read_caffemodel, read_prototxt])
def test_missing_file_and_folder_are_refused(tmp_path, reader):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(WeightsError, match="can't be read"):
            reader(path)


# ---------------------------------------------------------------- writing weights


def network_of(arrays):
    layers = (CaffeLayer(name, "Convolution", blobs=blobs) for name, blobs in arrays.items())
    return CaffeNetwork(tuple(layers), "net")


def test_written_file_is_read_back(tmp_path):
    path = tmp_path / "net.caffemodel"
    write_caffemodel(path, network_of(ARRAYS))
    for layer in read_caffemodel(path).layers:
        for found, expected in zip(layer.blobs, ARRAYS[layer.name], strict=True):
            np.testing.assert_array_equal(found, expected)
    assert path.read_bytes() == caffemodel(ARRAYS)


@pytest.mark.parametrize("number", [np.nan, 1e39])
def test_what_a_float32_can_not_hold_leaves_the_file_that_was_there(tmp_path, number):
    path = tmp_path / "net.caffemodel"
    path.write_text("mine")
    with pytest.raises(WeightsError, match=r"conv1 .*float32"):
        write_caffemodel(path, network_of({"conv1": (np.array([number]),)}), force=True)
    assert path.read_text() == "mine"


# ---------------------------------------------------------------- prototxt


def test_prototxt_survives_the_round_trip():
    network = parse_prototxt(hand_prototxt(size=(32, 40)))
    assert (network.name, network.inputs) == ("hand", {"image": (1, 3, 32, 40)})
    layers = {layer.name: layer for layer in network.layers}
    first = layers["conv1_1"]
    assert (first.type, first.bottoms, first.tops) == ("Convolution", ("image",), ("conv1_1",))
    assert first.options == {"num_output": 2, "kernel_size": 3, "pad": 1}
    assert layers["pool1_stage1"].options == {"pool": "MAX", "kernel_size": 2, "stride": 2}
    assert layers["concat_stage2"].bottoms == ("conv6_2_CPM", "conv5_3_CPM")
    again = parse_prototxt(format_prototxt(network))
    assert (again.name, again.inputs) == (network.name, network.inputs)
    assert list(map(vars, again.layers)) == list(map(vars, network.layers))


def test_old_prototxt_is_read_and_other_fields_are_skipped():
    network = parse_prototxt("""
        # a comment {
        name: "old"  force_backward: true;
        input: "data"
        layers { name: 'c' type: CONVOLUTION bottom: "data" top: "c" blobs_lr: 1 blobs_lr: 2
          convolution_param: < kernel_h: 1 weight_filler { type: "gaussian" std: 1e-2 } > }
        layers { name: "r" type: RELU bottom: "c" top: "c" }  # in place""")
    assert [layer.name for layer in network.layers] == ["c", "r"]
    assert network.layers[0].options == {"kernel_h": 1}
    assert network.layers[1].tops == network.layers[1].bottoms == ("c",)


BAD_TEXTS = {
    "empty": b"",
    "no layer": b'name: "a"',
    "html": b"<html></html>",
    "cut": hand_prototxt()[:-5].encode(),
    "text for a layer": b"layer: 3",
    "a layer for a name": b"layer { name { } }",
    "an end too many": b'layer { name: "a" } }',
    "deep and closed": b"layer { x {" * 3000 + b"}" * 6000,
    "not UTF-8": b"\xff\xfe\x00",
    "far too long": b" " * 4_000_001,
}


@pytest.mark.parametrize("data", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_other_text_is_refused_in_one_line(tmp_path, data):
    path = tmp_path / "net.prototxt"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"net\.prototxt") as caught:
        read_prototxt(path)
    assert "\n" not in str(caught.value)
