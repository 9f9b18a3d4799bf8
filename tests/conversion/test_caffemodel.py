import numpy as np
import pytest

from openpose_keras.conversion.caffe.caffemodel import read_caffemodel, write_caffemodel
from openpose_keras.conversion.caffe.network import CaffeLayer, CaffeNetwork
from openpose_keras.conversion.caffe.prototxt import parse_prototxt, read_prototxt, write_prototxt
from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import WeightsError
from tests.helpers.caffe_files import blob, caffemodel, field, hand_arrays, hand_prototxt, varint

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


def test_packed_numbers_may_come_in_parts(tmp_path):
    array = ARRAYS["conv1"][1]
    parts = field(7, field(1, b"\x05")) + b"".join(field(5, x.tobytes()) for x in array)
    network = read(tmp_path, field(100, field(1, "a") + field(7, parts)))
    np.testing.assert_array_equal(network.layers[0].blobs[0], array)


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
    with pytest.raises(WeightsError, match=r"net\.caffemodel .*blob"):
        read(tmp_path, field(100, field(1, "a") + field(7, bad)))


BAD_FILES = {
    "empty": b"",
    "html": b"<!DOCTYPE html><html><body>Quota exceeded</body></html>",
    "text": b"version https://git-lfs.github.com/spec/v1\n",
    "zeros": bytes(100),
    "no blob": field(1, "net") + field(100, field(1, "a")),
    "both formats": caffemodel(ARRAYS) + caffemodel(ARRAYS, old=True),
    "cut": caffemodel(ARRAYS)[:-1],
    "cut early": caffemodel(ARRAYS)[:50],
    "bad text": field(100, field(1, b"\xff\xfe") + field(7, blob(SIX))),
    "group without end": b"\x0b" * 1000,
    "endless number": b"\xff" * 1000,
}


@pytest.mark.parametrize("data", BAD_FILES.values(), ids=BAD_FILES)
def test_other_bytes_are_refused_in_one_line(tmp_path, data):
    with pytest.raises(WeightsError, match=r"net\.caffemodel") as caught:
        read(tmp_path, data)
    assert "\n" not in str(caught.value)


def test_deep_nesting_is_refused(tmp_path):
    data = b""
    for _ in range(500):
        data = field(100, field(7, field(7, data)))
    with pytest.raises(WeightsError):
        read(tmp_path, data)


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


