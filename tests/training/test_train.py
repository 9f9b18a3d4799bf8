import csv
import dataclasses
import json
import math
import os
import shutil
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from openpose_keras import cli, networks
from openpose_keras.core import progress
from openpose_keras.core.errors import DivergenceError, TrainingError
from openpose_keras.io.images import read_image
from openpose_keras.networks import lite
from openpose_keras.training import train as training
from openpose_keras.training.config import read_config
from openpose_keras.training.hands.task import start
from openpose_keras.training.train import STATE, preview_samples, train
from tests.helpers.training_fakes import (
    open_hand,
    quick_runs,
    small_config,
    stop_in_epoch,
    write_labelled,
)

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


RESULT = "hand_lite.weights.h5"
INPUTS = ("backgrounds", "labels", "weights")


def write_own_labels(folder):
    """Write three images, and a label file of one hand in each, one keypoint without a label."""
    xy = open_hand((32, 32), 40)
    xy[1] = np.nan
    return str(write_labelled(folder, [xy], [xy], [xy]))


def rows(folder):
    with (folder / "log.csv").open(newline="", encoding="utf8") as file:
        return list(csv.DictReader(file))


def arrays(path, part="layers"):
    """All arrays of one part of a weight file, by key."""
    with h5py.File(path) as file:
        names: list[str] = []
        file[part].visit(names.append)
        return {n: file[part][n][()] for n in names if isinstance(file[part][n], h5py.Dataset)}


@pytest.fixture(scope="module", autouse=True)
def small_network():
    """Every network here has a third of the blocks, which are compiled in a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        blocks = tuple(networks.LITE_BLOCKS[index] for index in (0, 1, 3, 5, 11))
        patch.setattr(lite, "LITE_BLOCKS", blocks)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The config and the folder of a run from the command line, compiled."""
    folder = tmp_path_factory.mktemp("run")
    labels = write_own_labels(folder)
    config = small_config(folder, labels=labels, photo_fraction=0.5, assets=None, epochs=1)
    fields = dataclasses.asdict(config) | {"out": "elsewhere", "labels": "labels.json", "epochs": 7}
    (folder / "config.json").write_text(json.dumps(fields), encoding="utf8")
    argv = ["train", str(folder / "config.json"), "--out", config.out, "--epochs", "1"]
    assert cli.main([*argv, "--labels", labels]) == 0
    return config, Path(config.out)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """The config and the folder of a quick run that was killed in its second epoch, then resumed.

    Beside the folder there is `killed`, a copy of it as the killed run left it.
    """
    config = small_config(tmp_path_factory.mktemp("resumed"))
    out = Path(config.out)
    with quick_runs() as patch:
        stop_in_epoch(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    shutil.copytree(out, out.with_name("killed"))
    with quick_runs():
        train(config)
    return config, out


@pytest.mark.slow
def test_a_run_writes_its_config_its_log_and_its_weights(run):
    config, out = run
    names = {path.name for path in out.iterdir()}
    data = {"hands-1", "validation-1001", "misleading.json"}
    assert names == data | {"config.json", "log.csv", STATE, RESULT}
    assert read_config(out / "config.json") == config
    (row,) = rows(out)
    assert all(math.isfinite(float(value)) for value in row.values())
    for name in ("rendered", "photos"):
        for kind in ("pck", "points"):
            assert 0 <= float(row[f"{name}_{kind}10"]) <= float(row[f"{name}_{kind}20"]) <= 1
    assert 0 <= float(row["negative_presence"]) <= 1


@pytest.mark.slow
def test_the_result_is_the_averaged_weights_without_an_optimizer(run):
    config, out = run
    with h5py.File(out / RESULT) as file:
        assert "optimizer" not in file
    (model, network), result = start(config), networks.hand_lite()
    model.load_weights(out / STATE)
    raw = network.get_layer("heat2").get_weights()[0]
    model.optimizer.finalize_variable_values(network.trainable_variables)
    result.load_weights(out / RESULT)
    for layer in result.layers:
        averaged = network.get_layer(layer.name).get_weights()
        for found, expected in zip(layer.get_weights(), averaged, strict=True):
            np.testing.assert_array_equal(found, expected)
    assert (result.get_layer("heat2").get_weights()[0] != raw).any()


@pytest.mark.slow
def test_a_resumed_run_ends_as_one_that_was_not_killed(resumed):
    """The killed run had written the weights of its second epoch already."""
    config, out = resumed
    before = out.with_name("killed")
    assert [row["epoch"] for row in rows(before)] == ["1"]
    assert [row["epoch"] for row in rows(out)] == ["1", "2"]
    steps = int(arrays(out / STATE, "optimizer")["vars/0"])
    assert steps == config.epochs * config.steps_per_epoch
    first, second = arrays(before / RESULT), arrays(out / RESULT)
    assert set(first) == set(second)
    for key, expected in first.items():
        np.testing.assert_allclose(second[key], expected, atol=1e-4, err_msg=key)


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is(resumed, capsys):
    config, out = resumed
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    before.pop("config.json")
    with quick_runs():
        assert train(config) == out / RESULT
    assert f"has all its {config.epochs} epochs already" in capsys.readouterr().out
    after = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert before.items() <= after.items()


def test_a_run_is_resumed_with_its_own_config_only(tmp_path):
    config = small_config(tmp_path)
    path = tmp_path / "run" / "config.json"
    path.write_text(json.dumps(dataclasses.asdict(config)))
    (tmp_path / "run" / STATE).write_bytes(b"state")
    before = path.read_bytes()
    with pytest.raises(TrainingError) as caught:
        train(dataclasses.replace(config, epochs=9, seed=7, learning_rate=0.01))
    text = str(caught.value)
    assert "got learning_rate 0.0015 -> 0.01, seed 1 -> 7:" in text
    assert "\n" not in text
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_state_of_another_kind_of_run_is_refused(tmp_path):
    config = small_config(tmp_path)
    (tmp_path / "run" / "config.json").write_text(json.dumps(dataclasses.asdict(config)))
    model, _ = start(config)
    keras.Model(model.input, model.output).save_weights(tmp_path / "run" / STATE)  # no optimizer
    before = (tmp_path / "run" / STATE).read_bytes()
    moved = dataclasses.replace(config, assets="moved", epochs=9)  # what may change
    with (
        pytest.warns(UserWarning, match="Skipping variable loading for optimizer"),
        pytest.raises(TrainingError, match="state of a run that trains the same layers"),
    ):
        train(moved)
    assert (tmp_path / "run" / STATE).read_bytes() == before


@pytest.mark.slow
def test_a_run_that_diverges_is_stopped_and_spares_the_last_state(resumed, tmp_path):
    config, out = resumed
    shutil.copytree(out, tmp_path / "run")
    weights = arrays(tmp_path / "run" / STATE)
    with h5py.File(tmp_path / "run" / STATE, "r+") as file:
        file["layers"][next(key for key in weights if key.endswith("conv2d/vars/0"))][:] = math.nan
    before = (tmp_path / "run" / STATE).read_bytes()
    moved = dataclasses.replace(config, out=str(tmp_path / "run"), epochs=3)
    with quick_runs(), pytest.raises(DivergenceError, match=r"epoch 3; .* learning_rate") as caught:
        train(moved)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "run" / STATE).read_bytes() == before


