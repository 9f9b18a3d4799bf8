import dataclasses
import json
import os

import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.training.config import TrainConfig, read_config

PLACES = {"out": "run", "assets": "assets", "backgrounds": "pictures"}


def write(folder, content):
    path = folder / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf8")
    return path


def message(caught):
    """The error's text, which has to be one line."""
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    return text


def test_a_config_comes_back_as_it_was_written(tmp_path):
    config = TrainConfig(**PLACES, photo_share=0.1, from_teacher=False, size=96, seed=7)
    config.write(tmp_path / "config.json")
    assert read_config(tmp_path / "config.json") == config


def test_an_interrupted_writing_spares_the_config_before(tmp_path, monkeypatch):
    TrainConfig(**PLACES, seed=7).write(tmp_path / "config.json")

    def fail(*paths):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        TrainConfig(**PLACES, seed=8).write(tmp_path / "config.json")
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    assert read_config(tmp_path / "config.json").seed == 7


def test_fields_that_are_not_given_have_their_defaults(tmp_path):
    config = read_config(write(tmp_path, {**PLACES, "epochs": 3}))
    assert config == TrainConfig(**PLACES, epochs=3)


def test_changes_count_more_than_the_file_and_fill_its_gaps(tmp_path):
    path = write(tmp_path, {"out": "here", "assets": "assets", "epochs": 3})
    config = read_config(path, out="there", backgrounds="pictures")
    assert (config.out, config.backgrounds, config.epochs) == ("there", "pictures", 3)


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig(**PLACES).size = 64


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["expected a JSON object"]),
        ("", ["expected a JSON object"]),
        ([1, 2], ["expected fields", "list"]),
        ("null", ["expected fields", "NoneType"]),
        ({**PLACES, "epoch": 3}, ["epoch", "epochs"]),
        ({"assets": "assets"}, ["lacks", "out"]),
        ({}, ["lacks", "out"]),
    ],
)
def test_files_that_are_no_config_are_refused_in_one_line(tmp_path, content, words):
    path = write(tmp_path, content)
    with pytest.raises(TrainingError) as caught:
        read_config(path)
    for word in [*words, "config.json"]:
        assert word in message(caught)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"config\.json"):
        read_config(tmp_path / "config.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        read_config(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 100),
        ("size", 0),
        ("size", -32),
        ("size", "160"),
        ("size", 160.0),
        ("photo_share", -0.1),
        ("photo_share", 1.1),
        ("photo_share", float("nan")),
        ("photo_share", None),
        ("hands", 0),
        ("hands", -1),
        ("labels", 3),
        ("weights", 3),
        ("validation_samples", 0),
        ("held_hands", -1),
        ("batch_size", 0),
        ("batch_size", True),
        ("epochs", 0),
        ("epochs", 2.5),
        ("steps_per_epoch", 0),
        ("learning_rate", 0),
        ("learning_rate", -1e-3),
        ("learning_rate", float("inf")),
        ("learning_rate", "fast"),
        ("backbone_rate", -0.1),
        ("weight_decay", -1.0),
        ("from_teacher", 1),
        ("from_teacher", "yes"),
        ("seed", -1),
        ("seed", 2**32),
        ("seed", 1.5),
        ("out", None),
        ("assets", 3),
        ("backgrounds", 3),
    ],
)
def test_values_that_no_run_could_use_are_refused_by_name(tmp_path, field, value):
    with pytest.raises(TrainingError, match=f"^{field} should") as caught:
        TrainConfig(**{**PLACES, field: value})
    message(caught)
    with pytest.raises(TrainingError, match=field):
        read_config(write(tmp_path, {**PLACES, field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 32), ("photo_share", 0), ("photo_share", 1), ("learning_rate", 1), ("seed", 0)],
)
def test_values_at_the_border_will_do(field, value):
    assert getattr(TrainConfig(**{**PLACES, field: value}), field) == value


def test_own_labels_do_without_rendered_hands_and_other_places():
    config = TrainConfig(out="run", labels="labels.json", hands=0)
    assert (config.assets, config.backgrounds) == (None, None)
    with pytest.raises(TrainingError, match=r"^hands should"):
        TrainConfig(out="run", labels="labels.json", hands=-1)


def test_labels_that_are_never_shown_are_refused():
    with pytest.raises(TrainingError, match=r"^photo_share should") as caught:
        TrainConfig(out="run", labels="labels.json", photo_share=0.0)
    message(caught)
