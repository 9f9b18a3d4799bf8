import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.io.coco import LabelledHand, write_labels
from openpose_keras.io.images import write_image
from openpose_keras.networks.preprocessing import normalise
from openpose_keras.training import render_cache, samples, target_heatmaps
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.photos import LabelledPhoto
from openpose_keras.training.samples import (
    Ingredients,
    bank_source,
    batches,
    load_ingredients,
    make_composer,
    photo_source,
)
from openpose_keras.training.synthesis import render
from tests.helpers.training_fakes import open_hand, small_config, write_bank

# TensorFlow's own modules use what Python and NumPy have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:tensorflow.*")

PICTURES = [np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)]


@pytest.fixture
def config(tmp_path):
    return small_config(tmp_path)


@pytest.fixture
def hands(tmp_path):
    return render_cache.open_bank(write_bank(tmp_path / "hands", shards=2, layers=5))


def photo(person=0, level=200):
    image = np.full((100, 100, 3), level, np.uint8)
    return LabelledPhoto(image, open_hand((50, 50), 60), person, f"{person}.jpg")


def test_training_and_validation_share_neither_hands_nor_pictures(config):
    shown, held = load_ingredients(config)
    numbers = [
        {int(picture[0, 0, 0]) // 10 for picture in side.backgrounds} for side in (shown, held)
    ]
    assert numbers == [{1, 2, 3, 4, 5, 6, 7}, {0, 8}]
    pixels = [{rgba.tobytes() for rgba, _ in side.hands} for side in (shown, held)]
    assert pixels[0].isdisjoint(pixels[1])
    assert shown.photos == held.photos == []


def test_missing_hands_are_rendered_from_two_seeds(config, monkeypatch):
    asked = []

    def render_bank(folder, assets, *, shards, seed):
        asked.append((folder.name, shards, seed))
        write_bank(folder, shards=shards, seed=seed)

    monkeypatch.setattr(render_cache, "SHARD_LAYERS", 6)
    monkeypatch.setattr(render_cache, "render_bank", render_bank)
    monkeypatch.setattr(render, "load_assets", lambda folder: folder)
    load_ingredients(dataclasses.replace(config, hands=13))
    assert asked == [("hands-1", 3, 1)]  # the other bank is whole
    asked.clear()
    load_ingredients(dataclasses.replace(config, hands=18, held_hands=7))
    assert asked == [("held-1001", 2, 1001)]
    asked.clear()
    load_ingredients(dataclasses.replace(config, seed=5))  # no bank of another seed is taken
    assert asked == [("hands-5", 1, 5), ("held-1005", 1, 1005)]


def test_only_the_shards_that_are_asked_for_are_opened(config, tmp_path, monkeypatch):
    write_bank(tmp_path / "run" / "hands-1", shards=3, seed=1)
    monkeypatch.setattr(render_cache, "SHARD_LAYERS", 6)
    counts = [
        len(load_ingredients(dataclasses.replace(config, hands=hands))[0].hands)
        for hands in (1, 6, 7, 18)
    ]
    assert counts == [6, 6, 12, 18]


def test_photos_are_asked_for_only_where_they_are_used(config):
    with pytest.raises(FileNotFoundError, match=r"photos\.tar"):
        load_ingredients(dataclasses.replace(config, photo_share=0.2))


def test_photos_of_one_person_are_on_one_side(config, monkeypatch):
    found = [photo(person) for person in range(40)]
    monkeypatch.setattr(samples.photos, "load_photos", lambda folder: found)
    shown, held = load_ingredients(dataclasses.replace(config, photo_share=0.2))
    assert len(shown.photos) + len(held.photos) == 40
    assert {p.person for p in shown.photos}.isdisjoint({p.person for p in held.photos})
    assert held.photos


def label_file(folder, pictures=4):
    """Write a label file of some pictures, two hands each."""
    (folder / "mine").mkdir()
    hands = {}
    for number in range(pictures):
        path = folder / "mine" / f"{number}.png"
        write_image(path, np.full((200, 400, 3), 20 * number, np.uint8))
        places = [open_hand((100, 100), 90), open_hand((300, 100), 90)]
        hands[path] = [LabelledHand.from_keypoints(xy) for xy in places]
    write_labels(folder / "mine" / "labels.json", hands)
    return str(folder / "mine" / "labels.json")


def test_own_labels_take_the_place_of_the_teachers(config, tmp_path):
    labels = label_file(tmp_path, pictures=10)
    shown, held = load_ingredients(dataclasses.replace(config, photo_share=0.2, labels=labels))
    assert len(shown.photos) == 16  # two hands a picture
    assert len(held.photos) == 4
    files = [{each.file for each in side.photos} for side in (shown, held)]
    assert files[0].isdisjoint(files[1])


def test_own_labels_alone_need_no_assets_no_pictures_and_no_rendered_hands(tmp_path):
    labels = label_file(tmp_path)
    config = TrainConfig(out=str(tmp_path / "none"), labels=labels, hands=0, size=32)
    shown, held = load_ingredients(config)
    assert shown.hands is held.hands is None
    assert shown.backgrounds == held.backgrounds == []
    composer = make_composer(shown, photo_share=config.photo_share, size=32)
    assert len(composer(np.random.default_rng(0), kind="portrait").hands) == 1
    assert not (tmp_path / "none").exists()


def test_one_labelled_picture_is_too_few(config, tmp_path):
    labels = label_file(tmp_path, pictures=1)
    with pytest.raises(TrainingError, match="two labelled pictures"):
        load_ingredients(dataclasses.replace(config, photo_share=0.2, labels=labels))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"assets": None, "photo_share": 0.2}, "give labels, or assets"),
        ({"assets": None, "seed": 5}, "give assets to render"),
    ],
)
def test_what_is_missing_without_assets_is_said(config, changes, message):
    with pytest.raises(TrainingError, match=message) as caught:
        load_ingredients(dataclasses.replace(config, **changes))
    assert "\n" not in str(caught.value)


