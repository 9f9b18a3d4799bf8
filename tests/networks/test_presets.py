"""Presets: the weights that ship are found and checked; missing ones are explained in one line."""

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import openpose_keras
from openpose_keras import networks
from openpose_keras.conversion.convert import make_record
from openpose_keras.conversion.readers import read_weights
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import write_record
from openpose_keras.networks import presets

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")

BATCH = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
LITE = presets.PRESETS["hand_lite"]


@pytest.fixture(scope="module")
def shipped():
    """The heatmaps of the preset that ships."""
    return np.asarray(presets.load_network("hand_lite")(BATCH)["keypoints"])


def test_unknown_presets_and_dtypes_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="hand_lite"):
        presets.get_preset("foot")
    with pytest.raises(ValueError, match="mixed_bfloat16"):
        presets.load_network("hand_lite", dtype="float64")


def test_missing_weights_say_where_they_belong_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsError) as caught:
        presets.load_network("hand")
    message = str(caught.value)
    assert "\n" not in message
    for part in (
        str(tmp_path / "openpose_keras"),
        "hand.weights.h5",
        "non-commercial",
        "hand_lite",
    ):
        assert part in message


def test_only_weights_that_do_not_ship_need_a_home_folder(monkeypatch):
    for name in ("KERAS_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)  # a user without an entry
    assert presets.find_weights(LITE).name == LITE.file
    with pytest.raises(WeightsError, match="set KERAS_HOME"):
        presets.find_weights(presets.get_preset("hand"))


def test_a_damaged_shipped_file_is_refused(tmp_path, monkeypatch):
    data = bytearray(presets.find_weights(LITE).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / LITE.file).write_bytes(data)
    monkeypatch.setattr(presets, "shipped_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="damaged"):
        presets.load_network("hand_lite")


@pytest.mark.parametrize("content", [b"<html>quota</html>", b"\x89HDF\r\n\x1a\n" + bytes(64), None])
def test_files_without_weights_are_refused(tmp_path, content):
    path = tmp_path / "own.weights.h5"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"own\.weights\.h5"):
        presets.load_network("hand_lite", weights=path)


def test_weights_of_the_user_are_loaded(tmp_path, shipped):
    path = shutil.copy(presets.find_weights(LITE), tmp_path / "a.weights.h5")
    stages = presets.load_network("hand_lite", weights=path, all_stages=True)(BATCH)
    assert [np.shape(maps) for maps in stages] == [(1, 16, 16, 22)] * 2
    np.testing.assert_allclose(np.asarray(stages[-1]), shipped, atol=1e-5)


def test_weights_of_another_network_are_one_error_without_warnings(tmp_path, recwarn):
    networks.body_tiny().save_weights(tmp_path / "a.weights.h5")
    with pytest.raises(WeightsError, match="expected weights of the network hand_lite in"):
        presets.load_network("hand_lite", weights=tmp_path / "a.weights.h5")
    assert not [each for each in recwarn if each.category is UserWarning]


def test_half_precision_is_near_and_leaves_keras_policy(shipped):
    import keras

    before = keras.config.dtype_policy().name
    half = np.asarray(presets.load_network("hand_lite", dtype="mixed_bfloat16")(BATCH)["keypoints"])
    assert keras.config.dtype_policy().name == before
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, shipped, atol=0.15)


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_channel_order_is_that_of_the_files_record(tmp_path, order):
    path = Path(shutil.copy(presets.find_weights(LITE), tmp_path / "a.weights.h5"))
    assert presets.input_spec("hand_lite", weights=path) == LITE.spec
    record = make_record(read_weights(path), network="hand_lite", channel_order=order)
    write_record(path, record)
    spec = presets.input_spec("hand_lite", weights=path)
    assert spec == dataclasses.replace(LITE.spec, channel_order=order)


def test_presets_are_printed_as_a_table_of_a_line_each():
    head, *lines = repr(presets.PRESETS).splitlines()
    assert head.split()[:3] == ["preset", "finds", "weights"]
    assert [line.split()[0] for line in lines] == list(presets.PRESETS)
    assert lines[list(presets.PRESETS).index("hand_lite")].split()[1:3] == ["hand", "ship"]


def test_the_package_lists_its_public_names_only():
    names = dir(openpose_keras)
    assert sorted({*openpose_keras.__all__, "__version__"}) == names
    assert all(getattr(openpose_keras, name) is not None for name in names)
