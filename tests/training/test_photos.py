import io
import json
import tarfile

import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import TrainingError
from openpose_keras.training.photos import (
    LabelledPhoto,
    cut_out,
    load_photos,
    opaque,
    person_of,
    split_by_person,
)
from tests.helpers.assets import assets_folder
from tests.helpers.training_fakes import open_hand


@pytest.fixture(scope="module")
def photos():
    folder = assets_folder() / "hand_photos"
    if not folder.is_dir():
        pytest.skip(f"no labelled photos in {folder}")
    return load_photos(folder)


def fake_photo(person, image=None):
    image = np.zeros((100, 100, 3), np.uint8) if image is None else image
    return LabelledPhoto(image, open_hand((50, 50), 60), person, f"{person}.jpg")


def drawn_hand(colour=(220, 170, 140), ground=(60, 70, 90)):
    """A photo of a drawn hand whose keypoints are known, with a little grain."""
    image = np.full((100, 100, 3), ground, np.uint8)
    xy = open_hand((50, 45), 60)
    points = [tuple(map(int, np.round(point))) for point in xy]
    for finger in range(5):
        chain = [points[0], *points[1 + 4 * finger : 5 + 4 * finger]]
        cv2.polylines(image, [np.array(chain, np.int32)], False, colour, 9)
    cv2.fillConvexPoly(image, np.array([points[i] for i in (0, 5, 9, 13, 17)], np.int32), colour)
    cv2.line(image, points[0], (points[0][0], 99), colour, 18)
    grain = np.random.default_rng(0).integers(-6, 7, image.shape)
    return LabelledPhoto(np.clip(image + grain, 0, 255).astype(np.uint8), xy, 0, "drawn.png")


def write_archive(folder, labels):
    """Write photos of one colour (red) and their labels as the teacher's files look."""
    red = cv2.imencode(".png", np.full((100, 100, 3), (0, 0, 250), np.uint8))[1].tobytes()
    with tarfile.open(folder / "photos.tar", "w") as archive:
        for label in labels:
            entry = tarfile.TarInfo(label["file"])
            entry.size = len(red)
            archive.addfile(entry, io.BytesIO(red))
    (folder / "labels.json").write_text(json.dumps({"photos": labels}), encoding="utf8")


def label(file, presence=0.99, change=0.01):
    xy = open_hand((50, 50), 60).tolist()
    return {"file": file, "presence": presence, "change_on_rerun": change, "xy": xy}


def test_only_trusted_labels_are_loaded_and_as_rgb(tmp_path):
    labels = [
        label("0/IMG_1118.JPG"),
        label("1/IMG_1119.JPG", presence=0.9),
        label("2/IMG_1120.JPG", change=0.03),
        label("3/IMG_1131.JPG", presence=0.91, change=0.029),
    ]
    write_archive(tmp_path, labels)
    loaded = load_photos(tmp_path)
    assert [(photo.file, photo.person) for photo in loaded] == [
        ("0/IMG_1118.JPG", 0),
        ("3/IMG_1131.JPG", 1),
    ]
    for photo in loaded:
        assert photo.image.shape == (100, 100, 3)
        assert photo.image.dtype == np.uint8
        assert (photo.image == (250, 0, 0)).all()
        assert photo.xy.shape == (21, 2)
        assert photo.xy.dtype == np.float32


@pytest.mark.parametrize("missing", ["photos.tar", "labels.json"])
def test_a_missing_file_is_named(tmp_path, missing):
    write_archive(tmp_path, [])
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match=missing):
        load_photos(tmp_path)


@pytest.mark.parametrize(
    ("file", "person"),
    [("0/IMG_1118.JPG", 0), ("9/IMG_1127.JPG", 0), ("IMG_1128.JPG", 1), ("IMG_5000.JPG", 388)],
)
def test_ten_photos_in_a_row_are_of_one_person(file, person):
    assert person_of(file) == person


def test_split_parts_people_and_loses_nobody():
    photos = [fake_photo(person) for person in range(100) for _ in range(3)]
    for seed in range(5):
        shown, held = split_by_person(photos, seed=seed)
        assert not {photo.person for photo in shown} & {photo.person for photo in held}
        assert len(shown) + len(held) == len(photos)
        assert 0.05 < len(held) / len(photos) < 0.3


