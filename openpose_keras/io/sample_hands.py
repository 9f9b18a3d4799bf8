"""Rendered hands that ship with the notebooks: two sheets of pictures, and what is known of them.

A sheet NAME is `NAME.webp`, square tiles with alpha in rows, and `NAME.json`, the keypoints of each
tile. `notebooks/images/README.md` says how they were made. Training never saw them. Reading them
needs none of the training's packages.

    from openpose_keras.training.shipped import load_shipped_hands
    hands = load_shipped_hands("pairs")     # in notebooks/
    rgba, xy = hands[0]                     # (side, side, 4) uint8, (21, 2)
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import ImageError
from openpose_keras.core.skeletons import HAND

SHEETS = {"pairs": "hands_bare_and_gloved", "many": "hands_many"}


@dataclass(frozen=True, eq=False)
class ShippedHands:
    """Rendered hands on a clear ground. It gives what `bank.Bank` gives, from memory.

    Attributes:
        rgba: (n, side, side, 4) uint8, RGB not multiplied by alpha.
        xy: (n, 21, 2) float32 keypoints in pixels of the tile, in the order of `skeletons.HAND`.
        visible: (n, 21) bool, whether nothing but the finger itself hides the keypoint.
        left: (n,) bool, whether it is a left hand.
        gloved: (n,) bool, whether it wears a glove.
        pose: (n,) int, its number. Hands of one number have the same pose, shape, view and light.
    """

    rgba: np.ndarray
    xy: np.ndarray
    visible: np.ndarray
    left: np.ndarray
    gloved: np.ndarray
    pose: np.ndarray

    def __len__(self) -> int:
        """Count the hands."""
        return len(self.xy)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Give a hand's tile (side, side, 4) and its keypoints (21, 2)."""
        return self.rgba[index], self.xy[index]


def load_shipped_hands(name: str, *, folder: str | Path = "images") -> ShippedHands:
    """Load the hands of a sheet.

    Args:
        name: "pairs": 32 hands, each bare and gloved with the same keypoints, rows 2 i and 2 i + 1;
            "many": 256 hands, bare and gloved, left and right.
        folder: where the sheets lie: `notebooks/images` of a clone, for a notebook `images`.

    Returns:
        The hands; the arrays are read-only.

    Raises:
        ValueError: There is no such sheet.
        FileNotFoundError: The folder does not hold it.
        ImageError: The picture can't be read, or does not fit what is said of it.

    Example:
        >>> load_shipped_hands("some")
        Traceback (most recent call last):
        ValueError: expected a sheet among pairs, many; got 'some'
    """
    if name not in SHEETS:
        raise ValueError(f"expected a sheet among {', '.join(SHEETS)}; got {name!r}")
    picture, facts = (Path(folder) / f"{SHEETS[name]}{end}" for end in (".webp", ".json"))
    for path in (picture, facts):
        if not path.is_file():
            raise FileNotFoundError(
                f"there is no {path}: start in notebooks/ of a clone of the repository, or give "
                "the folder notebooks/images"
            )
    table = json.loads(facts.read_text(encoding="utf8"))
    hands = table["hands"]
    arrays = {
        "rgba": _read_tiles(picture, table["side"], len(hands)),
        "xy": np.array([hand["xy"] for hand in hands], np.float32).reshape(-1, len(HAND), 2),
        "visible": np.array([[mark == "1" for mark in hand["visible"]] for hand in hands]),
        "left": np.array([hand["side"] == "left" for hand in hands]),
        "gloved": np.array([hand["gloved"] for hand in hands]),
        "pose": np.array([hand["pose"] for hand in hands]),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return ShippedHands(**arrays)


def _read_tiles(path: Path, side: int, count: int) -> np.ndarray:
    """Read the first tiles of a sheet, row by row."""
    data = np.frombuffer(path.read_bytes(), np.uint8)
    sheet = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if sheet is None or sheet.shape[2:] != (4,):
        raise ImageError(f"{path} is no picture with alpha; it may be cut short: get it again")
    rows, columns = (length // side for length in sheet.shape[:2])
    if rows * columns < count:
        raise ImageError(f"{path} has room for {rows * columns} tiles of {side}, not for {count}")
    tiles = cv2.cvtColor(sheet, cv2.COLOR_BGRA2RGBA)[: rows * side, : columns * side]
    tiles = tiles.reshape(rows, side, columns, side, 4).swapaxes(1, 2)
    return np.ascontiguousarray(tiles.reshape(-1, side, side, 4)[:count])
