"""Presets: what ships is found, and whole; what is missing is said in one line."""

import dataclasses
import hashlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from openpose_keras import networks
from openpose_keras.conversion.convert import make_record
from openpose_keras.core.errors import WeightsError
from openpose_keras.io.weight_record import write_record
from openpose_keras.networks import presets

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user's folder with nothing in it."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    return tmp_path / "openpose_keras"


def test_every_preset_names_a_network_and_a_licence():
    for name, preset in presets.PRESETS.items():
        assert preset.name == name
        assert callable(getattr(networks, preset.network))
        assert preset.licence
        assert preset.source


def test_the_shipped_file_is_the_one_that_was_trained():
    preset = presets.get_preset("hand_lite")
    path = presets.find_weights(preset)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == preset.sha256
    assert path.stat().st_size <= 12_000_000


def test_an_unknown_preset_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="hand_lite"):
        presets.get_preset("foot")


def test_an_unknown_dtype_is_refused():
    with pytest.raises(ValueError, match="mixed_bfloat16"):
        presets.load_network("hand_lite", dtype="float64")


def test_missing_weights_say_where_they_belong_and_what_to_do(home):
    with pytest.raises(WeightsError) as caught:
        presets.load_network("hand")
    message = str(caught.value)
    assert "\n" not in message
    for part in (str(home), "hand.weights.h5", "non-commercial", "hand_lite"):
        assert part in message


def test_a_damaged_shipped_file_is_refused(tmp_path, monkeypatch):
    preset = presets.get_preset("hand_lite")
    data = bytearray(presets.find_weights(preset).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / preset.file).write_bytes(data)
    monkeypatch.setattr(presets, "shipped_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="damaged"):
        presets.load_network("hand_lite")


@pytest.mark.parametrize("content", [b"", b"<html>quota</html>", b"\x89HDF\r\n\x1a\n" + bytes(64)])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    path = tmp_path / "own.weights.h5"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"own\.weights\.h5"):
        presets.load_network("hand_lite", weights=path)


def test_a_missing_file_of_the_users_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.weights\.h5: there is no such file"):
        presets.load_network("hand_lite", weights=tmp_path / "none.weights.h5")


def test_weights_of_the_users_own_are_loaded(tmp_path):
    path = shutil.copy(
        presets.find_weights(presets.get_preset("hand_lite")), tmp_path / "a.weights.h5"
    )
    batch = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
    own, shipped = (
        np.asarray(presets.load_network("hand_lite", weights=weights)(batch))
        for weights in (path, None)
    )
    np.testing.assert_array_equal(own, shipped)
    assert own.shape == (1, 16, 16, 22)


def test_half_precision_gives_nearly_the_same_float32_heatmaps():
    import keras

    batch = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
    before = keras.config.dtype_policy().name
    exact = np.asarray(presets.load_network("hand_lite")(batch))
    half = np.asarray(presets.load_network("hand_lite", dtype="mixed_bfloat16")(batch))
    assert keras.config.dtype_policy().name == before
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, exact, atol=0.15)


@pytest.mark.parametrize("backend", ["foo", "jax_that_is_not_there"])
def test_a_backend_that_is_none_gives_one_line(backend):
    code = (
        "from openpose_keras.core.errors import BackendError\n"
        "from openpose_keras.networks.presets import load_network\n"
        "try: load_network('hand_lite')\n"
        "except BackendError as error: print(error)"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert f"'{backend}'" in run.stdout
    assert "KERAS_BACKEND" in run.stdout
    assert run.stdout.count("\n") == 1


@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_the_record_of_a_conversion_tells_the_channel_order(tmp_path, order):
    path = shutil.copy(
        presets.find_weights(presets.get_preset("hand_lite")), tmp_path / "a.weights.h5"
    )
    facts = {"kind": "keras3", "network": "hand_lite", "version": "0"}
    record = make_record(path, channel_order=order, **facts)
    write_record(path, record)
    spec = presets.input_spec("hand_lite", weights=path)
    assert spec == dataclasses.replace(presets.get_preset("hand_lite").spec, channel_order=order)


def test_weights_without_a_record_want_what_the_preset_says():
    assert presets.input_spec("hand_lite") == presets.get_preset("hand_lite").spec


def test_all_stages_end_with_the_one_that_comes_out_alone():
    batch = np.random.default_rng(2).uniform(-0.5, 0.5, (1, 64, 64, 3)).astype(np.float32)
    last = np.asarray(presets.load_network("hand_lite")(batch))
    stages = presets.load_network("hand_lite", all_stages=True)(batch)
    assert [np.shape(maps) for maps in stages] == [last.shape] * 2
    np.testing.assert_allclose(np.asarray(stages[-1]), last, atol=1e-5)
