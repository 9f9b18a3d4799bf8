"""Rendered hands that ship with the notebooks: two sheets of images with their labels.

A sheet NAME consists of `NAME.webp`, rows of square tiles with alpha, and `NAME.json`, the
keypoints of each tile. `notebooks/images/README.md` describes how they were made. They were never
used for training. Reading them does not require the packages that training needs.

    from openpose_keras.io.sample_hands import load_shipped_hands
    hands = load_shipped_hands("pairs")     # in notebooks/
    rgba, xy = hands[0]                     # (side, side, 4) uint8, (21, 2)
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from openpose_keras.core.arrays import FloatArray, IntArray
from openpose_keras.core.errors import ImageError
from openpose_keras.core.skeletons import HAND
from openpose_keras.io.images import Pixels

SHEETS = {"pairs": "hands_bare_and_gloved", "many": "hands_many"}


BoolArray = NDArray[np.bool]


@dataclass(frozen=True, eq=False)
class ShippedHands:
    """Rendered hands on a transparent background, indexed like `training.hands.render_cache`.

    Args:
        rgba: (n, side, side, 4) uint8, RGB not multiplied by alpha.
        xy: (n, 21, 2) float32 keypoints in pixels of the tile, in the order of `skeletons.HAND`.
        visible: (n, 21) bool, whether the keypoint is hidden by nothing but the finger itself.
        left: (n,) bool, whether the hand is a left one.
        gloved: (n,) bool, whether the hand wears a glove.
        pose: (n,) int, the number of the pose. Hands with the same number have the same pose,
            shape, view and light.
    """

    rgba: Pixels
    xy: FloatArray
    visible: BoolArray
    left: BoolArray
    gloved: BoolArray
    pose: IntArray

    def __len__(self) -> int:
        """Return the number of hands."""
        return len(self.xy)

    def __getitem__(self, index: int) -> tuple[Pixels, FloatArray]:
        """Return a hand's tile (side, side, 4) and its keypoints (21, 2)."""
        return self.rgba[index], self.xy[index]


def load_shipped_hands(name: str, *, folder: str | Path = "images") -> ShippedHands:
    """Load the hands of a sheet.

    Args:
        name: "pairs": 32 hands, each bare and gloved with the same keypoints, rows 2 i and 2 i + 1;
            "many": 256 hands, bare and gloved, left and right.
        folder: The folder of the sheets: `notebooks/images` in a clone, or `images` in a notebook.

    Returns:
        The hands; the arrays are read-only.

    Raises:
        ValueError: There is no sheet of this name.
        FileNotFoundError: The sheet is not in the folder.
        ImageError: The image can't be read.

    Example:
        >>> load_shipped_hands("some")
        Traceback (most recent call last):
        ValueError: expected a sheet among pairs, many; got 'some'
    """
    if name not in SHEETS:
        raise ValueError(f"expected a sheet among {', '.join(SHEETS)}; got {name!r}")
    stem = Path(folder) / SHEETS[name]
    if not stem.with_suffix(".json").is_file():
        raise FileNotFoundError(
            f"there is no {stem}.json: start in notebooks/ of a clone of the repository, or pass "
            "the folder notebooks/images"
        )
    table = json.loads(stem.with_suffix(".json").read_text(encoding="utf8"))
    hands = table["hands"]
    arrays: dict[str, Any] = {
        "rgba": _read_tiles(stem.with_suffix(".webp"), table["side"])[: len(hands)],
        "xy": np.array([hand["xy"] for hand in hands], np.float32).reshape(-1, len(HAND), 2),
        "visible": np.array([[mark == "1" for mark in hand["visible"]] for hand in hands]),
        "left": np.array([hand["side"] == "left" for hand in hands]),
        "gloved": np.array([hand["gloved"] for hand in hands]),
        "pose": np.array([hand["pose"] for hand in hands]),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return ShippedHands(**arrays)


def _read_tiles(path: Path, side: int) -> Pixels:
    """Read the tiles of a sheet, row by row."""
    try:
        with PIL.Image.open(path) as file:
            sheet = np.asarray(file)
    except OSError as error:
        raise ImageError(f"{path} may be cut short: get it again ({error})") from error
    rows, columns = (length // side for length in sheet.shape[:2])
    tiles = sheet.reshape(rows, side, columns, side, 4)
    return np.ascontiguousarray(tiles.swapaxes(1, 2)).reshape(-1, side, side, 4)