def own_config(folder):
    """Write a config with labels of three images and nothing else."""
    write_own_labels(folder)
    sizes = {"size": 32, "batch_size": 2, "epochs": 3, "steps_per_epoch": 3}
    sizes |= {"validation_samples": 2, "hands": 0, "pretrained": False}
    config = {"out": str(folder / "out"), "labels": str(folder / "labels.json"), **sizes}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf8")
    return str(folder / "config.json")


def test_own_labels_can_be_previewed_before_they_are_trained_on(tmp_path, capsys):
    path = tmp_path / "preview.png"
    assert cli.main(["train", own_config(tmp_path), "--preview", str(path)]) == 0
    assert read_image(path).shape == (5 * 32, 8 * 32, 3)
    assert capsys.readouterr().out == f"image: {path}\n"


def test_the_end_of_a_run_says_how_to_use_its_weights(tmp_path, capsys, monkeypatch):
    result = tmp_path / "body_tiny.weights.h5"
    monkeypatch.setattr(training, "train", lambda config: result)
    (tmp_path / "config.json").write_text('{"out": "run", "network": "body_tiny"}')
    assert cli.main(["train", str(tmp_path / "config.json")]) == 0
    command = f"openpose-keras detect PHOTO --preset body_tiny --weights {result}"
    assert capsys.readouterr().out == f"weights: {result}\nuse them: {command}\n"


def test_an_interrupted_run_says_that_the_same_command_goes_on(tmp_path, capsys, monkeypatch):
    def interrupted(config):
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", interrupted)
    monkeypatch.setattr(os, "_exit", sys.exit)
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", own_config(tmp_path)])
    assert caught.value.code == 130
    line = f"interrupted: the same command goes on after the last whole epoch in {tmp_path / 'out'}"
    assert capsys.readouterr().err == f"{line}\n"


def test_the_steps_of_an_epoch_are_shown(capsys, monkeypatch):
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    steps = training._show_steps(3)
    for epoch in range(2):
        steps.on_epoch_begin(epoch)
        for batch in range(3):
            steps.on_train_batch_end(batch)
        shown = capsys.readouterr().err
        assert f"epoch {epoch + 1}: 3 of 3 steps" in shown


@pytest.mark.parametrize("network", ["hand_lite", "hand_finder"])
def test_a_preview_has_forty_samples_with_their_hands(tmp_path, network):
    shown = preview_samples(small_config(tmp_path, network=network))
    assert len(shown) == 40
    assert all(image.shape == (32, 32, 3) for image, _ in shown)
    assert {len(hands) for _, hands in shown} >= {0, 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *((["--" + name, "no"], f"expected {name}, got none: there is no no") for name in INPUTS),
        pytest.param(["--labels", "config.json"], 'no list "images"', marks=pytest.mark.slow),
    ],
)
def test_own_files_that_cannot_be_used_are_named_in_one_line(
    tmp_path, capsys, monkeypatch, options, message
):
    config = own_config(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", config, *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert (tmp_path / "out").exists() == ("list" in message)
