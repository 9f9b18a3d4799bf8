import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import TrainingError
from openpose_keras.estimators.palms import PalmSearch
from openpose_keras.estimators.views import Region
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.hands import data, render_cache
from openpose_keras.training.hands.data import (
    DataSources,
    load_data_sources,
    make_composer,
    mark_misleading,
    photo_without_hands,
)
from openpose_keras.training.hands.photos import LabelledPhoto
from tests.helpers import ROOT
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import (
    dotted_photo,
    fake_hands,
    open_hand,
    small_config,
    write_labelled,
)
from tests.test_house import HEAVY

HANDS = fake_hands(10)


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


def photo(missing=()):
    xy = open_hand((50, 50), 60)
    xy[list(missing)] = np.nan
    return LabelledPhoto(np.full((100, 100, 3), 200, np.uint8), xy, 0, "0.jpg")


def label_file(folder, images=4):
    """Write a label file of some images, two hands each."""
    both = [open_hand((100, 100), 90), open_hand((300, 100), 90)]
    return str(write_labelled(folder / "mine", *[both] * images))


# Sources


def test_training_and_validation_have_no_hand_and_no_background_in_common(config):
    sides = load_data_sources(config)
    numbers = [{int(image[0, 0, 0]) // 10 for image in side.backgrounds} for side in sides]
    assert numbers == [{1, 2, 3, 4, 5, 6, 7}, {0, 8}]
    pixels = [{rgba.tobytes() for rgba, *_ in side.hands} for side in sides]
    assert pixels[0].isdisjoint(pixels[1])
    assert sides[0].photos == sides[1].photos == []


@pytest.mark.slow
def test_missing_hands_are_rendered_with_seeds_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(render_cache, "SHARD_SIZE", 2)
    monkeypatch.setattr(render_cache, "LAYER_SIZE", 32)
    config = small_config(tmp_path, seed=5, assets=str(assets_folder()), validation_hands=2)
    train, validation = load_data_sources(dataclasses.replace(config, hands=3))
    assert (len(train.hands), len(validation.hands)) == (4, 2)
    assert {path.name for path in (tmp_path / "run").glob("*-*5")} == {"hands-5", "validation-1005"}
    assert (train.hands[0][0] != validation.hands[0][0]).any()


def test_what_looks_like_a_hand_is_marked_in_backgrounds_and_in_photos_of_sets(config, monkeypatch):
    def mark(photos, cache):
        assert cache == Path(config.out) / "misleading.json"
        return [photo._replace(not_hands=np.ones((1, 4))) for photo in photos]

    monkeypatch.setattr(data, "mark_misleading", mark)
    monkeypatch.setattr(data, "_load_sets", lambda config: ([dotted_photo()], []))
    train, validation = load_data_sources(config)
    assert [len(side.misleading) for side in (train, validation)] == [7, 2]
    assert [len(side.sets) for side in (train, validation)] == [1, 0]
    assert all(len(photo.not_hands) == 1 for photo in train.sets + train.misleading)


def test_own_labels_are_used_instead_of_the_photos_of_the_assets(config, tmp_path):
    labels = label_file(tmp_path, images=10)
    config = dataclasses.replace(config, photo_fraction=0.2, labels=labels)
    train, validation = (side.photos for side in load_data_sources(config))
    assert (len(train), len(validation)) == (16, 4)  # two hands an image
    assert {each.file for each in train}.isdisjoint({each.file for each in validation})


def test_own_labels_alone_need_no_assets_no_backgrounds_and_no_rendered_hands(tmp_path):
    config = TrainConfig(out=str(tmp_path / "none"), labels=label_file(tmp_path), hands=0, size=32)
    train, validation = load_data_sources(config)
    assert train.hands is validation.hands is None
    assert train.backgrounds == validation.backgrounds == []
    composer = make_composer(train, photo_fraction=config.photo_fraction, size=32)
    assert len(composer(np.random.default_rng(0), kind="centered").hands) == 1
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"photo_fraction": 0.2}, FileNotFoundError, r"hand_photos"),
        ({"assets": None, "photo_fraction": 0.2}, TrainingError, "set labels, or assets"),
        ({"assets": None, "seed": 5}, TrainingError, "set assets to render them"),
    ],
)
def test_a_missing_input_is_named_in_one_line(config, changes, error, message):
    with pytest.raises(error, match=message) as caught:
        load_data_sources(dataclasses.replace(config, **changes))
    assert "\n" not in str(caught.value)


