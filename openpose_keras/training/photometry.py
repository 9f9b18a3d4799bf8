"""What cameras do to a picture: exposure, tint, blur, low resolution, noise, compression."""

import numpy as np

from openpose_keras._opencv import cv2


def sample_tint(rng: np.random.Generator) -> np.ndarray:
    """Draw a hand's own brightness and tint, apart from the ground's: factors (3,) of RGB."""
    return np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.05, 3))


def develop(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Take the picture with a random camera.

    Args:
        rng: source of chance.
        image: (h, w, 3) uint8 RGB.

    Returns:
        A new image of the same shape.
    """
    image = _expose(rng, image)
    for chance, change in (
        (0.2, _shrink),
        (0.2, _blur),
        (0.1, _smear),
        (0.4, _noise),
        (0.3, _compress),
    ):
        if rng.random() < chance:
            image = change(rng, image)
    return image


def _expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Change gamma, contrast, brightness, white balance, saturation; seldom drop the colour."""
    ramp = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.25))
    contrast, brightness = np.exp(rng.normal(0, 0.2)), rng.normal(0, 0.08)
    ramp = ((ramp - 0.5) * contrast + 0.5 + brightness) * np.exp(rng.normal(0, 0.08, 3))
    table = np.clip(np.round(255 * ramp), 0, 255).astype(np.uint8)
    image = cv2.LUT(np.ascontiguousarray(image), table.reshape(1, 256, 3))
    saturation = rng.uniform(0.3, 1.3) if rng.random() < 0.4 else 1.0
    if rng.random() < 0.06:
        saturation = 0.0
    if saturation != 1:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
        image = np.clip(grey + saturation * (image - grey), 0, 255).astype(np.uint8)
    return image


def _shrink(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Lose resolution, as a small hand in a large photo does."""
    height, width = image.shape[:2]
    small = np.maximum(1, np.array([width, height]) * rng.uniform(0.25, 0.7)).astype(int)
    ways = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    small_image = cv2.resize(image, small.tolist(), interpolation=cv2.INTER_AREA)
    return cv2.resize(small_image, (width, height), interpolation=ways[rng.integers(2)])


def _blur(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Miss the focus."""
    return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8)))


def _smear(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Move during the exposure."""
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0, np.pi)
    reach = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (length - 1) / 2
    ends = np.round([middle - reach, middle + reach]).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def _noise(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add the sensor's noise, of one grain or coarser."""
    noise = rng.uniform(2, 14) * rng.standard_normal(image.shape, np.float32)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _compress(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Go through JPEG."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 90))]
    _, data = cv2.imencode(".jpg", image, quality)
    return cv2.imdecode(data, cv2.IMREAD_COLOR)
