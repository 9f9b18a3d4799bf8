import csv
import dataclasses
import json
import math
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest

from openpose_keras import cli, networks
from openpose_keras.core.errors import DivergenceError, TrainingError, WeightsError
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.io.images import read_image, write_image
from openpose_keras.networks import lite
from openpose_keras.networks.presets import find_weights, get_preset
from openpose_keras.training import optimization
from openpose_keras.training import train as fit
from openpose_keras.training.config import read_config
from openpose_keras.training.mediapipe_backbone import backbone_layers, read_convolutions
from openpose_keras.training.optimization import heatmap_loss, start
from openpose_keras.training.train import RESULT, STATE, train
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import open_hand, small_config

pytestmark = [
    # TensorFlow's own modules, and Keras's way from its arrays to NumPy 2.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


SHORT_BLOCKS = tuple(networks.LITE_BLOCKS[index] for index in (0, 1, 3, 5, 11))


@contextmanager
def small_runs():
    """Runs of seconds: a third of the blocks, a few samples, and no graph to be traced first."""

    def start_eagerly(config):
        model = start(config)
        model.run_eagerly = True
        return model

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lite, "LITE_BLOCKS", SHORT_BLOCKS)
        patch.setattr(optimization, "start", start_eagerly)
        yield patch


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """A run of two epochs of two steps that nothing disturbed: its config and what it returned."""
    config = small_config(tmp_path_factory.mktemp("straight"))
    with small_runs():
        return config, train(config)