def test_a_bank_that_is_there_needs_no_assets(config):
    shown, _ = load_ingredients(dataclasses.replace(config, assets=None))
    assert len(shown.hands) == 6


def test_of_neither_hands_nor_photos_nothing_can_be_composed():
    with pytest.raises(TrainingError, match="rendered hands or labelled photos"):
        make_composer(Ingredients(None, PICTURES, []), photo_share=0.5, size=32)


def test_one_picture_is_too_few(config, tmp_path):
    for path in sorted((tmp_path / "pictures").iterdir())[1:]:
        path.unlink()
    with pytest.raises(TrainingError, match="at least two pictures"):
        load_ingredients(config)


def test_every_hand_of_the_bank_is_drawn(hands):
    draw, rng = bank_source(hands), np.random.default_rng(0)
    drawn = {draw(rng)[0].tobytes() for _ in range(200)}
    assert len(drawn) == len({hands[index][0].tobytes() for index in range(10)})


def test_photos_come_cut_out_or_whole(monkeypatch):
    cut = (np.full((200, 200, 4), 9, np.uint8), open_hand((100, 100), 120))
    cuts = []
    monkeypatch.setattr(samples.photos, "cut_out", lambda shown: cuts.append(shown) or cut)
    draw, rng = photo_source([photo(), photo(1)]), np.random.default_rng(0)
    drawn = [draw(rng) for _ in range(300)]
    whole = [rgba.shape == (100, 100, 4) for rgba, _ in drawn]
    assert np.mean(whole) == pytest.approx(0.3, abs=0.08)
    assert len(cuts) == 2  # each photo once
    for rgba, xy in drawn:
        np.testing.assert_array_equal(xy, cut[1] if rgba.shape[0] == 200 else photo().xy)


