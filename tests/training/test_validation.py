"""A network is measured on what it is never shown, and only where a keypoint is labelled."""

from types import SimpleNamespace

import numpy as np
import pytest

from openpose_keras.networks.preprocessing import normalise
from openpose_keras.training import render_cache, samples, scenes, target_heatmaps
from openpose_keras.training.photos import LabelledPhoto
from openpose_keras.training.samples import Ingredients
from openpose_keras.training.validation import validate, validation_sets
from tests.helpers.training_fakes import open_hand, small_config, write_bank

PICTURES = [np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)]


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path, validation_samples=5)


@pytest.fixture
def hands(tmp_path):
    return render_cache.open_bank(write_bank(tmp_path / "hands", shards=2, layers=5))


def photo(missing=()):
    xy = open_hand((50, 50), 60)
    xy[list(missing)] = np.nan
    return LabelledPhoto(np.full((100, 100, 3), 200, np.uint8), xy, 0, "0.jpg")


def test_validation_shows_one_hand_a_sample_and_is_the_same_each_time(config, hands):
    found = [validation_sets(Ingredients(hands, PICTURES, []), config) for _ in range(2)]
    assert list(found[0]) == ["rendered"]
    for sample, again in zip(found[0]["rendered"], found[1]["rendered"], strict=True):
        assert len(sample.hands) == 1
        assert sample.image.shape == (32, 32, 3)
        np.testing.assert_array_equal(sample.image, again.image)


@pytest.mark.parametrize("given", [("rendered",), ("photos",), ("rendered", "photos")])
def test_each_kind_of_hand_has_a_set_of_its_own(config, hands, monkeypatch, given):
    kinds = []
    monkeypatch.setattr(
        samples, "bank_source", lambda hands: lambda rng: kinds.append("rendered") or hand()
    )
    monkeypatch.setattr(
        samples, "photo_source", lambda shown: lambda rng: kinds.append("photos") or hand()
    )

    def hand():
        return np.zeros((8, 8, 4), np.uint8), open_hand(3.5, 4)

    held = Ingredients(
        hands if "rendered" in given else None, PICTURES, [photo()] if "photos" in given else []
    )
    found = validation_sets(held, config)
    assert {name: len(each) for name, each in found.items()} == dict.fromkeys(given, 5)
    assert tuple(dict.fromkeys(kinds)) == given


class Oracle:
    """A model that knows the samples and answers with true heatmaps, moved down by some cells."""

    def __init__(self, known, cells=0, as_list=True):
        self.images = np.concatenate([normalise(sample.image) for sample in known])
        self.maps = np.stack(
            [target_heatmaps.gaussian_heatmaps(sample.hands, size=64, stride=4) for sample in known]
        )
        self.maps = np.roll(self.maps, cells, axis=1)
        self.as_list = as_list

    def predict(self, images, **options):
        del options
        np.testing.assert_array_equal(images, self.images)
        return [np.zeros_like(self.maps), self.maps] if self.as_list else self.maps


def portraits(count=4, size=32):
    rng = np.random.default_rng(0)
    return [
        scenes.Sample(
            rng.integers(0, 256, (64, 64, 3), dtype=np.uint8),
            [open_hand(rng.uniform(31, 33, 2), size)],
        )
        for _ in range(count)
    ]


@pytest.mark.parametrize("as_list", [True, False], ids=["all stages", "one stage"])
def test_true_heatmaps_score_full_marks(as_list):
    known = portraits()
    report = validate(Oracle(known, as_list=as_list), {"rendered": known})
    assert report == {"rendered_pck10": 1.0, "rendered_pck20": 1.0}


@pytest.mark.parametrize(("size", "scores"), [(28, (0.0, 0.0)), (52, (0.0, 1.0))])
def test_scores_are_shares_of_the_longer_side(size, scores):
    """Two cells are 8 px, and the argmax adds up to 2: over 0.2 of 28 px, between those of 52."""
    known = portraits(size=size)
    report = validate(Oracle(known, cells=2), {"x": known})
    assert (report["x_pck10"], report["x_pck20"]) == scores


def test_each_set_has_its_own_scores():
    known = portraits()
    model = SimpleNamespace(predict=lambda images, **_: np.zeros((len(images), 16, 16, 22)))
    report = validate(model, {"a": known, "b": known[:2]})
    assert list(report) == ["a_pck10", "a_pck20", "b_pck10", "b_pck20"]
    assert all(isinstance(value, float) and value < 0.2 for value in report.values())


def test_keypoints_without_a_label_do_not_count():
    known = portraits(count=2)
    hidden = [scenes.Sample(each.image, [each.hands[0].copy()]) for each in known]
    for each in hidden:
        each.hands[0][5:8] = np.nan
    oracle = Oracle(known)
    assert validate(oracle, {"x": hidden}) == {"x_pck10": 1.0, "x_pck20": 1.0}
    oracle.maps = np.roll(oracle.maps, 8, axis=2)  # right by far too much
    assert validate(oracle, {"x": hidden}) == {"x_pck10": 0.0, "x_pck20": 0.0}
