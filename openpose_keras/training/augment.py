"""What cameras do to a picture: exposure, tint, blur, low resolution, noise, compression.

`develop` draws a camera at random, as training does. The public functions beside it do one thing of
a strength that is given, to measure what it costs:

    blur(image, 2.0)

Every image is (h, w, 3) uint8 RGB; the result is a new one of the same shape, and nothing moves.
"""

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.training.color import to_linear, to_srgb


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


def expose(image: np.ndarray, stops: float) -> np.ndarray:
    """Let in more or less light: each stop doubles it, each stop below 0 halves it.

    Args:
        image: (h, w, 3) uint8 RGB, taken as sRGB.
        stops: what light is multiplied by, as a power of two; what becomes too bright is white.

    Example:
        >>> expose(np.full((1, 1, 3), 128, np.uint8), -1.0).tolist()
        [[[92, 92, 92]]]
    """
    light = np.clip(to_linear(np.linspace(0, 1, 256)) * 2.0**stops, 0, 1)
    table = np.round(255 * to_srgb(light)).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table)


def lose_resolution(
    image: np.ndarray, factor: float, *, interpolation: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """Shrink and enlarge again, as a small hand in a large photo is.

    Args:
        image: (h, w, 3) uint8 RGB.
        factor: in (0, 1], of the pixels that are left along each side, at least one.
        interpolation: OpenCV's, of the way back.
    """
    height, width = image.shape[:2]
    small = np.maximum(1, np.array([width, height]) * factor).astype(int)
    small_image = cv2.resize(image, small.tolist(), interpolation=cv2.INTER_AREA)
    return cv2.resize(small_image, (width, height), interpolation=interpolation)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Miss the focus.

    Args:
        image: (h, w, 3) uint8 RGB.
        sigma: of a Gaussian, in pixels; 0 for a sharp picture.
    """
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image.copy()


def smear(image: np.ndarray, length: int, *, angle: float = 0.0) -> np.ndarray:
    """Move during the exposure.

    Args:
        image: (h, w, 3) uint8 RGB.
        length: of the way in pixels; 1 for a sharp picture.
        angle: of the way in radians.
    """
    kernel = np.zeros((length, length), np.float32)
    reach = (length - 1) / 2 * np.array([np.cos(angle), np.sin(angle)])
    middle = (length - 1) / 2
    ends = np.round([middle - reach, middle + reach]).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def add_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Add the noise of a sensor.

    Args:
        image: (h, w, 3) uint8 RGB.
        deviation: standard deviation in steps of 255.
        rng: source of chance.
    """
    noise = deviation * rng.standard_normal(image.shape, np.float32)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def compress(image: np.ndarray, quality: int) -> np.ndarray:
    """Go through JPEG.

    Args:
        image: (h, w, 3) uint8 RGB.
        quality: 0 to 100.
    """
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return cv2.imdecode(data, cv2.IMREAD_COLOR)


def _shrink(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Lose resolution."""
    factor, ways = rng.uniform(0.25, 0.7), (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
    return lose_resolution(image, factor, interpolation=ways[rng.integers(2)])


def _blur(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Miss the focus."""
    return blur(image, float(rng.uniform(0.4, 1.8)))


def _smear(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Move during the exposure."""
    length = int(rng.integers(3, 10))
    return smear(image, length, angle=rng.uniform(0, np.pi))


def _noise(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Add the sensor's noise."""
    return add_noise(image, rng.uniform(2, 14), rng)


def _compress(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Go through JPEG."""
    return compress(image, int(rng.integers(20, 90)))
