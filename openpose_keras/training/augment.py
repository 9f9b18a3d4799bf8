"""Photometric augmentation: exposure, tint, blur, low resolution, noise, compression.

`augment_photometric` simulates a random camera, as in training. The other functions apply a single
effect with a given strength, so that its influence on a network can be measured:

    gaussian_blur(image, 2.0)

Every image is (h, w, 3) uint8 RGB. The result is a new image of the same shape, in which every
object keeps its position.
"""

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.training.synthesis.color import to_linear, to_srgb


def sample_tint(rng: np.random.Generator) -> np.ndarray:
    """Draw the brightness and tint of a hand against its background: factors (3,) of RGB."""
    return np.asarray(np.exp(rng.normal(0, 0.18)) * np.exp(rng.normal(0, 0.05, 3)))


def augment_photometric(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Augment an image as if taken by a random camera.

    Args:
        rng: The random generator.
        image: (h, w, 3) uint8 RGB.

    Returns:
        A new image of the same shape.
    """
    image = color_jitter(rng, image)
    if rng.random() < 0.25:
        factor = float(np.exp(rng.uniform(np.log(0.14), np.log(0.7))))
        interpolations = (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
        image = downsample(image, factor, interpolation=interpolations[rng.integers(2)])
    if rng.random() < 0.2:
        image = gaussian_blur(image, rng.uniform(0.4, 1.8))
    if rng.random() < 0.1:
        length = int(rng.integers(3, 10))
        image = motion_blur(image, length, angle=rng.uniform(0, np.pi))
    if rng.random() < 0.4:
        image = add_noise(image, rng.uniform(2, 14), rng)
    if rng.random() < 0.3:
        image = compress(image, int(rng.integers(20, 90)))
    return image


def color_jitter(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Change gamma, contrast, brightness, white balance and saturation at random.

    Six per cent of the images become grey.

    Args:
        rng: The random generator.
        image: (h, w, 3) uint8 RGB.
    """
    ramp = np.linspace(0, 1, 256)[:, None] ** np.exp(rng.normal(0, 0.25))
    contrast, brightness = np.exp(rng.normal(0, 0.2)), rng.normal(0, 0.08)
    ramp = ((ramp - 0.5) * contrast + 0.5 + brightness) * np.exp(rng.normal(0, 0.08, 3))
    table = np.clip(np.round(255 * ramp), 0, 255).astype(np.uint8)
    image = cv2.LUT(np.ascontiguousarray(image), table.reshape(1, 256, 3))
    saturation = rng.uniform(0.3, 1.3) if rng.random() < 0.4 else 1.0
    if rng.random() < 0.06:
        saturation = 0.0
    if saturation == 1:
        return image
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return np.clip(grey + saturation * (image - grey), 0, 255).astype(np.uint8)


def expose(image: np.ndarray, stops: float) -> np.ndarray:
    """Multiply the linear light of an image by a power of two.

    Args:
        image: (h, w, 3) uint8 RGB, taken as sRGB.
        stops: The exponent: 1 doubles the light, -1 halves it. Values that become too bright are
            clipped to white.

    Example:
        >>> expose(np.full((1, 1, 3), 128, np.uint8), -1.0).tolist()
        [[[92, 92, 92]]]
    """
    light = np.clip(to_linear(np.linspace(0, 1, 256)) * 2.0**stops, 0, 1)
    table = np.round(255 * to_srgb(light)).astype(np.uint8)
    return cv2.LUT(np.ascontiguousarray(image), table)


def downsample(
    image: np.ndarray, factor: float, *, interpolation: int = cv2.INTER_LINEAR
) -> np.ndarray:
    """Shrink an image and enlarge it again, so that it has only the detail of a small image.

    Args:
        image: (h, w, 3) uint8 RGB.
        factor: The scale of the shrunk image along each side, in (0, 1].
        interpolation: OpenCV's interpolation for enlarging.
    """
    height, width = image.shape[:2]
    small = np.maximum(1, np.array([width, height]) * factor).astype(int)
    small_image = cv2.resize(image, small.tolist(), interpolation=cv2.INTER_AREA)
    return cv2.resize(small_image, (width, height), interpolation=interpolation)


def gaussian_blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Blur an image with a Gaussian, like a lens out of focus.

    Args:
        image: (h, w, 3) uint8 RGB.
        sigma: Standard deviation of the Gaussian in pixels; 0 for a sharp image.
    """
    return cv2.GaussianBlur(image, (0, 0), sigma) if sigma else image.copy()


def motion_blur(image: np.ndarray, length: int, *, angle: float = 0.0) -> np.ndarray:
    """Blur an image along a line, like motion during the exposure.

    Args:
        image: (h, w, 3) uint8 RGB.
        length: Length of the line in pixels; 1 for a sharp image.
        angle: Angle of the line in radians.
    """
    kernel = np.zeros((length, length), np.float32)
    middle = (length - 1) / 2
    reach = middle * np.array([np.cos(angle), np.sin(angle)])
    ends = np.round([middle - reach, middle + reach]).astype(int)
    cv2.line(kernel, ends[0].tolist(), ends[1].tolist(), 1.0)
    return cv2.filter2D(image, -1, kernel / kernel.sum())


def add_noise(image: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Add Gaussian sensor noise.

    Args:
        image: (h, w, 3) uint8 RGB.
        deviation: Standard deviation in grey levels (0 to 255).
        rng: The random generator.
    """
    noisy: np.ndarray = image + deviation * rng.standard_normal(image.shape, np.float32)
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def compress(image: np.ndarray, quality: int) -> np.ndarray:
    """Compress an image as JPEG and decode it again.

    Args:
        image: (h, w, 3) uint8 RGB.
        quality: JPEG quality, 0 to 100.
    """
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))
