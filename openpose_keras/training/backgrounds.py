"""Backgrounds of hands and people in training samples: parts of photos, gradients, clouds."""

from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.files import require_photos
from openpose_keras.core.progress import show_progress
from openpose_keras.io.images import read_image
from openpose_keras.training.augment import sample_tint

HELD_OUT_STEP = 8  # of so many backgrounds one is for validation
PHOTO_BACKGROUND_FRACTION = 0.85  # of the backgrounds; the others are procedural
_LARGE = 3 * 480 * 640  # values of an image from which on all images are drawn equally often


def image_files(folder: str | Path) -> list[Path]:
    """Return the images in a folder and its subfolders, sorted by name.

    Args:
        folder: The folder.

    Raises:
        FileNotFoundError: The folder contains no image.
    """
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return sorted(require_photos(Path(folder), files))


def load_backgrounds(folder: str | Path, *, shorter_side: int = 480) -> list[np.ndarray]:
    """Load all images of a folder and its subfolders.

    Args:
        folder: Folder of images without hands or people. weights/README.md names Debian packages
            with such images.
        shorter_side: The shorter side in pixels to which larger images are shrunk.

    Returns:
        Images (h, w, 3) uint8 RGB, sorted by name.

    Raises:
        FileNotFoundError: The folder contains no image.
        ImageError: A file cannot be decoded.
    """
    images = []
    for path in show_progress(image_files(folder), unit="image", desc="backgrounds"):
        image = read_image(path)
        scale = min(1.0, shorter_side / min(image.shape[:2]))
        images.append(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    return images


def sample_background(
    rng: np.random.Generator, backgrounds: list[np.ndarray], size: int
) -> np.ndarray:
    """Draw a random background.

    Args:
        rng: The random generator.
        backgrounds: Images to crop from. Without any, all backgrounds are procedural.
        size: Side of the result in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    if backgrounds and rng.random() < PHOTO_BACKGROUND_FRACTION:
        background = random_crop(rng, backgrounds, size)
        if rng.random() < 0.3:  # two images meet at an edge, as a table and a wall do
            mask = _half_plane(rng, size)
            background = np.where(mask, background, random_crop(rng, backgrounds, size))
    else:
        background = procedural_background(rng, size)
    if rng.random() < 0.35:  # out of focus, as behind a near hand
        background = cv2.GaussianBlur(background, (0, 0), float(rng.uniform(0.6, 5)))
    return background


def before_background(
    rng: np.random.Generator, rgba: np.ndarray, backgrounds: list[np.ndarray]
) -> np.ndarray:
    """Composite a rendered image over a background, slightly brighter, darker or tinted.

    Args:
        rng: The random generator.
        rgba: (h, w, 4) uint8; RGB is not multiplied by alpha.
        backgrounds: As for `sample_background`.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    height, width = rgba.shape[:2]
    canvas = sample_background(rng, backgrounds, max(height, width))[:height, :width]
    alpha = rgba[..., 3:] / np.float32(255)
    image = canvas + alpha * (rgba[..., :3] * np.float32(sample_tint(rng)) - canvas)
    return np.asarray(np.clip(np.round(image), 0, 255), np.uint8)


def random_crop(rng: np.random.Generator, images: list[np.ndarray], size: int) -> np.ndarray:
    """Crop a square of random size from a random image, rotated and mirrored.

    Args:
        rng: The random generator.
        images: (h, w, 3) uint8 RGB. Large ones are drawn more often.
        size: Side of the result in pixels.
    """
    areas = np.minimum([image.size for image in images], _LARGE)  # large images show more
    image = images[rng.choice(len(images), p=areas / areas.sum())]
    height, width = image.shape[:2]
    shortest = min(height, width)
    side = max(1, int(rng.uniform(min(0.35 * shortest, size), shortest)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = image[top : top + side, left : left + side]
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    crop = np.asarray(cv2.resize(crop, (size, size), interpolation=interpolation))
    crop = np.rot90(crop, int(rng.integers(4)))[:, :: rng.choice((-1, 1))]
    return crop[..., rng.permutation(3)] if rng.random() < 0.1 else crop


def _half_plane(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a mask (size, size, 1) of one side of a random line."""
    y, x = np.mgrid[:size, :size] - size / 2
    angle = rng.uniform(0, 2 * np.pi)
    across = x * np.cos(angle) + y * np.sin(angle)
    return np.asarray(across < rng.normal(0, size / 5))[..., None]


def procedural_background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Compute a gradient or clouds between two colours, which may be skin colours.

    Args:
        rng: The random generator.
        size: Side of the result in pixels.
    """
    first, second = rng.uniform(0, 255, (2, 3))
    if rng.random() < 0.3:  # so that a hand is not found by its colour alone
        first, second = (_sample_skin_color(rng) for _ in range(2))
    cells = int(rng.choice((1, 2, 3, 6, 12)))
    noise = rng.random((cells + 1, cells + 1))
    fraction = np.clip(cv2.resize(noise, (size, size), interpolation=cv2.INTER_CUBIC), 0, 1)
    background: np.ndarray = first + fraction[..., None] * (second - first)
    background += rng.uniform(0, 8) * rng.standard_normal(background.shape, np.float32)
    return np.asarray(np.clip(background, 0, 255), np.uint8)


def _sample_skin_color(rng: np.random.Generator) -> np.ndarray:
    """Draw a skin colour (3,)."""
    value = rng.uniform(50, 245)
    return value * np.array([1.0, rng.uniform(0.6, 0.85), rng.uniform(0.4, 0.75)])
