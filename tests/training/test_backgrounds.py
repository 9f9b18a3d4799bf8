"""Backgrounds: which files are read, and what is drawn from them."""

import numpy as np
import pytest

from openpose_keras.core.errors import ImageError
from openpose_keras.io.images import write_image
from openpose_keras.training.backgrounds import load_backgrounds, sample_background
from tests.helpers.training_fakes import write_images

BACKGROUNDS = [
    np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for size in ((300, 400), (480, 640))
]


def test_backgrounds_are_rgb_in_the_order_of_their_names(tmp_path):
    loaded = load_backgrounds(write_images(tmp_path, count=4))
    assert [image.shape for image in loaded] == [(80, 100, 3)] * 4
    for number, image in enumerate(loaded):
        assert image.dtype == np.uint8
        assert (image[..., 0] == 10 * number).all()


def test_large_backgrounds_are_shrunk_and_small_ones_are_not(tmp_path):
    write_images(tmp_path, count=1, size=(80, 100))
    assert load_backgrounds(tmp_path, shorter_side=40)[0].shape == (40, 50, 3)
    assert load_backgrounds(tmp_path, shorter_side=81)[0].shape == (80, 100, 3)


def test_subfolders_and_all_suffixes_count_and_other_files_do_not(tmp_path):
    for name in ("notes.txt", "._a.jpg"):  # macOS writes the latter
        (tmp_path / name).write_text("not an image")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "raw.dng").touch()
    with pytest.raises(FileNotFoundError, match=rf"expected images.*{tmp_path}.*1 raw photo"):
        load_backgrounds(tmp_path)
    (tmp_path / "deep" / "deeper").mkdir(parents=True)
    for name in ("a.jpg", "b.JPEG", "deep/c.png", "deep/deeper/d.webp"):
        write_image(tmp_path / name, np.full((20, 30, 3), 99, np.uint8))
    with pytest.warns(UserWarning, match=r"left out: 1 raw photo \(save as JPEG first\)"):
        assert len(load_backgrounds(tmp_path)) == 4
    (tmp_path / "raw.dng").unlink()
    (tmp_path / "broken.jpg").write_bytes(b"not an image")
    with pytest.raises(ImageError, match=r"broken\.jpg"):
        load_backgrounds(tmp_path)


def test_backgrounds_differ_in_colour_and_detail():
    rng = np.random.default_rng(0)
    drawn = np.stack([sample_background(rng, BACKGROUNDS, 64) for _ in range(80)])
    assert (drawn.shape, drawn.dtype) == ((80, 64, 64, 3), np.uint8)
    details = np.abs(np.diff(drawn.astype(float), axis=2)).mean(axis=(1, 2, 3))
    assert details.min() < 3
    assert details.max() > 30
    assert drawn.mean(axis=(1, 2, 3)).std() > 5


@pytest.mark.parametrize("shape", [(1, 1), (2, 40), (5, 3)])
def test_tiny_images_can_be_backgrounds(shape):
    image, rng = np.full((*shape, 3), 77, np.uint8), np.random.default_rng(0)
    drawn = [sample_background(rng, [image], 64) for _ in range(40)]
    assert np.mean([(each == 77).all() for each in drawn]) > 0.6


def test_large_images_are_drawn_more_often_than_small_ones():
    small, large = np.zeros((10, 10, 3), np.uint8), np.full((480, 640, 3), 255, np.uint8)
    rng = np.random.default_rng(1)
    means = [sample_background(rng, [small, large], 32).mean() for _ in range(60)]
    assert max(means) == 255
    assert min(means) > 0


def test_a_background_is_a_part_of_its_image():
    """Parts of an image that is bright on its right half have two levels and little between."""
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, 320:] = 200
    rng = np.random.default_rng(1)
    parts = [sample_background(rng, [image], 64) for _ in range(40)]
    pure = [((part == 0) | (part == 200)).mean() > 0.9 for part in parts]
    assert np.mean(pure) > 0.4  # the others are out of focus or procedural
