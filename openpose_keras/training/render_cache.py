"""A cache of rendered hands on disk: composing samples of them is faster than rendering.

A cache is a folder of shards. A shard is `NNNN.npy`, an array of records with `rgba`
(size, size, 4) uint8, as `HandLayer.rgba`, and `xy` (21, 2) float32. Shard N depends only on the
seed and N, so that an interrupted run continues where it stopped.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from openpose_keras.core.errors import TrainingError
from openpose_keras.core.files import atomic_write

if TYPE_CHECKING:
    from openpose_keras.training.synthesis.render import HandLayer

SHARD_SIZE = 500
LAYER_SIZE = 224
LAYER_FRACTION = 0.45  # of a layer's side that the hand takes: it can rotate with its forearm


def rendered_hands(
    folder: str | Path, *, count: int, seed: int, assets: str | Path | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Open a cache of rendered hands, after rendering those that it lacks.

    Args:
        folder: The folder of the cache; it is made if it is missing.
        count: The least number of hands; only whole shards are opened.
        seed: Seed of the whole cache.
        assets: Folder with `rigged_hand/` to render from. None if no hand is missing.

    Returns:
        Images (size, size, 4) uint8, which stay on disk until they are used, and their keypoints
        (21, 2) float32 in pixels of the image.

    Raises:
        TrainingError: Hands are missing, and there are no assets.
        AssetError: The assets cannot be read.
    """
    paths = [Path(folder) / f"{number:04d}.npy" for number in range(-(-count // SHARD_SIZE))]
    missing = {number: path for number, path in enumerate(paths) if not path.exists()}
    if missing:
        if assets is None:
            raise TrainingError(
                f"expected rendered hands in {folder}, got too few: set assets to render them "
                "from, or set labels, and hands to 0"
            )
        _render(missing, assets, seed)
    hands: list[tuple[np.ndarray, np.ndarray]] = []
    for path in paths:
        shard = np.load(path, mmap_mode="r")
        hands += zip(shard["rgba"], np.array(shard["xy"]), strict=True)
    return hands


def _render(shards: dict[int, Path], assets: str | Path, seed: int) -> None:
    """Render shards, by number."""
    # The renderer needs Numba; composing does not.
    from openpose_keras.training.synthesis import render
    from openpose_keras.training.synthesis.assets import load_assets

    loaded = load_assets(assets)
    with tqdm(total=len(shards) * SHARD_SIZE, unit="hand", desc="rendering") as progress:
        for number, path in shards.items():
            rng = np.random.default_rng((seed, number))
            hands = []
            for _ in range(SHARD_SIZE):
                hand = render.render_hand(loaded, rng, size=LAYER_SIZE, fraction=LAYER_FRACTION)
                hands.append(hand)
                progress.update()
            write_shard(path, hands)


def write_shard(path: Path, hands: list["HandLayer"]) -> None:
    """Write a shard, whole or not at all; its folder is made if it is missing.

    Args:
        path: The file of the shard.
        hands: The hands, all of one size.
    """
    fields = [("rgba", np.uint8, hands[0].rgba.shape), ("xy", np.float32, hands[0].xy.shape)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, force=True) as part:
        np.save(part, np.array([(hand.rgba, hand.xy) for hand in hands], fields))
