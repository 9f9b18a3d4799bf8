import numpy as np
import pytest

from openpose_keras.core._opencv import cv2
from openpose_keras.training import backgrounds
from openpose_keras.training.backgrounds import cover, load_backgrounds, sample_ground
from tests.helpers.training_fakes import open_hand, write_pictures

SIZE = 64


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((300, 400), (480, 640))]
    for picture in made:
        picture.setflags(write=False)
    return made


def test_pictures_come_as_rgb_in_the_order_of_their_names(tmp_path):
    loaded = load_backgrounds(write_pictures(tmp_path, count=4))
    assert [picture.shape for picture in loaded] == [(80, 100, 3)] * 4
    assert all(picture.dtype == np.uint8 for picture in loaded)
    for number, picture in enumerate(loaded):
        assert (picture[..., 0] == 10 * number).all()


def test_large_pictures_are_shrunk_and_small_ones_are_not(tmp_path):
    write_pictures(tmp_path, count=1, size=(80, 100))
    assert load_backgrounds(tmp_path, shorter_side=40)[0].shape == (40, 50, 3)
    assert load_backgrounds(tmp_path, shorter_side=81)[0].shape == (80, 100, 3)


def test_subfolders_and_all_suffixes_count_and_other_files_do_not(tmp_path):
    picture = np.full((20, 30, 3), 99, np.uint8)
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    (tmp_path / "folder.png").mkdir()
    for name in ("a.jpg", "b.JPEG", "deep/c.png", "deep/deeper/d.webp"):
        (tmp_path / name).write_bytes(cv2.imencode(f".{name.rpartition('.')[2]}", picture)[1])
    (tmp_path / "notes.txt").write_text("no picture")
    assert len(load_backgrounds(tmp_path)) == 4


def test_broken_pictures_are_left_out(tmp_path):
    write_pictures(tmp_path, count=2)
    (tmp_path / "broken.jpg").write_bytes(b"not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    assert len(load_backgrounds(tmp_path)) == 2


@pytest.mark.parametrize("files", [(), ("broken.jpg",)], ids=["empty", "only broken ones"])
def test_a_folder_without_pictures_is_refused(tmp_path, files):
    for name in files:
        (tmp_path / name).write_bytes(b"not a picture")
    with pytest.raises(FileNotFoundError, match=r"expected pictures .*found none") as caught:
        load_backgrounds(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_grounds_have_the_size_asked_for_and_are_seeded(pictures):
    for seed in range(60):
        first, again = (sample_ground(np.random.default_rng(seed), pictures, SIZE) for _ in "ab")
        assert first.shape == (SIZE, SIZE, 3)
        assert first.dtype == np.uint8
        np.testing.assert_array_equal(first, again)


def test_grounds_differ_in_colour_and_detail(pictures):
    rng = np.random.default_rng(0)
    drawn = [sample_ground(rng, pictures, SIZE).astype(float) for _ in range(80)]
    details = [np.abs(np.diff(ground, axis=1)).mean() for ground in drawn]
    assert min(details) < 3
    assert max(details) > 30
    assert np.std([ground.mean() for ground in drawn]) > 5


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (5, 3)])
def test_tiny_pictures_will_do(shape, monkeypatch):
    monkeypatch.setattr(backgrounds, "_LARGE", 1)  # no waiting for a larger picture
    picture = np.full((*shape, 3), 77, np.uint8)
    for seed in range(20):
        assert (backgrounds._part(np.random.default_rng(seed), [picture], SIZE) == 77).all()


def test_a_part_is_a_part_of_its_picture():
    """A picture that is bright on its right half gives parts of two levels and little between."""
    picture = np.zeros((480, 640, 3), np.uint8)
    picture[:, 320:] = 200
    rng = np.random.default_rng(1)
    for _ in range(20):
        part = backgrounds._part(rng, [picture], SIZE)
        assert part.shape == (SIZE, SIZE, 3)
        assert ((part == 0) | (part == 200)).mean() > 0.9


def test_a_cover_lies_near_the_hand_and_leaves_the_rest(pictures):
    canvas = np.full((SIZE, SIZE, 3), 120, np.float32)
    canvas.setflags(write=False)
    xy = open_hand((16, 16), 16)
    changed = np.zeros((SIZE, SIZE), bool)
    for seed in range(40):
        covered = cover(np.random.default_rng(seed), canvas, xy, pictures)
        assert covered.shape == canvas.shape
        assert covered.min() >= 0
        assert covered.max() <= 255
        change = (np.abs(covered - canvas) > 1).any(-1)
        assert 0.001 < change.mean() < 0.5
        changed |= change
    assert changed[8:24, 8:24].mean() > 0.9
    assert not changed[48:, 48:].any()


def test_a_cover_is_seeded(pictures):
    canvas, xy = np.zeros((SIZE, SIZE, 3), np.float32), open_hand((32, 32), 40)
    first, again = (cover(np.random.default_rng(3), canvas, xy, pictures) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_cover_lies_near_a_keypoint_that_has_a_label(pictures):
    canvas, xy = np.zeros((SIZE, SIZE, 3), np.float32), open_hand((32, 32), 40)
    xy[2:] = np.nan
    y, x = np.nonzero(cover(np.random.default_rng(3), canvas, xy, pictures).any(-1))
    assert len(x) == 0 or np.hypot(x.mean() - xy[0, 0], y.mean() - xy[0, 1]) < 30


def test_a_cover_needs_no_pictures():
    canvas, xy = np.full((SIZE, SIZE, 3), 300, np.float32), open_hand((32, 32), 40)
    covers = [cover(np.random.default_rng(seed), canvas, xy, []) for seed in range(8)]
    assert all((covered != canvas).any() for covered in covers)


def test_a_picture_that_is_cut_off_keeps_its_middle_and_ends_in_black_or_grey():
    image = np.full((64, 64, 3), 200, np.uint8)
    values = set()
    for seed in range(60):
        cut = backgrounds.cut_off(np.random.default_rng(seed), image)
        lost = (cut != image).any(-1)
        assert not lost[26:38, 26:38].any()
        values |= set(np.unique(cut[lost]).tolist())
    assert values == {0, 128}
    assert (image == 200).all()


def test_what_is_cut_off_lies_to_one_side():
    image = np.full((80, 80, 3), 200, np.uint8)
    for seed in range(20):
        y, x = np.nonzero((backgrounds.cut_off(np.random.default_rng(seed), image) != 200).any(-1))
        assert len(x) == 0 or np.hypot(x.mean() - 39.5, y.mean() - 39.5) > 16
