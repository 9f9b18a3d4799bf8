"""A cache of rendered hands on disk, since composing samples from them is faster than rendering.

A cache is a folder of shards. A shard is `NNNN.npy`, an array of records with the fields of
`DrawnHand`. Shard N depends only on the seed and N, so that an interrupted run can continue and
several processes can render.
"""

import functools
import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import TrainingError
from openpose_keras.core.files import atomic_write
from openpose_keras.core.progress import show_progress
from openpose_keras.core.skeletons import HAND

if TYPE_CHECKING:
    from openpose_keras.training.synthesis.assets import Assets

SHARD_SIZE = 250
LAYER_SIZE = 256
LAYER_FRACTION = 0.45  # of a layer's side that the hand takes: it can rotate with its forearm
_NO_HAND = np.full((len(HAND), 3), np.nan, np.float32)


class DrawnHand(NamedTuple):
    """A hand on a background, which may be transparent, for the composition of samples.

    Args:
        rgba: (h, w, 4) uint8; RGB is not multiplied by alpha.
        xyz: (21, 3) float32 keypoints: x and y in pixels of the image, and z, the depth relative to
            the wrist, in the same pixels. A smaller z is nearer to the camera. NaN where unknown.
        right: 1.0 for a right hand, 0.0 for a left one, NaN if unknown.
        second: (21, 3) float32 keypoints of a second hand that touches this one; NaN without one.
    """

    rgba: np.ndarray
    xyz: np.ndarray
    right: float
    second: np.ndarray = _NO_HAND


def rendered_hands(
    folder: str | Path, *, count: int, seed: int, assets: str | Path | None, processes: int = 1
) -> list[DrawnHand]:
    """Open a cache of rendered hands, after rendering missing ones.

    Args:
        folder: The folder of the cache, which is created if it is missing.
        count: The minimum number of hands. Only whole shards are opened.
        seed: Seed of the whole cache.
        assets: Folder with `rigged_hand/` to render from. None if no hand is missing.
        processes: Number of processes that render whole shards. They are spawned, so a script that
            uses several processes needs the `if __name__ == "__main__":` guard.

    Returns:
        The hands. Their images (size, size, 4) remain on disk until they are used.

    Raises:
        TrainingError: Hands are missing, and there are no assets.
        AssetError: The assets cannot be read.
    """
    paths = [Path(folder) / f"{number:04d}.npy" for number in range(-(-count // SHARD_SIZE))]
    missing = [(number, path) for number, path in enumerate(paths) if not path.exists()]
    if missing:
        if assets is None:
            raise TrainingError(
                f"expected rendered hands in {folder}, got too few: set assets to render them "
                "from, or set labels, and hands to 0"
            )
        _render(missing, assets, seed, min(processes, len(missing)))
    hands: list[DrawnHand] = []
    for path in paths:
        shard = np.load(path, mmap_mode="r")
        xyz, second = np.array(shard["xyz"]), np.array(shard["second"])
        fields = shard["rgba"], xyz, shard["right"].tolist(), second
        hands += map(DrawnHand._make, zip(*fields, strict=True))
    return hands


def _render(shards: list[tuple[int, Path]], assets: str | Path, seed: int, processes: int) -> None:
    """Render shards, given as numbers and paths."""
    render = functools.partial(_render_shard, assets=assets, seed=seed)
    show = functools.partial(show_progress, total=len(shards), unit="shard", desc="rendering")
    if processes == 1:
        for _ in show(map(render, shards)):
            pass
        return
    _compile(assets)
    single = cv2.setNumThreads, (1,)  # OpenCV's own threads would get in each other's way
    with multiprocessing.get_context("spawn").Pool(processes, *single) as pool:
        for _ in show(pool.imap_unordered(render, shards)):
            pass


def _compile(assets: str | Path) -> None:
    """Compile the renderer once, for Numba's cache on disk, before several processes do."""
    from openpose_keras.training.synthesis.render import render_hand

    rng = np.random.default_rng(0)
    for _ in range(4):
        render_hand(_load_assets(assets), rng, size=16)


@functools.lru_cache(maxsize=1)
def _load_assets(folder: str | Path) -> "Assets":
    """Load the assets once per process."""
    from openpose_keras.training.synthesis.assets import load_assets

    return load_assets(folder)


def _render_shard(shard: tuple[int, Path], *, assets: str | Path, seed: int) -> None:
    """Render one shard, given as its number and path."""
    # The renderer needs Numba; composing does not.
    from openpose_keras.training.synthesis.render import render_hand

    number, path = shard
    rng = np.random.default_rng((seed, number))
    hands = []
    for _ in range(SHARD_SIZE):
        layer = render_hand(_load_assets(assets), rng, size=LAYER_SIZE, fraction=LAYER_FRACTION)
        second, _ = layer.second or (_NO_HAND, None)
        hands.append(DrawnHand(layer.rgba, layer.xyz, float(layer.side == "right"), second))
    write_shard(path, hands)


def write_shard(path: Path, hands: Sequence[DrawnHand]) -> None:
    """Write a shard completely or not at all; its folder is created if it is missing.

    Args:
        path: The file of the shard.
        hands: The hands, all of the same size.
    """
    shape = hands[0].rgba.shape
    keypoints = np.float32, (len(HAND), 3)
    fields = [("rgba", np.uint8, shape), ("xyz", *keypoints), ("right", np.float32)]
    fields.append(("second", *keypoints))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path, force=True) as part:
        np.save(part, np.array(hands, fields))
