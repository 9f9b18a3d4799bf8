"""A bank of rendered hands on disk: composing samples of them is faster than rendering.

A bank is a folder of shards. A shard is `NNNN.npy`, (layers, size, size, 4) uint8, and `NNNN.npz`
with `xy` (layers, 21, 2) float32, `left` and `gloved` (layers,) bool. Shard N depends only on the
seed and N, so that several processes can fill one bank, and an interrupted run goes on where it
stopped.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from openpose_keras.core.files import atomic_write

if TYPE_CHECKING:
    from openpose_keras.training.synthesis import render

SHARD_LAYERS = 500
LAYER_SIZE = 224
LAYER_SHARE = 0.45  # of the layer that the hand takes: room to turn and shift it, with its forearm
_FACTS = ("xy", "left", "gloved")


@dataclass(frozen=True, eq=False)
class Bank:
    """Rendered hands of several shards.

    Attributes:
        layers: arrays (n, size, size, 4) uint8 as `HandLayer.rgba`, mapped from disk.
        xy: (count, 21, 2) float32 keypoints in pixels of the layer.
        left: (count,) bool, whether it is a left hand.
        gloved: (count,) bool, whether it wears a glove.
    """

    layers: tuple[np.ndarray, ...]
    xy: np.ndarray
    left: np.ndarray
    gloved: np.ndarray

    def __len__(self) -> int:
        """Count the hands."""
        return len(self.xy)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the layer (size, size, 4) and its keypoints (21, 2)."""
        row = range(len(self))[index]
        for layers in self.layers:
            if row < len(layers):
                break
            row -= len(layers)
        return layers[row], self.xy[index]


def render_bank(
    folder: str | Path, assets: "render.Assets", *, shards: int, seed: int = 0, first: int = 0
) -> None:
    """Render the shards that the folder lacks.

    Args:
        folder: where the bank stands or will stand.
        assets: see `render.load_assets`.
        shards: how many shards of 500 hands.
        seed: of the whole bank.
        first: number of the first shard, for sharing the work between processes.
    """
    from openpose_keras.training.synthesis import render  # needs Numba, which composing does not

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables = enumerate(shard_tables(folder, first + shards))
    missing = [(number, path) for number, path in tables if number >= first and not path.exists()]
    with tqdm(total=len(missing) * SHARD_LAYERS, unit="hand", desc="rendering") as progress:
        for number, path in missing:
            rng = np.random.default_rng((seed, number))
            hands = []
            for _ in range(SHARD_LAYERS):
                hands.append(render.render_hand(assets, rng, size=LAYER_SIZE, share=LAYER_SHARE))
                progress.update()
            _write_shard(path.with_suffix(""), hands)


def shard_tables(folder: Path, shards: int) -> list[Path]:
    """Name the files that say of a bank's first shards that they are whole.

    Args:
        folder: of the bank.
        shards: how many.

    Returns:
        `0000.npz` and so on in the folder, whether they are there or not.
    """
    return [folder / f"{number:04d}.npz" for number in range(shards)]


def _write_shard(stem: Path, hands: list["render.HandLayer"]) -> None:
    """Write both files under temporary names; the .npz, renamed last, says that all is there."""
    facts = {
        "xy": np.stack([hand.xy for hand in hands]),
        "left": np.array([hand.side == "left" for hand in hands]),
        "gloved": np.array([hand.gloved for hand in hands]),
    }
    with (
        atomic_write(stem.with_suffix(".npz"), force=True) as table,
        atomic_write(stem.with_suffix(".npy"), force=True) as layers,
    ):
        np.save(layers, np.stack([hand.rgba for hand in hands]))
        np.savez(table, **facts)


def open_bank(folder: str | Path, *, shards: int | None = None) -> Bank:
    """Open a bank; the layers stay on disk until they are used.

    Args:
        folder: what `render_bank` filled.
        shards: open only so many, the first ones; None for all that are whole.

    Returns:
        The bank.

    Raises:
        FileNotFoundError: The folder holds no shard, or lacks one of those asked for.
    """
    folder = Path(folder)
    whole = sorted(folder.glob("[0-9]*[0-9].npz"))
    paths = whole if shards is None else shard_tables(folder, shards)
    stems = [path.with_suffix("") for path in paths]
    if not stems:
        raise FileNotFoundError(
            f"expected shards NNNN.npz in {folder}, found none; render_bank makes them"
        )
    tables = [_read_table(stem.with_suffix(".npz")) for stem in stems]
    return Bank(
        layers=tuple(np.load(stem.with_suffix(".npy"), mmap_mode="r") for stem in stems),
        **{key: np.concatenate([table[key] for table in tables]) for key in _FACTS},
    )


def _read_table(path: Path) -> dict[str, np.ndarray]:
    """Read what a shard says about its layers."""
    with np.load(path) as table:
        return {key: table[key] for key in _FACTS}
