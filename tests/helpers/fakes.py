"""Maps of known Gaussians; images of dots at known positions, and a network that sees them.

The fake takes what a real network takes, (n, h, w, 3) in [-0.5, 0.5], finds the centre of each dot
by its hue and answers with a Gaussian map at it, so every error that a test sees is the pipeline's.
"""

import itertools

import numpy as np
from scipy import ndimage

from openpose_keras.core.skeletons import HAND
from openpose_keras.networks.input_spec import InputSpec

KEYPOINTS = len(HAND)
_LEVELS = (0.0, 1 / 3, 2 / 3, 1.0)
HUES = np.array([c for c in itertools.product(_LEVELS, repeat=3) if max(c) == 1][:36])
HUES = HUES[np.linspace(0, 35, KEYPOINTS).astype(int)]


def smooth_noise(shape, count=3, seed=0, sigma=2.0):
    """Maps with several peaks each, some negative, of about 0.3."""
    noise = np.random.default_rng(seed).normal(size=(*shape, count))
    return (ndimage.gaussian_filter(noise, (sigma, sigma, 0)) * 3).astype(np.float32)


def gaussians(centres, shape=(46, 46), sigma=1.5, height=0.9):
    """One Gaussian a map, at known positions."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    maps = [np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * sigma**2)) for cx, cy in centres]
    return height * np.stack(maps, axis=-1)


def centres(count, seed, low=5, high=40):
    """Random positions (x, y) away from the border of 46 x 46 cells."""
    return np.random.default_rng(seed).uniform(low, high, size=(count, 2))


def hand_layout(seed=0, spread=0.18):
    """21 points in the unit square, far apart; a right hand by the rule of `is_right`."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(5)), axis=-1).reshape(-1, 2)
    cells = rng.permutation(grid[grid[:, 1] + grid[:, 0] > 0])[:KEYPOINTS].astype(float)
    cells += rng.uniform(-spread, spread, cells.shape)
    xy = (cells + 0.5) / 5
    return xy if is_right(xy) else xy * (-1, 1) + (1, 0)


def is_right(xy):
    """The fake's rule: from point 0 the points 5 and 17 lie clockwise."""
    (ax, ay), (bx, by) = xy[5] - xy[0], xy[17] - xy[0]
    return ax * by - ay * bx > 0


def draw_dots(xy, size, sigma=4.0):
    """An image (h, w, 3) uint8 of soft dots on black, at any positions (x, y) in pixels."""
    height, width = size
    image = np.zeros((height, width, 3))
    for (x, y), hue in zip(xy, HUES, strict=True):
        dot = np.outer(
            np.exp(-((np.arange(height) - y) ** 2) / (2 * sigma**2)),
            np.exp(-((np.arange(width) - x) ** 2) / (2 * sigma**2)),
        )
        image += 255 * dot[..., None] * hue
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def find_centres(pixels):
    """The centre of each hue's dot, or None; grey is no hue."""
    y, x = np.nonzero(pixels.max(axis=-1) > 90)
    bright = pixels[y, x]
    brightness = bright.max(axis=-1)
    distance = np.abs((bright / brightness[:, None])[:, None] - HUES).sum(axis=-1)
    nearest = np.where(distance.min(axis=1) < 0.25, distance.argmin(axis=1), -1)
    centres = []
    for index in range(KEYPOINTS):
        mine = nearest == index
        weight = brightness[mine] - 90
        enough = mine.sum() >= 4
        centre = (
            (weight @ x[mine] / weight.sum(), weight @ y[mine] / weight.sum()) if enough else None
        )
        centres.append(centre)
    return centres


class DotNetwork:
    """Answers with Gaussian maps at the dots; keeps the shapes of its inputs in `calls`."""

    def __init__(self, spec=None, cell_sigma=1.5):
        self.spec = spec or InputSpec()
        self.cell_sigma = cell_sigma
        self.calls = []

    def __call__(self, batch):
        self.calls.append(batch.shape)
        return np.stack([self._answer(image) for image in batch])

    def _answer(self, image):
        pixels = (image.astype(np.float64) + 0.5) * 256
        if self.spec.channel_order == "bgr":
            pixels = pixels[..., ::-1]
        stride = self.spec.stride
        rows, columns = (-(-side // stride) for side in pixels.shape[:2])
        found = find_centres(pixels)
        height = 0.9
        if self.spec.sides == "right" and all(found[index] is not None for index in (0, 5, 17)):
            height = 0.9 if is_right({i: np.array(found[i]) for i in (0, 5, 17)}) else 0.5
        maps = np.zeros((rows, columns, KEYPOINTS + 1), np.float32)
        for index, centre in enumerate(found):
            if centre is not None:
                x, y = (np.array(centre) - (stride - 1) / 2) / stride
                spread = 2 * self.cell_sigma**2
                maps[..., index] = height * np.outer(
                    np.exp(-((np.arange(rows) - y) ** 2) / spread),
                    np.exp(-((np.arange(columns) - x) ** 2) / spread),
                )
        maps[..., -1] = 1 - maps[..., :-1].max(axis=-1)
        return maps
