import hashlib
import json
import sys
import zipfile

import h5py
import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.conversion import catalogue, writers
from openpose_keras.conversion.caffe.caffemodel import read_caffemodel
from openpose_keras.conversion.caffe.graph import to_caffe
from openpose_keras.conversion.caffe.prototxt import parse_prototxt, read_prototxt
from openpose_keras.conversion.convert import fill_network, load_converted
from openpose_keras.conversion.readers import read_weights
from openpose_keras.conversion.writers import convert_file
from openpose_keras.core.errors import WeightsError
from openpose_keras.io import weight_record
from openpose_keras.networks import presets
from tests.helpers.backends import mark_torch_files
from tests.helpers.caffe_files import caffemodel, hand_arrays, hand_prototxt, small_hand
from tests.helpers.weight_files import write_folder, write_keras2, write_pth

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
ARRAYS = hand_arrays()


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let the hand network be a small one, built once: each test fills it again."""
    monkeypatch.setattr(networks, "hand", small_hand)


# ---------------------------------------------------------------- files of each kind


def write_caffe(folder, arrays=ARRAYS, **options):
    path = folder / "weights.bin"
    path.write_bytes(caffemodel(arrays, **options))
    return path


def write(folder, kind, **options):
    """Write a file of a kind and return its path."""
    if kind == "caffemodel":
        return write_caffe(folder, **options)
    writers = {"keras2": write_keras2, "pth": write_pth, "npy": write_folder}
    writers[kind](folder / "weights.bin", ARRAYS, **options)
    return folder / "weights.bin"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("caffemodel", {}),
        ("caffemodel", {"old": True, "old_shape": True}),
        ("keras2", {}),
        ("keras2", {"whole": True}),
        pytest.param("pth", {}, marks=pytest.mark.backend("torch")),
        pytest.param("pth", {"old": True}, marks=pytest.mark.backend("torch")),
        pytest.param("pth", {"prefix": "model1_0."}, marks=pytest.mark.backend("torch")),
        pytest.param("pth", {"nested": True}, marks=pytest.mark.backend("torch")),
        ("npy", {}),
    ],
)
def test_every_kind_gives_the_same_arrays(tmp_path, kind, options):
    weights = read_weights(write(tmp_path, kind, **options))
    assert weights.kind == kind
    assert weights.channel_order == "bgr"
    assert set(weights.layers) == set(ARRAYS)
    for name, (kernel, bias) in ARRAYS.items():
        found = weights.layers[name]
        np.testing.assert_array_equal(found[0], np.einsum("oihw->hwio", kernel))
        np.testing.assert_array_equal(found[1], bias)


# ---------------------------------------------------------------- into the network


def heatmaps(model, batch):
    import keras

    return keras.ops.convert_to_numpy(model(batch, training=False))


def noise(*size, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (1, *size, 3)).astype(np.float32)


def through(path, batch):
    """What the network makes of a batch with a file's weights."""
    return heatmaps(load_converted(path)[0], batch)


def test_rgb_through_one_network_equals_bgr_through_the_other(tmp_path):
    path = write_caffe(tmp_path)
    rgb = noise(64, 48)
    model, record = load_converted(path)
    assert record.channel_order == "rgb" == presets.get_preset("hand").spec.channel_order
    folded = heatmaps(model, rgb)
    model, _ = load_converted(path, channel_order="bgr")
    np.testing.assert_allclose(folded, heatmaps(model, rgb[..., ::-1].copy()), atol=1e-6)
    assert np.abs(folded - heatmaps(model, rgb)).max() > 0.01


def test_error_lists_all_differences_and_the_network_stays(tmp_path):
    arrays = dict(ARRAYS)
    del arrays["Mconv3_stage4"], arrays["conv5_3_CPM"]
    arrays["conv9"] = arrays["conv1_2"]
    kernel, bias = arrays["conv2_1"]
    arrays["conv2_1"] = (kernel[:, :, :1], bias)
    weights = read_weights(write_caffe(tmp_path, arrays))
    model = networks.hand()
    before = model.get_weights()
    with pytest.raises(WeightsError) as caught:
        fill_network(model, weights)
    message = str(caught.value)
    assert "\n" not in message
    lacking, left_over, other = message.partition("network: ")[2].split("; ")
    assert lacking == "the file lacks conv5_3_CPM, Mconv3_stage4"
    assert left_over == "the network has no conv9"
    assert other.startswith("of other shapes are conv2_1 (network 3x3x2x4 + 4, file 1x3x2x4")
    for found, expected in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(found, expected)


