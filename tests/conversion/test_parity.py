import json

import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.conversion.convert import load_converted
from openpose_keras.conversion.parity import (
    compare,
    layer_outputs,
    opencv_outputs,
    random_batch,
    read_golden,
    verify_file,
    write_golden,
)
from openpose_keras.conversion.writers import convert_file
from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import WeightsError
from openpose_keras.viz.figures.charts import draw_parity
from tests.helpers.caffe_files import (
    caffemodel,
    hand_arrays,
    hand_layers,
    hand_prototxt,
    small_hand,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
needs_importer = pytest.mark.backend("opencv4")
ARRAYS = hand_arrays()
OTHERS = [f"pool{index}_stage1" for index in (1, 2, 3)]
OTHERS += [f"concat_stage{stage}" for stage in range(2, 7)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Let the hand network be a small one."""
    monkeypatch.setattr(networks, "hand", small_hand)


def write(folder, arrays=ARRAYS, *, size=(64, 64), **mistakes):
    """Write Caffe's two files."""
    (folder / "hand.caffemodel").write_bytes(caffemodel(arrays))
    (folder / "hand.prototxt").write_text(hand_prototxt(size=size, **mistakes))
    return folder / "hand.caffemodel", folder / "hand.prototxt"


# ---------------------------------------------------------------- the report


def test_first_failing_layer_is_the_first_of_the_network():
    found = {"a": np.ones(3), "b": np.ones(3), "c": np.ones(3)}
    expected = {"c": np.zeros(3), "a": np.ones(3), "b": np.array([1, 1, 1.5]), "d": np.ones(1)}
    report = compare(found, expected, reference="it")
    assert [row.name for row in report.rows] == ["a", "b", "c"]
    assert report.first_failing_layer == "b"
    assert (report.rows[1].absolute, report.rows[1].relative) == (0.5, 0.5 / 1.5)
    assert str(report).splitlines()[-1].startswith("3 layers against it: greatest difference 1.0")
    assert str(report).count("  exceeds the tolerance") == 2


def test_tolerance_grows_with_large_outputs_only():
    found, expected = np.array([1000.05]), np.array([1000.0])
    assert compare({"a": found}, {"a": expected}).first_failing_layer is None
    assert compare({"a": found / 100}, {"a": expected / 100 - 0.001}).first_failing_layer == "a"
    assert compare({"a": np.array([2e-5])}, {"a": np.array([1e-5])}).first_failing_layer is None


@pytest.mark.parametrize(
    "wrong", [np.array([np.nan, 1]), np.array([np.inf, 1]), np.ones(3)], ids=["nan", "inf", "shape"]
)
def test_outputs_that_can_not_be_compared_fail(wrong):
    for pair in ((wrong, np.ones(2)), (np.ones(2), wrong)):
        report = compare({"a": pair[0]}, {"a": pair[1]})
        assert report.first_failing_layer == "a"
        assert report.rows[0].absolute == np.inf
        json.dumps(report.to_dict(), allow_nan=False)
        assert "inf" in str(report)
        assert draw_parity(report).dtype == np.uint8


def test_random_batch_holds_pixels_of_an_image():
    batch = random_batch((30, 40))
    assert (batch.shape, batch.dtype) == ((1, 30, 40, 3), np.float32)
    assert batch.min() == -0.5
    assert batch.max() == 255 / 256 - 0.5
    np.testing.assert_array_equal((batch + 0.5) * 256 % 1, 0)


# ---------------------------------------------------------------- against OpenCV


@needs_importer
@pytest.mark.parametrize("size", [(64, 64), (45, 61), (40, 72)], ids=str)
def test_every_layer_agrees_with_opencv(tmp_path, size):
    report = verify_file(*write(tmp_path, size=size)[:1], size=size)
    assert [row.name for row in report.rows if row.name not in OTHERS] == list(hand_layers())
    assert {row.name for row in report.rows} == {*hand_layers(), *OTHERS}
    assert report.first_failing_layer is None
    assert report.greatest < 1e-4
    assert all(row.magnitude > 0.1 for row in report.rows)


@needs_importer
@pytest.mark.parametrize(
    ("mistake", "first"),
    [
        ({}, None),
        ({"features_first": True}, "concat_stage2"),
        ({"relu_on_heads": True}, "conv6_2_CPM"),
    ],
    ids=["none", "features first", "ReLU on heads"],
)
def test_mistake_in_the_wiring_fails_at_its_layer(tmp_path, mistake, first):
    weights, prototxt = write(tmp_path, **mistake)
    report = verify_file(weights, prototxt=prototxt, size=(64, 64))
    assert report.first_failing_layer == first
    assert "hand.prototxt" in report.reference


def changed(name, change):
    kernel, bias = ARRAYS[name]
    return ARRAYS | {name: (np.ascontiguousarray(change(kernel)), bias)}


WRONG = {
    "Mconv2_stage3": ARRAYS | {"Mconv2_stage3": ARRAYS["Mconv3_stage3"]},  # another layer's
    "conv4_3": changed("conv4_3", lambda kernel: kernel.swapaxes(2, 3)),
    "conv1_1": changed("conv1_1", lambda kernel: kernel[:, ::-1]),  # a missed flip of channels
}


@needs_importer
@pytest.mark.parametrize(("first", "arrays"), WRONG.items(), ids=WRONG)
def test_mistake_in_the_weights_fails_at_its_layer(tmp_path, arrays, first):
    """Our network gets the wrong weights, OpenCV the right ones."""
    (tmp_path / "wrong").mkdir()
    wrong, _ = write(tmp_path / "wrong", arrays)
    weights, prototxt = write(tmp_path)
    batch = random_batch((64, 64))
    model, _ = load_converted(wrong)
    report = compare(
        layer_outputs(model, batch), opencv_outputs(prototxt, weights, batch[..., ::-1])
    )
    assert report.first_failing_layer == first


@needs_importer
def test_other_kind_of_file_is_verified_too(tmp_path):
    weights, prototxt = write(tmp_path)
    convert_file(weights, tmp_path / "hand.weights.h5")
    for description in (None, prototxt):
        report = verify_file(tmp_path / "hand.weights.h5", prototxt=description, size=(64, 64))
        assert report.first_failing_layer is None


def test_without_the_importer_a_golden_is_compared(tmp_path, monkeypatch):
    monkeypatch.delattr(cv2.dnn, "readNetFromCaffe", raising=False)
    weights, prototxt = write(tmp_path)
    with pytest.raises(WeightsError, match=r"opencv-python<5.*golden"):
        opencv_outputs(prototxt, weights, random_batch((64, 64)))
    model, _ = load_converted(weights)
    write_golden(tmp_path / "g.npz", model, random_batch((24, 32)))
    report = verify_file(weights, golden=tmp_path / "g.npz")
    assert {row.name for row in report.rows} == {*hand_layers(), *OTHERS}
    assert report.first_failing_layer is None
    assert verify_file(
        write(tmp_path, WRONG["conv1_1"])[0], golden=tmp_path / "g.npz"
    ).first_failing_layer


@needs_importer
def test_file_that_opencv_can_not_run_is_an_error(tmp_path):
    weights, prototxt = write(
        tmp_path, {"conv1_1": (np.ones((1, 1, 1, 1), "f4"), np.ones(1, "f4"))}
    )
    with pytest.raises(WeightsError, match="OpenCV can't run") as caught:
        opencv_outputs(prototxt, weights, random_batch((64, 64)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"abc"])
def test_damaged_golden_is_an_error(tmp_path, data):
    path = tmp_path / "g.npz"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"g\.npz"):
        read_golden(path)
    np.savez(path, a=np.ones(1))
    with pytest.raises(WeightsError, match=r"g\.npz"):
        read_golden(path)
    with pytest.raises(WeightsError, match="none"):
        read_golden(tmp_path / "none.npz")
