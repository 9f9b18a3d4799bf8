import dataclasses
import json

import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.training.config import TrainConfig, read_config
from tests.helpers import ROOT

FOLDERS = {"out": "run", "assets": "assets", "backgrounds": "images"}


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
    config = TrainConfig(**FOLDERS, photo_fraction=0.1, pretrained_backbone=False, size=96, seed=7)
    config.write(tmp_path / "config.json")
    assert read_config(tmp_path / "config.json") == config


def test_fields_that_are_not_given_have_their_defaults(tmp_path):
    config = read_config(write(tmp_path, {**FOLDERS, "epochs": 3}))
    assert config == TrainConfig(**FOLDERS, epochs=3)


def test_changes_take_the_place_of_the_file_s_fields(tmp_path):
    path = write(tmp_path, {"out": "here", "assets": "assets", "epochs": 3})
    config = read_config(path, out="there", backgrounds="images")
    assert (config.out, config.backgrounds, config.epochs) == ("there", "images", 3)


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig(**FOLDERS).size = 64


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", ["expected a JSON object"]),
        ("", ["expected a JSON object"]),
        ([1, 2], ["expected fields", "list"]),
        ("null", ["expected fields", "NoneType"]),
        ({**FOLDERS, "epoch": 3}, ["epoch", "epochs"]),
        ({"assets": "assets"}, ["expected the field out"]),
        ({}, ["expected the field out"]),
    ],
)
def test_files_that_are_not_a_config_are_refused_in_one_line(tmp_path, content, words):
    path = write(tmp_path, content)
    with pytest.raises(TrainingError) as caught:
        read_config(path)
    for word in [*words, "config.json"]:
        assert word in message(caught)


def test_a_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"config\.json"):
        read_config(tmp_path / "config.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        read_config(tmp_path / "config.json")


INVALID = {
    "size": (100, 0, -32, "160", 160.0),
    "photo_fraction": (-0.1, 1.1, float("nan"), None),
    "hands": (0, -1),
    "labels": (3,),
    "weights": (3,),
    "validation_samples": (0,),
    "validation_hands": (-1,),
    "batch_size": (0, True),
    "epochs": (0, 2.5),
    "steps_per_epoch": (0,),
    "learning_rate": (0, -1e-3, float("inf"), "fast"),
    "backbone_rate": (-0.1,),
    "weight_decay": (-1.0,),
    "pretrained_backbone": (1, "yes"),
    "seed": (-1, 2**32, 1.5),
    "out": (None,),
    "assets": (3,),
    "backgrounds": (3,),
}


@pytest.mark.parametrize("field", INVALID)
def test_values_that_no_run_could_use_are_refused_by_name(tmp_path, field):
    for value in INVALID[field]:
        with pytest.raises(TrainingError, match=f"^expected {field} to be") as caught:
            TrainConfig(**{**FOLDERS, field: value})
        message(caught)
        with pytest.raises(TrainingError, match=field):
            read_config(write(tmp_path, {**FOLDERS, field: value}))


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 32), ("photo_fraction", 0), ("photo_fraction", 1), ("learning_rate", 1), ("seed", 0)],
)
def test_values_at_the_border_are_valid(field, value):
    assert getattr(TrainConfig(**{**FOLDERS, field: value}), field) == value


def test_own_labels_need_no_rendered_hands_and_no_other_folders():
    config = TrainConfig(out="run", labels="labels.json", hands=0)
    assert (config.assets, config.backgrounds) == (None, None)
    with pytest.raises(TrainingError, match=r"^expected hands to be"):
        TrainConfig(out="run", labels="labels.json", hands=-1)


def test_labels_that_are_never_shown_are_refused():
    with pytest.raises(TrainingError, match=r"^expected photo_fraction to be above 0"):
        TrainConfig(out="run", labels="labels.json", photo_fraction=0.0)


@pytest.mark.parametrize("name", ["hand_lite", "hand_lite_2"])
def test_the_configs_of_the_weights_that_ship_are_valid(name):
    assert read_config(ROOT / "weights" / f"{name}.json").out == f"runs/{name}"
