import dataclasses
import json
import re

import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.training.config import TrainConfig, read_config
from tests.helpers import ROOT

FOLDERS = {"out": "run", "assets": "assets", "backgrounds": "images"}


def write(folder, content):
    path = folder / "config.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf8")
    return path


def test_a_config_comes_back_as_it_was_written(tmp_path):
    config = TrainConfig(**FOLDERS, photo_fraction=0.1, pretrained=False, size=96, seed=7)
    assert read_config(write(tmp_path, dataclasses.asdict(config))) == config


def test_changes_take_the_place_of_the_file_s_fields_and_others_have_their_defaults(tmp_path):
    path = write(tmp_path, {"assets": "assets", "epochs": 3})
    config = read_config(path, out="there", backgrounds="images")
    expected = TrainConfig(out="there", assets="assets", backgrounds="images", epochs=3)
    assert config == expected


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("{", "JSON object"),
        ("", "JSON object"),
        ([1, 2], "expected a config"),
        ("null", "expected a config"),
        ({"images": [], "annotations": []}, "expected a config"),
        ({**FOLDERS, "epoch": 3}, "no field 'epoch'; did you mean 'epochs'?"),
        ({**FOLDERS, "xyz": 3}, " epochs,"),
        ({"assets": "assets"}, '"out"'),
        ({}, '"out"'),
    ],
)
def test_files_that_are_not_a_config_are_refused_in_one_line(tmp_path, content, word):
    with pytest.raises(TrainingError, match=r"config\.json") as caught:
        read_config(write(tmp_path, content))
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_network_is_told():
    with pytest.raises(TrainingError, match="got 'hand_lit'; did you mean 'hand_lite'"):
        TrainConfig(**FOLDERS, network="hand_lit")


def test_a_file_that_is_not_text_or_is_missing_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"config\.json"):
        read_config(tmp_path / "config.json")
    (tmp_path / "config.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match=r"config\.json"):
        read_config(tmp_path / "config.json")


INVALID = {
    "size": (100, 0, -32, "160", 160.0),
    "photo_fraction": (-0.1, 1.1, float("nan"), None),
    "negatives": (-0.1, 1.1),
    "hands": (0, -1),
    "labels": (3,),
    "weights": (3,),
    "layers": (3,),
    "validation_samples": (0,),
    "validation_hands": (-1,),
    "batch_size": (0, True),
    "epochs": (0, 2.5),
    "steps_per_epoch": (0,),
    "learning_rate": (0, -1e-3, float("inf"), "fast"),
    "pretrained_rate": (-0.1,),
    "weight_decay": (-1.0,),
    "network": ("hand", "mediapipe_hand", None),
    "pretrained": (1, "yes"),
    "processes": (-1, 1.5, True),
    "seed": (-1, 2**32, 1.5),
    "out": (None,),
    "assets": (3,),
    "backgrounds": (3,),
}


@pytest.mark.parametrize("field", INVALID)
def test_values_that_no_run_could_use_are_refused_by_name(tmp_path, field):
    for value in INVALID[field]:
        path = write(tmp_path, {**FOLDERS, field: value})
        message = f"^{re.escape(str(path))}: expected {field} to be .* got "
        with pytest.raises(TrainingError, match=message) as caught:
            read_config(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [("size", 32), ("photo_fraction", 0), ("photo_fraction", 1), ("learning_rate", 1), ("seed", 0)],
)
def test_values_at_the_border_are_valid(field, value):
    assert getattr(TrainConfig(**{**FOLDERS, field: value}), field) == value


def test_own_labels_need_no_rendered_hands_and_no_other_folders_but_have_to_be_shown():
    config = TrainConfig(out="run", labels="labels.json", hands=0)
    assert (config.assets, config.backgrounds) == (None, None)
    with pytest.raises(TrainingError, match=r"^expected hands to be"):
        TrainConfig(out="run", labels="labels.json", hands=-1)
    with pytest.raises(TrainingError, match=r"^expected photo_fraction to be above 0"):
        TrainConfig(out="run", labels="labels.json", photo_fraction=0.0)


@pytest.mark.parametrize(
    "name", ["hand_lite", "hand_finder", "body_tiny", "body_lite", "face_lite"]
)
def test_the_configs_that_ship_are_valid(name):
    config = read_config(ROOT / "weights" / f"{name}.json")
    assert (config.network, config.out) == (name, f"runs/{name}")


@pytest.mark.parametrize("name", ["hand_lite", "body_lite"])
def test_the_configs_of_second_runs_go_on_from_the_weights_that_ship(name):
    config = read_config(ROOT / "weights" / f"{name}_2.json")
    assert (config.network, config.weights, config.out) == (name, name, f"runs/{name}_2")


@pytest.mark.parametrize("name", ["assets", "backgrounds"])
def test_networks_of_bodies_refuse_data_that_they_would_not_use(name):
    TrainConfig(out="run", network="body_25")
    with pytest.raises(
        TrainingError, match=f"^expected {name} to be None for a network of bodies, got"
    ):
        TrainConfig(out="run", network="body_25", **{name: "folder"})


def test_a_teacher_answers_some_images_of_a_batch_and_labels_the_others():
    options = {
        "network": "body_lite",
        "out": "run",
        "teacher": "body_mobilenet",
        "photos": "photos",
    }
    TrainConfig(**options, batch_size=2)
    with pytest.raises(TrainingError, match=r"^expected batch_size to be 2 or more with a teacher"):
        TrainConfig(**options, batch_size=1)
    TrainConfig(**options, teacher_weight=10)
    for wrong in (options | {"teacher_weight": 0}, {"out": "run", "teacher_weight": 2}):
        with pytest.raises(
            TrainingError, match=r"^expected teacher_weight to be above 0, and 1 wi"
        ):
            TrainConfig(**wrong)


@pytest.mark.parametrize(("name", "value"), [("size", 224), ("labels", "labels.json")])
def test_face_lite_refuses_another_size_and_a_label_file(name, value):
    options = {"out": "run", "network": "face_lite", "size": 192}
    TrainConfig(**options)
    with pytest.raises(TrainingError, match=f"^expected {name} to be .* for face_lite"):
        TrainConfig(**(options | {name: value}))