def test_too_little_to_hold_out_is_refused(config, tmp_path):
    labels = label_file(tmp_path, images=1)
    with pytest.raises(TrainingError, match="two labelled images"):
        load_data_sources(dataclasses.replace(config, photo_fraction=0.2, labels=labels))
    for path in sorted((tmp_path / "images").iterdir())[1:]:
        path.unlink()
    with pytest.raises(TrainingError, match="at least two images"):
        load_data_sources(config)


def test_composing_needs_hands_or_photos():
    with pytest.raises(TrainingError, match="rendered hands or labelled photos"):
        make_composer(DataSources(None, [], [], []), photo_fraction=0.5, size=32)


def test_every_rendered_hand_is_drawn():
    draw, rng = data.rendered_source(HANDS), np.random.default_rng(0)
    assert {draw(rng)[0].tobytes() for _ in range(200)} == {hand.rgba.tobytes() for hand in HANDS}


def test_a_photo_that_cannot_be_cut_out_is_drawn_whole():
    rng = np.random.default_rng(0)
    noise = dataclasses.replace(photo(), image=rng.integers(0, 256, (100, 100, 3), np.uint8))
    draw = data.photo_source([noise])
    for _ in range(5):
        hand = draw(rng)
        assert (hand.rgba[..., 3] == 255).all()
        np.testing.assert_array_equal(hand.xyz[:, :2], photo().xy)


def test_hands_cut_out_by_processes_are_those_that_are_cut_out_when_drawn():
    image = photo().image.copy()
    image[15:85, 20:80] = 60, 30, 20
    labelled = [dataclasses.replace(photo(), image=image), photo()]
    draws = [data.photo_source(labelled, processes) for processes in (0, 2)]
    drawn = [[draw(np.random.default_rng(seed)) for seed in range(12)] for draw in draws]
    for one, other in zip(*drawn, strict=True):
        np.testing.assert_array_equal(one.rgba, other.rgba)
        np.testing.assert_array_equal(one.xyz, other.xyz)
    assert any((hand.rgba[..., 3] < 255).any() for hand in drawn[0])


@pytest.mark.parametrize(
    ("photos", "fraction", "expected"),
    [
        ([photo([2])], 0.0, 0.0),
        ([photo([2])], 0.25, 0.25),
        ([photo([2])], 1.0, 1.0),
        ([], 0.25, 0.0),
        ([], 1.0, 0.0),
    ],
)
def test_photos_are_their_fraction_of_the_hands_if_there_are_any(photos, fraction, expected):
    """The photo's thumb has no label; the rendered hands are complete."""
    sources, rng = DataSources(HANDS, [], photos, []), np.random.default_rng(0)
    composer = make_composer(sources, photo_fraction=fraction, size=16)
    samples = [composer(rng, kind="centered") for _ in range(150)]
    found = np.mean([np.isnan(sample.hands[0][:, :2]).any() for sample in samples])
    assert found == pytest.approx(expected, abs=0.1)


# Photo sets


def test_hands_of_photo_sets_are_drawn_with_what_is_around_them():
    draw = data.set_source([dotted_photo(), dotted_photo(hands=[(80, 60, 40), (150, 120, 30)])])
    rng = np.random.default_rng(0)
    for hand in (draw(rng) for _ in range(8)):
        assert (hand.rgba[..., 3] == 255).all()
        x, y = np.round(hand.xyz[:, :2]).astype(int).T
        assert (hand.rgba[y, x, 2] > 100).all()
        assert np.isnan(hand.xyz[:, 2]).all()
        assert hand.right == 1


def test_surroundings_never_show_a_hand_whatever_their_angle():
    """The hands have blue dots; what is doubtful is all around them but for one side."""
    photos = [
        dotted_photo(hands=[(50, 50, 50), (150, 130, 40)], not_hands=[(85, 20, 60, 60)]),
        dotted_photo(hands=[(60, 90, 60)], doubtful=[(0, 0, 100, 180)]),
    ]
    draw, rng = data.photo_surroundings(photos), np.random.default_rng(0)
    parts = np.stack([draw(rng, 48) for _ in range(300)])
    assert (parts.shape, parts.dtype) == ((300, 48, 48, 3), np.uint8)
    assert parts.max() <= 20