@pytest.fixture(scope="module")
def resumed(tmp_path_factory):
    """The same run, killed at the end of the second epoch before its state, then resumed."""
    config = small_config(tmp_path_factory.mktemp("resumed"))
    write, calls = fit._write, []

    def killed(model, path):
        calls.append(path.name)
        if len(calls) > 3:
            raise KeyboardInterrupt
        write(model, path)

    with small_runs() as patch:
        patch.setattr(fit, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            train(config)
    assert calls == [RESULT, STATE, RESULT, STATE]
    assert [row["epoch"] for row in rows(config)] == ["1", "2"]
    with small_runs():
        return config, train(config)


def rows(config):
    with Path(config.out, "log.csv").open(newline="", encoding="utf8") as file:
        return list(csv.DictReader(file))


def arrays(path, part):
    """All arrays of one part of a weight file, by key."""
    found = {}
    with h5py.File(path) as file:
        file[part].visititems(
            lambda key, item: (
                found.update({key: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def test_a_run_writes_its_config_its_log_and_its_weights(straight):
    config, path = straight
    names = {item.name for item in path.parent.iterdir()}
    assert names == {"hands-1", "held-1001", "config.json", "log.csv", STATE, RESULT}
    assert path.name == RESULT
    assert read_config(path.parent / "config.json") == config


def test_the_log_has_a_row_an_epoch(straight):
    log = rows(straight[0])
    assert [row["epoch"] for row in log] == ["1", "2"]
    for row in log:
        assert {"loss", "rendered_pck10", "rendered_pck20"} <= set(row)
        assert all(math.isfinite(float(value)) for value in row.values())
        assert 0 <= float(row["rendered_pck10"]) <= float(row["rendered_pck20"]) <= 1


def test_shipped_weights_hold_no_optimizer_and_the_state_does(straight):
    _, path = straight
    with h5py.File(path) as shipped, h5py.File(path.with_name(STATE)) as state:
        assert "optimizer" not in shipped
        assert "optimizer" in state


def test_shipped_weights_are_the_averages_and_load_into_the_network(straight):
    config, path = straight
    with small_runs():
        model, shipped = start(config), networks.hand_lite()
    model.load_weights(path.with_name(STATE))
    raw = model.get_layer("heat2").get_weights()[0]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    shipped.load_weights(path)
    for layer in shipped.layers:
        for found, expected in zip(
            layer.get_weights(), model.get_layer(layer.name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)
    assert (shipped.get_layer("heat2").get_weights()[0] != raw).any()


def test_a_resumed_run_goes_on_where_it_stopped(resumed):
    config, path = resumed
    assert [row["epoch"] for row in rows(config)] == ["1", "2"]
    state = arrays(path.with_name(STATE), "optimizer")
    assert int(state["vars/0"]) == config.epochs * config.steps_per_epoch


def test_a_resumed_run_ends_as_one_that_was_not_disturbed(straight, resumed):
    for name in (STATE, RESULT):
        first, second = (arrays(run[1].with_name(name), "layers") for run in (straight, resumed))
        assert set(first) == set(second)
        for key, expected in first.items():
            np.testing.assert_allclose(second[key], expected, atol=1e-4, err_msg=key)
    losses = [[float(row["loss"]) for row in rows(run[0])] for run in (straight, resumed)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


def test_a_finished_run_is_left_as_it_is(straight):
    config, path = straight
    before = {item.name: item.stat().st_mtime_ns for item in path.parent.iterdir()}
    before.pop("config.json")
    with small_runs():
        assert train(config) == path
    after = {item.name: item.stat().st_mtime_ns for item in path.parent.iterdir()}
    assert before.items() <= after.items()


def test_a_run_goes_on_with_its_own_config_only(tmp_path):
    config = small_config(tmp_path)
    config.write(tmp_path / "run" / fit.CONFIG)
    (tmp_path / "run" / STATE).write_bytes(b"state")
    before = (tmp_path / "run" / fit.CONFIG).read_bytes()
    with pytest.raises(TrainingError) as caught:
        train(dataclasses.replace(config, epochs=9, seed=7, learning_rate=0.01))
    text = str(caught.value)
    assert "has other values: learning_rate 0.0015 -> 0.01, seed 1 -> 7;" in text
    assert "\n" not in text
    assert (tmp_path / "run" / fit.CONFIG).read_bytes() == before


def test_folders_and_the_number_of_epochs_may_change_when_a_run_goes_on(tmp_path):
    config = small_config(tmp_path, photo_share=0.1)
    config.write(tmp_path / fit.CONFIG)
    places = {"out": "a", "assets": "b", "backgrounds": "c", "labels": "d"}
    moved = dataclasses.replace(config, **places, epochs=9)
    fit._check_same_run(moved, tmp_path / fit.CONFIG)


def test_a_state_of_another_kind_of_run_is_refused(tmp_path):
    config = small_config(tmp_path)
    with small_runs():
        networks.hand_lite(all_stages=True).save_weights(tmp_path / "run" / STATE)
        before = (tmp_path / "run" / STATE).read_bytes()
        with (
            pytest.warns(UserWarning, match="Skipping variable loading for optimizer"),
            pytest.raises(TrainingError, match="state of a run that trains the same layers"),
        ):
            train(config)
    assert (tmp_path / "run" / STATE).read_bytes() == before


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_run_that_diverges_says_so_and_spares_the_last_state(tmp_path, loss):
    (tmp_path / STATE).write_bytes(b"good")
    callback = fit._end_of_epoch(tmp_path, {})
    with pytest.raises(DivergenceError, match=r"epoch 3; .* lower learning_rate") as caught:
        callback.on_epoch_end(2, {"loss": loss})
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
    assert (tmp_path / STATE).read_bytes() == b"good"


def test_an_interrupted_writing_spares_the_file_before(tmp_path):
    class Model:
        def save_weights(self, path):
            path.write_bytes(b"half")
            raise OSError("disk full")

    (tmp_path / STATE).write_bytes(b"good")
    with pytest.raises(OSError, match="disk full"):
        fit._write(Model(), tmp_path / STATE)
    assert (tmp_path / STATE).read_bytes() == b"good"


def test_the_log_forgets_what_a_killed_run_said_of_an_epoch(tmp_path):
    path = tmp_path / "log.csv"
    for epoch, loss in ((1, 0.5), (2, 0.4), (3, 0.3)):
        fit._log(path, {"epoch": epoch, "loss": loss})
    fit._log(path, {"epoch": 2, "loss": 0.25, "photos_pck10": 1 / 3})
    assert path.read_text().splitlines() == [
        "epoch,loss,photos_pck10",
        "1,0.5,",
        "2,0.25,0.333333",
    ]


def test_loss_agrees_with_a_plain_loop():
    import keras

    rng = np.random.default_rng(0)
    truth = rng.random((2, 3, 4, 22)).astype(np.float32)
    predicted = rng.normal(0, 1, truth.shape).astype(np.float32)
    found = keras.ops.convert_to_numpy(heatmap_loss(truth, predicted))
    assert found.shape == (2, 3, 4)
    for index in np.ndindex(2, 3, 4):
        total = 0.0
        for channel in range(22):
            value = float(truth[index][channel])
            near = 1 - value if channel == 21 else value
            total += (1 + 8 * near) * (value - float(predicted[index][channel])) ** 2
        assert found[index] == pytest.approx(total / 22, rel=1e-5)


def test_loss_of_the_truth_is_nothing():
    truth = np.random.default_rng(0).random((1, 2, 2, 22)).astype(np.float32)
    assert np.abs(heatmap_loss(truth, truth)).max() == 0


def test_backbone_takes_the_smaller_steps_that_it_is_told_to(tmp_path):
    """The first step of Adam is the rate itself, whatever the gradient."""
    import keras

    config = dataclasses.replace(
        small_config(tmp_path), backbone_rate=0.25, learning_rate=1e-3, weight_decay=0.0
    )
    model = start(config)
    assert all(layer.trainable for layer in model.layers)
    backbone = {weight.path for layer in backbone_layers(model) for weight in layer.weights}
    variables = model.trainable_variables
    before = [keras.ops.convert_to_numpy(variable) for variable in variables]
    model.optimizer.apply([keras.ops.ones_like(variable) for variable in variables])
    assert len(backbone) == 90
    for variable, old in zip(variables, before, strict=True):
        step = old - keras.ops.convert_to_numpy(variable)
        expected = 1e-3 * (0.25 if variable.path in backbone else 1.0)
        np.testing.assert_allclose(step, expected, rtol=0.02, atol=1e-6, err_msg=variable.path)


def test_rate_warms_up_to_its_peak_and_falls_to_nearly_nothing(tmp_path):
    config = small_config(tmp_path, epochs=10, steps_per_epoch=100, learning_rate=2e-3)
    optimizer = start(config).optimizer
    rates = []
    for step in (0, 50, 100, 300, 550, 900, 1000, 1200):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates[:3], [0, 1e-3, 2e-3], rtol=1e-3, atol=1e-9)
    assert rates[2:7] == sorted(rates[2:7], reverse=True)
    np.testing.assert_allclose(rates[-2:], 0.002 * 2e-3, rtol=1e-2)
    middle = 0.002 * 2e-3 + 0.998 * 1e-3
    assert rates[4] == pytest.approx(middle, rel=1e-2)


def test_a_run_from_the_teacher_starts_with_its_weights_and_keeps_the_first_layers(tmp_path):
    pytest.importorskip("tflite", reason="the PyPI package tflite reads the teacher's file")
    assets = assets_folder()
    path = assets / "teacher" / "hand_landmark_full.tflite"
    if not path.is_file():
        pytest.skip(f"no teacher at {path}")
    model = start(small_config(tmp_path, from_teacher=True, assets=str(assets)))
    kernels = [kernel for kernel, _ in read_convolutions(path)]
    for layer, kernel in zip(backbone_layers(model), kernels, strict=False):
        np.testing.assert_array_equal(layer.get_weights()[0], kernel)
    frozen = {layer.name for layer in model.layers if layer.weights and not layer.trainable}
    assert frozen == {
        "stem",
        *(f"block0_{part}" for part in ("depthwise", "project")),
        *(f"block1_{part}" for part in ("expand", "depthwise", "project")),
    }


def test_a_run_can_start_from_the_weights_that_ship(tmp_path):
    path = find_weights(get_preset("hand_lite"))
    # The folder of assets does not exist: the teacher is not asked for.
    model = start(small_config(tmp_path, from_teacher=True, weights=str(path)))
    shipped = networks.hand_lite(all_stages=True)
    shipped.load_weights(path)
    for ours, theirs in zip(model.get_weights(), shipped.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not model.get_layer("stem").trainable
    assert model.get_layer("heat2").trainable
    assert int(model.optimizer.iterations) == 0


def test_the_weights_that_ship_have_a_name(tmp_path):
    model = start(small_config(tmp_path, assets=None, weights="hand_lite"))
    shipped = networks.hand_lite(all_stages=True)
    shipped.load_weights(find_weights(get_preset("hand_lite")))
    for ours, theirs in zip(model.get_weights(), shipped.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_teacher_without_assets_is_asked_for_in_a_line(tmp_path):
    with pytest.raises(TrainingError, match="asks for assets with teacher/") as caught:
        start(small_config(tmp_path, assets=None, from_teacher=True))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "momentum"), [(1, 1 / 11), (10, 0.5), (90, 0.9), (4990, 0.998), (10000, 0.998)]
)
def test_short_runs_average_their_weights_over_a_tenth_of_their_steps(tmp_path, steps, momentum):
    optimizer = start(small_config(tmp_path, epochs=1, steps_per_epoch=steps)).optimizer
    assert optimizer.ema_momentum == pytest.approx(momentum)


def test_weights_to_start_from_that_are_none_are_refused(tmp_path):
    (tmp_path / "none.weights.h5").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"none\.weights\.h5"):
        start(small_config(tmp_path, weights=str(tmp_path / "none.weights.h5")))


def write_own_labels(folder, hidden):
    """Write three pictures, and a label file of one hand in each, of which a keypoint is hidden."""
    hands = {}
    for number in range(3):
        path = folder / f"{number}.png"
        write_image(path, np.full((64, 64, 3), 60 * number, np.uint8))
        xy = open_hand((32, 32), 40)
        xy[hidden] = np.nan
        hands[path] = [LabelledHand.from_keypoints(xy)]
    write_labels(folder / "labels.json", hands, force=True)


@pytest.fixture
def own(tmp_path):
    """A config with labels of three pictures, weights to start from, and nothing else."""
    write_own_labels(tmp_path, hidden=[1])
    with small_runs():
        networks.hand_lite(all_stages=True).save_weights(tmp_path / "mine.weights.h5")
    sizes = {"size": 32, "batch_size": 2, "epochs": 3, "steps_per_epoch": 3, "from_teacher": False}
    sizes |= {"validation_samples": 2, "hands": 0}
    config = {"out": str(tmp_path / "elsewhere"), "labels": "labels.json", **sizes}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf8")
    return tmp_path


def test_own_labels_are_trained_on_from_the_command_line(own, capsys):
    argv = ["train", str(own / "config.json"), "--labels", str(own / "labels.json")]
    argv += ["--out", str(own / "run"), "--epochs", "1", "--steps-per-epoch", "1"]
    with small_runs():
        assert cli.main([*argv, "--weights", str(own / "mine.weights.h5")]) == 0
    assert f"weights: {own / 'run' / RESULT}" in capsys.readouterr().out
    config = read_config(own / "run" / "config.json")
    assert config.labels == str(own / "labels.json")
    assert config.weights == str(own / "mine.weights.h5")
    assert (config.epochs, config.steps_per_epoch) == (1, 1)
    assert not (own / "elsewhere").exists()
    (row,) = rows(config)
    assert {"loss", "photos_pck10", "photos_pck20"} <= set(row)
    assert "rendered_pck10" not in row


def test_own_labels_can_be_looked_at_before_they_are_trained_on(own):
    write_own_labels(own, hidden=[])
    argv = ["train", str(own / "config.json"), "--labels", str(own / "labels.json")]
    assert cli.main([*argv, "--look", str(own / "look.png")]) == 0
    assert read_image(own / "look.png").shape == (5 * 32, 8 * 32, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--labels", "no.json"], "no.json"),
        (["--labels", "config.json"], 'no list "images"'),
        (["--labels", "labels.json", "--weights", "no.weights.h5"], "no.weights.h5"),
    ],
)
def test_own_files_that_cannot_be_used_are_told_in_a_line(
    own, capsys, monkeypatch, options, message
):
    monkeypatch.chdir(own)
    with small_runs():
        assert cli.main(["train", "config.json", *options]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