def nan_in(kernel, bias):
    return np.where(kernel == kernel.max(), np.nan, kernel), bias


MISTAKES = {
    "two layers of the name 'conv1_1'": caffemodel(ARRAYS)
    + caffemodel({"conv1_1": ARRAYS["conv1_1"]}),
    "none of our networks.* fc6": caffemodel({"fc6": (np.ones((2, 3), np.float32),)}),
    "conv3_1 .*network 3x3x4x8 ": caffemodel(ARRAYS | {"conv3_1": ARRAYS["conv3_1"][:1]}),
    "finite.*conv3_1": caffemodel(ARRAYS | {"conv3_1": nan_in(*ARRAYS["conv3_1"])}),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_file_that_fits_no_network_is_refused(tmp_path, message):
    path = tmp_path / "weights.bin"
    path.write_bytes(MISTAKES[message])
    with pytest.raises(WeightsError, match=message):
        load_converted(path)


# ---------------------------------------------------------------- damaged files


HDF5_START = b"\x89HDF\r\n\x1a\n"
IMPOSTORS = {
    "empty": (b"", "empty"),
    "html": (b"\n<!DOCTYPE html><html>Quota exceeded</html>", "web page"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    "prototxt": (hand_prototxt().encode(), "prototxt"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(100), "unknown.*89 50 4e"),
    "hdf5": (HDF5_START + bytes(100), "damaged"),
    "zip": (b"PK\x03\x04" + bytes(100), "damaged"),
    "pickle": (b"\x80\x02" + bytes(100), "damaged"),
    "evil pickle": (b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.", "damaged"),
}


@pytest.mark.parametrize("kind", mark_torch_files(IMPOSTORS))
def test_other_file_is_refused_with_a_reason(tmp_path, kind):
    data, message = IMPOSTORS[kind]
    path = tmp_path / "hand.caffemodel"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=rf"hand\.caffemodel.*{message}") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def test_the_bin_of_openvino_is_told_from_its_xml(tmp_path):
    (tmp_path / "net.bin").write_bytes(b"\x04\x1c" * 50)
    with pytest.raises(WeightsError, match=r"unknown.*of OpenVINO's two files name the \.xml"):
        read_weights(tmp_path / "net.bin")


def test_missing_file_and_other_folder_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(WeightsError, match=str(path)):
            read_weights(path)


def remove_half(folder):
    (folder / "b_conv2_1.npy").unlink()


def promise_more(folder):
    header = {"descr": "<f4", "fortran_order": False, "shape": (2**40, 3, 3, 3)}
    with (folder / "W_conv2_1.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)


def store_objects(folder):
    np.save(folder / "W_conv2_1.npy", np.array([print], dtype=object), allow_pickle=True)


@pytest.mark.parametrize("damage", [remove_half, promise_more, store_objects])
def test_damaged_folder_is_refused(tmp_path, damage):
    path = write(tmp_path, "npy")
    damage(path)
    with pytest.raises(WeightsError, match="conv2_1"):
        read_weights(path)


def enlarge(group):
    group.create_dataset("conv2_1/kernel:0", (10**6, 10**6), "f4", chunks=(1000, 1000))


def link_elsewhere(group):
    group["conv2_1/kernel:0"] = h5py.ExternalLink("other.h5", "conv2_1/conv2_1/kernel:0")


def store_elsewhere(group):
    external = [("other.bin", 0, h5py.h5f.UNLIMITED)]
    group.create_dataset("conv2_1/kernel:0", (3, 3, 2, 4), "f4", external=external)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (enlarge, "larger than the file"),
        (link_elsewhere, "expected kernel:0"),
        (store_elsewhere, "lies in another file"),
    ],
)
def test_data_set_that_is_not_in_the_file_is_refused(tmp_path, damage, message):
    path = write(tmp_path, "keras2")
    path.with_name("other.h5").write_bytes(path.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["conv2_1/conv2_1/kernel:0"]
        damage(file["conv2_1"])
    with pytest.raises(WeightsError, match=message):
        read_weights(path)


def test_without_torch_the_error_tells_what_to_install(tmp_path, monkeypatch):
    path = tmp_path / "hand.pth"
    with zipfile.ZipFile(path, "w") as archive:  # as torch.save writes it, as far as one looks
        archive.writestr("hand/data.pkl", b"")
        archive.writestr("hand/version", b"3")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="pip install torch"):
        read_weights(path)


@pytest.mark.backend("torch")
def test_torch_file_without_tensors_by_name_is_refused(tmp_path):
    import torch

    path = tmp_path / "a.pth"
    for content in ([1, 2], {}, {"a.weight": 1}, {"a.weight": torch.ones(2)}, {"a.gamma": None}):
        torch.save(content, path)
        with pytest.raises(WeightsError, match=r"a\.pth"):
            read_weights(path)


# ---------------------------------------------------------------- out again


def convert(tmp_path, name, **options):
    source = write_caffe(tmp_path)
    return convert_file(source, tmp_path / name, **options)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("hand.weights.h5", "rgb"),
        ("hand.weights.h5", "bgr"),
        ("hand.keras", "rgb"),
        ("hand.caffemodel", "bgr"),
    ],
)
def test_written_file_gives_the_same_heatmaps(tmp_path, name, order):
    record = convert(tmp_path, name, channel_order=order)
    batch = noise(64, 64)
    expected = through(tmp_path / "weights.bin", batch)
    again, second = load_converted(tmp_path / name)
    np.testing.assert_allclose(heatmaps(again, batch), expected, atol=1e-6)
    assert record.channel_order == order == read_weights(tmp_path / name).channel_order
    assert (
        second.derived_from
        == json.loads(record.to_json())
        == weight_record.read_record(tmp_path / name)
    )
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_float16_file_loads_into_float32_variables(tmp_path):
    path = tmp_path / "half.weights.h5"
    convert(tmp_path, path.name, dtype="float16")
    kinds = set()
    with h5py.File(path) as file:
        file.visititems(lambda _, item: kinds.add(getattr(item, "dtype", None)))
    assert kinds == {None, np.dtype("f2")}
    variables = presets.load_network("hand", weights=path).weights
    assert {variable.dtype for variable in variables} == {"float32"}
    batch = noise(64, 64)
    half, full = (through(file, batch) for file in (path, tmp_path / "weights.bin"))
    assert 0 < np.abs(half - full).max() < 0.01