def test_surroundings_show_more_often_what_looked_like_a_hand():
    plain, misleading = dotted_photo(hands=[]), dotted_photo(hands=[], not_hands=[(80, 70, 40, 40)])
    bright = cv2.imencode(".png", np.full((180, 200, 3), 200, np.uint8))[1].tobytes()
    sets = [plain] * 29 + [misleading._replace(data=bright)]
    draw, rng = data.photo_surroundings(sets), np.random.default_rng(0)
    shown = [draw(rng, 16).max() > 100 for _ in range(200)]
    assert np.mean(shown) == pytest.approx(1 / 3 + 2 / 3 / 30, abs=0.1)


# Validation


@pytest.mark.parametrize("given", [("rendered",), ("photos",), ("rendered", "photos")])
def test_each_kind_of_hand_has_a_validation_set_of_its_own(config, given):
    hands = HANDS if "rendered" in given else None
    sources = DataSources(hands, [], [photo([2])] if "photos" in given else [], [])
    found = data.validation_sets(sources, dataclasses.replace(config, validation_samples=5))
    assert {name: len(each) for name, each in found.items()} == dict.fromkeys(
        (*given, "negative"), 5
    )
    for name, samples in found.items():
        for sample in samples:
            assert sample.image.shape == (32, 32, 3)
            assert len(sample.hands) == sample.presence == (name != "negative")
            for xyz in sample.hands:
                assert np.isnan(xyz[:, :2]).any() == np.isnan(sample.right) == (name == "photos")


def test_few_photos_have_few_samples_to_validate_with(config):
    many = dataclasses.replace(config, validation_samples=384)
    few = DataSources(None, [], [photo([2]), photo([3])], [])
    found = data.validation_sets(few, many)
    assert {len(each) for each in found.values()} == {2 * data.SAMPLES_A_HAND}
    assert data.describe(few, DataSources(HANDS, [], [], [])) == (
        "hands trained on: 2 labelled in photos, 0 rendered; "
        f"held out: 0 labelled in photos, {len(HANDS)} rendered"
    )


def test_photos_of_sets_are_validated_with_the_other_photos(config):
    sources = DataSources(HANDS, [], [photo()], [dotted_photo()])
    found = data.validation_sets(sources, dataclasses.replace(config, validation_samples=30))
    known = [np.isfinite(sample.right) for sample in found["photos"]]  # the set's hands are right
    assert 0.6 < np.mean(known) < 1


def test_composing_and_fitting_need_no_heavy_package():
    code = (
        "import openpose_keras.training.train, openpose_keras.training.hands.robustness, sys;"
        f"print([m for m in {(*HEAVY, 'tflite')} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["[]"]


@pytest.fixture
def searched(monkeypatch):
    """Let the search find two squares of 80 in any image; return the images it was shown."""
    shown = []

    def search(image):
        shown.append(image)
        return [Region((5, 5, 80, 80)), Region((110, 90, 80, 80))]

    monkeypatch.setattr(data, "_SEARCH", search)
    return shown


def test_what_the_search_finds_clear_of_hands_is_marked(searched, tmp_path):
    photos = [
        dotted_photo(hands=[], not_hands=[(1, 2, 3, 4)]),
        dotted_photo(hands=[(50, 50, 50)]),
        dotted_photo(hands=[], doubtful=[(140, 120, 20, 20)]),
    ]
    first, second = (20, 20, 50, 50), (125, 105, 50, 50)  # the part of a region that a hand takes
    expected = [[(1, 2, 3, 4), first, second], [second], [first]]
    marked = mark_misleading(photos, tmp_path / "run" / "misleading.json")
    assert [[tuple(box) for box in photo.not_hands] for photo in marked] == expected
    assert [photo.data for photo in marked] == [photo.data for photo in photos]


def test_a_photo_is_searched_once(searched, tmp_path, capfd):
    cache = tmp_path / "misleading.json"
    photos = [dotted_photo(hands=[(x, 90, 40)]) for x in (60, 90)]
    first = mark_misleading(photos[:1], cache)
    assert len(searched) == 1
    both = mark_misleading(photos, cache)
    assert len(searched) == 2
    assert np.array_equal(both[0].not_hands, first[0].not_hands)
    assert len(json.loads(cache.read_text())) == 2
    capfd.readouterr()
    mark_misleading(photos, cache)
    assert len(searched) == 2
    assert capfd.readouterr().err == ""  # no progress bar of nothing


def test_an_image_without_hands_becomes_a_photo():
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    photo = photo_without_hands(image, "background 1")
    assert np.array_equal(photo.image(), image)
    assert (photo.hands, len(photo.doubtful), len(photo.not_hands)) == ((), 0, 0)


def test_the_search_is_less_sure_than_the_one_for_hands():
    assert data._SEARCH.threshold < PalmSearch().threshold
