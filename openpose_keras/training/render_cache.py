"""A cache of rendered hands on disk: composing samples of them is faster than rendering.

A cache is a folder of shards. A shard is `NNNN.npy`, (n, size, size, 4) uint8, and `NNNN.npz` with
`xy` (n, 21, 2) float32, `left` and `gloved` (n,) bool. Shard N depends only on the seed and N, so
that several processes can fill one cache, and an interrupted run continues where it stopped.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from openpose_keras.core.files import atomic_write

if TYPE_CHECKING:
    from openpose_keras.training.synthesis.assets import Assets
    from openpose_keras.training.synthesis.render import HandLayer

SHARD_SIZE = 500
LAYER_SIZE = 224
LAYER_FRACTION = 0.45  # of a layer's side that the hand takes: it can rotate with its forearm


@dataclass(frozen=True, eq=False)
class RenderedHands:
    """Rendered hands of several shards.

    Args:
        images: Arrays (n, size, size, 4) uint8 as `HandLayer.rgba`, mapped from disk.
        xy: (count, 21, 2) float32 keypoints in pixels of the image.
        left: (count,) bool, whether it is a left hand.
        gloved: (count,) bool, whether it wears a glove.
    """

    images: tuple[np.ndarray, ...]
    xy: np.ndarray
    left: np.ndarray
    gloved: np.ndarray

    def __len__(self) -> int:
        """Return the number of hands."""
        return len(self.xy)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the image (size, size, 4) and its keypoints (21, 2)."""
        row = range(len(self))[index]
        for images in self.images:
            if row < len(images):
                break
            row -= len(images)
        return images[row], self.xy[index]


def fill_cache(
    folder: str | Path, assets: "Assets", *, shards: int, seed: int = 0, first: int = 0
) -> None:
    """Render the shards that the folder lacks.

    Args:
        folder: The folder of the cache; it is made if it is missing.
        assets: What `load_assets` returned.
        shards: Number of shards, of 500 hands each.
        seed: Seed of the whole cache.
        first: Number of the first shard, for sharing the work between processes.
    """
    from openpose_keras.training.synthesis import render  # needs Numba, which composing does not

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = enumerate(shard_tables(folder, first + shards))
    missing = [(number, path) for number, path in tables if number >= first and not path.exists()]
    with tqdm(total=len(missing) * SHARD_SIZE, unit="hand", desc="rendering") as progress:
        for number, path in missing:
            rng = np.random.default_rng((seed, number))
            hands = []
            for _ in range(SHARD_SIZE):
                hand = render.render_hand(assets, rng, size=LAYER_SIZE, fraction=LAYER_FRACTION)
                hands.append(hand)
                progress.update()
            write_shard(path, hands)


def shard_tables(folder: Path, shards: int) -> list[Path]:
    """Return the paths `0000.npz` and so on; a shard is complete when this file exists.

    Args:
        folder: The folder of the cache.
        shards: The number of shards.
    """
    return [folder / f"{number:04d}.npz" for number in range(shards)]


def write_shard(table: Path, hands: list["HandLayer"]) -> None:
    """Write a shard under temporary names; the .npz is renamed last.

    Args:
        table: The path of the .npz.
        hands: The hands.
    """
    with (
        atomic_write(table, force=True) as facts,
        atomic_write(table.with_suffix(".npy"), force=True) as images,
    ):
        np.save(images, np.stack([hand.rgba for hand in hands]))
        np.savez(
            facts,
            xy=np.stack([hand.xy for hand in hands]),
            left=np.array([hand.side == "left" for hand in hands]),
            gloved=np.array([hand.gloved for hand in hands]),
        )


def open_cache(folder: str | Path, *, shards: int | None = None) -> RenderedHands:
    """Open a cache. The images stay on disk until they are used.

    Args:
        folder: The folder that `fill_cache` filled.
        shards: Open only so many shards, the first ones; None for all that are complete.

    Raises:
        FileNotFoundError: The folder has no shard, or lacks one of those asked for.
    """
    folder = Path(folder)
    complete = sorted(folder.glob("[0-9]*[0-9].npz"))
    paths = complete if shards is None else shard_tables(folder, shards)
    if not paths:
        raise FileNotFoundError(
            f"expected shards NNNN.npz in {folder}, got none: make them with fill_cache"
        )
    tables = [_read_table(path) for path in paths]
    return RenderedHands(
        tuple(np.load(path.with_suffix(".npy"), mmap_mode="r") for path in paths),
        *(np.concatenate([table[key] for table in tables]) for key in ("xy", "left", "gloved")),
    )


def _read_table(path: Path) -> dict[str, np.ndarray]:
    """Read all arrays of an .npz file."""
    with np.load(path) as table:
        return dict(table)