@pytest.mark.parametrize("name", ["face_lite", "mediapipe_face_detector", "body_tiny"])
def test_networks_with_operations_that_are_no_layers_are_written_as_float16(tmp_path, name):
    network, again = getattr(networks, name)(), getattr(networks, name)()
    network.save_weights(tmp_path / "full.weights.h5")
    path = tmp_path / "half.weights.h5"
    convert_file(tmp_path / "full.weights.h5", path, network=name, dtype="float16")
    again.load_weights(path)
    for half, full in zip(again.get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(half, full.astype(np.float16))


def test_conversion_back_to_caffe_gives_the_original(tmp_path):
    convert(tmp_path, "hand.weights.h5")
    convert_file(tmp_path / "hand.weights.h5", tmp_path / "hand.caffemodel")
    for layer in read_caffemodel(tmp_path / "hand.caffemodel").layers:
        for found, expected in zip(layer.blobs, ARRAYS.get(layer.name, ()), strict=True):
            np.testing.assert_array_equal(found, expected)
    ours = read_prototxt(tmp_path / "hand.prototxt")
    theirs = parse_prototxt(hand_prototxt(size=(368, 368)))
    assert ours.inputs == theirs.inputs
    for found, expected in zip(ours.layers, theirs.layers, strict=True):
        assert (found.name, found.type) == (expected.name, expected.type)
        assert found.options == expected.options
        assert found.type != "Concat" or found.bottoms == expected.bottoms


def test_layer_that_caffe_computes_differently_is_refused():
    import keras

    image = keras.Input((None, None, 3), name="image")
    layers = keras.layers
    for layer in (
        layers.MaxPooling2D(2, name="odd"),  # rounds down
        layers.MaxPooling2D(3, 2, padding="same", name="odd"),
        layers.Conv2D(2, 3, name="odd"),
        layers.Conv2D(2, 4, padding="same", name="odd"),
        layers.Conv2D(2, 3, padding="same", strides=2, name="odd"),
        layers.Conv2D(2, 3, padding="same", activation="tanh", name="odd"),
        layers.AveragePooling2D(2, padding="same", name="odd"),
    ):
        with pytest.raises(WeightsError, match="odd"):
            to_caffe(keras.Model(image, layer(image)))


def test_target_is_checked_before_the_source_is_read(tmp_path):
    for name, options, message in (
        ("hand.h5", {}, r"weights\.h5 or"),
        ("hand.keras", {"dtype": "float16"}, "float16"),
    ):
        with pytest.raises(WeightsError, match=message):
            convert_file(tmp_path / "missing", tmp_path / name, **options)
    for name, taken in (("a.weights.h5", "a.weights.h5"), ("a.caffemodel", "a.prototxt")):
        (tmp_path / taken).write_text("mine")
        with pytest.raises(FileExistsError, match=taken):
            convert_file(tmp_path / "missing", tmp_path / name)
    with pytest.raises(FileNotFoundError, match="no folder"):
        convert_file(tmp_path / "missing", tmp_path / "none" / "a.keras")


def test_an_interrupted_conversion_leaves_what_was_there(tmp_path, monkeypatch):
    def fail(*args):
        raise KeyboardInterrupt

    path = tmp_path / "hand.weights.h5"
    path.write_text("mine")
    monkeypatch.setattr(writers, "write_record", fail)
    for dtype in ("float32", "float16"):
        with pytest.raises(KeyboardInterrupt):
            convert(tmp_path, path.name, dtype=dtype, force=True)
    assert path.read_text() == "mine"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name, "weights.bin"]