def test_file_is_overwritten_only_with_force(tmp_path):
    path = tmp_path / "net.caffemodel"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="force"):
        write_caffemodel(path, network_of(ARRAYS))
    with pytest.raises(WeightsError, match="conv1"):
        write_caffemodel(path, network_of({"conv1": (np.array([np.nan]),)}), force=True)
    with pytest.raises(WeightsError, match="float32"):
        write_caffemodel(path, network_of({"conv1": (np.array([1e39]),)}), force=True)
    assert path.read_text() == "mine"
    write_caffemodel(path, network_of(ARRAYS), force=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.caffemodel"]
    with pytest.raises(FileNotFoundError, match="no folder"):
        write_caffemodel(tmp_path / "a" / "net.caffemodel", network_of(ARRAYS))


# ---------------------------------------------------------------- prototxt


def test_prototxt_is_read():
    network = parse_prototxt(hand_prototxt(size=(32, 40)))
    assert (network.name, dict(network.inputs)) == ("hand", {"image": (1, 3, 32, 40)})
    layers = {layer.name: layer for layer in network.layers}
    first = layers["conv1_1"]
    assert (first.type, first.bottoms, first.tops) == ("Convolution", ("image",), ("conv1_1",))
    assert first.options == {"num_output": 2, "kernel_size": 3, "pad": 1}
    assert layers["pool1_stage1"].options == {"pool": 0, "kernel_size": 2, "stride": 2}
    assert layers["concat_stage2"].bottoms == ("conv6_2_CPM", "conv5_3_CPM")


def test_old_prototxt_is_read_and_undeclared_fields_are_skipped():
    network = parse_prototxt("""
        # a comment
        name: "old"  force_backward: true
        input: "data" input_shape { dim: 1 dim: 3 dim: 8 dim: 8 }
        layers { name: "c" type: CONVOLUTION bottom: "data" top: "c" blobs_lr: 1 blobs_lr: 2
          convolution_param { num_output: 2 kernel_h: 1 kernel_w: 3 pad_w: 1
            weight_filler { type: "gaussian" std: 0.01 } } }
        layers { name: "r" type: RELU bottom: "c" top: "c" relu_param { negative_slope: 0 } }
        layers { name: "l" type: SOFTMAX_LOSS bottom: "c" }
    """)
    assert [layer.type for layer in network.layers] == ["Convolution", "ReLU", "SoftmaxWithLoss"]
    expected = {"num_output": 2, "kernel_h": 1, "kernel_w": 3, "pad_w": 1}
    assert network.layers[0].options == expected
    assert network.inputs == {"data": (1, 3, 8, 8)}


def test_input_layer_is_an_input():
    network = parse_prototxt("""
        layer { name: "in" type: "Input" top: "x" input_param { shape { dim: 1 dim: 3 } } }
        layer { name: "open" type: "Input" top: "y" }
    """)
    assert network.inputs == {"x": (1, 3), "y": ()}


BAD_TEXTS = {
    "empty": "",
    "no layer": 'name: "a"',
    "html": "<html></html>",
    "cut": hand_prototxt()[:-5],
    "wrong kind": "layer { name: 3 }",
    "wrong enum": "layers { type: SOUP }",
    "both": 'layer { name: "a" } layers { name: "b" }',
    "deep": "a {" * 20000,
    "deep and closed": "layer { x {" * 3000 + "}" * 6000,
    "number too large": 'layer { name: "a" pooling_param { pad: 99999999999999999999 } }',
}


@pytest.mark.parametrize("text", BAD_TEXTS.values(), ids=BAD_TEXTS)
def test_other_text_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "net.prototxt"
    path.write_text(text)
    with pytest.raises(WeightsError, match=r"net\.prototxt") as caught:
        read_prototxt(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", bytes(10), b" " * 4_000_001])
def test_bytes_that_are_not_text_are_refused(tmp_path, data):
    path = tmp_path / "net.prototxt"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"net\.prototxt"):
        read_prototxt(path)


def test_prototxt_survives_the_round_trip(tmp_path):
    network = parse_prototxt(hand_prototxt())
    write_prototxt(tmp_path / "net.prototxt", network)
    again = read_prototxt(tmp_path / "net.prototxt")
    assert (again.name, again.inputs) == (network.name, network.inputs)
    for found, expected in zip(again.layers, network.layers, strict=True):
        assert vars(found) == vars(expected)


# ---------------------------------------------------------------- another reader


@pytest.mark.backend("opencv4")
def test_opencv_reads_the_written_files(tmp_path):
    arrays, text = hand_arrays(), hand_prototxt()
    write_prototxt(tmp_path / "ours.prototxt", parse_prototxt(text))
    write_caffemodel(tmp_path / "ours.caffemodel", network_of(arrays))
    image = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 3, 64, 64)).astype(np.float32)
    outputs = []
    for net in (
        cv2.dnn.readNetFromCaffe(
            str(tmp_path / "ours.prototxt"), str(tmp_path / "ours.caffemodel")
        ),
        cv2.dnn.readNetFromCaffe(
            *(np.frombuffer(data, np.uint8) for data in (text.encode(), caffemodel(arrays)))
        ),
    ):
        net.setInput(image)
        outputs.append(net.forward())
    assert outputs[0].shape == (1, 22, 8, 8)
    assert outputs[0].std() > 0.05
    np.testing.assert_array_equal(*outputs)