def test_a_photo_that_cannot_be_cut_out_comes_whole(monkeypatch):
    monkeypatch.setattr(samples.photos, "cut_out", lambda shown: None)
    draw, rng = photo_source([photo()]), np.random.default_rng(0)
    assert all((draw(rng)[0][..., 3] == 255).all() for _ in range(20))


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_photos_have_their_share_of_the_hands(hands, monkeypatch, share, expected):
    monkeypatch.setattr(samples, "bank_source", lambda hands: lambda rng: drawn("bank"))
    monkeypatch.setattr(samples, "photo_source", lambda shown: lambda rng: drawn("photo"))
    names = []

    def drawn(name):
        names.append(name)
        return np.zeros((8, 8, 4), np.uint8), open_hand(3.5, 4)

    composer = make_composer(Ingredients(hands, PICTURES, [photo()]), photo_share=share, size=32)
    rng = np.random.default_rng(0)
    for _ in range(150):
        composer(rng, kind="portrait")
    assert names.count("photo") / len(names) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_without_photos_all_hands_are_rendered_ones(hands, share):
    composer = make_composer(Ingredients(hands, PICTURES, []), photo_share=share, size=32)
    assert len(composer(np.random.default_rng(0), kind="portrait").hands) == 1


def test_batches_have_the_contract_of_the_network(config, hands):
    composer = make_composer(Ingredients(hands, PICTURES, []), photo_share=0, size=32)
    data = batches(composer, config)
    assert len(data) == 2
    images, heatmaps = data[0]
    assert images.shape == (2, 32, 32, 3)
    assert images.dtype == np.float32
    assert images.min() >= -0.5
    assert images.max() < 0.5
    assert len(heatmaps) == 2
    for maps in heatmaps:
        assert maps.shape == (2, 8, 8, 22)
        assert maps.dtype == np.float32


def test_images_and_heatmaps_of_a_batch_belong_together(config, hands):
    composer = make_composer(Ingredients(hands, PICTURES, []), photo_share=0, size=32)
    images, (maps, _) = batches(composer, config, first_epoch=3)[1]
    rng = np.random.default_rng((config.seed, 3, 1))
    for image, heatmaps in zip(images, maps, strict=True):
        sample = composer(rng)
        np.testing.assert_array_equal(image, normalise(sample.image)[0])
        truth = target_heatmaps.gaussian_heatmaps(sample.hands, size=32, stride=4)
        np.testing.assert_array_equal(heatmaps, truth)


@pytest.mark.parametrize("stages", [1, 3])
def test_every_stage_gets_the_same_heatmaps(config, hands, stages):
    composer = make_composer(Ingredients(hands, [], []), photo_share=0, size=32)
    _, heatmaps = batches(composer, config, stages=stages)[0]
    assert len(heatmaps) == stages
    for maps in heatmaps:
        np.testing.assert_array_equal(maps, heatmaps[0])


def test_keypoints_without_a_label_are_left_out_of_the_targets(config, monkeypatch):
    hidden = open_hand((50, 50), 60)
    hidden[[0, 4, 20]] = np.nan
    own = LabelledPhoto(np.full((100, 100, 3), 90, np.uint8), hidden, 0, "0.jpg")
    composer = make_composer(Ingredients(None, [], [own]), photo_share=0.5, size=32)
    seen = np.zeros(21)
    for seed in range(40):
        sample = composer(np.random.default_rng(seed), kind="portrait")
        np.testing.assert_array_equal(np.isnan(sample.hands[0]), np.isnan(hidden))
        seen = np.maximum(seen, samples._heatmaps(sample).max(axis=(0, 1))[:-1])
    assert (seen[[0, 4, 20]] == 0).all()
    assert (np.delete(seen, [0, 4, 20]) > 0.5).all()


def test_a_batch_depends_only_on_seed_epoch_and_number(config, hands):
    composer = make_composer(Ingredients(hands, PICTURES, []), photo_share=0, size=32)
    data = batches(composer, config)
    second, first = data[1][0], data[0][0]
    np.testing.assert_array_equal(data[0][0], first)
    assert (first != second).any()
    data.on_epoch_end()
    assert (data[0][0] != first).any()
    np.testing.assert_array_equal(batches(composer, config, first_epoch=1)[0][0], data[0][0])
    other = batches(composer, dataclasses.replace(config, seed=2))
    assert (other[0][0] != first).any()


def test_composing_and_fitting_need_none_of_the_renderers_packages():
    modules = "import openpose_keras.training.train, openpose_keras.training.validation, sys;"
    code = (
        modules + "print([m for m in ('numba', 'tflite', 'scipy', 'skimage') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]"]
