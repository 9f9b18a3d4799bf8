"""Pictures to look at before a run: what the network will be shown."""

from pathlib import Path

import numpy as np

from openpose_keras.drawing import draw_hands
from openpose_keras.keypoints import Hand
from openpose_keras.preprocessing import write_image
from openpose_keras.training import render, samples, scenes
from openpose_keras.training.config import TrainConfig

ROWS, COLUMNS = 5, 8


def write_sheet(config: TrainConfig, path: str | Path) -> None:
    """Write a sheet of training samples, five rows of eight, every other one with keypoints.

    Args:
        config: of the run; hands that are missing are rendered.
        path: of the picture.
    """
    shown, _ = samples.load_ingredients(config)
    composer = samples.make_composer(shown, photo_share=config.photo_share, size=config.size)
    rng = np.random.default_rng(config.seed)
    tiles = [composer(rng) for _ in range(ROWS * COLUMNS)]
    write_image(path, sheet(tiles, columns=COLUMNS))


def write_hands(assets: str | Path, out: str | Path, *, seed: int = 0, side: int = 128) -> Path:
    """Write a sheet of rendered hands on grey, five rows of eight, with their keypoints.

    Args:
        assets: folder with `rigged_hand/`.
        out: folder to write `hands.png` into.
        seed: of the hands.
        side: of a hand's tile in pixels.

    Returns:
        The path of the picture.
    """
    loaded = render.load_assets(assets)
    rngs = [np.random.default_rng((seed, number)) for number in range(ROWS * COLUMNS)]
    hands = [render.render_hand(loaded, rng, size=side) for rng in rngs]
    Path(out).mkdir(parents=True, exist_ok=True)
    path = Path(out) / "hands.png"
    write_image(path, render.contact_sheet(hands, COLUMNS))
    return path


def sheet(tiles: list[scenes.Sample], *, columns: int) -> np.ndarray:
    """Lay samples out in rows, every other one with its keypoints.

    Args:
        tiles: of equal size; as many as fill the rows.
        columns: samples in a row.

    Returns:
        (h, w, 3) uint8 RGB.
    """
    drawn = [_draw(tile) if index % 2 else tile.image for index, tile in enumerate(tiles)]
    rows = [np.hstack(drawn[start : start + columns]) for start in range(0, len(drawn), columns)]
    return np.vstack(rows)


def _draw(sample: scenes.Sample) -> np.ndarray:
    """Draw the keypoints of a sample's hands."""
    hands = [Hand(xy, np.isfinite(xy).all(axis=1).astype(float)) for xy in sample.hands]
    return draw_hands(sample.image, hands)
