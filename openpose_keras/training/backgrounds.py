"""Grounds for training samples: parts of pictures, gradients, noise; and things before a hand."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from openpose_keras.core._opencv import cv2
from openpose_keras.training.target_heatmaps import hand_size

PICTURE_SHARE = 0.85  # of the grounds; the rest is made here
_LARGE = 3 * 480 * 640
_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def load_backgrounds(folder: str | Path, *, shorter_side: int = 480) -> list[np.ndarray]:
    """Load all pictures of a folder and its subfolders.

    Args:
        folder: pictures without hands or people; which packages of Debian have some is in
            weights/README.md.
        shorter_side: larger pictures are shrunk to this many pixels.

    Returns:
        Pictures (h, w, 3) uint8 RGB; files that cannot be decoded are left out.

    Raises:
        FileNotFoundError: The folder holds no picture.
    """
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    paths = sorted(path for path in files if path.suffix.lower() in _SUFFIXES)
    pictures = []
    for path in tqdm(paths, unit="picture", desc="backgrounds"):
        data = np.fromfile(path, np.uint8)
        picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
        if picture is not None:
            scale = min(1.0, shorter_side / min(picture.shape[:2]))
            picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            pictures.append(np.ascontiguousarray(picture[..., ::-1]))
    if not pictures:
        raise FileNotFoundError(f"expected pictures {', '.join(_SUFFIXES)} in {folder}, found none")
    return pictures


def sample_ground(rng: np.random.Generator, backgrounds: list[np.ndarray], size: int) -> np.ndarray:
    """Draw a ground.

    Args:
        rng: source of chance.
        backgrounds: pictures to take parts of; without any, all grounds are made up.
        size: side in pixels.

    Returns:
        (size, size, 3) uint8 RGB.
    """
    if backgrounds and rng.random() < PICTURE_SHARE:
        ground = _part(rng, backgrounds, size)
        if rng.random() < 0.3:  # two pictures meet at an edge, as a table and a wall do
            ground = np.where(_half_plane(rng, size), ground, _part(rng, backgrounds, size))
    else:
        ground = _made_up(rng, size)
    if rng.random() < 0.35:  # out of focus, as behind a near hand
        ground = cv2.GaussianBlur(ground, (0, 0), float(rng.uniform(0.6, 5)))
    return ground


def _part(rng: np.random.Generator, backgrounds: list[np.ndarray], size: int) -> np.ndarray:
    """Cut a square of random size from a random picture, turned and mirrored."""
    picture = backgrounds[rng.integers(len(backgrounds))]
    while rng.random() > picture.size / _LARGE:  # a larger picture has more to show
        picture = backgrounds[rng.integers(len(backgrounds))]
    height, width = picture.shape[:2]
    shortest = min(height, width)
    side = max(1, int(rng.uniform(min(0.35 * shortest, size), shortest)))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    part = picture[top : top + side, left : left + side]
    shrinks = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    part = cv2.resize(part, (size, size), interpolation=shrinks)
    part = np.rot90(part, rng.integers(4))
    part = part[:, :: rng.choice((-1, 1))]
    return part[..., rng.permutation(3)] if rng.random() < 0.1 else part


def _half_plane(rng: np.random.Generator, size: int) -> np.ndarray:
    """Give a mask (size, size, 1) of one side of a random line."""
    y, x = np.mgrid[:size, :size] - size / 2
    angle = rng.uniform(0, 2 * np.pi)
    return (x * np.cos(angle) + y * np.sin(angle) < rng.normal(0, size / 5))[..., None]


def _made_up(rng: np.random.Generator, size: int) -> np.ndarray:
    """Make a ground of one hue, a gradient, or clouds, a part of them in the colours of skin."""
    first, second = rng.uniform(0, 255, (2, 3))
    if rng.random() < 0.3:
        first, second = (_skin_colour(rng) for _ in range(2))
    cells = int(rng.choice((1, 2, 3, 6, 12)))
    share = cv2.resize(
        rng.random((cells + 1, cells + 1)), (size, size), interpolation=cv2.INTER_CUBIC
    )
    ground = first + np.clip(share, 0, 1)[..., None] * (second - first)
    grain = rng.uniform(0, 8) * rng.standard_normal(ground.shape, np.float32)
    return np.clip(ground + grain, 0, 255).astype(np.uint8)


def _skin_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw a colour that faces and arms have, so that colour alone says nothing."""
    value = rng.uniform(50, 245)
    return value * np.array([1.0, rng.uniform(0.6, 0.85), rng.uniform(0.4, 0.75)])


def cover(
    rng: np.random.Generator, canvas: np.ndarray, xy: np.ndarray, backgrounds: list[np.ndarray]
) -> np.ndarray:
    """Lay a thing over a part of a hand.

    Args:
        rng: source of chance.
        canvas: (size, size, 3) float32 RGB.
        xy: (21, 2) keypoints of the hand, or NaN; the thing lies near one of them.
        backgrounds: pictures that give the thing its surface; without any it is made up.

    Returns:
        A new canvas.
    """
    size = canvas.shape[0]
    reach = hand_size(xy)
    known = xy[np.isfinite(xy).all(axis=1)]
    centre = known[rng.integers(len(known))] + rng.normal(0, 0.15 * reach, 2)
    axes = reach * rng.uniform(0.06, 0.3, 2) * (1, rng.uniform(1, 2.5))
    mask = np.zeros((size, size), np.float32)
    angle = rng.uniform(0, 180)
    if rng.random() < 0.5:
        cv2.ellipse(mask, (tuple(map(float, centre)), tuple(map(float, 2 * axes)), angle), 1.0, -1)
    else:
        corners = cv2.boxPoints((tuple(map(float, centre)), tuple(map(float, 2 * axes)), angle))
        cv2.fillConvexPoly(mask, np.round(corners).astype(np.int32), 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None]
    from_picture = backgrounds and rng.random() < 0.6
    surface = _part(rng, backgrounds, size) if from_picture else _made_up(rng, size)
    return canvas * (1 - mask) + surface * mask


def cut_off(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Let the picture end at one or two lines, as a box that reaches over a photo's edge sees it.

    Args:
        rng: source of chance.
        image: (size, size, 3) uint8 RGB.

    Returns:
        A new image; black, or rarely grey, beyond the lines. They keep clear of the very middle.
    """
    size = image.shape[0]
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    angle = rng.uniform(0, 2 * np.pi)
    beyond = np.zeros((size, size), bool)
    for corner in range(1 + int(rng.random() < 0.4)):  # a photo's edges meet at right angles
        across = x * np.cos(angle + corner * np.pi / 2) + y * np.sin(angle + corner * np.pi / 2)
        beyond |= across > rng.uniform(0.2, 0.6) * size
    return np.where(beyond[..., None], np.uint8(0 if rng.random() < 0.8 else 128), image)
