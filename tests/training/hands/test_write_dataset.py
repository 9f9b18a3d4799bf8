from itertools import combinations

import numpy as np
import pytest

from openpose_keras.core.errors import TrainingError
from openpose_keras.io.coco import read_labels
from openpose_keras.io.images import read_image, write_image
from openpose_keras.training.hands import photos, write_dataset
from openpose_keras.training.hands.photo_set_tables import MARKED
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import found_hand, open_hand, write_photo_sets


@pytest.fixture(scope="module")
def assets():
    return assets_folder()


def write(kind, out, assets, **options):
    path = write_dataset.write_dataset(
        kind, out, assets=assets, **{"seed": 3, "count": 3, **options}
    )
    return read_labels(path, out)


@pytest.mark.parametrize("kind", ["bare", "gloves", "holding"])
def test_single_hands_lie_inside_with_room_for_their_box(tmp_path, assets, kind):
    samples = write(kind, tmp_path, assets, count=2)
    assert len(samples) == 2
    for sample in samples:
        (hand,) = sample.hands
        assert read_image(sample.image).shape == (320, 320, 3)
        assert hand.side in ("left", "right")
        assert 0 < hand.xy.min() < hand.xy.max() < 319
        assert 0.3 * 320 < max(hand.box[2:]) < 0.65 * 320


def test_a_hand_in_contact_is_labelled_with_the_one_that_touches_it(tmp_path, assets):
    samples = write("contact", tmp_path, assets, count=4)
    assert {len(sample.hands) for sample in samples} <= {1, 2}
    pairs = [sample.hands for sample in samples if len(sample.hands) == 2]
    assert pairs
    for hands in pairs:
        first, second = (hand.xy for hand in hands)
        assert 0 < min(first.min(), second.min()) < max(first.max(), second.max()) < 319
        apart = np.linalg.norm(first[:, None] - second, axis=2).min()
        assert apart < 0.3 * max(hands[0].box[2:])


def test_scenes_have_one_to_three_hands_of_their_sizes(tmp_path, assets):
    for sample in write("scenes", tmp_path, assets, count=2):
        sizes = [max(hand.box[2:]) / write_dataset.SCENE_SIDE for hand in sample.hands]
        assert 1 <= len(sizes) <= 3
        assert 0.12 < min(sizes) <= max(sizes) < 0.51


@pytest.mark.slow
def test_photos_are_those_that_training_holds_out_and_have_no_side(tmp_path, assets):
    samples = write("photos", tmp_path, assets, count=5)
    train, _ = photos.split_by_person(photos.load_photos(assets / "hand_photos"))
    seen = {photo.image.tobytes() for photo in train}
    assert len(samples) == 5
    assert not any(read_image(sample.image).tobytes() in seen for sample in samples)
    assert all(sample.hands[0].side is None for sample in samples)


def test_hand_photos_are_held_out_whole_and_doubtful_hands_are_crowds(tmp_path):
    folder = tmp_path / "hand_photos_2"
    folder.mkdir()
    hands = [found_hand((120, 180)), found_hand((300, 180), spread=0.1)]
    shown, held_out = "counting_one_man/0000.jpg", "arms_raised/0000.jpg"
    write_photo_sets(folder, {shown: hands, held_out: hands})
    (sample,) = write("hand_photos", tmp_path / "out", tmp_path)
    assert read_image(sample.image).shape == (360, 480, 3)
    (hand,), (crowd,) = sample.hands, sample.crowds
    assert hand.side == "right"
    np.testing.assert_allclose(hand.xy, open_hand((120, 180), 100), atol=0.01)
    xy = open_hand((300, 180), 100)
    np.testing.assert_allclose(crowd, [*xy.min(axis=0), *np.ptp(xy, axis=0)], atol=0.01)


def test_marked_photos_have_boxes_and_no_keypoints(tmp_path):
    folder = tmp_path / "hand_photos_2"
    folder.mkdir()
    write_photo_sets(folder, {file: [] for file in MARKED})
    samples = write("marked_photos", tmp_path / "out", tmp_path, count=99)
    assert len(samples) == 60
    (hand,) = samples[0].hands
    assert (hand.box, hand.side) == ((46, 81, 62, 97), "left")
    assert np.isnan(hand.xy).all()


def test_images_without_hands_are_those_that_training_holds_out(tmp_path):
    backgrounds, out = tmp_path / "images", tmp_path / "out"
    backgrounds.mkdir()
    for level in range(10):
        write_image(backgrounds / f"{level}.png", np.full((8, 8, 3), 10 * level, np.uint8))
    path = write_dataset.write_dataset("no_hands", out, assets="", backgrounds=backgrounds)
    samples = read_labels(path, out)
    assert [read_image(sample.image).max() for sample in samples] == [0, 80]
    assert [(*sample.hands, *sample.crowds) for sample in samples] == [(), ()]
    with pytest.raises(TrainingError, match="a folder of backgrounds"):
        write_dataset.write_dataset("no_hands", tmp_path / "new", assets="")


def test_a_set_is_never_overwritten_and_an_unknown_kind_is_refused(tmp_path):
    (tmp_path / "annotations.json").write_text("mine")
    with pytest.raises(TrainingError, match="choose another folder"):
        write_dataset.write_dataset("bare", tmp_path, assets=tmp_path)
    assert (tmp_path / "annotations.json").read_text() == "mine"
    with pytest.raises(TrainingError, match="bare, gloves, holding, contact, scenes"):
        write_dataset.write_dataset("feet", tmp_path / "new", assets=tmp_path)
    assert not (tmp_path / "new").exists()


def test_hands_of_a_scene_lie_inside_and_apart():
    for seed in range(30):
        placements = write_dataset.sample_scene(np.random.default_rng(seed), 640)
        assert 1 <= len(placements) <= 3
        for each in placements:
            assert each.size / 2 <= min(each.centre)
            assert max(each.centre) <= 640 - each.size / 2
        for one, other in combinations(placements, 2):
            apart = np.abs(np.subtract(one.centre, other.centre)).max()
            assert apart >= (one.size + other.size) / 2


@pytest.mark.slow
def test_preview_has_forty_hands_with_their_keypoints(assets):
    hands = write_dataset.preview_hands(assets, seed=1, size=32)
    assert len(hands) == 40
    assert all(image.shape == (32, 32, 3) and hand.found.all() for image, [hand] in hands)
