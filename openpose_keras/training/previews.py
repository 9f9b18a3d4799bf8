"""Samples to look at before a run: what the network will be shown."""

from pathlib import Path

import numpy as np

from openpose_keras.core.keypoints import Hand
from openpose_keras.training import samples
from openpose_keras.training.config import TrainConfig
from openpose_keras.training.synthesis import render

PREVIEWS = 40
GREY = 128


def preview_samples(config: TrainConfig) -> list[tuple[np.ndarray, list[Hand]]]:
    """Return forty training samples of a config.

    Args:
        config: Of the run; hands that are missing are rendered.

    Returns:
        For each sample its image (h, w, 3) uint8 RGB and its hands; keypoints have the score 1.
    """
    shown, _ = samples.load_ingredients(config)
    composer = samples.make_composer(shown, photo_share=config.photo_share, size=config.size)
    rng = np.random.default_rng(config.seed)
    tiles = [composer(rng) for _ in range(PREVIEWS)]
    return [(tile.image, [_as_hand(xy) for xy in tile.hands]) for tile in tiles]


def preview_hands(
    assets: str | Path, *, seed: int = 0, size: int = 128
) -> list[tuple[np.ndarray, list[Hand]]]:
    """Render forty hands on grey.

    Args:
        assets: Folder with `rigged_hand/`.
        seed: Of the hands.
        size: Side of an image in pixels.

    Returns:
        For each hand an image (size, size, 3) uint8 RGB and the hand; keypoints have the score 1.
    """
    loaded = render.load_assets(assets)
    rngs = [np.random.default_rng((seed, number)) for number in range(PREVIEWS)]
    layers = [render.render_hand(loaded, rng, size=size) for rng in rngs]
    return [(_on_grey(layer.rgba), [_as_hand(layer.xy)]) for layer in layers]


def _as_hand(xy: np.ndarray) -> Hand:
    """Return labelled keypoints (21, 2) as a hand."""
    return Hand(xy, np.isfinite(xy).all(axis=1).astype(float))


def _on_grey(rgba: np.ndarray) -> np.ndarray:
    """Lay an image (h, w, 4) with straight alpha over grey."""
    alpha = rgba[..., 3:] / 255.0
    return np.round(rgba[..., :3] * alpha + GREY * (1 - alpha)).astype(np.uint8)