def test_more_than_float16_can_hold_is_refused(tmp_path):
    kernel, bias = ARRAYS["conv1_2"]
    source = write_caffe(tmp_path, ARRAYS | {"conv1_2": (kernel, bias + 1e5)})
    with pytest.raises(WeightsError, match="float16"):
        convert_file(source, tmp_path / "hand.weights.h5", dtype="float16")
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.bin"]


# ---------------------------------------------------------------- records


def test_record_describes_the_source(tmp_path, monkeypatch):
    path = write_caffe(tmp_path)
    sums = weight_record.checksums(path)
    known = catalogue.OfficialFile("hand", "hand/ours.caffemodel", sums.md5)
    monkeypatch.setattr(catalogue, "OFFICIAL_FILES", (known,))
    record = convert(tmp_path, "hand.weights.h5")
    assert record.official == "hand/ours.caffemodel"
    assert "non-commercial" in record.licence
    assert (record.source, record.kind, record.network) == ("weights.bin", "caffemodel", "hand")
    assert record.converter.startswith("openpose_keras ")
    data = path.read_bytes()
    assert record.md5 == hashlib.md5(data).hexdigest()
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    monkeypatch.setattr(catalogue, "OFFICIAL_FILES", ())
    assert convert(tmp_path, "a.keras").licence.startswith("not known")
    second = convert_file(tmp_path / "hand.weights.h5", tmp_path / "hand.keras")
    assert second.licence == record.licence
    assert second.derived_from["md5"] == record.md5


@pytest.mark.parametrize("text", [b"{", b"[]", b"\xff"])
def test_damaged_record_is_an_error(tmp_path, text):
    path = tmp_path / "a.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("openpose_keras.json", text)
        archive.writestr("model.weights.h5", b"")
    with pytest.raises(WeightsError, match=r"record of .*a\.keras"):
        read_weights(path)
