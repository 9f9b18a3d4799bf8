import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.networks.preprocessing import normalise
from openpose_keras.training import data, render_cache
from openpose_keras.training.compose import Sample
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.data import DataSources, batches, load_data_sources, make_composer
from openpose_keras.training.photos import LabelledPhoto
from openpose_keras.training.target_heatmaps import gaussian_heatmaps
from tests.helpers import ROOT
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import fake_hands, open_hand, small_config, write_labelled
from tests.test_house import HEAVY

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")

HANDS = fake_hands(10)


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def composer():
    return make_composer(DataSources(HANDS, [], []), photo_fraction=0, size=32)


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
        make_composer(DataSources(None, [], []), photo_fraction=0.5, size=32)


def test_every_rendered_hand_is_drawn():
    draw, rng = data.rendered_source(HANDS), np.random.default_rng(0)
    assert {draw(rng)[0].tobytes() for _ in range(200)} == {hand.rgba.tobytes() for hand in HANDS}


def test_a_photo_that_cannot_be_cut_out_is_drawn_whole():
    rng = np.random.default_rng(0)
    noise = dataclasses.replace(photo(), image=rng.integers(0, 256, (100, 100, 3), np.uint8))
    draw = data.photo_source([noise])
    for _ in range(5):
        rgba, xy = draw(rng)
        assert (rgba[..., 3] == 255).all()
        np.testing.assert_array_equal(xy, photo().xy)


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
    sources, rng = DataSources(HANDS, [], photos), np.random.default_rng(0)
    composer = make_composer(sources, photo_fraction=fraction, size=16)
    samples = [composer(rng, kind="centered") for _ in range(150)]
    found = np.mean([np.isnan(sample.hands[0]).any() for sample in samples])
    assert found == pytest.approx(expected, abs=0.1)


# Batches


def test_a_batch_has_images_and_their_heatmaps_for_both_stages(config, composer):
    dataset = batches(composer, config, first_epoch=3)
    assert len(dataset) == 2
    images, (maps, same) = dataset[1]
    assert images.shape == (2, 32, 32, 3)
    assert images.dtype == maps.dtype == np.float32
    np.testing.assert_array_equal(maps, same)
    rng = np.random.default_rng((config.seed, 3, 1))
    for number in range(2):
        sample = composer(rng)
        np.testing.assert_array_equal(images[number], normalise(sample.image)[0])
        truth = gaussian_heatmaps(sample.hands, size=32, stride=4)
        np.testing.assert_array_equal(maps[number], truth)


def test_a_batch_depends_only_on_seed_epoch_and_number(config, composer):
    dataset = batches(composer, config)
    second, first = dataset[1][0], dataset[0][0]
    np.testing.assert_array_equal(dataset[0][0], first)
    dataset.on_epoch_end()
    np.testing.assert_array_equal(batches(composer, config, first_epoch=1)[0][0], dataset[0][0])
    other = batches(composer, dataclasses.replace(config, seed=2))
    for different in (second, dataset[0][0], other[0][0]):
        assert (different != first).any()


def test_keypoints_without_a_label_have_empty_targets(config):
    hidden = [0, 4, 20]
    sources = DataSources(None, [], [photo(missing=hidden)])
    composer = make_composer(sources, photo_fraction=0.5, size=32)
    _, (maps, _) = batches(composer, dataclasses.replace(config, batch_size=60))[0]
    greatest = maps.max(axis=(0, 1, 2))[:-1]
    assert (greatest[hidden] == 0).all()
    assert (np.delete(greatest, hidden) > 0.5).all()


def test_composing_and_fitting_need_no_heavy_package():
    code = (
        "import openpose_keras.training.train, openpose_keras.training.robustness, sys;"
        f"print([m for m in {(*HEAVY, 'tflite')} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["[]"]


# Validation


@pytest.mark.parametrize("given", [("rendered",), ("photos",), ("rendered", "photos")])
def test_each_kind_of_hand_has_a_validation_set_of_its_own(config, given):
    hands = HANDS if "rendered" in given else None
    sources = DataSources(hands, [], [photo([2])] if "photos" in given else [])
    found = data.validation_sets(sources, dataclasses.replace(config, validation_samples=5))
    assert {name: len(each) for name, each in found.items()} == dict.fromkeys(given, 5)
    for name, samples in found.items():
        for sample in samples:
            assert sample.image.shape == (32, 32, 3)
            (xy,) = sample.hands
            assert np.isnan(xy).any() == (name == "photos")


class Oracle:
    """A model that knows the samples and computes true heatmaps, moved by some cells."""

    def __init__(self, known, *, down=0, right=0):
        self.images = np.concatenate([normalise(sample.image) for sample in known])
        maps = [gaussian_heatmaps(sample.hands, size=64, stride=4) for sample in known]
        self.maps = np.roll(np.stack(maps), (down, right), axis=(1, 2))

    def predict(self, images, **options):
        del options
        np.testing.assert_array_equal(images, self.images)
        return [np.zeros_like(self.maps), self.maps]


def centered_samples(count=4, size=32):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    return [Sample(image, [open_hand(rng.uniform(31, 33, 2), size)]) for image in images]


@pytest.mark.parametrize(
    ("size", "down", "scores"), [(32, 0, (1.0, 1.0)), (28, 2, (0.0, 0.0)), (52, 2, (0.0, 1.0))]
)
def test_the_unit_of_pck_is_the_longer_side_of_the_extent(size, down, scores):
    """Two cells are 8 px, and the argmax adds up to 2: over 0.2 of 28 px, between those of 52."""
    known = centered_samples(size=size)
    report = data.validate(Oracle(known, down=down), {"x": known})
    assert report == {"x_pck10": scores[0], "x_pck20": scores[1]}


def test_each_set_has_its_own_scores_and_a_model_may_have_one_stage():
    known = centered_samples()
    model = SimpleNamespace(predict=lambda images, **_: np.zeros((len(images), 16, 16, 22)))
    report = data.validate(model, {"a": known, "b": known[:2]})
    assert list(report) == ["a_pck10", "a_pck20", "b_pck10", "b_pck20"]
    assert all(isinstance(value, float) and value < 0.2 for value in report.values())


@pytest.mark.parametrize(("right", "score"), [(0, 1.0), (8, 0.0)])
def test_keypoints_without_a_label_do_not_count(right, score):
    known = centered_samples(count=2)
    oracle = Oracle(known, right=right)
    for each in known:
        each.hands[0][5:8] = np.nan
    assert data.validate(oracle, {"x": known}) == {"x_pck10": score, "x_pck20": score}