def test_split_is_seeded():
    photos = [fake_photo(person) for person in range(100)]
    first, again, other = (split_by_person(photos, seed=seed)[1] for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_neighbouring_numbers_stay_together():
    photos = [fake_photo(person) for person in range(160)]
    held = sorted(photo.person for photo in split_by_person(photos)[1])
    borders = np.count_nonzero(np.diff(held) > 1) + 1
    assert borders <= 3
    assert len(held) / borders >= 8


@pytest.mark.parametrize("count", [2, 3, 9])
def test_few_people_are_split_too(count):
    shown, held = split_by_person([fake_photo(person) for person in range(count)])
    assert shown
    assert held


@pytest.mark.parametrize("photos", [[], [fake_photo(1), fake_photo(1)]], ids=["none", "one person"])
def test_what_cannot_be_split_is_refused(photos):
    with pytest.raises(TrainingError, match="at least two people"):
        split_by_person(photos)


def test_a_drawn_hand_is_cut_out_of_its_ground():
    photo = drawn_hand()
    rgba, xy = cut_out(photo)
    assert rgba.shape == (200, 200, 4)
    assert rgba.dtype == np.uint8
    np.testing.assert_allclose(xy, (photo.xy + 0.5) * 2 - 0.5, atol=1e-5)
    truth = cv2.resize(photo.image, (200, 200)).astype(int).sum(-1) > 400
    alpha = rgba[..., 3] > 127
    assert (alpha & truth).sum() / (alpha | truth).sum() > 0.85
    column, row = np.round(xy).astype(int).T
    assert (rgba[row, column, 3] > 200).all()


def test_cutting_out_is_repeatable_and_writes_into_nothing():
    photo = drawn_hand()
    photo.image.setflags(write=False)
    photo.xy.setflags(write=False)
    first, again = cut_out(photo), cut_out(photo)
    np.testing.assert_array_equal(first[0], again[0])


def test_a_hand_that_cannot_be_told_from_its_ground_gives_none_or_its_bones():
    """A photo of one colour must not give a cut-out of half the picture."""
    cut = cut_out(fake_photo(0, np.full((100, 100, 3), 128, np.uint8)))
    assert cut is None or (cut[0][..., 3] > 127).mean() < 0.6


def textured(photo):
    """The photo with a ground of stripes instead of its plain one."""
    hand = photo.image.astype(int).sum(-1, keepdims=True) > 400
    stripes = np.uint8(127 + 80 * np.sin(np.arange(100) / 2))[None, :, None]
    return LabelledPhoto(np.where(hand, photo.image, stripes), photo.xy, 0, "striped.png")


def test_a_ground_that_is_not_plain_gives_no_cut_out():
    assert cut_out(drawn_hand()) is not None
    assert cut_out(textured(drawn_hand())) is None


def hide(photo, *hidden):
    some = photo.xy.copy()
    some[list(hidden)] = np.nan
    return some, cut_out(LabelledPhoto(photo.image, some, 0, "drawn.png"))


@pytest.mark.parametrize("hidden", [(0,), (0, 8, 12), (4, 8, 12, 16, 20), range(1, 12)])
def test_a_hand_is_cut_out_whole_or_not_at_all(hidden):
    """What lies beyond the known keypoints is seen to be more than ground."""
    assert hide(drawn_hand(), *hidden)[1] is None


@pytest.mark.parametrize("hidden", [(9,), (3, 6, 14), (5, 9, 13, 17)])
def test_hands_with_a_few_hidden_keypoints_are_cut_out_too(hidden):
    some, (rgba, xy) = hide(drawn_hand(), *hidden)
    np.testing.assert_array_equal(np.isnan(xy), np.isnan(some))
    column, row = np.round(xy[np.isfinite(xy).all(axis=1)]).astype(int).T
    assert (rgba[row, column, 3] > 200).all()


def test_a_large_photo_is_cut_out_at_its_own_size():
    photo = drawn_hand()
    large = cv2.resize(photo.image, (300, 300), interpolation=cv2.INTER_CUBIC)
    rgba, xy = cut_out(LabelledPhoto(large, (photo.xy + 0.5) * 3 - 0.5, 0, "large.png"))
    assert rgba.shape == (300, 300, 4)
    np.testing.assert_allclose(xy, (photo.xy + 0.5) * 3 - 0.5, atol=1e-4)


def test_an_opaque_photo_is_the_photo():
    photo = drawn_hand()
    rgba = opaque(photo)
    np.testing.assert_array_equal(rgba[..., :3], photo.image)
    assert (rgba[..., 3] == 255).all()


def test_about_half_of_the_real_photos_are_trusted(photos):
    assert 800 < len(photos) < 1600
    assert len({photo.person for photo in photos}) > 150


def test_real_photos_split_by_person(photos):
    shown, held = split_by_person(photos)
    assert not {photo.person for photo in shown} & {photo.person for photo in held}
    assert not {photo.file for photo in shown} & {photo.file for photo in held}
    assert 0.1 < len(held) / len(photos) < 0.2


def test_real_hands_are_cut_out_with_their_keypoints(photos):
    picked = [photos[i] for i in np.random.default_rng(0).permutation(len(photos))[:12]]
    cuts = [cut for cut in map(cut_out, picked) if cut is not None]
    assert len(cuts) >= 10
    inside = []
    for rgba, xy in cuts:
        column, row = np.clip(np.round(xy).astype(int), 0, 199).T
        inside.append((rgba[row, column, 3] > 64).mean())
    assert np.mean(inside) > 0.95
    assert min(inside) > 0.8
