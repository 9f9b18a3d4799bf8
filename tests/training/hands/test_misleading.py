import json

import numpy as np
import pytest

from openpose_keras.estimators.palms import PalmSearch
from openpose_keras.estimators.views import Region
from openpose_keras.training.hands import misleading
from openpose_keras.training.hands.misleading import mark_misleading, photo_without_hands
from tests.helpers.training_fakes import dotted_photo


@pytest.fixture
def searched(monkeypatch):
    """Let the search find two squares of 80 in any image; return the images it was shown."""
    shown = []

    def search(image):
        shown.append(image)
        return [Region((5, 5, 80, 80)), Region((110, 90, 80, 80))]

    monkeypatch.setattr(misleading, "_SEARCH", search)
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
    assert misleading._SEARCH.threshold < PalmSearch().threshold
