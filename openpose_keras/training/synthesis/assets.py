"""The assets of the hand renderer: rigs of a right hand and its textures."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import AssetError, ImageError
from openpose_keras.io.images import read_image
from openpose_keras.training.synthesis.color import to_linear
from openpose_keras.training.synthesis.rig import Rig, load_rig

SOURCE = (
    "GodotVR/godot-xr-tools at commit 2d8db860 (CC0), folder addons/godot-xr-tools/hands: "
    "its model/ and textures/ belong into <folder>/rigged_hand/"
)
RIGS = {
    "bare": ("hand_r", "Hand_Nails_R", "Hand_low_R", "Hand_Nails_low_R"),
    "glove": ("hand_r", "Hand_low_R"),
    "fingerless": ("Hand_Glove_R", "Hand_Glove_low_R"),
}
TEXTURES = {
    "bare": (
        "caucasian_baseColor", "caucasian_realistic_baseColor",
        "african_baseColor", "african_realistic_baseColor",
    ),
    "glove": ("labglove_baseColor", "cleaning_glove_baseColor"),
    "fingerless": (
        "glove_caucasian_dark_camo", "glove_caucasian_green_camo",
        "glove_african_dark_camo", "glove_african_green_camo",
    ),
}  # fmt: skip
_BUMPS = {"bare": "hands_normal", "glove": "glove_normal", "fingerless": "glove_fingerless_normal"}
SKIN, CLOTH, NAIL = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Texture:
    """A colour texture, and the maps that belong to it.

    Args:
        colour: (h, w, 3) uint8 sRGB.
        regions: (h, w) uint8: SKIN, CLOTH or NAIL.
        bumps: (h, w, 2) int8, along increasing u and increasing v, times 127.
        means: (3, 3) mean linear RGB of each region over the hand's surface.
    """

    colour: np.ndarray
    regions: np.ndarray
    bumps: np.ndarray
    means: np.ndarray


@dataclass(frozen=True, eq=False)
class Assets:
    """Rigs by name and textures by name, for the kinds "bare", "glove" and "fingerless"."""

    rigs: dict[str, Rig]
    textures: dict[str, Texture]


def load_assets(folder: str | Path, *, texture_size: int = 512) -> Assets:
    """Read rigs and textures.

    Args:
        folder: Folder with `rigged_hand/model` and `rigged_hand/textures`.
        texture_size: Side in pixels to which textures are resized.

    Returns:
        The assets. They are never changed, so threads can share them.

    Raises:
        AssetError: A file is missing or cannot be read. The message states where to get it.
    """
    root = Path(folder) / "rigged_hand"
    try:
        names = {name for group in RIGS.values() for name in group}
        rigs = {name: load_rig(root / "model" / f"{name}.gltf") for name in sorted(names)}
        textures = {
            name: _load_texture(root / "textures", name, kind, rigs[RIGS[kind][0]], texture_size)
            for kind, group in TEXTURES.items()
            for name in group
        }
    except (AssetError, ImageError) as error:
        raise AssetError(f"{error}. The renderer's assets come from {SOURCE}") from error
    return Assets(rigs, textures)


def _load_texture(folder: Path, name: str, kind: str, rig: Rig, size: int) -> Texture:
    """Read a colour texture and its normal map, and find its regions and their mean colours."""
    colour = _read_texture(folder / f"{name}.png", size)
    normal = _read_texture(folder / f"{_BUMPS[kind]}.png", size).astype(np.int16) - 128
    bumps = np.stack([normal[..., 0], -normal[..., 1]], axis=-1).clip(-127, 127).astype(np.int8)
    regions = _find_regions(colour, kind)
    column = (rig.uv[:, 0] * size).astype(int) % size
    row = (rig.uv[:, 1] * size).astype(int) % size
    surface, region_of = to_linear(colour[row, column] / 255), regions[row, column]
    means = np.full((3, 3), 0.2)
    for region in (SKIN, CLOTH):
        if (region_of == region).any():
            means[region] = surface[region_of == region].mean(0)
    if (regions == NAIL).any():
        means[NAIL] = to_linear(colour[regions == NAIL] / 255).mean(0)
    return Texture(colour, regions, bumps, means.astype(np.float32))


def _read_texture(path: Path, size: int) -> np.ndarray:
    """Read an image as (size, size, 3) uint8 RGB."""
    return cv2.resize(read_image(path), (size, size), interpolation=cv2.INTER_AREA)


def _find_regions(colour: np.ndarray, kind: str) -> np.ndarray:
    """Label skin, cloth and nails: nails by position, the cloth of fingerless gloves by redness."""
    size = colour.shape[0]
    if kind == "glove":
        return np.full((size, size), CLOTH, np.uint8)
    regions = np.zeros((size, size), np.uint8)
    if kind == "fingerless":
        red = colour[..., 0].astype(int) - colour[..., 2]
        regions[red < 0.28 * colour[..., 0].clip(60)] = CLOTH
        regions[:] = cv2.medianBlur(regions, 5)
    nails = regions[: int(0.165 * size), int(0.53 * size) :]
    nails[nails == SKIN] = NAIL
    return regions
